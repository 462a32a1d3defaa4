/**
 * The replicated state of one queue or stream: what every member of its Raft group makes of the same commands in the same order. It sends nothing and
 * records nothing: what a command leads to is told to an `Effects`, to which only the leader listens. Commands of a channel are numbered, so
 * that one which is sent again, because nobody knew whether it had arrived, takes effect once.
 * A queue ends here too: asked to, with its last consumer, or unused for too long. Its replicas do nothing more then, and the cluster forgets it.
 * Source: rules R14, R18, R30–R36, R39–R45, R47, R59–R67.
 */
import type { AmqpMessage } from '../parts/amqp-message.ts';
import type { Taker } from '../parts/competing-consumers.ts';
import type { HeaderValue } from '../parts/headers-match.ts';
import { DELAYED, RabbitQueue, type Return, SPENT } from '../parts/rabbit-queue.ts';
import type { MemberNumber } from '../parts/raft-member.ts';
import { NEVER, type QueuedMessage } from '../parts/ready-list.ts';
import { streamOffset } from '../parts/stream-log.ts';
import type { DeathReason } from '../parts/x-death.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../types.ts';
import type { QueueSpec } from './rabbitmq-options.ts';
import { Stream } from './rabbitmq-queue.ts';

/** A channel's dealings with one queue, as `sessionNumber` makes it. */
export type SessionNumber = number;

/** Where a message comes from that no client publishes. */
export interface Move {
  /** `returned`: it was to be redriven, found no place, and goes back to the queue that it had left. */
  readonly how: 'dead-lettered' | 'redriven' | 'returned';
  readonly deliveries: number;
  /** A code of R; 0 for a redrive. */
  readonly reason: number;
  readonly because: FactId;
  /** The queue that it leaves, and to how many it goes. */
  readonly place: PlaceId;
  readonly copies: number;
  /** Its source keeps it until this arrived (R55). */
  readonly burial: boolean;
  /** Group and position of the source; the trace needs it to tell a repetition from the first time. */
  readonly source: string;
  /** Of a redrive: the fact that made it ready in its source. */
  readonly readyFact?: FactId;
}

/** How a delivery was settled; `timeout` by the node, for want of an ack. */
export type Settled = 'ack' | 'discard' | 'nack' | 'reject' | 'timeout';

export interface Ordered {
  readonly session: SessionNumber;
  /** From 1, without gaps within a session. */
  readonly number: number;
  /** The fact that led to it, where its channel is. */
  readonly because: FactId;
}

/** What a channel asks of a queue. */
export type SessionCommand = Ordered &
  (
    | {
        readonly type: 'enqueue';
        readonly message: AmqpMessage;
        readonly move?: Move;
      }
    | {
        readonly type: 'attach';
        /** Unique within the session. */
        readonly consumer: number;
        readonly client: ActorId;
        readonly prefetch: number;
        readonly noAck: boolean;
        readonly priority: number;
        readonly exclusive: boolean;
        readonly offset: HeaderValue | undefined;
      }
    | { readonly type: 'detach'; readonly consumer: number }
    | { readonly type: 'settle'; readonly deliveries: readonly number[]; readonly how: Settled }
    | { readonly type: 'get'; readonly client: ActorId; readonly noAck: boolean }
    | { readonly type: 'purge' }
    /** It was declared again, and so is in use (R42). */
    | { readonly type: 'renew' }
    | { readonly type: 'delete'; readonly ifUnused: boolean; readonly ifEmpty: boolean }
    /** The channel is gone: its consumers go and what they hold returns. */
    | { readonly type: 'end' }
  );

export type Command = { readonly atUs: Micros } & (
  | SessionCommand
  /** Time passed: something expires or a delayed retry is over. Or the limits were changed. */
  | { readonly type: 'tick' }
  /** All sessions of a node's processes before this incarnation are gone. */
  | { readonly type: 'node-gone'; readonly node: MemberNumber; readonly incarnation: number }
  /** A node has not been heard of for long: what its consumers hold returns, and they get nothing until it is back (R65). */
  | { readonly type: 'node-away' | 'node-back'; readonly node: MemberNumber }
  /** The dead-letter targets have what died at this position. */
  | { readonly type: 'buried'; readonly position: number }
  /** Takes up to so many from the head, to be moved elsewhere. */
  | { readonly type: 'redrive'; readonly messages: number; readonly to: string | undefined }
  /** A purge that no client asked for. */
  | { readonly type: 'emptied' }
);

