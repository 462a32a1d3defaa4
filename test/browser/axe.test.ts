import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { findings } from './findings.ts';
import { openPanel, settled } from './lab.ts';
import { openPage } from './page.ts';

const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

const LOOKS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['in light', { viewport: WIDE, colorScheme: 'light' }],
  ['in dark', { viewport: WIDE, colorScheme: 'dark' }],
  ['on a phone', { viewport: PHONE, hasTouch: true }],
];

it.each(LOOKS)('axe finds nothing serious in any panel or dialog %s', async (_, options) => {
  const { page, complaints, close } = await openPage('#scenario=crash-after-effect-increment&t=14s', {
    ...options,
    reducedMotion: 'reduce',
  });
  await settled(page);
  // An act, so that there are two futures to show.
  await page.getByRole('button', { name: /^Consumer counter-1/ }).press('Enter');
  await page.getByRole('dialog', { name: 'What to do to counter-1' }).waitFor();
  expect(await findings(page), 'acts').toEqual([]);
  await page.getByRole('button', { name: 'Crash', exact: true }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: 'Futures' }).waitFor();
  await settled(page);
  // What was before the act and its line is of a message, which is then selected.
  for (let i = 0; i < 2; i++) await page.getByRole('button', { name: 'One fact back' }).press('Enter');
  await page.locator('.log li button[aria-current="step"]').click();
  await page.locator('.log li button.selected').first().waitFor();
  const tabs = await page.getByRole('tab').allInnerTexts();
  expect(tabs).toEqual(['Log', 'Inspector', 'Diagram', 'Ledger', 'Charts', 'Verdicts', 'Editor', 'Futures']);
  for (const tab of tabs) {
    await openPanel(page, tab);
    expect(await findings(page), tab).toEqual([]);
  }
  await page.getByRole('button', { name: 'Inspect queue' }).first().press('Enter');
  await page
    .getByRole('region', { name: /^Settings of / })
    .first()
    .waitFor();
  expect(await findings(page), 'a queue').toEqual([]);
  for (const key of ['?', 's', 'l']) {
    await page.keyboard.press(key);
    await page.getByRole('dialog').waitFor();
    expect(await findings(page), key).toEqual([]);
    await page.keyboard.press('Escape');
    // No key is heard while a dialog is closing.
    await page.locator('dialog').waitFor({ state: 'detached' });
  }
  expect(complaints).toEqual([]);
  await close();
});

it.each(LOOKS)('axe finds nothing serious in the tour %s', async (_, options) => {
  const { page, complaints, close } = await openPage('', { ...options, firstVisit: true });
  await page.getByRole('region', { name: 'Tour' }).waitFor();
  await settled(page);
  expect(await findings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Send a message' }).click();
  await page.getByText('Let a packer come to work.').waitFor();
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it('on a phone whatever is in a panel, a dialog or the time bar is large enough for a finger', async () => {
  const { page, close } = await openPage('#scenario=crash-after-effect-increment&t=14s', {
    viewport: PHONE,
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  const tabs = await page.getByRole('tab').allInnerTexts();
  for (const tab of tabs) {
    await openPanel(page, tab);
    expect(await smallTargets(page), tab).toEqual([]);
  }
  for (const key of ['?', 's', 'l']) {
    await page.keyboard.press(key);
    await page.getByRole('dialog').waitFor();
    expect(await smallTargets(page), key).toEqual([]);
    await page.keyboard.press('Escape');
    // No key is heard while a dialog is closing.
    await page.locator('dialog').waitFor({ state: 'detached' });
  }
  await close();
});

/** What can be pressed and is lower than 44 px, or so narrow that a finger has no room for it. A row or a label counts with all that is pressed with it. */
async function smallTargets(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.panel, .time, dialog')].flatMap((part) =>
      [...part.querySelectorAll('button, a[href], input, select, textarea, summary, [role="tab"]')]
        .map((element) => ({ element, box: (element.closest('label, td') ?? element).getBoundingClientRect() }))
        .filter(({ element, box }) => {
          const isThere = element.getBoundingClientRect().width > 0 && element.closest('.unseen, .cm-editor') === null;
          // A mark on the timeline is as wide as its moment allows.
          const isNarrow = box.width < 36 && element.closest('.timeline') === null;
          return isThere && (box.height < 43.5 || isNarrow);
        })
        .map(
          ({ element, box }) =>
            `${box.width.toFixed(0)} × ${box.height.toFixed(0)}: ${element.outerHTML.slice(0, 160)}`,
        ),
    ),
  );
}
