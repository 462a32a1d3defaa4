/**
 * Runs the Kafka vectors about one replica's log: sequence numbers of idempotent producers, what readers of each isolation level see of
 * transactions, retention and deletion of segments, offsets for times; and those about the transaction coordinator of one transactional id. Every
 * case works on a `PartitionReplica` (or on the coordinator's functions) without a broker around it.
 */
import { PRODUCER_OPTIONS } from '../../core/brokers/kafka-options.ts';
import { producerConfig, producerConfigError } from '../../core/clients/kafka-producer-config.ts';
import type { OptionValue } from '../../core/options.ts';
import type { ControlType, LogRecord, PartitionLogOptions } from '../../core/parts/partition-log.ts';
import { type AppendResult, type IsolationLevel, PartitionReplica } from '../../core/parts/partition-replica.ts';
import { sequenceAfter } from '../../core/parts/producer-state.ts';
import {
  addPartitions,
  endTxn,
  fenceAndAbort,
  initProducerId,
  markersWritten,
  NO_IDENTITY,
  type ProducerIdentity,
  type TxnMetadata,
  type TxnOutcome,
  type TxnResult,
  type TxnState,
  timedOut,
  timeoutError,
  VALID_PREVIOUS_STATES,
} from '../../core/parts/txn-coordinator.ts';
import { AbortedFilter } from '../../core/parts/txn-index.ts';
import { Fields, type Findings, isList, isTable, type Json, type JsonTable, sameJson, UnknownShape } from './case.ts';

type Replica = PartitionReplica<string>;

/** Records are all of one size, so that sizes can be told in records. */
const RECORD_BYTES = 100;
const EPOCH = 0;

const UNLIMITED: PartitionLogOptions = {
  segmentBytes: Number.MAX_SAFE_INTEGER,
  segmentUs: Number.MAX_SAFE_INTEGER,
  retentionUs: -1,
  retentionBytes: -1,
  deletes: true,
};

// ── Appending ───────────────────────────────────────────────────────────────────────────────────────────────────

interface Batch {
  readonly producerId: number;
  readonly epoch: number;
  readonly firstSequence: number;
  readonly count: number;
  readonly transactional: boolean;
}

function newRecords(count: number, timestampUs: number) {
  return Array.from({ length: count }, () => ({ key: 'k', value: 'v', timestampUs, sizeBytes: RECORD_BYTES }));
}

function appendAsLeader(replica: Replica, { count, ...batch }: Batch): AppendResult {
  return replica.appendAsLeader({ ...batch, records: newRecords(count, 0) }, EPOCH, 0);
}

/** A record as it lies in another replica's log. */
function record(offset: number, fields: Partial<LogRecord<string>>): LogRecord<string> {
  return {
    offset,
    batchBase: offset,
    batchLast: offset,
    leaderEpoch: EPOCH,
    timestampUs: 0,
    key: 'k',
    value: 'v',
    tombstone: false,
    sizeBytes: RECORD_BYTES,
    producerId: -1,
    producerEpoch: 0,
    sequence: -1,
    transactional: false,
    control: 'none',
    coordinatorEpoch: 0,
    ...fields,
  };
}

/** What a leader has, copied unchecked (K34). */
function appendReplicated(replica: Replica, { count, ...batch }: Batch): AppendResult {
  const firstOffset = replica.log.endOffset;
  const records = Array.from({ length: count }, (_, index) =>
    record(firstOffset + index, {
      batchBase: firstOffset,
      batchLast: firstOffset + count - 1,
      producerId: batch.producerId,
      producerEpoch: batch.epoch,
      sequence: sequenceAfter(batch.firstSequence, index),
      transactional: batch.transactional,
    }),
  );
  replica.appendAsFollower(records, 0);
  return { type: 'appended', firstOffset, lastOffset: firstOffset + count - 1 };
}

function appendMarker(replica: Replica, marker: Fields): AppendResult {
  const result = resultOf(marker.text('type'));
  const epoch = marker.number('epoch', 0);
  return replica.appendMarker(marker.number('pid'), epoch, result, marker.number('coordinatorEpoch', 0), EPOCH, 0);
}

function resultOf(text: string): TxnResult {
  if (text !== 'COMMIT' && text !== 'ABORT') throw new UnknownShape(`the marker ${text}`);
  return text;
}

// ── Idempotence ─────────────────────────────────────────────────────────────────────────────────────────────────

