/**
 * Why something happened: the chain of causes of a fact, newest first, back to the first fault or decision. The trace's causes say what led to what; where that
 * is not the whole answer (a lock ends by a timer, but why was nobody done by then?), the reason is looked up in the facts around it, said in the
 * sentence, and the chain goes on from there.
 */
import { F, FATES, R } from '../../core/facts.ts';
import { HOPS } from '../../core/machine.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../../core/types.ts';
import { RIGHT } from '../skew.ts';
import type { Trace } from '../trace.ts';
import { indexOf } from './message-story.ts';
import { type ToldScenario, toldSentence } from './told.ts';

/** One step of the chain. */
export interface Link {
  readonly fact: FactId;
  readonly timeUs: Micros;
  /** The fact's sentence, with the reason where the facts around it tell one. */
  readonly sentence: string;
}

/** A reason that the fact itself does not name. `next`: where the chain goes on; 0 for the fact's own cause. */
interface Reason {
  readonly note: string;
  readonly next: FactId;
}

export type WhyScenario = ToldScenario;

/**
 * The chain of a fact, itself first. Polls and replica fetches run in circles, each caused by the one before; such a circle is told once, and hops
 * that only keep it going are left out.
 */
export function explainWhy(trace: Trace, scenario: WhyScenario, fact: FactId): Link[] {
  const chain: Link[] = [];
  const told = new Set<string>();
  let at = fact;
  while (at > 0 && at <= trace.count) {
    const reason = reasonOf(trace, scenario, at);
    if (at === fact || !isRoutine(trace, at, told)) {
      const said = toldSentence(trace, scenario, at);
      chain.push({
        fact: at,
        timeUs: trace.time(at),
        sentence: withNote(said, reason.note),
      });
    }
    const next = reason.next > 0 ? reason.next : causeOf(trace, at);
    // Causes come before what they cause; whatever else is found must, too, so that the chain ends.
    at = next < at ? next : 0;
  }
  return chain;
}

/** The note behind a colon; in brackets where the sentence has one already. */
function withNote(said: string, note: string): string {
  if (note === '') return said;
  const open = said.replace(/\.$/, '');
  return open.includes(': ') ? `${open} (${note}).` : `${open}: ${note}.`;
}

/**
 * The fact's own cause. Where that speaks of another message (a consumer begins this one because it is done with that one), the chain stays with
 * its own message: what had happened to it before.
 */
function causeOf(trace: Trace, id: FactId): FactId {
  const cause = trace.cause(id);
  const message = trace.messageOf(id);
  if (cause === 0 || message === 0) return cause;
  if (isReadFromLog(trace, id)) {
    const place = trace.kind(id) === F.delivered ? trace.place(id) : 0;
    const stored = lastBefore(indexOf(trace).factsOf(message), id, (fact) => {
      return trace.kind(fact) === F.appended && (place === 0 || trace.place(fact) === place);
    });
    if (stored > 0) return stored;
  }
  const other = trace.messageOf(cause);
  // What is taken back with an earlier one of its key is so because of that one.
  if (other === 0 || other === message || trace.kind(id) === F.restored) return cause;
  return lastBefore(indexOf(trace).factsOf(message), id, () => true);
}

/** A record that a consumer or a follower fetches: the fetch runs anyway, what matters is that the record stood there. */
function isReadFromLog(trace: Trace, id: FactId): boolean {
  if (trace.kind(id) === F.delivered) return trace.places[trace.place(id)]?.kind === 'partition';
  return trace.kind(id) === F.sent && HOPS[trace.detail(id) & 7] === 'replication';
}

/** A hop that arrived and carries no message, or a fact about no message of which the chain has had one like it. */
function isRoutine(trace: Trace, id: FactId, told: Set<string>): boolean {
  if (trace.messageOf(id) > 0) return false;
  const kind = trace.kind(id);
  if (kind === F.sent) {
    const fate = trace.detail(id) >> 3;
    return fate === 0 || fate === 4;
  }
  const like = `${kind} ${trace.actor(id)} ${trace.place(id)} ${trace.peer(id)}`;
  if (told.has(like)) return true;
  told.add(like);
  return false;
}

const NOTHING: Reason = { note: '', next: 0 };

