/**
 * Streams of a node: appending, and readers that are pushed what lies at and after their own offset, as far as their prefetch reaches. Nothing that is
 * read goes away, so an ack is only credit, and a nack or reject is credit too: nothing returns (R66, R67).
 */
import { F, R } from '../facts.ts';
import type { Out } from '../machine.ts';
import type { AmqpMessage } from '../parts/amqp-message.ts';
import { NEVER } from '../parts/ready-list.ts';
import { streamOffset } from '../parts/stream-log.ts';
import type { RabbitHost } from './rabbitmq-host.ts';
import type { Keeper } from './rabbitmq-keeper.ts';
import type { Queue, Stream } from './rabbitmq-queue.ts';
import { type Consumer, notImplemented, type OnChannel, preconditionFailed, type Refusal } from './rabbitmq-session.ts';

export class Streams {
  readonly #host: RabbitHost;
  readonly #keeper: Keeper;
  /** Streams with messages that wait for the flush. */
  #written: { readonly queue: Queue; readonly stream: Stream }[] = [];

  constructor(host: RabbitHost, keeper: Keeper) {
    this.#host = host;
    this.#keeper = keeper;
  }

  /** A message arrives. It is readable after the flush, or at once when the node flushes each write. */
  append(queue: Queue, stream: Stream, message: AmqpMessage, out: Out): void {
    const { log } = stream;
    const fact = out.fact(F.appended, message.body.id, queue.place, 0, log.end);
    stream.appendFacts[log.append(message, out.now) - stream.factBase] = fact;
    if (this.#host.settings.flushUs === 0) return this.#flush(queue, stream, out);
    if (log.end === log.readable + 1) this.#written.push({ queue, stream });
    this.#host.armFlush(out);
  }

  /** What was written is on disk. */
  flush(out: Out): void {
    const written = this.#written;
    this.#written = [];
    for (const { queue, stream } of written) if (!queue.deleted) this.#flush(queue, stream, out);
  }

  /** The node died: what it had not flushed never was in the stream. */
  crash(queue: Queue, stream: Stream, out: Out): void {
    this.#written = [];
    const lost = stream.log.dropOpen();
    if (lost.length === 0) return;
    stream.appendFacts.length = stream.log.end - stream.factBase;
    out.fact(F.truncated, 0, queue.place, 0, stream.log.end);
    for (const { body } of lost) out.fact(F.lost, body.id, queue.place, 0, 0, R['not flushed']);
  }

  /** Why basic.consume is refused here: a reader needs a prefetch, and acks for its credit (R67). Else its first offset is found. */
  attach(consumer: Consumer, stream: Stream, method: OnChannel<'basic.consume'>, out: Out): Refusal | undefined {
    const { name } = consumer.queue;
    if (consumer.noAck) return notImplemented(`stream '${name}': automatic acknowledgement is not supported`);
    if (consumer.prefetch === 0) return preconditionFailed(`stream '${name}': consumer prefetch count is not set`);
    const wish = streamOffset(method.arguments?.['x-stream-offset'], out.now);
    if (typeof wish === 'string') return preconditionFailed(wish);
    consumer.offset = stream.log.resolve(wish);
    return undefined;
  }

  /** Pushes to every reader as far as its credit and the stream's flushed end reach. */
  push(queue: Queue, stream: Stream, out: Out): void {
    const { log } = stream;
    for (const consumer of queue.contents.consumers.all()) {
      // What retention took before it was read is passed over.
      if (consumer.offset < log.start) consumer.offset = log.start;
      while (consumer.offset < log.readable && consumer.canTake()) {
        const { offset } = consumer;
        const message = log.at(offset);
        if (message === undefined) throw new Error('invariant: what is readable is there');
        consumer.offset += 1;
        const entry = {
          message,
          position: offset,
          expiresAtUs: NEVER,
          deliveries: stream.attempt(consumer.channel.connection.peer, message.body.id) - 1,
          failures: 0,
          stored: true,
          readyFact: stream.appendFacts[offset - stream.factBase] ?? 0,
        };
        this.#keeper.deliver(consumer, entry, out);
      }
    }
  }

  /** A chunk is complete: readers get it, and a new segment may have let an old one go. */
  #flush(queue: Queue, stream: Stream, out: Out): void {
    const { log } = stream;
    if (!log.closeChunk(out.now)) return;
    if (log.retainIfBegun(out.now)) this.#moved(queue, stream, out);
    this.push(queue, stream, out);
  }

  /** Its limits were changed, and are looked at once. */
  changed(queue: Queue, stream: Stream, out: Out): void {
    if (stream.log.retain(out.now)) this.#moved(queue, stream, out);
  }

  #moved(queue: Queue, stream: Stream, out: Out): void {
    out.fact(F['log-start-moved'], 0, queue.place, 0, stream.log.start);
    stream.forgetBelow(stream.log.start);
  }
}
