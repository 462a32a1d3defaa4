/**
 * Amazon SQS, Standard and FIFO: one managed service (a single node that does not lose what it has confirmed) with queues that hold messages until
 * they are deleted. A receive locks a message for its visibility timeout; nothing else comes between two consumers. What is in a queue is kept by
 * `SqsQueue`; this file speaks the API's verbs, records the facts, and sets the timers.
 * Rules: shared rule numbers S1–S34, from the SQS Developer Guide and API Reference.
 */
import { SqsConsumerPort } from '../clients/sqs-consumer-port.ts';
import { SqsProducerPort } from '../clients/sqs-producer-port.ts';
import { F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionTable, type OptionValues, tableOf, textOf } from '../options.ts';
import { DedupWindow } from '../parts/dedup-window.ts';
import type { ActorId, FactId, Message, Micros, PlaceId } from '../types.ts';
import type { BrokerKind } from './kind.ts';
import { type Entry, SqsQueue } from './sqs-queue.ts';

const SECOND = 1_000_000;
/** A message stays invisible at most this long after a receive (S4). */
const LONGEST_INVISIBLE_US = 43_200 * SECOND;
/** An id is recognised for five minutes (S29). */
const DEDUP_US = 300 * SECOND;
/** At most so many messages of a queue in flight (S20, FIFO since late 2024). */
const IN_FLIGHT_MAX = 120_000;

export interface SendMessage extends Wire {
  readonly type: 'SendMessage';
  readonly queue: string;
  readonly message: Message;
  readonly token: number;
  /** Message timer; −1 for the queue's delay. */
  readonly delayUs: Micros;
  readonly group: string;
  /** '' when only the content tells. */
  readonly dedupId: string;
  readonly sizeBytes: number;
}

export interface SendMessageResult extends Wire {
  readonly type: 'SendMessageResult';
  readonly token: number;
  /** '' when it was accepted. */
  readonly error: string;
  readonly messageId: string;
}

export interface ReceiveMessage extends Wire {
  readonly type: 'ReceiveMessage';
  readonly queue: string;
  readonly token: number;
  readonly max: number;
  readonly waitUs: Micros;
  /** Visibility timeout of this receive alone; −1 for the queue's. */
  readonly visibilityUs: Micros;
}

export interface ReceivedMessage {
  readonly message: Message;
  readonly receipt: number;
  readonly attempt: number;
  readonly lockedUntilUs: Micros;
}

export interface ReceiveMessageResult extends Wire {
  readonly type: 'ReceiveMessageResult';
  readonly queue: string;
  readonly place: PlaceId;
  readonly token: number;
  readonly error: string;
  readonly messages: readonly ReceivedMessage[];
  readonly sizeBytes: number;
}

export interface DeleteMessage extends Wire {
  readonly type: 'DeleteMessage';
  readonly queue: string;
  readonly token: number;
  readonly message: Message;
  readonly receipt: number;
  readonly attempt: number;
}

export interface ChangeMessageVisibility extends Wire {
  readonly type: 'ChangeMessageVisibility';
  readonly queue: string;
  readonly token: number;
  readonly message: Message;
  readonly receipt: number;
  readonly timeoutUs: Micros;
}

/** Answer to DeleteMessage and ChangeMessageVisibility. */
export interface SettleResult extends Wire {
  readonly type: 'SettleResult';
  readonly token: number;
  readonly error: string;
}

type SqsRequest = SendMessage | ReceiveMessage | DeleteMessage | ChangeMessageVisibility;

interface QueueTimer extends Wire {
  readonly type: 'visible' | 'retention';
  readonly queue: string;
}

interface PollOver extends Wire {
  readonly type: 'poll-over';
  readonly queue: string;
  readonly poll: Poll;
}

interface MoveTimer extends Wire {
  readonly type: 'move';
  readonly queue: string;
  readonly to: string;
  readonly perSecond: number;
  readonly left: number;
}

