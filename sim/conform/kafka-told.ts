/**
 * Runs the scenarios in words of the Kafka vectors: a consumer polls, commits and processes until it crashes, and another goes on from the last commit. The
 * words are read clause by clause into what an application does, and a real consumer does it, with a real node, under real commits (K67-K69). What the words say
 * of records is believed: that they were processed. What was committed, where the other begins, and which results are visible is seen.
 */
import type { OptionValues } from '../../core/options.ts';
import { type Fields, type Findings, UnknownShape } from './case.ts';
import { KafkaLab, LabReader } from './kafka-lab.ts';

/** What an application does, or what happens to it. Offsets are inclusive. */
type Act =
  | { readonly type: 'poll'; readonly from: number; readonly to: number }
  | { readonly type: 'poll again' }
  | { readonly type: 'commit'; readonly offset: number | undefined; readonly arrives: boolean }
  | { readonly type: 'committed before'; readonly offset: number }
  /** `last`: it does not come to commit the last of them any more, should it commit each. */
  | { readonly type: 'process'; readonly from: number; readonly to: number; readonly last?: boolean }
  | { readonly type: 'commit each' }
  /** Results and offset in one transaction. */
  | { readonly type: 'transaction'; readonly from: number; readonly to: number; readonly offset: number | undefined }
  /** The transaction before this does not come to its end. */
  | { readonly type: 'abort' }
  | { readonly type: 'seek' | 'skip'; readonly offset: number }
  | { readonly type: 'crash' };

const LAST = Number.MAX_SAFE_INTEGER;

/** Longer than the session of a consumer that died and the transaction that it left open. */
const LONG_SECONDS = 200;

export function told(scenario: string, expected: Fields, findings: Findings): void {
  const { processed, polled, again, transactional } = played(
    actsOf(scenario),
    /\bauto-?commit/i.test(scenario),
    findings,
  );
  const processedTwice = processed.filter((offset) => again.includes(offset));
  const neverProcessed = polled.filter((offset) => !processed.includes(offset) && !again.includes(offset));
  if (expected.has('processedTwice')) findings.same('processedTwice', expected.list('processedTwice'), processedTwice);
  if (expected.has('neverProcessed')) findings.same('neverProcessed', expected.list('neverProcessed'), neverProcessed);
  // What is never done was committed before it was worked on; what is done twice was worked on first (K68).
  const once = transactional && processedTwice.length === 0 ? 'exactly-once' : 'at-least-once';
  const semantics = neverProcessed.length > 0 ? 'at-most-once' : once;
  if (expected.has('semantics')) findings.same('semantics', expected.text('semantics'), semantics);
}

// ── What happens ────────────────────────────────────────────────────────────────────────────────────────────────────

interface Played {
  readonly polled: number[];
  /** What was done before the crash: as the words say, or, where results are written in transactions, what is visible of them. */
  readonly processed: readonly number[];
  /** What whoever comes after gets to read. */
  readonly again: readonly number[];
  readonly transactional: boolean;
}

function played(acts: readonly Act[], auto: boolean, findings: Findings): Played {
  const transactional = acts.some(({ type }) => type === 'transaction');
  const aborts = acts.some(({ type }) => type === 'abort');
  const options: OptionValues = {
    'enable.auto.commit': auto,
    'auto.commit.interval.ms': 1,
    ...(transactional && {
      'forward.to': 'results',
      'transactional.id': 'reader',
      'isolation.level': 'read_committed',
    }),
  };
  const lab = new KafkaLab();
  const earlier = acts.find((act) => act.type === 'committed before');
  const first = acts.find((act) => act.type === 'poll');
  if (first?.type !== 'poll') throw new UnknownShape('a scenario in which nothing is polled');
  lab.fill(first.from);
  lab.commit(earlier?.type === 'committed before' ? earlier.offset : first.from);
  const reader = new LabReader(lab, 'reader', options);
  const polled: number[] = [];
  const processed = new Set<number>();
  const skipped = new Set<number>();
  let position = first.from;
  let committed = first.from;
  let each = false;
  let alive = true;
  const commit = (offset: number, arrives: boolean): void => {
    if (!alive) return;
    if (!arrives) lab.lost = 'kafka/OffsetCommit';
    if (offset < committed) {
      if (!lab.commitLate(offset)) throw new UnknownShape(`the commit of ${offset} after ${committed}`);
    } else reader.done(offset);
    // Done by itself, a commit comes with the next poll.
    if (auto) reader.poll();
    lab.lost = '';
    committed = offset;
  };
  const process = (from: number, to: number, last: boolean): void => {
    for (const offset of polled) {
      if (offset < from || offset > to || skipped.has(offset)) continue;
      processed.add(offset);
      if (each && !(last && offset === to)) commit(offset + 1, true);
    }
  };
  for (const act of acts) {
    switch (act.type) {
      case 'poll': {
        const { from, to } = act;
        lab.fill(to + 1);
        if (auto) reader.done(from);
        const wanted = Array.from({ length: to - from + 1 }, (_, index) => from + index);
        findings.same(`poll ${from}..${to}`, wanted, reader.poll());
        for (const offset of wanted) if (!polled.includes(offset)) polled.push(offset);
        position = to + 1;
        break;
      }
      case 'poll again':
        if (auto) reader.done(position);
        reader.poll();
        break;
      case 'commit':
        commit(act.offset ?? position, act.arrives);
        break;
      case 'commit each':
        each = true;
        break;
      case 'process':
        process(act.from, act.to, act.last === true);
        break;
      case 'transaction':
        if (aborts) lab.lost = 'kafka/EndTxn';
        reader.done(act.offset ?? Math.min(position, act.to + 1));
        break;
      case 'seek':
        reader.seek(act.offset);
        position = act.offset;
        break;
      case 'skip':
        skipped.add(act.offset);
        break;
      case 'crash':
        alive = false;
        lab.kill(reader.id);
        break;
      case 'abort':
      case 'committed before':
        break;
    }
  }
  const visible = lab.results();
  lab.kill(reader.id);
  lab.lost = '';
  const next = new LabReader(lab, 'next', options);
  lab.wait(LONG_SECONDS);
  const again: number[] = [];
  for (let got = next.poll(); got.length > 0; got = next.poll()) {
    again.push(...got);
    next.done(LAST);
  }
  return { polled, processed: transactional ? visible : [...processed], again, transactional };
}

