import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { inLightAndDark } from './findings.ts';
import { anotherRun, at, digestOf, drawn, placeOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const FILE = '#scenario=one-corrupt-photo';
const LANES = 7;

/** Waits until every lane has been run. */
async function openLanes(page: Page): Promise<void> {
  await settled(page);
  await page.getByRole('tab', { name: 'Lanes' }).click();
  const lanes = page.getByRole('region', { name: 'Lanes', exact: true });
  await expect.poll(() => lanes.getByRole('columnheader').count()).toBe(LANES);
  await lanes.getByRole('button', { name: 'Stop the lanes' }).waitFor({ state: 'detached' });
}

async function cells(page: Page, row: string): Promise<readonly string[]> {
  return page
    .getByRole('row', { name: new RegExp(`^${row}`) })
    .getByRole('cell')
    .allInnerTexts();
}

it('another broker is chosen, at the same moment, and stands in the link', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=12s`);
  await settled(page);
  const choice = page.getByRole('combobox', { name: 'Under' });
  await expect.poll(() => choice.locator('option').count()).toBe(LANES);
  expect(await choice.inputValue()).toBe('sqs');
  const sqs = await digestOf(page);
  await page.getByRole('button', { name: 'Inspect queue photo-jobs' }).waitFor();
  await choice.selectOption({ label: 'Kafka consumer group' });
  const kafka = await anotherRun(page, sqs);
  expect((await at(page)).timeUs).toBe(12_000_000);
  await page.waitForURL(/under=kafka/);
  await page.reload();
  await settled(page);
  expect(await digestOf(page)).toBe(kafka);
  await expect.poll(() => choice.inputValue()).toBe('kafka');
  await choice.selectOption('sqs');
  expect(await anotherRun(page, kafka)).toBe(sqs);
  expect(complaints).toEqual([]);
  await close();
});

it('the copied link leads to the same lane', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&under=rabbitmq-quorum&t=9s`, {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await settled(page);
  const digest = await digestOf(page);
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('Link copied.').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link).toContain('under=rabbitmq-quorum');
  const again = await openPage(new URL(link).hash);
  await settled(again.page);
  expect(await digestOf(again.page)).toBe(digest);
  expect((await at(again.page)).timeUs).toBe(9_000_000);
  await again.close();
  expect(complaints).toEqual([]);
  await close();
});

it('a broker that there is not, and a file that names its own, are said in plain words', async () => {
  const unknown = await openPage(`${FILE}&under=<b>zeromq</b>`);
  await settled(unknown.page);
  await unknown.page.getByText('This scenario cannot be run under "<b>zeromq</b>"; it is shown under SQS').waitFor();
  expect(unknown.complaints).toEqual([]);
  await unknown.close();

  const named = await openPage('#scenario=photo-queue&under=kafka');
  await settled(named.page);
  await named.page.getByText('This scenario names its broker; it cannot be run under "kafka".').waitFor();
  await drawn(named.page);
  expect(await named.page.getByRole('combobox', { name: 'Under' }).count()).toBe(0);
  expect(await named.page.getByRole('tab', { name: 'Lanes' }).count()).toBe(0);
  expect(named.complaints).toEqual([]);
  await named.close();
});