/** How a consumer went; `deleted`: its queue did. */
export type Leaving = 'detach' | 'end' | 'away' | 'deleted';

export class ReplicaConsumer implements Taker {
  readonly session: SessionNumber;
  readonly consumer: number;
  readonly client: ActorId;
  readonly prefetch: number;
  readonly noAck: boolean;
  readonly priority: number;
  readonly exclusive: boolean;
  held = 0;
  /** Deliveries to it so far. */
  delivered = 0;
  /** Of a stream: the next offset. */
  offset = 0;

  constructor(command: Extract<SessionCommand, { type: 'attach' }>) {
    this.session = command.session;
    this.consumer = command.consumer;
    this.client = command.client;
    this.prefetch = command.prefetch;
    this.noAck = command.noAck;
    this.priority = command.priority;
    this.exclusive = command.exclusive;
  }

  canTake(further = 0): boolean {
    return this.noAck || this.prefetch === 0 || this.held + further < this.prefetch;
  }

  outstanding(): number {
    return this.held;
  }
}

/** A delivery that is not settled. */
export interface Held {
  /** Unique in this queue. */
  readonly delivery: number;
  /** Which one it is to its consumer, from 1; 0 for what basic.get fetched. */
  readonly nth: number;
  readonly entry: QueuedMessage;
  readonly session: SessionNumber;
  readonly consumer: ReplicaConsumer | undefined;
  readonly client: ActorId;
  readonly noAck: boolean;
  /** Deliveries before this one. */
  readonly before: number;
  /** Of a stream. */
  readonly offset: number | undefined;
}

/** How a queue ended. */
export interface Ending {
  /** The session that asked for it; 0: nobody did. */
  readonly by: SessionNumber;
  /** How many ready messages went with it. */
  readonly messages: number;
}

/** What of its definition a replica goes by. */
export interface Defined {
  readonly durable: boolean;
  readonly autoDelete: boolean;
}

/** What a command leads to, in order. */
export interface Effects {
  appended(entry: QueuedMessage, offset: number | undefined): void;
  refused(message: AmqpMessage): void;
  delivered(held: Held): void;
  acked(held: Held): void;
  nacked(held: Held): void;
  requeued(entry: QueuedMessage, position: number, how: Return | 'delay'): void;
  /** Gone, to its dead-letter targets if it has any. */
  left(entry: QueuedMessage, reason: DeathReason, asked: boolean): void;
  /** Dead, and kept until its targets have it (R55). */
  dying(entry: QueuedMessage, asked: boolean): void;
  purged(entry: QueuedMessage): void;
  redriven(entry: QueuedMessage, to: string | undefined): void;
  startMoved(start: number): void;
  subscribed(consumer: ReplicaConsumer): void;
  cancelled(consumer: ReplicaConsumer, how: Leaving): void;
  /** The queue is gone; the cluster is to forget it. */
  ended(): void;
  /** The command has taken effect, now or before. `count`: messages purged, or ready after a get. */
  applied(command: SessionCommand, ok: boolean, count: number): void;
}

const INCARNATIONS = 0x10000;
const SESSIONS = 0x100000;

/** A session's number tells the node where its channel is, the incarnation of that process, and the session there. */
export function sessionNumber(node: MemberNumber, incarnation: number, session: number): SessionNumber {
  return (node * INCARNATIONS + incarnation) * SESSIONS + session;
}

export function nodeOf(session: SessionNumber): MemberNumber {
  return Math.floor(session / (INCARNATIONS * SESSIONS));
}

export function incarnationOf(session: SessionNumber): number {
  return Math.floor(session / SESSIONS) % INCARNATIONS;
}

export class Replica {
  spec: QueueSpec;
  readonly contents: RabbitQueue<ReplicaConsumer>;
  readonly stream: Stream | undefined;
  readonly held = new Map<number, Held>();
  /** By session: the number of the last command that took effect. */
  readonly sessions = new Map<SessionNumber, number>();
  /** By session: numbers of the publishes and consumers that were refused. */
  readonly #refusals = new Map<SessionNumber, Set<number>>();
  readonly #defined: Defined;
  /** Set when the queue has ended. */
  ending: Ending | undefined;
  /** Consumers of nodes that are away. */
  #away: ReplicaConsumer[] = [];
  #lastDelivery = 0;
  /** When it was declared, fetched from or left by its last consumer (R42). */
  #lastUsedUs: Micros;
  /** A consumer went: where it was the last one, an auto-delete queue follows (R14). */
  #left = false;

