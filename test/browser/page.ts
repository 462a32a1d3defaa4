// Opens the built page in the shared Chromium. What a page prints as a warning or error, throws, or fails to load is collected, so
// that a test can demand that there was none.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';

export interface OpenedPage {
  readonly page: Page;
  /** Console errors and warnings, uncaught exceptions and failed requests so far, in order, one line each. */
  readonly complaints: readonly string[];
  /** Closes the page and what it kept (storage, cookies). */
  close(): Promise<void>;
}

let browser: Promise<Browser> | undefined;

/** What a test may ask of the profile, beside what the browser offers. */
export interface OpenOptions extends BrowserContextOptions {
  /** Of somebody who was never here, and so is shown the tour. */
  readonly firstVisit?: boolean;
}

/** Opens `path` (relative to the page's base: '' is the start page, '#…' a fragment) in a fresh profile of 1440 × 900 points, of somebody who knows the tour. */
export async function openPage(path = '', { firstVisit = false, ...options }: OpenOptions = {}): Promise<OpenedPage> {
  browser ??= chromium.connect(inject('wsEndpoint'));
  const context = await (await browser).newContext({ viewport: { width: 1440, height: 900 }, ...options });
  if (!firstVisit) await context.addInitScript(rememberTour);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      complaints.push(`console ${message.type()}: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => complaints.push(`failed request: ${request.url()}`));
  await page.goto(new URL(path, inject('baseUrl')).href);
  return { page, complaints, close: () => context.close() };
}

/** Where a page may keep nothing, as in a sandboxed frame, it asks nobody either. */
function rememberTour(): void {
  try {
    localStorage.setItem('queuelab.tour', 'taken');
  } catch {}
}
