/**
 * The link of a moment. One of the library's scenarios without edits makes a link that can be read and written by hand: `#scenario=photo-queue&seed=7&t=19.4s`. All
 * else travels packed: `#v=1&z=…`, deflated JSON as base64url, with the text, the knobs and the added lines. Both hold what is to be seen, and the digest that the run
 * had. Whatever else stands there is ignored or explained; nothing of it is trusted, and what it unpacks to is bounded.
 */

import type { Micros } from '../core/types.ts';
import { version } from '../package.json';
import type { LineValue, TimelineLine } from './protocol.ts';
import { readClock } from './stage/describe.ts';

/** The version of this program, said in each link beside the digest. */
export const VERSION: string = version;
/** Version of the packed form. */
const FORM = 1;
/** A packed link may be so long, and unpack to so many bytes: more than any scenario that the parser takes. */
const PACKED_MOST = 1_500_000;
const UNPACKED_MOST = 2_000_000;
/** Bytes that are unpacked at a time. Each may become about a thousand. */
const BITE = 1_024;
const SETS_MOST = 200;
const LINES_MOST = 1_000;
const MARKS_MOST = 100;
/** Letters: twice what a file may say, since those of an exercise's hidden runs are longer than its own. Everything that chance decides is made from all of it. */
const SEED_MOST = 200;

/** What is shown beside the moment. */
export interface View {
  /** Name of the open panel; '' for the usual one. */
  readonly tab: string;
  /** The panel has most of the page. */
  readonly wide: boolean;
  /** How many times as large as it fits the stage is; 1 fits. */
  readonly zoom: number;
  /** The selected message, by its producer's name and its place there, which other runs have too; null for none. */
  readonly message: { readonly producer: string; readonly sequence: number } | null;
  /** What the inspector shows instead; null for the message. */
  readonly thing: { readonly type: 'actor' | 'place'; readonly kind: string; readonly name: string } | null;
}

export const PLAIN_VIEW: View = { tab: '', wide: false, zoom: 1, message: null, thing: null };

export interface Address {
  /** Name in the library; '' when the scenario is in the link. */
  readonly scenario: string;
  /** A scenario's text; null when it is named. */
  readonly yaml: string | null;
  readonly seed: string | null;
  readonly timeUs: Micros | null;
  /** `path=value` each. */
  readonly sets: readonly string[];
  /** Lines added to the timeline. */
  readonly lines: readonly TimelineLine[];
  /** For a scenario in neutral words, the broker: name of a profile, not looked up yet. */
  readonly under: string | null;
  readonly view: View;
  /** Bookmarks, in order. */
  readonly marks: readonly Micros[];
  /** That the run had; '' when the link does not say. */
  readonly digest: string;
  /** Version of the program that made the link; '' when it does not say. */
  readonly by: string;
  /** The file that `queuelab open` serves beside the page is meant. */
  readonly local: boolean;
  /** What could not be read, for the person; '' when all could. */
  readonly problem: string;
}

export const NO_ADDRESS: Address = {
  scenario: '',
  yaml: null,
  seed: null,
  timeUs: null,
  sets: [],
  lines: [],
  under: null,
  view: PLAIN_VIEW,
  marks: [],
  digest: '',
  by: '',
  local: false,
  problem: '',
};

/** What a link is made from: the rest is as in a link that says nothing. */
export type Written = Partial<Omit<Address, 'problem' | 'by' | 'local'>>;

/** Reads any link. It never rejects: what is wrong is in `problem`. */
export async function readLink(hash: string): Promise<Address> {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const packed = query.get('z');
  const form = query.get('v');
  if (packed === null && form === null) return readAddress(hash);
  if (form !== null && (!/^\d{1,9}$/.test(form) || Number(form) < 1))
    return { ...NO_ADDRESS, problem: `This link has no version that could be: "${form.slice(0, 20)}".` };
  if (Number(form) > FORM)
    return {
      ...NO_ADDRESS,
      problem: `This link was made by a newer queuelab (version ${form} of links; this one reads ${FORM}). Update queuelab to open it.`,
    };
  const unpacked = packed === null ? DAMAGED : await inflate(packed);
  if ('problem' in unpacked) return { ...NO_ADDRESS, problem: unpacked.problem };
  const inner = fromJson(unpacked.text);
  if (inner === null) return { ...NO_ADDRESS, problem: DAMAGED.problem };
  // What stands openly in the link wins over what is packed: someone changed it by hand or by the page's own menu.
  const outer = readAddress(hash);
  const changed = outer.under !== null || outer.seed !== null;
  return {
    ...inner,
    seed: outer.seed ?? inner.seed,
    timeUs: outer.timeUs ?? inner.timeUs,
    under: outer.under ?? inner.under,
    digest: changed ? '' : inner.digest,
    problem: outer.problem,
  };
}

