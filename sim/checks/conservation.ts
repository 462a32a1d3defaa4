/**
 * Conservation: at every moment each message is in one known state, and no step takes out what was not there or hands out what was not ready. What
 * reached a broker and is never heard of again has vanished. It is the check that catches a broker that forgets, not a setting that loses.
 */
import { F, FATES } from '../../core/facts.ts';
import { HOPS } from '../../core/machine.ts';
import type { ActorId, FactId, MessageId, Micros } from '../../core/types.ts';
import type { Trace } from '../trace.ts';
import { couldLose } from './at-least-once.ts';
import { couldRepeat } from './at-most-once.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, many, witness } from './evidence.ts';

interface Imbalance extends Found {
  readonly message: MessageId;
  readonly step: FactId;
  readonly vanished: boolean;
  readonly messages: number;
}

const REQUEST = HOPS.indexOf('request');

export const conservation = defineCheck<Imbalance>({
  claim: 'conservation',
  idle: 'every message went straight through, without a crash, a loss, a lock that ran out or anything given back',
  find(evidence) {
    const { queues, trace } = evidence;
    const exercised =
      trace.messageCount > 0 && (couldRepeat(evidence) || couldLose(evidence) || evidence.any('dead-lettered'));
    const base = { exercised, messages: trace.messageCount };
    if (queues.illegal > 0) {
      const message = trace.messageOf(queues.illegal);
      return {
        ...base,
        seen: 'broken',
        witness: witness(queues.before, queues.illegal),
        message,
        step: queues.illegal,
        vanished: false,
      };
    }
    const ghost = deliveredButNotWritten(evidence);
    if (ghost > 0) {
      return {
        ...base,
        seen: 'broken',
        witness: [ghost],
        message: trace.messageOf(ghost),
        step: ghost,
        vanished: false,
      };
    }
    const vanished = vanishedRequest(evidence);
    if (vanished > 0) {
      return {
        ...base,
        seen: 'broken',
        witness: [vanished],
        message: trace.messageOf(vanished),
        step: vanished,
        vanished: true,
      };
    }
    return { ...base, seen: 'sound', witness: [], message: 0, step: 0, vanished: false };
  },
  explain(evidence, found) {
    if (found.seen === 'sound') return `All ${many(found.messages, 'message')} were accounted for at every step.`;
    const { trace } = evidence;
    if (found.vanished) {
      return `Message ${found.message} reached ${evidence.peerOf(found.step)} in the request sent at ${evidence.at(found.step)}, and nothing was heard of it again.`;
    }
    const what = trace.sentence(found.step);
    return `The books do not balance for message ${found.message} at ${evidence.at(found.step)}: "${what}", but at that moment it was not there to be ${verbOf(trace.kind(found.step))}.`;
  },
});

function verbOf(kind: number): string {
  switch (kind) {
    case F.delivered:
      return 'handed out';
    case F.requeued:
      return 'given back';
    case F.acked:
      return 'acked';
    default:
      return 'moved';
  }
}

/** A delivery from a partition of a message that was never written there. */
function deliveredButNotWritten(evidence: Evidence): FactId {
  const { trace, logs } = evidence;
  if (logs.byPlace.size === 0) return 0;
  for (let id = evidence.first('delivered'); id > 0 && id <= trace.count; id++) {
    if (trace.kind(id) !== F.delivered) continue;
    const place = trace.place(id);
    if (trace.places[place]?.kind !== 'partition') continue;
    const written = logs.firstWrite(place, trace.messageOf(id));
    if (written === 0 || written > id) return id;
  }
  return 0;
}

/**
 * Whether a node never read what was sent to it: it was down when that arrived, had been down just before it was sent, so that it came by a connection of
 * which only the sender did not know that it had ended, went down before it went on from a pause, its sender
 * died meanwhile and the end of the connection came first, or the connection broke soon after, because of a frame before it that was lost or of a silence; it waits
 * behind a frame that was lost, until the client's own patience ends or, as the run did, not yet; or it reads nothing of who publishes, because a disk is full, and the connection ended before there was room.
 */
