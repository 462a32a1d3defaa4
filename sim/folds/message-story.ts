/**
 * The life of one message: all its facts in order, and its deliveries, each with what came of it. An index over the trace, made when first asked for,
 * finds a message's facts and an actor's mishaps without another pass.
 */
import { F, type FactKind } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { Trace } from '../trace.ts';

/** What ended a delivery; `open` when nothing has yet. */
export type DeliveryEnd =
  | 'acked'
  | 'given back'
  | 'lock expired'
  | 'connection lost'
  | 'dead-lettered'
  | 'crashed'
  | 'failed'
  | 'done'
  | 'open';

/** One handing-over of the message to a consumer, with the times of its sub-steps; null for those that never came. */
export interface DeliveryStory {
  readonly attempt: number;
  readonly place: PlaceId;
  readonly consumer: ActorId;
  /** The fact `delivered`. */
  readonly fact: FactId;
  readonly deliveredUs: Micros;
  receivedUs: Micros | null;
  begunUs: Micros | null;
  appliedUs: Micros | null;
  settledUs: Micros | null;
  end: DeliveryEnd;
  /** The fact that ended it; 0 while it is open. */
  endFact: FactId;
  readonly facts: FactId[];
}

export interface MessageStory {
  readonly message: MessageId;
  /** All facts about it, in order. */
  readonly facts: readonly FactId[];
  readonly deliveries: readonly DeliveryStory[];
  /** The message that somebody worked on when he made this one; 0 for one that came from outside. */
  readonly madeOf: MessageId;
  /** The messages that were made of this one, in order. */
  readonly ledTo: readonly MessageId[];
}

/** The facts of each message and the mishaps of each actor, for one trace as it is now. */
export class TraceIndex {
  readonly count: number;
  readonly #starts: Uint32Array;
  readonly #ids: Uint32Array;
  readonly #mishaps: FactId[] = [];
  /** By message: those made of it. */
  readonly #outputs = new Map<MessageId, MessageId[]>();
  readonly #inputs = new Map<MessageId, MessageId>();

  constructor(trace: Trace) {
    this.count = trace.count;
    const starts = new Uint32Array(trace.messageCount + 2);
    for (let id = 1; id <= trace.count; id++) {
      const message = trace.messageOf(id);
      if (message > 0) starts[message + 1] = (starts[message + 1] ?? 0) + 1;
      const kind = trace.kind(id);
      if (MISHAPS.has(kind)) this.#mishaps.push(id);
      else if (kind === F.produced) this.#made(trace, id);
    }
    for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number);
    const next = starts.slice();
    const ids = new Uint32Array(starts.at(-1) ?? 0);
    for (let id = 1; id <= trace.count; id++) {
      const message = trace.messageOf(id);
      if (message === 0) continue;
      const at = next[message] as number;
      ids[at] = id;
      next[message] = at + 1;
    }
    this.#starts = starts;
    this.#ids = ids;
  }

  /** The facts about a message, in order. */
  factsOf(message: MessageId): readonly FactId[] {
    return Array.from(this.#ids.subarray(this.#starts[message] ?? 0, this.#starts[message + 1] ?? 0));
  }

  /** The message that this one was made of; 0 for none. */
  inputOf(message: MessageId): MessageId {
    return this.#inputs.get(message) ?? 0;
  }

  /** The messages that were made of this one, in order. */
  outputsOf(message: MessageId): readonly MessageId[] {
    return this.#outputs.get(message) ?? [];
  }

  /** What a producer makes may be let out by an answer about another message, and is not made of that. */
  #made(trace: Trace, id: FactId): void {
    if (trace.actors[trace.actor(id)]?.kind !== 'consumer') return;
    const cause = trace.cause(id);
    const input = cause === 0 ? 0 : trace.messageOf(cause);
    const output = trace.messageOf(id);
    if (input === 0 || input === output) return;
    this.#inputs.set(output, input);
    const outputs = this.#outputs.get(input);
    if (outputs === undefined) this.#outputs.set(input, [output]);
    else outputs.push(output);
  }

  /** Crashes, pauses, splits and the like, with facts in (after, before), oldest first. */
  mishaps(after: FactId, before: FactId): FactId[] {
    return this.#mishaps.filter((id) => id > after && id < before);
  }
}

const MISHAPS: ReadonlySet<FactKind> = new Set([
  F.crashed,
  F.restarted,
  F.stopped,
  F.paused,
  F.resumed,
  F.slowed,
  F.skewed,
  F['disk-filled'],
  F['disk-freed'],
  F.split,
  F.healed,
  F['fault-begun'],
  F['fault-ended'],
  F['connection-lost'],
]);