  constructor(spec: QueueSpec, defined: Defined, sinceUs: Micros) {
    this.spec = spec;
    this.#lastUsedUs = sinceUs;
    this.contents = new RabbitQueue(spec.rules);
    this.stream = spec.stream && new Stream(spec.stream);
    this.#defined = defined;
  }

  /** Limits and the like are changed from outside, at all members at once: a policy. */
  change(spec: QueueSpec, atUs: Micros): void {
    if (spec.expiresUs !== this.spec.expiresUs) this.#lastUsedUs = atUs;
    this.spec = spec;
    this.contents.rules = spec.rules;
    if (this.stream !== undefined && spec.stream !== undefined) this.stream.log.rules = spec.stream;
  }

  get depth(): number {
    return this.stream?.log.kept ?? this.contents.ready.length;
  }

  /** When a `tick` is due, if nothing else happens before; `NEVER` for not at all. */
  nextTickUs(): Micros {
    let at = this.contents.ready.nextExpiryUs();
    for (const backUs of this.contents.delayed.values()) at = Math.min(at, backUs);
    return Math.min(at, this.#unusedAtUs());
  }

  /** When the queue will have been unused for too long; `NEVER` while it has consumers. */
  #unusedAtUs(): Micros {
    const { expiresUs } = this.spec;
    return expiresUs === undefined || this.contents.consumers.size > 0 ? NEVER : this.#lastUsedUs + expiresUs;
  }

  /** The only member's process is up again: whoever used the queue has time to come back. */
  wake(atUs: Micros): void {
    this.#lastUsedUs = atUs;
  }

