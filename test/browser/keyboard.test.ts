// Nothing but keys: no pointer, and no focus that a test sets by itself.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { SHORTCUTS } from '../../web/shortcuts.ts';
import { anotherRun, at, digestOf, hooks, placeOf, presentLine, settled } from './lab.ts';
import { openPage } from './page.ts';

/** What has the focus: its name, and whether that is seen. */
async function focused(page: Page): Promise<{ readonly name: string; readonly isSeen: boolean }> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return { name: '', isSeen: true };
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const name = (element.getAttribute('aria-label') ?? element.textContent ?? '').replace(/\s+/g, ' ').trim();
    return {
      name: name === '' ? element.outerHTML.slice(0, 120) : name,
      isSeen: outlineStyle !== 'none' && outlineWidth !== '0px',
    };
  });
}

/** Walks with Tab until something of this name has the focus. Each stop on the way must be seen. */
async function tabTo(page: Page, name: RegExp, most = 90): Promise<void> {
  const passed: string[] = [];
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    expect(now.isSeen, `focus on "${now.name}"`).toBe(true);
    if (name.test(now.name)) return;
    passed.push(now.name.slice(0, 40));
  }
  throw new Error(`Tab does not lead to ${name}; it passed ${passed.join(' | ')}`);
}

it('keys lead from the scenarios through a crash to the witness of a violation, and each focus is seen', async () => {
  const { page, complaints, close } = await openPage('', { reducedMotion: 'reduce' });
  await settled(page);
  const { keyboard } = page;
  await keyboard.press('s');
  await page.getByRole('dialog', { name: 'Scenarios' }).waitFor();
  await tabTo(page, /add 1/);
  await keyboard.press('Enter');
  await page.waitForFunction(() => document.title.includes('add 1'));
  await settled(page);
  const before = await digestOf(page);

  // After the violation, so that it stays.
  await keyboard.press('End');
  await keyboard.press('ArrowLeft');
  await tabTo(page, /^Consumer counter-1/);
  await keyboard.press('Enter');
  const menu = page.getByRole('dialog', { name: 'What to do to counter-1' });
  await menu.waitFor();
  await keyboard.press('Escape');
  await menu.waitFor({ state: 'detached' });
  await expect
    .poll(async () => (await focused(page)).name, { message: 'Escape gives the focus back' })
    .toMatch(/^Consumer counter-1/);
  await keyboard.press('Enter');
  await menu.waitFor();
  await expect.poll(async () => (await focused(page)).name).toBe('Crash');
  await keyboard.press('Enter');
  await anotherRun(page, before);

  await tabTo(page, /^exactly once effect.*violated/);
  await keyboard.press('Enter');
  await presentLine(page)
    .filter({ hasText: /wrote message 2 .*again/ })
    .waitFor();
  expect(await hooks(page, 'stage')).toContain('twice 1');
  expect(complaints).toEqual([]);
  await close();
});

it('every key has a labelled button, which does what the key does, or says why it cannot', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue', { reducedMotion: 'reduce' });
  await settled(page);
  await page.keyboard.press('Home');
  await page.keyboard.press('?');
  const lines = page.getByRole('dialog', { name: 'Signs and keys' }).getByRole('list', { name: 'Keys' });
  await expect.poll(() => lines.getByRole('listitem').count()).toBe(SHORTCUTS.length);
  for (const { does, command } of SHORTCUTS) {
    const button = lines.getByRole('button', { name: command === 'help' ? 'close this' : does }).first();
    expect(await button.count(), does).toBe(1);
    const isDisabled = (await button.getAttribute('aria-disabled')) === 'true';
    if (isDisabled) expect(await button.innerText(), does).toMatch(/\(\w.*\)/);
  }
  const back = lines.getByRole('button', { name: 'one fact back' });
  expect(await back.innerText()).toContain('this is the start');
  await back.press('Enter');
  expect((await at(page)).fact, 'a disabled line does nothing').toBe(0);
  await lines.getByRole('button', { name: 'one fact forwards' }).press('Enter');
  await page.waitForFunction(() => window.queuelab.moment().fact === 1);
  expect(complaints).toEqual([]);
  await close();
});

it('a button that can do nothing says why in words, when it has the focus and when it is tapped', async () => {
  const { page, close } = await openPage('#scenario=photo-queue', {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
  });
  await settled(page);
  await page.keyboard.press('Home');
  const back = page.getByRole('button', { name: 'One fact back' });
  await back.tap({ force: true });
  const why = back.getByText('this is the start');
  const box = await placeOf(why);
  expect(box.width).toBeGreaterThan(40);
  expect(box.x).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(390);
  const described = await back.getAttribute('aria-describedby');
  expect(await page.locator(`[id="${described}"]`).innerText()).toBe('this is the start');
  await close();
});

it('nothing moves between two facts for those who ask for stillness', async () => {
  const { page, complaints, close } = await openPage('#scenario=first-message&t=1s', { reducedMotion: 'reduce' });
  await settled(page);
  await page.keyboard.press('Space');
  // How long each of the next moments is shown, ms.
  const shown = await page.evaluate(
    () =>
      new Promise<readonly number[]>((resolve) => {
        let { timeUs } = window.queuelab.moment();
        const changes: number[] = [];
        const frame = (now: number): void => {
          const before = timeUs;
          timeUs = window.queuelab.moment().timeUs;
          if (timeUs !== before) changes.push(now);
          if (changes.length < 4) requestAnimationFrame(frame);
          else resolve(changes.slice(1).map((at, i) => at - (changes[i] ?? at)));
        };
        requestAnimationFrame(frame);
      }),
  );
  await page.keyboard.press('Space');
  expect(Math.min(...shown), 'ms from one moment to the next').toBeGreaterThan(400);
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll('*')]
      .filter((element) => {
        const { transitionDuration, transitionProperty, animationName, scrollBehavior } = getComputedStyle(element);
        const changes = transitionProperty !== 'none' && transitionDuration.split(', ').some((time) => time !== '0s');
        return changes || animationName !== 'none' || scrollBehavior === 'smooth';
      })
      .map((element) => element.className.toString()),
  );
  expect(moving).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it('while it plays, what is said is notable and slow; a pause and a jump say where one is', async () => {
  const { page, close } = await openPage('#scenario=first-message&t=9.9s');
  await settled(page);
  const heard = await page.evaluate(
    () =>
      new Promise<readonly { readonly words: string; readonly atMs: number }[]>((resolve) => {
        const region = [...document.querySelectorAll('p[aria-live="polite"]')].at(-1) as HTMLElement;
        const said: { readonly words: string; readonly atMs: number }[] = [];
        new MutationObserver(() => {
          said.push({ words: region.innerText, atMs: performance.now() });
          if (said.length === 2) resolve(said);
        }).observe(region, { childList: true, characterData: true, subtree: true });
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }));
      }),
  );
  const [first, second] = heard;
  expect(first?.words).toContain('packer crashed.');
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0), 'ms between two sentences').toBeGreaterThan(3_000);
  for (const { words } of heard) expect(words).not.toContain('made message');
  const live = page.locator('p[aria-live="polite"]').last();
  await page.keyboard.press('Home');
  await live.getByText('At the start.').waitFor({ state: 'attached' });
  await page.keyboard.press('n');
  await live.getByText(/^At 0:\d\d\.\d{3}\. /).waitFor({ state: 'attached' });
  await page.keyboard.press('Space');
  await page.keyboard.press('Space');
  await live.getByText(/^Paused at 0:/).waitFor({ state: 'attached' });
  await close();
});
