/**
 * The append-only record of every fact of a run: rows of six 32-bit words in chunks, 24 bytes a fact, with the tables that give the numbers their
 * names. A run produces nothing else; all that a person sees is folded from it. Chunks are plain buffers, so a trace moves from the worker to
 * the page without copying, and a prefix of a trace is a trace.
 */
import { FACT_NAMES, FACTS, type FactKind, type FactName, type NamedFact } from '../core/facts.ts';
import type { Actor, ActorId, FactId, MessageId, Micros, Place, PlaceId } from '../core/types.ts';
import { MessageTable, type PackedMessages, type TracedMessage } from './message-table.ts';

const CHUNK_BITS = 14;
/** Facts in a chunk, a power of two. */
export const CHUNK = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK - 1;
const WORDS = 6;
const BYTES = 4 * WORDS;
const WIDE = 255;
const TWO32 = 4294967296;

/**
 * One chunk. `words` has the facts one after another, so that all of a fact lies in one line of the processor's cache: time, message, cause, place and
 * peer (16 bits each), value, and kind (8 bits), detail (8) and actor (16). Times are offsets from `base` modulo 2³² µs; `carries` lists the positions at which the offset wrapped (about every 71 min), so that
 * 32 bits are enough. `details` of 255 and more are in the trace's `wide` map.
 */
interface Chunk {
  readonly buffer: ArrayBuffer;
  readonly words: Uint32Array;
  readonly base: Micros;
  readonly carries: number[];
}

/** One fact, looked up. For people, files and tests; folds over long traces ask for one field at a time. */
export interface Fact {
  readonly id: FactId;
  readonly timeUs: Micros;
  readonly name: FactName;
  readonly actor: ActorId;
  readonly message: MessageId;
  readonly place: PlaceId;
  readonly peer: ActorId;
  readonly value: number;
  readonly detail: number;
  readonly cause: FactId;
}

/** What is moved between threads for a stretch of facts; see `Trace.take` and `Trace.give`. */
export interface TracePart {
  readonly count: number;
  readonly digest: string;
  readonly endedAtUs: Micros;
  readonly firstChunk: number;
  readonly chunks: readonly {
    readonly buffer: ArrayBuffer;
    readonly base: Micros;
    readonly carries: readonly number[];
  }[];
  readonly wide: readonly (readonly [FactId, number])[];
  readonly actors: readonly Actor[];
  readonly places: readonly Place[];
  readonly messages: PackedMessages;
}

export class Trace {
  /** Facts so far; they are numbered 1 … count. */
  count = 0;
  /** Where virtual time stood when the run ended (or stands, while it goes on). */
  endedAtUs: Micros = 0;
  readonly actors: Actor[] = [{ id: 0, name: 'world', kind: 'world', group: 'world' }];
  readonly places: Place[] = [{ id: 0, name: '', kind: 'none', parent: '', deadLetter: false }];

  #chunks: Chunk[] = [];
  readonly #messages = new MessageTable();
  #wide = new Map<FactId, number>();
  /** The facts in `#wide`, rising. */
  #wideFacts: FactId[] = [];
  #last: Chunk | null = null;
  #lastHigh = 0;
  // The digest of the facts up to `#hashed`.
  #hashed: FactId = 0;
  #hashA = 0x243f6a88;
  #hashB = 0x85a308d3;