it('the table has what differs, and a click on a lane shows it', async () => {
  const { page, complaints, close } = await openPage(`${FILE}&t=12s`);
  await openLanes(page);
  await expect.poll(async () => new Set(await cells(page, 'dead-lettered'))).toEqual(new Set(['0', '1']));
  const dead = await cells(page, 'dead-lettered');
  expect(dead).toHaveLength(LANES);
  await expect.poll(() => cells(page, 'poison-isolation')).toContain('violated');
  await page.getByText('The same in all lanes: sent 20').waitFor();
  const lock = page.getByRole('region', { name: 'queues.photo-jobs.lock' });
  await expect.poll(() => lock.innerText()).toContain('VisibilityTimeout: 10s');
  await expect.poll(() => lock.innerText()).toMatch(/kafka\s+× cannot\. A consumer group locks no record/);

  // Beyond the edge of the narrow panel there is more, and it says so.
  await page.getByRole('button', { name: `See all ${LANES} side by side` }).click();
  await expect.poll(() => page.locator('.scroll').evaluate((table) => table.scrollWidth - table.clientWidth)).toBe(0);
  await page.getByRole('button', { name: /^See all/ }).waitFor({ state: 'detached' });

  const sqs = await digestOf(page);
  const head = page.getByRole('columnheader', { name: 'kafka', exact: true }).getByRole('button');
  await expect.poll(() => head.getAttribute('aria-pressed')).toBe('false');
  await head.click();
  await anotherRun(page, sqs);
  await expect.poll(() => head.getAttribute('aria-pressed')).toBe('true');
  await expect.poll(() => page.getByRole('combobox', { name: 'Under' }).inputValue()).toBe('kafka');
  expect((await at(page)).timeUs).toBe(12_000_000);
  expect(await cells(page, 'dead-lettered'), 'the lanes are not run again').toEqual(dead);
  expect(complaints).toEqual([]);
  await close();
});

it('all lanes stand on one clock, which a click and the arrow keys move', async () => {
  const { page, complaints, close } = await openPage(FILE);
  await openLanes(page);
  const strips = page.getByRole('slider', { name: /: messages in each queue over time$/ });
  await expect.poll(() => strips.count()).toBe(LANES);
  const box = await placeOf(strips.nth(3));
  await strips.nth(3).click({ position: { x: box.width / 2, y: box.height / 2 } });
  await expect.poll(async () => (await at(page)).timeUs).toBeGreaterThan(30_000_000);
  const { timeUs } = await at(page);
  const heads = (): Promise<readonly number[]> =>
    page.locator('.strip .playhead').evaluateAll((lines) => lines.map((line) => Number(line.getAttribute('x1'))));
  await expect.poll(async () => new Set(await heads()).size, { message: 'one playhead in all' }).toBe(1);
  await expect.poll(async () => (await heads())[0]).toBeCloseTo(box.width / 2, -1);
  await strips.nth(0).focus();
  await page.keyboard.press('ArrowRight');
  expect((await at(page)).timeUs).toBeGreaterThan(timeUs);
  await expect
    .poll(() => strips.nth(0).getAttribute('aria-valuetext'))
    .toMatch(/\d+ in photo-jobs, \d+ in photo-dead$/);
  await expect.poll(() => page.locator('.strip .dead').count()).toBeGreaterThan(2);
  await expect.poll(() => page.locator('.strip .band').count()).toBeGreaterThanOrEqual(LANES);
  expect(complaints).toEqual([]);
  await close();
});

it('the lanes can be stopped, and run after all', async () => {
  const { page, complaints, close } = await openPage(FILE);
  await settled(page);
  await page.evaluate(() => {
    // Pressed as soon as it is there: seven short runs do not wait for a person.
    const watch = new MutationObserver(() => {
      const stop = [...document.querySelectorAll('button')].find(
        (one) => one.ariaLabel === 'Stop the lanes' || one.innerText === 'Stop the lanes',
      );
      if (stop === undefined) return;
      watch.disconnect();
      stop.click();
    });
    watch.observe(document.body, { childList: true, subtree: true });
  });
  await page.getByRole('tab', { name: 'Lanes' }).click();
  await page.getByText(/^You stopped after \d of 7 lanes/).waitFor();
  await page.getByRole('button', { name: 'Run all lanes' }).click();
  await expect.poll(() => page.locator('.strip').count()).toBe(LANES);
  expect(complaints).toEqual([]);
  await close();
});

const LOOKS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['on a wide page', { viewport: { width: 1440, height: 900 } }],
  ['on a phone', { viewport: { width: 390, height: 844 }, hasTouch: true }],
];

it.each(LOOKS)('axe finds nothing serious in the lanes, and nothing is wider than the page %s', async (_, options) => {
  const { page, complaints, close } = await openPage(`${FILE}&under=kafka&t=12s`, options);
  await openLanes(page);
  await drawn(page);
  expect(await inLightAndDark(page)).toEqual([]);
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(beyond).toBeLessThanOrEqual(0);
  await page.getByRole('combobox', { name: 'Under' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});
