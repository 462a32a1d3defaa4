// What axe holds against the open page.
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { drawn } from './lab.ts';

declare global {
  interface Window {
    axe: typeof axe;
  }
}

export interface Look {
  /** Only what lies in there is looked at; the whole page otherwise. */
  readonly part?: string;
  /** Only what hangs on colours: of a page that was looked at whole in its other colours. */
  readonly colours?: boolean;
}

/** Rules whose outcome hangs on which colours there are. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block'];

/** What is serious or critical, one line each. */
export async function findings(page: Page, { part = '', colours = false }: Look = {}): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  return page.evaluate(
    async ([within, rules]) => {
      const context = within === '' ? document : (document.querySelector(within) ?? document);
      const { violations, passes } = await window.axe.run(context, {
        resultTypes: ['violations'],
        ...(rules.length === 0 ? {} : { runOnly: { type: 'rule' as const, values: [...rules] } }),
      });
      if (passes.length === 0) return [`nothing was looked at in ${within}`];
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`));
    },
    [part, colours ? OF_COLOURS : []] as const,
  );
}

/** What it holds against the page in light; and in dark, where only what hangs on colours is another. The page follows the system, and is light again after. */
export async function inLightAndDark(page: Page, look: Omit<Look, 'colours'> = {}): Promise<readonly string[]> {
  const inLight = await findings(page, look);
  await shine(page, 'dark');
  const inDark = await findings(page, { ...look, colours: true });
  await shine(page, 'light');
  return [...inLight, ...inDark];
}

/** Says that the system is dark, or light, and waits until everything that has a theme has that one, and no colour is on its way any more. */
async function shine(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  const ofTheme = (theme: string): Promise<number> => page.locator(`[data-theme="${theme}"]`).count();
  await page.emulateMedia({ colorScheme });
  await expect.poll(() => ofTheme(colorScheme)).toBeGreaterThan(0);
  await expect.poll(() => ofTheme(colorScheme === 'dark' ? 'light' : 'dark')).toBe(0);
  await drawn(page);
  await page.evaluate(async () => {
    const transitions = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.all(transitions.map(({ finished }) => finished.catch(() => undefined)));
  });
}
