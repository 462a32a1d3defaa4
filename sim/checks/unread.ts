/**
 * What was confirmed and is not read: passed by, as later messages were read, or gone before anybody came for it. Of logs it is told by offsets, and by group how
 * far each has read; of topics that hand out entry by entry by the order of storing, and by what became of each entry (arrivals.ts, queue-fates.ts).
 */
import { F } from '../../core/facts.ts';
import type { FactId, MessageId } from '../../core/types.ts';
import type { Arrivals } from './arrivals.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, inScope, many, witness } from './evidence.ts';
import { type LogRecord, removedBy } from './log-history.ts';
import { keepsOrder } from './order.ts';
import { troublesOf } from './troubles.ts';

/** How many messages one group never read, and the first of them. */
interface Passed {
  readonly group: GroupId;
  readonly message: MessageId;
  readonly messages: number;
  /** The delivery of a message behind it; 0 when none was read. */
  readonly later: FactId;
  readonly witness: readonly FactId[];
}

interface Unread extends Found, Passed {}

const NONE: Passed = { group: 0, message: 0, messages: 0, later: 0, witness: [] };

/** Confirmed and never read, though later ones were. */
export const lostWrite = defineCheck<Unread>({
  claim: 'lost-write',
  idle: 'no broker crashed, no log was cut and no group changed its members',
  find(evidence, scope) {
    const unread = joined(passedInLogs(evidence, scope), goneFromTopics(evidence, scope, true));
    return { ...unread, seen: unread.messages > 0 ? 'broken' : 'sound', exercised: isExercised(evidence, scope) };
  },
  explain(evidence, found) {
    const [confirmed] = found.witness;
    if (confirmed === undefined) return 'No confirmed message was passed by: whoever read later ones had read it.';
    const more = found.messages > 1 ? ` ${many(found.messages - 1, 'more message')} fared alike.` : '';
    const { message, later } = found;
    const name = evidence.groupName(found.group);
    const next = evidence.trace.messageOf(later);
    const what = isTopic(evidence, found.group)
      ? `nobody was handed it from ${name}, although message ${next} behind it was handed out at ${evidence.at(later)}`
      : `${name} never read it, although it read message ${next} behind it at ${evidence.at(later)}`;
    return `Message ${message} was confirmed at ${evidence.at(confirmed)}, and ${what}.${more}`;
  },
});

/** Confirmed, and never read by the end. */
export const unseen = defineCheck<Unread>({
  claim: 'unseen',
  idle: 'no broker crashed, no log was cut and no group changed its members',
  find(evidence, scope) {
    const exercised = isExercised(evidence, scope);
    const gone = joined(
      passedInLogs(evidence, scope),
      goneFromLogs(evidence, scope),
      goneFromTopics(evidence, scope, false),
    );
    if (gone.messages > 0) return { ...gone, seen: 'broken', exercised };
    const open = joined(stillInLogs(evidence, scope), stillInTopics(evidence, scope));
    return { ...open, seen: open.messages > 0 ? 'open' : 'sound', exercised };
  },
  explain(evidence, found) {
    if (found.seen === 'sound') return 'Every confirmed message was read by the end.';
    if (found.seen === 'open') {
      return `When the run ended, ${many(found.messages, 'confirmed message')} had not been read yet, the first of them message ${found.message}: only a final drain decides.`;
    }
    const name = evidence.groupName(found.group);
    const what = isTopic(evidence, found.group) ? `nobody was handed it from ${name}` : `${name} never read it`;
    return `Message ${found.message} was confirmed at ${evidence.at(found.witness[0] as FactId)}, and ${what}, nor can it be any more.`;
  },
});

/** Whether it stands for a topic whose entries are handed out one by one, and not for a group of readers. */
function isTopic(evidence: Evidence, group: GroupId): boolean {
  return evidence.trace.places[group]?.kind === 'queue';
}