/** A long poll that waits for messages (S14). */
interface Poll {
  readonly from: ActorId;
  readonly request: ReceiveMessage;
  readonly timer: number;
  over: boolean;
}

/** A queue with its settings and the long polls that wait at it. */
interface Live {
  readonly name: string;
  readonly place: PlaceId;
  readonly queue: SqsQueue;
  visibilityUs: Micros;
  readonly delayUs: Micros;
  readonly retentionUs: Micros;
  readonly waitUs: Micros;
  readonly deadLetter: string;
  readonly maxReceiveCount: number;
  readonly contentDedup: boolean;
  readonly dedupPerGroup: boolean;
  readonly dedup: DedupWindow<string> | null;
  polls: Poll[];
  /** When the timer for the next deadline will fire; Infinity when none is set. */
  visibleAtUs: Micros;
  retentionAtUs: Micros;
}

export class Sqs implements Machine {
  readonly #queues = new Map<string, Live>();
  #messageIds = 0;

  constructor(queues: readonly { readonly name: string; readonly options: OptionValues }[], setup: Setup) {
    for (const { name, options } of queues) {
      const fifo = booleanOf(options, 'FifoQueue') || name.endsWith('.fifo');
      const redrive = tableOf(options, 'RedrivePolicy');
      const place = setup.place(name, 'queue');
      this.#queues.set(name, {
        name,
        place,
        queue: new SqsQueue(place, fifo),
        visibilityUs: numberOf(options, 'VisibilityTimeout', 30 * SECOND),
        delayUs: numberOf(options, 'DelaySeconds'),
        retentionUs: numberOf(options, 'MessageRetentionPeriod', 345_600 * SECOND),
        waitUs: numberOf(options, 'ReceiveMessageWaitTimeSeconds'),
        deadLetter: redrive === undefined ? '' : textOf(redrive, 'deadLetterTargetArn'),
        maxReceiveCount: redrive === undefined ? 0 : numberOf(redrive, 'maxReceiveCount', 10),
        contentDedup: booleanOf(options, 'ContentBasedDeduplication'),
        dedupPerGroup: textOf(options, 'DeduplicationScope') === 'messageGroup',
        dedup: fifo ? new DedupWindow(DEDUP_US) : null,
        polls: [],
        visibleAtUs: Number.POSITIVE_INFINITY,
        retentionAtUs: Number.POSITIVE_INFINITY,
      });
    }
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as SqsRequest;
    switch (request.type) {
      case 'SendMessage':
        return this.#send(from, request, out);
      case 'ReceiveMessage':
        return this.#receive(from, request, out);
      case 'DeleteMessage':
        return this.#delete(from, request, out);
      case 'ChangeMessageVisibility':
        return this.#changeVisibility(from, request, out);
      default:
        return request satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as QueueTimer | PollOver | MoveTimer;
    const live = this.#queues.get(timer.queue);
    if (live === undefined) return;
    switch (timer.type) {
      case 'visible':
        return this.#becomeVisible(live, out);
      case 'retention':
        return this.#retain(live, out);
      case 'poll-over':
        if (timer.poll.over) return;
        timer.poll.over = true;
        live.polls = live.polls.filter((poll) => poll !== timer.poll);
        return this.#answer(live, timer.poll.from, timer.poll.request, [], '', out);
      case 'move':
        return this.#move(live, timer.to, timer.perSecond, timer.left, out);
      default:
        return timer satisfies never;
    }
  }

  /** The service is down for a while; it keeps its messages and locks, but waiting polls are cut. */
  crash(): void {
    for (const live of this.#queues.values()) {
      live.polls = [];
      live.visibleAtUs = Number.POSITIVE_INFINITY;
      live.retentionAtUs = Number.POSITIVE_INFINITY;
    }
  }

  restart(out: Out): void {
    for (const live of this.#queues.values()) {
      this.#becomeVisible(live, out);
      this.#retain(live, out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'redrive') {
      const live = this.#queues.get(command.queue);
      if (live !== undefined) this.#move(live, command.to ?? '', command.perSecond ?? 0, live.queue.visible, out);
    } else if (command.type === 'set' && command.path[0] === 'queues' && command.path[2] === 'VisibilityTimeout') {
      const live = this.#queues.get(command.path[1] ?? '');
      if (live !== undefined && typeof command.value === 'number') live.visibilityUs = command.value;
    }
  }

  #send(from: ActorId, request: SendMessage, out: Out): void {
    const { message, token, group } = request;
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#refuseSend(from, message, token, 'QueueDoesNotExist', out);
    const { dedup } = live;
    if (dedup !== null && group === '') return this.#refuseSend(from, message, token, 'MissingParameter', out);

    // S29: a repeat within five minutes is accepted, answered with the first one's id, and not delivered.
    const id = request.dedupId !== '' ? request.dedupId : live.contentDedup ? `content ${message.id}` : '';
    if (dedup !== null && id === '') return this.#refuseSend(from, message, token, 'InvalidParameterValue', out);
    const dedupKey = live.dedupPerGroup ? `${group}/${id}` : id;
    const known = dedup?.find(dedupKey, out.now);
    if (known !== undefined) {
      out.fact(F.deduplicated, message.id, live.place, from);
      return this.#accept(from, message, token, known, out);
    }
    const messageId = `id-${++this.#messageIds}`;
    dedup?.remember(dedupKey, messageId, out.now);
    const delayUs = request.delayUs >= 0 && !live.queue.fifo ? request.delayUs : live.delayUs;
    this.#add(live, message, out.now, delayUs, group, id, messageId, 0, 0, out);
    this.#accept(from, message, token, messageId, out);
    this.#servePolls(live, out);
  }

  #accept(to: ActorId, message: Message, token: number, messageId: string, out: Out): void {
    out.send(to, 'reply', { type: 'SendMessageResult', token, error: '', messageId } as SendMessageResult, message.id);
  }

  #refuseSend(to: ActorId, message: Message, token: number, error: string, out: Out): void {
    out.fact(F.rejected, message.id, 0, to, 0, R['refused by the broker']);
    out.send(to, 'reply', { type: 'SendMessageResult', token, error, messageId: '' } as SendMessageResult, message.id);
  }

  /** Puts a message into a queue; `because` is the fact that brings it there. */
  #add(
    live: Live,
    message: Message,
    sentAtUs: Micros,
    delayUs: Micros,
    group: string,
    dedupId: string,
    messageId: string,
    source: PlaceId,
    receives: number,
    out: Out,
    because?: FactId,
  ): void {
    const entry = live.queue.add(
      message,
      sentAtUs,
      out.now + delayUs,
      out.now,
      group,
      dedupId,
      messageId,
      source,
      receives,
    );
    entry.fact = out.fact(F.appended, message.id, live.place, 0, 0, delayUs > 0 ? 1 : 0, because);
    if (delayUs > 0) this.#armVisible(live, out);
    if (live.retentionAtUs === Number.POSITIVE_INFINITY) this.#armRetention(live, out);
  }

  #receive(from: ActorId, request: ReceiveMessage, out: Out): void {
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#answer(null, from, request, [], 'QueueDoesNotExist', out);
    const waitUs = request.waitUs >= 0 ? request.waitUs : live.waitUs;
    if (live.queue.inFlight >= IN_FLIGHT_MAX && !live.queue.fifo && waitUs === 0) {
      return this.#answer(live, from, request, [], 'OverLimit', out);
    }
    if (this.#hand(live, from, request, out)) return;
    if (waitUs === 0) return this.#answer(live, from, request, [], '', out);
    const poll: { -readonly [K in keyof Poll]: Poll[K] } = { from, request, timer: 0, over: false };
    poll.timer = out.timer(waitUs, { type: 'poll-over', queue: live.name, poll } as PollOver);
    live.polls.push(poll);
  }

  /** Answers a receive with what is visible; false when nothing is. */
  #hand(live: Live, from: ActorId, request: ReceiveMessage, out: Out): boolean {
    const { queue } = live;
    const visibilityUs = request.visibilityUs >= 0 ? request.visibilityUs : live.visibilityUs;
    const untilUs = out.now + visibilityUs;
    const handed: ReceivedMessage[] = [];
    const again: Entry[] = [];
    let last: Entry | undefined;
    while (handed.length < request.max && queue.inFlight < IN_FLIGHT_MAX) {
      const entry: Entry | undefined =
        (queue.fifo && last !== undefined ? queue.successor(last) : undefined) ?? queue.peek();
      if (entry === undefined) break;
      if (live.deadLetter !== '' && entry.receives >= live.maxReceiveCount) {
        this.#deadLetter(live, entry, out);
        continue;
      }
      const receipt = queue.receive(entry, from, out.now);
      last = entry;
      again.push(entry);
      const { message, receives } = entry;
      entry.fact = out.fact(
        F.delivered,
        message.id,
        live.place,
        from,
        Math.ceil(visibilityUs / 1000),
        receives,
        entry.fact,
      );
      handed.push({ message, receipt, attempt: receives, lockedUntilUs: untilUs });
    }
    for (const entry of again) {
      if (visibilityUs === 0)
        entry.fact = out.fact(F.requeued, entry.message.id, live.place, from, 0, R['lock expired'], entry.fact);
      queue.postpone(entry, untilUs, out.now);
    }
    if (again.length > 0) this.#armVisible(live, out);
    if (handed.length > 0) this.#answer(live, from, request, handed, '', out);
    return handed.length > 0;
  }

  #answer(
    live: Live | null,
    to: ActorId,
    request: ReceiveMessage,
    messages: readonly ReceivedMessage[],
    error: string,
    out: Out,
  ): void {
    const first = messages[0]?.message;
    const result: ReceiveMessageResult = {
      type: 'ReceiveMessageResult',
      queue: request.queue,
      place: live?.place ?? 0,
      token: request.token,
      error,
      messages,
      sizeBytes: messages.length === 1 && first !== undefined ? first.sizeBytes : sum(messages),
    };
    if (first === undefined) out.send(to, 'control', result);
    else out.send(to, 'delivery', result, messages.length === 1 ? first.id : messages.map(({ message }) => message.id));
  }

  /** Hands what is visible to the polls that wait, in the order in which they came. */
  #servePolls(live: Live, out: Out): void {
    while (live.polls.length > 0 && live.queue.peek() !== undefined) {
      const poll = live.polls[0] as Poll;
      if (!this.#hand(live, poll.from, poll.request, out)) return;
      poll.over = true;
      out.cancel(poll.timer);
      live.polls.shift();
    }
  }

  #delete(from: ActorId, request: DeleteMessage, out: Out): void {
    const live = this.#queues.get(request.queue);
    const entry = live?.queue.held(request.receipt);
    let error = '';
    if (live === undefined) error = 'QueueDoesNotExist';
    else if (entry === undefined) {
      // S6: gone already, or received again since: the answer is success, and nothing is deleted. S7: FIFO refuses.
      out.fact(F['ack-refused'], request.message.id, live.place, from, 0, R['lock expired']);
      if (live.queue.fifo) error = 'InvalidParameterValue';
    } else if (live.queue.fifo && entry.state === 'visible') {
      out.fact(F['ack-refused'], request.message.id, live.place, from, 0, R['lock expired']);
      error = 'InvalidParameterValue';
    } else {
      live.queue.remove(entry);
      out.fact(F.acked, request.message.id, live.place, from, 0, request.attempt);
    }
    out.send(
      from,
      'control',
      { type: 'SettleResult', token: request.token, error } as SettleResult,
      request.message.id,
    );
    if (live?.queue.fifo) this.#servePolls(live, out);
  }

  #changeVisibility(from: ActorId, request: ChangeMessageVisibility, out: Out): void {
    const { message, receipt, token, timeoutUs } = request;
    const live = this.#queues.get(request.queue);
    const entry = live?.queue.held(receipt);
    let error = '';
    if (live === undefined) error = 'QueueDoesNotExist';
    else if (entry === undefined) error = 'InvalidParameterValue';
    else if (entry.state === 'visible' && live.queue.fifo) error = 'MessageNotInflight';
    else if (out.now + timeoutUs > entry.receivedAtUs + LONGEST_INVISIBLE_US) error = 'InvalidParameterValue';
    if (error !== '') {
      out.fact(F['ack-refused'], message.id, live?.place ?? 0, from, 0, R['lock expired']);
    } else if (live !== undefined && entry !== undefined) {
      if (timeoutUs === 0) {
        const nacked = out.fact(F.nacked, message.id, live.place, from, 0, entry.receives, entry.fact);
        entry.fact = out.fact(F.requeued, message.id, live.place, from, 0, R.nacked, nacked);
        live.queue.postpone(entry, out.now, out.now);
      } else {
        entry.fact = out.fact(F.extended, message.id, live.place, from, Math.ceil(timeoutUs / 1000));
        live.queue.postpone(entry, out.now + timeoutUs, out.now);
        this.#armVisible(live, out);
      }
    }
    out.send(from, 'control', { type: 'SettleResult', token, error } as SettleResult, message.id);
    if (live !== undefined) this.#servePolls(live, out);
  }

  /** S9: the receive that would exceed maxReceiveCount moves the message instead. */
  #deadLetter(live: Live, entry: Entry, out: Out): void {
    const target = this.#queues.get(live.deadLetter);
    live.queue.remove(entry);
    const { message, receives } = entry;
    if (target === undefined) {
      out.fact(F.evicted, message.id, live.place, 0, 0, R['missing target'], entry.fact);
      return;
    }
    const moved = out.fact(
      F['dead-lettered'],
      message.id,
      target.place,
      0,
      receives,
      R['too many deliveries'],
      entry.fact,
    );
    // S11: a standard queue keeps the first enqueue time, so retention goes on; FIFO begins anew. S8: the count goes on.
    const sentAtUs = target.queue.fifo ? out.now : entry.sentAtUs;
    this.#add(
      target,
      message,
      sentAtUs,
      0,
      entry.group,
      entry.dedupId,
      entry.messageId,
      live.place,
      receives,
      out,
      moved,
    );
    this.#servePolls(target, out);
  }

  /** S12: messages of a dead-letter queue go back to where each came from, or to a named queue, as new messages. */
  #move(live: Live, to: string, perSecond: number, left: number, out: Out): void {
    let budget = perSecond > 0 ? 1 : left;
    let todo = left;
    while (budget-- > 0 && todo > 0) {
      todo--;
      const entry = live.queue.peek();
      if (entry === undefined) return;
      const target =
        to !== '' ? this.#queues.get(to) : [...this.#queues.values()].find(({ place }) => place === entry.source);
      if (target === undefined) return;
      live.queue.remove(entry);
      const moved = out.fact(F.redriven, entry.message.id, target.place, 0, 0, 0, entry.fact);
      const messageId = `id-${++this.#messageIds}`;
      this.#add(
        target,
        entry.message,
        out.now,
        target.delayUs,
        entry.group,
        entry.dedupId,
        messageId,
        0,
        0,
        out,
        moved,
      );
      this.#servePolls(target, out);
    }
    if (todo > 0) {
      out.timer(SECOND / perSecond, { type: 'move', queue: live.name, to, perSecond, left: todo } as MoveTimer);
    }
  }

  #becomeVisible(live: Live, out: Out): void {
    live.visibleAtUs = Number.POSITIVE_INFINITY;
    for (;;) {
      const entry = live.queue.takeDue(out.now);
      if (entry === undefined) break;
      const { message, receives, holder } = entry;
      if (entry.state === 'delayed') {
        entry.fact = out.fact(F['became-visible'], message.id, live.place, 0, 0, 0, entry.fact);
      } else {
        const expired = out.fact(F['lock-expired'], message.id, live.place, holder, 0, receives, entry.fact);
        entry.fact = out.fact(F.requeued, message.id, live.place, 0, 0, R['lock expired'], expired);
      }
      live.queue.makeVisible(entry);
    }
    this.#armVisible(live, out);
    this.#servePolls(live, out);
  }

  #armVisible(live: Live, out: Out): void {
    const next = live.queue.nextDeadline();
    if (next >= live.visibleAtUs) return;
    live.visibleAtUs = next;
    out.timer(next - out.now, { type: 'visible', queue: live.name } as QueueTimer, out.cause);
  }

  /** S17: retention deletes by age, in-flight messages too. */
  #retain(live: Live, out: Out): void {
    live.retentionAtUs = Number.POSITIVE_INFINITY;
    for (;;) {
      const entry = live.queue.oldest();
      if (entry === undefined || entry.sentAtUs + live.retentionUs > out.now) break;
      out.fact(F.expired, entry.message.id, live.place, 0, 0, R.retention, entry.fact);
      live.queue.remove(entry);
    }
    this.#armRetention(live, out);
  }

  #armRetention(live: Live, out: Out): void {
    const oldest = live.queue.oldest();
    if (oldest === undefined) return;
    live.retentionAtUs = oldest.sentAtUs + live.retentionUs;
    out.timer(live.retentionAtUs - out.now, { type: 'retention', queue: live.name } as QueueTimer, out.cause);
  }
}

