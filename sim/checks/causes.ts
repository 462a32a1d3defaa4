/**
 * Why something came twice, or never: looks through the facts between two moments for the event that best explains it, and words it. Only for the
 * sentence of a finding; the verdict does not hang on it.
 */
import { F, REASONS } from '../../core/facts.ts';
import { HOPS } from '../../core/machine.ts';
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import { type Evidence, seconds } from './evidence.ts';

export interface Because {
  /** The fact that explains it; 0 when nothing does. */
  readonly fact: FactId;
  /** ", because …", or empty. */
  readonly words: string;
}

const NOTHING: Because = { fact: 0, words: '' };
const ACK = HOPS.indexOf('ack');
const REPLY = HOPS.indexOf('reply');
const EFFECT_REPLY = HOPS.indexOf('effect-reply');

/**
 * Why `message` was handed out or applied again between the facts `from` and `to`. `worker` is the consumer of the first time. The rank says
 * which of several events tells most: what a person did, then what was lost, then who died, then what merely followed from it.
 */
export function whyAgain(evidence: Evidence, message: MessageId, worker: ActorId, from: FactId, to: FactId): Because {
  const { trace } = evidence;
  let best = NOTHING;
  let bestRank = 0;
  const offer = (rank: number, fact: FactId, words: string): void => {
    if (rank <= bestRank) return;
    bestRank = rank;
    best = { fact, words: `, because ${words}` };
  };
  let lockMs = 0;
  let crashedAt = 0;
  const delivered = deliveryBehind(evidence, message, to);
  const copy = secondCopy(evidence, message, delivered);
  if (copy > 0) offer(8, copy, `${evidence.placeOf(copy)} stored it a second time at ${evidence.at(copy)}`);
  for (let id = from; id <= to; id++) {
    const kind = trace.kind(id);
    const about = trace.messageOf(id);
    const actor = trace.actor(id);
    if (kind === F.crashed && actor === worker && crashedAt === 0) {
      crashedAt = id;
      offer(6, id, `${trace.actorName(actor)} crashed at ${evidence.at(id)} before it was settled`);
    } else if (kind === F.crashed && trace.actors[actor]?.kind === 'broker') {
      offer(4, id, `${trace.actorName(actor)} crashed at ${evidence.at(id)}`);
    } else if (kind === F.sought) {
      if (leadsTo(evidence, id, delivered)) offer(9, id, `${soughtWords(evidence, id)} at ${evidence.at(id)}`);
    } else if (kind === F.revoked && trace.peer(id) === worker) {
      offer(
        3,
        id,
        `${evidence.placeOf(id)} was taken from ${evidence.peerOf(id)} at ${evidence.at(id)}, before its offset was committed`,
      );
    } else if (about === message) {
      switch (kind) {
        case F.delivered:
          lockMs = trace.value(id);
          break;
        case F.redriven:
          offer(9, id, `it was moved back to ${evidence.placeOf(id)} at ${evidence.at(id)}`);
          break;
        case F.restored:
          offer(9, id, `${evidence.placeOf(id)} took it back at ${evidence.at(id)}, although it was acked`);
          break;
        case F.retried:
          offer(
            2,
            id,
            `${evidence.actorOf(id)} sent it again at ${evidence.at(id)} (${REASONS[trace.detail(id)] ?? 'unknown reason'})`,
          );
          break;
        case F.sent: {
          const fate = trace.detail(id) >> 3;
          if (fate === 0 || fate === 4) break;
          const hop = trace.detail(id) & 7;
          if (hop === ACK) offer(7, id, `the ack of ${evidence.actorOf(id)} was lost at ${evidence.at(id)}`);
          else if (hop === EFFECT_REPLY)
            offer(7, id, `the answer of ${evidence.actorOf(id)} was lost at ${evidence.at(id)}`);
          else if (hop === REPLY) offer(7, id, `the reply to ${evidence.peerOf(id)} was lost at ${evidence.at(id)}`);
          break;
        }
        case F['lock-expired']:
          offer(
            5,
            id,
            `the lock${lockMs > 0 ? ` (${seconds(lockMs * 1000).replace(/\.?0+ s$/, ' s')})` : ''} ended at ${evidence.at(id)} while ${evidence.peerOf(id)} still held it`,
          );
          break;
        case F.failed:
          offer(3, id, `${evidence.actorOf(id)} failed on it at ${evidence.at(id)}`);
          break;
        case F.requeued:
          offer(
            2,
            id,
            `${evidence.placeOf(id)} made it ready again at ${evidence.at(id)} (${REASONS[trace.detail(id)] ?? 'unknown reason'})`,
          );
          break;
      }
    }
  }
  return best;
}

