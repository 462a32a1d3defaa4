/**
 * What a RabbitMQ stream keeps: an append-only list of messages by offset, in chunks (what was flushed together) and segments (what retention removes as
 * a whole). Reading takes nothing away, and there is no expiry, priority or return. It knows no consumers and keeps no time of its own.
 * Source: rules R66, R67. Simplification: a segment is measured by message bodies alone, without the headers of its chunks.
 */
import type { Micros } from '../types.ts';
import type { AmqpMessage } from './amqp-message.ts';
import { type HeaderValue, isList } from './headers-match.ts';

export interface StreamRules {
  /** `x-max-length-bytes`: while more than this is kept, the oldest segment goes; absent is no limit. */
  readonly maxLengthBytes: number | undefined;
  /** `x-max-age`: a segment goes when its newest message is older; absent is no limit. */
  readonly maxAgeUs: Micros | undefined;
  /** `x-stream-max-segment-size-bytes`: a segment that reached it is closed. */
  readonly segmentBytes: number;
}

/** Where reading begins: `x-stream-offset` of a consumer (R67). `timeUs` is a moment of the run; before its start it may be negative. */
export type StreamOffset =
  | { readonly type: 'first' | 'last' | 'next' }
  | { readonly type: 'offset'; readonly offset: number }
  | { readonly type: 'time'; readonly timeUs: Micros };

interface Chunk {
  readonly start: number;
  readonly timeUs: Micros;
}

interface Segment {
  readonly start: number;
  bytes: number;
  newestUs: Micros;
}

export class StreamLog {
  rules: StreamRules;
  /** Messages by offset, from `#base` on. */
  #messages: AmqpMessage[] = [];
  #base = 0;
  /** Closed chunks, oldest first; each reaches to the next one's start. */
  #chunks: Chunk[] = [];
  /** Never empty; the last one is being written. */
  #segments: Segment[] = [{ start: 0, bytes: 0, newestUs: 0 }];
  #readable = 0;
  /** A segment was begun, and the limits were not looked at since. */
  #began = false;
  sizeBytes = 0;

  constructor(rules: StreamRules) {
    this.rules = rules;
  }

  /** Offset of the oldest message that is kept; `end` when none is. */
  get start(): number {
    return this.#base;
  }

  /** Offset that the next message will get. */
  get end(): number {
    return this.#base + this.#messages.length;
  }

  /** Offsets below this are in closed chunks, which readers get. */
  get readable(): number {
    return this.#readable;
  }

  /** How many messages readers can get. */
  get kept(): number {
    return this.#readable - this.#base;
  }

  /** Gives the message's offset. It becomes readable when its chunk is closed. */
  append(message: AmqpMessage, nowUs: Micros): number {
    const offset = this.end;
    const { sizeBytes } = message.body;
    let segment = this.#lastSegment();
    if (segment.bytes >= this.rules.segmentBytes) {
      segment = { start: offset, bytes: 0, newestUs: nowUs };
      this.#segments.push(segment);
      this.#began = true;
    }
    segment.bytes += sizeBytes;
    segment.newestUs = nowUs;
    this.sizeBytes += sizeBytes;
    this.#messages.push(message);
    return offset;
  }

  at(offset: number): AmqpMessage | undefined {
    return this.#messages[offset - this.#base];
  }

