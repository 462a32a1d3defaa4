/**
 * Runs the Kafka vectors about share groups: acquisitions, acknowledgements, locks that end and members that leave, on one `SharePartition`. Time
 * stands still but for the steps that let the lock's time pass.
 */
import {
  type AcknowledgeType,
  SHARE_TRANSITIONS,
  type ShareEnd,
  type ShareError,
  type ShareOptions,
  SharePartition,
  type ShareState,
} from '../../core/parts/share-partition.ts';
import type { Micros } from '../../core/types.ts';
import { Fields, type Findings, isList, isTable, type Json, type JsonTable, sameItems, UnknownShape } from './case.ts';

/** K102, K104, K106: the defaults of the lock's time, the deliveries, and the offsets in flight. */
const LOCK_US = 30_000_000;
const DELIVERIES = 5;
const MAX_LOCKS = 2000;

const TYPES: Readonly<Record<string, AcknowledgeType>> = {
  '0': 'GAP',
  '1': 'ACCEPT',
  '2': 'RELEASE',
  '3': 'REJECT',
  '4': 'RENEW',
  GAP: 'GAP',
  ACCEPT: 'ACCEPT',
  RELEASE: 'RELEASE',
  REJECT: 'REJECT',
  RENEW: 'RENEW',
};

export function runShares(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const expected = row.fields('expected').skip('note');
  if (input.has('transitions')) transitions(expected, findings);
  else operations(input, expected, findings);
  input.skip('transitions').end();
  expected.end();
}

function transitions(expected: Fields, findings: Findings): void {
  const states = Object.keys(SHARE_TRANSITIONS) as ShareState[];
  const allowed = states.flatMap((from) => SHARE_TRANSITIONS[from].map((to) => [from, to]));
  const wanted = expected.list('allowed');
  findings.holds('allowed', sameItems(wanted, allowed), wanted, allowed);
  const terminal = states.filter((state) => SHARE_TRANSITIONS[state].length === 0);
  if (expected.has('terminal'))
    findings.holds('terminal', sameItems(expected.list('terminal'), terminal), expected.list('terminal'), terminal);
  if (expected.has('everythingElse')) findings.same('everything else', expected.text('everythingElse'), 'error');
}

/** What a run of operations comes to. */
class Shared {
  readonly partition: SharePartition;
  readonly acquiredCounts: number[] = [];
  readonly results: Json[] = [];
  lastAcquired: JsonTable | null = null;
  afterRelease: ((expected: Fields, findings: Findings) => void) | null = null;
  /** What became of offsets when their deliveries ended; the partition itself forgets those that its start has passed. */
  readonly #ends = new Map<number, ShareEnd>();
  /** Offsets that hold a record; null: all. */
  readonly #log: ReadonlySet<number> | null;
  readonly #lockUs: Micros;
  #now = 0;

  constructor(start: number, log: readonly number[], options: ShareOptions) {
    this.#log = log.length === 0 ? null : new Set(log);
    this.#lockUs = options.lockUs;
    this.partition = new SharePartition(start, options);
  }

  readonly #ended = (end: ShareEnd): void => void this.#ends.set(end.offset, end);

