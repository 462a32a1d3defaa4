/**
 * Runs the Kafka vectors about log compaction: rows of a log, passes of the cleaner over it, and what is left of records, batches and producers. A
 * case works on a `PartitionReplica` with a compacted log; what a restarted broker would know of the producers is asked of a second replica that
 * reads what is left.
 */
import { buildOffsetMap, type CleanResult } from '../../core/parts/log-cleaner.ts';
import type { LogRecord, PartitionLogOptions } from '../../core/parts/partition-log.ts';
import { PartitionReplica } from '../../core/parts/partition-replica.ts';
import { sequenceAfter, sequenceBefore } from '../../core/parts/producer-state.ts';
import { Fields, type Findings, isList, type Json, type JsonTable, sameItems, sameJson, UnknownShape } from './case.ts';

type Replica = PartitionReplica<string>;

const RECORD_BYTES = 100;
const DAY_US = 86_400_000_000;
/** The clock of a pass that names none. */
const CLOCK_US = 1_000_000_000_000_000;
const LATEST_US = Number.MAX_SAFE_INTEGER;

const COMPACTED: PartitionLogOptions = {
  segmentBytes: Number.MAX_SAFE_INTEGER,
  segmentUs: Number.MAX_SAFE_INTEGER,
  retentionUs: -1,
  retentionBytes: -1,
  deletes: false,
  compaction: { minDirtyRatio: 0, minLagUs: 0, maxLagUs: -1, deleteRetentionUs: DAY_US },
};

/** The log of one case, and what its rows said that the log does not keep. */
class CompactedLog {
  readonly replica: Replica = new PartitionReplica(COMPACTED);
  /** Keys as the case writes them, by their text. */
  readonly keys = new Map<string, Json>();
  nextDirty = 0;
  readonly #sequences = new Map<number, number>();

