/**
 * The machine of Amazon SQS, Standard and FIFO: one managed service (a single node that does not lose what it has confirmed) with queues that hold messages until
 * they are deleted. A receive locks a message for its visibility timeout; nothing else comes between two consumers. What is in a queue is kept by
 * `SqsQueue`, its settings by `Live`; this file carries out the API's actions, records the facts, and sets the timers.
 * Rules: shared rule numbers S1–S34, from the SQS Developer Guide and API Reference.
 */
import { F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Wire } from '../machine.ts';
import type { OptionValues } from '../options.ts';
import { happens } from '../parts/distribution.ts';
import type { ActorId, FactId, Message, Micros, PlaceId } from '../types.ts';
import { errorOfChange, errorOfCreate, type Target } from './sqs-attributes.ts';
import { changeSettings, DEDUP_US, differs, type Live, liveQueue, type QueueTimer, settingsOf } from './sqs-live.ts';
import { end, isActive, type MoveTask, MoveTasks, TASK_RATE_MAX, TASK_US_MAX, TASKS_MAX } from './sqs-move-tasks.ts';
import { LONGEST_INVISIBLE_US } from './sqs-options.ts';
import type { Entry } from './sqs-queue.ts';
import { isCounted } from './sqs-quotas.ts';
import { errorOfBatch, errorOfReceive, errorOfSend } from './sqs-refusals.ts';
import {
  type AddPermission,
  type BatchResult,
  type CancelMessageMoveTask,
  type ChangeMessageVisibility,
  type CreateQueue,
  type DeleteMessage,
  type DeleteQueue,
  SQS_ERRORS as ERROR,
  type PlainResult,
  type PurgeQueue,
  type QueueAttributes,
  type ReceivedMessage,
  type ReceiveMessage,
  type ReceiveMessageResult,
  type RemovePermission,
  type SendMessage,
  type SendMessageResult,
  type SetQueueAttributes,
  type SqsBatch,
  type SqsRequest,
  type StartMessageMoveTask,
  type TagQueue,
  type UntagQueue,
} from './sqs-verbs.ts';

const SECOND = 1_000_000;
/** At most so many messages of a queue in flight (S20, FIFO since late 2024). */
const IN_FLIGHT_MAX = 120_000;
/** A queue is purged at most once in this time (S18). */
const PURGE_US = 60 * SECOND;
/** A queue's name may be used again so long after it was deleted. */
const DELETED_US = 60 * SECOND;
/** A message overtakes at most so many others at once where the order is drawn (S22). */
const OVERTAKEN_MAX = 9;
const NOTHING: ReceivedMessage[] = [];

export class Sqs implements Machine {
  readonly #queues = new Map<string, Live>();
  /** The queue that was asked for last. */
  #recent: Live | undefined;
  readonly #tasks = new MoveTasks();
  /** When each queue that is gone was deleted. */
  readonly #deleted = new Map<string, Micros>();
  readonly #setup: Setup;
  #messageIds = 0;
  /** There is a FIFO queue. */
  #hasQuotas = false;
  /** While a batch is carried out: the answers to its entries, in their order. */
  #caught: (SendMessageResult | PlainResult)[] | null = null;

  constructor(queues: readonly { readonly name: string; readonly options: OptionValues }[], setup: Setup) {
    this.#setup = setup;
    for (const { name, options } of queues) this.#addQueue(name, options, 0);
  }

