// `npm run screenshots`: pictures of the running app for the documentation, in light and dark, wide and narrow, into docs/images/. Each is a moment of a
// scenario of the library, opened by its link; so they can be made again whenever the app looks different.
import { mkdirSync, statSync } from 'node:fs';
import { chromium, type Page } from 'playwright-core';
import { build, preview } from 'vite';
import { chromiumLaunchOptions } from './chromium.mjs';

interface Shot {
  readonly name: string;
  readonly link: string;
  readonly mode: 'light' | 'dark';
  readonly narrow?: boolean;
  /** Done before the picture is taken. */
  readonly act?: (page: Page) => Promise<void>;
}

const SHOTS: readonly Shot[] = [
  { name: 'queue-light', link: '#scenario=photo-queue&t=6.55s', mode: 'light' },
  { name: 'queue-dark', link: '#scenario=photo-queue&t=6.12s', mode: 'dark' },
  { name: 'lock-light', link: '#scenario=visibility-too-short&t=9.3s', mode: 'light' },
  { name: 'kafka-dark', link: '#scenario=rides-by-city&t=20s', mode: 'dark' },
  { name: 'replication-light', link: '#scenario=leader-crash-acks-all&t=15.1s', mode: 'light' },
  { name: 'exchange-light', link: '#scenario=order-fan-out&t=1.15s', mode: 'light' },
  {
    name: 'why-light',
    link: '#scenario=crash-after-effect-increment',
    mode: 'light',
    act: (page) =>
      page
        .getByRole('button', { name: /exactly once effect/ })
        .first()
        .click(),
  },
  {
    name: 'exercise-dark',
    link: '#scenario=retry-limit&t=40s',
    mode: 'dark',
    act: async (page) => {
      await page.getByRole('button', { name: 'Run', exact: true }).click();
      await page.locator('.exercise li.missed').first().waitFor();
    },
  },
  {
    name: 'diagram-light',
    link: '#scenario=visibility-too-short&t=9.3s',
    mode: 'light',
    act: (page) => panel(page, 'Diagram'),
  },
  {
    name: 'diagram-dark',
    link: '#scenario=ack-lost&t=4s',
    mode: 'dark',
    act: async (page) => {
      await panel(page, 'Diagram');
      await page.keyboard.press('w');
    },
  },
  {
    name: 'ledger-light',
    link: '#scenario=with-dlq&t=60s',
    mode: 'light',
    act: async (page) => {
      await panel(page, 'Ledger');
      await page.getByRole('button', { name: /^[1-9]\d* dead-lettered$/ }).waitFor();
    },
  },
  {
    name: 'inspector-dark',
    link: '#scenario=photo-queue&t=6.3s',
    mode: 'dark',
    act: async (page) => {
      await page.getByRole('button', { name: 'Inspect queue photo-jobs' }).click();
      await page.getByRole('region', { name: 'Settings of photo-jobs' }).waitFor();
    },
  },
  { name: 'library-light', link: '', mode: 'light', act: (page) => page.keyboard.press('s') },
  { name: 'phone-light', link: '#scenario=visibility-too-short&t=6.1s', mode: 'light', narrow: true },
  {
    name: 'phone-diagram',
    link: '#scenario=worker-crash&t=9.3s',
    mode: 'light',
    narrow: true,
    act: (page) => panel(page, 'Diagram'),
  },
  { name: 'phone-dark', link: '#scenario=photo-queue&t=6.55s', mode: 'dark', narrow: true },
];
const KILOBYTES_MAX = 300;

/** Opens a panel and waits until it is there. */
async function panel(page: Page, name: 'Diagram' | 'Ledger'): Promise<void> {
  await page.getByRole('tab', { name }).click();
  await page.getByRole('region', { name: name === 'Diagram' ? 'Space-time diagram' : name }).waitFor();
}

const root = process.cwd();
const folder = `${root}/docs/images`;
mkdirSync(folder, { recursive: true });
await build({ configFile: `${root}/vite.config.ts`, root: `${root}/web`, logLevel: 'warn' });
const server = await preview({
  configFile: `${root}/vite.config.ts`,
  root: `${root}/web`,
  logLevel: 'warn',
  preview: { host: '127.0.0.1', port: 0 },
});
const browser = await chromium.launch(await chromiumLaunchOptions());
for (const { name, link, mode, narrow, act } of SHOTS) {
  const viewport = narrow === true ? { width: 390, height: 844 } : { width: 1440, height: 900 };
  const page = await browser.newPage({ viewport, colorScheme: mode, reducedMotion: 'reduce' });
  await page.goto(`${server.resolvedUrls?.local[0]}${link}`);
  await page.waitForFunction(() => window.queuelab?.idle() === true);
  await act?.(page);
  await page.waitForTimeout(300);
  const path = `${folder}/${name}.png`;
  await page.screenshot({ path });
  await page.close();
  const kilobytes = Math.round(statSync(path).size / 1000);
  console.log(`docs/images/${name}.png  ${kilobytes} kB`);
  if (kilobytes > KILOBYTES_MAX)
    throw new Error(`${name}.png has ${kilobytes} kB; at most ${KILOBYTES_MAX} are wanted`);
}
await browser.close();
await server.close();
