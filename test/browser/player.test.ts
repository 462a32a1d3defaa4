// The player in pages of other people: the built script in hostile, strict, foreign and crowded hosts, and the page for frames.
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { MomentDetail, ProblemDetail, QueuelabPlayer, RunOutcome } from '../../web/player/element.ts';
import { drawn } from './lab.ts';
import { openPage } from './page.ts';
import { type StaticServer, serve } from './static.ts';

declare global {
  interface Window {
    /** Kept by the pages of these tests: what the players told, in order. */
    told: { readonly type: string; readonly id: string; readonly detail: unknown }[];
  }
}

const pages: Record<string, string> = {};
let host: StaticServer;

beforeAll(async () => {
  host = await serve({ folder: { dir: inject('webDir'), at: '/lab/' }, texts: pages });
});
afterAll(() => host.close());

const LISTEN = `
  window.told = [];
  for (const type of ['queuelab-ready', 'queuelab-moment', 'queuelab-problem'])
    addEventListener(type, (event) => window.told.push({ type, id: event.target.id, detail: event.detail }));`;

/** A page that has this in its body; `src` is where the script is. */
async function openHost(body: string, { head = '', src = '/lab/player/queuelab-player.js', ...options } = {}) {
  pages['/host.html'] =
    `<!doctype html><html lang="en"><head><title>host</title><link rel="icon" href="data:,">${head}<script>${LISTEN}</script>` +
    `<script type="module" src="${src}"></script></head><body>${body}</body></html>`;
  return openPage(`${host.origin}/host.html`, options);
}

async function ready(page: Page, id: string): Promise<RunOutcome> {
  await page.waitForFunction(
    (wanted) => window.told.some(({ type, id }) => type === 'queuelab-ready' && id === wanted),
    id,
  );
  const found = await page.evaluate(
    (wanted) => window.told.findLast(({ type, id }) => type === 'queuelab-ready' && id === wanted)?.detail,
    id,
  );
  return found as RunOutcome;
}

const player = (page: Page, id: string): Locator => page.locator(`#${id}`);

/** Reads off an element. */
async function of<Name extends keyof QueuelabPlayer>(
  page: Page,
  id: string,
  name: Name,
): Promise<QueuelabPlayer[Name]> {
  return player(page, id).evaluate((element, property) => Reflect.get(element, property), name) as Promise<
    QueuelabPlayer[Name]
  >;
}

/** When it stands at another moment than it did: it moves. */
async function moves(page: Page, id: string): Promise<void> {
  const from = await timeOf(page, id);
  await expect.poll(() => timeOf(page, id)).not.toBe(from);
}

async function timeOf(page: Page, id: string): Promise<number> {
  return of(page, id, 'timeUs');
}

