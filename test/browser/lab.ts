// What tests ask of the open page: through the hooks that it shows for this, and through nothing hidden.
import type { Page } from 'playwright-core';

/** Waits until the run has ended and is judged and folded. */
export async function settled(page: Page): Promise<void> {
  await page.locator('[data-digest]:not([data-digest=""])').waitFor({ state: 'attached' });
  await page.waitForFunction(() => window.queuelab.idle());
}

export async function at(page: Page): Promise<ReturnType<Window['queuelab']['moment']>> {
  return page.evaluate(() => window.queuelab.moment());
}

export async function digestOf(page: Page): Promise<string> {
  return (await page.locator('[data-digest]').getAttribute('data-digest')) ?? '';
}

/** Calls one of the hooks that take a number or nothing, and answer with text or nothing. */
export async function hooks(page: Page, name: 'stage' | 'stageFromStart' | 'goToFact', fact = 0): Promise<string> {
  return page.evaluate(([hook, id]) => window.queuelab[hook](id) ?? '', [name, fact] as const);
}