export function runIdempotence(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const expected = row.fields('expected').skip('note');
  if (input.has('producerConfig')) {
    producerSettings(input.fields('producerConfig'), expected, findings);
    input.skip('producerConfig').end();
    expected.end();
    return;
  }
  const replica: Replica = new PartitionReplica(UNLIMITED);
  const results = input.rows('ops').map((op) => {
    const result = idempotentOp(replica, op);
    op.skip('note').end();
    return result;
  });
  input.end();
  const wanted = expected.list('results');
  results.forEach((result, index) => {
    const told = wanted[index] ?? null;
    findings.holds(`op ${index}`, agrees(told, result), told, result);
  });
  findings.same('number of results', wanted.length, results.length);
  if (expected.has('logEndOffset'))
    findings.same('logEndOffset', expected.number('logEndOffset'), replica.log.endOffset);
  expected.end();
}

/** What an op came to: refused, known already, or done. A duplicate is a success, so `ok` may stand beside it; offsets need not be told. */
const RESULT_KEYS: readonly string[] = ['ok', 'duplicate', 'error', 'firstOffset', 'lastOffset'];

/** Whether everything that is told of a result is so. */
function agrees(told: Json, result: JsonTable): boolean {
  if (!isTable(told)) throw new UnknownShape(`the result ${JSON.stringify(told)}`);
  const names = Object.keys(told).filter((name) => name !== 'note');
  const strange = names.filter((name) => !RESULT_KEYS.includes(name));
  if (strange.length > 0) throw new UnknownShape(`a result with ${strange.join(', ')}`);
  const seen: JsonTable = { ok: result['error'] === undefined, duplicate: false, error: null, ...result };
  const { duplicate = false, error = null, ok = error === null } = told;
  const plain = (value: Json) => (value === 'NONE' ? null : value);
  if (ok !== seen['ok'] || duplicate !== seen['duplicate'] || plain(error) !== seen['error']) return false;
  return (['firstOffset', 'lastOffset'] as const).every(
    (name) => told[name] === undefined || sameJson(told[name], seen[name] ?? null),
  );
}

/** What a producer makes of the settings that its user gives. */
function producerSettings(given: Fields, expected: Fields, findings: Findings): void {
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(given.record)) {
    const spec = PRODUCER_OPTIONS[name];
    if (spec === undefined || value === null || isList(value) || isTable(value))
      throw new UnknownShape(`the setting ${name}`);
    if (spec.type === 'boolean') options[name] = value === true || value === 'true';
    else if (spec.type === 'duration') options[name] = Number(value) * 1000;
    else if (spec.type === 'integer' || spec.type === 'number' || spec.type === 'bytes') options[name] = Number(value);
    else options[name] = value;
  }
  const refused = producerConfigError(options) === '' ? null : 'ConfigException';
  const inForce = producerConfig(options);
  const seen: Readonly<Record<string, Json>> = {
    error: refused,
    'enable.idempotence': inForce.idempotent,
    acks: inForce.acks === -1 ? 'all' : String(inForce.acks),
    retries: inForce.retries,
    'max.in.flight.requests.per.connection': inForce.maxInFlight,
    'transactional.id': inForce.transactionalId,
    'delivery.timeout.ms': inForce.deliveryTimeoutUs / 1000,
  };
  for (const [name, wanted] of Object.entries(expected.record)) {
    if (!(name in seen)) continue;
    expected.get(name);
    findings.same(name, name === 'acks' && String(wanted) === '-1' ? 'all' : wanted, seen[name] ?? null);
  }
  if (!expected.has('error')) findings.same('error', null, refused);
}

function idempotentOp(replica: Replica, op: Fields): JsonTable {
  switch (op.text('op')) {
    case 'append': {
      const within = op.get('withinLeader') ?? true;
      if (typeof within !== 'boolean') throw new UnknownShape('withinLeader');
      const origin = op.text('origin', within ? 'client' : 'replication');
      if (origin !== 'client' && origin !== 'replication') throw new UnknownShape(`the origin ${origin}`);
      const producerId = op.number('pid', -1);
      const batch: Batch = {
        producerId,
        epoch: op.number('epoch', producerId < 0 ? -1 : 0),
        firstSequence: op.number('seq', -1),
        count: op.number('count', 1),
        transactional: op.flag('txn'),
      };
      return shownAppend(origin === 'replication' ? appendReplicated(replica, batch) : appendAsLeader(replica, batch));
    }
    case 'marker':
      return shownAppend(appendMarker(replica, op));
    case 'expire':
      replica.forgetProducer(op.number('pid'));
      return { ok: true };
    default:
      throw new UnknownShape(`the op ${op.text('op')}`);
  }
}