it('the example has three players under a strict policy, each at its moment with its panels, and the far one waits', async () => {
  const { page, complaints, close } = await openPage(`${host.origin}/lab/player/example.html`);
  const [crash, lost, memory] = await page.locator('queuelab-player').all();
  if (crash === undefined || lost === undefined || memory === undefined) throw new Error('there are not three players');
  await crash.getByRole('heading', { name: 'A worker dies before its ack' }).waitFor();
  await lost.getByText('biller-1 wrote message 2 to card-payments.').waitFor();
  expect(await memory.getByRole('heading').count()).toBe(0);
  expect(page.workers().length).toBeLessThanOrEqual(2);
  await expect.poll(() => lost.getByRole('tab').allTextContents()).toEqual(['Log', 'Verdicts']);
  await memory.scrollIntoViewIfNeeded();
  await memory.getByText('3 of 3 messages').waitFor();
  await memory.getByRole('tab', { name: 'Charts' }).click();
  await memory.getByRole('tabpanel', { name: 'Charts' }).getByRole('slider').first().waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('neither page leaks into the other, whatever the host wishes for everything', async () => {
  const hostile = `<style>
    * { color: red !important; font: 30px/3 cursive !important; letter-spacing: 9px !important; box-sizing: content-box; --ink: red; }
    body { direction: rtl; text-align: right; text-transform: uppercase; visibility: visible; }
    h2, button, p, section, canvas { display: none !important; }
    .player, .stage, .number { background: red !important; }
    :root { --paper: red; --accent: red; }
  </style>`;
  const body = `<h1>mine</h1><queuelab-player id="a" scenario="photo-queue" at="10s" panels="log" style="width: 1000px"></queuelab-player>`;
  const looks = (page: Page): Promise<readonly string[]> =>
    player(page, 'a').evaluate((element) =>
      [...(element.shadowRoot?.querySelectorAll('.queuelab, h2, button, .stage, .log li, p') ?? [])].map((node) => {
        const { color, font, letterSpacing, display, direction, textTransform, backgroundColor } =
          getComputedStyle(node);
        const { width, height } = node.getBoundingClientRect();
        return [
          node.className,
          color,
          font,
          letterSpacing,
          display,
          direction,
          textTransform,
          backgroundColor,
          width,
          height,
        ].join(' ');
      }),
    );
  const plain = await openHost(body);
  await ready(plain.page, 'a');
  // All that it shows is there when it looks the same for some frames.
  let wanted: readonly string[] = [];
  await expect
    .poll(async () => {
      const before = wanted;
      await drawn(plain.page, 10);
      wanted = await looks(plain.page);
      return wanted.length > 10 && wanted.join('\n') === before.join('\n');
    })
    .toBe(true);
  const heading = await plain.page.locator('h1').evaluate((node) => getComputedStyle(node).font);
  await plain.close();
  const { page, close } = await openHost(body, { head: hostile });
  await ready(page, 'a');
  await expect.poll(() => looks(page)).toEqual(wanted);
  await close();
  const bare = await openHost('<h1>mine</h1>');
  expect(await bare.page.locator('h1').evaluate((node) => getComputedStyle(node).font)).toBe(heading);
  await bare.close();
});

it('it plays only while it is seen, and goes on when it is seen again', async () => {
  const { page, complaints, close } = await openHost(
    '<queuelab-player id="a" scenario="photo-queue" speed="0.05" play></queuelab-player><p style="height: 5000px">far</p>',
  );
  await ready(page, 'a');
  await moves(page, 'a');
  await page.evaluate(() => window.scrollTo(0, 4000));
  await expect
    .poll(async () => {
      const away = await timeOf(page, 'a');
      await drawn(page, 20);
      return (await timeOf(page, 'a')) - away;
    })
    .toBe(0);
  expect(await of(page, 'a', 'playing')).toBe(true);
  await page.evaluate(() => window.scrollTo(0, 0));
  await moves(page, 'a');
  expect(complaints).toEqual([]);
  await close();
});

it('for those who ask for stillness nothing plays by itself, and what they play goes in steps', async () => {
  const { page, close } = await openHost('<queuelab-player id="a" scenario="photo-queue" play></queuelab-player>', {
    reducedMotion: 'reduce',
  } as object);
  await ready(page, 'a');
  await drawn(page, 20);
  expect(await of(page, 'a', 'playing')).toBe(false);
  expect(await timeOf(page, 'a')).toBe(0);
  await player(page, 'a').getByRole('button', { name: 'Play', exact: true }).click();
  await page.waitForFunction(() => (document.querySelector('queuelab-player') as QueuelabPlayer).fact > 0);
  const times = await page.evaluate(() => [
    ...new Set(window.told.filter(({ type }) => type === 'queuelab-moment').map(({ detail }) => detail)),
  ]);
  // It stands only where facts are: none of the moments between them is shown.
  for (const { sentence, fact } of times as MomentDetail[]) if (fact > 0) expect(sentence).not.toBe('');
  expect(new Set((times as MomentDetail[]).map(({ timeUs }) => timeUs)).size).toBeLessThan(6);
  await close();
});

it('attributes can be changed while it runs, and the page is told', async () => {
  const { page, complaints, close } = await openHost(
    '<queuelab-player id="a" scenario="photo-queue" at="5s" panels="log"></queuelab-player>',
  );
  const first = await ready(page, 'a');
  expect(await timeOf(page, 'a')).toBe(5_000_000);
  const set = (name: string, value: string): Promise<void> =>
    player(page, 'a').evaluate((element, [key, text]) => element.setAttribute(key, text), [name, value] as const);
  const again = async (change: () => Promise<void>): Promise<RunOutcome> => {
    await page.evaluate(() => {
      window.told = [];
    });
    await change();
    return ready(page, 'a');
  };
  const second = await again(() => set('seed', 'another'));
  expect(second.seed).toBe('another');
  expect(second.digest).not.toBe(first.digest);
  expect(await timeOf(page, 'a')).toBe(5_000_000);
  const third = await again(() => set('set', 'queues.photo-jobs.VisibilityTimeout=5s'));
  expect(third.digest).not.toBe(second.digest);
  await set('at', '0:12');
  expect(await timeOf(page, 'a')).toBe(12_000_000);
  await set('theme', 'dark');
  await expect.poll(() => player(page, 'a').locator('.queuelab').getAttribute('data-theme')).toBe('dark');
  await set('panels', 'verdicts log');
  await expect.poll(() => player(page, 'a').getByRole('tab').allTextContents()).toEqual(['Verdicts', 'Log']);
  await set('height', '600');
  await expect.poll(() => player(page, 'a').evaluate((element) => element.clientHeight)).toBe(600);
  await again(() => player(page, 'a').evaluate((element) => element.removeAttribute('set')));
  const fourth = await again(() => set('scenario', 'delivery/ack-lost'));
  expect(fourth.verdicts.map(({ claim, verdict }) => `${claim} ${verdict}`)).toContain('exactly-once-effect violated');
  const text =
    'title: Given\nqueues: { q: {} }\nproducers: { p: { to: q, rate: 1/s, messages: 2 } }\nbroker: sqs\nduration: 3s\n';
  const outcome = await player(page, 'a').evaluate((element, yaml) => (element as QueuelabPlayer).run(yaml), text);
  expect(outcome?.digest).toMatch(/^[0-9a-f]{8}-[0-9a-f]{8}$/);
  await player(page, 'a').getByRole('heading', { name: 'Given' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('what is moved goes on, and what is removed takes its worker with it', async () => {
  const { page, complaints, close } = await openHost(
    '<div id="one"><queuelab-player id="a" scenario="photo-queue" at="5s"></queuelab-player></div><div id="two"></div>',
  );
  await ready(page, 'a');
  await expect.poll(() => page.workers()).toHaveLength(1);
  await page.evaluate(() => {
    window.told = [];
    document.getElementById('two')?.append(document.getElementById('a') ?? '');
  });
  await drawn(page, 20);
  expect(await page.evaluate(() => window.told.filter(({ type }) => type === 'queuelab-ready').length)).toBe(0);
  expect(await timeOf(page, 'a')).toBe(5_000_000);
  const gone = page.workers()[0]?.waitForEvent('close');
  await page.evaluate(() => {
    const element = document.getElementById('a');
    element?.remove();
    Object.assign(window, { kept: element });
  });
  await gone;
  await expect.poll(() => page.workers()).toHaveLength(0);
  await page.evaluate(() => document.getElementById('one')?.append(Reflect.get(window, 'kept') as unknown as Element));
  await ready(page, 'a');
  expect(await timeOf(page, 'a')).toBe(5_000_000);
  expect(complaints).toEqual([]);
  await close();
});

it('whatever is wrong is said inside the player and by an event, and nothing of it runs', async () => {
  const evil = `<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>`;
  pages['/mine.yaml'] =
    `title: '${evil.replaceAll('script', 'b')}'\nbroker: sqs\nduration: 2s\nqueues: { q: {} }\nproducers: { p: { to: q, rate: 1/s } }\n`;
  const { page, complaints, close } = await openHost(`
    <queuelab-player id="slip" scenario="poto-queue"></queuelab-player>
    <queuelab-player id="none"></queuelab-player>
    <queuelab-player id="gone" scenario="/not/there.yaml"></queuelab-player>
    <queuelab-player id="broken"><script type="text/yaml">
      broker: sqs
      queues: { q: {} }
      producers: { p: { to: r, rate: often } }
    </script></queuelab-player>
    <queuelab-player id="evil" scenario="/mine.yaml" panels="log nonsense" at="late" height="tall" app="javascript:window.hacked=1"></queuelab-player>`);
  await player(page, 'slip').getByText('Did you mean "photo-queue"?').waitFor();
  await player(page, 'none').getByText('This player has no scenario').waitFor();
  await player(page, 'gone').getByText('the server answered 404').waitFor();
  await player(page, 'broken').scrollIntoViewIfNeeded();
  await player(page, 'broken').getByText('This scenario cannot be run.').waitFor();
  await player(page, 'evil').scrollIntoViewIfNeeded();
  await ready(page, 'evil');
  await player(page, 'evil').getByText('There is no panel "nonsense"').waitFor();
  expect(await player(page, 'evil').getByRole('heading').textContent()).toContain('<img src=x');
  expect(await player(page, 'evil').getByRole('link').count()).toBe(0);
  expect(await page.evaluate(() => Reflect.get(window, 'hacked'))).toBeUndefined();
  const problems = await page.evaluate(() =>
    window.told.filter(({ type }) => type === 'queuelab-problem').map(({ id, detail }) => ({ id, detail })),
  );
  for (const id of ['slip', 'none', 'gone', 'broken', 'evil']) expect(problems.map((one) => one.id)).toContain(id);
  const broken = problems.find(({ id }) => id === 'broken')?.detail as ProblemDetail;
  expect(broken.diagnostics.length).toBeGreaterThan(0);
  const answers = await page.evaluate(() =>
    Promise.all(['slip', 'broken'].map((id) => (document.getElementById(id) as QueuelabPlayer).run())),
  );
  expect(answers).toEqual([null, null]);
  await player(page, 'slip').evaluate((element) => (element as QueuelabPlayer).setAttribute('scenario', 'photo-queue'));
  await ready(page, 'slip');
  await player(page, 'slip').getByText('Did you mean').waitFor({ state: 'detached' });
  // The browser itself notes the file that is not there.
  expect(complaints.filter((complaint) => !/404|not.there/.test(complaint))).toEqual([]);
  await close();
});

it('many players on one page share few workers, and each can still be asked', async () => {
  const ids = Array.from({ length: 8 }, (_, i) => `p${i}`);
  const { page, complaints, close } = await openHost(
    `<div style="display: grid; grid-template-columns: repeat(4, 1fr)">${ids
      .map(
        (id, i) =>
          `<queuelab-player id="${id}" scenario="photo-queue" seed="${i}" panels="log ledger" height="400"></queuelab-player>`,
      )
      .join('')}</div>`,
  );
  const digests = new Set<string>();
  for (const id of ids) digests.add((await ready(page, id)).digest);
  expect(digests.size).toBe(ids.length);
  expect(page.workers().length).toBeLessThanOrEqual(3);
  const first = player(page, 'p0');
  await first.getByRole('tab', { name: 'Ledger' }).click();
  await first.getByText('6 of 6 messages').waitFor();
  expect(page.workers().length).toBeLessThanOrEqual(3);
  expect(complaints).toEqual([]);
  await close();
});

it('the script may come from another host, under a policy that names it and asks for trusted types', async () => {
  const far = await serve({
    folder: { dir: inject('webDir'), at: '/' },
    headers: { 'access-control-allow-origin': '*' },
  });
  const src = `${far.origin}/player/queuelab-player.js`;
  const policy = `default-src 'none'; script-src ${far.origin} 'sha256-HASH'; worker-src blob: ${far.origin}; img-src data:; require-trusted-types-for 'script'; trusted-types svelte-trusted-html queuelab-worker`;
  const hash = Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(LISTEN))).toString('base64');
  const { page, complaints, close } = await openHost(
    '<queuelab-player id="a" scenario="photo-queue" panels="charts"></queuelab-player>',
    {
      src,
      head: `<meta http-equiv="Content-Security-Policy" content="${policy.replace('HASH', hash)}">`,
    },
  );
  expect((await ready(page, 'a')).digest).toMatch(/-/);
  await player(page, 'a').getByRole('group', { name: 'Charts' }).getByRole('slider').first().waitFor();
  expect(complaints).toEqual([]);
  await close();
  // Where the host forbids workers, that is said.
  const strict = await openHost('<queuelab-player id="a" scenario="photo-queue"></queuelab-player>', {
    src,
    head: `<meta http-equiv="Content-Security-Policy" content="${policy.replace('HASH', hash).replace(/worker-src [^;]+/, "worker-src 'none'")}">`,
  });
  await player(strict.page, 'a').locator('.fault').getByText('the security policy of this page forbids it').waitFor();
  await strict.close();
  far.close();
});

it('keys are heard by the player that has the focus, and by no other', async () => {
  const { page, complaints, close } = await openHost(`<input aria-label="mine">
    <queuelab-player id="a" scenario="photo-queue" height="400"></queuelab-player>
    <queuelab-player id="b" scenario="photo-queue" height="400"></queuelab-player>`);
  await ready(page, 'a');
  await ready(page, 'b');
  const before = await of(page, 'a', 'fact');
  await page.getByLabel('mine').focus();
  await page.keyboard.press('End');
  expect(await of(page, 'a', 'fact')).toBe(before);
  await player(page, 'a').getByRole('heading').click();
  await page.keyboard.press('End');
  const { facts } = await ready(page, 'a');
  await expect.poll(() => of(page, 'a', 'fact')).toBe(facts);
  expect(await of(page, 'b', 'fact')).toBe(before);
  await player(page, 'b').getByRole('button', { name: 'One fact forwards' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((from) => (document.getElementById('b') as QueuelabPlayer).fact === from + 1, before);
  await page.keyboard.press('?');
  const help = player(page, 'b').getByRole('dialog', { name: 'Signs and keys' });
  await help.getByRole('button', { name: 'one fact forwards' }).waitFor();
  expect(await help.getByRole('button', { name: 'open the scenarios' }).count()).toBe(0);
  expect(await player(page, 'a').getByRole('dialog').count()).toBe(0);
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  expect(complaints).toEqual([]);
  await close();
});

it('the reader breaks things in it, gets the focus back, and takes it back', async () => {
  const { page, complaints, close } = await openHost(
    '<queuelab-player id="a" scenario="worker-crash" at="2s" panels="log" style="width: 1000px"></queuelab-player>',
  );
  const { digest } = await ready(page, 'a');
  const opener = player(page, 'a').getByRole('button', { name: /^Consumer resizer-1/ });
  await opener.focus();
  await page.keyboard.press('Enter');
  const menu = player(page, 'a').getByRole('dialog', { name: 'What to do to resizer-1' });
  await menu.waitFor();
  await page.keyboard.press('Escape');
  await menu.waitFor({ state: 'detached' });
  await expect
    .poll(() => opener.evaluate((node) => (node.getRootNode() as ShadowRoot).activeElement === node))
    .toBe(true);
  await opener.click();
  await menu.getByRole('button', { name: 'Inspect resizer-1' }).click();
  const inspected = player(page, 'a').getByRole('tabpanel', { name: 'Inspector' }).getByRole('combobox').first();
  await expect
    .poll(() => inspected.evaluate((node) => (node as HTMLSelectElement).selectedOptions[0]?.text))
    .toBe('resizer-1');
  await player(page, 'a').getByRole('button', { name: 'Close the inspector' }).click();
  await player(page, 'a').getByRole('tab').waitFor({ state: 'detached' });
  await opener.click();
  await menu.getByRole('button', { name: 'Crash' }).click();
  const changes = player(page, 'a').getByRole('region', { name: 'Your changes' });
  await changes.getByText('crash: resizer-1').waitFor();
  await page.waitForFunction((before) => {
    const { digest } = document.getElementById('a') as QueuelabPlayer;
    return digest !== '' && digest !== before;
  }, digest);
  await changes.getByRole('button', { name: 'Undo' }).click();
  await page.waitForFunction((before) => (document.getElementById('a') as QueuelabPlayer).digest === before, digest);
  expect(complaints).toEqual([]);
  await close();
});

it('the page for frames takes the fragment of the app, plays by its keys, and leads to the app at the same moment', async () => {
  const { page, complaints, close } = await openPage(
    `${host.origin}/lab/embed.html#scenario=photo-queue&seed=7&t=19.4s&panels=verdicts&theme=dark`,
  );
  await page.getByRole('heading', { name: 'The same photo upload through a queue' }).waitFor();
  const clock = page.getByRole('textbox', { name: 'Time; type one to go there' });
  await expect.poll(() => clock.inputValue()).toBe('0:19.400');
  await page.getByRole('group', { name: 'Verdicts' }).getByText('at least once').waitFor();
  await page.keyboard.press('Home');
  await expect.poll(() => clock.inputValue()).toBe('0:00.000');
  await page.keyboard.press('End');
  await expect.poll(() => clock.inputValue()).not.toBe('0:00.000');
  await clock.fill('8s');
  await page.keyboard.press('Enter');
  const link = page.getByRole('link', { name: 'Open in queuelab' });
  await link.hover();
  await expect
    .poll(() => link.getAttribute('href'))
    .toBe(`${host.origin}/lab/index.html#scenario=photo-queue&seed=7&t=8s`);
  expect(complaints).toEqual([]);
  await close();
});
