/**
 * Runs the Kafka vectors about share groups: acquisitions, acknowledgements, locks that end and members that leave, on one `SharePartition`. Time
 * stands still but for the steps that let the lock's time pass.
 */
import {
  type AcknowledgeType,
  SHARE_TRANSITIONS,
  type ShareError,
  SharePartition,
  type ShareState,
} from '../../core/parts/share-partition.ts';
import { Fields, type Findings, isList, type Json, type JsonTable, sameItems, UnknownShape } from './case.ts';

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
  #now = 0;

  constructor(start: number, deliveryCountLimit: number, maxRecordLocks: number) {
    this.partition = new SharePartition(start, { deliveryCountLimit, maxRecordLocks, lockUs: LOCK_US });
  }

  step(op: Fields): void {
    if (op.has('acquire')) this.#acquire(op.fields('acquire'));
    else if (op.has('ack')) this.#acknowledge(op.fields('ack'));
    else if (op.has('memberLeaves')) {
      this.partition.memberGone(op.text('memberLeaves'), () => undefined);
      this.results.push('ok');
    } else if (op.has('advance')) {
      this.#advance(op.get('advance') ?? null);
      this.results.push('ok');
    } else throw new UnknownShape(`the operation ${Object.keys(op.record).join(', ')}`);
    op.skip('note').end();
  }

  #acquire(fields: Fields): void {
    const acquired = this.partition.acquire(fields.text('m'), fields.number('from'), fields.number('to'), this.#now);
    const [first, last] = [acquired[0], acquired.at(-1)];
    this.acquiredCounts.push(acquired.length);
    this.results.push('ok');
    if (first !== undefined && last !== undefined)
      this.lastAcquired = { from: first.offset, to: last.offset, deliveryCount: last.deliveryCount };
    fields.end();
  }

  #acknowledge(fields: Fields): void {
    const from = fields.number('from');
    const types = fields.has('types') ? fields.table('types') : null;
    const single = types === null ? typeOf(fields.get('type') ?? null) : 'ACCEPT';
    const offsets = types === null ? [] : Object.keys(types).map(Number);
    const to = fields.number('to', Math.max(from, ...offsets));
    const typeAt = (offset: number) => (types === null ? single : typeOf(types[String(offset)] ?? 'GAP'));
    const error: ShareError = this.partition.acknowledge(
      fields.text('m'),
      from,
      to,
      typeAt,
      this.#now,
      () => undefined,
    );
    this.results.push(error === 'NONE' ? 'ok' : error);
    if (single === 'RELEASE' && this.afterRelease === null) {
      const state = shownStates(this.partition);
      const next = this.partition.nextFetchOffset;
      this.afterRelease = (expected, findings) => {
        if (expected.has('state')) compareStates('afterRelease', expected.table('state'), state, findings);
        if (expected.has('nextFetchOffset'))
          findings.same('afterRelease.nextFetchOffset', expected.number('nextFetchOffset'), next);
        expected.end();
      };
    }
    fields.end();
  }

  /** `past …lock…`: the lock's time passes; a number is in ms. */
  #advance(value: Json): void {
    if (typeof value === 'number') this.#now += value * 1000;
    else if (typeof value === 'string' && /^past\b.*\block/.test(value)) this.#now += LOCK_US + 1000;
    else throw new UnknownShape(`the advance ${JSON.stringify(value)}`);
    this.partition.expire(this.#now, () => undefined);
  }
}

function typeOf(value: Json): AcknowledgeType {
  const type = TYPES[String(value)];
  if (type === undefined) throw new UnknownShape(`the acknowledgement ${JSON.stringify(value)}`);
  return type;
}

function operations(input: Fields, expected: Fields, findings: Findings): void {
  const ops = input.rows('ops');
  const firsts = ops.flatMap((op) => (op.has('acquire') ? [op.fields('acquire').number('from')] : []));
  const log = input.has('log') ? input.numbers('log') : [];
  const start = input.number('startOffset', firsts[0] ?? log[0] ?? 0);
  const deliveries = input.number('deliveryCountLimit', DELIVERIES);
  const shared = new Shared(start, deliveries, input.number('maxRecordLocks', MAX_LOCKS));
  for (const op of ops) shared.step(op);
  const { partition } = shared;
  if (expected.has('state')) compareStates('state', expected.table('state'), shownStates(partition), findings);
  if (expected.has('afterRelease')) {
    if (shared.afterRelease === null) throw new UnknownShape('afterRelease without a RELEASE');
    shared.afterRelease(expected.fields('afterRelease'), findings);
  }
  const results = shared.results;
  const seen: Readonly<Record<string, Json>> = {
    nextFetchOffset: partition.nextFetchOffset,
    startOffset: partition.startOffset,
    endOffset: partition.endOffset - 1,
    inFlight: partition.inFlight,
    acquiredCount: shared.acquiredCounts,
    lastAcquired: shared.lastAcquired,
    results,
    error: results.at(-1) === 'ok' ? 'NONE' : (results.at(-1) ?? null),
    canAcquire: partition.canAcquire,
  };
  for (const [name, value] of Object.entries(seen)) {
    if (!expected.has(name)) continue;
    const wanted = expected.get(name) ?? null;
    const single = name === 'acquiredCount' && !isList(wanted) ? (shared.acquiredCounts.at(-1) ?? null) : value;
    findings.same(name, wanted, single);
  }
}

function shownStates(partition: SharePartition): ReadonlyMap<number, Json> {
  const states = new Map<number, Json>();
  for (let offset = partition.startOffset; offset < partition.endOffset; offset++) {
    const record = partition.record(offset);
    if (record !== undefined) states.set(offset, [record.state, record.deliveryCount]);
  }
  return states;
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