function sum(messages: readonly ReceivedMessage[]): number {
  let bytes = 0;
  for (const { message } of messages) bytes += message.sizeBytes;
  return bytes;
}

const QUEUE_OPTIONS: OptionTable = {
  VisibilityTimeout: {
    type: 'duration',
    unit: 's',
    default: 30 * SECOND,
    min: 0,
    max: LONGEST_INVISIBLE_US,
    doc: 'How long a received message stays hidden from other consumers, counted from the receive. 0 leaves it visible. It should be longer than the work.',
    source: 'S2',
  },
  DelaySeconds: {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    max: 900 * SECOND,
    doc: 'New messages stay hidden for so long. A message timer of a producer overrides it on standard queues.',
    source: 'S16',
  },
  MessageRetentionPeriod: {
    type: 'duration',
    unit: 's',
    default: 345_600 * SECOND,
    min: 60 * SECOND,
    max: 1_209_600 * SECOND,
    doc: 'Messages older than this are deleted, in flight or not. In a standard dead-letter queue the age counts from the first enqueue.',
    source: 'S11, S17',
  },
  ReceiveMessageWaitTimeSeconds: {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    max: 20 * SECOND,
    doc: 'Default wait of a receive that names none: above 0 it is a long poll, which answers as soon as one message is there.',
    source: 'S14',
  },
  RedrivePolicy: {
    type: 'object',
    doc: 'Where messages go that were received too often without being deleted.',
    source: 'S9',
    fields: {
      deadLetterTargetArn: {
        type: 'text',
        names: 'queue',
        doc: 'The dead-letter queue, by its name here. It must be of the same kind (standard or FIFO).',
        source: 'S10',
      },
      maxReceiveCount: {
        type: 'integer',
        default: 10,
        min: 1,
        max: 1000,
        doc: 'A message is received at most so many times; the receive that would exceed it moves it instead.',
        source: 'S9',
      },
    },
  },
  FifoQueue: {
    type: 'boolean',
    default: false,
    doc: 'First in, first out within each message group (the message key). A name that ends in .fifo says the same.',
    source: 'S24',
  },
  ContentBasedDeduplication: {
    type: 'boolean',
    default: false,
    doc: 'FIFO only: a message that is sent again without an id of its own is recognised by its content for five minutes.',
    source: 'S29',
  },
  DeduplicationScope: {
    type: 'enum',
    values: ['queue', 'messageGroup'],
    default: 'queue',
    doc: 'FIFO only: whether an id is recognised over the whole queue or within its message group.',
    source: 'S29',
  },
};