function neverRead({ trace, clocks, scenario }: Evidence, sent: FactId): boolean {
  const node = trace.peer(sent);
  const sender = trace.actor(sent);
  // Both wait by their own clocks.
  const waited = (fromUs: Micros, toUs: Micros): Micros =>
    Math.min(...[node, sender].map((actor) => clocks.read(actor, toUs) - clocks.read(actor, fromUs)));
  const arrivesUs = trace.time(sent) + trace.value(sent);
  const brokerOf = (actor: ActorId): string => trace.actors[actor]?.group ?? '';
  // Of who publishes nothing is read while a disk of the broker is full.
  const full = new Set<ActorId>();
  let readUs = arrivesUs;
  let isUp = true;
  let isPaused = false;
  // Where requests go over one connection, what comes after a lost one is not read before that has ended.
  const inOrder = ORDERED.includes(scenario.brokers[brokerOf(node)]?.kind ?? '');
  let isBehind = false;
  for (let id = 1; id <= trace.count; id++) {
    const isLater = trace.time(id) > arrivesUs;
    if (isLater && !isUp) return true;
    if (isLater && !isPaused && !isBehind && full.size === 0 && waited(readUs, trace.time(id)) > NOTICED_US)
      return false;
    const kind = trace.kind(id);
    if (kind === F['connection-lost']) {
      const ends = [trace.actor(id), trace.peer(id)];
      if (ends.includes(sender) && ends.includes(node)) {
        if (id > sent) return true;
        isBehind = false;
      }
    }
    if (inOrder && kind === F.sent && id < sent && trace.actor(id) === sender && trace.peer(id) === node)
      isBehind ||= !arrives(trace.detail(id) >> 3);
    // What it does for that client comes over another connection then: nothing fills a gap.
    if (isBehind && trace.actor(id) === node && answers(trace, id, sender, node)) {
      if (id > sent) return true;
      isBehind = false;
    }
    if (kind === F['disk-filled'] && !isLater && brokerOf(trace.actor(id)) === brokerOf(node))
      full.add(trace.actor(id));
    if (kind === F['disk-freed'] && full.delete(trace.actor(id)) && isLater) readUs = trace.time(id);
    const isOver = kind === F.crashed || kind === F.stopped;
    if (isOver && id > sent && !isLater && trace.actor(id) === sender) return true;
    if (isOver && id < sent && trace.actor(id) === node && waited(trace.time(id), trace.time(sent)) <= NOTICED_US)
      return true;
    if (trace.actor(id) !== node) continue;
    if (isOver) {
      if (isLater && isPaused) return true;
      if (!isLater) isUp = false;
      isPaused = false;
    } else if (kind === F.restarted) isUp = true;
    else if (kind === F.paused) isPaused ||= !isLater;
    else if (kind === F.resumed && isPaused) {
      isPaused = false;
      if (isLater) readUs = trace.time(id);
    }
  }
  return !isUp || isPaused || isBehind;
}

/** Whether a fact is what a node did with a request of a client. */
function answers(trace: Trace, id: FactId, sender: ActorId, node: ActorId): boolean {
  const cause = trace.cause(id);
  return cause > 0 && trace.kind(cause) === F.sent && trace.actor(cause) === sender && trace.peer(cause) === node;
}

function arrives(fate: number): boolean {
  return FATES[fate] === 'passed' || FATES[fate] === 'duplicated';
}

/** Brokers whose clients speak to a node over one connection that keeps the order of what goes over it. */
const ORDERED: readonly string[] = ['kafka', 'rabbitmq', 'pulsar'];

/** Broken streams are noticed within a second; the notice itself takes a while, too. */
const NOTICED_US = 2_000_000;

/**
 * A publishing request that arrived at a broker that was up and after which nothing at all is recorded of its message. A message whose last
 * request was lost or is still on its way is in a known state; so is one that waits at its producer.
 */
function vanishedRequest(evidence: Evidence): FactId {
  const { trace } = evidence;
  const last = evidence.perMessage();
  if (evidence.openFault > 0) return 0;
  for (let id = 1; id <= trace.count; id++) {
    const message = trace.messageOf(id);
    if (message > 0) last[message] = id;
  }
  for (let m = 1; m < last.length; m++) {
    const id = last[m] as number;
    if (id === 0 || trace.kind(id) !== F.sent) continue;
    const detail = trace.detail(id);
    if ((detail & 7) !== REQUEST || !arrives(detail >> 3)) continue;
    if (trace.actors[trace.peer(id)]?.kind !== 'broker' || trace.time(id) + trace.value(id) >= trace.endedAtUs)
      continue;
    if (!neverRead(evidence, id)) return id;
  }
  return 0;
}