  /** Records one fact; returns its number. Times never fall. */
  append(
    time: Micros,
    kind: FactKind,
    actor: ActorId,
    message: MessageId,
    place: PlaceId,
    peer: ActorId,
    value: number,
    detail: number,
    cause: FactId,
  ): FactId {
    const i = this.count & CHUNK_MASK;
    let chunk = this.#last;
    if (chunk === null || i === 0) {
      chunk = newChunk(time);
      this.#chunks.push(chunk);
      this.#last = chunk;
      this.#lastHigh = 0;
    }
    const id = ++this.count;
    let offset = time - chunk.base;
    if (offset >= TWO32) {
      const high = Math.floor(offset / TWO32);
      for (; this.#lastHigh < high; this.#lastHigh++) chunk.carries.push(i);
      offset -= high * TWO32;
    }
    const where = place | (peer << 16);
    const { words } = chunk;
    const at = i * WORDS;
    words[at] = offset;
    words[at + 1] = message;
    words[at + 2] = cause;
    words[at + 3] = where;
    words[at + 4] = value;
    words[at + 5] = kind | ((detail < WIDE ? detail : WIDE) << 8) | (actor << 16);
    if (detail >= WIDE) this.#widen(id, detail);
    return id;
  }

  addActor(actor: Actor): void {
    this.actors.push(actor);
  }

  addPlace(place: Place): void {
    this.places.push(place);
  }

  addMessage(message: TracedMessage): void {
    this.#messages.add(message);
  }

  /** Rolling hash over all facts so far, as `9f3c41ae-0b1d22f7`. Only what has come since it was last asked for is hashed, many facts in one go. */
  get digest(): string {
    while (this.#hashed < this.count) this.#hash(this.#chunk(this.#hashed + 1));
    return `${hex(this.#hashA)}-${hex(this.#hashB)}`;
  }

  /** Goes on with the digest to the end of a chunk, or of the trace: two lanes of multiply and rotate over every word. */
  #hash({ words, base, carries }: Chunk): void {
    const from = this.#hashed & CHUNK_MASK;
    const to = Math.min(CHUNK, from + this.count - this.#hashed);
    let a = this.#hashA;
    let b = this.#hashB;
    if (from === 0) {
      a = Math.imul(a ^ (base | 0), 0x9e3779b1);
      b = Math.imul(b ^ Math.floor(base / TWO32), 0x85ebca6b);
    }
    for (let i = from, at = from * WORDS; i < to; i++, at += WORDS) {
      const last = words[at + 5] as number;
      a = Math.imul(a ^ (words[at] as number), 0x9e3779b1);
      b = Math.imul(b ^ (words[at + 1] as number), 0x85ebca6b);
      a = Math.imul(((a << 13) | (a >>> 19)) ^ (words[at + 2] as number), 0xc2b2ae35);
      b = Math.imul(((b << 15) | (b >>> 17)) ^ (words[at + 3] as number), 0x27d4eb2f);
      a = ((a << 11) | (a >>> 21)) ^ (words[at + 4] as number);
      b = ((b << 7) | (b >>> 25)) ^ last;
      a = Math.imul(a ^ (a >>> 15), 0x2c1b3c6d) ^ b;
      b = Math.imul(b ^ (b >>> 13), 0x297a2d39) ^ ((a << 9) | (a >>> 23));
      if (((last >>> 8) & 255) === WIDE) a ^= Math.imul(this.detail(this.#hashed + 1 + i - from), 0x01000193);
      // An offset that wrapped looks like an earlier time.
      if (carries.length > 0 && carries.includes(i)) b = Math.imul(b, 0x165667b1);
    }
    this.#hashA = a;
    this.#hashB = b;
    this.#hashed += to - from;
  }

  /** Number of messages made so far; they are numbered 1 … messageCount. */
  get messageCount(): number {
    return this.#messages.count;
  }

  message(id: MessageId): TracedMessage {
    return this.#messages.get(id);
  }

  time(id: FactId): Micros {
    const i = (id - 1) & CHUNK_MASK;
    const chunk = this.#chunk(id);
    let high = 0;
    if (chunk.carries.length > 0) for (const from of chunk.carries) if (from <= i) high++;
    return chunk.base + high * TWO32 + (chunk.words[i * WORDS] as number);
  }

  kind(id: FactId): FactKind {
    return this.#word(id, 5) & 255;
  }

  actor(id: FactId): ActorId {
    return this.#word(id, 5) >>> 16;
  }

  messageOf(id: FactId): MessageId {
    return this.#word(id, 1);
  }

  cause(id: FactId): FactId {
    return this.#word(id, 2);
  }

  place(id: FactId): PlaceId {
    return this.#word(id, 3) & 0xffff;
  }

  peer(id: FactId): ActorId {
    return this.#word(id, 3) >>> 16;
  }

  value(id: FactId): number {
    return this.#word(id, 4);
  }

  detail(id: FactId): number {
    const detail = (this.#word(id, 5) >>> 8) & 255;
    return detail === WIDE ? (this.#wide.get(id) ?? WIDE) : detail;
  }

  name(id: FactId): FactName {
    const name = FACT_NAMES[this.kind(id)];
    if (name === undefined || name === '') throw new RangeError(`no fact ${id}; the trace has 1 … ${this.count}`);
    return name;
  }

  fact(id: FactId): Fact {
    return {
      id,
      timeUs: this.time(id),
      name: this.name(id),
      actor: this.actor(id),
      message: this.messageOf(id),
      place: this.place(id),
      peer: this.peer(id),
      value: this.value(id),
      detail: this.detail(id),
      cause: this.cause(id),
    };
  }

  /** The fact in one plain sentence. */
  sentence(id: FactId): string {
    const named: NamedFact = {
      actor: this.actorName(this.actor(id)),
      message: this.messageOf(id),
      place: this.placeName(this.place(id)),
      placeKind: this.places[this.place(id)]?.kind ?? 'none',
      peer: this.peer(id) === 0 ? '' : this.actorName(this.peer(id)),
      value: this.value(id),
      detail: this.detail(id),
    };
    return FACTS[this.name(id)].sentence(named);
  }

  actorName(id: ActorId): string {
    return this.actors[id]?.name ?? `actor ${id}`;
  }

  placeName(id: PlaceId): string {
    return this.places[id]?.name ?? `place ${id}`;
  }

  /** The last fact at or before a time; 0 when there is none. */
  lastAt(time: Micros): FactId {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.time(middle) <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /**
   * What has been added since `since` (a part's `count`, 0 for all), for another thread. Whole chunks from the first that changed; pass the buffers of
   * chunks that will not grow any more to `postMessage`'s transfer list only when this side no longer reads them.
   */
  take(since: FactId, sinceMessage: MessageId): TracePart {
    const firstChunk = Math.floor(since / CHUNK);
    const wide: (readonly [FactId, number])[] = [];
    for (let i = this.#wideFacts.length - 1; i >= 0; i--) {
      const id = this.#wideFacts[i] as FactId;
      if (id <= since) break;
      wide.push([id, this.#wide.get(id) as number]);
    }
    return {
      count: this.count,
      digest: this.digest,
      endedAtUs: this.endedAtUs,
      firstChunk,
      chunks: this.#chunks.slice(firstChunk).map(({ buffer, base, carries }) => ({ buffer, base, carries })),
      wide: wide.reverse(),
      actors: this.actors,
      places: this.places,
      messages: this.#messages.take(sinceMessage),
    };
  }

  /** Takes in a part made by `take` of another trace. Reading is all that this trace is good for afterwards; `partDigest` is its digest. */
  give(part: TracePart): void {
    this.#chunks.length = part.firstChunk;
    for (const { buffer, base, carries } of part.chunks) this.#chunks.push(chunkOver(buffer, base, [...carries]));
    for (const [id, detail] of part.wide) if (!this.#wide.has(id)) this.#widen(id, detail);
    this.actors.splice(0, this.actors.length, ...part.actors);
    this.places.splice(0, this.places.length, ...part.places);
    this.#messages.give(part.messages);
    this.count = part.count;
    this.endedAtUs = part.endedAtUs;
  }

  #widen(id: FactId, detail: number): void {
    this.#wide.set(id, detail);
    this.#wideFacts.push(id);
  }

  #word(id: FactId, word: number): number {
    return this.#chunk(id).words[((id - 1) & CHUNK_MASK) * WORDS + word] as number;
  }

  #chunk(id: FactId): Chunk {
    const chunk = this.#chunks[(id - 1) >> CHUNK_BITS];
    if (chunk === undefined) throw new RangeError(`no fact ${id}; the trace has 1 … ${this.count}`);
    return chunk;
  }
}

function newChunk(base: Micros): Chunk {
  return chunkOver(new ArrayBuffer(CHUNK * BYTES), base, []);
}

function chunkOver(buffer: ArrayBuffer, base: Micros, carries: number[]): Chunk {
  return {
    buffer,
    words: new Uint32Array(buffer),
    base,
    carries,
  };
}

function hex(n: number): string {
  return (n >>> 0).toString(16).padStart(8, '0');
}
