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
  let appended = false;
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
      offer(9, id, `${evidence.placeOf(id)} was set back to offset ${trace.value(id)} at ${evidence.at(id)}`);
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
        case F.appended:
          if (appended && trace.detail(id) !== 2)
            offer(8, id, `${evidence.placeOf(id)} stored it a second time at ${evidence.at(id)}`);
          appended = true;
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

/** What `fact` recorded as its reason, in words. */
export function reasonOf(evidence: Evidence, fact: FactId): string {
  return REASONS[evidence.trace.detail(fact)] ?? 'unknown reason';
}
