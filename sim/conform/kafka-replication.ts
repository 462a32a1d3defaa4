/**
 * Runs the Kafka vectors about replication: how far the high watermark goes and who is in sync, as a leader's `ReplicaSet` and log say; elections and
 * eligible leader replicas, as the controller's functions say; and what a produce request comes to (`kafka-produce.ts`). Events and steps in words
 * are read where they say one of the things that a log or a leader does; other words make a case unknown.
 */
import {
  type Election,
  type ElectionKind,
  electLeader,
  elrAfter,
  type PartitionMetadata,
} from '../../core/parts/leader-election.ts';
import { type IsolationLevel, PartitionReplica } from '../../core/parts/partition-replica.ts';
import { ReplicaSet, type ReplicaSetOptions } from '../../core/parts/replica-set.ts';
import type { JsonTable } from './case.ts';
import { Fields, type Findings, isList, type Json, ordinalOf, sameItems, sameJson, UnknownShape } from './case.ts';
import { produced } from './kafka-produce.ts';

const LAG_MS = 30_000;

export function runReplication(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const expected = row.fields('expected').skip('note');
  if (input.has('partition')) election(input, expected, findings);
  else if (input.has('elr') || input.has('lastKnownElr') || input.has('targetIsr')) eligible(input, expected, findings);
  else if (input.has('steps')) logSteps(input, expected, findings);
  else if (input.has('leaderHighWatermarks')) followed(input, expected, findings);
  else if (input.has('checkpointedHighWatermark')) checkpointed(input, expected, findings);
  else if (input.has('state')) listOffsets(input, expected, findings);
  else if (input.has('isrSequence')) minimum(input, input.list('isrSequence'), expected, findings);
  else if (input.has('events')) replicaEvents(input, expected, findings);
  else if (input.has('produce')) produced(input, expected, findings);
  else if (input.has('isr')) minimum(input, null, expected, findings);
  else throw new UnknownShape(`input with ${Object.keys(input.record).join(', ')}`);
  input.end();
  expected.end();
}

// ── One log ─────────────────────────────────────────────────────────────────────────────────────────────────────

function emptyReplica(): PartitionReplica<string> {
  const limitless = Number.MAX_SAFE_INTEGER;
  return new PartitionReplica({
    segmentBytes: limitless,
    segmentUs: limitless,
    retentionUs: -1,
    retentionBytes: -1,
    deletes: true,
  });
}

/** Appends n records without a producer id, as leader and follower do alike. */
function append(replica: PartitionReplica<string>, n: number, timestampUs = 0): void {
  const records = Array.from({ length: n }, () => ({ key: null, value: 'v', timestampUs, sizeBytes: 100 }));
  const plain = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };
  replica.appendAsLeader({ ...plain, records }, 0, 0);
}

function logSteps(input: Fields, expected: Fields, findings: Findings): void {
  const replica = emptyReplica();
  const { log } = replica;
  const seen = { highWatermark: [] as number[], logEndOffset: [] as number[], logStartOffset: [] as number[] };
  for (const step of input.texts('steps')) {
    const [, verb = '', digits = '', rest = ''] = /^([a-zA-Z ]+?) (\d+)(.*)$/.exec(step) ?? [];
    const n = Number(digits);
    if (verb === 'append' && /^(?: records?)?(?: as (?:leader|follower))?$/.test(rest)) append(replica, n);
    else if (rest !== '') throw new UnknownShape(`the step ${step}`);
    else if (verb === 'maybeIncrement HW') log.advanceHighWatermark(n);
    else if (verb === 'updateHW') log.setHighWatermark(n);
    else if (verb === 'truncateTo') replica.truncateTo(n, 0);
    else if (verb === 'truncateFullyAndStartAt') replica.truncateFullyAndStartAt(n);
    else throw new UnknownShape(`the step ${step}`);
    seen.highWatermark.push(log.highWatermark);
    seen.logEndOffset.push(log.endOffset);
    seen.logStartOffset.push(log.startOffset);
  }
  for (const [name, values] of Object.entries(seen)) {
    if (expected.has(name)) findings.same(name, expected.get(name) ?? null, ofShape(expected.get(name), values));
  }
}

