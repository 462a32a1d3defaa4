/**
 * What should come about in the end: progress, an empty queue, an end of repeats and of rebalances. Each is judged on the last stretch of the run,
 * after the last fault; when that stretch is too short to tell, the verdict is open.
 */
import { F } from '../../core/facts.ts';
import type { FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, inScope, many, seconds, witness } from './evidence.ts';
import { isRead } from './outcomes.ts';
import { troublesOf } from './troubles.ts';

/** How long a live group may make no effect although something waits for it. Longer than the usual locks, sessions and backoffs. */
const PATIENCE_US: Micros = 60_000_000;
/** The shortest stretch after the last fault on which repeats are compared. */
const STRETCH_US: Micros = 20_000_000;

interface Waiting {
  readonly group: GroupId;
  readonly place: PlaceId;
  readonly messages: number;
  /** What made the oldest of them wait here. */
  readonly oldest: FactId;
  readonly message: MessageId;
}

/** What waits for each group at the end of the run. */
function waiting(evidence: Evidence, scope: string): readonly Waiting[] {
  const { trace, logs } = evidence;
  const found: Waiting[] = [];
  for (const [place, fate] of evidence.queues.byPlace) {
    // What lies in a dead-letter queue that nobody reads waits for a person, not for a group.
    const resting = trace.places[place]?.deadLetter === true && !isRead(evidence, place);
    if (resting || !inScope(evidence, place, scope)) continue;
    let messages = 0;
    let oldest = 0;
    for (let m = 1; m < fate.ready.length; m++) {
      if ((fate.ready[m] as number) + (fate.inFlight[m] as number) === 0) continue;
      messages++;
      if (oldest === 0 || (fate.stored[m] as number) < oldest) oldest = fate.stored[m] as number;
    }
    if (messages > 0) found.push({ group: place, place, messages, oldest, message: trace.messageOf(oldest) });
  }
  for (const log of logs.byPlace.values()) {
    for (const [group, reader] of log.readers) {
      if (!inScope(evidence, log.place, scope) && !inScope(evidence, group, scope)) continue;
      const effect = evidence.ledgers.get(group)?.effect;
      let messages = 0;
      let oldest = 0;
      for (let offset = Math.max(reader.committed, log.start, 0); offset < log.messages.length; offset++) {
        const message = log.messages[offset] ?? 0;
        if (message === 0 || logs.aborted[message] !== 0 || (effect?.[message] ?? 0) > 0 || offset < reader.firstOffset)
          continue;
        messages++;
        if (oldest === 0) oldest = log.facts[offset] as number;
      }
      if (messages > 0) found.push({ group, place: log.place, messages, oldest, message: trace.messageOf(oldest) });
    }
  }
  return found;
}

/**
 * Whether a lock on some of what waits in a queue ends after the run only, and is longer than anybody waits here: what comes then nobody can know. A short
 * lock that is granted again and again is no excuse.
 */
function isLocked(evidence: Evidence, { place }: Waiting): boolean {
  const { trace, queues } = evidence;
  const fate = queues.byPlace.get(place);
  if (fate === undefined) return false;
  const until = new Map<MessageId, Micros>();
  for (let id = evidence.first('delivered'); id > 0 && id <= trace.count; id++) {
    if (trace.place(id) !== place || (trace.kind(id) !== F.delivered && trace.kind(id) !== F.extended)) continue;
    const lockUs = trace.value(id) * 1000;
    until.set(trace.messageOf(id), lockUs > PATIENCE_US ? trace.time(id) + lockUs : 0);
  }
  return [...until].some(([message, endUs]) => endUs > trace.endedAtUs && (fate.inFlight[message] as number) > 0);
}

/** The last effect of each group. */
function lastEffects(evidence: Evidence): Map<GroupId, FactId> {
  const last = new Map<GroupId, FactId>();
  const { trace } = evidence;
  for (let id = evidence.first('applied'); id > 0 && id <= trace.count; id++) {
    if (trace.kind(id) === F.applied && trace.detail(id) <= 3) last.set(evidence.groupOfEffect(id), id);
  }
  return last;
}

interface Stalled extends Found {
  readonly place: string;
  readonly messages: number;
  readonly forUs: Micros;
  /** Too little was whole when the run ended for anything to go on. */
  readonly isDark?: boolean;
}

