import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { at, drawn, placeOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const PLANE = 'Space-time diagram: time';

async function openDiagram(page: Page): Promise<void> {
  await settled(page);
  await page.getByRole('tab', { name: 'Diagram' }).click();
  const plane = page.getByRole('slider', { name: PLANE });
  await plane.waitFor();
  // Before it is drawn it is as high as the panel, and says so in three dots.
  await page.waitForFunction(() => !/^\s*(…|Drawn when|$)/.test(document.querySelector('.told')?.textContent ?? ''));
}

/** How many points of the canvas are drawn on. */
async function inked(page: Page): Promise<number> {
  return page.locator('.plane canvas').evaluate((canvas) => {
    if (!(canvas instanceof HTMLCanvasElement)) return 0;
    const copy = document.createElement('canvas');
    copy.width = canvas.width;
    copy.height = canvas.height;
    const context = copy.getContext('2d', { willReadFrequently: true });
    context?.drawImage(canvas, 0, 0);
    const data = context?.getImageData(0, 0, copy.width, copy.height).data ?? [];
    let n = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] !== 0) n++;
    return n;
  });
}

it('arrow keys walk from fact to fact of the diagram, and say them', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash');
  await openDiagram(page);
  const plane = page.getByRole('slider', { name: PLANE });
  await plane.focus();
  const told: string[] = [];
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press('ArrowDown');
    told.push((await plane.getAttribute('aria-valuetext')) ?? '');
  }
  expect(new Set(told).size).toBe(6);
  expect(told.join('\n')).toMatch(/made message 1/);
  const { fact } = await at(page);
  await page.keyboard.press('ArrowUp');
  expect((await at(page)).fact).toBeLessThan(fact);
  expect(complaints).toEqual([]);
  await close();
});

it('a click on the diagram goes to a fact and selects its message; elsewhere, to that time', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash');
  await openDiagram(page);
  const plane = page.getByRole('slider', { name: PLANE });
  await plane.focus();
  await page.keyboard.press('ArrowDown');
  const canvas = await placeOf(page.locator('.plane canvas'));
  await page.mouse.click(canvas.x + 20, canvas.y + canvas.height * 0.7);
  await expect.poll(async () => (await at(page)).timeUs).toBeGreaterThan(0);
  // The first lifeline, from top to bottom, until something on it answers.
  const pointing = page.locator('.plane.pointing');
  for (let y = 4; y < canvas.height && (await pointing.count()) === 0; y += 6) {
    await page.mouse.move(canvas.x + 64 + (canvas.width - 72) * 0.09, canvas.y + y);
    await drawn(page, 1);
  }
  expect(await pointing.count()).toBe(1);
  const told = await page.locator('.told').innerText();
  await page.mouse.down();
  await page.mouse.up();
  await page.getByText(/follow message \d+/).waitFor();
  const { timeUs } = await at(page);
  expect(told).toContain((timeUs / 1_000_000).toFixed(3));
  expect(complaints).toEqual([]);
  await close();
});

it('who is hidden is drawn no more, a followed message alone stays, and quiet time may be let be', async () => {
  const { page, complaints, close } = await openPage('#scenario=with-dlq&t=12s');
  await openDiagram(page);
  const high = (): Promise<number> =>
    page.locator('.plane').evaluate((plane) => (plane instanceof HTMLElement ? plane.offsetHeight : 0));
  const heads = page.locator('.heads button');
  const before = await heads.count();
  const cut = await high();
  await page.locator('.actors summary').click();
  await page.getByRole('group', { name: 'What is shown' }).getByLabel('resizer-1').uncheck();
  await expect.poll(() => heads.count()).toBe(before - 1);
  await page.locator('.actors summary').click();
  await page.getByRole('tab', { name: 'Log' }).click();
  await page.locator('.log li button').first().click();
  await page.getByRole('tab', { name: 'Diagram' }).click();
  await expect.poll(() => heads.count(), { message: 'the panel is found as it was left' }).toBe(before - 1);
  await page.getByLabel(/follow message/).check();
  await expect.poll(high).toBeLessThan(cut / 2);
  await page.getByLabel(/follow message/).uncheck();
  await page.getByLabel('cut quiet time').uncheck();
  await expect.poll(high).toBeGreaterThan(cut * 2);
  expect(complaints).toEqual([]);
  await close();
});

it('the playhead stays in sight of the diagram, wherever it goes', async () => {
  const { page, complaints, close } = await openPage('#scenario=rides-by-city', { reducedMotion: 'reduce' });
  await openDiagram(page);
  const top = (): Promise<number> => page.locator('.diagram .box').evaluate((box) => box.scrollTop);
  await page.keyboard.press('End');
  await expect.poll(top).toBeGreaterThan(10_000);
  await expect.poll(() => inked(page)).toBeGreaterThan(1_000);
  await page.keyboard.press('Home');
  await expect.poll(top).toBe(0);
  await expect.poll(() => inked(page)).toBeGreaterThan(1_000);
  expect(complaints).toEqual([]);
  await close();
});

it('a name over a lifeline opens the inspector on that actor', async () => {
  const { page, complaints, close } = await openPage('#scenario=worker-crash&t=8s');
  await openDiagram(page);
  await page.locator('.heads').getByRole('button', { name: 'resizer-1' }).click();
  await page
    .getByRole('region', { name: 'Inspector' })
    .getByRole('heading', { name: 'resizer-1', exact: true })
    .waitFor();
  expect(complaints).toEqual([]);
  await close();
});