function shownAppend(result: AppendResult): JsonTable {
  if (result.type === 'refused') return { error: result.error };
  const { firstOffset, lastOffset } = result;
  return result.type === 'duplicate'
    ? { duplicate: true, firstOffset, lastOffset }
    : { ok: true, firstOffset, lastOffset };
}

// ── Transactions: what readers see ──────────────────────────────────────────────────────────────────────────────

export function runTransactions(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  if (input.has('coordinator')) {
    runCoordinator(row, input, findings);
    return;
  }
  const expected = row.fields('expected').skip('note');
  if (input.has('stateMachine')) {
    findings.same('states', expected.table('validPreviousStates'), VALID_PREVIOUS_STATES as JsonTable);
  } else if (input.has('appends')) transactionIndex(input, expected, findings);
  else if (input.has('steps')) steppedLog(input, expected, findings);
  else if (input.has('log')) fixedLog(input, expected, findings);
  else if (input.has('loop')) loopedLog(input.text('loop'), expected, findings);
  else throw new UnknownShape(`input with ${Object.keys(input.record).join(', ')}`);
  input.skip('stateMachine').end();
  expected.end();
}

/** Fills a replica with rows as they lie in a log: each a batch of its own. */
function replicaOf(rows: readonly Fields[]): Replica {
  const replica: Replica = new PartitionReplica(UNLIMITED);
  for (const row of rows) {
    const control: ControlType = row.has('marker') ? resultOf(row.text('marker')) : 'none';
    const fields = {
      producerId: row.number('pid', -1),
      transactional: control !== 'none' || row.flag('txn'),
      control,
      key: control === 'none' ? String(row.get('key') ?? 'k') : null,
    };
    replica.appendAsFollower([record(row.number('o'), fields)], 0);
    row.end();
  }
  replica.log.setHighWatermark(replica.log.endOffset);
  return replica;
}

interface Reading {
  readonly records: readonly LogRecord<string>[];
  /** Where the reader stands afterwards. */
  readonly position: number;
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
}

function read(replica: Replica, from: number, isolation: IsolationLevel, told: Reading['aborted'] | null): Reading {
  const end = replica.readableEnd(isolation);
  const { records, aborted } = replica.read(from, end, Number.MAX_SAFE_INTEGER, isolation);
  const filter = new AbortedFilter(isolation === 'read_committed' ? (told ?? aborted) : []);
  const position = (records.at(-1)?.offset ?? from - 1) + 1;
  return { records: records.filter((one) => filter.passes(one)), position, aborted };
}

function fixedLog(input: Fields, expected: Fields, findings: Findings): void {
  const replica = replicaOf(input.rows('log'));
  if (input.has('highWatermark')) replica.log.setHighWatermark(input.number('highWatermark'));
  const from = input.number('fetchFrom', 0);
  const told = input.has('abortedTransactions')
    ? input
        .rows('abortedTransactions')
        .map((one) => ({ producerId: one.number('pid'), firstOffset: one.number('firstOffset') }))
    : null;
  for (const [name, value] of Object.entries({ ...observe(replica), ...readings(replica, from, told) })) {
    if (expected.has(name)) findings.same(name, expected.get(name) ?? null, value);
  }
  if (expected.has('abortedTransactions'))
    compareAborted(expected.list('abortedTransactions'), read(replica, from, 'read_committed', told).aborted, findings);
}

/** What readers that start at `from` get to see. */
function readings(replica: Replica, from: number, told: Reading['aborted'] | null): Readonly<Record<string, Json>> {
  const committed = read(replica, from, 'read_committed', told);
  const uncommitted = read(replica, from, 'read_uncommitted', told);
  const offsets = ({ records }: Reading) => records.map(({ offset }) => offset);
  return {
    readCommitted: offsets(committed),
    readUncommitted: offsets(uncommitted),
    readCommittedKeys: committed.records.map(({ key }) => key),
    lastStableOffset: replica.lastStableOffset,
    nextPosition: committed.position,
    positionAdvances: committed.records.length === 0 && committed.position > from,
  };
}

/** The given fields of each aborted transaction, in order. */
function compareAborted(wanted: readonly Json[], got: Reading['aborted'], findings: Findings): void {
  const shown = got.map(({ producerId: pid, ...rest }): JsonTable => ({ pid, ...rest }));
  const agrees = (one: Json, index: number) =>
    isTable(one) && Object.entries(one).every(([name, value]) => sameJson(value, shown[index]?.[name] ?? null));
  findings.holds('aborted transactions', wanted.length === shown.length && wanted.every(agrees), wanted, shown);
}