const PRODUCER_OPTIONS: OptionTable = {
  DelaySeconds: {
    type: 'duration',
    unit: 's',
    min: 0,
    max: 900 * SECOND,
    doc: "Message timer: overrides the queue's delay on standard queues.",
    source: 'S16',
  },
  MessageDeduplicationId: {
    type: 'enum',
    values: ['message', 'none'],
    default: 'message',
    doc: 'FIFO only: `message` sends an id of the message itself, so a retry is recognised; `none` relies on ContentBasedDeduplication.',
    source: 'S24, S29',
  },
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 1000,
    doc: 'How long the client waits for an answer before it tries again.',
    source: 'AWS SDK: client setting',
  },
  retries: {
    type: 'integer',
    default: 2,
    min: 0,
    max: 1_000_000,
    doc: 'How often a send is tried again when no answer came or the service refused it for now. The SDKs make 3 attempts in all.',
    source: 'AWS SDK: standard retry mode',
  },
  'retry-backoff': {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before the first retry; it doubles each time, up to 20 s.',
    source: 'AWS SDK: standard retry mode',
  },
};

const CONSUMER_OPTIONS: OptionTable = {
  WaitTimeSeconds: {
    type: 'duration',
    unit: 's',
    default: 20 * SECOND,
    min: 0,
    max: 20 * SECOND,
    doc: 'How long a receive waits for a message. Consumers here poll long unless told otherwise; the API default is 0, a short poll.',
    source: 'S14, S15',
  },
  'poll-interval': {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 1000,
    doc: 'With short polls: the pause after a receive that returned nothing.',
    source: 'S15',
  },
  MaxNumberOfMessages: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 10,
    doc: 'At most so many messages in one receive, and never more than the consumer has room for (prefetch). The API default is 1.',
    source: 'API ReceiveMessage',
  },
  VisibilityTimeout: {
    type: 'duration',
    unit: 's',
    min: 0,
    max: LONGEST_INVISIBLE_US,
    doc: "Visibility timeout of this consumer's receives, instead of the queue's.",
    source: 'S2',
  },
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 1000,
    doc: 'How long the client waits for an answer (beyond the wait of a long poll) before it tries again.',
    source: 'AWS SDK: client setting',
  },
  retries: {
    type: 'integer',
    default: 2,
    min: 0,
    max: 1_000_000,
    doc: 'How often a delete is tried again when no answer came.',
    source: 'AWS SDK: standard retry mode',
  },
};