/** Reads a link that is not packed. */
export function readAddress(hash: string): Address {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  const packed = query.get('yaml');
  const yaml = packed === null ? null : textOf(packed);
  const t = query.get('t');
  const clock = t === null ? null : readClock(t);
  const timeUs = isTime(clock) ? clock : null;
  const problem =
    packed !== null && yaml === null
      ? 'The link holds no readable scenario.'
      : t !== null && timeUs === null
        ? `The link says "${t.slice(0, 40)}", which is no time; it would be like 19.4s.`
        : (query.get('seed') ?? '').length > SEED_MOST
          ? `The link's seed is longer than ${SEED_MOST} letters, so it was left out.`
          : '';
  return {
    ...NO_ADDRESS,
    scenario: query.get('scenario') ?? '',
    yaml,
    seed: seedOf(query.get('seed')),
    timeUs,
    sets: query.getAll('set').slice(0, SETS_MOST),
    under: query.get('under'),
    view: {
      tab: query.get('tab') ?? '',
      wide: query.get('wide') === '1',
      zoom: zoomOf(Number(query.get('zoom') ?? 1)),
      message: messageOf(query.get('message') ?? ''),
      thing: thingOf(query.get('show') ?? ''),
    },
    marks: marksOf(query.getAll('mark').map(readClock)),
    digest: digestOf(query.get('digest')),
    by: (query.get('by') ?? '').slice(0, 20),
    local: query.get('open') === 'local',
    problem,
  };
}

/** The link of all that is given: plain where that is enough, else packed. */
export async function writeLink(written: Written): Promise<string> {
  const { yaml = null, lines = [] } = written;
  if (yaml === null && lines.length === 0) return writeAddress(written);
  const { scenario, seed, timeUs, sets, under, view, marks, digest } = { ...NO_ADDRESS, ...written };
  const json = JSON.stringify({
    ...(yaml === null ? { scenario } : { yaml }),
    ...(seed === null ? {} : { seed }),
    ...(sets.length === 0 ? {} : { sets }),
    ...(lines.length === 0 ? {} : { lines }),
    ...(under === null ? {} : { under }),
    ...(timeUs === null || timeUs <= 0 ? {} : { t: timeUs }),
    ...viewParts(view),
    ...(marks.length === 0 ? {} : { marks: marksOf(marks) }),
    ...(digest === '' ? {} : { digest, by: VERSION }),
  });
  return `#v=${FORM}&z=${await deflate(json)}`;
}

/** The link that can be read: knobs, but no added lines; a text is carried as it is. */
export function writeAddress(written: Written): string {
  const { scenario, yaml, seed, timeUs, sets, under, view, marks, digest } = { ...NO_ADDRESS, ...written };
  const query = new URLSearchParams();
  if (yaml !== null) query.set('yaml', base64url(new TextEncoder().encode(yaml)));
  else query.set('scenario', scenario);
  if (seed !== null) query.set('seed', seed);
  for (const set of sets) query.append('set', set);
  if (under) query.set('under', under);
  if (timeUs !== null && timeUs > 0) query.set('t', `${timeUs / 1_000_000}s`);
  for (const [name, value] of Object.entries(viewParts(view))) query.set(name, String(value));
  for (const mark of marksOf(marks)) query.append('mark', `${mark / 1_000_000}s`);
  if (digest !== '') {
    query.set('digest', digest);
    query.set('by', VERSION);
  }
  return `#${query}`;
}

/** The same link under another broker, which gives another run. */
export function withUnder(hash: string, under: string): string {
  const query = new URLSearchParams(hash.replace(/^#/, ''));
  query.set('under', under);
  query.delete('digest');
  return `#${query}`;
}

// The packed form

const DAMAGED = { problem: 'This link is damaged: often its end was cut off on the way. Ask for it again.' } as const;
const TOO_LARGE = { problem: 'This link holds more than a scenario can be, so it was not opened.' } as const;

async function deflate(text: string): Promise<string> {
  const packer = new CompressionStream('deflate-raw');
  const out = new Response(packer.readable).arrayBuffer();
  const writer = packer.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return base64url(new Uint8Array(await out));
}

/** Unpacks bite by bite and stops at the bound, so that a small link never fills the memory. */
async function inflate(packed: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  if (packed.length > PACKED_MOST) return TOO_LARGE;
  const bytes = bytesOf(packed);
  if (bytes === null) return DAMAGED;
  const unpacker = new DecompressionStream('deflate-raw');
  const writer = unpacker.writable.getWriter();
  const reader = unpacker.readable.getReader();
  let stopped = false;
  const feed = async (): Promise<void> => {
    for (let at = 0; at < bytes.length && !stopped; at += BITE) await writer.write(bytes.subarray(at, at + BITE));
    if (!stopped) await writer.close();
  };
  // What goes wrong here goes wrong at the reader too, who tells it.
  const fed = feed().catch(() => undefined);
  const blocks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > UNPACKED_MOST) {
        stopped = true;
        await reader.cancel();
        return TOO_LARGE;
      }
      blocks.push(value);
    }
    await fed;
    const decoder = new TextDecoder('utf-8', { fatal: true });
    return { text: blocks.map((block) => decoder.decode(block, { stream: true })).join('') + decoder.decode() };
  } catch {
    return DAMAGED;
  }
}

