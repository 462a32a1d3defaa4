import axe from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { settled } from './lab.ts';
import { openPage } from './page.ts';

const TABS = ['Log', 'Inspector', 'Diagram', 'Ledger', 'Charts', 'Verdicts'] as const;
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

/** What axe holds for serious or critical, one line each. */
async function findings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`));
  });
}

declare global {
  interface Window {
    axe: typeof axe;
  }
}

const LOOKS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['in light', { viewport: WIDE, colorScheme: 'light' }],
  ['in dark', { viewport: WIDE, colorScheme: 'dark' }],
  ['on a phone', { viewport: PHONE, hasTouch: true }],
];

it.each(LOOKS)('axe finds nothing serious in any panel %s', async (_, options) => {
  const { page, complaints, close } = await openPage('#scenario=crash-after-effect-increment&t=14s', {
    ...options,
    reducedMotion: 'reduce',
  });
  await settled(page);
  await page.locator('.log li button').nth(2).click();
  for (const tab of TABS) {
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('region', { name: tab === 'Diagram' ? 'Space-time diagram' : tab, exact: true }).waitFor();
    expect(await findings(page), tab).toEqual([]);
  }
  await page.getByRole('button', { name: 'Inspect queue' }).first().click();
  await page
    .getByRole('region', { name: /^Settings of / })
    .first()
    .waitFor();
  expect(await findings(page), 'a queue').toEqual([]);
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  expect(await findings(page), 'the keys').toEqual([]);
  await page.keyboard.press('Escape');
  await page.keyboard.press('l');
  await page.getByRole('dialog', { name: 'Share' }).waitFor();
  expect(await findings(page), 'what can be shared').toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});