  #addQueue(name: string, options: OptionValues, atUs: Micros): void {
    const live = liveQueue(name, options, this.#setup, atUs);
    if (live.queue.fifo) this.#hasQuotas = true;
    this.#queues.set(name, live);
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as SqsRequest;
    if (this.#hasQuotas && this.#throttles(from, request, out)) return;
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
      case 'SendMessageBatch':
      case 'DeleteMessageBatch':
      case 'ChangeMessageVisibilityBatch':
        return this.#batch(from, request, out);
      case 'CreateQueue':
        return this.#result(from, 0, request.token, this.#create(request, out), out);
      case 'DeleteQueue':
        return this.#deleteQueue(from, request, out);
      case 'TagQueue':
      case 'UntagQueue':
      case 'AddPermission':
      case 'RemovePermission':
        return this.#result(from, 0, request.token, this.#label(request), out);
      case 'Hangup':
        return this.peerLost(from);
      default:
        return request satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const timer = wire as QueueTimer | MoveTask;
    const live = this.#queueNamed(timer.queue);
    if (live === undefined) return;
    switch (timer.type) {
      case 'visible':
        return this.#becomeVisible(live, out);
      case 'retention':
        return this.#retain(live, out);
      case 'polls-over':
        return this.#endPolls(live, out);
      case 'move':
        return this.#move(live, timer, out);
      default:
        return timer satisfies never;
    }
  }

  /** The service is down for a while; it keeps its messages and locks, but waiting polls are cut and move tasks end. */
  crash(): void {
    for (const live of this.#queues.values()) {
      live.polls.clear();
      for (const task of this.#tasks.of(live.name)) if (isActive(task)) end(task, 'FAILED', 'ServiceUnavailable');
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
      // Asked for by the timeline, a new task takes the place of one that still runs.
      for (const task of this.#tasks.of(live.name)) if (isActive(task)) end(task, 'CANCELLED');
      const { to = '', perSecond = 0 } = command;
      this.#move(live, this.#tasks.start(live.name, to, perSecond, live.queue.visible, out.now), out);
    } else if (command.type === 'purge') {
      const live = this.#queues.get(command.queue);
      if (live !== undefined) this.#purgeNow(live, out);
    } else if (command.type === 'set' && command.path[0] === 'queues') {
      const live = this.#queues.get(command.path[1] ?? '');
      const attribute = command.path[2] ?? '';
      const [part] = command.path.slice(3);
      const value = part === undefined ? command.value : { [part]: command.value };
      if (live !== undefined) this.#change(live, { [attribute]: value } as QueueAttributes, out);
    }
  }

  /** What GetQueueAttributes calls approximate numbers (S19): exact here. Undefined when there is no such queue. */
  depth(name: string): { readonly visible: number; readonly inFlight: number; readonly delayed: number } | undefined {
    const queue = this.#queues.get(name)?.queue;
    return queue && { visible: queue.visible, inFlight: queue.inFlight, delayed: queue.delayed };
  }

  isFifo(name: string): boolean {
    return this.#queues.get(name)?.queue.fifo ?? false;
  }

  /** What GetQueueAttributes tells of the settings; undefined when there is no such queue. */
  settings(name: string): OptionValues | undefined {
    const live = this.#queues.get(name);
    return live && settingsOf(live);
  }

  /** ListQueueTags; undefined when there is no such queue. */
  tags(name: string): Readonly<Record<string, string>> | undefined {
    return this.#queues.get(name)?.labels.tags;
  }

  /** All that is in a queue, in the order of arrival; undefined when there is no such queue. */
  contents(name: string): readonly Message[] | undefined {
    return this.#queues
      .get(name)
      ?.queue.entries()
      .map(({ message }) => message);
  }

  /** ListMessageMoveTasks: those of a source, the newest first (S12). */
  moveTasks(source: string): readonly MoveTask[] {
    return this.#tasks.of(source);
  }

  /** ListDeadLetterSourceQueues: the queues that name this one as their dead-letter queue (S10). */
  sourcesOf(name: string): readonly string[] {
    return [...this.#queues.values()].filter(({ deadLetter }) => deadLetter === name).map((live) => live.name);
  }

  /** DeadLetterQueueSourceArn of a message that is in a queue now; '' when it was not dead-lettered, or is not there (S10). */
  deadLetterSource(name: string, receipt: number): string {
    const source = this.#queues.get(name)?.queue.find(receipt)?.source ?? 0;
    for (const live of this.#queues.values()) if (live.place === source) return live.name;
    return '';
  }

  /** Most requests name the queue that the one before named. */
  #queueNamed(name: string): Live | undefined {
    if (this.#recent?.name !== name) this.#recent = this.#queues.get(name);
    return this.#recent;
  }

  #batch(from: ActorId, request: SqsBatch, out: Out): void {
    const live = this.#queues.get(request.queue);
    const error = live === undefined ? ERROR.noQueue : errorOfBatch(request, live.queue.fifo, live.contentDedup);
    const answers: (SendMessageResult | PlainResult)[] = [];
    const entries = error === '' ? request.entries : [];
    // The single actions answer into this list meanwhile.
    this.#caught = answers;
    for (const { request: one } of entries) {
      if (one.type === 'SendMessage') this.#send(from, one, out);
      else if (one.type === 'DeleteMessage') this.#delete(from, one, out);
      else this.#changeVisibility(from, one, out);
    }
    this.#caught = null;
    const results = answers.map((result, i) => ({ id: entries[i]?.id ?? '', result }));
    this.#answerBatch(from, request, error, results, out);
  }

  #answerBatch(to: ActorId, request: SqsBatch, error: string, entries: BatchResult['entries'], out: Out): void {
    const result: BatchResult = { type: 'BatchResult', token: request.token, error, entries };
    const hop = request.type === 'SendMessageBatch' ? 'reply' : 'control';
    out.send(
      to,
      hop,
      result,
      request.entries.map(({ request: one }) => one.message.id),
    );
  }

  /** S34: answers a call beyond the quota of its queue with a refusal. */
  #throttles(from: ActorId, request: SqsRequest, out: Out): boolean {
    if (!isCounted(request)) return false;
    const live = this.#queueNamed(request.queue);
    if (live?.quotas?.take(request, out.now) !== false) return false;
    const { token } = request;
    switch (request.type) {
      case 'SendMessage':
        this.#refuse(from, request.message, live.place, token, ERROR.throttled, out, R['over capacity']);
        return true;
      case 'ReceiveMessage':
        this.#answer(from, request, NOTHING, ERROR.throttled, out);
        return true;
      case 'DeleteMessage':
      case 'ChangeMessageVisibility':
        out.fact(F['ack-refused'], request.message.id, live.place, from, 0, R['over capacity']);
        this.#result(from, request.message.id, token, ERROR.throttled, out);
        return true;
      default: {
        const refused = request.type === 'SendMessageBatch' ? F.rejected : F['ack-refused'];
        for (const { request: one } of request.entries)
          out.fact(refused, one.message.id, live.place, from, 0, R['over capacity']);
        this.#answerBatch(from, request, ERROR.throttled, [], out);
        return true;
      }
    }
  }

  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #send(from: ActorId, request: SendMessage, out: Out): void {
    const { message, token, group, dedupId } = request;
    const live = this.#queueNamed(request.queue);
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
    if (this.#caught === null) out.send(to, 'reply', result, message.id);
    else this.#caught.push(result);
  }

  #refuse(
    to: ActorId,
    message: Message,
    place: PlaceId,
    token: number,
    error: string,
    out: Out,
    reason = R['refused by the broker'],
  ): void {
    out.fact(F.rejected, message.id, place, to, 0, reason);
    const result: SendMessageResult = { type: 'SendMessageResult', token, error, messageId: 0, sequence: 0 };
    if (this.#caught === null) out.send(to, 'reply', result, message.id);
    else this.#caught.push(result);
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
    const live = this.#queueNamed(request.queue);
    if (live === undefined) return this.#answer(from, request, NOTHING, ERROR.noQueue, out);
    const waitUs = request.waitUs >= 0 ? request.waitUs : live.waitUs;
    const refused = errorOfReceive(request);
    if (refused !== '') return this.#answer(from, request, NOTHING, refused, out);
    if (live.queue.inFlight >= IN_FLIGHT_MAX && !live.queue.fifo && waitUs === 0) {
      return this.#answer(from, request, NOTHING, ERROR.overLimit, out);
    }
    if (request.attemptId !== undefined && this.#again(live, from, request, out)) return;
    // S15: a short poll may ask servers that have none of the messages.
    const misses = waitUs === 0 && happens(live.shortPollMisses, out, live.chance.misses);
    if (!misses && this.#hand(live, from, request, out)) return;
    if (waitUs === 0) return this.#answer(from, request, NOTHING, '', out);
    const untilUs = out.now + waitUs;
    live.polls.push({ from, request, untilUs, cause: out.cause });
    if (untilUs < live.pollsAtUs) this.#armPolls(live, untilUs, out);
  }

  /**
   * S31: a receive that is tried again under its ReceiveRequestAttemptId within five minutes gets the same messages and handles as long as all of them are
   * as it left them, and their visibility timeout begins anew.
   */
  #again(live: Live, from: ActorId, request: ReceiveMessage, out: Out): boolean {
    const { queue, attempts, place } = live;
    const attempt = attempts?.get(request.attemptId ?? '');
    if (attempt === undefined || out.now - attempt.atUs >= DEDUP_US) return false;
    for (const { handle } of attempt.handed) {
      const entry = queue.find(handle);
      if (entry?.state !== 'in flight' || !queue.isCurrent(entry, handle) || entry.visibleAtUs !== attempt.untilUs)
        return false;
    }
    const visibilityUs = request.visibilityUs >= 0 ? request.visibilityUs : live.visibilityUs;
    attempt.untilUs = out.now + visibilityUs;
    for (const { handle, message } of attempt.handed) {
      const entry = queue.find(handle) as Entry;
      entry.fact = out.fact(F.extended, message.id, place, from, Math.ceil(visibilityUs / 1000), 0);
      queue.postpone(entry, attempt.untilUs, out.now);
    }
    this.#armVisible(live, out);
    this.#answer(from, request, attempt.handed, '', out);
    return true;
  }

  #remember(live: Live, id: string, handed: readonly ReceivedMessage[], untilUs: Micros, now: Micros): void {
    live.attempts ??= new Map();
    const { attempts } = live;
    for (const [old, { atUs }] of attempts) {
      if (now - atUs < DEDUP_US) break;
      attempts.delete(old);
    }
    attempts.delete(id);
    attempts.set(id, { atUs: now, handed, untilUs });
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
      let entry: Entry | undefined = (last === undefined ? undefined : queue.successor(last)) ?? queue.peek();
      if (entry === undefined) break;
      if (live.outOfOrder > 0) entry = this.#another(live, entry, out);
      if (live.deadLetter !== '' && entry.receives - entry.before >= live.maxReceiveCount) {
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
      if (visibilityUs > 0) queue.postpone(entry, untilUs, out.now);
    }
    if (handed.length === 0) return false;
    if (visibilityUs === 0) this.#requeue(live, handed, out);
    if (request.attemptId !== undefined && queue.fifo) {
      this.#remember(live, request.attemptId, handed, untilUs, out.now);
    }
    this.#armVisible(live, out);
    this.#answer(from, request, handed, '', out);
    return true;
  }

  /** S22: the order is best effort, so that now and then a message overtakes those that came shortly before it. */
  #another({ queue, outOfOrder, chance: { order } }: Live, oldest: Entry, out: Out): Entry {
    const others = Math.min(queue.visible - 1, OVERTAKEN_MAX);
    if (others < 1 || !happens(outOfOrder, out, order)) return oldest;
    return queue.peekBehind(1 + out.choose(order, others)) ?? oldest;
  }

  /** What was handed out with a timeout of 0 is visible again, and only now: one receive does not get the same message twice. */
  #requeue({ queue, place }: Live, handed: readonly ReceivedMessage[], out: Out): void {
    for (const { handle } of handed) {
      const entry = queue.find(handle) as Entry;
      entry.fact = out.fact(F.requeued, entry.message.id, place, 0, 0, R['lock expired'], entry.fact);
      queue.postpone(entry, out.now, out.now);
    }
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
      if (!this.#hand(live, poll.from, poll.request, out)) return;
      live.polls.shift();
    }
  }