/** The last delivery of the message, by a fact, to the consumer that the fact is about; 0 when there was none. */
function deliveryBehind(evidence: Evidence, message: MessageId, to: FactId): FactId {
  const { trace } = evidence;
  const consumer = trace.kind(to) === F.delivered ? trace.peer(to) : evidence.workerOf(to);
  for (let id = to; id > 0; id--) {
    if (trace.kind(id) === F.delivered && trace.messageOf(id) === message && trace.peer(id) === consumer) return id;
  }
  return 0;
}

/** Whether a seek may have led to a delivery: it is of the same place, in a partition of the same group and to no later record. */
function leadsTo(evidence: Evidence, sought: FactId, delivered: FactId): boolean {
  const { trace } = evidence;
  const place = trace.place(delivered);
  if (delivered === 0 || trace.place(sought) !== place) return false;
  if (trace.places[place]?.kind !== 'partition') return true;
  const group = evidence.groupAt(place, trace.peer(delivered));
  return (
    trace.detail(sought) === group && trace.value(sought) <= evidence.logs.offsetOf(place, trace.messageOf(delivered))
  );
}

/** What a seek did: to an offset where there are offsets, else to a time or a snapshot, as the fact itself says. */
function soughtWords(evidence: Evidence, sought: FactId): string {
  const { trace } = evidence;
  return trace.places[trace.place(sought)]?.kind === 'partition'
    ? `${evidence.placeOf(sought)} was set back to offset ${trace.value(sought)}`
    : (trace.sentence(sought).split(':')[0] ?? '');
}

/**
 * What stored the message again, if that is why it came again with the fact `delivered`: a send that was tried again. It may have been stored twice before anybody was handed the first
 * copy. In a queue each copy has a first attempt of its own; in a log the copies of a message are counted as one. 0 when it is there once, or the same copy came again.
 */
function secondCopy(evidence: Evidence, message: MessageId, delivered: FactId): FactId {
  const { trace } = evidence;
  const place = trace.places[trace.place(delivered)];
  const isLog = place?.kind === 'partition';
  if (delivered === 0 || place === undefined || (!isLog && trace.detail(delivered) > 1)) return 0;
  let copies = 0;
  for (let id = 1; id < delivered; id++) {
    if (trace.kind(id) !== F.appended || trace.messageOf(id) !== message || trace.detail(id) === BY_A_FOLLOWER)
      continue;
    const there = trace.places[trace.place(id)];
    const isHere = isLog ? there?.parent === place.parent : there === place;
    const cause = trace.kind(trace.cause(id) || id);
    // Moved here from another queue, it left that one.
    if (!isHere || cause === F['dead-lettered'] || cause === F.redriven) continue;
    copies++;
    if (copies === 2) return id;
  }
  return 0;
}

/** In `detail` of `appended`: a follower's copy of what its leader stored. */
const BY_A_FOLLOWER = 2;

/** What `fact` recorded as its reason, in words. */
export function reasonOf(evidence: Evidence, fact: FactId): string {
  return REASONS[evidence.trace.detail(fact)] ?? 'unknown reason';
}
