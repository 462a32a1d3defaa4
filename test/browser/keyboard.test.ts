// Nothing but keys: no pointer, and no focus that a test sets by itself.
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { SHORTCUTS } from '../../web/shortcuts.ts';
import { at, digestOf, hooks, settled } from './lab.ts';
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
  await page.getByRole('dialog', { name: 'What to do to counter-1' }).waitFor();
  await keyboard.press('Escape');
  expect((await focused(page)).name, 'Escape gives the focus back').toMatch(/^Consumer counter-1/);
  await keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'What to do to counter-1' }).waitFor();
  expect((await focused(page)).name).toBe('Crash');
  await keyboard.press('Enter');
  await page.waitForFunction((digest) => document.querySelector(`[data-digest="${digest}"]`) === null, before);
  await settled(page);
  expect(await digestOf(page)).not.toBe(before);

  await tabTo(page, /^exactly once effect.*violated/);
  await keyboard.press('Enter');
  expect(await page.locator('.log button[aria-current="step"]').innerText()).toMatch(/wrote message 2 .*again/);
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
  await lines.getByRole('listitem').first().waitFor();
  expect(await lines.getByRole('listitem').count()).toBe(SHORTCUTS.length);
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
  const box = await why.boundingBox();
  expect(box?.width).toBeGreaterThan(40);
  expect(box?.x).toBeGreaterThanOrEqual(0);
  expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390);
  const described = await back.getAttribute('aria-describedby');
  expect(await page.locator(`[id="${described}"]`).innerText()).toBe('this is the start');
  await close();
});

it('nothing moves between two facts for those who ask for stillness', async () => {
  const { page, complaints, close } = await openPage('#scenario=first-message&t=1s', { reducedMotion: 'reduce' });
  await settled(page);
  await page.keyboard.press('Space');
  const seen = await page.evaluate(
    () =>
      new Promise<readonly (readonly [number, number])[]>((resolve) => {
        const moments = new Map<number, number>();
        const until = performance.now() + 2_600;
        const frame = (): void => {
          const { timeUs, fact } = window.queuelab.moment();
          moments.set(timeUs, fact);
          if (performance.now() < until) requestAnimationFrame(frame);
          else resolve([...moments]);
        };
        frame();
      }),
  );
  await page.keyboard.press('Space');
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.length, 'moments in 2.6 s').toBeLessThanOrEqual(6);
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
      new Promise<readonly string[]>((resolve) => {
        const region = [...document.querySelectorAll('p[aria-live="polite"]')].at(-1) as HTMLElement;
        const said: string[] = [];
        new MutationObserver(() => said.push(region.innerText)).observe(region, {
          childList: true,
          characterData: true,
          subtree: true,
        });
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }));
        setTimeout(() => resolve(said), 5_000);
      }),
  );
  expect(heard.length).toBeGreaterThan(0);
  expect(heard.length).toBeLessThanOrEqual(3);
  expect(heard.join(' ')).toContain('packer crashed.');
  expect(heard.join(' ')).not.toContain('made message');
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
