/**
 * What comes from elsewhere may be made to hurt: links, scenarios, dropped files. Each gets a plain sentence or is shown as the text that it is; nothing of it runs, and the
 * browser's policy is never needed.
 */
import { deflateRawSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { traceLines } from '../../sim/jsonl.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { World } from '../../sim/world.ts';
import { writeLink } from '../../web/address.ts';
import { openPanel, settled } from './lab.ts';
import { type OpenedPage, openPage } from './page.ts';

const SCRIPT = '<script>window.trapped=1</script>';
const IMAGE = '<img src=x onerror=window.trapped=1>';
const LINK = 'javascript:window.trapped=1';
const QUOTES = `"'><svg onload=window.trapped=1>\${window.trapped=1}`;

/** Every string of it tries to be something else. */
const NASTY = `
title: ${JSON.stringify(`${SCRIPT}${QUOTES}`)}
story: ${JSON.stringify(`${IMAGE} ${LINK}. {@html window.trapped}`)}
broker: sqs
duration: 20s
queues:
  ${JSON.stringify(`q${IMAGE}`)}: { VisibilityTimeout: 5s }
producers:
  ${JSON.stringify(`p${SCRIPT}`)}:
    to: ${JSON.stringify(`q${IMAGE}`)}
    key: user
    send:
      - { at: 1s, user: ${JSON.stringify(QUOTES)} }
      - { at: 2s, user: ${JSON.stringify(`=cmd|' /C calc'!A0`)} }
consumers:
  ${JSON.stringify(`c${QUOTES}`)}: { from: ${JSON.stringify(`q${IMAGE}`)}, process: 1s, effect: { set: ${JSON.stringify(`s${LINK}`)} } }
captions:
  - { when: produced, text: ${JSON.stringify(SCRIPT)}, question: ${JSON.stringify(IMAGE)} }
`;
/** As above, with names that a scenario may have, so that it runs. */
const TAME = NASTY.replaceAll(JSON.stringify(`q${IMAGE}`), 'jobs')
  .replaceAll(JSON.stringify(`p${SCRIPT}`), 'shop')
  .replaceAll(JSON.stringify(`c${QUOTES}`), 'worker')
  .replaceAll(JSON.stringify(`s${LINK}`), 'rows');

/** Nothing ran, nothing was complained of, and the policy had nothing to stop. */
async function expectUnhurt({ page, complaints }: OpenedPage): Promise<void> {
  expect(await page.evaluate(() => 'trapped' in window), 'a script of the input ran').toBe(false);
  expect(complaints).toEqual([]);
}

interface Dropped {
  readonly name: string;
  readonly text?: string;
  /** So many more bytes. */
  readonly zeros?: number;
}

async function notice(page: Page, words: RegExp | string): Promise<void> {
  await page.locator('.notices').getByText(words).first().waitFor();
}

async function drop(page: Page, files: readonly Dropped[]): Promise<void> {
  const data = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, text = '', zeros = 0 } of list)
      transfer.items.add(new File([text, new Uint8Array(zeros).fill(97)], name));
    return transfer;
  }, files);
  await page.dispatchEvent('main', 'drop', { dataTransfer: data });
}

it('a strict policy is in force: nothing runs or is fetched that did not come with the page', async () => {
  const opened = await openPage('#scenario=photo-queue');
  const { page, close } = opened;
  await settled(page);
  const policy = await page.locator('meta[http-equiv="Content-Security-Policy"]').getAttribute('content');
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ])
    expect(policy).toContain(rule);
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  await expectUnhurt(opened);
  // And it does stop what would be there.
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.trapped = 1';
    document.body.append(script);
  });
  expect(await page.evaluate(() => 'trapped' in window)).toBe(false);
  await close();
});

const packed = (value: unknown): string => `#v=1&z=${deflateRawSync(JSON.stringify(value)).toString('base64url')}`;
const bomb = `#v=1&z=${deflateRawSync(Buffer.alloc(50_000_000, 97), { level: 9 }).toString('base64url')}`;

