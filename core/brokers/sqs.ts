/**
 * Amazon SQS, Standard and FIFO: one managed service (a single node that does not lose what it has confirmed) with queues that hold messages until
 * they are deleted. A receive locks a message for its visibility timeout; nothing else comes between two consumers. What is in a queue is kept by
 * `SqsQueue`; this file carries out the API's actions, records the facts, and sets the timers.
 * Rules: shared rule numbers S1–S34, from the SQS Developer Guide and API Reference.
 */
import { SqsConsumerPort } from '../clients/sqs-consumer-port.ts';
import { SqsProducerPort } from '../clients/sqs-producer-port.ts';
import { F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Wire } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, tableOf, textOf } from '../options.ts';
import { DedupWindow } from '../parts/dedup-window.ts';
import { Fifo } from '../parts/fifo.ts';
import type { ActorId, FactId, Message, Micros, PlaceId } from '../types.ts';
import type { BrokerKind } from './kind.ts';
import { CONSUMER_OPTIONS, LONGEST_INVISIBLE_US, PRODUCER_OPTIONS, QUEUE_OPTIONS } from './sqs-options.ts';
import { type Entry, SqsQueue } from './sqs-queue.ts';
import {
  type CancelMessageMoveTask,
  type ChangeMessageVisibility,
  type DeleteMessage,
  SQS_ERRORS as ERROR,
  type PlainResult,
  type PurgeQueue,
  type QueueAttributes,
  type ReceivedMessage,
  type ReceiveMessage,
  type ReceiveMessageResult,
  type SendMessage,
  type SendMessageResult,
  type SetQueueAttributes,
  type SqsRequest,
  type StartMessageMoveTask,
} from './sqs-verbs.ts';

const SECOND = 1_000_000;
/** An id is recognised for five minutes (S29). */
const DEDUP_US = 300 * SECOND;
/** At most so many messages of a queue in flight (S20, FIFO since late 2024). */
const IN_FLIGHT_MAX = 120_000;
/** The longest WaitTimeSeconds and DelaySeconds. */
const WAIT_US_MAX = 20 * SECOND;
const DELAY_US_MAX = 900 * SECOND;
/** A queue is purged at most once in this time (S18). */
const PURGE_US = 60 * SECOND;
/** Message group and deduplication ids: 1–128 printable characters without space (S24). */
const ID = /^[\x21-\x7e]{1,128}$/;
const NOTHING: ReceivedMessage[] = [];

interface QueueTimer extends Wire {
  readonly type: 'visible' | 'retention' | 'polls-over';
  readonly queue: string;
}

interface MoveTimer extends Wire {
  readonly type: 'move';
  readonly queue: string;
  readonly task: MoveTask;
}

/** A long poll that waits for messages (S14). */
interface Poll {
  readonly from: ActorId;
  readonly request: ReceiveMessage;
  readonly untilUs: Micros;
  readonly cause: FactId;
}

/** A dead-letter queue's messages on their way back (S12). */
interface MoveTask {
  readonly to: string;
  readonly perSecond: number;
  left: number;
  running: boolean;
}

/** A queue with its settings and the long polls that wait at it. */
interface Live {
  readonly name: string;
  readonly place: PlaceId;
  readonly queue: SqsQueue;
  visibilityUs: Micros;
  delayUs: Micros;
  retentionUs: Micros;
  waitUs: Micros;
  readonly maxBytes: number;
  deadLetter: string;
  maxReceiveCount: number;
  readonly contentDedup: boolean;
  readonly dedupPerGroup: boolean;
  /** Message ids by deduplication id, on FIFO queues. */
  readonly dedup: DedupWindow<number> | null;
  readonly polls: Fifo<Poll>;
  task: MoveTask | null;
  purgedAtUs: Micros;
  /** When the timer for the next deadline will fire; Infinity when none is set. The same for the age of messages and for polls. */
  visibleAtUs: Micros;
  retentionAtUs: Micros;
  pollsAtUs: Micros;
  readonly visibleTimer: QueueTimer;
  readonly pollsTimer: QueueTimer;
}

