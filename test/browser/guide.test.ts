import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { drawn, hooks, placeOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };

/** Waits for the step that asks for this. */
async function asked(page: Page, words: string): Promise<void> {
  await page.getByRole('region', { name: 'Tour' }).getByText(words).waitFor();
}

/** Names of all buttons, links, boxes and sliders that are there for a person. */
async function controls(page: Page): Promise<readonly string[]> {
  return page.locator('button, a, input, select, [tabindex="0"]').evaluateAll((all) =>
    all
      .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().width > 0)
      .map((one) => one.getAttribute('aria-label') ?? (one as HTMLElement).innerText)
      .map((name) => name.replace(/[,:.].*$/s, '').trim()),
  );
}

it('a first visit has one producer, one queue and one button; keys alone lead through the tour, and it is not shown again', async () => {
  const { page, complaints, close } = await openPage('', { firstVisit: true });
  const { keyboard } = page;
  await asked(page, 'Send the first one.');
  await settled(page);
  const onStage = ['shop', 'sqs', 'packer', 'orders'];
  const shown = await controls(page);
  for (const one of ['shop', 'orders']) expect(shown.join()).toContain(one);
  await expect
    .poll(async () => (await controls(page)).filter((name) => !onStage.some((one) => name.includes(one))))
    .toEqual(['Send a message', 'Skip the tour']);

  await page.getByRole('button', { name: 'Send a message' }).focus();
  await keyboard.press('Enter');
  await asked(page, 'Let a packer come to work.');
  expect(await hooks(page, 'stage')).toContain('orders ready [1#0@0]');
  // The focus stays where the next act is.
  await page.getByRole('button', { name: 'Start the packer' }).and(page.locator(':focus')).waitFor();
  await keyboard.press('Enter');
  await asked(page, 'see what removes it');
  expect(await hooks(page, 'stage')).toMatch(/locked \[1#1@/);
  await expect.poll(() => controls(page)).toContain('Play');
  expect(await controls(page)).not.toContain('One fact back');
  await keyboard.press('Space');
  await asked(page, 'one step back');
  expect(await hooks(page, 'stage')).toContain('locked []');
  await keyboard.press('ArrowLeft');
  await asked(page, 'Send another one');
  expect(await hooks(page, 'stage')).toMatch(/locked \[1#1@/);
  await page.getByRole('button', { name: 'Send another message' }).focus();
  await keyboard.press('Enter');
  await asked(page, 'and crash it');
  await page
    .getByRole('button', { name: /^Consumer packer/ })
    .and(page.locator(':focus'))
    .waitFor();
  await keyboard.press('Enter');
  await page.getByRole('button', { name: 'Crash', exact: true }).first().press('Enter');
  await asked(page, 'watch the ring');
  expect(await hooks(page, 'stage')).toContain('packer down');
  await page.getByRole('button', { name: 'Play', exact: true }).focus();
  await keyboard.press('Space');
  await asked(page, 'Ask why');
  expect(await hooks(page, 'stage')).toMatch(/locked \[2#2@/);
  await page
    .locator('.log button', { hasText: /message 2, 2nd time|message 2 to packer, 2nd time/ })
    .first()
    .press('Enter');
  await asked(page, 'Open the Verdicts');
  await page.getByRole('heading', { name: /^Message 2, why/ }).waitFor();
  await page.getByRole('tab', { name: 'Verdicts' }).press('Enter');
  await asked(page, 'That is the tour');
  await page.getByText('Message 2 was handed out twice').waitFor();
  await keyboard.press('s');
  await page.getByRole('dialog', { name: 'Scenarios' }).waitFor();
  await page.getByRole('region', { name: 'Tour' }).waitFor({ state: 'detached' });

  await page.reload();
  await page.getByRole('button', { name: 'Scenarios' }).waitFor();
  await settled(page);
  expect(await page.getByRole('region', { name: 'Tour' }).count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

it('the tour can be skipped, stays away, and comes again from the help', async () => {
  const { page, complaints, close } = await openPage('', { firstVisit: true });
  await asked(page, 'Send the first one.');
  await page.getByRole('button', { name: 'Skip the tour' }).click();
  await page.getByRole('button', { name: 'Scenarios' }).waitFor();
  await page.waitForFunction(() => document.title.includes('photo upload'));
  await page.keyboard.press('?');
  await page.getByRole('button', { name: 'Take the tour' }).click();
  await asked(page, 'Send the first one.');
  await page.getByRole('button', { name: 'Scenarios' }).waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

it('a link never starts the tour', async () => {
  const { page, close } = await openPage('#scenario=worker-crash', { firstVisit: true });
  await page.getByRole('button', { name: 'Scenarios' }).waitFor();
  await page.waitForFunction(() => document.title.includes('worker dies'));
  await settled(page);
  await drawn(page);
  expect(await page.getByRole('region', { name: 'Tour' }).count()).toBe(0);
  await close();
});

it('on a phone the card covers nothing of the stage, and who lets the moment pass is brought back', async () => {
  const { page, complaints, close } = await openPage('', { ...PHONE, firstVisit: true });
  await asked(page, 'Send the first one.');
  await page.getByRole('button', { name: 'Send a message' }).tap();
  await asked(page, 'Let a packer come to work.');
  await page.getByRole('button', { name: 'Start the packer' }).tap();
  await asked(page, 'see what removes it');
  const packer = await placeOf(page.getByRole('button', { name: /^Consumer packer/ }));
  const card = await placeOf(page.getByRole('region', { name: 'Tour' }));
  expect(card.y).toBeGreaterThan(packer.y + packer.height);
  await page.getByRole('button', { name: 'Play', exact: true }).tap();
  await asked(page, 'one step back');
  await page.getByRole('button', { name: 'One fact back' }).tap();
  await page.getByRole('button', { name: 'Send another message' }).tap();
  await asked(page, 'and crash it');
  await page.keyboard.press('End');
  await page.getByRole('button', { name: 'Back to that moment' }).tap();
  await expect.poll(() => hooks(page, 'stage')).toMatch(/locked \[2#1@/);
  expect(complaints).toEqual([]);
  await close();
});
