import { expect, it } from 'vitest';
import { at, settled } from './lab.ts';
import { openPage } from './page.ts';

it('keys alone lead from the picker through a crash to the witness of a violation', async () => {
  const { page, complaints, close } = await openPage('', { reducedMotion: 'reduce' });
  await settled(page);
  const { keyboard } = page;
  await keyboard.press('s');
  await page.getByRole('searchbox').waitFor();
  await page.getByRole('searchbox').focus();
  await keyboard.type('"add 1"');
  await keyboard.press('Tab');
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  await page.waitForFunction(() => document.title.includes('add 1'));
  await settled(page);

  await keyboard.press('End');
  await keyboard.press('p');
  const notable = await at(page);
  expect(notable.fact).toBeLessThan(notable.facts);
  await keyboard.press('ArrowRight');
  expect((await at(page)).fact).toBe(notable.fact + 1);
  await keyboard.press(',');
  expect((await at(page)).fact).toBe(notable.fact);

  // After the violation, so that it stays.
  await keyboard.press('End');
  await keyboard.press('ArrowLeft');
  await page.getByRole('button', { name: /^Consumer counter-1/ }).focus();
  await keyboard.press('Enter');
  await page.getByRole('menu').waitFor();
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowUp');
  await keyboard.press('Enter');
  await page.getByRole('button', { name: /^Consumer counter-1, crashed/ }).waitFor();
  await settled(page);

  const violated = page.getByRole('button', { name: /exactly once effect.*violated/ }).first();
  await violated.focus();
  await keyboard.press('Enter');
  expect((await at(page)).fact).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
  await close();
});

it('keys rest while somebody types, and the question mark lists them', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=3s');
  await settled(page);
  const before = await at(page);
  await page.getByRole('textbox', { name: /^Seed/ }).focus();
  await page.keyboard.type('pn.');
  expect((await at(page)).timeUs).toBe(before.timeUs);
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'queuelab' }).click();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  expect(await page.getByRole('dialog', { name: 'Keys' }).innerText()).toContain('one fact forwards');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

it('a step says its fact in the live region', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=1s', { reducedMotion: 'reduce' });
  await settled(page);
  await page.keyboard.press('.');
  await page.keyboard.press('.');
  const spoken = page.locator('p[aria-live="polite"]', { hasText: 'message 1' });
  await spoken.first().waitFor({ state: 'attached' });
  expect(await spoken.first().innerText()).toMatch(/\.$/);
  await close();
});

it('dark and light follow the system, and the person', async () => {
  const { page, complaints, close } = await openPage('', { colorScheme: 'dark' });
  await settled(page);
  const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(await paper()).toBe('rgb(20, 23, 27)');
  await page.keyboard.press('d');
  expect(await paper()).toBe('rgb(251, 250, 246)');
  expect(complaints).toEqual([]);
  await close();
});
