// On a phone, by taps alone.
import type { Locator } from 'playwright-core';
import { expect, it } from 'vitest';
import { anotherRun, at, digestOf, placeOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, reducedMotion: 'reduce' } as const;

/** A finger finds it: it is as high and as wide as a fingertip, and not beyond the edge. */
async function tapLarge(one: Locator): Promise<void> {
  await one.scrollIntoViewIfNeeded();
  const { x, width, height } = await placeOf(one);
  const { name, room } = await one.evaluate((element) => ({
    name: element.outerHTML.slice(0, 120),
    room: element.closest('label')?.getBoundingClientRect() ?? null,
  }));
  expect(Math.max(height, room?.height ?? 0), name).toBeGreaterThanOrEqual(44);
  expect(Math.max(width, room?.width ?? 0), name).toBeGreaterThanOrEqual(44);
  expect(x, name).toBeGreaterThanOrEqual(0);
  expect(x + width, name).toBeLessThanOrEqual(390);
  await one.tap();
}

it('a setting is changed in the form by taps, and undone', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=9.5s', PHONE);
  await settled(page);
  const before = await digestOf(page);
  await tapLarge(page.getByRole('tab', { name: 'Editor' }));
  const editor = page.getByRole('region', { name: 'Scenario editor' });
  await tapLarge(editor.getByRole('button', { name: 'Form', exact: true }));
  const queue = editor.getByRole('group', { name: 'queue photo-jobs' });
  const timeout = queue.getByRole('spinbutton', { name: 'VisibilityTimeout' });
  await tapLarge(timeout);
  await timeout.fill('3');
  await timeout.press('Enter');
  await anotherRun(page, before);
  expect((await at(page)).timeUs).toBe(9_500_000);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await tapLarge(editor.getByRole('button', { name: 'As opened' }));
  await expect.poll(() => digestOf(page)).toBe(before);
  expect(complaints).toEqual([]);
  await close();
});

it('one goes to a time that is typed, and is told what is none', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue', PHONE);
  await settled(page);
  const clock = page.getByRole('textbox', { name: /^Time/ });
  await tapLarge(clock);
  await page.locator('input.clock:focus').waitFor();
  await clock.fill('soon');
  await clock.press('Enter');
  const why = await placeOf(page.getByRole('alert'));
  expect(why.x).toBeGreaterThanOrEqual(0);
  expect(why.x + why.width).toBeLessThanOrEqual(390);
  await clock.fill('7.5s');
  await clock.press('Enter');
  await expect.poll(async () => (await at(page)).timeUs).toBe(7_500_000);
  await page.getByRole('alert').waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

it('a film that is being made is given up by a tap', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash&t=8.05s', PHONE);
  await settled(page);
  await tapLarge(page.getByRole('button', { name: 'Share' }));
  await page.getByLabel('Moving picture lasts, in seconds').fill('20');
  await tapLarge(page.getByRole('button', { name: 'Save GIF' }));
  await tapLarge(page.getByRole('button', { name: 'Give up', exact: true }));
  await page.getByText('Given up.').waitFor();
  expect((await at(page)).timeUs).toBe(8_050_000);
  expect(complaints).toEqual([]);
  await close();
});

it('a snapshot of a subscription is made in its menu, and gone back to: what was acked since comes again', async () => {
  const { page, complaints, close } = await openPage('#scenario=parcel-comes-back&t=1s', PHONE);
  await settled(page);
  const first = await digestOf(page);
  const menu = page.getByRole('dialog', { name: /^What to do to tracking/ });
  const openMenu = async (): Promise<void> => {
    await page.getByRole('button', { name: 'Inspect subscription tracking' }).tap();
    await page
      .getByRole('region', { name: 'Inspector' })
      .getByRole('heading', { name: 'tracking', exact: true })
      .waitFor();
    await tapLarge(page.getByRole('button', { name: 'Act on it' }));
    await menu.waitFor();
  };
  await openMenu();
  expect(await menu.getByRole('button', { name: 'Go back to a snapshot' }).getAttribute('aria-disabled')).toBe('true');
  await menu.getByText('none has been made yet').waitFor();
  await menu.getByRole('textbox', { name: 'Make a snapshot: called' }).fill('before');
  await tapLarge(menu.getByRole('button', { name: 'Make a snapshot' }));
  const made = await anotherRun(page, first);
  const line = page.getByRole('region', { name: 'Your changes' }).locator('li code').last();
  await expect.poll(() => line.innerText()).toMatch(/snapshot: tracker, name: before/);

  const clock = page.getByRole('textbox', { name: /^Time/ });
  await clock.fill('30s');
  await clock.press('Enter');
  await openMenu();
  await tapLarge(menu.getByRole('button', { name: 'Go back to a snapshot' }));
  await anotherRun(page, made);
  await expect.poll(() => line.innerText()).toMatch(/seek: tracker, to: \{ snapshot: before \}/);
  await page.evaluate(() => window.queuelab.goToFact(window.queuelab.moment().facts));
  await tapLarge(page.getByRole('tab', { name: 'Ledger' }));
  await page.getByRole('region', { name: 'Ledger' }).getByRole('button', { name: '4 duplicated' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});
