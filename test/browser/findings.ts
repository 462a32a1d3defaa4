// What axe holds against the open page.
import axe from 'axe-core';
import type { Page } from 'playwright-core';

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