/** After the last fault, every live group for which something waits makes an effect within a minute; where what is left can work at all. */
export const progress = defineCheck<Stalled>({
  claim: 'progress',
  idle: 'no process crashed or stalled and the network was whole',
  find(evidence, scope) {
    const { trace } = evidence;
    const fault = evidence.lastFault;
    const effects = lastEffects(evidence);
    const base = { exercised: fault > 0, place: '', messages: 0, forUs: 0 };
    let open: Stalled | null = null;
    for (const wait of waiting(evidence, scope)) {
      if (!evidence.isLive(wait.group)) continue;
      const effect = effects.get(wait.group) ?? 0;
      const since = Math.max(effect, wait.oldest, fault);
      const forUs = trace.endedAtUs - trace.time(since);
      const stalled = {
        ...base,
        witness: witness(effect, wait.oldest, fault),
        place: trace.placeName(wait.place),
        messages: wait.messages,
        forUs,
      };
      if (forUs >= PATIENCE_US) {
        if (isLocked(evidence, wait)) {
          open ??= { ...stalled, seen: 'open' };
          continue;
        }
        if (evidence.coreSurvives) return { ...stalled, exercised: true, seen: 'broken' };
        open ??= { ...stalled, seen: 'open', isDark: true };
        continue;
      }
      // Something moved after the last fault: the group lives.
      if (effect <= fault) open ??= { ...stalled, seen: 'open' };
    }
    return open ?? { ...base, seen: 'sound', witness: [] };
  },
  explain(_evidence, found) {
    if (found.seen === 'sound')
      return 'Every live group for which messages waited went on making effects after the last fault.';
    if (found.isDark === true)
      return `For the last ${seconds(found.forUs)} nothing of ${found.place} had an effect, but a fault that never ended leaves too little for it to go on with.`;
    if (found.seen === 'open')
      return `Since the last fault nothing of ${found.place} has had an effect, but the run ended ${seconds(found.forUs)} after it, too soon to tell.`;
    return `${many(found.messages, 'message')} waited in ${found.place}, and for the last ${seconds(found.forUs)} nothing of it had an effect, although no fault was new.`;
  },
});

/** In the end nothing is ready or in flight. */
export const drained = defineCheck<Stalled>({
  claim: 'drained',
  idle: 'nothing was stored anywhere',
  find(evidence, scope) {
    const { trace } = evidence;
    const effects = lastEffects(evidence);
    let open: Stalled | null = null;
    for (const wait of waiting(evidence, scope)) {
      const since = Math.max(effects.get(wait.group) ?? 0, wait.oldest, evidence.lastFault);
      const forUs = trace.endedAtUs - trace.time(since);
      const stalled = {
        exercised: true,
        witness: [wait.oldest],
        place: trace.placeName(wait.place),
        messages: wait.messages,
        forUs,
      };
      if (forUs >= PATIENCE_US && evidence.openFault === 0 && !isLocked(evidence, wait))
        return { ...stalled, seen: 'broken' };
      open ??= { ...stalled, seen: 'open' };
    }
    return (
      open ?? { seen: 'sound', exercised: evidence.any('appended'), witness: [], place: '', messages: 0, forUs: 0 }
    );
  },
  explain(evidence, found) {
    if (found.seen === 'sound') return 'When the run ended, nothing was ready or in flight.';
    const oldest = evidence.trace.messageOf(found.witness[0] as FactId);
    const what = `When the run ended, ${many(found.messages, 'message')} still waited in ${found.place}, the oldest of them message ${oldest}`;
    return found.seen === 'broken'
      ? `${what}, and for ${seconds(found.forUs)} nothing there had moved.`
      : `${what}: a longer run would tell whether they are ever done.`;
  },
});

interface Storm extends Found {
  readonly early: number;
  readonly late: number;
}

/** So many repeats in the last quarter at least make a storm. */
const STORM = 3;

/**
 * After the last fault repeats stop: no message goes on coming again, and they do not become more and more. A round of repeats that comes late is no storm, nor
 * are the few that steady work always has.
 */
