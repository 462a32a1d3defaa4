import { deflateRawSync } from 'node:zlib';
import { expect, it } from 'vitest';
import {
  type Address,
  NO_ADDRESS,
  readAddress,
  readLink,
  withUnder,
  writeAddress,
  writeLink,
} from '../../web/address.ts';

const VIEW = {
  tab: 'Diagram',
  wide: true,
  zoom: 2.25,
  message: { producer: 'upload/page', sequence: 3 },
  thing: { type: 'place', kind: 'queue', name: 'photo-jobs: all' },
} as const;
const WHOLE: Omit<Address, 'problem' | 'by' | 'local'> = {
  scenario: 'photo-queue',
  yaml: null,
  seed: '7',
  timeUs: 19_400_000,
  sets: ['queues.a.b=8'],
  lines: [],
  under: 'kafka',
  view: VIEW,
  marks: [2_500_000, 19_400_001],
  digest: '9f3c41ae-0b1d22f7',
};
const packed = (value: unknown): string => `#v=1&z=${deflateRawSync(JSON.stringify(value)).toString('base64url')}`;

it('a link that was written is read as it was', async () => {
  const link = writeAddress(WHOLE);
  expect(link).toContain('scenario=photo-queue&seed=7');
  expect(link).toContain('t=19.4s');
  expect(link).toContain('mark=2.5s&mark=19.400001s');
  expect(readAddress(link)).toMatchObject({ ...WHOLE, problem: '' });
  expect(await readLink(link)).toEqual(readAddress(link));
});

