// The page in the sizes that people have: a phone upright and on its side, text at twice its size, paper.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { settled } from './lab.ts';
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
  expect(await seenHeight(page, '.log button[aria-current="step"]')).toBeGreaterThan(24);
  await page.getByRole('button', { name: 'One fact forwards' }).tap();
  expect(await seenHeight(page, '.log button[aria-current="step"]')).toBeGreaterThan(24);
  await close();
});

it.each([
  ['a phone on its side', 844, 390],
  ['twice the size of a small laptop', 720, 450],
])('%s has room for the stage, and nothing goes beyond the edge', async (_, width, height) => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', { viewport: { width, height } });
  await settled(page);
  expect(await seenHeight(page, 'section.stage')).toBeGreaterThan(height * 0.55);
  const timeline = await page.locator('.timeline').boundingBox();
  expect((timeline?.y ?? height) + 60, 'the timeline').toBeLessThan(height);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  await close();
});

it('on paper there is nothing to press, all is light, and the log has its page', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', {
    viewport: { width: 1047, height: 740 },
    colorScheme: 'dark',
  });
  await settled(page);
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('light');
  expect(await page.getByRole('region', { name: 'Time controls' }).isVisible()).toBe(false);
  expect(await page.getByRole('button', { name: 'Scenarios' }).isVisible()).toBe(false);
  expect(await page.locator('.log .view').evaluate((view) => view.clientHeight)).toBeGreaterThan(400);
  await page.emulateMedia({ media: 'screen' });
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
  await close();
});

it('on a phone a finger finds each link, name and broker of the stage', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=6.55s', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    reducedMotion: 'reduce',
  });
  await settled(page);
  const missed = await page
    .getByRole('region', { name: 'Stage' })
    .getByRole('button', { name: /^(Inspect|Link|Broker)/ })
    .evaluateAll((buttons) =>
      buttons.flatMap((button) => {
        const { left, top, width, height } = button.getBoundingClientRect();
        const hit = [-12, 20].map((by) => document.elementFromPoint(left + width / 2, top + height / 2 + by));
        return hit.every((at) => at?.closest('button') !== null) ? [] : [button.getAttribute('aria-label')];
      }),
    );
  expect(missed).toEqual([]);
  await close();
});
