import { expect, it } from 'vitest';
import { at, drawn, placeOf, settled } from './lab.ts';
import { openPage } from './page.ts';

it('charts show the run, move the playhead by pointer and by key, and say their values', async () => {
  const { page, complaints, close } = await openPage('#scenario=outrun-autoscale&t=5s');
  await settled(page);
  await page.getByRole('tab', { name: 'Charts' }).click();
  const depth = page.getByRole('slider', { name: 'jobs: depth, over time' });
  await expect.poll(() => depth.getAttribute('aria-valuetext')).toMatch(/^0:05\.000: \d+ ready, \d+ in flight/);
  await depth.getByText(/^At the end 0 ready, 0 in flight\. At most \d{3} ready at 0:/).waitFor({ state: 'attached' });

  await depth.focus();
  await page.keyboard.press('ArrowRight');
  expect((await at(page)).timeUs).toBe(5_300_000);
  await page.keyboard.press('PageDown');
  expect((await at(page)).timeUs).toBe(2_300_000);

  const box = await placeOf(depth);
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  await drawn(page);
  expect((await at(page)).timeUs).toBe(2_300_000);
  await page.mouse.down();
  const pressed = (await at(page)).timeUs;
  expect(pressed).toBeGreaterThan(10_000_000);
  expect(pressed).toBeLessThan(18_000_000);
  await page.mouse.move(box.x + box.width * 0.8, y, { steps: 3 });
  await page.mouse.up();
  await expect.poll(async () => (await at(page)).timeUs).toBeGreaterThan(pressed + 5_000_000);
  expect(complaints).toEqual([]);
  await close();
});

it('another run gets other charts, and what a person causes is a band on each of them', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=1s');
  await settled(page);
  await page.getByRole('tab', { name: 'Charts' }).click();
  const depth = page.getByRole('slider', { name: 'photo-jobs: depth, over time' });
  await depth.locator('rect.band').first().waitFor();
  const bands = await depth.locator('rect.band').count();
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await settled(page);
  await expect.poll(async () => depth.getAttribute('aria-valuetext')).toMatch(/worker-2 crashed/);
  await expect.poll(() => depth.locator('rect.band').count()).toBe(bands + 1);
  expect(complaints).toEqual([]);
  await close();
});

it('charts fit a narrow phone', async () => {
  const { page, complaints, close } = await openPage('#scenario=seven-on-six&t=30s', {
    viewport: { width: 360, height: 740 },
  });
  await settled(page);
  await page.getByRole('tab', { name: 'Charts' }).click();
  await page.getByRole('slider', { name: /lag, over time$/ }).waitFor();
  await placeOf(page.locator('.charts svg').last());
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  const rights = await page
    .locator('.charts svg text')
    .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().right));
  expect(rights.length).toBeGreaterThan(5);
  expect(Math.max(...rights)).toBeLessThanOrEqual(360);
  expect(complaints).toEqual([]);
  await close();
});
