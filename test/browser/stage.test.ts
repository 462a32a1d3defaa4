import { expect, it } from 'vitest';
import { at, drawn, hooks, placeOf, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

it('the default scenario is on the stage at once, and plays', async () => {
  const { page, complaints, close } = await openPage();
  await settled(page);
  await page.getByRole('button', { name: /^Consumer worker-1, idle/ }).waitFor();
  expect(await page.title()).toContain('photo upload');
  await page.getByRole('button', { name: 'Play' }).click();
  await page.waitForFunction(() => window.queuelab.moment().timeUs > 1_100_000);
  await page.getByRole('button', { name: 'Pause' }).click();
  await expect.poll(async () => (await at(page)).playing).toBe(false);
  expect(complaints).toEqual([]);
  await close();
});

it('steps forwards and back show what a fold from the first fact shows', async () => {
  const { page, complaints, close } = await openPage('#scenario=visibility-too-short', { reducedMotion: 'reduce' });
  await settled(page);
  const forwards = page.getByRole('button', { name: 'One fact forwards' });
  const back = page.getByRole('button', { name: 'One fact back' });
  const seen: string[] = [];
  await hooks(page, 'goToFact', 12);
  for (let i = 0; i < 12; i++) {
    await forwards.click();
    expect((await at(page)).fact).toBe(13 + i);
    const stage = await hooks(page, 'stage');
    expect(stage).toBe(await hooks(page, 'stageFromStart'));
    seen.push(stage);
  }
  expect(new Set(seen).size).toBe(12);
  for (let i = 10; i >= 0; i--) {
    await back.click();
    expect(await hooks(page, 'stage')).toBe(seen[i]);
  }
  expect(complaints).toEqual([]);
  await close();
});

it('a step glides, and ends at its fact', async () => {
  const { page, close } = await openPage('#scenario=photo-queue&t=1s');
  await settled(page);
  const before = (await at(page)).fact;
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((fact) => window.queuelab.moment().fact === fact + 1, before);
  await drawn(page, 20);
  expect((await at(page)).fact).toBe(before + 1);
  await close();
});

it('the timeline is scrubbed, and the log follows', async () => {
  const { page, complaints, close } = await openPage('#scenario=rides-by-city');
  await settled(page);
  const timeline = page.getByRole('slider', { name: 'Time', exact: true });
  const box = await placeOf(timeline);
  for (const share of [0.8, 0.2, 0.55]) {
    await page.mouse.click(box.x + box.width * share, box.y + 15);
    await expect.poll(async () => (await at(page)).timeUs / 60_000_000).toBeCloseTo(share, 2);
    const { timeUs, fact } = await at(page);
    expect(await hooks(page, 'stage')).toBe(await hooks(page, 'stageFromStart'));
    expect(fact).toBeGreaterThan(0);
    // The log's time is at the moment, or less than a second before it.
    const before = async (): Promise<number> =>
      timeUs / 1_000_000 - Number(/[\d.]+/.exec(await presentLine(page).innerText())?.[0]);
    await expect.poll(before).toBeLessThan(1);
    expect(await before()).toBeGreaterThanOrEqual(0);
  }
  expect(complaints).toEqual([]);
  await close();
});

it('a line of the log moves the playhead and selects its message, whose story says why', async () => {
  const { page, complaints, close } = await openPage('#scenario=crash-after-effect-increment&t=13s');
  await settled(page);
  await page
    .getByRole('button', { name: /wrote message 2 to post-counts again/ })
    .first()
    .click();
  await expect.poll(async () => (await at(page)).timeUs).toBeGreaterThan(13_000_000);
  await page.getByRole('heading', { name: 'Message 2, why twice?' }).waitFor();
  await page.getByRole('tab', { name: 'Inspector' }).click();
  await page.locator('.deliveries li').nth(1).waitFor();
  await expect.poll(() => page.locator('.deliveries li').count()).toBe(2);
  expect(complaints).toEqual([]);
  await close();
});

it('a narrow screen has no sideways scroll, and shows stage, log and steps', async () => {
  const { page, complaints, close } = await openPage('#scenario=order-fan-out&t=3s', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
  });
  await settled(page);
  const button = await placeOf(page.getByRole('button', { name: 'One fact forwards' }));
  expect(button.height).toBeGreaterThanOrEqual(44);
  expect(button.x + button.width).toBeLessThanOrEqual(390);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide).toBeLessThanOrEqual(390);
  await page.getByRole('region', { name: 'Log' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('the stage is drawn larger by key and by button, is pointed at there too, and fits again', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=6.3s');
  await settled(page);
  const fit = page.getByRole('button', { name: 'Fit the stage' });
  await expect.poll(() => fit.getAttribute('title')).toContain('all of it is in sight');
  const queue = page.getByRole('article', { name: /^Queue photo-jobs/ });
  const small = await placeOf(queue);
  await page.keyboard.press('z');
  await page.getByRole('button', { name: 'Larger stage' }).click();
  await expect.poll(async () => (await placeOf(queue)).width / small.width).toBeCloseTo(2.25, 1);
  const large = await placeOf(queue);
  // The ready message next to the middle of the lane.
  await page.mouse.move(large.x + large.width * 0.45, large.y + large.height * 0.235, { steps: 2 });
  await page.locator('.hint').getByText('essage').waitFor();
  await page.keyboard.press('0');
  await expect.poll(() => placeOf(queue)).toEqual(small);
  expect(complaints).toEqual([]);
  await close();
});

it('moments are marked by key and button, found again, and marked on the timeline with the captions', async () => {
  const { page, complaints, close } = await openPage('#scenario=visibility-too-short&t=3s', {
    reducedMotion: 'reduce',
  });
  await settled(page);
  await page.keyboard.press('b');
  await page.getByRole('button', { name: 'Remove the bookmark here' }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('button', { name: 'Bookmark this moment' }).click();
  await page.getByRole('button', { name: 'Remove the bookmark here' }).waitFor();
  await page.keyboard.press('Shift+B');
  await expect.poll(async () => (await at(page)).timeUs).toBe(3_000_000);
  await page.keyboard.press('Home');
  await page.getByRole('button', { name: 'Bookmark at 0:03.000: go there' }).click();
  await expect.poll(async () => (await at(page)).timeUs).toBe(3_000_000);
  await page.getByRole('button', { name: 'Remove the bookmark here' }).click();
  await expect.poll(() => page.getByRole('button', { name: /^Bookmark at/ }).count()).toBe(1);
  await page
    .getByRole('button', { name: /^Caption at/ })
    .first()
    .click();
  await page
    .getByRole('complementary', { name: 'What to look at' })
    .filter({ hasText: 'Five seconds are over' })
    .waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('at a high speed it slows down for what is notable, when that is wished', async () => {
  const { page, complaints, close } = await openPage('#scenario=visibility-too-short&t=5.5s');
  await settled(page);
  await page.keyboard.press('i');
  await page.getByRole('checkbox', { name: /slow at interesting parts/, checked: true }).waitFor();
  for (let i = 0; i < 9; i++) await page.keyboard.press('+');
  await page.keyboard.press('Space');
  const passed = await page.evaluate(async () => {
    while (window.queuelab.moment().timeUs <= 6_060_000) await new Promise(requestAnimationFrame);
    return window.queuelab.moment().timeUs;
  });
  await page.keyboard.press('Space');
  // One frame at this speed would be far beyond what the lock's end led to.
  expect(passed).toBeLessThan(9_000_000);
  expect(complaints).toEqual([]);
  await close();
});

it('where there are hundreds of them, instances are cells of one box, and the stage fits', async () => {
  const text = [
    'title: Many',
    'broker: sqs',
    'duration: 3s',
    'queues: { jobs: {} }',
    'producers: { app: { to: jobs, rate: 100/s } }',
    'consumers: { worker: { from: jobs, count: 300, process: 300ms } }',
  ].join('\n');
  const { page, complaints, close } = await openPage();
  await settled(page);
  await page.evaluate((yaml) => window.queuelab.open(yaml), text);
  await page.getByRole('article', { name: /^300 consumers worker/ }).waitFor();
  await settled(page);
  await page.keyboard.press('End');
  await expect
    .poll(() => page.locator('.scroller').evaluate((one) => one.scrollHeight <= one.clientHeight + 1))
    .toBe(true);
  expect(complaints).toEqual([]);
  await close();
});

it('a message of a pipeline leads to what was made of it', async () => {
  const { page, complaints, close } = await openPage('#scenario=video-upload&t=30s');
  await settled(page);
  await page.getByRole('tab', { name: 'Inspector' }).click();
  await page.getByRole('textbox', { name: 'message' }).fill('1');
  await page.getByRole('button', { name: 'Show' }).click();
  await page
    .getByRole('button', { name: /^Led to message \d+ in thumbnails/ })
    .first()
    .click();
  await page.getByRole('button', { name: 'Made of message 1 in uploads: select it' }).click();
  await page.getByRole('heading', { name: 'Message 1', exact: true }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});
