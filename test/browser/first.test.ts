import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { digestOf, settled } from './lab.ts';
import { openPage } from './page.ts';

it('the first run, which comes with the page, is the one that the simulator makes, and can be asked about', async () => {
  const { page, complaints, close } = await openPage('', { loads: true });
  await settled(page);
  const text = readFileSync('scenarios/why-queues/photo-queue.yaml', 'utf8');
  expect(await page.evaluate((yaml) => window.queuelab.run(yaml), text)).toBe(await digestOf(page));
  await page.getByRole('tab', { name: 'Ledger', exact: true }).click();
  await page
    .getByRole('region', { name: 'Ledger' })
    .getByText(/\d+ once/)
    .first()
    .waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('another run takes the place of the first one as soon as it is asked for', async () => {
  const { page, complaints, close } = await openPage('', { loads: true });
  await page.evaluate(() => {
    location.hash = '#scenario=photo-queue&seed=77';
  });
  await expect.poll(() => page.getByLabel(/^Seed/).inputValue()).toBe('77');
  await settled(page);
  const text = readFileSync('scenarios/why-queues/photo-queue.yaml', 'utf8');
  const other = await page.evaluate((yaml) => window.queuelab.run(yaml, '77'), text);
  await expect.poll(() => digestOf(page)).toBe(other);
  expect(complaints).toEqual([]);
  await close();
});