function reasonOf(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  switch (trace.kind(id)) {
    case F['lock-expired']:
      return whyUnsettled(trace, scenario, id);
    case F.delivered:
      return whyAgain(trace, scenario, id);
    case F.sent:
      return whyLost(trace, scenario, id);
    case F.retried:
    case F['gave-up']:
      return trace.detail(id) === R.fenced ? whyFenced(trace, id) : whyUnanswered(trace, scenario, id);
    case F.unreachable:
      return whyDown(trace, id);
    case F.lost:
      return whyGone(trace, id);
    case F.truncated:
      return whyCut(trace, id);
    case F.elected:
    case F['leader-lost']:
      return whyElected(trace, id);
    case F['isr-changed']:
      return whyOutOfSync(trace, id);
    case F.assigned:
    case F.revoked:
      return { note: '', next: lastAtPlace(trace, id, trace.detail(id), [F['rebalance-begun']]) };
    case F['rebalance-begun']:
      return { note: '', next: lastAtPlace(trace, id, trace.place(id), [F.joined, F.left]) };
    case F.requeued:
      return trace.detail(id) === R.claimed ? whyClaimed(trace, scenario, id) : NOTHING;
    case F.crashed:
      return whyHalted(trace, id);
    case F.blocked:
      return whyBlocked(trace, id);
    case F.left:
      return whyLeft(trace, scenario, id);
    case F['ack-refused']:
      return whyStale(trace, id);
    case F.applied:
      return whyTwice(trace, id);
    case F.evicted:
      return whyCompacted(trace, id);
    case F.rejected:
      return whyRefused(trace, id);
    case F.diverged:
      return { note: '', next: lastAtPlace(trace, id, trace.place(id), [F.elected]) };
    case F['offset-expired']:
      return { note: '', next: lastAtPlace(trace, id, trace.detail(id), [F.left]) };
    case F.redriven:
      return whyMovedBack(trace, scenario, id);
    case F['txn-aborted']:
      return whyAborted(trace, id);
    default:
      return NOTHING;
  }
}

/** Why a consumer had not settled when its lock ended. */
function whyUnsettled(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  const consumer = trace.peer(id);
  const name = trace.actorName(consumer);
  const message = trace.messageOf(id);
  const place = trace.place(id);
  const attempt = trace.detail(id);
  const facts = indexOf(trace).factsOf(message);
  const delivered = lastBefore(facts, id, (fact) => isDelivery(trace, fact, place, consumer, attempt));
  if (delivered === 0) return NOTHING;
  const mine = (fact: FactId, kind: number): boolean => {
    return fact > delivered && trace.actor(fact) === consumer && trace.kind(fact) === kind;
  };
  const begun = lastBefore(facts, id, (fact) => mine(fact, F.begun));
  const received = lastBefore(facts, id, (fact) => mine(fact, F.received));
  const settled = lastBefore(facts, id, (fact) => mine(fact, F.settled));
  const failed = lastBefore(facts, id, (fact) => mine(fact, F.failed));
  const applied = lastBefore(facts, id, (fact) => {
    return fact > delivered && trace.kind(fact) === F.applied && trace.peer(fact) === consumer;
  });

  const mishaps = indexOf(trace).mishaps(delivered, id);
  const own = (kind: number): FactId => {
    return mishaps.findLast((fact) => trace.kind(fact) === kind && trace.actor(fact) === consumer) ?? 0;
  };
  const crashed = own(F.crashed);
  if (crashed > 0 && settled === 0) {
    const step =
      applied > 0
        ? ' after the effect and before the ack'
        : begun > 0
          ? ' while it was working on it'
          : received > 0
            ? ' before it had begun'
            : '';
    return { note: `${name} crashed at ${clock(trace, crashed)}${step}`, next: crashed };
  }
  const ackLost = lastBefore(facts, id, (fact) => fact > delivered && isLostHop(trace, fact, consumer, 'ack'));
  if (settled > 0 && ackLost > 0) {
    const why = lossCause(trace, scenario, ackLost);
    return { note: `${name} had settled it, but its ack was ${why}`, next: ackLost };
  }
  const onTheWay = lastBefore(facts, id, (fact) => {
    return fact > delivered && trace.peer(fact) === consumer && isLostHop(trace, fact, 0, 'delivery');
  });
  if (received === 0 && onTheWay > 0) {
    return {
      note: `it never reached ${name}; the delivery was ${lossCause(trace, scenario, onTheWay)}`,
      next: onTheWay,
    };
  }
  if (settled > 0 && trace.value(settled) === LEFT)
    return {
      note: `${name} had failed on it and left it at ${clock(trace, settled)}, without a word to the broker`,
      next: failed > 0 ? failed : settled,
    };
  const paused = stalledSince(trace, consumer, delivered, begun, id);
  if (paused > 0) {
    return {
      note: `${name} was paused for ${span(trace.value(paused) * 1000)} from ${clock(trace, paused)}`,
      next: paused,
    };
  }
  const early = skewOf(trace, scenario, trace.actor(id), id);
  if (early.next > 0 && trace.value(early.next) > RIGHT && trace.time(delivered) >= trace.time(early.next))
    return early;
  if (failed > 0 && settled === 0)
    return { note: `its handler at ${name} had failed, and nothing was said to the broker`, next: failed };
  if (settled > 0)
    return { note: `${name} had settled it at ${clock(trace, settled)}, and the ack came too late`, next: settled };
  if (begun > 0) {
    const work = span(trace.value(begun) * 1000);
    const slow = slowness(trace, scenario, consumer, begun);
    const already = span(trace.time(id) - trace.time(begun));
    if (applied > 0)
      return { note: `${name} had made the effect at ${clock(trace, applied)} and had not acked yet`, next: applied };
    const late = skewOf(trace, scenario, consumer, id);
    const isLate = late.next > 0 && trace.value(late.next) < RIGHT;
    return {
      note: `${name} was still at work; it takes ${work}${slow.note}, and ${already} had passed since it began${isLate ? `; ${late.note}` : ''}`,
      next: slow.next > 0 ? slow.next : isLate ? late.next : begun,
    };
  }
  if (received > 0) return { note: `${name} held it and had not begun; other messages came first`, next: received };
  const down = downSince(trace, consumer, id);
  if (down > 0) return { note: `${name} was down since ${clock(trace, down)}`, next: down };
  return NOTHING;
}