/** One value a step, or the last of them, as the expected value has it. */
function ofShape(wanted: Json | undefined, values: readonly Json[]): Json {
  return isList(wanted) && (values.length === 0 || isList(values[0]) === isList(wanted[0]))
    ? values
    : (values.at(-1) ?? null);
}

/** A follower takes the leader's high watermark as far as its own log goes. */
function followed(input: Fields, expected: Fields, findings: Findings): void {
  const replica = emptyReplica();
  append(replica, input.number('logEndOffset'));
  const changes = input
    .numbers('leaderHighWatermarks')
    .map((offset) => (replica.log.setHighWatermark(offset) ? replica.log.highWatermark : null));
  findings.same('changedTo', expected.list('changedTo'), changes);
}

function checkpointed(input: Fields, expected: Fields, findings: Findings): void {
  const replica = emptyReplica();
  append(replica, input.number('logEndOffset'));
  replica.log.setHighWatermark(input.number('checkpointedHighWatermark'));
  // Of the other replicas nothing has been heard yet, so leading moves the high watermark no more than following does.
  if (input.flag('becomesLeader')) {
    const { endOffset } = replica.log;
    replica.log.beginEpoch(1, endOffset);
    const limit = new ReplicaSet({
      self: input.number('leader', 1),
      replicas: input.has('replicas') ? input.numbers('replicas') : [1, 2],
      isr: input.has('isr') ? input.numbers('isr') : [1, 2],
      minInsyncReplicas: input.number('min.insync.replicas', 1),
      lagTimeMaxUs: LAG_MS * 1000,
      epochStartOffset: endOffset,
      now: 0,
    }).highWatermarkLimit(endOffset, 0);
    if (limit !== undefined) replica.log.advanceHighWatermark(limit);
  }
  if (input.flag('becomesFollower') && input.flag('becomesLeader')) throw new UnknownShape('a leader that follows');
  findings.same('highWatermark', expected.number('highWatermark'), replica.log.highWatermark);
}

/** ListOffsets while the high watermark may lie below the start of the leader's epoch (K9). */
function listOffsets(input: Fields, expected: Fields, findings: Findings): void {
  const state = input.fields('state');
  const replica = emptyReplica();
  const epochStart = state.number('leaderEpochStartOffset', 0);
  const end = state.number('logEndOffset');
  const queries = input.texts('queries');
  const timestamps = new Map<number, number>();
  for (const query of queries) {
    const [, time, offset] = /^by timestamp (\d+) -> offset (\d+)$/.exec(query) ?? [];
    if (time !== undefined) timestamps.set(Number(offset), Number(time));
  }
  for (let offset = 0; offset < end; offset++) append(replica, 1, timestamps.get(offset) ?? 0);
  replica.log.setHighWatermark(state.number('highWatermark'));
  state.end();
  const readable: IsolationLevel[] = ['read_uncommitted', 'read_committed'];
  const latest = () => replica.offsetFor('latest', 'read_uncommitted', epochStart) ?? null;
  const results = queries.map((query): Json => {
    const [, time] = /^by timestamp (\d+)\b/.exec(query) ?? [];
    if (time !== undefined) return replica.offsetFor({ timeUs: Number(time) }, 'read_uncommitted', epochStart) ?? null;
    const isolation = readable.find((one) => query === `latest (${one})`);
    if (isolation !== undefined) return replica.offsetFor('latest', isolation, epochStart) ?? null;
    if (/^latest(?: \((?:client|consumer)\))?$/.test(query)) return latest();
    if (/^latest \((?:replica|follower|internal)\)$/.test(query)) return replica.log.endOffset;
    if (/^earliest(?: \((?:client|consumer|replica|follower)\))?$/.test(query))
      return replica.offsetFor('earliest', 'read_uncommitted', epochStart) ?? null;
    throw new UnknownShape(`the query ${query}`);
  });
  findings.same('results', expected.list('results'), results);
  if (!expected.has('latestClientAfter')) return;
  const [, reached] = /\bHW (\d+)\b/.exec(input.text('then')) ?? [];
  if (reached === undefined) throw new UnknownShape('what happens then');
  replica.log.setHighWatermark(Number(reached));
  findings.same('latestClientAfter', expected.number('latestClientAfter'), latest());
}

// ── Who is in sync ──────────────────────────────────────────────────────────────────────────────────────────────

