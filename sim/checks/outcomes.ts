/**
 * What became of each confirmed message with each group that was to process it: an effect, a dead letter, removed by a policy, missing, or still
 * open when the run ended. The delivery guarantees are read off from this.
 */
import { F, R } from '../../core/facts.ts';
import { type OptionValues, textOf } from '../../core/options.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { type Evidence, type GroupId, inScope, type Ledger } from './evidence.ts';
import { passedBefore, removedBy } from './log-history.ts';
import { END, type QueueFate } from './queue-fates.ts';

export interface Outcome {
  readonly message: MessageId;
  readonly group: GroupId;
  readonly confirmed: FactId;
  /** Its first delivery to the group; 0 when there was none. */
  readonly delivered: FactId;
  /** The fact that ended its way, or the last thing known of it; 0 when there is none. */
  readonly end: FactId;
  readonly policy: string;
}

export interface Tally {
  /** Pairs of a confirmed message and a group that was to process it. */
  owed: number;
  deadLettered: number;
  missing: number;
  open: number;
  removed: number;
  firstMissing: Outcome | null;
  firstOpen: Outcome | null;
  firstRemoved: Outcome | null;
}

export function outcomes(evidence: Evidence, scope: string): Tally {
  const tally: Tally = {
    owed: 0,
    deadLettered: 0,
    missing: 0,
    open: 0,
    removed: 0,
    firstMissing: null,
    firstOpen: null,
    firstRemoved: null,
  };
  const placed = new Uint8Array(evidence.trace.messageCount + 1);
  queueOutcomes(evidence, scope, tally, placed);
  logOutcomes(evidence, scope, tally, placed);
  unplacedOutcomes(evidence, scope, tally, placed);
  return tally;
}

function queueOutcomes(evidence: Evidence, scope: string, tally: Tally, placed: Uint8Array): void {
  const { trace, confirmed } = evidence;
  const unwanted = evidence.any('unroutable') ? lastOf(evidence, F.unroutable) : null;
  for (const [place, fate] of evidence.queues.byPlace) {
    const ledger = evidence.ledgers.get(place);
    const owes = isRead(evidence, place) && inScope(evidence, place, scope);
    for (let m = 1; m < placed.length; m++) {
      const stored = fate.stored[m] as FactId;
      if (stored === 0) {
        // Lost without ever having been stored: whoever should have got it was not there.
        const isLost = ((fate.ends[m] as number) & END.lost) !== 0;
        if ((fate.owed[m] as FactId) === 0 && !isLost) continue;
        placed[m] = 1;
        if (confirmed[m] !== 0 && owes) neverCame(evidence, tally, fate, m, place);
        continue;
      }
      placed[m] = 1;
      if (confirmed[m] === 0 || !owes || cameDead(trace, stored)) continue;
      tally.owed++;
      if (ledger !== undefined && (ledger.effect[m] as number) > 0) continue;
      const ends = fate.ends[m] as number;
      if (ends & END.deadLettered || (ledger?.dead[m] ?? 0) > 0) tally.deadLettered++;
      else if ((fate.ready[m] as number) + (fate.inFlight[m] as number) > 0)
        note(tally, 'open', evidence, m, place, ledger, 0);
      else if (
        ledger !== undefined &&
        evidence.underWay(ledger, m) &&
        !(ends & END.policy && onlyHanded(trace, ledger, m))
      )
        note(tally, 'open', evidence, m, place, ledger, 0);
      else if (ends & END.policy) note(tally, 'removed', evidence, m, place, ledger, fate.last[m] as number);
      // Published again when no queue took it any more, and confirmed as such.
      else if (trace.kind(fate.last[m] as number) === F.lost && (unwanted?.[m] ?? 0) > (fate.last[m] as number))
        note(tally, 'removed', evidence, m, place, ledger, unwanted?.[m] ?? 0);
      else note(tally, 'missing', evidence, m, place, ledger, fate.last[m] as number);
    }
  }
}

/** A topic was to send it to this queue, and it was never stored there: dead-lettered, discarded after the last attempt, or not given up yet. */
function neverCame(evidence: Evidence, tally: Tally, fate: QueueFate, message: MessageId, place: PlaceId): void {
  tally.owed++;
  const ends = fate.ends[message] as number;
  if (ends & END.deadLettered) tally.deadLettered++;
  else if (ends & END.policy) note(tally, 'removed', evidence, message, place, undefined, fate.last[message] as number);
  else if (ends & END.lost) note(tally, 'missing', evidence, message, place, undefined, fate.last[message] as number);
  else note(tally, 'open', evidence, message, place, undefined, 0);
}