function isExercised(evidence: Evidence, scope: string): boolean {
  const troubles = troublesOf(evidence, scope);
  return (
    evidence.logs.byPlace.size + evidence.arrivals.length > 0 &&
    (troubles.brokerCrash > 0 ||
      troubles.crashHolding > 0 ||
      troubles.any('truncated', 'leader-lost', 'lost') ||
      troubles.count('rebalanced') > 1)
  );
}

/** All of them; the first that has any is told. */
function joined(...all: readonly Passed[]): Passed {
  const messages = all.reduce((sum, one) => sum + one.messages, 0);
  return { ...(all.find((one) => one.messages > 0) ?? NONE), messages };
}

function counted(before: Passed, first: () => Omit<Passed, 'messages'>): Passed {
  return before.messages > 0 ? { ...before, messages: before.messages + 1 } : { ...first(), messages: 1 };
}

/** Each group of each log that the scope means, with what it was handed first of each message. */
function* readersOf(
  evidence: Evidence,
  scope: string,
): Generator<{
  readonly log: LogRecord;
  readonly group: GroupId;
  readonly firstOffset: number;
  readonly delivered: Uint32Array;
}> {
  for (const log of evidence.logs.byPlace.values()) {
    for (const [group, { firstOffset }] of log.readers) {
      if (!inScope(evidence, log.place, scope) && !inScope(evidence, group, scope)) continue;
      const delivered = evidence.ledgers.get(group)?.firstDelivered;
      if (delivered !== undefined) yield { log, group, firstOffset, delivered };
    }
  }
}

function isOwed(evidence: Evidence, message: MessageId): boolean {
  const { logs, confirmed } = evidence;
  return message > 0 && confirmed[message] !== 0 && logs.aborted[message] === 0 && logs.compacted[message] === 0;
}

function passedInLogs(evidence: Evidence, scope: string): Passed {
  const { logs, confirmed, trace } = evidence;
  let found = NONE;
  for (const { log, group, firstOffset, delivered } of readersOf(evidence, scope)) {
    const last = furthestRead(log, delivered);
    // Cut off after it was confirmed: its place was filled by others, which the group read.
    for (const [m, write] of log.firstWrites) {
      if (delivered[m] !== 0 || !isOwed(evidence, m)) continue;
      const offset = log.offsets.get(m) ?? trace.value(write);
      if (offset < firstOffset || offset >= last) continue;
      const removed = removedBy(log, offset);
      if (removed > 0 && !passedBefore(log, delivered, offset, removed)) continue;
      const later = delivered[log.messages[last] ?? 0] as number;
      found = counted(found, () => ({
        group,
        message: m,
        later,
        witness: witness(confirmed[m] as number, logs.lost[m] as number, later),
      }));
    }
  }
  return found;
}

/** Whether the group read on over an offset before a fact took what stood there: from the nearest that it read below to the nearest above. */
function passedBefore(log: LogRecord, delivered: Uint32Array, offset: number, removed: FactId): boolean {
  const readAt = (at: number): FactId => delivered[log.messages[at] ?? 0] as FactId;
  let below = offset - 1;
  while (below >= 0 && readAt(below) === 0) below--;
  let above = offset + 1;
  while (above < log.messages.length && readAt(above) === 0) above++;
  return below >= 0 && readAt(below) < readAt(above) && readAt(above) < removed;
}

/** The highest offset of which the group was handed the message; −1 for none. */
function furthestRead(log: LogRecord, delivered: Uint32Array): number {
  for (let offset = log.messages.length - 1; offset >= 0; offset--) {
    const message = log.messages[offset] ?? 0;
    if (message > 0 && (delivered[message] as number) > 0) return offset;
  }
  return -1;
}

