import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { at, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

it('totals filter the rows, a row selects its message and goes to what decided its fate', async () => {
  const { page, complaints, close } = await openPage('#scenario=with-dlq');
  await settled(page);
  await page.getByRole('tab', { name: 'Ledger' }).click();
  const ledger = page.getByRole('region', { name: 'Ledger' });
  const dead = ledger.getByRole('button', { name: /^1 dead-lettered$/ });
  await dead.click();
  await expect.poll(() => dead.getAttribute('aria-pressed')).toBe('true');
  await ledger.getByText('1 of 30 messages').waitFor();
  await ledger.getByText('dead-lettered: too many deliveries').waitFor();
  await ledger.locator('tbody button').click();
  await expect.poll(async () => (await at(page)).timeUs).toBeGreaterThan(30_000_000);
  await page.getByRole('tab', { name: 'Log' }).click();
  await presentLine(page).filter({ hasText: 'dead-lettered to photo-dlq' }).waitFor();
  await page.getByText('only message 6').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('arrows walk through the rows, headings sort them, and the search finds one', async () => {
  const { page, complaints, close } = await openPage('#scenario=with-dlq');
  await settled(page);
  await page.getByRole('tab', { name: 'Ledger' }).click();
  const first = page.locator('tbody button').first();
  await first.waitFor();
  await first.focus();
  await page.keyboard.press('ArrowDown');
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('2');
  await page.keyboard.press('ArrowDown');
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('3');
  await expect.poll(() => page.locator('tbody tr.selected').innerText()).toMatch(/^3\b/);
  await page.getByRole('columnheader', { name: 'del.' }).getByRole('button').click();
  await expect.poll(() => page.locator('tbody button').first().innerText()).toBe('6');
  await expect
    .poll(() => page.getByRole('columnheader', { name: 'del.' }).getAttribute('aria-sort'))
    .toBe('descending');
  await page.getByRole('searchbox').fill('12');
  await expect.poll(() => page.locator('tbody button').allInnerTexts()).toEqual(['12']);
  expect(complaints).toEqual([]);
  await close();
});

it('at the playhead the ledger says what is known by then', async () => {
  const { page, complaints, close } = await openPage('#scenario=with-dlq&t=5s');
  await settled(page);
  await page.getByRole('tab', { name: 'Ledger' }).click();
  const sent = page.getByRole('region', { name: 'Ledger' }).getByRole('button', { name: /sent$/ });
  await expect.poll(() => sent.innerText()).toBe('30 sent');
  await page.getByLabel('as of the playhead').check();
  await expect.poll(() => sent.innerText()).toBe('5 sent');
  await page.keyboard.press('End');
  await expect.poll(() => sent.innerText()).toBe('30 sent');
  expect(complaints).toEqual([]);
  await close();
});

it('of 20,000 messages only the rows in sight exist, and the last one is reached by its number', async () => {
  const text = readFileSync('test/bench/w2.yaml', 'utf8').replace('messages: 200000', 'messages: 20000');
  const { page, complaints, close } = await openPage(`#yaml=${Buffer.from(text).toString('base64url')}`);
  await settled(page);
  await page.getByRole('tab', { name: 'Ledger' }).click();
  await page.getByText('20,000 of 20,000 messages').waitFor();
  await page.locator('tbody tr').nth(5).waitFor();
  expect(await page.locator('tbody tr').count()).toBeLessThan(60);
  await expect.poll(() => page.getByRole('table', { name: 'Messages' }).getAttribute('aria-rowcount')).toBe('20001');
  await page.getByRole('tab', { name: 'Inspector' }).click();
  const number = page.getByRole('textbox', { name: 'message' });
  await number.fill('19999');
  await number.press('Enter');
  await page.getByRole('tab', { name: 'Ledger' }).click();
  await expect.poll(() => page.locator('tbody tr.selected').innerText()).toMatch(/^19999\b/);
  expect(complaints).toEqual([]);
  await close();
});
