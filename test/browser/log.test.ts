import { expect, it } from 'vitest';
import { at, settled } from './lab.ts';
import { openPage } from './page.ts';

it('the log is filtered by actor, message and kind, and what is left can be copied', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash&t=9s');
  await settled(page);
  const rows = page.locator('.log li');
  await page.getByRole('combobox', { name: 'Of whom' }).selectOption({ label: 'resizer-2' });
  await page.getByRole('combobox', { name: 'What' }).selectOption('working');
  await expect
    .poll(() => rows.allInnerTexts().then((all) => all.every((text) => /resizer-2\s+(began|wrote)/.test(text))))
    .toBe(true);
  const all = await rows.count();
  expect(all).toBeGreaterThan(2);
  const message = page.getByRole('textbox', { name: /^Only this message/ });
  await message.fill('2');
  await message.press('Enter');
  await expect.poll(() => rows.count()).toBeLessThan(all);
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
  const copied = (await page.title()).split(/(?=\b\d+\.\d{3} )/);
  expect(copied).toHaveLength(await rows.count());
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
    stops.push(await page.locator('.log [aria-current="step"]').innerText());
  }
  const told = stops.join('\n');
  expect(told).toMatch(/crashed/);
  expect(told).toMatch(/handed message 2 .*2nd time/);
  expect(told).toMatch(/wrote message 2 to post-counts again/);
  expect(await next.getAttribute('title')).toContain('there is none after this');
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
  expect((await at(page)).timeUs).toBe(6_500_000);
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
  const rows = await keys.getByRole('listitem').count();
  expect(await keys.getByRole('button').count()).toBe(rows);
  const back = keys.getByRole('button', { name: /^one fact back/ });
  expect(await back.getAttribute('aria-disabled')).toBe('true');
  expect(await back.innerText()).toContain('this is the start');
  await keys.getByRole('button', { name: 'to the end' }).click();
  const { fact, facts } = await at(page);
  expect(fact).toBe(facts);
  await page.keyboard.press('?');
  await keys.getByRole('button', { name: /^larger or smaller panel/ }).click();
  expect(await page.locator('main.wide').count()).toBe(1);
  await keys.getByRole('button', { name: 'close this' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('w');
  expect(await page.locator('main.wide').count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});