/** In `value` of `settled`: the broker is told nothing. */
const LEFT = 3;

/**
 * The pause for which a consumer was not done by `until` with what it was handed: it still lasts, or the work would have been done without it, or it took
 * most of the time before the work began. It may have begun before the delivery. 0 when there was none, or it made no difference.
 */
function stalledSince(trace: Trace, consumer: ActorId, delivered: FactId, begun: FactId, until: FactId): FactId {
  const turns = indexOf(trace)
    .mishaps(0, until)
    .filter(
      (fact) => trace.actor(fact) === consumer && (trace.kind(fact) === F.paused || trace.kind(fact) === F.resumed),
    );
  const paused = turns.findLast((fact) => trace.kind(fact) === F.paused) ?? 0;
  const resumed = turns.findLast((fact) => fact > paused) ?? 0;
  if (paused === 0 || resumed === 0) return paused;
  if (resumed < delivered) return 0;
  const from = Math.max(trace.time(paused), trace.time(delivered));
  const endUs = trace.time(until);
  if (begun === 0) return (trace.time(resumed) - from) * 2 >= endUs - trace.time(delivered) ? paused : 0;
  // Work that has begun goes on meanwhile; what it comes to is done when the process goes on.
  const waitedUs = Math.max(0, Math.min(trace.time(resumed), trace.time(begun)) - from);
  const doneUs = trace.time(begun) + trace.value(begun) * 1000;
  const wouldBeUs = doneUs - waitedUs;
  return wouldBeUs < Math.max(doneUs, trace.time(resumed)) && wouldBeUs <= endUs ? paused : 0;
}

/** Why compaction took a record: a later one of its key stood there. */
function whyCompacted(trace: Trace, id: FactId): Reason {
  if (trace.detail(id) !== R.compaction) return NOTHING;
  const { key } = trace.message(trace.messageOf(id));
  for (let at = id - 1; key !== null && at > 0; at--) {
    const later = trace.messageOf(at);
    if (trace.kind(at) !== F.appended || trace.place(at) !== trace.place(id) || later === trace.messageOf(id)) continue;
    if (later > 0 && trace.message(later).key === key)
      return { note: `message ${later} of the same key stood behind it`, next: at };
  }
  return NOTHING;
}

/** Why a node does not take a record: it leads no more, or too few replicas are in sync. */
function whyRefused(trace: Trace, id: FactId): Reason {
  switch (trace.detail(id)) {
    case R['leader moved']: {
      const elected = lastAtPlace(trace, id, trace.place(id), [F.elected]);
      if (elected === 0 || trace.peer(elected) === trace.actor(id)) return NOTHING;
      return {
        note: `${trace.actorName(trace.peer(elected))} had led it since ${clock(trace, elected)}`,
        next: elected,
      };
    }
    case R['not enough replicas']:
      return { note: '', next: lastAtPlace(trace, id, trace.place(id), [F['isr-changed']]) };
    default:
      return NOTHING;
  }
}