export class Sqs implements Machine {
  readonly #queues = new Map<string, Live>();
  #messageIds = 0;

  constructor(queues: readonly { readonly name: string; readonly options: OptionValues }[], setup: Setup) {
    for (const { name, options } of queues) {
      const fifo = isFifo(name, options);
      const redrive = tableOf(options, 'RedrivePolicy');
      const place = setup.place(name, 'queue');
      this.#queues.set(name, {
        name,
        place,
        queue: new SqsQueue(fifo),
        visibilityUs: numberOf(options, 'VisibilityTimeout', 30 * SECOND),
        delayUs: numberOf(options, 'DelaySeconds'),
        retentionUs: numberOf(options, 'MessageRetentionPeriod', 345_600 * SECOND),
        waitUs: numberOf(options, 'ReceiveMessageWaitTimeSeconds'),
        maxBytes: numberOf(options, 'MaximumMessageSize', 1_048_576),
        deadLetter: redrive === undefined ? '' : textOf(redrive, 'deadLetterTargetArn'),
        maxReceiveCount: redrive === undefined ? 0 : numberOf(redrive, 'maxReceiveCount', 10),
        contentDedup: booleanOf(options, 'ContentBasedDeduplication'),
        dedupPerGroup: textOf(options, 'DeduplicationScope') === 'messageGroup',
        dedup: fifo ? new DedupWindow(DEDUP_US) : null,
        polls: new Fifo(),
        task: null,
        purgedAtUs: Number.NEGATIVE_INFINITY,
        visibleAtUs: Number.POSITIVE_INFINITY,
        retentionAtUs: Number.POSITIVE_INFINITY,
        pollsAtUs: Number.POSITIVE_INFINITY,
        visibleTimer: { type: 'visible', queue: name },
        pollsTimer: { type: 'polls-over', queue: name },
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
      case 'PurgeQueue':
        return this.#purge(from, request, out);
      case 'SetQueueAttributes':
        return this.#setAttributes(from, request, out);
      case 'StartMessageMoveTask':
        return this.#startMove(from, request, out);
      case 'CancelMessageMoveTask':
        return this.#cancelMove(from, request, out);
      case 'Hangup':
        return this.peerLost(from);
      default:
        return request satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as QueueTimer | MoveTimer;
    const live = this.#queues.get(timer.queue);
    if (live === undefined) return;
    switch (timer.type) {
      case 'visible':
        return this.#becomeVisible(live, out);
      case 'retention':
        return this.#retain(live, out);
      case 'polls-over':
        return this.#endPolls(live, out);
      case 'move':
        return this.#move(live, timer.task, out);
      default:
        return timer satisfies never;
    }
  }

  /** The service is down for a while; it keeps its messages and locks, but waiting polls are cut and move tasks end. */
  crash(): void {
    for (const live of this.#queues.values()) {
      live.polls.clear();
      live.task = null;
      live.pollsAtUs = Number.POSITIVE_INFINITY;
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

  /** A closed connection ends the long polls that came by it: nobody would hear the answer. */
  peerLost(peer: ActorId): void {
    for (const live of this.#queues.values()) live.polls.retain((poll) => poll.from !== peer);
  }

  command(command: Command, out: Out): void {
    if (command.type === 'redrive') {
      const live = this.#queues.get(command.queue);
      if (live === undefined) return;
      const task: MoveTask = {
        to: command.to ?? '',
        perSecond: command.perSecond ?? 0,
        left: live.queue.visible,
        running: true,
      };
      live.task = task;
      this.#move(live, task, out);
    } else if (command.type === 'set' && command.path[0] === 'queues') {
      const live = this.#queues.get(command.path[1] ?? '');
      const attribute = command.path[2] ?? '';
      if (live !== undefined) this.#change(live, { [attribute]: command.value } as QueueAttributes, out);
    }
  }

  /** What GetQueueAttributes calls approximate numbers (S19): exact here. Undefined when there is no such queue. */
  depth(name: string): { readonly visible: number; readonly inFlight: number; readonly delayed: number } | undefined {
    const queue = this.#queues.get(name)?.queue;
    return queue && { visible: queue.visible, inFlight: queue.inFlight, delayed: queue.delayed };
  }

  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #send(from: ActorId, request: SendMessage, out: Out): void {
    const { message, token, group, dedupId } = request;
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#refuse(from, message, 0, token, ERROR.noQueue, out);
    const error = errorOfSend(live, request);
    if (error !== '') return this.#refuse(from, message, live.place, token, error, out);

    const { dedup, queue } = live;
    let id = '';
    if (dedup !== null) {
      // S29: a repeat within five minutes is accepted, answered with the first one's id, and not delivered.
      id = dedupId ?? `content ${message.id}`;
      const known = dedup.find(live.dedupPerGroup ? `${group}/${id}` : id, out.now);
      if (known !== undefined) {
        out.fact(F.deduplicated, message.id, live.place, from);
        return this.#accept(from, message, token, known, 0, out);
      }
    }
    const messageId = ++this.#messageIds;
    dedup?.remember(live.dedupPerGroup ? `${group}/${id}` : id, messageId, out.now);
    const delayUs = request.delayUs >= 0 && dedup === null ? request.delayUs : live.delayUs;
    const entry = this.#add(live, message, messageId, out.now, delayUs, group, 0, 0, out);
    this.#accept(from, message, token, messageId, queue.fifo ? entry.sequence : 0, out);
    this.#servePolls(live, out);
  }

  #accept(to: ActorId, message: Message, token: number, messageId: number, sequence: number, out: Out): void {
    const result: SendMessageResult = { type: 'SendMessageResult', token, error: '', messageId, sequence };
    out.send(to, 'reply', result, message.id);
  }

  #refuse(to: ActorId, message: Message, place: PlaceId, token: number, error: string, out: Out): void {
    out.fact(F.rejected, message.id, place, to, 0, R['refused by the broker']);
    const result: SendMessageResult = { type: 'SendMessageResult', token, error, messageId: 0, sequence: 0 };
    out.send(to, 'reply', result, message.id);
  }

  /** Puts a message into a queue; `because` is the fact that brings it there. */
  #add(
    live: Live,
    message: Message,
    messageId: number,
    sentAtUs: Micros,
    delayUs: Micros,
    group: string,
    source: PlaceId,
    receives: number,
    out: Out,
    because?: FactId,
  ): Entry {
    const { queue } = live;
    const entry = queue.add(message, messageId, sentAtUs, out.now + delayUs, out.now, group, source, receives);
    entry.fact = out.fact(F.appended, message.id, live.place, 0, 0, delayUs > 0 ? 1 : 0, because);
    if (delayUs > 0) this.#armVisible(live, out);
    if (sentAtUs + live.retentionUs < live.retentionAtUs) this.#armRetention(live, out);
    return entry;
  }

