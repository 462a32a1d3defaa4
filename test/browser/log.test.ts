import { expect, it } from 'vitest';
import { SHORTCUTS } from '../../web/shortcuts.ts';
import { at, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

it('the log is filtered by actor, message and kind, and what is left can be copied', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash&t=9s', { loads: true });
  await settled(page);
  const rows = page.locator('.log li');
  await page.getByRole('combobox', { name: 'Of whom' }).selectOption({ label: 'resizer-2' });
  await page.getByRole('combobox', { name: 'What' }).selectOption('working');
  const others = rows.filter({ hasNotText: /resizer-2\s+(began|wrote)/ });
  await expect.poll(() => others.count()).toBe(0);
  await rows.nth(2).waitFor();
  const all = await rows.count();
  const message = page.getByRole('textbox', { name: /^Only this message/ });
  await message.fill('2');
  await message.press('Enter');
  await expect.poll(() => rows.count()).toBeLessThan(all);
  await rows.first().waitFor();
  for (const text of await rows.allInnerTexts()) expect(text).toMatch(/message 2\b/);

  await page.evaluate(() => {
    Object.defineProperty(navigator.clipboard, 'writeText', {
      value: (text: string) => {
        document.title = text;
        return Promise.resolve();
      },
    });
  });
  await page.getByRole('button', { name: 'Copy these lines' }).click();
  await page.getByText(/^Copied \d+ lines\.$/).waitFor();
  const lines = await rows.count();
  await expect.poll(async () => (await page.title()).split(/(?=\b\d+\.\d{3} )/)).toHaveLength(lines);
  await page.getByRole('combobox', { name: 'What' }).selectOption('groups and leaders');
  await page.getByText('No fact passes these filters.').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('next and previous notable fact stop at faults, redeliveries and the violation, and say when there is none', async () => {
  const { page, complaints, close } = await openPage('#scenario=crash-after-effect-increment', {
    reducedMotion: 'reduce',
  });
  await settled(page);
  const next = page.getByRole('button', { name: 'Next notable fact' });
  const stops: string[] = [];
  while ((await next.getAttribute('aria-disabled')) === 'false' && stops.length < 60) {
    await next.click();
    stops.push(await presentLine(page).innerText());
  }
  const told = stops.join('\n');
  expect(told).toMatch(/crashed/);
  expect(told).toMatch(/handed message 2 .*2nd time/);
  expect(told).toMatch(/wrote message 2 to post-counts again/);
  await expect.poll(() => next.getAttribute('title')).toContain('there is none after this');
  const { fact } = await at(page);
  await page.keyboard.press('n');
  expect((await at(page)).fact).toBe(fact);
  await page.keyboard.press('p');
  expect((await at(page)).fact).toBeLessThan(fact);
  expect(complaints).toEqual([]);
  await close();
});

it('a time is typed in, and what is none is explained', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue');
  await settled(page);
  const clock = page.getByRole('textbox', { name: /^Time/ });
  await clock.fill('6.5');
  await clock.press('Enter');
  await expect.poll(async () => (await at(page)).timeUs).toBe(6_500_000);
  await clock.fill('soon');
  await clock.press('Enter');
  await page.getByRole('alert').getByText('like 0:19.4').waitFor();
  expect((await at(page)).timeUs).toBe(6_500_000);
  await clock.press('Escape');
  await page.getByRole('alert').waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

it('every key has a button in the overlay, which does the same or says why not', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue', { reducedMotion: 'reduce' });
  await settled(page);
  await page.keyboard.press('Home');
  await page.keyboard.press('?');
  const keys = page.getByRole('dialog', { name: 'Signs and keys' }).getByRole('list', { name: 'Keys' });
  await expect.poll(() => keys.getByRole('listitem').count()).toBe(SHORTCUTS.length);
  await expect.poll(() => keys.getByRole('button').count()).toBe(SHORTCUTS.length);
  const back = keys.getByRole('button', { name: /^one fact back/ });
  await expect.poll(() => back.getAttribute('aria-disabled')).toBe('true');
  expect(await back.innerText()).toContain('this is the start');
  await keys.getByRole('button', { name: 'to the end' }).click();
  await expect
    .poll(async () => {
      const { fact, facts } = await at(page);
      return facts - fact;
    })
    .toBe(0);
  await page.keyboard.press('?');
  await keys.getByRole('button', { name: /^larger or smaller panel/ }).click();
  await page.locator('main.wide').waitFor();
  await keys.getByRole('button', { name: 'close this' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('w');
  await page.locator('main:not(.wide)').waitFor();
  expect(complaints).toEqual([]);
  await close();
});