// ── The words ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Words that say the same, brought into one form. */
const SAME_WORDS: readonly (readonly [RegExp, string])[] = [
  [/\benable\.auto\.commit ?= ?(?:true|false)\b/g, 'auto-commit'],
  [/\((\d+)\)/g, ' $1 '],
  [/\(((?:auto-?)?commits? \d+)\)/g, ', $1 '],
  [/\(\)|\([^()]*\)/g, ' '],
  [/\btransactionally\b/g, 'in one transaction'],
  [/->|→|(?<=\D|\d)\. |: /g, ', '],
  [/\b(?:auto-?)?commit(?:s|ted|ting)?(?:a?sync)?\b(?! on\b| off\b|=)/g, 'commit'],
  [/\bprocess(?:es|ed|ing)?\b/g, 'process'],
  [/\bpoll(?:s|ed|ing)?\b/g, 'poll'],
  [/\b(?:crash(?:es|ed)?|dies|died|is killed)\b/g, 'crash'],
  [/\b(?:everything|all of (?:them|it)|every record|all records?|(?:the )?(?:rest|others))\b/g, 'all'],
  [/(\d+) ?(?:\.\.\.?|-|–|to) ?(\d+)/g, '$1..$2'],
  [/\b(\d+) and (\d+)\b/g, '$1..$2'],
  [/\b(?:the|consumer|it|its|records?|offsets?|returns?|up to|is|was|are|were|has|had|been|a|any)\b/g, ' '],
];

/** The clauses of a scenario, each in few words. A label before the first colon says what is shown and not what happens. */
function clausesOf(scenario: string): string[] {
  let text = scenario
    .toLowerCase()
    .replace(/^(?!poll\b)[^:,;]*(?<!transaction): /, '')
    .replace(/(transaction): /g, '$1 ');
  for (const [form, word] of SAME_WORDS) text = text.replace(form, word);
  return text
    .split(/[,;]|\bthen\b/)
    .map((clause) => clause.replace(/\s+/g, ' ').trim().replace(/^and /, '').replace(/\.$/, ''))
    .filter((clause) => clause !== '');
}

function actsOf(scenario: string): Act[] {
  const acts: Act[] = [];
  // Results that wait for the transaction in which they are written to be committed.
  let inTransaction: { readonly from: number; readonly to: number } | undefined;
  for (const clause of clausesOf(scenario)) {
    if (/\btransaction\b/.test(clause)) {
      const act = transactionOf(clause, inTransaction);
      if (act === 'open') inTransaction = rangeOf(clause) ?? { from: 0, to: LAST - 1 };
      else if (act !== undefined) {
        acts.push(act);
        if (act.type === 'transaction') inTransaction = undefined;
      }
      if (clause.startsWith('crash')) acts.push({ type: 'crash' });
      continue;
    }
    // What happens to one clause after another; a clause may say two things with `and` between.
    for (const part of clause.split(/ and (?=poll|commit \d|process|crash|seek|restart)/))
      acts.push(...plainActs(part));
  }
  if (inTransaction !== undefined)
    acts.push({ type: 'transaction', ...inTransaction, offset: undefined }, { type: 'abort' });
  return acts;
}

/** What a clause says of a transaction; undefined where it only says that nothing more happens to it. */
function transactionOf(
  clause: string,
  open: { readonly from: number; readonly to: number } | undefined,
): Act | 'open' | undefined {
  if (/\babort/.test(clause) || /^crash before (?:commit )?transaction|^crash before .*transaction/.test(clause))
    return open === undefined ? { type: 'abort' } : undefined;
  if (/^crash (?:after|when) (?:commit )?transaction/.test(clause)) return undefined;
  const range = rangeOf(clause);
  const plain = clause.replace(/\d+\.\.\d+/, '');
  const [, offset] = /(\d+)(?!.*\d)/.exec(plain) ?? [];
  if (/\bprocess\b/.test(clause) && offset === undefined && !/\bcommit\b|\bwith$/.test(clause)) return 'open';
  if (/\bbegin|\bstart/.test(clause)) return 'open';
  if (!/\bcommit\b|\bwrit|\bsend|\bresults\b|\bprocess\b/.test(clause)) throw new UnknownShape(`the step "${clause}"`);
  const { from, to } = range ?? open ?? { from: 0, to: LAST - 1 };
  return { type: 'transaction', from, to, offset: offset === undefined ? undefined : Number(offset) };
}