function minimum(input: Fields, sequence: readonly Json[] | null, expected: Fields, findings: Findings): void {
  const sets = sequence ?? [input.numbers('isr')];
  const least = input.number('min.insync.replicas', 1);
  // Where nobody says how many replicas there are, there are enough for the minimum.
  const named = Math.max(least, ...sets.flatMap(numbersOf));
  const replicas = input.has('replicas') ? input.numbers('replicas') : Array.from({ length: named }, (_, i) => i + 1);
  const leader = input.has('leader') ? input.number('leader') : undefined;
  if (leader !== undefined && !replicas.includes(leader)) throw new UnknownShape(`the leader ${leader}, no replica`);
  const states = sets.map((isr) => {
    const set = new ReplicaSet({
      self: leader ?? numbersOf(isr)[0] ?? 0,
      replicas,
      isr: numbersOf(isr),
      minInsyncReplicas: least,
      lagTimeMaxUs: LAG_MS * 1000,
      epochStartOffset: 0,
      now: 0,
    });
    return { underMinIsr: set.underMinIsr, atMinIsr: set.atMinIsr };
  });
  for (const name of ['underMinIsr', 'atMinIsr'] as const) {
    const values = states.map((state) => state[name]);
    if (expected.has(name))
      findings.same(name, expected.get(name) ?? null, sequence === null ? (values[0] ?? null) : values);
  }
}

function numbersOf(value: Json): number[] {
  return isList(value) ? value.map(Number) : [];
}

/** A leader's view while followers fetch and the controller confirms. */
class LeaderView {
  set: ReplicaSet;
  nowUs = 0;
  end: number;
  highWatermark: number;
  readonly #options: ReplicaSetOptions;

  constructor(input: Fields) {
    this.end = input.number('logEndOffset', input.number('appends', 0));
    this.highWatermark = input.number('highWatermark', 0);
    this.#options = {
      self: input.number('leader', input.numbers('isr')[0]),
      replicas: input.numbers('replicas'),
      isr: input.numbers('isr'),
      minInsyncReplicas: input.number('min.insync.replicas', 1),
      lagTimeMaxUs: input.number('replica.lag.time.max.ms', LAG_MS) * 1000,
      epochStartOffset: input.number('leaderEpochStartOffset', 0),
      now: 0,
    };
    this.set = new ReplicaSet(this.#options);
  }