/** Why a message comes back from where it was dead-lettered: a line of the timeline asks for it. */
function whyMovedBack(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  const line = indexOf(trace)
    .mishaps(0, id)
    .findLast((at) => {
      return trace.kind(at) === F['fault-begun'] && scenario.timeline[trace.value(at)]?.action.type === 'redrive';
    });
  return line === undefined ? NOTHING : { note: `${lineOf(trace, scenario, line)} asked for it`, next: 0 };
}

/** Why a transaction was aborted that nobody asked to abort: its time was up. */
function whyAborted(trace: Trace, id: FactId): Reason {
  if (trace.cause(id) > 0) return NOTHING;
  const client = trace.peer(id);
  let begun = id - 1;
  while (begun > 0 && (trace.kind(begun) !== F['txn-begun'] || trace.actor(begun) !== client)) begun--;
  const crashed = indexOf(trace)
    .mishaps(0, id)
    .findLast((at) => trace.kind(at) === F.crashed && trace.actor(at) === client);
  if (crashed !== undefined)
    return {
      note: `its time was up, as ${trace.actorName(client)} had crashed at ${clock(trace, crashed)}`,
      next: crashed,
    };
  return { note: 'its time was up', next: begun };
}

/** Why a message is handed out although it was before. */
function whyAgain(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  if (trace.detail(id) < 2) return NOTHING;
  const message = trace.messageOf(id);
  const place = trace.place(id);
  const facts = indexOf(trace).factsOf(message);
  const isLog = trace.places[place]?.kind === 'partition';
  const group = groupOf(trace, scenario, trace.peer(id));
  // Each group reads a log for itself; what another was handed is nothing to this one.
  const before = lastBefore(facts, id, (fact) => {
    if (trace.kind(fact) !== F.delivered || trace.place(fact) !== place) return false;
    return !isLog || groupOf(trace, scenario, trace.peer(fact)) === group;
  });
  if (before === 0) return NOTHING;
  const back = lastBefore(facts, id, (fact) => {
    const kind = trace.kind(fact);
    const given = kind === F.requeued || kind === F['lock-expired'] || kind === F.nacked;
    return given && fact > before && trace.place(fact) === place;
  });
  const first = trace.actorName(trace.peer(before));
  if (back > 0) return { note: `it came back from ${first}`, next: back };
  if (!isLog) return NOTHING;
  const stored = facts.filter((fact) => fact < id && trace.kind(fact) === F.appended && trace.detail(fact) !== 2);
  const copy = stored.filter((fact) => trace.place(fact) === place)[1] ?? 0;
  if (copy > 0) return { note: `it stands in ${trace.placeName(place)} twice`, next: copy };
  // A log hands out again what nobody had committed when the reader changed or came back.
  const turn = readerChanged(trace, place, group, before, id);
  return {
    note: `${first} had got it at ${clock(trace, before)}, and the group had not committed past it`,
    next: turn,
  };
}

/** The group for which a consumer reads, by its declaration. */
function groupOf(trace: Trace, { consumers }: WhyScenario, consumer: ActorId): string {
  const declared = trace.actors[consumer]?.group ?? '';
  return consumers[declared]?.group ?? declared;
}

/** The last event between two facts that makes a group read a partition anew from its committed offset. */
function readerChanged(trace: Trace, partition: PlaceId, group: string, after: FactId, before: FactId): FactId {
  for (let id = before - 1; id > after; id--) {
    const kind = trace.kind(id);
    if ((kind !== F.assigned && kind !== F.sought) || trace.place(id) !== partition) continue;
    if (trace.detail(id) === 0 || trace.placeName(trace.detail(id)) === group) return id;
  }
  return 0;
}

function whyLost(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  const fault = faultOfHop(trace, scenario, id);
  if (fault === 0) return NOTHING;
  const line = lineOf(trace, scenario, fault);
  return {
    note: trace.detail(id) >> 3 === BY_A_LINE ? line.replace(/^line (\d+) of the timeline/, 'line $1') : line,
    next: fault,
  };
}