  // ── Receiving ───────────────────────────────────────────────────────────────────────────────────────────────────

  #receive(from: ActorId, request: ReceiveMessage, out: Out): void {
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#answer(from, request, NOTHING, ERROR.noQueue, out);
    const waitUs = request.waitUs >= 0 ? request.waitUs : live.waitUs;
    if (request.max < 1 || request.max > 10 || waitUs > WAIT_US_MAX || request.visibilityUs > LONGEST_INVISIBLE_US) {
      return this.#answer(from, request, NOTHING, ERROR.invalid, out);
    }
    if (live.queue.inFlight >= IN_FLIGHT_MAX && !live.queue.fifo && waitUs === 0) {
      return this.#answer(from, request, NOTHING, ERROR.overLimit, out);
    }
    if (this.#hand(live, from, request, out)) return;
    if (waitUs === 0) return this.#answer(from, request, NOTHING, '', out);
    const untilUs = out.now + waitUs;
    live.polls.push({ from, request, untilUs, cause: out.cause });
    if (untilUs < live.pollsAtUs) this.#armPolls(live, untilUs, out);
  }

  /** One timer serves all the polls of a queue: most of them are answered before their time. */
  #armPolls(live: Live, untilUs: Micros, out: Out): void {
    live.pollsAtUs = untilUs;
    out.timer(untilUs - out.now, live.pollsTimer, out.cause);
  }

  /** Answers the polls that have waited long enough with nothing. */
  #endPolls(live: Live, out: Out): void {
    if (out.now < live.pollsAtUs) return;
    live.pollsAtUs = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    live.polls.retain((poll) => {
      if (poll.untilUs <= out.now) {
        this.#answer(poll.from, poll.request, NOTHING, '', out, poll.cause);
        return false;
      }
      if (poll.untilUs < next) next = poll.untilUs;
      return true;
    });
    if (next < Number.POSITIVE_INFINITY) this.#armPolls(live, next, out);
  }

  /** Answers a receive with what is visible; false when nothing is. */
  #hand(live: Live, from: ActorId, request: ReceiveMessage, out: Out): boolean {
    const { queue, place } = live;
    const visibilityUs = request.visibilityUs >= 0 ? request.visibilityUs : live.visibilityUs;
    const untilUs = out.now + visibilityUs;
    let handed: ReceivedMessage[] = NOTHING;
    let last: Entry | undefined;
    while (handed.length < request.max && queue.inFlight < IN_FLIGHT_MAX) {
      const entry: Entry | undefined = (last === undefined ? undefined : queue.successor(last)) ?? queue.peek();
      if (entry === undefined) break;
      if (live.deadLetter !== '' && entry.receives >= live.maxReceiveCount) {
        this.#deadLetter(live, entry, out);
        continue;
      }
      const receipt = queue.receive(entry, from, out.now);
      if (queue.fifo) last = entry;
      const { message, messageId, receives, fact } = entry;
      const lockMs = Math.ceil(visibilityUs / 1000);
      entry.fact = out.fact(F.delivered, message.id, place, from, lockMs, receives, fact);
      const received: ReceivedMessage = { message, place, attempt: receives, handle: receipt, messageId };
      if (handed.length === 0) handed = [received];
      else handed.push(received);
    }
    if (handed.length === 0) return false;
    // Only now, so that a receive with a timeout of 0 does not hand out the same message twice.
    for (const { handle } of handed) {
      const entry = queue.find(handle) as Entry;
      if (visibilityUs === 0) {
        entry.fact = out.fact(F.requeued, entry.message.id, place, 0, 0, R['lock expired'], entry.fact);
      }
      queue.postpone(entry, untilUs, out.now);
    }
    this.#armVisible(live, out);
    this.#answer(from, request, handed, '', out);
    return true;
  }

  #answer(
    to: ActorId,
    request: ReceiveMessage,
    messages: readonly ReceivedMessage[],
    error: string,
    out: Out,
    because?: FactId,
  ): void {
    const first = messages[0]?.message;
    const result: ReceiveMessageResult = {
      type: 'ReceiveMessageResult',
      queue: request.queue,
      token: request.token,
      error,
      messages,
      sizeBytes: messages.length === 1 && first !== undefined ? first.sizeBytes : sum(messages),
    };
    if (first === undefined) out.send(to, 'control', result, 0, because);
    else out.send(to, 'delivery', result, messages.length === 1 ? first.id : messages.map(({ message }) => message.id));
  }

  /** Hands what is visible to the polls that wait, in the order in which they came. */
  #servePolls(live: Live, out: Out): void {
    for (let poll = live.polls.first; poll !== undefined; poll = live.polls.first) {
      if (live.queue.peek() === undefined || !this.#hand(live, poll.from, poll.request, out)) return;
      live.polls.shift();
    }
  }

  // ── Settling ────────────────────────────────────────────────────────────────────────────────────────────────────

  #delete(from: ActorId, request: DeleteMessage, out: Out): void {
    const { message, receipt, token, attempt } = request;
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#result(from, message.id, token, ERROR.noQueue, out);
    const { queue, place } = live;
    if (!queue.hasIssued(receipt)) return this.#result(from, message.id, token, ERROR.handle, out);
    const entry = queue.find(receipt);
    let error = '';
    if (entry === undefined) {
      // Gone already: deleting is idempotent.
      out.fact(F['ack-refused'], message.id, place, from, 0, R.duplicate);
    } else if (!queue.isCurrent(entry, receipt) || (queue.fifo && entry.state === 'visible')) {
      // S6: received again since, the answer is success and nothing is deleted. S7: FIFO refuses, also when the time is just over.
      out.fact(F['ack-refused'], message.id, place, from, 0, R['lock expired']);
      if (queue.fifo) error = ERROR.invalid;
    } else {
      queue.remove(entry);
      out.fact(F.acked, message.id, place, from, 0, attempt);
    }
    this.#result(from, message.id, token, error, out);
    if (queue.fifo) this.#servePolls(live, out);
  }

  #changeVisibility(from: ActorId, request: ChangeMessageVisibility, out: Out): void {
    const { message, receipt, token, timeoutUs } = request;
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#result(from, message.id, token, ERROR.noQueue, out);
    const { queue, place } = live;
    if (!queue.hasIssued(receipt)) return this.#result(from, message.id, token, ERROR.handle, out);
    const entry = queue.find(receipt);
    // S6: on a standard queue an old handle changes the visibility of whoever holds the message now. S7: on FIFO it does not.
    const expired =
      entry !== undefined && queue.fifo && (entry.state === 'visible' || !queue.isCurrent(entry, receipt));
    // S4: twelve hours count from the receive; extending does not begin them anew.
    if (entry === undefined || expired || out.now + timeoutUs > entry.receivedAtUs + LONGEST_INVISIBLE_US) {
      out.fact(F['ack-refused'], message.id, place, from, 0, entry === undefined ? R.duplicate : R['lock expired']);
      return this.#result(from, message.id, token, ERROR.invalid, out);
    }
    if (timeoutUs > 0) {
      const hides = entry.state === 'visible' ? 1 : 0;
      entry.fact = out.fact(F.extended, message.id, place, from, Math.ceil(timeoutUs / 1000), hides);
    } else if (entry.state === 'in flight') {
      const nacked = out.fact(F.nacked, message.id, place, from, 0, entry.receives, entry.fact);
      entry.fact = out.fact(F.requeued, message.id, place, from, 0, R.nacked, nacked);
    }
    queue.postpone(entry, out.now + timeoutUs, out.now);
    this.#armVisible(live, out);
    this.#result(from, message.id, token, '', out);
    this.#servePolls(live, out);
  }

  #result(to: ActorId, message: number, token: number, error: string, out: Out): void {
    out.send(to, 'control', { type: 'PlainResult', token, error } as PlainResult, message);
  }

  // ── Visibility and age ──────────────────────────────────────────────────────────────────────────────────────────

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
    out.timer(next - out.now, live.visibleTimer, out.cause);
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
    if (live.queue.fifo) this.#servePolls(live, out);
  }

  #armRetention(live: Live, out: Out): void {
    const oldest = live.queue.oldest();
    if (oldest === undefined) return;
    live.retentionAtUs = oldest.sentAtUs + live.retentionUs;
    out.timer(live.retentionAtUs - out.now, { type: 'retention', queue: live.name } as QueueTimer, out.cause);
  }

  // ── Dead letters ────────────────────────────────────────────────────────────────────────────────────────────────

  /** S9: the receive that would exceed maxReceiveCount moves the message instead. */
  #deadLetter(live: Live, entry: Entry, out: Out): void {
    const target = this.#queues.get(live.deadLetter);
    live.queue.remove(entry);
    const { message, messageId, receives, fact } = entry;
    if (target === undefined) {
      out.fact(F.evicted, message.id, live.place, 0, 0, R['missing target'], fact);
      return;
    }
    const moved = out.fact(F['dead-lettered'], message.id, target.place, 0, receives, R['too many deliveries'], fact);
    // S11: a standard queue keeps the first enqueue time, so retention goes on; FIFO begins anew. S8: the count goes on.
    const sentAtUs = target.queue.fifo ? out.now : entry.sentAtUs;
    this.#add(target, message, messageId, sentAtUs, 0, entry.group, live.place, receives, out, moved);
    this.#servePolls(target, out);
  }

  #startMove(from: ActorId, request: StartMessageMoveTask, out: Out): void {
    const { queue: name, to, perSecond, token } = request;
    const live = this.#queues.get(name);
    if (live === undefined) return this.#result(from, 0, token, ERROR.notFound, out);
    const isSource = [...this.#queues.values()].some(({ deadLetter }) => deadLetter === name);
    if (!isSource || live.task !== null) return this.#result(from, 0, token, ERROR.invalid, out);
    if (to !== '' && !this.#queues.has(to)) return this.#result(from, 0, token, ERROR.notFound, out);
    this.#result(from, 0, token, '', out);
    this.command({ type: 'redrive', queue: name, to, perSecond }, out);
  }

  #cancelMove(from: ActorId, request: CancelMessageMoveTask, out: Out): void {
    const task = this.#queues.get(request.queue)?.task ?? null;
    if (task !== null) task.running = false;
    this.#result(from, 0, request.token, task === null ? ERROR.notFound : '', out);
  }

  /** S12: messages of a dead-letter queue go back to where each came from, or to a named queue, as new messages. */
  #move(live: Live, task: MoveTask, out: Out): void {
    // A crash or a newer task has put an end to this one.
    if (live.task !== task) return;
    let budget = task.perSecond > 0 ? 1 : task.left;
    while (task.running && budget-- > 0 && task.left > 0) {
      task.left--;
      const entry = live.queue.peek();
      const target = entry === undefined ? undefined : this.#destination(task, entry);
      if (entry === undefined || target === undefined) {
        task.running = false;
        break;
      }
      live.queue.remove(entry);
      const { message, group, fact } = entry;
      const moved = out.fact(F.redriven, message.id, target.place, 0, 0, 0, fact);
      this.#add(target, message, ++this.#messageIds, out.now, target.delayUs, group, 0, 0, out, moved);
      this.#servePolls(target, out);
    }
    if (task.running && task.left > 0) {
      out.timer(SECOND / task.perSecond, { type: 'move', queue: live.name, task } as MoveTimer);
    } else live.task = null;
  }

  #destination(task: MoveTask, entry: Entry): Live | undefined {
    if (task.to !== '') return this.#queues.get(task.to);
    for (const live of this.#queues.values()) if (live.place === entry.source) return live;
    return undefined;
  }

  // ── Changing a queue ────────────────────────────────────────────────────────────────────────────────────────────

  /** S18: deletes all at once, visible, in flight and delayed, and forgets the deduplication ids. The real one may take a minute. */
  #purge(from: ActorId, request: PurgeQueue, out: Out): void {
    const live = this.#queues.get(request.queue);
    if (live === undefined) return this.#result(from, 0, request.token, ERROR.noQueue, out);
    if (out.now - live.purgedAtUs < PURGE_US) return this.#result(from, 0, request.token, ERROR.purging, out);
    live.purgedAtUs = out.now;
    for (const entry of [...live.queue.entries()]) {
      out.fact(F.evicted, entry.message.id, live.place, 0, 0, R.purged, entry.fact);
      live.queue.remove(entry);
    }
    live.dedup?.clear();
    this.#result(from, 0, request.token, '', out);
  }

  #setAttributes(from: ActorId, request: SetQueueAttributes, out: Out): void {
    const live = this.#queues.get(request.queue);
    if (live !== undefined) this.#change(live, request.attributes, out);
    this.#result(from, 0, request.token, live === undefined ? ERROR.noQueue : '', out);
  }

  #change(live: Live, attributes: QueueAttributes, out: Out): void {
    const { VisibilityTimeout, DelaySeconds, MessageRetentionPeriod, ReceiveMessageWaitTimeSeconds } = attributes;
    live.visibilityUs = VisibilityTimeout ?? live.visibilityUs;
    live.waitUs = ReceiveMessageWaitTimeSeconds ?? live.waitUs;
    live.deadLetter = attributes.RedrivePolicy?.deadLetterTargetArn ?? live.deadLetter;
    live.maxReceiveCount = attributes.RedrivePolicy?.maxReceiveCount ?? live.maxReceiveCount;
    if (DelaySeconds !== undefined) {
      live.delayUs = DelaySeconds;
      // S16: on FIFO it also holds for messages that are delayed already.
      if (live.queue.fifo) live.queue.delayAnew(DelaySeconds);
      this.#becomeVisible(live, out);
    }
    if (MessageRetentionPeriod !== undefined) {
      live.retentionUs = MessageRetentionPeriod;
      this.#retain(live, out);
    }
  }
}