  /** The leader begins a new epoch, and knows nothing of its followers any more. */
  #begin(epochStartOffset: number): void {
    this.set = new ReplicaSet({ ...this.#options, isr: this.set.isr, epochStartOffset, now: this.nowUs });
  }

  /**
   * An event in short: `append 2 then 3`, `followers 2 and 3 fetch at 0 then 2`, `check ISR`, `controller acks the ISR`, `controller shrinks the ISR to [1]`,
   * `advance 30001 ms`, `leader becomes follower then leader again at epoch 10`, perhaps after the epoch or the time (`t=500 ms: …`), and with what it leads to in brackets.
   */
  say(sentence: string): void {
    const [, at, unit, timed = sentence] = /^(?:at )?t ?= ?(\d+) ?(ms|s)?[:,] (.*)$/.exec(sentence) ?? [];
    if (at !== undefined) this.nowUs = Number(at) * (unit === 's' ? 1_000_000 : 1000);
    const [, event = ''] = /^(?:epoch \d+: )?(.*?)(?: \(.*\))?$/.exec(timed) ?? [];
    const [, counts] =
      /^(?:leader )?appends? (\d+(?:,? then \d+)*)(?: records?)?(?: at the leader)?$/.exec(event) ?? [];
    const [, who, offsets] =
      /^followers? (\d+(?:(?:, | and |, and )\d+)*) (?:fetch|fetches|fetched)(?: from)?(?: at)?(?: offset)? (\d+(?:,? then \d+)*)$/.exec(
        event,
      ) ?? [];
    const begins = /^(?:leader becomes follower then leader again|becomes leader)\b.*? epoch \d+(.*)$/.exec(event);
    const [, ms] = /^(?:advance|wait|after)?\s*(\d+) ?ms(?: passe?s?)?$/.exec(event) ?? [];
    const [, isr] = /^controller shrinks (?:the )?ISR to \[?([\d, ]*)\]?$/i.exec(event) ?? [];
    if (counts !== undefined) {
      for (const n of integersIn(counts)) this.end += n;
      this.#advance();
    } else if (who !== undefined && offsets !== undefined) {
      for (const offset of integersIn(offsets)) for (const replica of integersIn(who)) this.#fetch(replica, offset);
    } else if (begins !== null) this.#begin(integersIn(begins[1] ?? '')[0] ?? this.end);
    else if (ms !== undefined) this.happen(new Fields({ advanceMs: Number(ms) }, 'event'));
    else if (isr !== undefined) this.happen(new Fields({ controllerShrinksIsrTo: integersIn(isr) }, 'event'));
    else if (/^(?:the )?(?:leader )?checks? ?(?:the )?ISR$/i.test(event))
      this.happen(new Fields({ checkIsr: true }, 'event'));
    else if (/^(?:the )?controller ?(?:acks|acknowledges|confirms) ?(?:the )?ISR(?: change)?$/i.test(event))
      this.happen(new Fields({ controllerAcksIsr: true }, 'event'));
    else throw new UnknownShape(`the event "${sentence}"`);
  }

  /** The keys of one event happen from left to right. */
  happen(event: Fields): void {
    const { set } = this;
    for (const [what, value] of Object.entries(event.record)) {
      event.get(what);
      switch (what) {
        case 'advanceMs':
          this.nowUs += Number(value) * 1000;
          break;
        case 'append':
          this.end += Number(value);
          break;
        case 'fetch': {
          const fetch = event.fields('fetch');
          this.#fetch(fetch.number('r'), fetch.number('at'));
          fetch.end();
          break;
        }
        case 'note':
          break;
        case 'checkIsr':
          set.tryShrink(this.end, this.nowUs);
          break;
        case 'controllerAcksIsr':
          // What it refuses is as if it had not been asked for.
          if (set.pendingIsr !== undefined) set.confirm(value === false ? set.isr : set.pendingIsr);
          break;
        case 'controllerShrinksIsrTo':
          set.confirm(numbersOf(value));
          break;
        default:
          throw new UnknownShape(`the event ${what}`);
      }
      this.#advance();
    }
  }

  /** One event, in words or as an object. */
  hear(event: Json): void {
    if (typeof event === 'string') this.say(event);
    else {
      const fields = new Fields(event, 'event');
      this.happen(fields);
      fields.end();
    }
  }

  /** What can be asked of it now. */
  get shown() {
    const { isr, maximalIsr, underMinIsr, atMinIsr } = this.set;
    const { highWatermark, end } = this;
    return {
      isr: [...isr],
      maximalIsr: [...maximalIsr],
      highWatermark,
      logEndOffset: end,
      underMinIsr,
      atMinIsr,
      latestOffset: { internal: end, client: highWatermark },
    };
  }

  #fetch(replica: number, at: number): void {
    this.set.fetched(replica, at, this.end, this.nowUs);
    this.#advance();
    this.set.tryExpand(replica, this.highWatermark);
    this.#advance();
  }

  #advance(): void {
    const limit = this.set.highWatermarkLimit(this.end, this.nowUs);
    if (limit !== undefined && limit > this.highWatermark) this.highWatermark = limit;
  }
}