export const sqs: BrokerKind = {
  kind: 'sqs',
  title: 'SQS',
  about:
    'A managed queue. Consumers compete; each receive locks a message by a visibility timeout; what is not deleted in time is handed out again. Standard queues promise no order, FIFO queues order each message group.',
  options: {},
  queues: QUEUE_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'leave',
  lacks: {
    prefetch: 'SQS pushes nothing: a consumer asks for up to MaxNumberOfMessages at a time.',
    partitions: 'SQS has no partitions; a FIFO queue orders each message group by itself.',
    acks: 'SQS answers SendMessage when the message is stored; there is no acks setting.',
    'x-message-ttl': 'SQS has MessageRetentionPeriod, 60 s at the least.',
    'x-max-length': 'SQS has no limit on the depth of a queue, only on messages in flight.',
    'auto.offset.reset': 'SQS keeps no offsets: what is deleted is gone, and nothing can be replayed.',
  },
  simplifications: [
    'The service is one node: its replication over servers is not shown, and what it has confirmed is never lost.',
    'A standard queue hands out the oldest visible message first; its best-effort order and occasional duplicates are not drawn.',
    'Request limits per second (S34) and the throttling that follows are not modelled.',
  ],
  build(spec, setup) {
    const name = spec.name === 'broker' ? 'sqs' : spec.name;
    const node = setup.actor(name, 'broker', new Sqs(spec.queues, setup));
    return {
      nodes: [node],
      streams: false,
      nodesFor: () => [node],
      producerPort: (port, host) => new SqsProducerPort(node, port, host, setup),
      consumerPort: (port, host) => new SqsConsumerPort(node, port, host),
    };
  },
};
