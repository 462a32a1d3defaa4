import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { findings } from './findings.ts';
import { at, digestOf, hooks, placeOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const FILE = '#scenario=photo-queue';

/** The last line that was added, as the page shows it. */
async function added(page: Page): Promise<string> {
  return page.getByRole('region', { name: 'Your changes' }).locator('li code').last().innerText();
}

it('an act has its numbers in line, is said aloud, and leaves the moment as it was', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=9.5s`);
  await settled(page);
  const before = await digestOf(page);
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  const menu = page.getByRole('dialog', { name: 'What to do to worker-2' });
  await menu.getByRole('textbox', { name: 'Crash: back after, in s' }).fill('2');
  await menu.getByText('{ at: 9.5s, crash: worker-2, restart: 2s }').waitFor();
  await menu.getByRole('button', { name: 'Crash', exact: true }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await page
    .getByText('At 9.5 s: worker-2 crashes, back after 2 s. The old future is kept.')
    .waitFor({ state: 'attached' });
  await expect.poll(() => added(page)).toBe('- { at: 9.5s, crash: worker-2, restart: 2s }');
  await settled(page);
  expect((await at(page)).timeUs).toBe(9_500_000);
  expect(await digestOf(page)).not.toBe(before);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => digestOf(page)).toBe(before);
  expect(complaints).toEqual([]);
  await close();
});

it('at a moment at which something happens, an act comes just after it and is seen at once', async () => {
  const { page, complaints, close } = await openPage(FILE);
  await settled(page);
  await page.evaluate(() => window.queuelab.goToFact(30));
  const { timeUs } = await at(page);
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await settled(page);
  await expect.poll(() => added(page)).toContain(`at: ${(timeUs + 1) / 1_000_000}s`);
  expect((await at(page)).timeUs).toBe(timeUs + 1);
  expect(complaints).toEqual([]);
  await close();
});

it('says why something cannot be done, and refuses a number that is none', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=9.5s`);
  await settled(page);
  await page.getByRole('button', { name: /^Consumer worker-1, crashed/ }).click();
  const crash = page.getByRole('button', { name: 'Crash', exact: true });
  await expect.poll(() => crash.getAttribute('aria-disabled')).toBe('true');
  await page.getByText('it is down already').first().waitFor();
  // Poison does not come into this run: that is told by the run itself.
  await page.getByRole('button', { name: 'Deploy a fixed handler' }).focus();
  await page.getByText('Nothing else would come of it').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page
    .getByRole('button', { name: /^Consumer worker-1/ })
    .and(page.locator(':focus'))
    .waitFor();

  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('textbox', { name: 'Slow down: takes, in times as long' }).fill('fast');
  await page.getByText('"takes" must be from').waitFor();
  await page.getByRole('button', { name: 'Slow down', exact: true }).press('Enter');
  expect(await page.getByRole('region', { name: 'Your changes' }).count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

it('by keyboard alone a link is cut, and healed from its broker', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=4.5s`);
  await settled(page);
  await page.getByRole('button', { name: 'Link upload-page to photo-jobs. Open its menu' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'What to do to upload-page to photo-jobs' }).waitFor();
  await page.getByRole('button', { name: 'Cut', exact: true }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('button', { name: 'Slow down', exact: true }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('ArrowUp');
  await page.getByRole('button', { name: 'Cut', exact: true }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await expect.poll(() => added(page)).toBe('- { at: 4.5s, split: [[upload-page], [sqs]], heal: 10s }');
  await settled(page);
  await page.getByRole('button', { name: /^Broker sqs/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Heal the network' }).press('Enter');
  await expect.poll(() => added(page)).toMatch(/^- \{ at: 4\.50000\ds, heal: true \}$/);
  expect(complaints).toEqual([]);
  await close();
});

it('a message is taken on its way: the very hop that is seen is lost', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=9.25s&message=upload-page/5`);
  await settled(page);
  const { fact } = await at(page);
  await page.getByRole('tab', { name: 'Inspector' }).click();
  await page.getByRole('button', { name: 'Act on it' }).click();
  const menu = page.getByRole('dialog', { name: 'What to do to message 5' });
  await menu.getByRole('button', { name: /^Lose this \w+ to worker-2$/ }).click();
  await expect
    .poll(() => added(page))
    .toMatch(/^- \{ at: 9\.2\d+s, lose: \w+, from: sqs, to: worker-2, message: 5 \}$/);
  await settled(page);
  expect((await at(page)).timeUs).toBe(9_250_000);
  expect((await at(page)).fact, 'one fact more: the line').toBe(fact + 1);
  expect(await hooks(page, 'stage')).not.toContain('[5 begun');
  expect(complaints).toEqual([]);
  await close();
});

it('a setting of a queue changes from now on, asked for by right click', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=9.5s`);
  await settled(page);
  await page.getByRole('button', { name: 'Inspect queue photo-jobs' }).click({ button: 'right' });
  const value = page.getByRole('textbox', { name: 'Set from now on: to' });
  await value.waitFor();
  await expect.poll(() => value.inputValue()).toBe('10s');
  await page.getByText('it is that already').waitFor();
  await value.fill('2s');
  await value.press('Enter');
  await expect.poll(() => added(page)).toBe('- { at: 9.5s, set: { queues.photo-jobs.VisibilityTimeout: 2s } }');

  await settled(page);
  await page.getByRole('button', { name: 'Inspect queue photo-jobs' }).click({ button: 'right' });
  await page.getByRole('textbox', { name: 'Set from now on: to' }).fill('soon');
  await page.getByRole('textbox', { name: 'Set from now on: to' }).press('Enter');
  await page
    .getByText(/^This cannot be done: /)
    .first()
    .waitFor();
  await settled(page);
  await expect
    .poll(() => added(page), { message: 'what cannot be read is not kept' })
    .toContain('VisibilityTimeout: 2s');
  expect(complaints).toEqual([]);
  await close();
});

it('on a phone the menu is a sheet that fingers can use, and axe finds nothing serious in it', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=9.5s`, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  await page.getByRole('button', { name: /^Consumer worker-2/ }).tap();
  const menu = page.getByRole('dialog', { name: 'What to do to worker-2' });
  await menu.waitFor();
  const box = await placeOf(menu);
  expect(box.y + box.height).toBeCloseTo(844, 0);
  expect(box.width).toBe(390);
  const heights = await menu
    .getByRole('button')
    .evaluateAll((buttons) => buttons.map((one) => [one.textContent, one.getBoundingClientRect().height] as const));
  expect(heights.length).toBeGreaterThan(5);
  expect(heights.filter(([, height]) => height < 44)).toEqual([]);
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it('axe finds nothing serious in a menu, in light and in dark, asked for by its key', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=9.5s`, {
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  await settled(page);
  await page.getByRole('button', { name: /^Consumer worker-1/ }).click();
  await page.getByRole('dialog').waitFor();
  expect(await findings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Inspect worker-1' }).click();
  await page.keyboard.press('d');
  await page.keyboard.press('a');
  await page.getByRole('dialog', { name: 'What to do to worker-1' }).waitFor();
  expect(await findings(page, { colours: true })).toEqual([]);
  await page.getByRole('button', { name: 'Restart', exact: true }).click();
  await expect.poll(() => added(page)).toBe('- { at: 9.5s, restart: worker-1 }');
  await page.keyboard.press('u');
  await page.getByRole('region', { name: 'Your changes' }).waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});
