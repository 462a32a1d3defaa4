/**
 * How fast the page is: `npm run bench:web`, with `-- --json` for one JSON object. The built app in headless Chromium without a graphics card: how much the
 * first load weighs and how soon the page can be used; frames while thousands of messages are in transit; scrubbing a long run to a painted stage; how long the page
 * is kept from answering while a long run comes in. Each figure stands beside the one that is wanted. It measures and judges nothing: the exit status is 0 whatever
 * comes out. Each time is that of the best of several rounds, because other work on the machine only ever adds to it. `-- load frames scrub busy` measures only some;
 * `-- --rounds 5` repeats more often. QUEUELAB_WEB names a folder with the built app, which is then not built anew.
 */
import { readFileSync } from 'node:fs';
import type { CDPSession, Page } from 'playwright-core';
import { seekTargets } from '../sim/folds/keyframes.ts';
import { type BuiltPage, openBuiltPage } from './built-page.ts';
import { atMost, benchArguments, type Figure, figure, printFigures } from './figures.ts';

const SECTIONS = ['load', 'frames', 'scrub', 'busy'] as const;
type Section = (typeof SECTIONS)[number];

const VIEWPORT = { width: 1440, height: 900 };
/** Frames that are looked at in one round. */
const FRAMES = 150;
const SCRUBS = 120;

/** What `watchFrames` finds. Times in ms. */
interface Watched {
  /** From one frame's beginning to the next one's. */
  readonly gaps: readonly number[];
  /** Of the page's thread over all these frames. */
  readonly tasks: readonly number[];
}

const options = benchArguments(SECTIONS, 3);
const { rounds } = options;
const built = await openBuiltPage();
try {
  await printFigures(SECTIONS, options, measure);
} finally {
  await built.close();
}

function measure(section: Section): Promise<readonly Figure[]> {
  switch (section) {
    case 'load':
      return loadFigures(built);
    case 'frames':
      return framesFigures(built);
    case 'scrub':
      return scrubFigures(built);
    case 'busy':
      return busyFigures(built);
    default:
      return section satisfies never;
  }
}

// ── First load ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A first visit: nothing is in the cache. The page can be used when a run is on its painted stage and a button answers. */
async function loadFigures({ browser, url, served }: BuiltPage): Promise<readonly Figure[]> {
  let bestMs = Number.POSITIVE_INFINITY;
  let bytes = 0;
  let script = 0;
  let later = 0;
  for (let round = 0; round < rounds; round++) {
    const context = await browser.newContext({ viewport: VIEWPORT });
    const page = await context.newPage();
    await page.addInitScript(() => {
      const look = (): void => {
        const isThere = document.querySelector('button:enabled') !== null && (window.queuelab?.moment().facts ?? 0) > 0;
        if (!isThere) requestAnimationFrame(look);
        else
          requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => Object.assign(window, { usableAtMs: performance.now() });
            port2.postMessage(null);
          });
      };
      requestAnimationFrame(look);
    });
    served.length = 0;
    await page.goto(url);
    const usable = await page.waitForFunction(() => {
      const at: unknown = Reflect.get(window, 'usableAtMs');
      return typeof at === 'number' ? { at, since: performance.timeOrigin } : null;
    });
    const { at, since } = (await usable.jsonValue()) as { at: number; since: number };
    await page.waitForTimeout(1500);
    if (at < bestMs) {
      const before = served.filter(({ atMs }) => atMs <= since + at);
      bestMs = at;
      bytes = sum(before.map((one) => one.bytes));
      script = sum(before.filter(({ path }) => path.endsWith('.js')).map((one) => one.bytes));
      later = sum(served.map((one) => one.bytes)) - bytes;
    }
    await context.close();
  }
  return [
    atMost('first load: transferred before the page can be used', bytes / 1000, 150, 'kB'),
    figure('first load: of that, scripts', script / 1000, 'kB'),
    figure('first load: what comes right after', later / 1000, 'kB'),
    atMost('first load: usable after', bestMs, 1500, 'ms'),
  ];
}

// ── Frames ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The player plays a run in which so many messages are on their way all the time, with the whole page around it. */
async function framesFigures(built: BuiltPage): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { tokens, rate, bound } of [
    { tokens: 2_000, rate: 145, bound: 17 },
    { tokens: 10_000, rate: 740, bound: 34 },
  ]) {
    const text = readFileSync('test/bench/transit.yaml', 'utf8').replace('740/s', `${rate}/s`);
    const name = `frame with ${tokens.toLocaleString('en')} messages in transit`;
    let best = Number.POSITIVE_INFINITY;
    let busy = Number.POSITIVE_INFINITY;
    let inTransit = 0;
    await onPage(built, async (page, session) => {
      await open(page, text);
      for (let round = 0; round < rounds; round++) {
        await page.evaluate(() => window.queuelab.goToTime(4_000_000));
        await page.getByRole('button', { name: 'Play' }).click();
        await page.waitForTimeout(300);
        inTransit = await page.evaluate(() => window.queuelab.inTransit());
        const before = await taskMs(session);
        const { gaps } = await watchFrames(page, FRAMES);
        busy = Math.min(busy, ((await taskMs(session)) - before) / gaps.length);
        best = Math.min(best, rank(gaps, 0.95));
      }
    });
    figures.push(
      figure(`${name}: are there`, inTransit, ''),
      atMost(`${name}: 95th percentile`, best, bound, 'ms'),
      // A frame's own work; the time between two frames is that of the screen, a sixtieth of a second or a multiple.
      atMost(`${name}: work of the page's thread, mean`, busy, tokens === 2_000 ? 16 : bound, 'ms'),
    );
  }
  return figures;
}

