// `npm run screenshots`: pictures of the running app for the documentation, into docs/screenshots/: each state wide and narrow, in light and dark. A state is a moment of a scenario of the
// library, opened by its link, and what is done there; so all can be taken again whenever the app looks different. A choice is kept in the repository, the others lie in `more/`. `-- why editor` takes only these; QUEUELAB_WEB names a folder with
// the built app, which is then not built anew.
import { mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openBuiltPage } from './built-page.ts';

interface State {
  readonly name: string;
  readonly link: string;
  /** Done before the picture is taken. */
  readonly act?: (page: Page, isWide: boolean) => Promise<void>;
}

const STATES: readonly State[] = [
  { name: 'start', link: '#scenario=photo-queue' },
  {
    name: 'tour',
    link: '',
    act: async (page) => {
      await page.getByRole('button', { name: 'Send a message' }).click();
      await page.getByRole('button', { name: 'Start the packer' }).click();
      await page.getByText('see what removes it').waitFor({ timeout: 60_000 });
    },
  },
  { name: 'queue', link: '#scenario=photo-queue&t=6.55s' },
  { name: 'poison', link: '#scenario=with-dlq&t=36.15s' },
  { name: 'rebalance', link: '#scenario=rebalance-storm&t=70s' },
  { name: 'split', link: '#scenario=split-and-refuse&t=19.3s' },
  {
    name: 'diagram',
    link: '#scenario=visibility-too-short&t=9.3s',
    act: async (page, isWide) => {
      await panel(page, 'Diagram', 'Space-time diagram');
      if (isWide) await widen(page);
    },
  },
  {
    name: 'charts',
    link: '#scenario=outrun-no-limit&t=14s',
    act: async (page) => {
      await panel(page, 'Charts', 'Charts');
      await page.locator('.charts svg path, .chart svg path, #panel svg path').first().waitFor();
    },
  },
  {
    name: 'why',
    link: '#scenario=crash-after-effect-increment',
    act: async (page, isWide) => {
      await page.getByRole('button', { name: /exactly-once-effect is violated/ }).click();
      await page.locator('.log button[aria-current="step"]').click();
      await page.getByRole('heading', { name: /why/ }).waitFor();
      if (!isWide) await page.locator('main').evaluate((main) => main.scrollTo(0, main.scrollHeight));
    },
  },
  {
    name: 'ledger',
    link: '#scenario=with-dlq&t=60s',
    act: async (page) => {
      await panel(page, 'Ledger', 'Ledger');
      await page.getByRole('button', { name: /^[1-9]\d* dead-lettered$/ }).waitFor();
    },
  },
  {
    name: 'lanes',
    link: '#scenario=one-corrupt-photo&t=30s',
    act: async (page, isWide) => {
      await panel(page, 'Lanes', 'Lanes');
      await page.getByRole('button', { name: 'Stop the lanes' }).waitFor({ state: 'detached', timeout: 60_000 });
      if (isWide) await widen(page);
    },
  },
  {
    name: 'editor',
    link: '#scenario=visibility-too-short&t=9.3s',
    act: async (page, isWide) => {
      await panel(page, 'Editor', 'Scenario editor');
      await page
        .locator('#panel section.editor select, #panel section.editor input')
        .first()
        .waitFor({ state: 'attached' });
      if (isWide) await widen(page);
    },
  },
  {
    name: 'act',
    link: '#scenario=photo-queue&t=4.3s',
    act: async (page) => {
      await page.getByRole('button', { name: /^Consumer worker-2/ }).click();
      await page.getByRole('dialog', { name: 'What to do to worker-2' }).waitFor();
    },
  },
  {
    name: 'futures',
    link: '#scenario=photo-queue&t=4.3s',
    act: async (page, isWide) => {
      await page.getByRole('button', { name: /^Consumer worker-2/ }).press('Enter');
      await page.getByRole('dialog', { name: 'What to do to worker-2' }).waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('tab', { name: 'Futures' }).waitFor();
      await page.waitForFunction(() => window.queuelab.idle());
      await panel(page, 'Futures', 'Futures');
      if (isWide) await widen(page);
      await page
        .getByRole('button', { name: /^Compare/ })
        .first()
        .click();
      await page.getByRole('region', { name: /side by side/ }).waitFor();
    },
  },
  { name: 'flood', link: '#scenario=burst&t=5.4s' },
];