function replicaEvents(input: Fields, expected: Fields, findings: Findings): void {
  const events = input.list('events');
  if (input.has('followerState')) {
    const after: Record<string, Readonly<Record<string, Json>>> = {};
    for (const state of input.texts('followerState')) {
      const eligible = FOLLOWER_STATES[state];
      if (eligible === undefined) throw new UnknownShape(`the state of a follower ${state}`);
      const view = new LeaderView(input);
      // A follower whose broker is fenced or shutting down may not come back into the set (K17).
      const leader = input.number('leader', input.numbers('isr')[0]);
      for (const replica of input.numbers('replicas')) if (replica !== leader) view.set.setEligible(replica, eligible);
      for (const event of events) view.hear(event);
      after[state] = view.shown;
    }
    for (const name of Object.keys(expected.record)) {
      const plain = name.replace(/After$/, '');
      if (name === 'note') continue;
      for (const [state, wanted] of Object.entries(expected.table(name))) {
        const seen = after[state]?.[plain];
        if (seen === undefined) throw new UnknownShape(`expected.${name}.${state}`);
        compareSeen(`${name} of ${state}`, wanted, seen, findings);
      }
    }
    return;
  }
  const view = new LeaderView(input);
  const asked: number[] = [];
  const seen: Record<keyof LeaderView['shown'], Json[]> = {
    isr: [],
    maximalIsr: [],
    highWatermark: [],
    logEndOffset: [],
    underMinIsr: [],
    atMinIsr: [],
    latestOffset: [],
  };
  for (const [index, event] of events.entries()) {
    const pending = view.set.pendingIsr;
    view.hear(event);
    if (view.set.pendingIsr !== undefined && view.set.pendingIsr !== pending) asked.push(index);
    if (typeof event === 'string') compareRemark(event, view, findings);
    const { shown } = view;
    for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name].push(shown[name]);
  }
  for (const [name, values] of Object.entries(seen)) {
    if (!expected.has(name)) continue;
    const wanted = expected.get(name) ?? null;
    compareSeen(name, wanted, ofShape(wanted, values), findings);
  }
  if (expected.has('isrUpdateRequestedAfter')) {
    const wanted = eventsMeant(expected.get('isrUpdateRequestedAfter') ?? null, events.length);
    findings.same('isrUpdateRequestedAfter', wanted, asked);
  }
  for (const name of Object.keys(expected.record)) {
    const [, set, ordinal] = /^(isr|maximalIsr)SizeAfter([A-Z][a-z]+)$/.exec(name) ?? [];
    const at = ordinal === undefined ? -1 : ordinalOf(ordinal);
    if (at < 0) continue;
    const members = seen[set === 'isr' ? 'isr' : 'maximalIsr'][at];
    findings.same(name, expected.number(name), numbersOf(members ?? []).length);
  }
}

/** Whether a follower in this state may join the in-sync set. */
const FOLLOWER_STATES: Readonly<Record<string, boolean>> = { fenced: false, shutdown: false, unfenced: true };

/** Compares what was seen; the order of replicas in a set does not count, that of anything else does. */
function compareSeen(where: string, wanted: Json, seen: Json, findings: Findings): void {
  const isSet = (value: Json): value is readonly number[] =>
    isList(value) && value.every((one) => typeof one === 'number');
  const same = (one: Json, other: Json): boolean =>
    isSet(one) && isSet(other)
      ? sameItems(one, other)
      : isList(one) && isList(other)
        ? one.length === other.length && one.every((item, index) => same(item, other[index] ?? null))
        : sameJson(one, other);
  const isOfSets = /^(?:isr|maximalIsr)(?:After)?\b/.test(where);
  findings.holds(where, isOfSets ? same(wanted, seen) : sameJson(wanted, seen), wanted, seen);
}

/** What an event in words says it leads to: `(LEO 5)`, `(HW 1)`, `(LEO 5, HW 1)`. */
function compareRemark(sentence: string, view: LeaderView, findings: Findings): void {
  const [, remark = ''] = / \((.*)\)$/.exec(sentence) ?? [];
  for (const part of remark.split(/\s*[,;]\s*/).filter((one) => one !== '')) {
    const [, what, value] = /^(LEO|HW) (?:= ?|is )?(\d+)$/.exec(part) ?? [];
    if (what === undefined) throw new UnknownShape(`the remark "${part}"`);
    findings.same(sentence, Number(value), what === 'LEO' ? view.end : view.highWatermark);
  }
}

/** Positions of events: a list of them, or `only the last event`, `no event`, `every event`. */
function eventsMeant(value: Json, count: number): number[] {
  if (typeof value === 'number') return [value];
  if (isList(value)) return value.map(Number);
  if (value === 'only the last event') return [count - 1];
  if (value === 'only the first event') return [0];
  if (value === 'no event' || value === 'none' || value === 'never') return [];
  if (value === 'every event') return Array.from({ length: count }, (_, index) => index);
  throw new UnknownShape(`the events ${JSON.stringify(value)}`);
}

// ── Elections ───────────────────────────────────────────────────────────────────────────────────────────────────

const KINDS: Readonly<Record<string, ElectionKind>> = { PREFERRED: 'preferred', ONLINE: 'online', UNCLEAN: 'unclean' };

