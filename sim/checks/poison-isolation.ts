/**
 * Poison isolation: a message that no handler can process does not keep the healthy ones behind it from being done. It falls when, at the end of the run,
 * a healthy message has waited longer than any that got through, while the poison was tried again and again or nothing moved at all. A poison message that is on the
 * way on which others were got rid of (not more tries than those took, and none overdue) blocks for a while, not for good: then the run was too short to tell.
 */
import { F } from '../../core/facts.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, inScope, many, seconds, witness } from './evidence.ts';

interface Blocked extends Found {
  readonly poison: MessageId;
  readonly healthy: MessageId;
  readonly place: PlaceId;
  readonly tries: number;
  readonly waiting: number;
  readonly poisons: number;
  readonly since: FactId;
}

/** One poison message in one place, with every time that work on it began. */
interface Dose {
  readonly message: MessageId;
  readonly place: PlaceId;
  readonly group: GroupId;
  readonly begun: FactId[];
}

export const poisonIsolation = defineCheck<Blocked>({
  claim: 'poison-isolation',
  idle: 'no consumer began work on a poison message',
  find(evidence, scope) {
    const doses = dosesIn(evidence, scope);
    const base = { exercised: doses.length > 0, poisons: doses.length };
    let open = 0;
    for (const dose of doses) {
      if (settledIn(evidence, dose)) continue;
      const behind = healthyBehind(evidence, dose);
      if (behind.blocked !== null && !isOnItsWay(evidence, dose, doses)) {
        const { message, stored, tries, waiting } = behind.blocked;
        return {
          ...base,
          seen: 'broken',
          witness: witness(dose.begun[0] ?? 0, stored, dose.begun[dose.begun.length - 1] ?? 0),
          poison: dose.message,
          healthy: message,
          place: dose.place,
          tries,
          waiting,
          since: stored,
        };
      }
      open += behind.waiting;
    }
    const dead = doses.find((dose) => settledIn(evidence, dose)) ?? doses[0];
    if (dead !== undefined)
      for (const place of new Set(doses.map((dose) => dose.place)))
        open += waitingAt(evidence, place, new Set(doses.map(({ group }) => group)));
    return {
      ...base,
      seen: open > 0 ? 'open' : 'sound',
      witness: [],
      poison: dead?.message ?? 0,
      healthy: 0,
      place: dead?.place ?? 0,
      tries: dead?.begun.length ?? 0,
      waiting: open,
      since: 0,
    };
  },
  explain(evidence, found) {
    const { trace } = evidence;
    const place = trace.placeName(found.place);
    if (found.seen === 'broken') {
      const waited = seconds(trace.endedAtUs - trace.time(found.since));
      const more = found.waiting > 1 ? `, and ${many(found.waiting - 1, 'other healthy message')} with it` : '';
      return `Message ${found.healthy} is healthy and waited in ${place} for ${waited} until the run ended${more}: poison message ${found.poison} was begun ${many(found.tries, 'time')} meanwhile and never left.`;
    }
    if (found.seen === 'open')
      return `When the run ended, ${many(found.waiting, 'message')} still waited where poison had been: give the run more time.`;
    return `Poison message ${found.poison} was begun ${many(found.tries, 'time')}, and every healthy message in ${place} was done nevertheless.`;
  },
});

function dosesIn(evidence: Evidence, scope: string): readonly Dose[] {
  const { trace } = evidence;
  const poison = new Uint8Array(trace.messageCount + 1);
  let any = false;
  for (let m = 1; m < poison.length; m++) {
    if (!trace.message(m).poison) continue;
    poison[m] = 1;
    any = true;
  }
  if (!any) return [];
  const doses = new Map<string, Dose>();
  for (let id = evidence.first('begun'); id > 0 && id <= trace.count; id++) {
    if (trace.kind(id) !== F.begun) continue;
    const message = trace.messageOf(id);
    if (poison[message] === 0) continue;
    const place = trace.place(id);
    const group = evidence.groupAt(place, trace.actor(id));
    if (!inScope(evidence, place, scope) && !inScope(evidence, group, scope)) continue;
    const name = `${message} ${place} ${group}`;
    const dose = doses.get(name);
    if (dose === undefined) doses.set(name, { message, place, group, begun: [id] });
    else dose.begun.push(id);
  }
  return [...doses.values()];
}