/** Appends with the sequence numbers that each producer comes to. */
class TransactionalLog {
  readonly replica: Replica;
  readonly #sequences = new Map<number, number>();

  constructor(replica: Replica) {
    this.replica = replica;
  }

  append(producerId: number, count: number): void {
    const firstSequence = producerId < 0 ? -1 : (this.#sequences.get(producerId) ?? 0);
    this.#sequences.set(producerId, firstSequence + count);
    const batch = { producerId, epoch: 0, firstSequence, count, transactional: producerId >= 0 };
    if (appendAsLeader(this.replica, batch).type !== 'appended') throw new Error('an append was refused');
  }
}

function transactionIndex(input: Fields, expected: Fields, findings: Findings): void {
  const replica: Replica = new PartitionReplica(UNLIMITED);
  const log = new TransactionalLog(replica);
  for (const row of input.rows('appends')) {
    const producerId = row.number('pid', -1);
    if (row.has('marker')) replica.appendMarker(producerId, 0, resultOf(row.text('marker')), 0, EPOCH, 0);
    else log.append(producerId, row.number('n'));
    row.end();
  }
  const unstable = (input.has('highWatermarks') ? input.numbers('highWatermarks') : []).map((offset) => {
    replica.log.setHighWatermark(offset);
    return replica.firstUnstableOffset ?? null;
  });
  if (expected.has('firstUnstableOffset'))
    findings.same('firstUnstableOffset', expected.list('firstUnstableOffset'), unstable);
  if (expected.has('logEndOffset'))
    findings.same('logEndOffset', expected.number('logEndOffset'), replica.log.endOffset);
  if (expected.has('abortedTransactions')) {
    compareAborted(expected.list('abortedTransactions'), replica.abortedTransactions, findings);
  }
}

/** What can be asked of the log after each step. */
function observe(replica: Replica): Readonly<Record<string, Json>> {
  const { log } = replica;
  return {
    firstUnstableOffset: replica.firstUnstableOffset ?? null,
    lastStableOffset: replica.lastStableOffset,
    segments: log.segmentCount,
    earliestOffset: log.startOffset,
    logStartOffset: log.startOffset,
    logEndOffset: log.endOffset,
    highWatermark: log.highWatermark,
    latestOffset: {
      internal: log.endOffset,
      readUncommitted: replica.readableEnd('read_uncommitted'),
      readCommitted: replica.readableEnd('read_committed'),
    },
  };
}

function steppedLog(input: Fields, expected: Fields, findings: Findings): void {
  const replica = replicaOf(input.rows('log'));
  replica.log.setHighWatermark(0);
  const log = new TransactionalLog(replica);
  const after: Readonly<Record<string, Json>>[] = [];
  let beforeDeletion = observe(replica);
  for (const step of input.rows('steps')) {
    if (step.flag('roll') || step.flag('newSegment')) replica.log.roll();
    for (const row of [step.get('append') ?? []].flat()) {
      const batch = new Fields(row, 'append').skip('txn');
      log.append(batch.number('pid', -1), batch.number('count'));
      batch.end();
    }
    if (step.has('marker')) {
      const marker = step.fields('marker');
      appendMarker(replica, marker);
      marker.end();
    }
    if (step.has('highWatermark')) replica.log.setHighWatermark(step.number('highWatermark'));
    if (step.has('deleteRecordsBefore')) {
      beforeDeletion = observe(replica);
      replica.log.deleteRecordsBefore(step.number('deleteRecordsBefore'));
    }
    if (step.flag('deleteOldSegments')) replica.log.applyRetention(0);
    step.skip('newSegment', 'note').end();
    after.push(observe(replica));
  }
  const from = input.number('fetchFrom', 0);
  const last = after.at(-1) ?? observe(replica);
  const told = readings(replica, from, null);
  for (const [name, wanted] of Object.entries(expected.record)) {
    if (name === 'note') continue;
    expected.get(name);
    if (name === 'abortedTransactions') {
      compareAborted(isList(wanted) ? wanted : [], replica.abortedTransactions, findings);
      continue;
    }
    if (name === 'abortedTransactionsInFetch') {
      compareAborted(isList(wanted) ? wanted : [], read(replica, from, 'read_committed', null).aborted, findings);
      continue;
    }
    const [, plain = '', when = ''] = /^(.+?)(Before|After)?$/.exec(name) ?? [];
    if (!(plain in last) && name in told) {
      findings.same(name, wanted, told[name] ?? null);
      continue;
    }
    const source = when === 'Before' ? beforeDeletion : last;
    if (!(plain in source)) throw new UnknownShape(`expected.${name}`);
    if (when === '' && isList(wanted))
      findings.same(
        name,
        wanted,
        after.map((seen) => seen[plain] ?? null),
      );
    else findings.same(name, wanted, source[plain] ?? null);
  }
}

/** How often the steps of a loop in words are gone through. */
const ROUNDS = 100;

/**
 * A loop in words, its steps between commas: `append one transactional record`, `read_committed fetch at its offset` (or at `offset 0`), `ABORT` or `COMMIT`, and
 * `high watermark follows the log end`, which holds after each step.
 */
function loopedLog(text: string, expected: Fields, findings: Findings): void {
  const steps = text
    .split(/\s*[,;]\s*(?:and )?(?:then )?(?:the )?|\s+(?:and )?then (?:the )?/)
    .map((step) => step.replace(/ marker$/, '').replace(/^(?:write|append) (?:an? )?(?=ABORT$|COMMIT$)/, ''));
  const follows = steps.some((step) => /^high watermark (?:always )?follows (?:the )?log end(?: offset)?$/.test(step));
  const replica: Replica = new PartitionReplica(UNLIMITED);
  const log = new TransactionalLog(replica);
  let nonEmptyReads = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const base = replica.log.endOffset;
    for (const step of steps) {
      const [, count, kind] = /^appends? (an?|one|\d+)( transactional)? records?$/.exec(step) ?? [];
      const [, isolation, at] = /^(read_committed|read_uncommitted) fetch at (its offset|offset \d+)$/.exec(step) ?? [];
      if (count !== undefined) log.append(kind === undefined ? -1 : 1, /^\d/.test(count) ? Number(count) : 1);
      else if (isolation === 'read_committed' || isolation === 'read_uncommitted') {
        const from = at === 'its offset' ? base : Number(at?.slice('offset '.length));
        if (read(replica, from, isolation, null).records.length > 0) nonEmptyReads++;
      } else if (step === 'ABORT' || step === 'COMMIT') replica.appendMarker(1, 0, step, 0, EPOCH, 0);
      else if (!/^high watermark /.test(step)) throw new UnknownShape(`the step "${step}"`);
      if (follows) replica.log.setHighWatermark(replica.log.endOffset);
    }
  }
  if (expected.has('nonEmptyReads')) findings.same('nonEmptyReads', expected.number('nonEmptyReads'), nonEmptyReads);
}

