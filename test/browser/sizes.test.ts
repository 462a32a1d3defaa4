// The page in the sizes that people have: a phone upright and on its side, text at twice its size, paper.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { openPanel, placeOf, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

/** How much of an element is really in sight, px from top to bottom: neither beyond the page's edge nor under the time controls. */
async function seenHeight(page: Page, selector: string): Promise<number> {
  return page.evaluate((wanted) => {
    const { top, bottom } = document.querySelector(wanted)?.getBoundingClientRect() ?? { top: 0, bottom: 0 };
    const time = document.querySelector('.time')?.getBoundingClientRect();
    const edge = Math.min(innerHeight, time !== undefined && time.left === 0 ? time.top : innerHeight);
    return Math.max(0, Math.min(bottom, edge) - Math.max(0, top));
  }, selector);
}

it('on a phone the present line of the log is in sight under the stage', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  await expect.poll(() => seenHeight(page, '.log button[aria-current="step"]')).toBeGreaterThan(24);
  await page.getByRole('button', { name: 'One fact forwards' }).tap();
  await expect.poll(() => seenHeight(page, '.log button[aria-current="step"]')).toBeGreaterThan(24);
  await close();
});

it.each([
  ['the timeline tells of much', '#scenario=sns-locked-door&t=40s', 'shop', /^40 sent/],
  ['a producer waits', '#scenario=disk-alarm&t=20s', 'till', /^waits$/],
])('on a phone the log is in sight where %s, and so is how far the producer is', async (_, link, producer, words) => {
  const { page, close } = await openPage(link, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  await expect.poll(() => seenHeight(page, '.log button[aria-current="step"]')).toBeGreaterThan(20);
  const box = page.getByRole('article', { name: new RegExp(`^Producer ${producer}`) });
  await expect.poll(() => box.locator('.about').innerText()).toMatch(words);
  await close();
});

it('on a phone no panel makes the page longer than the screen', async () => {
  const { page, close } = await openPage('#scenario=partition-key', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  for (const name of await page.getByRole('tab').allInnerTexts()) {
    await openPanel(page, name);
    const beyond = await page.evaluate(() => document.documentElement.scrollHeight - innerHeight);
    expect(beyond, name).toBe(0);
  }
  await close();
});

it.each([
  ['a phone on its side', 844, 390],
  ['twice the size of a small laptop', 720, 450],
])('%s has room for the stage, and nothing goes beyond the edge', async (_, width, height) => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', { viewport: { width, height } });
  await settled(page);
  await expect.poll(() => seenHeight(page, 'section.stage')).toBeGreaterThan(height * 0.55);
  expect((await placeOf(page.locator('.timeline'))).y + 60, 'the timeline').toBeLessThan(height);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  await close();
});

it('on a phone a story that is cut off unfolds by a tap and by a key, and folds again', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  const end = page.getByText('Which of the two workers will finish it?');
  const isCut = async (): Promise<boolean> => end.evaluate((p) => p.scrollHeight > p.clientHeight + 1);
  await expect.poll(isCut).toBe(true);
  await end.tap();
  await expect.poll(isCut).toBe(false);
  const less = page.getByRole('button', { name: 'Less' });
  await expect.poll(() => less.getAttribute('aria-expanded')).toBe('true');
  await less.press('Enter');
  await expect.poll(isCut).toBe(true);
  await page.getByRole('button', { name: 'Read all' }).press('Enter');
  await expect.poll(isCut).toBe(false);
  // A short caption needs no button.
  await page.getByRole('button', { name: 'Next notable fact' }).tap();
  await end.waitFor({ state: 'detached' });
  expect(await page.getByRole('button', { name: /^(Read all|Less)$/ }).count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

it('on a small laptop the panels are named in one line, and one that comes moves nothing', async () => {
  const { page, complaints, close } = await openPage('#scenario=retry-limit&t=3s', {
    viewport: { width: 1152, height: 720 },
    reducedMotion: 'reduce',
  });
  await settled(page);
  const run = page.getByRole('button', { name: 'Run', exact: true });
  const before = await placeOf(run);
  const tops = await page.getByRole('tab').evaluateAll((tabs) => tabs.map((tab) => tab.getBoundingClientRect().top));
  expect(new Set(tops).size).toBe(1);
  await page.getByRole('combobox', { name: /^Attempts/ }).selectOption({ index: 1 });
  await run.click();
  const futures = page.getByRole('tab', { name: 'Futures' });
  await futures.waitFor();
  await settled(page);
  expect(await placeOf(run)).toEqual(before);
  await futures.click();
  const edge = async (): Promise<number> => {
    const { x, width } = await placeOf(futures);
    return x + width;
  };
  await expect.poll(edge, { message: 'the chosen one is in sight' }).toBeLessThanOrEqual(1152);
  expect(complaints).toEqual([]);
  await close();
});

it('on a tablet held upright the stage has all of the width, and the panel stands under it', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', { viewport: { width: 768, height: 1024 } });
  await settled(page);
  const panel = await placeOf(page.getByRole('tabpanel'));
  const stage = await placeOf(page.getByRole('region', { name: 'Stage' }));
  expect(stage.width).toBe(768);
  expect(panel.width).toBe(768);
  expect(panel.y).toBeGreaterThan(stage.y + stage.height);
  const present = await placeOf(presentLine(page));
  expect(present.y + present.height).toBeLessThanOrEqual(1024);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(768);
  await close();
});

it('on paper there is nothing to press, all is light, and the log has its page', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', {
    viewport: { width: 1047, height: 740 },
    colorScheme: 'dark',
  });
  await settled(page);
  const theme = (): Promise<string | undefined> => page.evaluate(() => document.documentElement.dataset['theme']);
  await page.getByRole('region', { name: 'Time controls' }).waitFor();
  await page.getByRole('button', { name: 'Scenarios' }).waitFor();
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  await expect.poll(theme).toBe('light');
  await page.locator('section.transport').waitFor({ state: 'hidden' });
  await page.locator('header .pick').waitFor({ state: 'hidden' });
  await expect.poll(() => page.locator('.log .view').evaluate((view) => view.clientHeight)).toBeGreaterThan(400);
  await page.emulateMedia({ media: 'screen' });
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await expect.poll(theme).toBe('dark');
  await close();
});

it('on a phone a finger finds each link, name and broker of the stage', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  const targets = page.getByRole('region', { name: 'Stage' }).getByRole('button', { name: /^(Inspect|Link|Broker)/ });
  await placeOf(targets.last());
  expect(await targets.count()).toBeGreaterThan(3);
  const missed = await targets.evaluateAll((buttons) =>
    buttons.flatMap((button) => {
      const { left, top, width, height } = button.getBoundingClientRect();
      const hit = [-12, 20].map((by) => document.elementFromPoint(left + width / 2, top + height / 2 + by));
      return hit.every((at) => at?.closest('button') !== null) ? [] : [button.getAttribute('aria-label')];
    }),
  );
  expect(missed).toEqual([]);
  await close();
});