  append(rows: readonly Fields[]): void {
    let batch: LogRecord<string>[] = [];
    let name: Json | undefined;
    const flush = (): void => {
      const [first, last] = [batch[0], batch.at(-1)];
      if (first === undefined || last === undefined) return;
      const whole = batch.map((record) => ({ ...record, batchBase: first.offset, batchLast: last.offset }));
      this.replica.appendAsFollower(whole, 0);
      batch = [];
    };
    for (const row of rows) {
      const shared = row.get('b');
      if (shared === undefined || shared !== name || row.has('roll')) flush();
      name = shared;
      if (row.has('roll')) {
        if (row.flag('roll')) this.replica.log.roll();
      } else batch.push(this.#record(row));
      row.end();
    }
    flush();
    this.replica.log.setHighWatermark(this.replica.log.endOffset);
  }

  #record(row: Fields): LogRecord<string> {
    const offset = row.number('o');
    const producerId = row.number('pid', -1);
    const marker = row.has('marker') ? row.text('marker') : 'none';
    if (marker !== 'none' && marker !== 'COMMIT' && marker !== 'ABORT') throw new UnknownShape(`the marker ${marker}`);
    const key = row.get('k') ?? null;
    const value = row.get('v') ?? null;
    const isData = marker === 'none';
    if (key !== null) this.keys.set(String(key), key);
    let sequence = -1;
    if (isData && producerId >= 0) {
      sequence = row.number('seq', this.#sequences.get(producerId) ?? 0);
      this.#sequences.set(producerId, sequenceAfter(sequence, 1));
    }
    row.skip('timestamp');
    return {
      offset,
      batchBase: offset,
      batchLast: offset,
      leaderEpoch: 0,
      timestampUs: 0,
      key: key === null ? null : String(key),
      value: value === null ? null : String(value),
      tombstone: isData && value === null,
      sizeBytes: RECORD_BYTES,
      producerId,
      producerEpoch: row.number('epoch', 0),
      sequence,
      transactional: !isData || row.flag('txn'),
      control: marker,
      coordinatorEpoch: 0,
    };
  }

  get records(): readonly LogRecord<string>[] {
    return this.replica.log.allSegments.flatMap(({ records }) => records);
  }

  clean(from: number, capacity: number, now: number): CleanResult<string> {
    const { end } = this.replica.cleanable(now);
    const result = this.replica.clean(from, Math.max(from, end), capacity, now);
    this.nextDirty = result.nextDirty;
    return result;
  }
}

export function runCompaction(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const log = new CompactedLog();
  log.append(input.rows('log'));
  input.end();
  row.rows('passes').forEach((pass, index) => {
    const where = `pass ${index}`;
    log.append(pass.rows('append'));
    const expected = pass.fields('expected').skip('note');
    if (pass.has('clean')) cleaned(log, pass.fields('clean'), expected, where, findings);
    else if (pass.has('buildOffsetMap')) indexed(log, pass.fields('buildOffsetMap'), expected, where, findings);
    else if (pass.has('produce')) produced(pass.fields('produce'), expected, where, findings);
    else if (pass.has('fetchFrom')) fetched(log, pass, expected, where, findings);
    else throw new UnknownShape(`${where} with ${Object.keys(pass.record).join(', ')}`);
    expected.end();
    pass.skip('note').end();
  });
}

function cleaned(log: CompactedLog, clean: Fields, expected: Fields, where: string, findings: Findings): void {
  const capacity = clean.number('offsetMapCapacityKeys', Number.MAX_SAFE_INTEGER);
  let result = log.clean(clean.number('firstDirtyOffset', log.nextDirty), capacity, clockOf(clean.get('now')));
  if (clean.flag('twoPass')) result = log.clean(log.nextDirty, capacity, LATEST_US);
  clean.skip('note').end();
  const { records } = log;
  const holds = records.filter(({ control, key, tombstone }) =>
    control === 'none' ? key !== null && !tombstone : control !== 'EMPTY',
  );
  const seen: Readonly<Record<string, Json>> = {
    offsets: holds.map(({ offset }) => offset),
    keys: holds.filter(({ key }) => key !== null).map(({ key }) => log.keys.get(key ?? '') ?? null),
    batchLastOffsets: [...new Set(records.map(({ batchLast }) => batchLast))],
    nextDirtyOffset: result.nextDirty,
    messagesRead: result.messagesRead,
    messagesWritten: result.messagesWritten,
    droppedUnkeyed: result.droppedUnkeyed,
    lastSequenceByProducer: lastSequences(records),
    duplicateRetryReturns: retries(records),
  };
  for (const name of Object.keys(expected.record)) {
    const wanted = expected.get(name) ?? null;
    const [, at] = /^tombstoneAtOffset(\d+)Kept$/.exec(name) ?? [];
    if (name === 'note') continue;
    if (at !== undefined)
      findings.same(
        `${where}.${name}`,
        wanted,
        records.some((one) => one.offset === Number(at) && one.tombstone),
      );
    else if (name === 'lastSequenceByProducer' || name === 'duplicateRetryReturns') {
      // Only the producers that are asked about.
      for (const [producer, one] of Object.entries(expected.table(name)))
        findings.same(`${where}.${name}.${producer}`, one, (seen[name] as JsonTable)[producer] ?? null);
    } else if (name in seen) findings.same(`${where}.${name}`, wanted, seen[name] ?? null);
    else throw new UnknownShape(`${where} expects ${name}`);
  }
}

/** `T` is some fixed time, `T + 500` 500 ms later, `maximum` one so late that every delete horizon has passed; a number is in ms. */
function clockOf(value: Json | undefined): number {
  if (value === undefined) return CLOCK_US;
  if (typeof value === 'number') return value * 1000;
  const [said, ms] =
    typeof value === 'string' ? (/^T(?: \([^()]*\))?(?: ?\+ ?(\d+)(?: ?ms)?)?$/.exec(value) ?? []) : [];
  if (said !== undefined) return CLOCK_US + Number(ms ?? 0) * 1000;
  if (value === 'maximum') return LATEST_US;
  throw new UnknownShape(`the clock ${JSON.stringify(value)}`);
}

/** By producer: the last sequence number of its last batch in the log, records left in it or not. */
function lastSequences(records: readonly LogRecord<string>[]): JsonTable {
  const last: Record<string, Json> = {};
  for (const { producerId, sequence, offset, batchLast } of records)
    if (sequence >= 0) last[String(producerId)] = sequenceAfter(sequence, batchLast - offset);
  return last;
}

/** By producer: what a broker that read this log answers when the producer's last batch is sent again. */
function retries(records: readonly LogRecord<string>[]): JsonTable {
  const answers: Record<string, Json> = {};
  for (const last of records) {
    const { producerId, producerEpoch: epoch, sequence, offset, batchBase, batchLast, transactional } = last;
    if (sequence < 0) continue;
    const reader: Replica = new PartitionReplica({ ...COMPACTED });
    reader.appendAsFollower(records, 0);
    const count = batchLast - batchBase + 1;
    const again = reader.appendAsLeader(
      {
        producerId,
        epoch,
        firstSequence: sequenceBefore(sequence, offset - batchBase),
        transactional,
        records: Array.from({ length: count }, () => ({
          key: 'k',
          value: 'v',
          timestampUs: 0,
          sizeBytes: RECORD_BYTES,
        })),
      },
      0,
      0,
    );
    answers[String(producerId)] = again.type === 'duplicate' ? [again.firstOffset, again.lastOffset] : again.type;
  }
  return answers;
}

function indexed(log: CompactedLog, asked: Fields, expected: Fields, where: string, findings: Findings): void {
  const capacity = asked.number('offsetMapCapacityKeys', Number.MAX_SAFE_INTEGER);
  const { replica } = log;
  const { end } = replica.cleanable(CLOCK_US);
  const map = buildOffsetMap(replica.log, asked.number('from', 0), end, capacity, replica.abortedTransactions);
  asked.end();
  if (expected.has('map')) findings.same(`${where}.map`, expected.table('map'), Object.fromEntries(map.offsets));
  if (expected.has('absent')) {
    const absent = expected.list('absent').filter((key) => !map.offsets.has(String(key)));
    findings.same(`${where}.absent`, expected.list('absent'), absent);
  }
  if (expected.has('mapMessagesRead'))
    findings.same(`${where}.mapMessagesRead`, expected.number('mapMessagesRead'), map.messagesRead);
}

/** What a topic with that policy answers to one record (K82). */
function produced(asked: Fields, expected: Fields, where: string, findings: Findings): void {
  const policies = asked.text('topicPolicy', 'compact').split(/\s*,\s*/);
  const { compaction, ...deleting } = COMPACTED;
  const compacts = policies.includes('compact') && compaction !== undefined;
  const replica: Replica = new PartitionReplica({
    ...deleting,
    deletes: policies.includes('delete'),
    ...(compacts && { compaction }),
  });
  const key = asked.get('key') ?? null;
  const value = asked.get('value') ?? null;
  asked.end();
  const record = {
    key: key === null ? null : String(key),
    value: value === null ? null : String(value),
    timestampUs: 0,
    sizeBytes: RECORD_BYTES,
  };
  const plain = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };
  const result = replica.appendAsLeader({ ...plain, records: [record] }, 0, 0);
  const error = result.type === 'refused' ? result.error : null;
  const wanted = expected.get('error') ?? null;
  findings.holds(`${where}.error`, sameJson(wanted === 'NONE' ? null : wanted, error), wanted, error);
}

/** A fetch at an offset that was removed goes on at the next one (K82). */
function fetched(log: CompactedLog, pass: Fields, expected: Fields, where: string, findings: Findings): void {
  const asked = pass.get('fetchFrom') ?? [];
  const { replica } = log;
  const first = (isList(asked) ? asked : [asked]).map((from): Json => {
    const { records } = replica.read(
      Number(from),
      replica.readableEnd('read_uncommitted'),
      Number.MAX_SAFE_INTEGER,
      'read_uncommitted',
    );
    return records.find(({ control }) => control === 'none')?.offset ?? null;
  });
  const wanted = expected.get('firstReturnedOffset') ?? null;
  const got = isList(asked) ? first : (first[0] ?? null);
  findings.holds(`${where}.firstReturnedOffset`, sameJson(wanted, got) || sameItems([wanted], [got]), wanted, got);
}