// ── Transactions: the coordinator ───────────────────────────────────────────────────────────────────────────────

/** `transaction.timeout.ms`, and `transaction.max.timeout.ms`: their defaults (K44). */
const TIMEOUT_US = 60_000_000;
const LONGEST_US = 900_000_000;
/** When requests come; a transaction that is open for longer than its timeout began long before. */
const NOW_US = 1_000_000_000;

function runCoordinator(row: Fields, input: Fields, findings: Findings): void {
  let known = knownTransaction(input.get('coordinator') ?? null);
  const asked = input.get('request') ?? [];
  const wanted = row.get('expected') ?? null;
  const requests = isList(asked) ? asked : [asked];
  const answers = isList(wanted) ? wanted : [wanted];
  const idsBefore = known?.producerId;
  input.end();
  if (answers.length !== requests.length) throw new UnknownShape('another number of answers than of requests');
  requests.forEach((one, index) => {
    const request = new Fields(one, 'request');
    const outcome = asks(known, request);
    request.end();
    const before = known;
    known = outcome.metadata ?? known;
    const expected = new Fields(answers[index], 'expected').skip('note');
    const where = `request ${index}`;
    if (expected.has('error')) findings.same(`${where}.error`, expected.text('error'), outcome.error);
    for (const name of ['producerEpoch', 'epoch'] as const)
      if (expected.has(name)) findings.same(`${where}.${name}`, expected.number(name), outcome.epoch);
    if (expected.has('sideEffect'))
      compareSideEffect(where, expected.text('sideEffect'), { outcome, before, known }, findings);
    if (expected.has('producerId')) findings.same(`${where}.id`, expected.number('producerId'), outcome.producerId);
    if (expected.has('newProducerId')) {
      const isNew = outcome.producerId >= 0 && outcome.producerId !== idsBefore;
      findings.same(`${where}.newProducerId`, expected.flag('newProducerId'), isNew);
    }
    for (const name of ['state', 'newState'] as const)
      if (expected.has(name)) findings.same(`${where}.${name}`, expected.text(name), known?.state ?? null);
    expected.end();
  });
}