const LINKS: readonly (readonly [what: string, hash: string, words: string])[] = [
  ['of random bytes', '#v=1&z=3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEi', 'This link is damaged'],
  ['that is cut off', packed({ yaml: TAME }).slice(0, -30), 'This link is damaged'],
  ['of another shape', packed({ yaml: 'title: a', sets: { length: 1e9 } }), 'This link is damaged'],
  ['of a newer version', '#v=99&z=AAAA', 'This link was made by a newer queuelab'],
  ['of a version that is none', `#v=${encodeURIComponent(SCRIPT)}&z=AAAA`, 'This link has no version that could be'],
  ['that unpacks to 50 MB', bomb, 'This link holds more than a scenario can be'],
  ['to a scenario that there is not', `#scenario=${encodeURIComponent(IMAGE)}`, 'There is no scenario "<img src=x'],
  ['with a time that is none', `#scenario=photo-queue&t=${encodeURIComponent(SCRIPT)}`, 'which is no time'],
  ['with a text that is none', '#yaml=%FF%FE', 'The link holds no readable scenario.'],
  ['with a seed of a million letters', `#scenario=photo-queue&seed=${'x'.repeat(1_000_000)}`, "The link's seed"],
  ['with tags of other languages', packed({ yaml: 'title: !!js/function "f"\nbroker: !x sqs\n' }), 'Unresolved tag'],
  [
    'with names that every object has',
    packed({ scenario: 'photo-queue', lines: [{ at: '1s', constructor: 'worker-1' }] }),
    '`constructor` is not known here',
  ],
  [
    'with a setting that is none',
    `#scenario=photo-queue&set=${encodeURIComponent(`__proto__.x=${SCRIPT}`)}`,
    'This scenario cannot be run.',
  ],
];

it('a link that is damaged, too new, too large or wrong gets a plain sentence, whatever it is', async () => {
  const opened = await openPage('#scenario=photo-queue');
  const { page, close } = opened;
  await settled(page);
  for (const [what, hash, words] of LINKS) {
    await page.evaluate((to) => {
      location.hash = to;
    }, hash);
    await notice(page, words).catch(() => expect.fail(`a link ${what} should say: ${words}`));
    await page.evaluate(() => {
      location.hash = '#scenario=photo-queue';
    });
    await page.waitForFunction(() => document.querySelector('.notices .fault') === null);
  }
  await expectUnhurt(opened);
  await close();
});

it('a panel, a message and a thing that are not there are passed over', async () => {
  const opened = await openPage(
    `#scenario=photo-queue&tab=${encodeURIComponent(SCRIPT)}&message=nobody/99&show=place:queue:${encodeURIComponent(IMAGE)}&zoom=1e99&wide=maybe&mark=99999h`,
  );
  await settled(opened.page);
  await opened.page.getByRole('tab', { name: 'Log', selected: true }).waitFor();
  await expectUnhurt(opened);
  await opened.close();
});

it('a scenario with names that are markup is refused in words, and can be looked at', async () => {
  const opened = await openPage(await writeLink({ yaml: NASTY }));
  const { page, close } = opened;
  await notice(page, 'This scenario cannot be run.');
  await openPanel(page, 'Editor');
  await page.locator('.cm-lintRange-error').first().waitFor();
  await expectUnhurt(opened);
  await close();
});

it('a scenario with texts that are markup is shown as the text that it is, in every panel', async () => {
  const opened = await openPage(await writeLink({ yaml: TAME }));
  const { page, close } = opened;
  await settled(page);
  expect(await page.title()).toContain(SCRIPT);
  await page.evaluate(() => window.queuelab.goToFact(12));
  for (const tab of await page.getByRole('tab').allInnerTexts()) await openPanel(page, tab);
  await page.getByRole('heading', { name: 'queuelab' }).click();
  await page.keyboard.press('l');
  await page.getByRole('dialog', { name: 'Share' }).waitFor();
  const frame = page.getByRole('textbox', { name: 'Frame' });
  await expect.poll(() => frame.inputValue()).toContain('&lt;script&gt;');
  expect(await frame.inputValue()).not.toContain('<script');
  await expectUnhurt(opened);
  await close();
});

