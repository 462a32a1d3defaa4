import { expect, it } from 'vitest';
import { at, settled } from './lab.ts';
import { openPage } from './page.ts';

it('a scenario is found by typing, and keys step through its notable facts', async () => {
  const { page, complaints, close } = await openPage('', { reducedMotion: 'reduce' });
  await settled(page);
  const { keyboard } = page;
  await keyboard.press('s');
  // The focus is on the card of the scenario that is open, where a space would choose that.
  await page.locator('button.scenario:focus').waitFor();
  await keyboard.type('effect "add 1"');
  await expect.poll(() => page.getByRole('searchbox').inputValue()).toBe('effect "add 1"');
  await expect.poll(() => page.getByRole('dialog', { name: 'Scenarios' }).locator('button.scenario').count()).toBe(1);
  await page.getByRole('button', { name: /"add 1"/ }).press('Enter');
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
  await page.getByRole('dialog', { name: 'Keys' }).getByText('one fact forwards').first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

it('one goes to a time by typing it, from anywhere and from the list of keys', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=3s');
  await settled(page);
  await page.keyboard.press('g');
  await page.getByRole('textbox', { name: /^Time/ }).and(page.locator(':focus')).waitFor();
  await page.keyboard.type('7.5s');
  await page.keyboard.press('Enter');
  await expect.poll(async () => (await at(page)).timeUs).toBe(7_500_000);
  await page.getByRole('heading', { name: 'queuelab' }).click();
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByRole('button', { name: 'to a time that is typed in' }).press('Enter');
  await page.getByRole('textbox', { name: /^Time/ }).and(page.locator(':focus')).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a step says its fact in the live region', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=1s', { reducedMotion: 'reduce' });
  await settled(page);
  await page.keyboard.press('.');
  await page.keyboard.press('.');
  const spoken = page.locator('p[aria-live="polite"]', { hasText: 'message 1' });
  await expect.poll(() => spoken.first().innerText()).toMatch(/\.$/);
  await close();
});

it('dark and light follow the system, and the person', async () => {
  const { page, complaints, close } = await openPage('', { colorScheme: 'dark' });
  await settled(page);
  const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await expect.poll(paper).toBe('rgb(20, 23, 27)');
  await page.keyboard.press('d');
  await expect.poll(paper).toBe('rgb(251, 250, 246)');
  expect(complaints).toEqual([]);
  await close();
});

it('a key that changes how it plays or looks says what it did', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=1s', { reducedMotion: 'reduce' });
  await settled(page);
  const live = page.locator('p[aria-live="polite"]').last();
  for (const [key, words] of [
    ['+', /^Speed: .*real time\./],
    ['q', /^Quiet time is (skipped|played too)\./],
    ['b', /^Bookmarked\./],
    ['b', /^The bookmark is gone\./],
    ['t', /^Panel Inspector\./],
    ['w', /^Larger panel\./],
    ['d', /^Dark\./],
  ] as const) {
    await page.keyboard.press(key);
    await live.getByText(words).waitFor({ state: 'attached' });
  }
  await close();
});