// ── Scrubbing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** To moments anywhere in a run of a million facts, each until the frame that shows it has been painted. */
async function scrubFigures(built: BuiltPage): Promise<readonly Figure[]> {
  const text = `${readFileSync('test/bench/w2.yaml', 'utf8')}\nlimits: { facts: 1000000 }\n`;
  const figures: Figure[] = [];
  await onPage(built, async (page) => {
    await open(page, text);
    const facts = await page.evaluate(() => window.queuelab.moment().facts);
    figures.push(figure('scrub: facts in the trace', facts, ''));
    for (const tab of ['Log', 'Diagram', 'Charts', 'Ledger']) {
      await page.getByRole('tab', { name: tab, exact: true }).click();
      await page.waitForTimeout(1500);
      let best: readonly number[] = [Number.POSITIVE_INFINITY];
      for (let round = 0; round < rounds; round++) {
        const times = await scrub(page, seekTargets({ count: facts }, SCRUBS));
        if (rank(times, 0.95) < rank(best, 0.95)) best = times;
      }
      if (tab === 'Log') {
        figures.push(
          figure('scrub: to a painted stage, median', rank(best, 0.5), 'ms'),
          atMost('scrub: to a painted stage, 95th percentile', rank(best, 0.95), 50, 'ms'),
        );
      } else
        figures.push(
          atMost(`scrub: the same with ${tab.toLowerCase()} open, 95th percentile`, rank(best, 0.95), 50, 'ms'),
        );
    }
  });
  return figures;
}

/** Begins each at the beginning of a frame and ends with the frame that shows it. */
async function scrub(page: Page, facts: readonly number[]): Promise<readonly number[]> {
  return page.evaluate(async (targets) => {
    const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));
    const painted = (): Promise<void> =>
      new Promise((resolve) => {
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve();
          port2.postMessage(null);
        });
      });
    const times: number[] = [];
    for (const fact of targets) {
      await frame();
      const before = performance.now();
      window.queuelab.goToFact(fact);
      await painted();
      times.push(performance.now() - before);
      if (window.queuelab.moment().fact !== fact) throw new Error(`the playhead is not at fact ${fact}`);
    }
    return times;
  }, facts);
}

// ── Long runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How long the page's thread is kept from answering while 200,000 messages are run, judged, folded and drawn. */
async function busyFigures(built: BuiltPage): Promise<readonly Figure[]> {
  const text = readFileSync('test/bench/w2.yaml', 'utf8');
  let wallMs = Number.POSITIVE_INFINITY;
  let gap = Number.POSITIVE_INFINITY;
  let task = Number.POSITIVE_INFINITY;
  let tasks = 0;
  let messages = 0;
  for (let round = 0; round < rounds; round++) {
    await onPage(built, async (page) => {
      const watched = watchFrames(page, null);
      const before = performance.now();
      await open(page, text);
      wallMs = Math.min(wallMs, performance.now() - before);
      await page.evaluate(() => window.dispatchEvent(new Event('watched-enough')));
      const found = await watched;
      const longest = Math.max(0, ...found.tasks);
      if (longest < task || (longest === task && found.tasks.length < tasks)) {
        task = longest;
        tasks = found.tasks.length;
      }
      gap = Math.min(gap, Math.max(...found.gaps));
      messages = await page.evaluate(() => window.queuelab.moment().messages);
    });
  }
  return [
    figure('long run: messages', messages, ''),
    figure('long run: until all is judged and can be sought', wallMs, 'ms'),
    atMost('long run: longest task of the page (0: none over 50 ms)', task, 50, 'ms'),
    figure('long run: tasks over 50 ms', tasks, ''),
    figure('long run: longest time without a frame', gap, 'ms'),
  ];
}

// ── Doing and watching ────────────────────────────────────────────────────────────────────────────────────────────────

async function onPage(
  { browser, url }: BuiltPage,
  act: (page: Page, session: CDPSession) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: VIEWPORT });
  // Of somebody who has taken the tour.
  await context.addInitScript(() => localStorage.setItem('queuelab.tour', 'taken'));
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`the page threw: ${error.message}`));
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable');
  await page.goto(url);
  await page.waitForFunction(() => window.queuelab?.idle() === true);
  await act(page, session);
  await context.close();
}

/** Runs a scenario's text and waits until all of it can be sought and is charted. */
async function open(page: Page, text: string): Promise<void> {
  await page.evaluate((yaml) => window.queuelab.open(yaml), text);
  await page.waitForFunction(() => window.queuelab.idle(), undefined, { timeout: 120_000 });
}

/** So many frames from now on, as long as it plays; null for all frames until the page hears `watched-enough`. */
async function watchFrames(page: Page, frames: number | null): Promise<Watched> {
  return page.evaluate(
    (most) =>
      new Promise<Watched>((resolve) => {
        const gaps: number[] = [];
        const tasks: number[] = [];
        const observer = new PerformanceObserver((list) => {
          for (const { duration } of list.getEntries()) tasks.push(duration);
        });
        observer.observe({ type: 'longtask' });
        let last = -1;
        let isOver = false;
        window.addEventListener('watched-enough', () => {
          isOver = true;
        });
        const frame = (now: number): void => {
          if (last >= 0) gaps.push(now - last);
          last = now;
          const isWatching = most === null ? !isOver : gaps.length < most && window.queuelab.moment().playing;
          if (isWatching) requestAnimationFrame(frame);
          else
            setTimeout(() => {
              for (const { duration } of observer.takeRecords()) tasks.push(duration);
              resolve({ gaps, tasks });
            }, 100);
        };
        requestAnimationFrame(frame);
      }),
    frames,
  );
}

/** How long the page's thread has worked so far. */
async function taskMs(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN);
}

function rank(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