/** Null for what `writeLink` does not write. */
function fromJson(text: string): Address | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isTable(parsed)) return null;
  const string = (name: string): string => (typeof parsed[name] === 'string' ? parsed[name] : '');
  const yaml = typeof parsed['yaml'] === 'string' ? parsed['yaml'] : null;
  if (yaml === null && string('scenario') === '') return null;
  const sets = listOf(parsed['sets'], SETS_MOST, (one): one is string => typeof one === 'string');
  const lines = listOf(parsed['lines'], LINES_MOST, isLine);
  const { t, marks = [] } = parsed as { readonly t?: unknown; readonly marks?: unknown };
  if (sets === null || lines === null) return null;
  return {
    ...NO_ADDRESS,
    scenario: string('scenario'),
    yaml,
    seed: seedOf(parsed['seed']),
    timeUs: isTime(t) ? t : null,
    sets,
    lines,
    under: typeof parsed['under'] === 'string' ? parsed['under'] : null,
    view: {
      tab: string('tab'),
      wide: parsed['wide'] === 1,
      zoom: zoomOf(Number(parsed['zoom'] ?? 1)),
      message: messageOf(string('message')),
      thing: thingOf(string('show')),
    },
    marks: marksOf(Array.isArray(marks) ? marks : []),
    digest: digestOf(parsed['digest']),
    by: string('by').slice(0, 20),
  };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLine(value: unknown): value is TimelineLine {
  return isTable(value) && Object.values(value).every((one) => isLineValue(one, DEEPEST));
}

/** The sides of a split are lists in a list; nothing in a line goes deeper. */
const DEEPEST = 2;

function isLineValue(value: unknown, deeper: number): value is LineValue {
  if (typeof value !== 'object') return ['string', 'number', 'boolean'].includes(typeof value);
  return value !== null && deeper > 0 && Object.values(value).every((one) => isLineValue(one, deeper - 1));
}

/** Null for what is no such list, or a longer one; empty when there is none. */
function listOf<Item>(value: unknown, most: number, is: (one: unknown) => one is Item): readonly Item[] | null {
  if (value === undefined) return [];
  return Array.isArray(value) && value.length <= most && value.every(is) ? value : null;
}

// Parts of a view

function viewParts({ tab, wide, zoom, message, thing }: View): Readonly<Record<string, string | number>> {
  return {
    ...(tab === '' ? {} : { tab }),
    ...(wide ? { wide: 1 } : {}),
    ...(zoom === 1 ? {} : { zoom: Math.round(zoom * 100) / 100 }),
    ...(message === null ? {} : { message: `${message.producer}/${message.sequence}` }),
    ...(thing === null ? {} : { show: `${thing.type}:${thing.kind}:${thing.name}` }),
  };
}

function zoomOf(zoom: number): number {
  return zoom >= 1 && zoom <= 100 ? zoom : 1;
}

function messageOf(text: string): View['message'] {
  const [, producer, sequence] = /^(.+)\/(\d{1,9})$/.exec(text) ?? [];
  return producer === undefined || sequence === undefined ? null : { producer, sequence: Number(sequence) };
}

function thingOf(text: string): View['thing'] {
  const [, type, kind, name] = /^(actor|place):([\w-]+):(.+)$/.exec(text) ?? [];
  if (kind === undefined || name === undefined) return null;
  return { type: type === 'actor' ? 'actor' : 'place', kind, name };
}

/** The times among what is given, each once and in order; of more than a person sets, the first. */
function marksOf(marks: readonly unknown[]): readonly Micros[] {
  return [...new Set(marks.slice(0, MARKS_MOST).filter(isTime))].sort((a, b) => a - b);
}

function isTime(value: unknown): value is Micros {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Null for what can be none. */
function seedOf(value: unknown): string | null {
  return typeof value === 'string' && value.length <= SEED_MOST ? value : null;
}

/** '' for what is no digest. */
function digestOf(value: unknown): string {
  return typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{8}$/.test(value) ? value : '';
}

// Letters

function base64url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function bytesOf(packed: string): Uint8Array<ArrayBuffer> | null {
  try {
    const binary = atob(packed.replaceAll('-', '+').replaceAll('_', '/'));
    return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

function textOf(packed: string): string | null {
  const bytes = bytesOf(packed);
  if (bytes === null) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