/** The place in FATES of what a line of the timeline lost. */
const BY_A_LINE = FATES.indexOf('lost by a line of the timeline');

/** Why a producer may not go on: another instance of it has begun since. */
function whyFenced(trace: Trace, id: FactId): Reason {
  let fenced = id - 1;
  while (fenced > 0 && (trace.kind(fenced) !== F.fenced || trace.peer(fenced) !== trace.actor(id))) fenced--;
  return { note: '', next: fenced };
}

/** Why a producer got no answer: the last hop of the message that did not arrive. */
function whyUnanswered(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  const message = trace.messageOf(id);
  const facts = indexOf(trace).factsOf(message);
  const producer = trace.actor(id);
  const failed = lastBefore(facts, id, (fact) => {
    if (trace.kind(fact) === F.unreachable) return true;
    if (trace.kind(fact) === F.rejected) return true;
    return (
      isLostHop(trace, fact, producer, 'request') ||
      (trace.peer(fact) === producer && isLostHop(trace, fact, 0, 'reply'))
    );
  });
  const before = lastBefore(facts, id, (fact) => trace.kind(fact) === F.retried);
  if (failed === 0 || failed < before) {
    const crashed = brokerCrash(trace, facts[0] ?? 0, id) || stillDown(trace, id);
    return crashed === 0
      ? NOTHING
      : { note: `${trace.actorName(trace.actor(crashed))} crashed at ${clock(trace, crashed)}`, next: crashed };
  }
  if (trace.kind(failed) !== F.sent) return { note: lower(trace.sentence(failed)), next: failed };
  const what = HOPS[trace.detail(failed) & 7] === 'reply' ? 'the reply was' : 'the request was';
  return { note: `${what} ${lossCause(trace, scenario, failed)}`, next: failed };
}

function whyDown(trace: Trace, id: FactId): Reason {
  const down = downSince(trace, trace.actor(id), id);
  return down === 0 ? NOTHING : { note: `it had been down since ${clock(trace, down)}`, next: down };
}

/** Why a stored message is gone: a replica cut its log, another led the log from then on, or its broker crashed. */
function whyGone(trace: Trace, id: FactId): Reason {
  const cut = lastAtPlace(trace, id, trace.place(id), [F.truncated]);
  if (cut > 0 && trace.actor(cut) === trace.actor(id)) return { note: '', next: cut };
  const elected = lastAtPlace(trace, id, trace.place(id), [F.elected]);
  if (elected > 0) return { note: '', next: elected };
  const cause = trace.cause(id);
  const isNode = trace.actors[trace.actor(id)]?.kind === 'broker';
  // Other reasons have nothing to do with a process that ended, and a crash that is the cause is the one.
  if (!isNode || !WITH_A_NODE.has(trace.detail(id)) || (cause > 0 && trace.kind(cause) === F.crashed)) return NOTHING;
  return { note: '', next: brokerCrash(trace, 0, id) };
}

/** Reasons for which something is lost because a node went down. */
const WITH_A_NODE: ReadonlySet<number> = new Set([R['kept in memory only'], R['not flushed'], R['not replicated']]);

/** Why a replica cut its log: its disk's cache went with its crash, or it follows a leader that has other records there. */
function whyCut(trace: Trace, id: FactId): Reason {
  const cause = trace.cause(id);
  if (cause > 0 && trace.kind(cause) === F.crashed) return NOTHING;
  const elected = lastAtPlace(trace, id, trace.place(id), [F.elected]);
  if (elected === 0) return NOTHING;
  return {
    note: `it follows ${trace.actorName(trace.peer(elected))}, whose log parts from its own there`,
    next: elected,
  };
}

/** Why a partition has another leader or none. A first election has only its own cause. */
function whyElected(trace: Trace, id: FactId): Reason {
  const place = trace.place(id);
  const before = lastAtPlace(trace, id, place, [F.elected, F['leader-lost']]);
  if (before === 0 && trace.kind(id) === F['leader-lost']) {
    const crashed = stillDown(trace, id);
    return crashed === 0 ? NOTHING : { note: `${trace.actorName(trace.actor(crashed))} had crashed`, next: crashed };
  }
  if (before === 0) return NOTHING;
  if (trace.kind(before) === F['leader-lost']) {
    if (trace.detail(id) === 1) return { note: 'no in-sync replica was there', next: before };
    const back = backAgain(trace, trace.peer(id), lastAtPlace(trace, before, place, [F.elected]), id);
    return back === 0
      ? { note: '', next: before }
      : { note: `${trace.actorName(trace.peer(id))} was back`, next: back };
  }
  const trouble = troubleOf(trace, trace.peer(before), before, id);
  if (trouble !== NOTHING || trace.kind(id) === F['leader-lost']) return trouble;
  let first = before;
  for (let at = before; at > 0; at = lastAtPlace(trace, at, place, [F.elected])) first = at;
  return trace.peer(first) === trace.peer(id)
    ? { note: 'it is in sync again, and leadership goes back to the first replica', next: 0 }
    : NOTHING;
}