/** What is seen of a side effect. */
interface Effect {
  readonly outcome: TxnOutcome;
  readonly before: TxnMetadata | undefined;
  readonly known: TxnMetadata | undefined;
}

/** Clauses of a side effect: what each says, and what is to be seen then. A word in brackets is the one that is compared. */
const SIDE_EFFECTS: readonly (readonly [
  RegExp,
  (effect: Effect, word: string) => readonly [wanted: Json, seen: Json],
])[] = [
  [/^(?:none|nothing(?: happens| changes)?|no (?:change|side effects?))$/, unchanged],
  [
    /^(?:epoch|state|transaction|producer|metadata) (?:is )?(?:unchanged|not (?:changed|aborted|touched|fenced))$/,
    unchanged,
  ],
  [
    /^(?:producer )?epoch (?:is )?(?:bumped |raised |incremented |-> |becomes |stays |remains |is )?(?:to |at )?(\d+)$/,
    ({ known }, epoch) => [Number(epoch), known?.epoch ?? null],
  ],
  [
    /^(?:producer )?epoch (?:is )?(?:not (?:bumped|raised)|(bumped|raised|incremented))$/,
    ({ known, before }, bumped) => [bumped === '' ? 0 : 1, (known?.epoch ?? 0) - (before?.epoch ?? 0)],
  ],
  [
    /^(?:then|after that|when (?:they|all) are written)(?: state)?(?: ->| becomes| is)? (Complete\w+)$/,
    ({ known }, state) => [state, known === undefined ? null : markersWritten(known).state],
  ],
  [
    /^(?:then )?(?:in )?(?:state )?(?:-> |becomes |is |moves to |stays |remains |: ?)?([A-Z]\w+)$/,
    ({ known }, state) => [state, known?.state ?? null],
  ],
  [
    /^(?:transaction (?:is )?(?:being )?aborted|aborts? (?:transaction|is started|started|begins|begun))$/,
    ({ known }) => ['PrepareAbort', known?.state ?? null],
  ],
  [
    /^(?:transaction (?:is )?committed|commits? (?:transaction|begins|begun))$/,
    ({ known }) => ['PrepareCommit', known?.state ?? null],
  ],
  [
    /^(?:new )?transaction (?:begins|begun|is (?:started|opened)|started|starts)$/,
    ({ known, before }) => ['Ongoing', before?.state === 'Ongoing' ? null : (known?.state ?? null)],
  ],
  [
    /^(?:(?:old|former|previous|current) )?(?:producer|zombie|instance) (?:is )?fenced$/,
    ({ known, before }) => ['PRODUCER_FENCED', endTxn(known, before ?? NO_IDENTITY, 'COMMIT').error],
  ],
  [
    /^(?:(?:client|caller|producer) )?(?:retries|must retry|has to retry)$/,
    ({ outcome }) => ['CONCURRENT_TRANSACTIONS', outcome.error],
  ],
  [
    /^(?:(?:client|caller|producer) )?(?:is )?(?:then )?(?:given|gets|receives) epoch (\d+)$/,
    ({ known }, epoch) => [Number(epoch), nextTry(known).epoch],
  ],
  [
    /^(?:(?:client|caller|producer) )?(?:is )?(?:then )?(?:given|gets|receives) new producer id(?:\/(\d+))?$/,
    ({ known }, epoch) => [
      { new: true, epoch: epoch === '' ? 0 : Number(epoch) },
      { new: nextTry(known).producerId !== known?.producerId, epoch: nextTry(known).epoch },
    ],
  ],
  [
    /^(?:(?:COMMIT|ABORT) )?markers (?:are )?(?:being |to be )?(?:written|sent)(?: to (?:all|every|each)\b.*)?$/,
    ({ outcome }) => [true, outcome.writeMarkers],
  ],
];

function unchanged({ outcome }: Effect): readonly [Json, Json] {
  return [false, outcome.metadata !== undefined];
}

/** What the same caller gets when it asks once more, after the markers of what is prepared are written. Source: K42. */
function nextTry(known: TxnMetadata | undefined): TxnOutcome {
  const after = known?.state.startsWith('Prepare') ? markersWritten(known) : known;
  return initProducerId('txn', after, NO_IDENTITY, TIMEOUT_US, () => (known?.producerId ?? 0) + 1);
}