function rangeOf(clause: string): { readonly from: number; readonly to: number } | undefined {
  const [, from, to] = /(\d+)\.\.(\d+)/.exec(clause) ?? [];
  return from === undefined || to === undefined ? undefined : { from: Number(from), to: Number(to) };
}

/** Clauses without a transaction: their form, and what they say of the numbers in it. */
const PLAIN: readonly (readonly [RegExp, (first: number, second: number) => readonly Act[]])[] = [
  [/^poll (\d+)(?:\.\.(\d+))?$/, (from, to) => [{ type: 'poll', from, to: Number.isNaN(to) ? from : to }]],
  [/^(?:next poll|poll again) commit (\d+)$/, (offset) => [{ type: 'commit', offset, arrives: true }]],
  [/^(?:next poll|poll again|poll)(?: commit)?$/, () => [{ type: 'poll again' }]],
  [/^(?:last|earlier|previous(?:ly)?) commit (\d+)$/, (offset) => [{ type: 'committed before', offset }]],
  [/^commit (?:after each|each|one by one)\b.*$/, () => [{ type: 'commit each' }]],
  [/^commit (\d+) (?:fail|lost|refused|rejected|never)/, (offset) => [{ type: 'commit', offset, arrives: false }]],
  [/^commit (?:fail|lost|refused|rejected|never)/, () => [{ type: 'commit', offset: undefined, arrives: false }]],
  [
    /^commit (\d+)(?: a?sync(?:hronously)?| immediately| at once| late| (?:before|after) (?:process|poll)\b.*)?$/,
    (offset) => [{ type: 'commit', offset, arrives: true }],
  ],
  [/^commit (\d+) (?:at|with|by|in) next poll\b/, (offset) => [{ type: 'commit', offset, arrives: true }]],
  [/^commit$/, () => [{ type: 'commit', offset: undefined, arrives: true }]],
  [/^process and commit each\b.*$/, () => [{ type: 'commit each' }]],
  [/^process (\d+)(?:\.\.(\d+))?$/, (from, to) => [{ type: 'process', from, to: Number.isNaN(to) ? from : to }]],
  [/^process(?: all)?$/, () => [{ type: 'process', from: 0, to: LAST }]],
  [/^seek(?: back)?(?: to)? (\d+)$/, (offset) => [{ type: 'seek', offset }]],
  [/^skip (\d+)$/, (offset) => [{ type: 'skip', offset }]],
  // Whoever gets the partition instead goes on as a successor does.
  [/^(?:rebalance|partition (?:moves|revoked|lost)|session times out)\b.*$/, () => [{ type: 'crash' }]],
  [/^(?:new owner|another|next|successor|new member)\b.*$/, () => []],
  // Who works on it is not the one that polls: nothing is done by that alone.
  [/^hand(?:s|ed|ing)?\b.*\b(?:threads?|pool|workers?|queue)$/, () => []],
  [/^(?:no commit|nothing commit|without commit|commit nothing|process nothing|nothing process)$/, () => []],
  [/^(?:manual commit|auto-?commit(?: on| off| enabled| disabled)?|.*\binterval\b.*)$/, () => []],
  [/^restart\b.*$/, () => []],
];

function plainActs(clause: string): readonly Act[] {
  if (clause.startsWith('crash')) return crashActs(clause);
  for (const [form, acts] of PLAIN) {
    const match = form.exec(clause);
    if (match !== null) return acts(Number(match[1]), Number(match[2]));
  }
  throw new UnknownShape(`the step "${clause}"`);
}

/** How far the application had come when it crashed. */
function crashActs(clause: string): readonly Act[] {
  const crash: Act = { type: 'crash' };
  const last = /\b(?:before|without|but not)\b.*\bcommit\b/.test(clause);
  const [, from, to] = /\bafter (?:process )?(\d+)(?:\.\.(\d+))?\b/.exec(clause) ?? [];
  const [, next] = /\b(?:while|during|in|before) process (\d+)/.exec(clause) ?? [];
  if (from !== undefined && !/\bafter commit\b/.test(clause))
    return [{ type: 'process', from: to === undefined ? 0 : Number(from), to: Number(to ?? from), last }, crash];
  if (/\b(?:after|while) (?:process all|all process)\b/.test(clause))
    return [{ type: 'process', from: 0, to: LAST }, crash];
  if (next !== undefined) return [{ type: 'process', from: 0, to: Number(next) - 1 }, crash];
  if (/^crash(?:$| (?:before|after|during|without|instead of)\b(?!.*\d\.\.))/.test(clause)) return [crash];
  throw new UnknownShape(`the step "${clause}"`);
}