export const boundedRedelivery = defineCheck<Storm>({
  claim: 'bounded-redelivery',
  idle: 'nothing was handed out a second time',
  find(evidence, scope) {
    const { trace } = evidence;
    const fault = evidence.lastFault;
    const from = fault === 0 ? 0 : trace.time(fault);
    const quarterUs = (trace.endedAtUs - from) / 4;
    // By quarter after the last fault, 0 for what came before it: deliveries, and those among them that were repeats.
    const handed = [0, 0, 0, 0, 0];
    const repeated = [0, 0, 0, 0, 0];
    // By group and message: the quarter of its first repeat.
    const since = new Map<number, number>();
    let persistent = 0;
    let last = 0;
    for (let id = evidence.first('delivered'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.delivered || !inScope(evidence, trace.place(id), scope)) continue;
      const time = trace.time(id) - from;
      const quarter = time < 0 ? 0 : Math.min(4, 1 + Math.floor(time / quarterUs));
      handed[quarter] = (handed[quarter] as number) + 1;
      if (trace.detail(id) < 2) continue;
      repeated[quarter] = (repeated[quarter] as number) + 1;
      const group = evidence.groupAt(trace.place(id), trace.peer(id));
      const name = group * (trace.messageCount + 1) + trace.messageOf(id);
      const first = since.get(name) ?? quarter;
      since.set(name, first);
      if (quarter < 4) continue;
      last = id;
      // A whole quarter lies between its first repeat and this one.
      if (first < 3) persistent++;
    }
    const [, early = 0, second = 0, third = 0, late = 0] = repeated;
    const base = { exercised: since.size > 0, early, late };
    if (late === 0) return { ...base, seen: 'sound', witness: [] };
    if (quarterUs * 4 < STRETCH_US) return { ...base, seen: 'open', witness: [] };
    const share = (n: number): number => (repeated[n] as number) / Math.max(1, handed[n] as number);
    const isGrowing = early < second && second < third && third < late && late >= STORM && share(4) >= 2 * share(1);
    return (persistent >= STORM && late >= early) || isGrowing
      ? { ...base, seen: 'broken', witness: witness(fault, last) }
      : { ...base, seen: 'sound', witness: [] };
  },
  explain(evidence, found) {
    if (found.seen === 'sound' && (found.late === 0 || found.late < found.early))
      return 'Repeated deliveries became fewer once the last fault was over.';
    if (found.seen === 'sound')
      return `The last quarter after the last fault still had ${many(found.late, 'repeat')}, but no message went on coming again, and they did not become more and more.`;
    if (found.seen === 'open')
      return 'Messages still came again when the run ended, too soon after the last fault to tell whether that stops.';
    const last = found.witness[found.witness.length - 1] as FactId;
    return `Repeats did not stop: ${found.early} in the first quarter after the last fault, ${found.late} in the last quarter, such as message ${evidence.trace.messageOf(last)} (${evidence.trace.detail(last)} times) at ${evidence.at(last)}.`;
  },
});

interface Restless extends Found {
  readonly rebalances: number;
}

/** Once its members stay the same, a group's generation stays the same too. */
export const rebalanceSettles = defineCheck<Restless>({
  claim: 'rebalance-settles',
  idle: 'no group rebalanced more than once',
  find(evidence, scope) {
    const { trace } = evidence;
    let cause = evidence.lastFault;
    for (let id = trace.count; id > cause; id--) {
      const kind = trace.kind(id);
      if (kind === F.scaled || kind === F.started) cause = id;
    }
    const from = (cause === 0 ? 0 : trace.time(cause)) + PATIENCE_US;
    const late = new Map<PlaceId, FactId[]>();
    const begun = new Map<GroupId, FactId>();
    for (let id = evidence.first('rebalance-begun', 'rebalanced'); id > 0 && id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind === F.committed) {
        // Another node coordinates the group by now, and knows nothing of a rebalance that was never finished.
        const group = trace.detail(id);
        const open = begun.get(group) ?? 0;
        if (open > 0 && trace.actor(open) !== trace.actor(id)) begun.delete(group);
        continue;
      }
      if ((kind !== F['rebalance-begun'] && kind !== F.rebalanced) || !inScope(evidence, trace.place(id), scope))
        continue;
      if (kind === F['rebalance-begun']) begun.set(trace.place(id), id);
      else {
        begun.delete(trace.place(id));
        if (trace.time(id) < from) continue;
        const own = late.get(trace.place(id));
        if (own === undefined) late.set(trace.place(id), [id]);
        else own.push(id);
      }
    }
    const [open = 0] = begun.values();
    const most = [...late.values()].reduce((most, own) => (own.length > most.length ? own : most), []);
    const base = { exercised: troublesOf(evidence, scope).count('rebalanced') > 1, rebalances: most.length };
    if (most.length >= 3)
      return { ...base, seen: 'broken', witness: witness(cause, most[0] as FactId, most[most.length - 1] as FactId) };
    return open > 0 ? { ...base, seen: 'open', witness: [open] } : { ...base, seen: 'sound', witness: [] };
  },
  explain(evidence, found) {
    if (found.seen === 'sound') return 'Each group came to rest once its members stayed the same.';
    const last = found.witness[found.witness.length - 1] as FactId;
    if (found.seen === 'open') return `${evidence.placeOf(last)} was still rebalancing when the run ended.`;
    return `${evidence.placeOf(last)} went on rebalancing: ${found.rebalances} times more than a minute after anything had changed, and at ${evidence.at(last)} it was at generation ${evidence.trace.value(last)}.`;
  },
});