/** What words say of a side effect, clause by clause; what is in brackets, or behind `none` and a colon, explains. */
function compareSideEffect(where: string, text: string, effect: Effect, findings: Findings): void {
  const plain = text
    .replace(/\s*\([^()]*\)/g, '')
    .replace(/^(none|nothing|no change)\s*[:,;-].*$/i, 'none')
    .replace(/^(?:None|Nothing|No)\b/, (word) => word.toLowerCase())
    .replace(/\bnew producer id,?(?: and| with| at)? epoch (\d+)/g, 'new producer id/$1')
    .replace(/\b(?:[tT]he|[aA]) /g, '')
    .replace(/\.$/, '');
  for (const clause of plain.split(/\s*(?:[;,]|\band\b|\bwith\b|: )\s*/).filter((part) => part !== '')) {
    const [pattern, judge] = SIDE_EFFECTS.find(([form]) => form.test(clause)) ?? [];
    if (pattern === undefined || judge === undefined) throw new UnknownShape(`the side effect "${clause}"`);
    const [wanted, seen] = judge(effect, pattern.exec(clause)?.[1] ?? '');
    findings.same(`${where}: ${clause}`, wanted, seen);
  }
}

function knownTransaction(value: Json): TxnMetadata | undefined {
  if (value === null) return undefined;
  const fields = new Fields(value, 'coordinator');
  const state = fields.text('state');
  if (!Object.hasOwn(VALID_PREVIOUS_STATES, state)) throw new UnknownShape(`the state ${state}`);
  const late = fields.flag('timedOut');
  const lastEpoch = fields.number('lastEpoch', fields.number('lastProducerEpoch', -1));
  const known: TxnMetadata = {
    transactionalId: 'txn',
    producerId: fields.number('producerId'),
    epoch: fields.number('epoch'),
    lastProducerId: fields.number('lastProducerId', lastEpoch < 0 ? -1 : fields.number('producerId')),
    lastEpoch,
    state: state as TxnState,
    partitions: state === 'Ongoing' ? ['t-0'] : [],
    timeoutUs: TIMEOUT_US,
    startedUs: late ? NOW_US - 2 * TIMEOUT_US : NOW_US,
  };
  fields.end();
  return known;
}

function asks(known: TxnMetadata | undefined, request: Fields): TxnOutcome {
  const [verb = ''] = Object.keys(request.record);
  if (verb === 'timerTick') {
    request.get(verb);
    if (known !== undefined && timedOut(known, NOW_US)) return fenceAndAbort(known);
    const { producerId, epoch } = known ?? NO_IDENTITY;
    return { error: 'NONE', producerId, epoch, metadata: undefined, writeMarkers: false };
  }
  const fields = request.fields(verb);
  const caller: ProducerIdentity = fields.has('producerId')
    ? { producerId: fields.number('producerId'), epoch: fields.number('epoch') }
    : NO_IDENTITY;
  let outcome: TxnOutcome;
  switch (verb) {
    case 'initProducerId': {
      const [named] = ['timeoutMs', 'transactionTimeoutMs', 'transaction.timeout.ms'].filter((name) =>
        fields.has(name),
      );
      const timeoutUs = named === undefined ? TIMEOUT_US : fields.number(named) * 1000;
      const error = timeoutError(timeoutUs, LONGEST_US);
      outcome =
        error === 'NONE'
          ? initProducerId('txn', known, caller, timeoutUs, () => (known?.producerId ?? 0) + 1)
          : { error, ...NO_IDENTITY, metadata: undefined, writeMarkers: false };
      break;
    }
    case 'endTxn':
      outcome = endTxn(known, caller, resultOf(fields.text('result')));
      break;
    case 'addPartitions':
      outcome = addPartitions(known, caller, fields.has('partitions') ? fields.texts('partitions') : ['t-0'], NOW_US);
      break;
    default:
      throw new UnknownShape(`the request ${verb}`);
  }
  fields.end();
  return outcome;
}

// ── Retention ───────────────────────────────────────────────────────────────────────────────────────────────────

/** The clock of a case that names none: so late that a record with a small timestamp is old. */
const CLOCK_MS = 1_000_000_000_000;

export function runRetention(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const expected = row.fields('expected').skip('note');
  if (input.has('log')) offsetsForTimes(input, expected, findings);
  else retained(input, expected, findings);
  input.end();
  expected.end();
}