  /** State and deliveries of each offset that was handed out, also of those that are final and passed by the start. */
  states(): ReadonlyMap<number, Json> {
    const { partition } = this;
    const states = new Map<number, Json>();
    for (const { offset, state, deliveryCount } of this.#ends.values())
      if (offset < partition.startOffset && state !== 'AVAILABLE') states.set(offset, [state, deliveryCount]);
    for (let offset = partition.startOffset; offset < partition.endOffset; offset++) {
      const record = partition.record(offset);
      if (record !== undefined) states.set(offset, [record.state, record.deliveryCount]);
    }
    return states;
  }

  step(op: Fields): void {
    if (op.has('acquire')) this.#acquire(op.fields('acquire'));
    else if (op.has('ack')) this.#acknowledge(op.fields('ack'));
    else if (op.has('memberLeaves')) {
      this.partition.memberGone(op.text('memberLeaves'), this.#ended);
      this.results.push('ok');
    } else if (op.has('advance') || op.has('advanceMs')) {
      this.#advance(op.get('advance') ?? op.get('advanceMs') ?? null);
      this.results.push('ok');
    } else if (op.has('renew')) this.#acknowledge(new Fields({ ...op.table('renew'), type: 'RENEW' }, 'renew'));
    else if (op.has('logStart') || op.has('logStartOffset')) {
      this.partition.logStartMoved(Number(op.get('logStart') ?? op.get('logStartOffset')));
      this.results.push('ok');
    } else if (op.flag('restart')) {
      this.partition.restore(this.partition.snapshot());
      this.#ends.clear();
      this.results.push('ok');
    } else throw new UnknownShape(`the operation ${Object.keys(op.record).join(', ')}`);
    op.skip('note').end();
  }

  /** A full window takes no new batch; what was given back within it is handed out all the same (K106). */
  #acquire(fields: Fields): void {
    const { partition } = this;
    const to = fields.number('to');
    const below = partition.hasRoom ? to : Math.min(to, partition.endOffset - 1);
    const acquired = partition.acquire(fields.text('m'), fields.number('from'), below, this.#now);
    this.acquiredCounts.push(acquired.length);
    this.results.push('ok');
    const last = acquired.at(-1);
    if (last !== undefined) {
      // The last run of neighbours that were delivered equally often.
      let first = last.offset;
      for (let i = acquired.length - 2; acquired[i]?.offset === first - 1; i--) {
        if (acquired[i]?.deliveryCount !== last.deliveryCount) break;
        first--;
      }
      this.lastAcquired = { from: first, to: last.offset, deliveryCount: last.deliveryCount };
    }
    fields.end();
  }

  /** Whether the member does not hold some offset of the range that somebody was handed. */
  #isLost(owner: string, first: number, last: number): boolean {
    for (let offset = Math.max(first, this.partition.startOffset); offset <= last; offset++) {
      const record = this.partition.record(offset);
      if (record === undefined || record.deliveryCount === 0) continue;
      if (record.state !== 'ACQUIRED' || record.owner !== owner || record.lockedUntilUs <= this.#now) return true;
    }
    return false;
  }

  /** With a list of types, an offset that it leaves out is not spoken of, unless there is no record at it. */
  #acknowledge(fields: Fields): void {
    const owner = fields.text('m');
    const from = fields.number('from');
    const listed = fields.get('types');
    const types = new Map<number, AcknowledgeType>();
    if (isList(listed)) for (const [index, type] of listed.entries()) types.set(from + index, typeOf(type));
    else if (isTable(listed))
      for (const [offset, type] of Object.entries(listed)) types.set(Number(offset), typeOf(type));
    else if (listed !== undefined) throw new UnknownShape('the types of an acknowledgement');
    const single = types.size === 0 ? typeOf(fields.get('type') ?? null) : undefined;
    const to = fields.number('to', Math.max(from, ...types.keys()));
    fields.end();
    const typeAt = (offset: number): AcknowledgeType | undefined =>
      single ?? types.get(offset) ?? (this.#log?.has(offset) === false ? 'GAP' : undefined);
    const parts = runsOf(from, to, (offset) => typeAt(offset) !== undefined);
    let error: ShareError = 'NONE';
    // A part that is refused takes the others with it.
    if (parts.length > 1 && parts.some(([first, last]) => this.#isLost(owner, first, last)))
      error = 'INVALID_RECORD_STATE';
    for (const [first, last] of parts) {
      if (error !== 'NONE') break;
      const type = (offset: number): AcknowledgeType => typeAt(offset) ?? 'GAP';
      error = this.partition.acknowledge(owner, first, last, type, this.#now, this.#ended);
    }
    this.results.push(error === 'NONE' ? 'ok' : error);
    const releases = single === 'RELEASE' || [...types.values()].includes('RELEASE');
    if (releases && this.afterRelease === null) {
      const { partition } = this;
      const state = this.states();
      const seen = positionsOf(partition);
      this.afterRelease = (expected, findings) => {
        if (expected.has('state')) compareStates('afterRelease', expected.table('state'), state, findings);
        for (const [name, value] of Object.entries(seen))
          if (expected.has(name)) findings.same(`afterRelease.${name}`, expected.get(name) ?? null, value);
        expected.end();
      };
    }
  }

  /** `past …lock…`: the lock's time passes; a number is in ms. */
  #advance(value: Json): void {
    if (typeof value === 'number') this.#now += value * 1000;
    else if (typeof value === 'string' && /^past\b.*\block/.test(value)) this.#now += this.#lockUs + 1000;
    else throw new UnknownShape(`the advance ${JSON.stringify(value)}`);
    this.partition.expire(this.#now, this.#ended);
  }
}

function typeOf(value: Json): AcknowledgeType {
  const type = TYPES[String(value)];
  if (type === undefined) throw new UnknownShape(`the acknowledgement ${JSON.stringify(value)}`);
  return type;
}

/** The runs of neighbours in [from, to] that are spoken of. */
function runsOf(from: number, to: number, spoken: (offset: number) => boolean): [number, number][] {
  const runs: [number, number][] = [];
  for (let offset = from; offset <= to; offset++) {
    if (!spoken(offset)) continue;
    const run = runs.at(-1);
    if (run?.[1] === offset - 1) run[1] = offset;
    else runs.push([offset, offset]);
  }
  return runs;
}

function positionsOf(partition: SharePartition): Readonly<Record<string, Json>> {
  return {
    nextFetchOffset: partition.nextFetchOffset,
    startOffset: partition.startOffset,
    endOffset: partition.endOffset - 1,
    inFlight: partition.inFlight,
    canAcquire: partition.canAcquire,
  };
}

function operations(input: Fields, expected: Fields, findings: Findings): void {
  const ops = input.rows('ops');
  const firsts = ops.flatMap((op) => (op.has('acquire') ? [op.fields('acquire').number('from')] : []));
  const log = input.has('log') ? input.numbers('log') : [];
  const start = input.number('startOffset', firsts[0] ?? log[0] ?? 0);
  const shared = new Shared(start, log, {
    deliveryCountLimit: input.number('deliveryCountLimit', DELIVERIES),
    maxRecordLocks: input.number('maxRecordLocks', MAX_LOCKS),
    lockUs: input.number('lockDurationMs', LOCK_US / 1000) * 1000,
  });
  for (const op of ops) shared.step(op);
  const { partition } = shared;
  if (expected.has('state')) compareStates('state', expected.table('state'), shared.states(), findings);
  if (expected.has('afterRelease')) {
    if (shared.afterRelease === null) throw new UnknownShape('afterRelease without a RELEASE');
    shared.afterRelease(expected.fields('afterRelease'), findings);
  }
  const results = shared.results;
  const seen: Readonly<Record<string, Json>> = {
    ...positionsOf(partition),
    acquiredCount: shared.acquiredCounts,
    lastAcquired: shared.lastAcquired,
    results,
    error: results.at(-1) === 'ok' ? 'NONE' : (results.at(-1) ?? null),
  };
  for (const [name, value] of Object.entries(seen)) {
    if (!expected.has(name)) continue;
    const wanted = expected.get(name) ?? null;
    const single = name === 'acquiredCount' && !isList(wanted) ? (shared.acquiredCounts.at(-1) ?? null) : value;
    findings.same(name, wanted, single);
  }
}

/** `5` or `5-9` -> [state, deliveries], or the state alone; what is not listed is not compared. */
function compareStates(where: string, wanted: JsonTable, got: ReadonlyMap<number, Json>, findings: Findings): void {
  for (const [range, value] of Object.entries(wanted)) {
    const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (from === undefined) throw new UnknownShape(`the offsets ${range}`);
    for (let offset = Number(from); offset <= Number(to ?? from); offset++) {
      const state = got.get(offset) ?? null;
      findings.same(`${where} of ${offset}`, value, isList(value) || !isList(state) ? state : (state[0] ?? null));
    }
  }
}