  apply(command: Command, effects: Effects): void {
    // Who asked is answered when the cluster forgets the queue.
    if (this.ending !== undefined) return;
    const { atUs } = command;
    if ('session' in command) {
      const last = this.sessions.get(command.session) ?? 0;
      // Sent again, or the end of a session that has ended: the answer was lost.
      if (command.number <= last || (last === 0 && command.type === 'end')) return this.answer(command, effects);
      // What came before it is still under way, and it will come again after that.
      if (command.number !== last + 1) return;
      this.sessions.set(command.session, command.number);
    }
    this.#comeBack(atUs, effects);
    this.#command(command, atUs, effects);
    if (this.#isAbandoned(atUs)) this.#end(0, effects);
    if (this.ending !== undefined) return;
    this.#settleQueue(atUs, effects);
    this.contents.watchLimit();
  }

  /** Answers a command that took effect before. */
  answer(command: SessionCommand, effects: Effects): void {
    effects.applied(command, this.#refusals.get(command.session)?.has(command.number) !== true, 0);
  }

  /** The only member's process died: what was out returns, and what lay in memory only is gone (R11). Gives that. Channels of other nodes go on. */
  crash(atUs: Micros, effects: Effects): readonly QueuedMessage[] {
    for (const held of [...this.held.values()]) {
      const { delivery, consumer } = held;
      this.held.delete(delivery);
      if (consumer !== undefined) {
        consumer.held -= 1;
        this.contents.consumers.settled(consumer);
      }
      this.#giveBack(held.entry, 'lost', atUs, effects);
    }
    return this.contents.loseUnstored();
  }

  #command(command: Command, atUs: Micros, effects: Effects): void {
    switch (command.type) {
      case 'enqueue':
        return effects.applied(command, this.#enqueue(command, atUs, effects), 0);
      case 'attach':
        return effects.applied(command, this.#attach(command, atUs, effects), 0);
      case 'detach':
        for (const consumer of [...this.contents.consumers.all(), ...this.#away]) {
          if (consumer.session === command.session && consumer.consumer === command.consumer)
            this.#remove(consumer, 'detach', effects);
        }
        return effects.applied(command, true, 0);
      case 'settle':
        for (const delivery of command.deliveries) {
          const held = this.held.get(delivery);
          // What had returned by then is no longer this channel's to settle.
          if (held !== undefined && held.session === command.session) this.#settle(held, command.how, atUs, effects);
        }
        return effects.applied(command, true, 0);
      case 'get': {
        this.#lastUsedUs = atUs;
        this.#expire(atUs, effects);
        const entry = this.contents.ready.take();
        if (entry !== undefined) this.#handOver(entry, undefined, command, effects);
        return effects.applied(command, entry !== undefined, this.contents.ready.length);
      }
      case 'purge':
        return effects.applied(command, true, this.#empty(effects));
      case 'renew':
        this.#lastUsedUs = atUs;
        return effects.applied(command, true, 0);
      case 'delete':
        if ((command.ifUnused && this.contents.consumers.size > 0) || (command.ifEmpty && this.depth > 0)) {
          this.#refuse(command.session, command.number);
          return effects.applied(command, false, 0);
        }
        return this.#end(command.session, effects);
      case 'emptied':
        this.#empty(effects);
        return;
      case 'end':
        this.#endSession(command.session, atUs, effects);
        return effects.applied(command, true, 0);
      case 'tick':
        // The limits of a stream were changed.
        if (this.stream?.log.retain(atUs) === true) this.#startMoved(this.stream, effects);
        return;
      case 'node-gone':
        for (const session of [...this.sessions.keys()]) {
          if (nodeOf(session) === command.node && incarnationOf(session) < command.incarnation)
            this.#endSession(session, atUs, effects);
        }
        return;
      case 'node-away':
        return this.#setAway(command.node, atUs, effects);
      case 'node-back': {
        const back = this.#away.filter(({ session }) => nodeOf(session) === command.node);
        this.#away = this.#away.filter((consumer) => !back.includes(consumer));
        for (const consumer of back) {
          // Another has the queue to itself by now.
          if (this.#isTaken(consumer)) continue;
          this.contents.consumers.add(consumer);
          effects.subscribed(consumer);
        }
        return;
      }
      case 'buried':
        for (const entry of this.contents.dying.keys())
          if (entry.position === command.position) this.contents.buried(entry);
        return;
      case 'redrive':
        for (let left = command.messages; left > 0; left -= 1) {
          const entry = this.contents.ready.take();
          if (entry === undefined) return;
          effects.redriven(entry, command.to);
        }
        return;
      default:
        return command satisfies never;
    }
  }

  /** The last consumer of an auto-delete queue went, or nobody used the queue for its x-expires (R14, R42). */
  #isAbandoned(atUs: Micros): boolean {
    if (this.ending !== undefined || this.contents.consumers.size > 0) return false;
    if (this.#left) this.#lastUsedUs = atUs;
    const abandoned = this.#left && this.#defined.autoDelete;
    this.#left = false;
    return abandoned || this.#unusedAtUs() <= atUs;
  }

  /** The queue ends: its messages go, unacked ones too, without being dead-lettered, and its consumers are cancelled. */
  #end(by: SessionNumber, effects: Effects): void {
    const { contents, stream, held } = this;
    const messages = this.depth;
    this.#empty(effects);
    for (const entry of contents.delayed.keys()) effects.purged(entry);
    contents.delayed.clear();
    if (stream === undefined) for (const { entry } of held.values()) effects.purged(entry);
    else effects.startMoved(stream.log.end);
    held.clear();
    for (const consumer of [...contents.consumers.all()]) this.#remove(consumer, 'deleted', effects);
    this.#away = [];
    this.ending = { by, messages };
    effects.ended();
  }

  /** Drops what is ready, and what has died and waits for its targets (R55); how many that were. */
  #empty(effects: Effects): number {
    const { contents } = this;
    const entries = [...contents.ready.entries(), ...contents.dying.keys()];
    contents.ready.clear();
    contents.buryAll();
    for (const entry of entries) effects.purged(entry);
    return entries.length;
  }

  #enqueue(
    { message, session, number, move }: Extract<SessionCommand, { type: 'enqueue' }>,
    atUs: Micros,
    effects: Effects,
  ): boolean {
    const { contents, stream } = this;
    if (stream !== undefined) {
      const offset = stream.log.append(message, atUs);
      stream.log.closeChunk(atUs);
      const entry = streamEntry(message, offset, 1);
      effects.appended(entry, offset);
      stream.appendFacts[offset - stream.factBase] = entry.readyFact;
      if (stream.log.retainIfBegun(atUs)) this.#startMoved(stream, effects);
      return true;
    }
    // What returns is taken over the limit (R36).
    if (move?.how !== 'returned' && contents.refuses(message.body.sizeBytes)) {
      this.#refuse(session, number);
      effects.refused(message);
      return false;
    }
    const entry = contents.admit(message, atUs);
    entry.stored = contents.rules.type === 'quorum' || (this.#defined.durable && message.persistent);
    effects.appended(entry, undefined);
    // With a TTL of 0 only a consumer that can take it at once gets it (R41).
    const consumer = contents.ready.length === 0 ? contents.consumers.next() : undefined;
    if (consumer !== undefined) this.#handOver(entry, consumer, consumer, effects);
    else contents.ready.add(entry);
    return true;
  }

  #startMoved(stream: Stream, effects: Effects): void {
    stream.forgetBelow(stream.log.start);
    effects.startMoved(stream.log.start);
  }

  #refuse(session: SessionNumber, number: number): void {
    const refusals = this.#refusals.get(session);
    if (refusals === undefined) this.#refusals.set(session, new Set([number]));
    else refusals.add(number);
  }

  /** Whether somebody has the queue to himself, or would have it beside others (R30). Whose node is away has it no more. */
  #isTaken({ exclusive }: ReplicaConsumer): boolean {
    const others = this.contents.consumers.all();
    return others.some((other) => other.exclusive) || (exclusive && others.length > 0);
  }

  /** False where the queue is taken. */
  #attach(command: Extract<SessionCommand, { type: 'attach' }>, atUs: Micros, effects: Effects): boolean {
    const consumer = new ReplicaConsumer(command);
    if (this.#isTaken(consumer)) {
      this.#refuse(command.session, command.number);
      return false;
    }
    if (this.stream !== undefined) {
      const wish = streamOffset(command.offset, atUs);
      consumer.offset = this.stream.log.resolve(typeof wish === 'string' ? { type: 'next' } : wish);
    }
    this.contents.consumers.add(consumer);
    effects.subscribed(consumer);
    return true;
  }