function retained(input: Fields, expected: Fields, findings: Findings): void {
  const policy = input.text('cleanup.policy', 'delete');
  const retentionMs = input.number('retention.ms', -1);
  const recordBytes = input.number('recordBytes', RECORD_BYTES);
  const bytes = input.number('retention.bytes', -1);
  const records = input.number('retentionRecords', bytes < 0 ? -1 : bytes / recordBytes);
  const replica: Replica = new PartitionReplica({
    ...UNLIMITED,
    segmentBytes:
      (input.has('segment.bytes')
        ? input.number('segment.bytes') / recordBytes
        : input.number('recordsPerSegment', Number.MAX_SAFE_INTEGER / RECORD_BYTES)) * RECORD_BYTES,
    retentionUs: retentionMs < 0 ? -1 : retentionMs * 1000,
    retentionBytes: records < 0 ? -1 : records * RECORD_BYTES,
    deletes: policy.split(/\s*,\s*/).includes('delete'),
  });
  const clock = input.get('now') ?? CLOCK_MS;
  const isLate = clock === 'much later';
  if (typeof clock !== 'number' && !isLate) throw new UnknownShape('the time of the check');
  const clockMs = isLate ? CLOCK_MS : clock;
  const timestampMs = momentMs(input.get('recordTimestamp') ?? 'now', clockMs);
  const nowUs = (clockMs + (isLate ? 2 * Math.max(retentionMs, 0) : 0)) * 1000;
  for (let count = input.number('append'); count > 0; count--) {
    const batch = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };
    replica.appendAsLeader({ ...batch, records: newRecords(1, timestampMs * 1000) }, EPOCH, 0);
  }
  const { log } = replica;
  const seen: { segmentsLeft: number; logStartOffset: number; error: string | null }[] = [];
  const look = (error: string | null) => {
    log.applyRetention(nowUs);
    seen.push({ segmentsLeft: log.segmentCount, logStartOffset: log.startOffset, error });
  };
  const watermarks = numbersOf(input.get('highWatermark') ?? log.endOffset);
  for (const offset of watermarks) {
    log.setHighWatermark(offset);
    look(null);
  }
  const deletions = input.has('deleteRecordsBefore') ? numbersOf(input.get('deleteRecordsBefore') ?? []) : [];
  if (deletions.length > 0 && watermarks.length === 1) seen.length = 0;
  for (const offset of deletions) look(log.deleteRecordsBefore(offset) ? null : 'OFFSET_OUT_OF_RANGE');
  for (const name of ['segmentsLeft', 'logStartOffset', 'error'] as const) {
    if (!expected.has(name)) continue;
    const plain = (value: Json): Json => (value === 'NONE' ? null : value);
    const told = expected.get(name) ?? null;
    const wanted = isList(told) ? told.map(plain) : plain(told);
    const all = seen.map((one) => one[name]);
    findings.same(name, wanted, isList(wanted) ? all : (all.at(-1) ?? null));
  }
}

/** A time in ms, or `now`, or so many ms before or after it. */
function momentMs(value: Json, nowMs: number): number {
  if (typeof value === 'number') return value;
  const [said, sign, ms] = typeof value === 'string' ? (/^now(?:\s*([-+])\s*(\d+))?$/.exec(value) ?? []) : [];
  if (said === undefined) throw new UnknownShape(`the time ${JSON.stringify(value)}`);
  return nowMs + (sign === '-' ? -1 : 1) * Number(ms ?? 0);
}

function numbersOf(value: Json): number[] {
  return [value].flat().map(Number);
}

function offsetsForTimes(input: Fields, expected: Fields, findings: Findings): void {
  const replica: Replica = new PartitionReplica(UNLIMITED);
  const rows = input.rows('log');
  // What is shown of the log is all there is of it.
  replica.truncateFullyAndStartAt(rows[0]?.number('o') ?? 0);
  for (const row of rows) {
    replica.appendAsFollower([record(row.number('o'), { timestampUs: row.number('ts') })], 0);
    row.end();
  }
  replica.log.setHighWatermark(replica.log.endOffset);
  const offsets = input.list('queries').map((query) => {
    if (query === 'earliest' || query === 'latest') return replica.offsetFor(query, 'read_uncommitted', 0) ?? null;
    if (typeof query !== 'number') throw new UnknownShape(`the query ${JSON.stringify(query)}`);
    return replica.offsetFor({ timeUs: query }, 'read_uncommitted', 0) ?? null;
  });
  findings.same('offsets', expected.list('offsets'), offsets);
}
