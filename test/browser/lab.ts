// What tests ask of the open page: through the hooks that it shows for this, and through nothing hidden. On a busy machine whatever a worker, a frame or a file that is loaded
// later brings may come late, so a test waits for it (`waitFor`, `expect.poll`, the functions here); `count`, `isVisible` and the `all…` of a locator do not wait by themselves.
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Waits until the run has ended and is judged and folded. */
export async function settled(page: Page): Promise<void> {
  await page.locator('[data-digest]:not([data-digest=""])').waitFor({ state: 'attached' });
  await page.waitForFunction(() => window.queuelab.idle());
}

/** Waits until another run than that of this digest is on the stage and has settled; answers with its digest. */
export async function anotherRun(page: Page, digest: string): Promise<string> {
  await expect.poll(async () => ['', digest].includes(await digestOf(page))).toBe(false);
  await settled(page);
  return digestOf(page);
}

/** Lets frames pass: what was asked for is drawn then, and what follows the size of something else has it. */
export async function drawn(page: Page, frames = 3): Promise<void> {
  await page.evaluate(async (many) => {
    for (let i = 0; i < many; i++) await new Promise(requestAnimationFrame);
  }, frames);
}

/** Where something stands, px, as soon as it stands still. */
export async function placeOf(one: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  for (let before = ''; ; ) {
    const box = await one.boundingBox();
    const now = JSON.stringify(box);
    if (box !== null && now === before) return box;
    before = now;
    await drawn(one.page());
  }
}

export async function at(page: Page): Promise<ReturnType<Window['queuelab']['moment']>> {
  return page.evaluate(() => window.queuelab.moment());
}

export async function digestOf(page: Page): Promise<string> {
  return (await page.locator('[data-digest]').getAttribute('data-digest')) ?? '';
}

/** The line of the log at the playhead. */
export function presentLine(page: Page): Locator {
  return page.locator('.log button[aria-current="step"]');
}

/** What each panel has when it is there to be worked with. */
const SHOWN: Readonly<Record<string, string>> = {
  Exercise: '.exercise form',
  Log: '.log li',
  Inspector: '.inspector h2, .inspector h3, .inspector p',
  Diagram: '.diagram canvas',
  Ledger: '.ledger tbody tr',
  Charts: '.charts [role="slider"]',
  Verdicts: '.verdicts li, .verdicts p',
  Editor: '.editor .cm-line',
  Lanes: '.lanes table',
  Futures: '.futures li',
};

/** Opens a panel by its tab, as a person with a keyboard does, and waits until it has what it shows. */
export async function openPanel(page: Page, name: string): Promise<void> {
  await page.getByRole('tab', { name, exact: true }).press('Enter');
  await page.getByRole('tab', { name, exact: true, selected: true }).waitFor();
  await page
    .locator(SHOWN[name] ?? '#panel section')
    .first()
    .waitFor();
  await drawn(page);
}

/** Calls one of the hooks that take a number or nothing, and answer with text or nothing. */
export async function hooks(page: Page, name: 'stage' | 'stageFromStart' | 'goToFact', fact = 0): Promise<string> {
  return page.evaluate(([hook, id]) => window.queuelab[hook](id) ?? '', [name, fact] as const);
}