  /** What was written since the last chunk becomes one; false when that is nothing. */
  closeChunk(nowUs: Micros): boolean {
    const { end } = this;
    if (this.#readable >= end) return false;
    this.#chunks.push({ start: this.#readable, timeUs: nowUs });
    this.#readable = end;
    return true;
  }

  /** Drops what no closed chunk holds, and gives it: a node that dies had not flushed it. */
  dropOpen(): AmqpMessage[] {
    const dropped = this.#messages.splice(this.#readable - this.#base);
    for (const { body } of dropped) {
      this.sizeBytes -= body.sizeBytes;
      this.#lastSegment().bytes -= body.sizeBytes;
    }
    return dropped;
  }

  /**
   * To be told after a chunk was closed: the server looks at the limits when it has begun a segment, and not before.
   * Source: rabbitmq/osiris src/osiris_log.erl. Gives whether the start moved.
   */
  retainIfBegun(nowUs: Micros): boolean {
    return this.#began && this.retain(nowUs);
  }

  /** Removes the segments that the limits allow no longer, never the one being written (R66). Gives whether the start moved. */
  retain(nowUs: Micros): boolean {
    this.#began = false;
    const { maxAgeUs, maxLengthBytes } = this.rules;
    const before = this.#base;
    while (this.#segments.length > 1) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined || next.start > this.#readable) break;
      const tooMuch = maxLengthBytes !== undefined && this.sizeBytes > maxLengthBytes;
      const tooOld = maxAgeUs !== undefined && nowUs - oldest.newestUs > maxAgeUs;
      if (!tooMuch && !tooOld) break;
      this.#segments.shift();
      this.sizeBytes -= oldest.bytes;
      this.#messages.splice(0, next.start - this.#base);
      this.#base = next.start;
    }
    if (this.#base === before) return false;
    while ((this.#chunks[1]?.start ?? Number.POSITIVE_INFINITY) <= this.#base) this.#chunks.shift();
    return true;
  }

  /** The offset at which a reader with this wish begins: never below the oldest message, never beyond the next one (R67). */
  resolve(wish: StreamOffset): number {
    switch (wish.type) {
      case 'first':
        return this.#base;
      case 'last':
        return Math.max(this.#base, this.#chunks.at(-1)?.start ?? this.#readable);
      case 'next':
        return this.#readable;
      case 'offset':
        return Math.min(Math.max(wish.offset, this.#base), this.#readable);
      case 'time': {
        // A chunk bears the time of its flush, so the first one that is not older may hold some older messages.
        const chunk = this.#chunks.find(({ timeUs }) => timeUs >= wish.timeUs);
        return Math.max(this.#base, chunk?.start ?? this.#readable);
      }
      default:
        return wish satisfies never;
    }
  }

  #lastSegment(): Segment {
    const segment = this.#segments.at(-1);
    if (segment === undefined) throw new Error('invariant: a stream always has the segment that it writes');
    return segment;
  }
}

/**
 * What `x-stream-offset` says, or why it is refused. Text: first, last, next, or how long ago (`90s`, `5m`); a whole number: that offset; a table
 * `{timestamp: seconds}`: that moment, as AMQP's type of that name. Absent: next.
 */
export function streamOffset(value: HeaderValue | undefined, nowUs: Micros): StreamOffset | string {
  if (value === undefined || value === 'next') return { type: 'next' };
  if (value === 'first' || value === 'last') return { type: value };
  if (typeof value === 'number' && Number.isInteger(value)) return { type: 'offset', offset: Math.max(0, value) };
  if (typeof value === 'string') {
    const ago = ageUs(value);
    if (ago !== undefined) return { type: 'time', timeUs: nowUs - ago };
  }
  if (typeof value === 'object' && value !== null && !isList(value)) {
    const seconds = value['timestamp'];
    if (typeof seconds === 'number') return { type: 'time', timeUs: seconds * 1_000_000 };
  }
  return `invalid x-stream-offset ${JSON.stringify(value)}; expected first, last, next, an offset, a timestamp or an interval such as 1h`;
}

const SECONDS: Readonly<Record<string, number>> = {
  Y: 31_536_000,
  M: 2_592_000,
  D: 86_400,
  h: 3600,
  m: 60,
  s: 1,
};

/** A span as `x-max-age` writes it, a whole number and one of Y, M, D, h, m, s; `undefined` for anything else. */
export function ageUs(text: string): Micros | undefined {
  const [, digits, unit = ''] = /^([0-9]+)([YMDhms])$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (SECONDS[unit] ?? 1) * 1_000_000;
}
