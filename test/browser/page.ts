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

/** Pages of profiles that are as new again, with what they were made for; the one that has waited longest first. */
const SPARE: { readonly kind: string; readonly page: Page }[] = [];
/** So many of them stay: each is a process. */
const MOST_SPARE = 4;

let browser: Promise<Browser> | undefined;

/** Opens `path` (relative to the page's base: '' is the start page, '#…' a fragment) in a fresh profile of 1440 × 900 points, of somebody who knows the tour. */
export async function openPage(path = '', options: OpenOptions = {}): Promise<OpenedPage> {
  const kind = JSON.stringify(options);
  const at = SPARE.findIndex((spare) => spare.kind === kind);
  const page = SPARE.splice(at, at < 0 ? 0 : 1)[0]?.page ?? (await newProfile(options));
  const complaints: string[] = [];
  const hears = {
    console: (message: ConsoleMessage): void => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(`console ${message.type()}: ${message.text()}`);
    },
    pageerror: (error: Error): void => void complaints.push(`uncaught: ${error.message}`),
    requestfailed: (request: Request): void => void complaints.push(`failed request: ${request.url()}`),
  };
  page.on('console', hears.console).on('pageerror', hears.pageerror).on('requestfailed', hears.requestfailed);
  await page.goto(new URL(path, inject('baseUrl')).href);
  const close = async (): Promise<void> => {
    page.off('console', hears.console).off('pageerror', hears.pageerror).off('requestfailed', hears.requestfailed);
    await putBack(page, kind, options);
  };
  return { page, complaints, close };
}

async function newProfile({ firstVisit = false, keepsApp = false, ...options }: OpenOptions): Promise<Page> {
  browser ??= chromium.launch(inject('chromium'));
  const context = await (await browser).newContext({ viewport: { width: 1440, height: 900 }, ...options });
  if (!firstVisit) await context.addInitScript(rememberTour);
  if (!keepsApp) await context.addInitScript(keepNothing);
  return context.newPage();
}

/** For the next test that wants the same, with nothing left of this one. */
async function putBack(page: Page, kind: string, { firstVisit = false, keepsApp = false }: OpenOptions): Promise<void> {
  const context = page.context();
  if (firstVisit || keepsApp || page.isClosed()) return context.close();
  for (const other of context.pages()) if (other !== page) await other.close();
  const { origin } = new URL(page.url());
  await page.mouse.move(-1, -1);
  await page.goto('about:blank');
  const devtools = await context.newCDPSession(page);
  await devtools.send('Storage.clearDataForOrigin', { origin, storageTypes: 'all' });
  await devtools.detach();
  SPARE.push({ kind, page });
  if (SPARE.length > MOST_SPARE) await SPARE.shift()?.page.context().close();
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