it('edits make it a packed link, which is read as it was too', async () => {
  const edited = {
    ...WHOLE,
    scenario: '',
    yaml: 'title: "Grüße <b>&amp;</b> 📷"\n'.repeat(50),
    lines: [
      { at: '19.4s', split: [['b1', 'b2'], ['b3']], for: '5s' },
      { at: '20s', set: { 'queues.a.b': 2 } },
    ],
  };
  const link = await writeLink(edited);
  expect(link).toMatch(/^#v=1&z=[\w-]+$/);
  expect(link.length, 'it is compressed').toBeLessThan(500);
  expect(await readLink(link)).toMatchObject({ ...edited, problem: '' });
});

it('a scenario of the library stays a readable link, with lines it is named in the packed one', async () => {
  expect(await writeLink(WHOLE)).toBe(writeAddress(WHOLE));
  const lines = [{ at: '1s', crash: 'worker-1' }];
  expect(await readLink(await writeLink({ scenario: 'photo-queue', lines }))).toMatchObject({
    scenario: 'photo-queue',
    yaml: null,
    lines,
  });
});

it('a whole scenario travels in the old form of link, whatever letters it has', async () => {
  const yaml = 'title: "Grüße <b>&amp;</b> 📷"\n';
  expect((await readLink(writeAddress({ yaml }))).yaml).toBe(yaml);
});

it('a time that is none, or a scenario that cannot be read, is said and not guessed', () => {
  expect(readAddress('#scenario=a&t=soon').problem).toContain('soon');
  expect(readAddress(`#scenario=a&t=${'9'.repeat(400)}h`)).toMatchObject({ timeUs: null });
  expect(readAddress(`#scenario=a&t=${'9'.repeat(400)}h`).problem).toContain('999');
  expect(readAddress('#yaml=%%%').problem).toBe('The link holds no readable scenario.');
  expect(readAddress('#yaml=____').yaml).toBe(null);
});

it('another broker takes the place of the one before, and all else of the link stays but the digest', async () => {
  const link = withUnder('#scenario=one-corrupt-photo&seed=7&under=sqs&digest=9f3c41ae-0b1d22f7', 'kafka');
  expect(readAddress(link)).toMatchObject({ scenario: 'one-corrupt-photo', seed: '7', under: 'kafka', digest: '' });
  expect(readAddress('#scenario=a').under).toBe(null);
  const edited = withUnder(await writeLink({ ...WHOLE, yaml: 'title: a' }), 'sqs');
  expect(await readLink(edited)).toMatchObject({ yaml: 'title: a', seed: '7', under: 'sqs', digest: '' });
});

it('a link of a newer version says so, and one of a version that is none too', async () => {
  expect((await readLink('#v=2&z=abc')).problem).toContain('newer queuelab');
  expect((await readLink('#v=-1&z=abc')).problem).toContain('no version');
  expect((await readLink('#v=one')).problem).toContain('no version');
});

it('what is damaged, cut off, random or of another shape is said to be damaged', async () => {
  const whole = await writeLink({ ...WHOLE, yaml: 'title: Photos\n'.repeat(99) });
  const links = [
    '#v=1',
    '#z=',
    '#v=1&z=%25%25',
    '#v=1&z=AAAAAAAAAAAAAA',
    whole.slice(0, -12),
    packed(7),
    packed([]),
    packed({ seed: 'a' }),
    packed({ yaml: 'a', sets: [1] }),
    packed({ yaml: 'a', lines: [{ at: { deep: { deeper: { still: 1 } } } }] }),
    packed({ yaml: 'a', lines: [{ at: null }] }),
    packed({ yaml: 'a', lines: Array.from({ length: 1001 }, () => ({})) }),
    `#v=1&z=${deflateRawSync(Buffer.from([0xff, 0xfe, 0xc3])).toString('base64url')}`,
  ];
  for (const link of links) expect((await readLink(link)).problem, link.slice(0, 60)).toContain('damaged');
  let n = 12345;
  for (let i = 0; i < 200; i++) {
    const bytes = Uint8Array.from({ length: i }, () => {
      n = (Math.imul(n, 1103515245) + 12345) >>> 0;
      return n >>> 24;
    });
    expect((await readLink(`#v=1&z=${Buffer.from(bytes).toString('base64url')}`)).problem).not.toBe('');
  }
});

it('fields that make no sense are left out', async () => {
  const link = packed({ yaml: 'a', t: -5, zoom: 1e9, message: 'nobody', show: 'table:x', digest: 'none', wide: 'yes' });
  expect(await readLink(link)).toEqual({ ...NO_ADDRESS, yaml: 'a' });
});

it('a seed that is far too long is left out', async () => {
  const long = 'x'.repeat(1_000_000);
  expect(readAddress(`#scenario=a&seed=${long}`)).toMatchObject({ seed: null });
  expect(readAddress(`#scenario=a&seed=${long}`).problem).toContain('seed');
  expect((await readLink(packed({ yaml: 'a', seed: long }))).seed).toBe(null);
  expect(readAddress('#scenario=a&seed=7/hidden-20').seed).toBe('7/hidden-20');
});

it('of bookmarks the times are taken, each once and in order, and no more than somebody sets', async () => {
  expect(readAddress('#scenario=a&mark=9s&mark=soon&mark=1s&mark=9s').marks).toEqual([1_000_000, 9_000_000]);
  const wild = packed({ yaml: 'a', marks: [5, -1, 0.5, '7', null, 1e300, 5, 3] });
  expect((await readLink(wild)).marks).toEqual([3, 5]);
  expect((await readLink(packed({ yaml: 'a', marks: { length: 9 } }))).marks).toEqual([]);
  const many = packed({ yaml: 'a', marks: Array.from({ length: 50_000 }, (_, i) => i) });
  expect((await readLink(many)).marks).toHaveLength(100);
});

it('a link that unpacks to far more than a scenario is not unpacked', async () => {
  const bomb = `#v=1&z=${deflateRawSync(Buffer.alloc(64_000_000, 97), { level: 9 }).toString('base64url')}`;
  expect(bomb.length).toBeLessThan(100_000);
  const before = process.memoryUsage().rss;
  expect((await readLink(bomb)).problem).toContain('more than a scenario can be');
  expect(process.memoryUsage().rss - before, 'bytes of memory').toBeLessThan(40_000_000);
  expect((await readLink(`#v=1&z=${'A'.repeat(2_000_000)}`)).problem).toContain('more than a scenario can be');
});