  #remove(consumer: ReplicaConsumer, how: Leaving, effects: Effects): void {
    this.contents.consumers.remove(consumer);
    this.#left = true;
    this.#away = this.#away.filter((other) => other !== consumer);
    effects.cancelled(consumer, how);
  }

  #settle(held: Held, how: Settled, atUs: Micros, effects: Effects): void {
    const { entry, consumer } = held;
    this.held.delete(held.delivery);
    if (consumer !== undefined) consumer.held -= 1;
    if (this.stream !== undefined) this.contents.unacked -= 1;
    else if (how === 'ack') {
      this.contents.unacked -= 1;
      effects.acked(held);
    } else if (how === 'discard') {
      this.contents.unacked -= 1;
      this.#leave(entry, 'rejected', true, effects);
    } else {
      if (how !== 'timeout') effects.nacked(held);
      this.#giveBack(entry, how, atUs, effects);
    }
    if (consumer !== undefined) this.contents.consumers.settled(consumer);
  }

  #giveBack(entry: QueuedMessage, how: Return, atUs: Micros, effects: Effects): void {
    if (this.stream !== undefined) {
      this.contents.unacked -= 1;
      return;
    }
    const position = this.contents.giveBack(entry, how, atUs);
    if (position === SPENT) this.#leave(entry, 'delivery_limit', false, effects);
    else if (position !== DELAYED) effects.requeued(entry, position, how);
  }

  /** First nobody consumes there any more, then the deliveries return, in their order (R35). */
  #endSession(session: SessionNumber, atUs: Micros, effects: Effects): void {
    this.sessions.delete(session);
    this.#refusals.delete(session);
    for (const consumer of [...this.contents.consumers.all(), ...this.#away])
      if (consumer.session === session) this.#remove(consumer, 'end', effects);
    for (const held of [...this.held.values()]) {
      if (held.session !== session) continue;
      this.held.delete(held.delivery);
      this.#giveBack(held.entry, 'lost', atUs, effects);
    }
  }

  #setAway(node: MemberNumber, atUs: Micros, effects: Effects): void {
    for (const consumer of [...this.contents.consumers.all()]) {
      if (nodeOf(consumer.session) !== node) continue;
      this.#remove(consumer, 'away', effects);
      this.#away.push(consumer);
    }
    for (const held of [...this.held.values()]) {
      if (nodeOf(held.session) !== node) continue;
      this.held.delete(held.delivery);
      if (held.consumer !== undefined) held.consumer.held -= 1;
      this.#giveBack(held.entry, 'timeout', atUs, effects);
    }
  }

  #comeBack(atUs: Micros, effects: Effects): void {
    for (const [entry, backUs] of this.contents.delayed) {
      if (backUs > atUs) continue;
      const position = this.contents.comeBack(entry);
      if (position !== DELAYED) effects.requeued(entry, position, 'delay');
    }
  }

  #leave(entry: QueuedMessage, reason: DeathReason, asked: boolean, effects: Effects): void {
    if (this.spec.deadLetterStrategy !== 'at-least-once') return effects.left(entry, reason, asked);
    this.contents.dies(entry, reason);
    effects.dying(entry, asked);
  }

  #expire(atUs: Micros, effects: Effects): void {
    const { ready } = this.contents;
    for (let entry = ready.takeExpired(atUs); entry !== undefined; entry = ready.takeExpired(atUs))
      this.#leave(entry, 'expired', false, effects);
  }

  #settleQueue(atUs: Micros, effects: Effects): void {
    const { contents, stream } = this;
    if (stream !== undefined) return this.#push(stream, effects);
    // A classic queue drops first; a quorum queue what is still too much when everybody has what he has room for (R43, R45).
    if (contents.rules.type === 'classic') this.#dropOverflow(effects);
    this.#dispatch(atUs, effects);
    if (contents.rules.type === 'quorum') this.#dropOverflow(effects);
  }

  #dropOverflow(effects: Effects): void {
    const { contents } = this;
    for (let entry = contents.takeOverflow(); entry !== undefined; entry = contents.takeOverflow())
      this.#leave(entry, 'maxlen', false, effects);
  }

  #dispatch(atUs: Micros, effects: Effects): void {
    const { contents } = this;
    for (;;) {
      this.#expire(atUs, effects);
      if (contents.ready.length === 0) return;
      const consumer = contents.consumers.next();
      if (consumer === undefined) return;
      const entry = contents.ready.take();
      if (entry === undefined) throw new Error('a ready list that is not empty has a head');
      this.#handOver(entry, consumer, consumer, effects);
    }
  }

  #push(stream: Stream, effects: Effects): void {
    for (const consumer of this.contents.consumers.all()) {
      if (consumer.offset < stream.log.start) consumer.offset = stream.log.start;
      while (consumer.offset < stream.log.readable && consumer.canTake()) {
        const message = stream.log.at(consumer.offset);
        if (message === undefined) throw new Error('invariant: what is readable is there');
        const entry = streamEntry(message, consumer.offset, stream.attempt(consumer.client, message.body.id));
        entry.readyFact = stream.appendFacts[consumer.offset - stream.factBase] ?? 0;
        consumer.offset += 1;
        this.#handOver(entry, consumer, consumer, effects);
      }
    }
  }

  #handOver(
    entry: QueuedMessage,
    consumer: ReplicaConsumer | undefined,
    to: { readonly session: SessionNumber; readonly client: ActorId; readonly noAck: boolean },
    effects: Effects,
  ): void {
    this.#lastDelivery += 1;
    const before = entry.deliveries;
    entry.deliveries += 1;
    if (consumer !== undefined) consumer.delivered += 1;
    const { session, client, noAck } = to;
    const held: Held = {
      delivery: this.#lastDelivery,
      nth: consumer?.delivered ?? 0,
      entry,
      session,
      consumer,
      client,
      noAck,
      before,
      offset: this.stream && entry.position,
    };
    if (!noAck) {
      this.held.set(held.delivery, held);
      this.contents.unacked += 1;
      if (consumer !== undefined) consumer.held += 1;
    }
    effects.delivered(held);
  }
}

/** The messages of a command that travels between nodes. */
export function messagesOf(command: Command | SessionCommand): MessageId {
  return command.type === 'enqueue' ? command.message.body.id : 0;
}

function streamEntry(message: AmqpMessage, offset: number, attempt: number): QueuedMessage {
  return {
    message,
    position: offset,
    expiresAtUs: NEVER,
    deliveries: attempt - 1,
    failures: 0,
    stored: true,
    readyFact: 0,
  };
}