const LOOKS = [
  { suffix: 'light', size: { width: 1440, height: 900 }, colorScheme: 'light' },
  { suffix: 'dark', size: { width: 1440, height: 900 }, colorScheme: 'dark' },
  { suffix: 'phone-light', size: { width: 390, height: 844 }, colorScheme: 'light' },
  { suffix: 'phone-dark', size: { width: 390, height: 844 }, colorScheme: 'dark' },
] as const;
/** Pictures that the repository keeps; the others are for looking at. */
const KEPT = /-light$|^(queue|poison|split|futures)-dark$/;
const KILOBYTES_MAX = 300;

/** Opens a panel and waits until it is there. */
async function panel(page: Page, tab: string, region: string): Promise<void> {
  await page.getByRole('tab', { name: tab, exact: true }).click();
  await page.getByRole('region', { name: region, exact: true }).first().waitFor();
}

/** By a click, so that no ring of the focus is in the picture. */
async function widen(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Larger panel' }).click();
}

const wanted = process.argv.slice(2).filter((name) => !name.startsWith('-'));
const unknown = wanted.filter((name) => !STATES.some((state) => state.name === name));
if (unknown.length > 0)
  throw new Error(`There is no state ${unknown.join(', ')}; there are ${STATES.map(({ name }) => name).join(', ')}.`);

/** The browser that `npm ci` brings knows one family of letters. What runs on people's machines has one for figures and code as well, and with signs such as arrows: the system's, where it is installed. */
function useFonts(): void {
  const where = mkdtempSync(join(tmpdir(), 'queuelab-fonts-'));
  const dirs = [join(tmpdir(), 'fonts'), '/usr/share/fonts'].map((dir) => `<dir>${dir}</dir>`).join('');
  const preferred = '<alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>';
  const alike = preferred.replace('sans-serif', 'system-ui');
  const file = join(where, 'fonts.conf');
  writeFileSync(
    file,
    `<?xml version="1.0"?><fontconfig>${dirs}<cachedir>${where}</cachedir>${preferred}${alike}</fontconfig>`,
  );
  process.env['FONTCONFIG_FILE'] = file;
}

const folder = 'docs/screenshots';
mkdirSync(`${folder}/more`, { recursive: true });
useFonts();
const built = await openBuiltPage();
let total = 0;
for (const { name, link, act } of STATES.filter((state) => wanted.length === 0 || wanted.includes(state.name))) {
  for (const { suffix, size, colorScheme } of LOOKS) {
    const context = await built.browser.newContext({ viewport: size, colorScheme, reducedMotion: 'reduce' });
    if (link !== '') await context.addInitScript(() => localStorage.setItem('queuelab.tour', 'taken'));
    const page = await context.newPage();
    await page.goto(`${built.url}${link}`);
    await page.waitForFunction(() => window.queuelab?.idle() === true);
    await act?.(page, size.width > 600);
    await page.waitForFunction(() => window.queuelab.idle());
    // What comes from the worker, and the last frame.
    await page.waitForTimeout(500);
    await page.mouse.move(1, 1);
    const picture = `${name}-${suffix}`;
    const path = `${folder}/${KEPT.test(picture) ? '' : 'more/'}${picture}.png`;
    await page.screenshot({ path, caret: 'hide' });
    await context.close();
    const kilobytes = Math.round(statSync(path).size / 1000);
    total += kilobytes;
    console.log(`${path}  ${kilobytes} kB`);
    if (kilobytes > KILOBYTES_MAX) throw new Error(`${path} has ${kilobytes} kB; at most ${KILOBYTES_MAX} are wanted`);
  }
}
console.log(`${total} kB in all`);
await built.close();
