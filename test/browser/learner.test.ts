import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import { expect, it } from 'vitest';
import { at, drawn, placeOf, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };

it('the signs of the stage are explained beside the keys', async () => {
  const { page, complaints, close } = await openPage();
  await settled(page);
  await page.keyboard.press('?');
  const signs = page.getByRole('dialog', { name: 'Signs and keys' }).getByRole('list', { name: 'Signs' });
  await signs.getByText('The ring is what remains of the lock').waitFor();
  await expect.poll(() => signs.getByRole('listitem').count()).toBeGreaterThan(8);
  expect(complaints).toEqual([]);
  await close();
});

it('a newcomer reads what to press, until the run moves', async () => {
  const { page, close } = await openPage();
  await settled(page);
  await page.getByText('Space plays').waitFor();
  await page.keyboard.press('n');
  await page.getByText('Space plays').waitFor({ state: 'detached' });
  await close();
});

it('the library is shown in the order of its README', async () => {
  const table = readFileSync('scenarios/README.md', 'utf8').matchAll(/^\| `[\w-]+\/` \| .+? \| (.+?) \|$/gm);
  const wanted = [...table].flatMap(([, names = '']) => [...names.matchAll(/`([\w-]+)`/g)].map(([, name]) => name));
  const { page, close } = await openPage();
  await settled(page);
  const found = await page.evaluate(async () => (await window.queuelab.library()).map(({ name }) => name));
  expect(found).toEqual(wanted);
  await page.keyboard.press('s');
  await expect
    .poll(() => page.getByRole('dialog', { name: 'Scenarios' }).locator('button.scenario').count())
    .toBe(wanted.length);
  await close();
});

it('an ack that the network loses stands in the log, and the next notable fact leads to it', async () => {
  const { page, complaints, close } = await openPage('#scenario=ack-lost&t=2.7s');
  await settled(page);
  await page.keyboard.press('n');
  await presentLine(page).filter({ hasText: 'message 2 from biller-1 to sqs was lost' }).waitFor();
  expect((await at(page)).timeUs).toBeLessThan(3_000_000);
  expect(complaints).toEqual([]);
  await close();
});

it('faults that overlap stand in rows of their own', async () => {
  const { page, close } = await openPage('#scenario=with-dlq');
  await settled(page);
  await placeOf(page.locator('.timeline rect.fault').last());
  const bars = await page.locator('.timeline rect.fault').evaluateAll((rects) =>
    rects.map((rect) => {
      const { left, right, top } = rect.getBoundingClientRect();
      return { left, right, top };
    }),
  );
  expect(bars.length).toBeGreaterThan(2);
  const rows = new Set(bars.map(({ top }) => top));
  expect(rows.size).toBeGreaterThan(1);
  expect(rows.size).toBeLessThanOrEqual(3);
  for (const [i, one] of bars.entries()) {
    const covered = bars.slice(0, i).some((other) => other.top === one.top && other.right > one.left);
    expect(covered, `bar ${i}`).toBe(false);
  }
  await close();
});

it('a phone shows the caption, and the line that a click added, without covering a worker', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=4.3s', PHONE);
  await settled(page);
  await page.getByRole('complementary', { name: 'What to look at' }).getByText('Ana is told').waitFor();
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  const line = page.getByText('- { at: 4.3s, crash: worker-2, restart: 5s }');
  await line.waitFor();
  const box = (one: Locator): Promise<DOMRect> => one.evaluate((element) => element.getBoundingClientRect());
  // The stage takes its new height a frame after the line is there.
  await expect
    .poll(async () => (await box(line)).top - (await box(page.getByRole('region', { name: 'Stage' }))).bottom)
    .toBeGreaterThanOrEqual(0);
  expect(complaints).toEqual([]);
  await close();
});

it('where the browser forbids copying, the page says so and goes on', async () => {
  const { page, complaints, close } = await openPage('', { loads: true });
  await settled(page);
  await page.evaluate(() => {
    Object.defineProperty(navigator.clipboard, 'writeText', { value: () => Promise.reject(new Error('denied')) });
  });
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('The browser forbids copying').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a dead letter travels to its lane, and arrives', async () => {
  const { page, close } = await openPage('#scenario=with-dlq&t=36.15s');
  await settled(page);
  const hints = async (): Promise<readonly string[]> => {
    const lane = await placeOf(page.getByRole('article', { name: /^Dead-letter queue photo-dlq/ }));
    const found: string[] = [];
    for (const [x, y] of [
      [lane.x + lane.width / 2, lane.y - 50],
      [lane.x + lane.width - 26, lane.y + lane.height / 2],
    ] as const) {
      await page.mouse.move(x, y, { steps: 3 });
      await drawn(page);
      found.push((await page.locator('.hint').allInnerTexts()).join());
    }
    return found;
  };
  const [onTheWay, there] = await hints();
  expect(onTheWay).toContain('Message 6 was dead-lettered to photo-dlq');
  expect(there).toBe('');
  const clock = page.getByRole('textbox', { name: /^Time/ });
  await clock.fill('36.5');
  await clock.press('Enter');
  const [passed, arrived] = await hints();
  expect(passed).toBe('');
  expect(arrived).toContain('dead-lettered after 5 receives');
  await close();
});

it('what one queue lost is not missing behind the other', async () => {
  const { page, close } = await openPage('#scenario=memory-or-disk&t=10s');
  await settled(page);
  await page.getByRole('article', { name: /^Store conversations: .*lost [1-9]/ }).waitFor();
  await page.getByRole('article', { name: /^Store parcels: .*lost 0/ }).waitFor();
  await close();
});

it.each(['settle', 'partition-key', 'seven-on-six'])('the story of %s covers no box of the stage', async (name) => {
  const { page, close } = await openPage(`#scenario=${name}`);
  await settled(page);
  const boxes = page.getByRole('region', { name: 'Stage' }).locator('article, button');
  await placeOf(boxes.last());
  const card = await placeOf(page.getByRole('complementary', { name: 'What to look at' }));
  const tops = await boxes.evaluateAll((all) =>
    all.map((one) => [one.ariaLabel ?? one.textContent, one.getBoundingClientRect().top] as const),
  );
  expect(tops.length).toBeGreaterThan(3);
  expect(tops.filter(([, top]) => top < card.y + card.height)).toEqual([]);
  await close();
});