/** A name that ends in .fifo says it, or the attribute does (the real service wants both, S24). */
function isFifo(name: string, options: OptionValues): boolean {
  return name.endsWith('.fifo') || booleanOf(options, 'FifoQueue');
}

/** Why a SendMessage is refused; '' when it is not (S16, S24). */
function errorOfSend({ dedup, contentDedup, maxBytes }: Live, request: SendMessage): string {
  const { group, dedupId, delayUs, sizeBytes } = request;
  if (sizeBytes > maxBytes || delayUs > DELAY_US_MAX) return ERROR.invalid;
  if (dedup === null) return '';
  if (group === '') return ERROR.missing;
  if (!ID.test(group) || delayUs > 0) return ERROR.invalid;
  const known = dedupId === null ? contentDedup : ID.test(dedupId);
  return known ? '' : ERROR.invalid;
}

function sum(messages: readonly ReceivedMessage[]): number {
  let bytes = 0;
  for (const { message } of messages) bytes += message.sizeBytes;
  return bytes;
}

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
    partitions: 'SQS has no partitions; a FIFO queue orders each message group by itself.',
    acks: 'SQS answers SendMessage when the message is stored; there is no acks setting.',
    'x-message-ttl': 'SQS has MessageRetentionPeriod, 60 s at the least.',
    'x-max-length': 'SQS has no limit on the depth of a queue, only on messages in flight.',
    'auto.offset.reset': 'SQS keeps no offsets: what is deleted is gone, and nothing can be replayed.',
  },
  simplifications: [
    'The service is one node: its replication over servers is not shown, and what it has confirmed is never lost.',
    'A standard queue hands out the oldest visible message first; its best-effort order and occasional duplicates are not drawn.',
    'A short poll sees the whole queue, and one tenant of a standard queue is not preferred to another (fair queues).',
    'PurgeQueue takes effect at once; the real one may take a minute.',
    'Batch actions and ReceiveRequestAttemptId are left out, and so are the request limits per second.',
    'A FIFO queue searches all of its backlog for open groups, not only the first 120,000 messages.',
  ],
  build(spec, setup) {
    const name = spec.name === 'broker' ? 'sqs' : spec.name;
    const node = setup.actor(name, 'broker', new Sqs(spec.queues, setup));
    const fifo = spec.queues.filter((queue) => isFifo(queue.name, queue.options)).map((queue) => queue.name);
    return {
      nodes: [node],
      streams: false,
      nodesFor: () => [node],
      producerPort: (port, host) => new SqsProducerPort(node, fifo, port, host, setup),
      consumerPort: (port, host) => new SqsConsumerPort(node, port, host),
    };
  },
};
