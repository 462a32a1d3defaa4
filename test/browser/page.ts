// Opens the built page in a Chromium that all files of a worker share. What a page prints as a warning or error, throws, or fails to load is collected, so that a test can
// demand that there was none.
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
}

/** So long it is waited for what comes soon on an idle machine. */
const WAIT_MS = 60_000;

let browser: Promise<Browser> | undefined;

/** Opens `path` (relative to the page's base: '' is the start page, '#…' a fragment) in a fresh profile of 1440 × 900 points, of somebody who knows the tour. */
export async function openPage(path = '', options: OpenOptions = {}): Promise<OpenedPage> {
  const page = await newProfile(options);
  const complaints: string[] = [];
  page.on('console', (message: ConsoleMessage) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error: Error) => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request: Request) => complaints.push(`failed request: ${request.url()}`));
  await page.goto(new URL(path, inject('baseUrl')).href);
  return { page, complaints, close: () => page.context().close() };
}

async function newProfile({ firstVisit = false, keepsApp = false, ...options }: OpenOptions): Promise<Page> {
  browser ??= chromium.launch(inject('chromium'));
  const context = await (await browser).newContext({ viewport: { width: 1440, height: 900 }, ...options });
  if (!firstVisit) await context.addInitScript(rememberTour);
  if (!keepsApp) await context.addInitScript(keepNothing);
  context.setDefaultTimeout(WAIT_MS);
  return context.newPage();
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