/** Why a replica left the in-sync set. */
function whyOutOfSync(trace: Trace, id: FactId): Reason {
  const cause = trace.cause(id);
  if (cause > 0 && trace.kind(cause) === F.elected) return NOTHING;
  const place = trace.place(id);
  const before = lastAtPlace(trace, id, place, [F['isr-changed']]);
  const elected = lastAtPlace(trace, id, place, [F.elected]);
  const gone = before === 0 ? 0 : trace.value(before) & ~trace.value(id);
  if (gone === 0 || elected === 0) return NOTHING;
  const name = trace.actorName(trace.peer(elected)).replace(/b\d+$/, `b${32 - Math.clz32(gone)}`);
  const trouble = troubleOf(
    trace,
    trace.actors.findIndex((actor) => actor?.name === name),
    before,
    id,
  );
  return trouble === NOTHING ? { note: `${name} had not caught up for too long`, next: 0 } : trouble;
}

/** What befell a node between two facts: a crash, a shutdown, a pause, or a split that lasts. */
function troubleOf(trace: Trace, actor: ActorId, after: FactId, before: FactId): Reason {
  const name = trace.actorName(actor);
  const own = indexOf(trace)
    .mishaps(after, before)
    .findLast((id) => trace.actor(id) === actor && TROUBLES.has(trace.kind(id)));
  if (own !== undefined) return { note: `${name} ${TROUBLES.get(trace.kind(own))}`, next: own };
  const healed = new Set<number>();
  for (const id of indexOf(trace).mishaps(0, before).reverse()) {
    if (trace.kind(id) === F.healed) healed.add(trace.value(id));
    else if (trace.kind(id) === F.split && !healed.has(trace.value(id)))
      return { note: `${name} could not be reached`, next: id };
  }
  return NOTHING;
}

const TROUBLES: ReadonlyMap<number, string> = new Map([
  [F.crashed, 'had crashed'],
  [F.stopped, 'was shut down'],
  [F.paused, 'was paused'],
]);

/** What brought a node back between two facts; 0 when it was there all the time. */
function backAgain(trace: Trace, actor: ActorId, after: FactId, before: FactId): FactId {
  const back: readonly number[] = [F.restarted, F.resumed, F.healed];
  return (
    indexOf(trace)
      .mishaps(after, before)
      .findLast((id) => back.includes(trace.kind(id)) && (trace.actor(id) === actor || trace.kind(id) === F.healed)) ??
    0
  );
}

/** The last crash of a broker between two facts; 0 when there was none. */
function brokerCrash(trace: Trace, after: FactId, before: FactId): FactId {
  const isBroker = (id: FactId): boolean => trace.actors[trace.actor(id)]?.kind === 'broker';
  return (
    indexOf(trace)
      .mishaps(after, before)
      .findLast((id) => trace.kind(id) === F.crashed && isBroker(id)) ?? 0
  );
}

/** The last crash of a broker that is not up again. */
function stillDown(trace: Trace, at: FactId): FactId {
  const crashed = brokerCrash(trace, 0, at);
  return crashed > 0 && downSince(trace, trace.actor(crashed), at) > 0 ? crashed : 0;
}

/** Why a member is out of its group: it was down or stalled, or a clock is not right, its own or that of the node that waited for it. */
function whyLeft(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  const member = trace.peer(id);
  const name = trace.actorName(member);
  const down = downSince(trace, member, id);
  if (down > 0) return { note: `${name} was down since ${clock(trace, down)}`, next: down };
  const paused = indexOf(trace)
    .mishaps(0, id)
    .findLast(
      (fact) => trace.actor(fact) === member && (trace.kind(fact) === F.paused || trace.kind(fact) === F.resumed),
    );
  if (paused !== undefined && trace.kind(paused) === F.paused)
    return { note: `${name} was paused from ${clock(trace, paused)}`, next: paused };
  if (trace.detail(id) !== R['session timeout']) return NOTHING;
  const late = skewOf(trace, scenario, member, id);
  if (late.next > 0 && trace.value(late.next) < RIGHT) return late;
  const early = skewOf(trace, scenario, trace.actor(id), id);
  return early.next > 0 && trace.value(early.next) > RIGHT ? early : NOTHING;
}

