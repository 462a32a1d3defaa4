import { expect, it } from 'vitest';
import { at, openPanel, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

it('a queue’s name opens its contents at the playhead, which follow it, and its settings with their source', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=6.3s');
  await settled(page);
  await page.getByRole('button', { name: 'Inspect queue photo-jobs' }).click();
  const inspector = page.getByRole('region', { name: 'Inspector' });
  await inspector.getByRole('heading', { name: 'photo-jobs', exact: true }).waitFor();
  const locked = inspector.getByRole('heading', { name: /^Locked/ });
  await expect.poll(() => locked.innerText()).toMatch(/^Locked\s+[12]$/);
  await inspector
    .getByText(/by worker-\d, \d+\.\d s left/)
    .first()
    .waitFor();
  const settings = inspector.getByRole('region', { name: 'Settings of photo-jobs' });
  await settings.getByText('VisibilityTimeout').waitFor();
  await settings.getByText('Default 30s, SQS rule S2.').waitFor();
  await settings.getByRole('button', { name: /more, as by default$/ }).click();
  await settings.getByText('MessageRetentionPeriod').waitFor();
  await page.keyboard.press('End');
  await expect.poll(() => locked.innerText()).toMatch(/^Locked\s+0$/);
  expect(complaints).toEqual([]);
  await close();
});

it('a consumer is inspected from its menu: what it holds, and what it did last, which leads there', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash&t=6s');
  await settled(page);
  await page.getByRole('button', { name: /^Consumer resizer-1/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Inspect resizer-1' }).click();
  const inspector = page.getByRole('region', { name: 'Inspector' });
  await inspector.getByRole('heading', { name: /^In hand\s+1$/ }).waitFor();
  await inspector.getByText(/^in work, /).waitFor();
  const last = inspector.locator('.last button').first();
  const said = await last.innerText();
  await last.click();
  await expect.poll(async () => said.includes(((await at(page)).timeUs / 1_000_000).toFixed(3))).toBe(true);
  const inHand = inspector.locator('.listed button');
  await inHand.click();
  await expect.poll(() => inHand.getAttribute('aria-pressed')).toBe('true');
  expect(complaints).toEqual([]);
  await close();
});

it('a message has its story, its line in the ledger and all its facts, and the list reaches everything else', async () => {
  const { page, complaints, close } = await openPage('#scenario=visibility-too-short&t=20s');
  await settled(page);
  await page.getByRole('tab', { name: 'Inspector' }).click();
  const inspector = page.getByRole('region', { name: 'Inspector' });
  const number = inspector.getByRole('textbox', { name: 'message' });
  await number.fill('1');
  await number.press('Enter');
  await inspector.getByRole('heading', { name: 'In the ledger' }).waitFor();
  await inspector.getByText('4 times', { exact: true }).waitFor();
  const facts = inspector.getByRole('heading', { name: 'Everything about it' });
  await facts.waitFor();
  await inspector.getByRole('button', { name: /^6\.051 The lock on message 1 ended/ }).click();
  await expect.poll(async () => (await at(page)).timeUs).toBeLessThan(7_000_000);
  const list = inspector.getByRole('combobox', { name: 'inspect' });
  await expect.poll(() => list.locator('optgroup').count()).toBeGreaterThanOrEqual(4);
  await list.selectOption({ label: 'studio' });
  await inspector.getByText('Producer at').waitFor();
  await list.selectOption({ label: 'message 1' });
  await inspector.getByRole('heading', { name: 'In the ledger' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a partition shows its records with offsets, its leader and every group’s lag', async () => {
  const { page, complaints, close } = await openPage('#scenario=rides-by-city&t=20s');
  await settled(page);
  await page.getByRole('button', { name: 'Inspect partition rides/0' }).focus();
  await page.keyboard.press('Enter');
  const inspector = page.getByRole('region', { name: 'Inspector' });
  await inspector.getByText(/^led by b1/).waitFor();
  await inspector.getByText(/lag of dispatcher/).waitFor();
  await inspector
    .getByText(/^offset \d+$/)
    .first()
    .waitFor();
  await inspector.getByRole('region', { name: 'Settings of rides' }).getByText('partitions', { exact: true }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('of a message that lay in several queues each delivery says which queue handed it out', async () => {
  const { page, close } = await openPage('#scenario=quorum-requeue&t=12s', { reducedMotion: 'reduce' });
  await settled(page);
  await presentLine(page).click();
  await openPanel(page, 'Inspector');
  await page.locator('.deliveries li', { hasText: 'from quorum-orders to' }).first().waitFor();
  await page.locator('.deliveries li', { hasText: 'from classic-orders to' }).first().waitFor();
  await close();
});