function election(input: Fields, expected: Fields, findings: Findings): void {
  const fields = input.fields('partition').skip('min.insync.replicas');
  const named = input.text('election', 'ONLINE');
  const kind = KINDS[named];
  if (kind === undefined) throw new UnknownShape(`the election ${named}`);
  const targetIsr = input.has('targetIsr') ? input.numbers('targetIsr') : null;
  const targetReplicas = input.has('targetReplicas') ? input.numbers('targetReplicas') : null;
  const isr = targetIsr ?? fields.numbers('isr');
  const replicas = targetReplicas ?? fields.numbers('replicas');
  const leader = typeof fields.get('leader') === 'number' ? fields.number('leader') : 0;
  const alive = [...fields.numbers('aliveBrokers')];
  // `aliveBrokers` speaks of the partition's own replicas; one that is only now added is not said to be dead.
  if (targetReplicas !== null) {
    for (const replica of targetReplicas) if (!fields.numbers('replicas').includes(replica)) alive.push(replica);
  }
  fields.skip('isr', 'replicas').end();
  const partition: PartitionMetadata = { replicas, isr, leader, elr: [], lastKnownElr: [] };
  const result = electLeader(partition, (broker) => alive.includes(broker), kind);
  findings.same('leader', expected.get('leader') ?? null, result.leader === 0 ? null : result.leader);
  if (expected.has('unclean')) findings.same('unclean', expected.flag('unclean'), result.unclean);
  if (expected.has('isr')) findings.same('isr', expected.list('isr'), [...result.isr]);
  compareRecovery(result, expected, findings);
}

/** A leader from outside the in-sync set may lack committed records. Source: K22, K23. */
function compareRecovery({ recovering }: Election, expected: Fields, findings: Findings): void {
  if (expected.has('leaderRecoveryState'))
    findings.same('leaderRecoveryState', expected.text('leaderRecoveryState'), recovering ? 'RECOVERING' : 'RECOVERED');
}

/** A change of the in-sync set under KIP-966, and the election that may follow it. */
function eligible(input: Fields, expected: Fields, findings: Findings): void {
  const replicas = input.numbers('replicas');
  const before: PartitionMetadata = {
    replicas,
    isr: input.numbers('isr'),
    leader: input.number('leader', 0),
    elr: input.has('elr') ? input.numbers('elr') : [],
    lastKnownElr: input.has('lastKnownElr') ? input.numbers('lastKnownElr') : [],
  };
  const offline = input.has('offline') ? input.numbers('offline') : [];
  const alive = input.has('alive') ? input.numbers('alive') : replicas.filter((replica) => !offline.includes(replica));
  const minIsr = input.number('min.insync.replicas', 1);
  const target = input.has('targetIsr') ? input.numbers('targetIsr') : null;
  const lost = input.has('uncleanShutdown') ? input.numbers('uncleanShutdown') : [];
  const isr = target ?? before.isr;
  const changed =
    target === null && lost.length === 0 ? before : { ...before, isr, ...elrAfter(before, isr, minIsr, lost) };
  const kind = KINDS[input.text('election', 'ONLINE')];
  if (kind === undefined) throw new UnknownShape(`the election ${input.text('election')}`);
  const result = electLeader(changed, (broker) => alive.includes(broker), kind);
  const elected = result.leader !== 0 && !changed.isr.includes(result.leader);
  const after = elected
    ? { ...changed, isr: result.isr, elr: changed.elr.filter((one) => !result.isr.includes(one)) }
    : changed;
  for (const name of ['isr', 'elr', 'lastKnownElr'] as const) {
    if (!expected.has(name)) continue;
    const wanted = expected.list(name);
    findings.holds(name, sameItems(wanted, after[name]), wanted, [...after[name]]);
  }
  if (expected.has('leader'))
    findings.same('leader', expected.get('leader') ?? null, result.leader === 0 ? null : result.leader);
  compareRecovery(result, expected, findings);
  if (expected.has('change')) {
    if (!/^none\b/.test(expected.text('change'))) throw new UnknownShape(`the change ${expected.text('change')}`);
    findings.same('leader', null, result.leader === 0 ? null : result.leader);
  }
}

function integersIn(text: string): number[] {
  return [...text.matchAll(/\d+/g)].map(Number);
}
