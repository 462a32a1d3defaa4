import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { findings } from './findings.ts';
import { at, digestOf, settled } from './lab.ts';
import { openPage } from './page.ts';

/** Opens a scenario, crashes a worker, and shows the futures. */
async function openTwo(
  options: BrowserContextOptions = {},
): Promise<Awaited<ReturnType<typeof openPage>> & { first: string }> {
  const opened = await openPage('#scenario=photo-queue&t=9.5s', options);
  const { page } = opened;
  await settled(page);
  expect(await page.getByRole('tab', { name: 'Futures' }).count(), 'there is one future only').toBe(0);
  const first = await digestOf(page);
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await settled(page);
  await page.getByRole('tab', { name: 'Futures' }).click();
  await page.getByRole('region', { name: 'Futures', exact: true }).waitFor();
  return { ...opened, first };
}

function cells(page: Page, row: RegExp): Promise<readonly string[]> {
  return page.getByRole('row', { name: row }).getByRole('cell').allInnerTexts();
}

it('the old future can be returned to, at the same moment, and the new one again', async () => {
  const { page, complaints, first, close } = await openTwo();
  const digest = await digestOf(page);
  const lanes = page.getByRole('region', { name: 'Futures', exact: true }).getByRole('listitem');
  await expect.poll(() => lanes.count()).toBe(2);
  const second = (): Promise<string> => lanes.nth(1).innerText();
  await expect.poll(second).toMatch(/2\s+worker-2 crashes, back after 5 s\s+on the stage/);
  await expect.poll(second).toMatch(/leaves 1 at 0:09\.500 · 1 broken · 6 sent, 6 applied/);
  await page.getByRole('button', { name: 'Return to 1' }).press('Enter');
  await expect.poll(() => digestOf(page)).toBe(first);
  await settled(page);
  expect((await at(page)).timeUs).toBe(9_500_000);
  await expect.poll(() => lanes.nth(0).getAttribute('aria-current')).toBe('true');
  await page.getByRole('button', { name: 'Return to 2' }).click();
  await expect.poll(() => digestOf(page)).toBe(digest);
  await settled(page);
  await page.getByText('Returned to: worker-2 crashes, back after 5 s.').waitFor({ state: 'attached' });
  expect(complaints).toEqual([]);
  await close();
});

it('two futures stand side by side: the same until the act, and then what differs', async () => {
  const { page, complaints, first, close } = await openTwo();
  await page.getByRole('button', { name: 'Compare 1 with the one on the stage' }).click();
  await page.getByText('They are the same until 0:09.500.').waitFor();
  await expect.poll(() => cells(page, /^deliveries/)).toEqual(['7', '8']);
  await expect.poll(() => cells(page, /^redelivered/)).toEqual(['1', '2']);
  await expect.poll(() => page.getByRole('slider', { name: /: messages in each queue over time$/ }).count()).toBe(2);
  await page.getByRole('slider', { name: 'Time', exact: true }).focus();
  await page.keyboard.press('PageDown');
  await page.getByRole('button', { name: 'Go to where they part' }).click();
  await expect.poll(async () => (await at(page)).timeUs).toBe(9_500_000);
  expect(await page.locator('.log').count()).toBe(0);
  // What is compared stays while the other one is shown.
  await page.getByRole('columnheader', { name: '1', exact: true }).getByRole('button').click();
  await expect.poll(() => digestOf(page)).toBe(first);
  await settled(page);
  await expect.poll(() => cells(page, /^deliveries/)).toEqual(['7', '8']);
  expect(complaints).toEqual([]);
  await close();
});

it('a future that is not shown can be forgotten, and with the last one the panel goes', async () => {
  const { page, complaints, close } = await openTwo();
  await expect.poll(() => page.getByRole('button', { name: 'Forget 1' }).getAttribute('aria-disabled')).toBe('true');
  await page.getByRole('button', { name: 'Return to 1' }).click();
  await settled(page);
  await page.getByRole('button', { name: 'Forget 2' }).click();
  await page.getByRole('tab', { name: 'Futures' }).waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

const LOOKS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['in light and in dark', { colorScheme: 'light' }],
  ['on a phone', { viewport: { width: 390, height: 844 }, hasTouch: true }],
];

it.each(LOOKS)(
  'axe finds nothing serious in the futures, and nothing is wider than the page %s',
  async (_, options) => {
    const { page, complaints, close } = await openTwo({ ...options, reducedMotion: 'reduce' });
    await page.getByRole('button', { name: 'Compare 1 with the one on the stage' }).click();
    await page.getByText('They are the same until 0:09.500.').waitFor();
    expect(await findings(page)).toEqual([]);
    const theme = await page.evaluate(() => document.documentElement.dataset['theme']);
    await page.keyboard.press('d');
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).not.toBe(theme);
    expect(await findings(page, { colours: true })).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
    await close();
  },
);