/** Whether the consumer never got what it was handed last: if that came back and was then removed, nothing of it is under way. */
function onlyHanded(trace: Trace, ledger: Ledger, message: MessageId): boolean {
  return trace.kind(ledger.step[message] as number) === F.delivered;
}

/** Whether a message was first stored here as a dead letter. A queue may get such ones and new ones: work that waits in a retry queue comes back to where it was. */
function cameDead(trace: Trace, stored: FactId): boolean {
  const message = trace.messageOf(stored);
  for (let cause = trace.cause(stored); cause > 0 && trace.messageOf(cause) === message; cause = trace.cause(cause)) {
    const kind = trace.kind(cause);
    if (kind === F['dead-lettered']) return true;
    if (kind !== F.routed) return false;
  }
  return false;
}

function logOutcomes(evidence: Evidence, scope: string, tally: Tally, placed: Uint8Array): void {
  const { confirmed, logs } = evidence;
  for (const log of logs.byPlace.values()) {
    for (const m of log.messages) if (m !== undefined) placed[m] = 1;
    for (const [group, reader] of log.readers) {
      const ledger = evidence.ledgers.get(group);
      if (!inScope(evidence, group, scope) && !inScope(evidence, log.place, scope)) continue;
      // A group that begins at the end of the log owes nothing to what was there before.
      const from = startsLatest(evidence, group) ? reader.firstOffset : 0;
      for (let offset = 0; offset < log.messages.length; offset++) {
        const m = log.messages[offset] ?? 0;
        if (m === 0 || confirmed[m] === 0 || logs.aborted[m] !== 0 || offset < from) continue;
        if (logs.offsetOf(log.place, m) !== offset) continue;
        tally.owed++;
        if (ledger !== undefined && (ledger.effect[m] as number) > 0) continue;
        if ((ledger?.dead[m] ?? 0) > 0) {
          tally.deadLettered++;
          continue;
        }
        // A group that came back later began at what was left, and its commits tell nothing of what was removed before.
        const removed = removedBy(log, offset);
        if ((logs.lost[m] as number) > 0) note(tally, 'missing', evidence, m, group, undefined, logs.lost[m] as number);
        else if (logs.archived.get(group)?.has(m) === true)
          note(tally, 'removed', evidence, m, group, ledger, logs.archived.get(group)?.get(m) ?? 0);
        else if ((logs.compacted[m] as number) > 0 && !passedBefore(reader, offset, logs.compacted[m] as FactId))
          note(tally, 'removed', evidence, m, group, ledger, logs.compacted[m] as number);
        else if (ledger !== undefined && evidence.underWay(ledger, m))
          note(tally, 'open', evidence, m, group, ledger, 0);
        else if (removed > 0 && !passedBefore(reader, offset, removed))
          note(tally, 'removed', evidence, m, group, ledger, removed);
        else if (removed === 0 && offset >= reader.committed) note(tally, 'open', evidence, m, group, ledger, 0);
        else note(tally, 'missing', evidence, m, group, ledger, reader.committedBy);
      }
    }
  }
}

/** Confirmed messages that were never in a queue or log: a direct call, or an exchange without a fitting binding. */
function unplacedOutcomes(evidence: Evidence, scope: string, tally: Tally, placed: Uint8Array): void {
  const { trace, confirmed } = evidence;
  if (scope !== '') return;
  let unroutable: Uint32Array | null = null;
  for (let m = 1; m < placed.length; m++) {
    if (placed[m] === 1 || confirmed[m] === 0) continue;
    tally.owed++;
    let done = false;
    for (const ledger of evidence.ledgers.values()) if ((ledger.effect[m] as number) > 0) done = true;
    if (done) continue;
    unroutable ??= lastOf(evidence, F.unroutable, F.deduplicated, F.lost, F.evicted, F.expired);
    const end = unroutable[m] as number;
    const kind = end === 0 ? 0 : trace.kind(end);
    if (kind === F.deduplicated) continue;
    if (kind === F.unroutable || kind === F.evicted || kind === F.expired)
      note(tally, 'removed', evidence, m, 0, undefined, end);
    else note(tally, 'missing', evidence, m, 0, undefined, end);
  }
}