const INDEXES = new WeakMap<Trace, TraceIndex>();

/** The index of a trace; made anew when the trace has grown. */
export function indexOf(trace: Trace): TraceIndex {
  const known = INDEXES.get(trace);
  if (known !== undefined && known.count === trace.count) return known;
  const made = new TraceIndex(trace);
  INDEXES.set(trace, made);
  return made;
}

export function messageStory(trace: Trace, message: MessageId): MessageStory {
  const index = indexOf(trace);
  const facts = index.factsOf(message);
  const deliveries: DeliveryStory[] = [];
  for (const id of facts) {
    if (trace.kind(id) === F.delivered) deliveries.push(newDelivery(trace, id));
    else {
      const delivery = deliveryOf(trace, deliveries, id);
      if (delivery !== undefined) take(trace, delivery, id);
    }
  }
  for (const delivery of deliveries) closeByCrash(trace, index, delivery);
  return { message, facts, deliveries, madeOf: index.inputOf(message), ledTo: index.outputsOf(message) };
}

function newDelivery(trace: Trace, id: FactId): DeliveryStory {
  return {
    attempt: trace.detail(id),
    place: trace.place(id),
    consumer: trace.peer(id),
    fact: id,
    deliveredUs: trace.time(id),
    receivedUs: null,
    begunUs: null,
    appliedUs: null,
    settledUs: null,
    end: 'open',
    endFact: 0,
    facts: [id],
  };
}

const WITH_ATTEMPT: ReadonlySet<FactKind> = new Set([
  F.received,
  F.begun,
  F.settled,
  F.acked,
  F.nacked,
  F['lock-expired'],
]);

/** The delivery that a fact belongs to: that of the consumer it names, at the attempt it names; undefined for facts of the message's other life. */
function deliveryOf(trace: Trace, deliveries: readonly DeliveryStory[], id: FactId): DeliveryStory | undefined {
  const kind = trace.kind(id);
  const actor = trace.actor(id);
  const peer = trace.peer(id);
  const place = trace.place(id);
  const attempt = WITH_ATTEMPT.has(kind) ? trace.detail(id) : 0;
  let second: DeliveryStory | undefined;
  for (let i = deliveries.length - 1; i >= 0; i--) {
    const delivery = deliveries[i] as DeliveryStory;
    if (delivery.consumer !== actor && delivery.consumer !== peer) continue;
    if (attempt === 0 || (delivery.attempt === attempt && delivery.place === place)) return delivery;
    second ??= delivery;
  }
  if (second !== undefined) return second;
  if (kind !== F.requeued && kind !== F['dead-lettered']) return undefined;
  return deliveries.findLast((delivery) => delivery.place === place || kind === F['dead-lettered']);
}

function take(trace: Trace, delivery: DeliveryStory, id: FactId): void {
  const time = trace.time(id);
  delivery.facts.push(id);
  switch (trace.kind(id)) {
    case F.received:
      delivery.receivedUs ??= time;
      return;
    case F.begun:
      delivery.begunUs ??= time;
      return;
    case F.applied:
      delivery.appliedUs ??= time;
      if (delivery.settledUs !== null) end(delivery, 'done', id);
      return;
    case F.settled:
      delivery.settledUs ??= time;
      if (delivery.appliedUs !== null && trace.places[delivery.place]?.kind !== 'queue') end(delivery, 'done', id);
      return;
    case F.acked:
      return end(delivery, 'acked', id);
    case F.nacked:
      return end(delivery, 'given back', id);
    case F['lock-expired']:
      return end(delivery, 'lock expired', id);
    case F.requeued:
      return end(delivery, 'connection lost', id);
    case F['dead-lettered']:
      return end(delivery, 'dead-lettered', id);
    default:
      return;
  }
}

/** The first end counts: a lock that ended stays the end, whatever the broker does with the message then. */
function end(delivery: DeliveryStory, how: DeliveryEnd, fact: FactId): void {
  if (delivery.end !== 'open') return;
  delivery.end = how;
  delivery.endFact = fact;
}

/** A crash names no message: it ends what its consumer had in hand, where nothing else has ended that. */
function closeByCrash(trace: Trace, index: TraceIndex, delivery: DeliveryStory): void {
  if (delivery.end !== 'open') return;
  const crash = index
    .mishaps(delivery.fact, trace.count + 1)
    .find((id) => trace.kind(id) === F.crashed && trace.actor(id) === delivery.consumer);
  if (crash !== undefined) end(delivery, 'crashed', crash);
  else if (delivery.facts.some((id) => trace.kind(id) === F.failed)) {
    end(delivery, 'failed', delivery.facts.findLast((id) => trace.kind(id) === F.failed) ?? 0);
  }
}