/** Cut off behind everything that the group has read: no replica has it, and nothing took its place. */
function goneFromLogs(evidence: Evidence, scope: string): Passed {
  const { logs, confirmed, trace } = evidence;
  let found = NONE;
  for (const { log, group, firstOffset, delivered } of readersOf(evidence, scope)) {
    const last = furthestRead(log, delivered);
    for (const [m, write] of log.firstWrites) {
      const lost = logs.lost[m] as FactId;
      if (lost === 0 || log.offsets.has(m) || delivered[m] !== 0 || !isOwed(evidence, m)) continue;
      if (trace.value(write) < firstOffset || trace.value(write) < last) continue;
      found = counted(found, () => ({ group, message: m, later: 0, witness: witness(confirmed[m] as number, lost) }));
    }
  }
  return found;
}

function stillInLogs(evidence: Evidence, scope: string): Passed {
  let found = NONE;
  for (const log of evidence.logs.byPlace.values()) {
    for (const [group, { firstOffset }] of log.readers) {
      if (!inScope(evidence, log.place, scope) && !inScope(evidence, group, scope)) continue;
      const delivered = evidence.ledgers.get(group)?.firstDelivered;
      for (const [m, offset] of log.offsets) {
        if (!isOwed(evidence, m) || offset < firstOffset || offset < log.start) continue;
        if ((delivered?.[m] ?? 0) > 0) continue;
        found = counted(found, () => ({ ...NONE, group, message: m }));
      }
    }
  }
  return found;
}

/** Topics that hand out entry by entry, of which somebody was handed something. */
function* topicsOf(
  evidence: Evidence,
  scope: string,
): Generator<{ readonly stored: Arrivals; readonly delivered: Uint32Array }> {
  for (const stored of evidence.arrivals) {
    const delivered = evidence.ledgers.get(stored.place)?.firstDelivered;
    if (delivered !== undefined && inScope(evidence, stored.place, scope)) yield { stored, delivered };
  }
}

/**
 * Stored there, and nobody will be handed it: it was lost again, or passed by where entries are handed out in order, as by a group of Redis (X7).
 * `onlyPassed`: of those that were lost only such as stood before one that was handed out.
 */
function goneFromTopics(evidence: Evidence, scope: string, onlyPassed: boolean): Passed {
  const { confirmed, queues, trace } = evidence;
  let found = NONE;
  for (const { stored, delivered } of topicsOf(evidence, scope)) {
    const fate = queues.byPlace.get(stored.place);
    const last = stored.messages.findLastIndex((m) => (delivered[m] as number) > 0);
    const later = delivered[stored.messages[last] ?? 0] as FactId;
    const ordered = keepsOrder(evidence, stored.place);
    const seen = new Set<MessageId>();
    for (let i = 0; i < stored.messages.length; i++) {
      const m = stored.messages[i] as MessageId;
      if (seen.has(m) || confirmed[m] === 0 || (delivered[m] as number) > 0) continue;
      seen.add(m);
      const end = fate?.last[m] ?? 0;
      const isLost = trace.kind(end) === F.lost && (i < last || !onlyPassed);
      const isPassed = ordered && i < last && (fate?.ready[m] ?? 0) > 0 && later > end;
      if (!isLost && !isPassed) continue;
      const lost = isLost ? end : 0;
      found = counted(found, () => ({
        group: stored.place,
        message: m,
        later: i < last ? later : 0,
        witness: witness(confirmed[m] as number, lost, i < last ? later : 0),
      }));
    }
  }
  return found;
}

function stillInTopics(evidence: Evidence, scope: string): Passed {
  const { confirmed, queues } = evidence;
  let found = NONE;
  for (const { stored, delivered } of topicsOf(evidence, scope)) {
    const fate = queues.byPlace.get(stored.place);
    const seen = new Set<MessageId>();
    for (const m of stored.messages) {
      if (seen.has(m) || confirmed[m] === 0 || (delivered[m] as number) > 0) continue;
      seen.add(m);
      if ((fate?.ready[m] ?? 0) + (fate?.inFlight[m] ?? 0) === 0) continue;
      found = counted(found, () => ({ ...NONE, group: stored.place, message: m }));
    }
  }
  return found;
}