/** Why somebody could claim what another still had: by the clock of the broker, which is not right, that had lain idle for long enough. */
function whyClaimed(trace: Trace, scenario: WhyScenario, id: FactId): Reason {
  const early = skewOf(trace, scenario, trace.actor(id), id);
  return early.next > 0 && trace.value(early.next) > RIGHT ? early : NOTHING;
}

/** Why a node halted: since when its disk has been full. */
function whyHalted(trace: Trace, id: FactId): Reason {
  if (trace.detail(id) !== R['disk full']) return NOTHING;
  const filled = fullSince(trace, id, trace.actor(id));
  return filled === 0 ? NOTHING : { note: `it has been full since ${clock(trace, filled)}`, next: filled };
}

/** Why a producer waits: the disk of some node is full. */
function whyBlocked(trace: Trace, id: FactId): Reason {
  const filled = trace.detail(id) === R['disk full'] ? fullSince(trace, id, 0) : 0;
  if (filled === 0) return NOTHING;
  return { note: `that of ${trace.actorName(trace.actor(filled))}, since ${clock(trace, filled)}`, next: filled };
}

/** Since which fact a disk has been full, of one node or (0) of any. */
function fullSince(trace: Trace, before: FactId, node: ActorId): FactId {
  const freed = new Set<ActorId>();
  for (const id of indexOf(trace).mishaps(0, before).reverse()) {
    const actor = trace.actor(id);
    if (trace.kind(id) === F['disk-freed']) freed.add(actor);
    else if (trace.kind(id) === F['disk-filled'] && !freed.has(actor) && (node === 0 || actor === node)) return id;
  }
  return 0;
}

/** The last fact of some kinds at a place before another; 0 when there is none. */
function lastAtPlace(trace: Trace, before: FactId, place: PlaceId, kinds: readonly number[]): FactId {
  for (let id = before - 1; id > 0; id--) {
    if (trace.place(id) === place && kinds.includes(trace.kind(id))) return id;
  }
  return 0;
}

/** Why an ack came too late: its lock had ended. */
function whyStale(trace: Trace, id: FactId): Reason {
  const consumer = trace.peer(id);
  const ended = lastBefore(indexOf(trace).factsOf(trace.messageOf(id)), id, (fact) => {
    return trace.kind(fact) === F['lock-expired'] && trace.peer(fact) === consumer;
  });
  return ended === 0 ? NOTHING : { note: `its lock had ended at ${clock(trace, ended)}`, next: ended };
}

/** Why an effect was made again: because the message was delivered again. */
function whyTwice(trace: Trace, id: FactId): Reason {
  const outcome = trace.detail(id);
  if (outcome !== 2 && outcome !== 3) return NOTHING;
  const store = trace.place(id);
  const first = indexOf(trace)
    .factsOf(trace.messageOf(id))
    .find((fact) => fact < id && trace.kind(fact) === F.applied && trace.place(fact) === store);
  if (first === undefined) return NOTHING;
  const did = store === 0 ? 'done' : 'written';
  return { note: `${trace.actorName(trace.peer(first))} had ${did} it at ${clock(trace, first)} already`, next: 0 };
}

// ── Looking around ────────────────────────────────────────────────────────────────────────────────────────────────────

/** The last fact of a list before another for which something holds; 0 when there is none. */
function lastBefore(facts: readonly FactId[], before: FactId, holds: (fact: FactId) => boolean): FactId {
  return facts.findLast((fact) => fact < before && holds(fact)) ?? 0;
}

function isDelivery(trace: Trace, fact: FactId, place: PlaceId, consumer: ActorId, attempt: number): boolean {
  return (
    trace.kind(fact) === F.delivered &&
    trace.place(fact) === place &&
    trace.peer(fact) === consumer &&
    trace.detail(fact) === attempt
  );
}