/** Whether the poison is out of the way: dead-lettered, dropped, acked, skipped, or handled by a fixed consumer. */
function settledIn(evidence: Evidence, dose: Dose): boolean {
  if ((evidence.ledgers.get(dose.group)?.effect[dose.message] ?? 0) > 0) return true;
  return !waits(evidence, dose.place, dose.group, dose.message);
}

function waits(evidence: Evidence, place: PlaceId, group: GroupId, message: MessageId): boolean {
  const fate = evidence.queues.byPlace.get(place);
  if (fate !== undefined) return (fate.ready[message] as number) + (fate.inFlight[message] as number) > 0;
  const log = evidence.logs.byPlace.get(place);
  if (log === undefined || (evidence.ledgers.get(group)?.effect[message] ?? 0) > 0) return false;
  const offset = evidence.logs.offsetOf(place, message);
  return offset >= log.start && offset >= (log.readers.get(group)?.committed ?? 0);
}

/** Whether other poison of the same place and group has left it, after as many tries or more, and this one is tried as often as they were. */
function isOnItsWay(evidence: Evidence, { place, group, message, begun }: Dose, doses: readonly Dose[]): boolean {
  const { trace } = evidence;
  let most = 0;
  let longestUs = 0;
  for (const other of doses) {
    if (other.message === message || other.place !== place || other.group !== group) continue;
    if (waits(evidence, place, group, other.message)) continue;
    most = Math.max(most, other.begun.length);
    for (let i = 1; i < other.begun.length; i++) {
      longestUs = Math.max(longestUs, trace.time(other.begun[i] as FactId) - trace.time(other.begun[i - 1] as FactId));
    }
  }
  const last = begun[begun.length - 1] ?? 0;
  return begun.length <= most && trace.endedAtUs - trace.time(last) <= longestUs;
}

function storedAt(evidence: Evidence, place: PlaceId, message: MessageId): FactId {
  const fate = evidence.queues.byPlace.get(place);
  if (fate !== undefined) return fate.stored[message] ?? 0;
  return evidence.logs.firstWrite(place, message);
}

interface Behind {
  readonly waiting: number;
  readonly blocked: {
    readonly message: MessageId;
    readonly stored: FactId;
    readonly tries: number;
    readonly waiting: number;
  } | null;
}

function healthyBehind(evidence: Evidence, dose: Dose): Behind {
  const { trace } = evidence;
  const effect = evidence.ledgers.get(dose.group)?.effect;
  const poisonStored = storedAt(evidence, dose.place, dose.message);
  let longest = 0;
  let lastEffect = 0;
  let waiting = 0;
  let oldest = 0;
  let oldestStored = 0;
  for (let m = 1; m <= trace.messageCount; m++) {
    if (m === dose.message || trace.message(m).poison) continue;
    const stored = storedAt(evidence, dose.place, m);
    if (stored === 0) continue;
    const done = effect?.[m] ?? 0;
    if (done > 0) {
      longest = Math.max(longest, trace.time(done) - trace.time(stored));
      lastEffect = Math.max(lastEffect, done);
    } else if (stored > poisonStored && waits(evidence, dose.place, dose.group, m)) {
      waiting++;
      if (oldest === 0 || stored < oldestStored) {
        oldest = m;
        oldestStored = stored;
      }
    }
  }
  if (oldest === 0 || trace.endedAtUs - trace.time(oldestStored) <= longest) return { waiting, blocked: null };
  const tries = dose.begun.filter((id) => id > oldestStored).length;
  const stands = lastEffect < oldestStored;
  if (tries < 2 && !stands) return { waiting, blocked: null };
  return { waiting, blocked: { message: oldest, stored: oldestStored, tries: tries || dose.begun.length, waiting } };
}

/** Healthy messages that still wait in a queue or partition where poison was, for the groups that met it. */
function waitingAt(evidence: Evidence, place: PlaceId, groups: ReadonlySet<GroupId>): number {
  const { trace } = evidence;
  let waiting = 0;
  for (const [group] of evidence.ledgers) {
    if (trace.places[place]?.kind === 'queue' ? group !== place : !groups.has(group)) continue;
    for (let m = 1; m <= trace.messageCount; m++) {
      if (!trace.message(m).poison && storedAt(evidence, place, m) > 0 && waits(evidence, place, group, m)) waiting++;
    }
  }
  return waiting;
}