function lastOf(evidence: Evidence, ...kinds: readonly number[]): Uint32Array {
  const { trace } = evidence;
  const last = evidence.perMessage();
  for (let id = 1; id <= trace.count; id++) if (kinds.includes(trace.kind(id))) last[trace.messageOf(id)] = id;
  return last;
}

/** What ended a message's way at its consumer, if that is later than what the broker knows: a crash, a loss on the way, a refusal. */
function endOf(evidence: Evidence, ledger: Ledger | undefined, message: MessageId, brokers: FactId): FactId {
  const step = ledger?.step[message] ?? 0;
  if (ledger === undefined || step === 0) return brokers;
  const { trace } = evidence;
  const kind = trace.kind(step);
  if (kind === F.failed || kind === F.skipped || kind === F.sent || kind === F.unreachable) return step;
  const consumer = kind === F.delivered ? trace.peer(step) : trace.actor(step);
  return evidence.crashAfter(consumer, step) || brokers;
}

/** Whether anybody consumes from this queue: declared in the scenario, or seen in the run. */
export function isRead(evidence: Evidence, place: PlaceId): boolean {
  const name = evidence.trace.placeName(place);
  return (
    evidence.ledgers.has(place) ||
    Object.values(evidence.scenario.consumers).some((consumer) => consumer.from.includes(name)) ||
    isEndpoint(evidence, name)
  );
}

/** A consumer that is subscribed to a topic itself has what is to be delivered to it under `topic/consumer`. */
function isEndpoint(evidence: Evidence, name: string): boolean {
  return Object.entries(evidence.scenario.consumers).some(([declared, { from }]) =>
    from.some((topic) => `${topic}/${declared}` === name),
  );
}

function startsLatest(evidence: Evidence, group: GroupId): boolean {
  const name = evidence.groupName(group);
  for (const [declared, consumer] of Object.entries(evidence.scenario.consumers)) {
    if (consumer.group === name || declared === name)
      return textOf(consumer.options, resetOption(consumer.options), 'latest') !== 'earliest';
  }
  return true;
}

/** Where a group begins is said by one option or the other. */
function resetOption(options: OptionValues): string {
  return textOf(options, 'group.type', 'consumer') === 'share' ? 'share.auto.offset.reset' : 'auto.offset.reset';
}

function note(
  tally: Tally,
  what: 'missing' | 'open' | 'removed',
  evidence: Evidence,
  message: MessageId,
  group: GroupId,
  ledger: Ledger | undefined,
  end: FactId,
): void {
  tally[what]++;
  const first = what === 'missing' ? 'firstMissing' : what === 'open' ? 'firstOpen' : 'firstRemoved';
  if (tally[first] !== null) return;
  tally[first] = {
    message,
    group,
    confirmed: evidence.confirmed[message] as number,
    delivered: ledger?.firstDelivered[message] ?? 0,
    end: what === 'missing' ? endOf(evidence, ledger, message, end) : end,
    policy: what === 'removed' ? policyOf(evidence, end) : '',
  };
}

/** The setting that removed a message, by the reason that was recorded. */
export function policyOf(evidence: Evidence, end: FactId): string {
  const { trace } = evidence;
  switch (trace.kind(end)) {
    case F['log-start-moved']:
      return 'retention';
    case F.unroutable:
      return UNWANTED[trace.detail(end)] ?? 'no binding that fits';
    case F['gave-up']:
      return 'the retries of the topic, without a dead-letter queue';
    case F.expired:
    case F.evicted:
      return POLICIES[trace.detail(end)] ?? 'a limit of the queue';
    default:
      return 'a stated policy';
  }
}

/** Why nobody was to get it, by reason code. */
const UNWANTED: Readonly<Record<number, string>> = {
  [R['filtered out']]: 'FilterPolicy',
  [R['no route']]: 'no subscriber',
};

/** Settings by reason code. */
const POLICIES: Readonly<Record<number, string>> = {
  [R['too many deliveries']]: 'the limit of deliveries, without a dead-letter queue',
  [R['rejected by the consumer']]: 'a rejecting consumer, without a dead-letter queue',
  [R['TTL passed']]: 'TTL',
  [R['queue full']]: 'the maximum length of the queue',
  [R.retention]: 'retention',
  [R.compaction]: 'compaction',
  [R['retries used up']]: 'the retries of the topic, without a dead-letter queue',
  [R.purged]: 'a purge',
  [R['missing target']]: 'a dead-letter queue that does not exist',
};