/** A hop that the network lost; `from` 0 is anybody. */
function isLostHop(trace: Trace, fact: FactId, from: ActorId, hop: (typeof HOPS)[number]): boolean {
  if (trace.kind(fact) !== F.sent || HOPS[trace.detail(fact) & 7] !== hop) return false;
  if (from !== 0 && trace.actor(fact) !== from) return false;
  const fate = trace.detail(fact) >> 3;
  return fate !== 0 && fate !== 4;
}

/** "lost in the split (line 2 of the timeline: b1 is cut off)". */
function lossCause(trace: Trace, scenario: WhyScenario, hop: FactId): string {
  const fault = faultOfHop(trace, scenario, hop);
  const fate = trace.detail(hop) >> 3;
  if (fault > 0 && fate === BY_A_LINE) return `lost by ${lineOf(trace, scenario, fault)}`;
  const how = FATES[fate] ?? 'lost';
  return fault === 0 ? how : `${how} (${lineOf(trace, scenario, fault)})`;
}

/** The fault that lost a hop: the split, or the line of the timeline that interferes; 0 when it was chance. */
function faultOfHop(trace: Trace, scenario: WhyScenario, hop: FactId): FactId {
  const fate = trace.detail(hop) >> 3;
  if (fate === 0 || fate === 1 || fate === 4) return 0;
  const wanted = fate === 2 ? 'split' : 'interfere';
  const ended = new Set<number>();
  const mishaps = indexOf(trace).mishaps(0, hop);
  for (let i = mishaps.length - 1; i >= 0; i--) {
    const id = mishaps[i] as FactId;
    const kind = trace.kind(id);
    if (kind === F.healed || kind === F['fault-ended']) ended.add(trace.value(id));
    if (kind !== F.split && kind !== F['fault-begun']) continue;
    const entry = trace.value(id);
    if (!ended.has(entry) && scenario.timeline[entry]?.action.type === wanted) return id;
  }
  return 0;
}

/** How much longer a consumer takes at that fact, and the fact that made it slow. */
function slowness(trace: Trace, scenario: WhyScenario, consumer: ActorId, at: FactId): Reason {
  const slowed = indexOf(trace)
    .mishaps(0, at)
    .findLast((id) => trace.kind(id) === F.slowed && trace.actor(id) === consumer);
  if (slowed === undefined || trace.value(slowed) === 100) return NOTHING;
  const cause = trace.cause(slowed);
  const line = cause > 0 && trace.kind(cause) === F['fault-begun'] ? ` by ${lineOf(trace, scenario, cause)}` : '';
  return { note: ` (${trace.value(slowed) / 100} times as long${line})`, next: slowed };
}

/** That an actor's clock is not right at a fact, and the fact since which. */
function skewOf(trace: Trace, scenario: WhyScenario, actor: ActorId, at: FactId): Reason {
  const skewed = indexOf(trace)
    .mishaps(0, at)
    .findLast((id) => trace.kind(id) === F.skewed && trace.actor(id) === actor);
  if (skewed === undefined || trace.value(skewed) === RIGHT) return NOTHING;
  const cause = trace.cause(skewed);
  const line = cause > 0 && trace.kind(cause) === F['fault-begun'] ? ` (${lineOf(trace, scenario, cause)})` : '';
  return {
    note: `the clock of ${trace.actorName(actor)} ran ${trace.value(skewed) / RIGHT} times as fast as time${line}`,
    next: skewed,
  };
}

/** The crash or shutdown since which an actor is down; 0 when it is up. */
function downSince(trace: Trace, actor: ActorId, at: FactId): FactId {
  const last = indexOf(trace)
    .mishaps(0, at)
    .findLast((id) => {
      const kind = trace.kind(id);
      return trace.actor(id) === actor && (kind === F.crashed || kind === F.stopped || kind === F.restarted);
    });
  return last === undefined || trace.kind(last) === F.restarted ? 0 : last;
}

function lineOf(trace: Trace, scenario: WhyScenario, fault: FactId): string {
  const entry = trace.value(fault);
  const label = scenario.timeline[entry]?.label ?? '';
  return `line ${entry + 1} of the timeline${label === '' ? '' : `, “${label}”`}`;
}

function clock(trace: Trace, fact: FactId): string {
  return span(trace.time(fact));
}

/** `3.8 s` or `120 ms`. */
function span(us: Micros): string {
  if (us >= 1_000_000) return `${Math.round(us / 1000) / 1000} s`;
  return us >= 1000 ? `${Math.round(us / 1000)} ms` : `${us} µs`;
}

function lower(sentence: string): string {
  return sentence.slice(0, 1).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}
