/**
 * A Pulsar consumer that writes on within transactions: what it published and the ack of what it had made that of count together or not at all, and of each
 * input once (P66, P67). Which output belongs to which input is told by the cause of its making; that its transaction was committed or aborted, by what
 * became of it in its topic.
 */
import { F, R } from '../../core/facts.ts';
import { textOf } from '../../core/options.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import { type Evidence, witness } from './evidence.ts';
import type { Apart } from './forwarding.ts';

/** An input with one group of consumers. */
interface Input {
  readonly message: MessageId;
  /** Where the group is handed it. */
  readonly place: PlaceId;
  /** The first output that became visible, and the first of another one. */
  shown: FactId;
  shownAgain: FactId;
  output: MessageId;
  /** An output that an abort took away. */
  gone: FactId;
}

/** How long after the decision every topic may take to hear of it, when the run ends. */
const GRACE_US: Micros = 10_000_000;

/** Whether a scenario's consumer acks in transactions of its own. */
export function forwardsOnPulsar({ scenario, trace }: Evidence, actor: ActorId): boolean {
  const { kind, group } = trace.actors[actor] ?? {};
  const declared = kind === 'consumer' ? scenario.consumers[group ?? ''] : undefined;
  return (
    declared !== undefined &&
    scenario.brokers[declared.broker]?.kind === 'pulsar' &&
    declared.settle === 'after-processing' &&
    textOf(declared.options, 'forward.to') !== ''
  );
}

export function acksApart(evidence: Evidence): Apart | null {
  const { trace } = evidence;
  const forwards = trace.actors.map((_, actor) => forwardsOnPulsar(evidence, actor));
  if (!forwards.includes(true)) return null;
  const places = trace.places.length;
  const inputs = new Map<string, Input>();
  const madeOf = new Map<MessageId, Input>();
  /** By message and place: how often it was stored there, and with which fact it left; 0 while it is there. */
  const copies = new Map<number, number>();
  const left = new Map<number, FactId>();
  /** What a seek, or whoever asks for it, brought back: it may be done again. */
  const brought = new Set<number>();
  /** What has a dead letter: an original that came back is acked for that, whatever became of what was made of it meanwhile. */
  const buried = new Set<MessageId>();
  const groupOf = (actor: ActorId): string => trace.actors[actor]?.group ?? '';
  for (let id: FactId = 1; id <= trace.count; id++) {
    const message = trace.messageOf(id);
    const at = message * places + trace.place(id);
    switch (trace.kind(id)) {
      case F.appended:
        if (trace.kind(trace.cause(id) || id) !== F.restored) copies.set(at, (copies.get(at) ?? 0) + 1);
        break;
      case F.delivered: {
        if (forwards[trace.peer(id)] !== true) break;
        const key = `${message} ${groupOf(trace.peer(id))}`;
        if (!inputs.has(key))
          inputs.set(key, { message, place: trace.place(id), shown: 0, shownAgain: 0, output: 0, gone: 0 });
        break;
      }
      case F.produced: {
        if (forwards[trace.actor(id)] !== true) break;
        const input = inputs.get(`${trace.messageOf(trace.cause(id))} ${groupOf(trace.actor(id))}`);
        if (input !== undefined) madeOf.set(message, input);
        break;
      }
      case F['became-visible']: {
        const input = madeOf.get(message);
        if (input === undefined) break;
        if (input.shown === 0) {
          input.shown = id;
          input.output = message;
        } else if (input.output !== message && input.shownAgain === 0) input.shownAgain = id;
        break;
      }
      case F.restored:
        left.set(at, 0);
        if (trace.detail(id) === R.none) brought.add(at);
        break;
      case F.evicted: {
        const input = trace.detail(id) === R['transaction aborted'] ? madeOf.get(message) : undefined;
        if (input !== undefined) input.gone = id;
        left.set(at, id);
        break;
      }
      case F['dead-lettered']:
        buried.add(message);
        left.set(at, id);
        break;
      case F.acked:
      case F.expired:
        left.set(at, id);
        break;
    }
  }
  const isOver = (id: FactId): boolean => evidence.isOver(id, GRACE_US);
  for (const { message, place, shown, shownAgain, gone } of inputs.values()) {
    const at = message * places + place;
    if (brought.has(at) || (copies.get(at) ?? 0) > 1) continue;
    if (shownAgain > 0) return { lacks: 'once', witness: witness(shown, shownAgain) };
    const ended = left.get(at) ?? 0;
    if (shown > 0 && ended === 0 && !buried.has(message) && isOver(shown))
      return { lacks: 'ack', witness: witness(shown) };
    const acked =
      ended > 0 && trace.kind(ended) === F.acked && forwards[trace.peer(ended)] === true && !buried.has(message);
    if (acked && shown === 0 && gone > 0 && isOver(ended)) return { lacks: 'made', witness: witness(gone, ended) };
  }
  return null;
}
