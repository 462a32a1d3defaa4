// Opens the built page in a Chromium that all files of a worker share. What a page prints as a warning or error, throws, or fails to load is collected, so that a test can
// demand that there was none. Loading the page takes most of a second of work, so a page that a test has closed is kept, left (`Visits` in web/hooks.ts) and come to again
// by the next test that may have it. One that a failed test did not close, that complained, or that is not as a page is that was left, is not used again.
import {
  type Browser,
  type BrowserContextOptions,
  type ConsoleMessage,
  chromium,
  type Page,
  type Request,
} from 'playwright-core';
import { inject } from 'vitest';

export interface OpenedPage {
  readonly page: Page;
  /** Console errors and warnings, uncaught exceptions and failed requests so far, in order, one line each. */
  readonly complaints: readonly string[];
  /** Closes the page and forgets what it kept (storage, cookies). */
  close(): Promise<void>;
}

/** What a test may ask of the profile, beside what the browser offers. */
export interface OpenOptions extends BrowserContextOptions {
  /** Of somebody who was never here, and so is shown the tour. */
  readonly firstVisit?: boolean;
  /** The app may keep itself for visits without a network. All others do without: that would fetch every file of it once more for each page that is open for some seconds. */
  readonly keepsApp?: boolean;
  /** The page is loaded for this test and for no other, which may look at how it loads, or put something else in the place of what the browser has. */
  readonly loads?: boolean;
}

/** So long it is waited for what comes soon on an idle machine. */
const WAIT_MS = 60_000;
const SIZE = { width: 1440, height: 900 };

interface Kept {
  readonly page: Page;
  readonly complaints: string[];
}

let browser: Promise<Browser> | undefined;
/** Pages that were left, by what a profile cannot change any more. */
const kept = new Map<string, Kept[]>();

/** Opens `path` (relative to the page's base: '' is the start page, '#…' a fragment) in a fresh profile of 1440 × 900 points, of somebody who knows the tour. */
export async function openPage(path = '', options: OpenOptions = {}): Promise<OpenedPage> {
  const {
    firstVisit = false,
    keepsApp = false,
    loads = false,
    viewport,
    colorScheme,
    reducedMotion,
    ...fixed
  } = options;
  const isShared = !firstVisit && !keepsApp && !loads && (path === '' || path.startsWith('#'));
  const looks = {
    viewport: viewport ?? SIZE,
    colorScheme: colorScheme ?? 'light',
    reducedMotion: reducedMotion ?? 'no-preference',
  } as const;
  const kind = JSON.stringify(fixed);
  const left = isShared ? await takeLeft(kind) : null;
  if (left !== null) {
    const { page } = left;
    await page.setViewportSize(looks.viewport);
    await page.emulateMedia({ colorScheme: looks.colorScheme, reducedMotion: looks.reducedMotion, media: null });
    await page.evaluate((fragment) => window.queuelab.come(fragment), path);
    return { ...left, close: () => leave(left, kind) };
  }
  browser ??= chromium.launch(inject('chromium'));
  const context = await (await browser).newContext({ ...looks, ...fixed });
  if (!firstVisit) await context.addInitScript(rememberTour);
  if (!keepsApp) await context.addInitScript(keepNothing);
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message: ConsoleMessage) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error: Error) => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request: Request) => complaints.push(`failed request: ${request.url()}`));
  await page.goto(new URL(path, inject('baseUrl')).href);
  return { page, complaints, close: () => (isShared ? leave({ page, complaints }, kind) : context.close()) };
}

/** Leaves the page for another test; closes it if it is not fit for that. */
async function leave(one: Kept, kind: string): Promise<void> {
  const { page, complaints } = one;
  const isThePage = page.url().replace(/#.*$/, '') === inject('baseUrl');
  if (complaints.length > 0 || !isThePage || page.context().pages().length > 1) return page.context().close();
  // Nothing is under a pointer that is beyond the edge.
  await page.mouse.move(-10, -10);
  await page.evaluate(async () => {
    await window.queuelab.leave();
    localStorage.clear();
    sessionStorage.clear();
  });
  await page.evaluate(rememberTour);
  kept.set(kind, [...(kept.get(kind) ?? []), one]);
}

/** A page that was left and has come to rest; null when there is none. */
async function takeLeft(kind: string): Promise<Kept | null> {
  for (;;) {
    const one = kept.get(kind)?.pop();
    if (one === undefined) return null;
    const { page, complaints } = one;
    const isAtRest = page.workers().length === 0 && complaints.length === 0;
    const isEmpty = isAtRest && (await page.evaluate(() => document.getElementById('app')?.childNodes.length === 0));
    if (isEmpty) return one;
    await page.context().close();
  }
}

/** Where a page may keep nothing, as in a sandboxed frame, it asks nobody either. */
function rememberTour(): void {
  try {
    localStorage.setItem('queuelab.tour', 'taken');
  } catch {}
}

/** As a browser that lets nobody work in the background. */
function keepNothing(): void {
  delete (Navigator.prototype as { serviceWorker?: unknown }).serviceWorker;
}