const { scenario } = parseScenario(TAME, { file: 'tame.yaml' });
if (scenario === null) throw new Error('the tame scenario should run');
const world = new World(scenario);
while (world.step(10_000));
const lines = [...traceLines(world.trace, { title: 'Nasty', seed: '1', scenario: TAME })];
const head = JSON.parse(lines[0] ?? '');
const withHead = (change: object): string => [JSON.stringify({ ...head, ...change }), ...lines.slice(1)].join('\n');
/** Facts that are each possible, and together make no sense: another order than any run has. */
const shuffled = [
  lines[0],
  ...lines.slice(1).map((line) => JSON.stringify({ ...JSON.parse(line), fact: 'committed' })),
].join('\n');

const FILES: readonly (readonly [what: string, files: readonly Dropped[], words: string])[] = [
  [
    'that is none',
    [{ name: 'a.jsonl', text: `{"format":"queuelab/trace@1"}\n${SCRIPT}` }],
    'line 1 should list actors and places',
  ],
  ['of another kind', [{ name: 'a.jsonl', text: `{"event":"click"}\n` }], 'neither a scenario (YAML text) nor a trace'],
  ['of a later format', [{ name: 'a.jsonl', text: '{"format":"queuelab/trace@9"}' }], 'line 1 should say'],
  [
    'with facts that cannot be',
    [{ name: 'a.jsonl', text: lines.join('\n').replace('"fact":"produced"', '"fact":"constructor"') }],
    '"constructor" is no fact',
  ],
  ['that was changed', [{ name: 'a.jsonl', text: shuffled }], 'This is no trace that can be shown'],
  [
    'without its scenario',
    [{ name: 'a.jsonl', text: withHead({ scenario: undefined }) }],
    'does not hold its scenario',
  ],
  [
    'with another scenario',
    [{ name: 'a.jsonl', text: withHead({ scenario: 'title: [' }) }],
    'its scenario cannot be read',
  ],
  [
    'of 50 MB that says it is a trace',
    [{ name: 'a.jsonl', text: `${lines[0]}\n`, zeros: 50_000_000 }],
    'at most 32 MB. Cut it',
  ],
  ['of 50 MB', [{ name: 'a.yaml', zeros: 50_000_000 }], 'has 50 MB; a scenario has at most 1 MB'],
  ['of pixels', [{ name: 'a.png', text: '\u0089PNG\r\n\u001a\n\0\0\0' }], 'neither a scenario (YAML text) nor a trace'],
  [
    'that is two',
    [
      { name: 'a.yaml', text: TAME },
      { name: 'b.yaml', text: TAME },
    ],
    'These are 2 files',
  ],
];

it('a dropped file that cannot be opened gets a plain sentence, and the run that was shown stays', async () => {
  const opened = await openPage('#scenario=photo-queue');
  const { page, close } = opened;
  await settled(page);
  for (const [what, files, words] of FILES) {
    await drop(page, files);
    await notice(page, words).catch(() => expect.fail(`a file ${what} should say: ${words}`));
    await page.getByRole('button', { name: /^Consumer worker-1/ }).waitFor();
    await page.getByRole('button', { name: 'Close this notice' }).click();
    await page.waitForFunction(() => document.querySelector('.notices .fault') === null);
  }
  await drop(page, [{ name: 'empty.yaml', text: '' }]);
  await notice(page, 'This scenario cannot be run.');
  // So deep that a parser without guards reads it for minutes.
  await drop(page, [{ name: 'deep.yaml', text: `title: Deep\nx: ${'['.repeat(400_000)}` }]);
  await notice(page, 'nested too deeply');
  await page.getByRole('button', { name: /^Consumer worker-1/ }).waitFor();
  await expectUnhurt(opened);
  await close();
});

it('a trace with hostile texts is shown like any other', async () => {
  const opened = await openPage('#scenario=photo-queue');
  const { page, close } = opened;
  await settled(page);
  await drop(page, [{ name: 'a.jsonl', text: lines.join('\n') }]);
  await page
    .getByRole('button', { name: /^Consumer worker,/ })
    .or(page.getByRole('button', { name: /^Consumer worker / }))
    .first()
    .waitFor();
  await settled(page);
  await expect.poll(() => page.title()).toContain(SCRIPT);
  await expectUnhurt(opened);
  await close();
});
