import { expect, it } from 'vitest';
import { at, settled } from './lab.ts';
import { openPage } from './page.ts';

it('charts show the run, move the playhead by pointer and by key, and say their values', async () => {
  const { page, complaints, close } = await openPage('#scenario=outrun-autoscale&t=5s');
  await settled(page);
  await page.getByRole('tab', { name: 'Charts' }).click();
  const depth = page.getByRole('slider', { name: 'jobs: depth, over time' });
  await depth.waitFor();
  expect(await depth.getAttribute('aria-valuetext')).toMatch(/^0:05\.000: \d+ ready, \d+ in flight/);
  expect(await depth.getByText(/^At the end 0 ready, 0 in flight\. At most \d{3} ready at 0:/).count()).toBe(1);

  await depth.focus();
  await page.keyboard.press('ArrowRight');
  expect((await at(page)).timeUs).toBe(5_300_000);
  await page.keyboard.press('PageDown');
  expect((await at(page)).timeUs).toBe(2_300_000);

  const box = await depth.boundingBox();
  if (box === null) throw new Error('the chart is not to be seen');
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  expect((await at(page)).timeUs).toBe(2_300_000);
  await page.mouse.down();
  const pressed = (await at(page)).timeUs;
  expect(pressed).toBeGreaterThan(10_000_000);
  expect(pressed).toBeLessThan(18_000_000);
  await page.mouse.move(box.x + box.width * 0.8, y, { steps: 3 });
  await page.mouse.up();
  expect((await at(page)).timeUs).toBeGreaterThan(pressed + 5_000_000);
  expect(complaints).toEqual([]);
  await close();
});

it('another run gets other charts, and what a person causes is a band on each of them', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=9.5s');
  await settled(page);
  await page.getByRole('tab', { name: 'Charts' }).click();
  const depth = page.getByRole('slider', { name: 'photo-jobs: depth, over time' });
  await depth.waitFor();
  const bands = await depth.locator('rect.band').count();
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await settled(page);
  await expect.poll(async () => depth.getAttribute('aria-valuetext')).toMatch(/worker-2 crashed/);
  expect(await depth.locator('rect.band').count()).toBeGreaterThanOrEqual(bands);
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
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  const beyond = await page
    .locator('.charts svg text')
    .evaluateAll((texts) => texts.filter((text) => text.getBoundingClientRect().right > window.innerWidth).length);
  expect(beyond).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});
