import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { anotherRun, at, digestOf, hooks, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

it('a crash by click becomes a line of the scenario, at the same moment, and can be undone', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue&t=9.5s');
  await settled(page);
  const before = await digestOf(page);
  await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, crashed/ }).waitFor();
  await page
    .getByText('at: 9s 500ms, crash: worker-2, restart: 5s')
    .or(page.getByText('at: 9.5s, crash: worker-2, restart: 5s'))
    .waitFor();
  await settled(page);
  expect((await at(page)).timeUs).toBe(9_500_000);
  const after = await digestOf(page);
  expect(after).not.toBe(before);
  expect(await hooks(page, 'stage')).toContain('worker-2 down');
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('button', { name: /^Consumer worker-2, (?!crashed)/ }).waitFor();
  await settled(page);
  expect(await digestOf(page)).toBe(before);
  expect(complaints).toEqual([]);
  await close();
});

it('another seed is another run, and the first seed gives the first digest again', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue');
  await settled(page);
  const first = await digestOf(page);
  const seed = page.getByRole('textbox', { name: /^Seed/ });
  await seed.fill('42');
  await seed.press('Enter');
  const other = await anotherRun(page, first);
  await seed.fill('1');
  await seed.press('Enter');
  expect(await anotherRun(page, other)).toBe(first);
  expect(complaints).toEqual([]);
  await close();
});

it('a verdict leads to the fact that proves it', async () => {
  const { page, complaints, close } = await openPage('#scenario=crash-after-effect-increment');
  await settled(page);
  await page
    .getByRole('button', { name: /exactly once effect/ })
    .first()
    .click();
  await presentLine(page)
    .filter({ hasText: /wrote message 2 .*again/ })
    .waitFor();
  expect((await at(page)).fact).toBeGreaterThan(0);
  expect(await hooks(page, 'stage')).toContain('twice 1');
  expect(complaints).toEqual([]);
  await close();
});

it('an exercise is lost untouched, and won through the form on seeds that are not shown', async () => {
  const { page, complaints, close } = await openPage('#scenario=retry-limit');
  await settled(page);
  await page.getByText('Every good photo is in the store').waitFor();
  expect(await page.locator('.exercise li.missed').count(), 'nothing is told before the guess').toBe(0);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('.exercise li.missed').first().waitFor();
  const reason = page.getByText('Every third good photo is thrown away at its first mishap.');
  await reason.waitFor();
  await page.getByLabel('Attempts before a message is put aside').selectOption({ label: '8' });
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.locator('.exercise li.met').nth(1).waitFor();
  expect(await reason.count(), 'nothing is wrong any more').toBe(0);
  await page.getByRole('button', { name: 'Grade on 20 hidden seeds' }).click();
  await page.getByText(/^Solved: the goals hold/).waitFor();
  await page.getByText('The limit must be high enough').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a link holds scenario, seed and moment, and a whole scenario too', async () => {
  const named = await openPage('#scenario=worker-crash&seed=42&t=7s');
  await settled(named.page);
  expect((await at(named.page)).timeUs).toBe(7_000_000);
  expect(await named.page.getByRole('textbox', { name: /^Seed/ }).inputValue()).toBe('42');
  await named.close();

  const text = readFileSync('scenarios/delivery/worker-crash.yaml', 'utf8').replace(
    /^title: .*$/m,
    'title: "<b>Mine</b>"',
  );
  const whole = await openPage(`#yaml=${Buffer.from(text).toString('base64url')}`);
  await settled(whole.page);
  await whole.page.getByText('<b>Mine</b>').first().waitFor();
  expect(whole.complaints).toEqual([]);
  await whole.close();

  const broken = await openPage(`#yaml=${Buffer.from('title: [').toString('base64url')}`);
  await broken.page.getByText('This scenario cannot be run.').waitFor();
  expect(broken.complaints).toEqual([]);
  await broken.close();
});

it('every scenario of the library has the digest in the browser that Node has', async () => {
  expect(existsSync('scenarios/digests.json'), 'scenarios/digests.json').toBe(true);
  const expected: Record<string, string> = JSON.parse(readFileSync('scenarios/digests.json', 'utf8'));
  const { page, complaints, close } = await openPage();
  await settled(page);
  const found = await page.evaluate(
    async (lanes) => {
      const digests: Record<string, string> = {};
      for (const { name, lesson, text } of await window.queuelab.library()) {
        digests[`${lesson}/${name}`] = await window.queuelab.run(text);
        const others = lanes.filter((one) => one.startsWith(`${lesson}/${name}@`));
        for (const lane of others) digests[lane] = await window.queuelab.run(text, null, lane.split('@')[1]);
      }
      return digests;
    },
    Object.keys(expected).filter((name) => name.includes('@')),
  );
  const sorted = (digests: Record<string, string>): [string, string][] => Object.entries(digests).sort();
  expect(sorted(found)).toEqual(sorted(expected));
  expect(complaints).toEqual([]);
  await close();
}, 240_000);
