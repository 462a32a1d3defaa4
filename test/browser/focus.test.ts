// Where the focus is after what takes things away: a dialog that closes, an act, a run that takes the place of another, a button that goes with its line.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

/** The name of what has the focus; '' for nothing. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { activeElement: element, body } = document;
    if (element === null || element === body) return '';
    return (element.getAttribute('aria-label') ?? element.textContent ?? '').replace(/\s+/g, ' ').trim();
  });
}

it('the first Tab on a page leads to its first control, and not to the panel that it opened with', async () => {
  const { page, close } = await openPage('#scenario=photo-queue', { loads: true });
  await settled(page);
  await page.keyboard.press('Tab');
  await expect.poll(() => focused(page)).toMatch(/^Seed/);
  await close();
});

it('a dialog opens on what it is there for, and gives the focus back however it is closed', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=4.3s', { reducedMotion: 'reduce' });
  await settled(page);
  for (const [opener, first] of [
    ['Share', 'Copy link'],
    ['Signs and keys', 'play or pause'],
    ['Scenarios', 'The same photo upload'],
  ] as const) {
    const button = page.getByRole('button', { name: opener, exact: true });
    const dialog = page.getByRole('dialog');
    for (const leave of ['Escape', 'Close']) {
      await button.press('Enter');
      await dialog.waitFor();
      await expect.poll(() => focused(page), { message: opener }).toContain(first);
      if (leave === 'Escape') await page.keyboard.press('Escape');
      else await dialog.getByRole('button', { name: 'Close', exact: true }).press('Enter');
      await dialog.waitFor({ state: 'detached' });
      await expect.poll(() => focused(page), { message: `${leave} in ${opener}` }).toBe(opener);
    }
  }
  // From one dialog into the next, and back to where the first was opened.
  await page.getByRole('button', { name: 'Signs and keys' }).press('Enter');
  await page.getByRole('button', { name: 'link, pictures and files to share' }).press('Enter');
  await page.getByRole('dialog', { name: 'Share' }).waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => focused(page)).toBe('Signs and keys');
  expect(complaints).toEqual([]);
  await close();
});

it('after an act the focus is on its thing, and after it is undone on what plays', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=4.3s', { reducedMotion: 'reduce' });
  await settled(page);
  await page.getByRole('button', { name: /^Consumer worker-2/ }).press('Enter');
  await expect.poll(() => focused(page)).toBe('Crash');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await settled(page);
  await expect.poll(() => focused(page)).toMatch(/^Consumer worker-2, crashed/);
  await page.getByRole('region', { name: 'Your changes' }).getByRole('button', { name: 'Undo' }).press('Enter');
  await settled(page);
  await expect.poll(() => focused(page)).toBe('Play');
  expect(complaints).toEqual([]);
  await close();
});

it('the log is one stop for Tab, at its present line, and the arrow keys walk from line to line beyond its edges', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=6.55s', { reducedMotion: 'reduce' });
  await settled(page);
  await page.getByRole('button', { name: 'Copy these lines' }).focus();
  await page.keyboard.press('Tab');
  await expect.poll(() => focused(page)).toContain('worker-1 crashed');
  const present = await focused(page);
  const ground = await presentLine(page).evaluate((element) => getComputedStyle(element).backgroundColor);
  expect(ground, 'the band of the present').not.toBe('rgba(0, 0, 0, 0)');
  for (let i = 0; i < 20; i++) await page.keyboard.press('ArrowDown');
  await expect.poll(async () => Number.parseFloat(await focused(page))).toBeGreaterThan(Number.parseFloat(present));
  for (let i = 0; i < 20; i++) await page.keyboard.press('ArrowUp');
  await expect.poll(() => focused(page)).toBe(present);
  const isInSight = (): boolean => {
    const row = document.activeElement?.getBoundingClientRect();
    const view = document.activeElement?.closest('.view')?.getBoundingClientRect();
    return row !== undefined && view !== undefined && row.top >= view.top - 1 && row.bottom <= view.bottom + 1;
  };
  await expect.poll(() => page.evaluate(isInSight)).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});
