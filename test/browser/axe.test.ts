import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { inLightAndDark } from './findings.ts';
import { drawn, openPanel, settled } from './lab.ts';
import { openPage } from './page.ts';

interface Shown {
  readonly name: string;
  readonly options: BrowserContextOptions;
  /** Fingers use it. */
  readonly touch: boolean;
}

const LOOKS: readonly Shown[] = [
  { name: 'on a wide page', options: { viewport: { width: 1440, height: 900 } }, touch: false },
  { name: 'on a phone', options: { viewport: { width: 390, height: 844 }, hasTouch: true }, touch: true },
];

it.each(LOOKS)(
  'axe finds nothing serious in any panel or dialog $name, in light and in dark, and fingers have room where there are any',
  async ({ options, touch }) => {
    const { page, complaints, close } = await openPage('#scenario=crash-after-effect-increment&t=14s', {
      ...options,
      reducedMotion: 'reduce',
    });
    const look = async (what: string, part: string): Promise<void> => {
      expect(await inLightAndDark(page, { part }), what).toEqual([]);
      if (touch) expect(await smallTargets(page), what).toEqual([]);
    };
    await settled(page);
    await look('the page', '');
    // An act, so that there are two futures to show.
    await page.getByRole('button', { name: /^Consumer counter-1/ }).press('Enter');
    await page.getByRole('dialog', { name: 'What to do to counter-1' }).waitFor();
    await look('acts', 'dialog');
    await page.getByRole('button', { name: 'Crash', exact: true }).and(page.locator(':focus')).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Futures' }).waitFor();
    await settled(page);
    // What was before the act and its line is of a message, which is then selected.
    for (let i = 0; i < 2; i++) await page.getByRole('button', { name: 'One fact back' }).press('Enter');
    await page.locator('.log li button[aria-current="step"]').click();
    await page.locator('.log li button.selected').first().waitFor();
    const tabs = await page.getByRole('tab').allInnerTexts();
    expect(tabs).toEqual(['Log', 'Inspector', 'Diagram', 'Ledger', 'Charts', 'Verdicts', 'Editor', 'Futures']);
    for (const tab of tabs) {
      await openPanel(page, tab);
      await look(tab, '.side');
    }
    await page.getByRole('button', { name: 'Compare 1 with the one on the stage' }).press('Enter');
    await page.getByRole('table', { name: 'What differs' }).waitFor();
    await look('two futures', '.side');
    await page.getByRole('button', { name: 'Inspect queue' }).first().press('Enter');
    await page
      .getByRole('region', { name: /^Settings of / })
      .first()
      .waitFor();
    await look('a queue', '');
    for (const key of ['?', 's', 'l']) {
      await page.keyboard.press(key);
      await page.getByRole('dialog').waitFor();
      await look(key, 'dialog');
      await page.keyboard.press('Escape');
      // No key is heard while a dialog is closing.
      await page.locator('dialog').waitFor({ state: 'detached' });
    }
    expect(complaints).toEqual([]);
    await close();
  },
);

it.each(LOOKS)('axe finds nothing serious in the tour $name, in light and in dark', async ({ options }) => {
  const { page, complaints, close } = await openPage('', { ...options, firstVisit: true });
  await page.getByRole('region', { name: 'Tour' }).waitFor();
  await settled(page);
  expect(await inLightAndDark(page)).toEqual([]);
  await page.getByRole('button', { name: 'Send a message' }).click();
  await page.getByText('Let a packer come to work.').waitFor();
  expect(await inLightAndDark(page, { part: '.time' })).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it.each(LOOKS)(
  "axe finds nothing serious in an exercise's form $name, in light and in dark",
  async ({ options, touch }) => {
    const { page, complaints, close } = await openPage('#scenario=retry-limit&t=3s', {
      ...options,
      reducedMotion: 'reduce',
    });
    await settled(page);
    await page.getByText('Every good photo is in the store').waitFor();
    expect(await inLightAndDark(page)).toEqual([]);
    await page.getByRole('button', { name: 'Run', exact: true }).press('Enter');
    await page.locator('.exercise li.missed').first().waitFor();
    expect(await inLightAndDark(page, { part: '.side' })).toEqual([]);
    if (touch) expect(await smallTargets(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  },
);

it.each([
  ['the page for frames', 'embed.html#scenario=ack-lost&panels=log+verdicts', 'An ack that the network loses'],
  ['the example of three players', 'player/example.html', 'A worker dies before its ack'],
])('axe finds nothing serious in %s, in light and in dark, on a wide page and on a phone', async (_, path, heading) => {
  for (const { options } of LOOKS) {
    const { page, complaints, close } = await openPage(path, { ...options, reducedMotion: 'reduce' });
    await page.getByRole('heading', { name: heading }).waitFor();
    await page.getByRole('button', { name: 'One fact forwards' }).first().waitFor();
    await drawn(page, 20);
    expect(await inLightAndDark(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  }
});

/** What can be pressed and is lower than 44 px, or so narrow that a finger has no room for it. A row or a label counts with all that is pressed with it. */
async function smallTargets(page: Page): Promise<readonly string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('.panel, .time, dialog')].flatMap((part) =>
      [...part.querySelectorAll('button, a[href], input, select, textarea, summary, [role="tab"]')]
        .map((element) => ({ element, box: (element.closest('label, td') ?? element).getBoundingClientRect() }))
        .filter(({ element, box }) => {
          const isThere = element.getBoundingClientRect().width > 0 && element.closest('.unseen, .cm-editor') === null;
          // A mark on the timeline is as wide as its moment allows.
          const isNarrow = box.width < 43.5 && element.closest('.timeline') === null;
          return isThere && (box.height < 43.5 || isNarrow);
        })
        .map(
          ({ element, box }) =>
            `${box.width.toFixed(0)} × ${box.height.toFixed(0)}: ${element.outerHTML.slice(0, 160)}`,
        ),
    ),
  );
}