  // ── Settling ────────────────────────────────────────────────────────────────────────────────────────────────────

  #delete(from: ActorId, request: DeleteMessage, out: Out): void {
    const { message, receipt, token, attempt } = request;
    const live = this.#queueNamed(request.queue);
    if (live === undefined) return this.#result(from, message.id, token, ERROR.noQueue, out);
    const { queue, place } = live;
    if (!queue.hasIssued(receipt)) return this.#result(from, message.id, token, ERROR.handle, out);
    const entry = queue.find(receipt);
    let error = '';
    if (entry === undefined) {
      // Gone already: deleting is idempotent.
      out.fact(F['ack-refused'], message.id, place, from, 0, R.duplicate);
    } else if (
      (queue.fifo && entry.state === 'visible') ||
      (!queue.isCurrent(entry, receipt) && !happens(live.staleDeletes, out, live.chance.stale, message.decisionKey))
    ) {
      // S6: received again since, the answer is success whether it is deleted or not. S7: FIFO refuses, also when the time is just over.
      out.fact(F['ack-refused'], message.id, place, from, 0, R['lock expired']);
      if (queue.fifo) error = ERROR.invalid;
    } else {
      queue.remove(entry);
      const acked = out.fact(F.acked, message.id, place, from, 0, attempt);
      if (live.duplicates > 0) this.#comeAgain(live, entry, acked, out);
    }
    this.#result(from, message.id, token, error, out);
    if (queue.fifo || live.duplicates > 0) this.#servePolls(live, out);
  }

  /** S21: a server that did not hear of the delete still has its copy. */
  #comeAgain(
    live: Live,
    { message, messageId, sentAtUs, group, source, receives }: Entry,
    acked: FactId,
    out: Out,
  ): void {
    const key = (message.decisionKey + Math.imul(receives, 0x9e3779b1)) | 0;
    if (!happens(live.duplicates, out, live.chance.duplicates, key)) return;
    this.#add(live, message, messageId, sentAtUs, 0, group, source, receives, out, acked);
  }

  /** S3: the timeout is now + value, 0 makes the message visible at once, and the next receive has the queue's own again. */
  #changeVisibility(from: ActorId, request: ChangeMessageVisibility, out: Out): void {
    const { message, receipt, token, timeoutUs } = request;
    const live = this.#queueNamed(request.queue);
    if (live === undefined) return this.#result(from, message.id, token, ERROR.noQueue, out);
    const { queue, place } = live;
    if (!queue.hasIssued(receipt)) return this.#result(from, message.id, token, ERROR.handle, out);
    const entry = queue.find(receipt);
    // S6: on a standard queue an old handle changes the visibility of whoever holds the message now. S7: on FIFO it does not.
    const expired =
      entry !== undefined && queue.fifo && (entry.state === 'visible' || !queue.isCurrent(entry, receipt));
    // S4: twelve hours count from the receive; extending does not begin them anew.
    const tooLong = entry !== undefined && out.now + timeoutUs > entry.receivedAtUs + LONGEST_INVISIBLE_US;
    if (entry === undefined || expired || tooLong || timeoutUs < 0) {
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
    const result: PlainResult = { type: 'PlainResult', token, error };
    if (this.#caught === null) out.send(to, 'control', result, message);
    else this.#caught.push(result);
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
    if (live.queue.earliestDeadline >= live.visibleAtUs) return;
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

  /** S9: the receive that would exceed maxReceiveCount moves the message instead, each queue counting its own. S32: on FIFO what follows it in its group is released. */
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
    const running = this.#tasks.of(name).some(isActive);
    if (this.sourcesOf(name).length === 0 || running || perSecond > TASK_RATE_MAX) {
      return this.#result(from, 0, token, ERROR.invalid, out);
    }
    if (to !== '' && !this.#queues.has(to)) return this.#result(from, 0, token, ERROR.notFound, out);
    if (this.#tasks.active >= TASKS_MAX) return this.#result(from, 0, token, ERROR.overLimit, out);
    const task = this.#tasks.start(name, to, perSecond, live.queue.visible, out.now);
    out.send(from, 'control', { type: 'PlainResult', token, error: '', handle: task.handle } as PlainResult);
    this.#move(live, task, out);
  }

  /** S12: the task stops at its next step; until then it is CANCELLING. */
  #cancelMove(from: ActorId, { handle, token }: CancelMessageMoveTask, out: Out): void {
    const task = this.#tasks.byHandle(handle);
    if (task?.status !== 'RUNNING')
      return this.#result(from, 0, token, handle > 0 ? ERROR.notFound : ERROR.invalid, out);
    end(task, 'CANCELLING');
    out.send(from, 'control', { type: 'PlainResult', token, error: '', moved: task.moved } as PlainResult);
  }

  /** S12: messages of a dead-letter queue go back to where each came from, or to a named queue, as new messages. */
  #move(live: Live, task: MoveTask, out: Out): void {
    if (task.status === 'CANCELLING') end(task, 'CANCELLED');
    if (out.now - task.startedAtUs >= TASK_US_MAX && isActive(task)) end(task, 'FAILED', 'TimedOut');
    let budget = task.perSecond > 0 ? 1 : task.left;
    while (task.status === 'RUNNING' && budget-- > 0 && task.left > 0) {
      task.left--;
      const entry = live.queue.peek();
      if (entry === undefined) {
        task.left = 0;
        break;
      }
      const target = this.#destination(task, entry);
      if (target === undefined) {
        // S13: the destination was deleted, or the message was sent here and came from nowhere.
        end(
          task,
          'FAILED',
          task.to === '' ? 'CouldNotDetermineMessageSource' : 'AWS.SimpleQueueService.NonExistentQueue',
        );
        break;
      }
      live.queue.remove(entry);
      task.moved++;
      const { message, group, fact } = entry;
      const moved = out.fact(F.redriven, message.id, target.place, 0, 0, 0, fact);
      this.#add(target, message, ++this.#messageIds, out.now, target.delayUs, group, 0, 0, out, moved);
      this.#servePolls(target, out);
    }
    if (task.status !== 'RUNNING') return;
    if (task.left > 0) out.timer(SECOND / task.perSecond, task);
    else end(task, 'COMPLETED');
  }

  #destination(task: MoveTask, entry: Entry): Live | undefined {
    if (task.to !== '') return this.#queues.get(task.to);
    for (const live of this.#queues.values()) if (live.place === entry.source) return live;
    return undefined;
  }

  // ── Changing a queue ────────────────────────────────────────────────────────────────────────────────────────────

  /** S18: deletes all at once, visible, in flight and delayed, and forgets the deduplication ids. The real one may take a minute. */
  #purge(from: ActorId, request: PurgeQueue, out: Out): void {
    const live = this.#queueNamed(request.queue);
    if (live === undefined) return this.#result(from, 0, request.token, ERROR.noQueue, out);
    this.#result(from, 0, request.token, this.#purgeNow(live, out) ? '' : ERROR.purging, out);
  }

  /** False within a minute after the last time: then nothing is deleted. */
  #purgeNow(live: Live, out: Out): boolean {
    if (out.now - live.purgedAtUs < PURGE_US) return false;
    live.purgedAtUs = out.now;
    for (const entry of [...live.queue.entries()]) {
      out.fact(F.evicted, entry.message.id, live.place, 0, 0, R.purged, entry.fact);
      live.queue.remove(entry);
    }
    live.dedup?.clear();
    return true;
  }

  #setAttributes(from: ActorId, request: SetQueueAttributes, out: Out): void {
    const live = this.#queueNamed(request.queue);
    let error: string = ERROR.noQueue;
    if (live !== undefined) {
      const attributes = request.attributes as OptionValues;
      error = errorOfChange(live.name, attributes, live.queue.fifo, settingsOf(live), this.#targetOf);
      if (error === '') this.#change(live, request.attributes, out);
    }
    this.#result(from, 0, request.token, error, out);
  }

  readonly #targetOf = (queue: string): Target | undefined => {
    const live = this.#queues.get(queue);
    return live && { fifo: live.queue.fifo, allows: live.allows };
  };

  #label(request: TagQueue | UntagQueue | AddPermission | RemovePermission): string {
    const labels = this.#queues.get(request.queue)?.labels;
    if (labels === undefined) return ERROR.noQueue;
    switch (request.type) {
      case 'TagQueue':
        return labels.tag(request.tags);
      case 'UntagQueue':
        return labels.untag(request.keys);
      case 'AddPermission':
        return labels.permit(request.label, request.accounts, request.actions);
      case 'RemovePermission':
        return labels.forbid(request.label);
      default:
        return request satisfies never;
    }
  }

  /** Creating a queue again is fine unless its attributes differ; one that was deleted is not created anew for a minute. */
  #create({ queue: name, attributes, tags }: CreateQueue, out: Out): string {
    const error = errorOfCreate(name, attributes, this.#targetOf);
    if (error !== '') return error;
    const live = this.#queues.get(name);
    if (live !== undefined) return differs(live, attributes) ? ERROR.exists : '';
    if (out.now - (this.#deleted.get(name) ?? Number.NEGATIVE_INFINITY) < DELETED_US) return ERROR.deletedRecently;
    this.#addQueue(name, attributes, out.now);
    return tags === undefined ? '' : (this.#queues.get(name)?.labels.tag(tags) ?? '');
  }

  /** Everything in it is gone, and whoever waits at it is told. */
  #deleteQueue(from: ActorId, { queue: name, token }: DeleteQueue, out: Out): void {
    const live = this.#queues.get(name);
    if (live === undefined) return this.#result(from, 0, token, ERROR.noQueue, out);
    for (const entry of live.queue.entries()) {
      out.fact(F.evicted, entry.message.id, live.place, 0, 0, R.purged, entry.fact);
      live.queue.remove(entry);
    }
    // S13: there is nothing left to be moved from it.
    for (const task of this.#tasks.of(name))
      if (isActive(task)) end(task, 'FAILED', 'AWS.SimpleQueueService.NonExistentQueue');
    this.#queues.delete(name);
    this.#recent = undefined;
    this.#deleted.set(name, out.now);
    for (let poll = live.polls.shift(); poll !== undefined; poll = live.polls.shift()) {
      this.#answer(poll.from, poll.request, NOTHING, ERROR.noQueue, out, poll.cause);
    }
    this.#result(from, 0, token, '', out);
  }

  #change(live: Live, attributes: QueueAttributes, out: Out): void {
    changeSettings(live, attributes, out.now);
    if (attributes.DelaySeconds !== undefined) {
      // S16: on FIFO it also holds for messages that are delayed already.
      if (live.queue.fifo) live.queue.delayAnew(live.delayUs);
      this.#becomeVisible(live, out);
    }
    if (attributes.MessageRetentionPeriod !== undefined) this.#retain(live, out);
  }
}

function sum(messages: readonly ReceivedMessage[]): number {
  let bytes = 0;
  for (const { message } of messages) bytes += message.sizeBytes;
  return bytes;
}
