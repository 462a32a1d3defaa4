/**
 * The messages of a trace as columns of numbers: two hundred thousand objects that live as long as the run cost the collector more than all else, and
 * take a second to cross a thread. What many messages share (keys, routing keys, attributes) is kept once. A message becomes an object again when somebody
 * asks for it.
 */
import type { Message, MessageId } from '../core/types.ts';

/** A message as the trace remembers it: what stories, colours and checks need. */
export type TracedMessage = Omit<Message, 'decisionKey'>;

type Words = Pick<TracedMessage, 'key' | 'routingKey' | 'attributes'>;

/** A stretch of a table, to cross a thread. */
export interface PackedMessages {
  /** Number of the first one; the others follow. */
  readonly first: MessageId;
  readonly count: number;
  /** Six numbers a message: producer, sequence, amount, size in bytes, 1 for poison, and when it was made in µs. */
  readonly numbers: Float64Array;
  /** Index into `words`, a message each. */
  readonly wordsOf: Uint32Array;
  readonly words: readonly Words[];
}

const FIELDS = 6;
const PAGE_BITS = 12;
/** Messages in a page, a power of two. */
const PAGE = 1 << PAGE_BITS;
const PAGE_MASK = PAGE - 1;

/** A stretch of the columns; see `PackedMessages`. */
interface Page {
  readonly numbers: Float64Array;
  readonly wordsOf: Uint32Array;
}

export class MessageTable {
  /** Messages so far; they are numbered 1 … count. */
  count = 0;
  readonly #pages: Page[] = [];
  // Words by index, in lists of their own: of messages that share none, an object each would have to be kept.
  readonly #keys: Words['key'][] = [];
  readonly #routingKeys: Words['routingKey'][] = [];
  readonly #attributes: Words['attributes'][] = [];
  /** By key: the last words that have it. */
  readonly #known = new Map<string | null, number>();
  /** The words of the message that came last. */
  #last = -1;
  /** Those that somebody has asked for. */
  readonly #asked: (TracedMessage | undefined)[] = [];

  /** Adds the message whose number is count + 1. */
  add({
    producer,
    sequence,
    amount,
    sizeBytes,
    poison,
    producedAtUs,
    key,
    routingKey,
    attributes,
  }: TracedMessage): void {
    const { numbers, wordsOf } = this.#pageOf(this.count);
    const i = this.count++ & PAGE_MASK;
    const at = i * FIELDS;
    numbers[at] = producer;
    numbers[at + 1] = sequence;
    numbers[at + 2] = amount;
    numbers[at + 3] = sizeBytes;
    numbers[at + 4] = poison ? 1 : 0;
    numbers[at + 5] = producedAtUs;
    if (!this.#says(this.#last, key, routingKey, attributes)) this.#last = this.#wordsWith(key, routingKey, attributes);
    wordsOf[i] = this.#last;
  }

  get(id: MessageId): TracedMessage {
    const known = this.#asked[id - 1];
    if (known !== undefined) return known;
    if (!(id >= 1 && id <= this.count)) throw new RangeError(`no message ${id}; the trace has 1 … ${this.count}`);
    const message = this.#read(id);
    // One by one, so that the array stays an array.
    while (this.#asked.length < this.count) this.#asked.push(undefined);
    this.#asked[id - 1] = message;
    return message;
  }

  /** All that came after so many messages. */
  take(since: number): PackedMessages {
    const count = Math.max(0, this.count - since);
    const numbers = new Float64Array(count * FIELDS);
    const wordsOf = new Uint32Array(count);
    const words: Words[] = [];
    // Attributes that say the same are often different objects.
    const bySaying = new Map<string, number>();
    const byIndex = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      const page = this.#pageOf(since + i);
      const from = (since + i) & PAGE_MASK;
      for (let field = 0; field < FIELDS; field++) {
        numbers[i * FIELDS + field] = page.numbers[from * FIELDS + field] as number;
      }
      const index = page.wordsOf[from] as number;
      let taken = byIndex.get(index);
      if (taken === undefined) {
        const { key, routingKey, attributes } = this.#wordsAt(index);
        const saying = JSON.stringify([key, routingKey, attributes]);
        taken = bySaying.get(saying);
        if (taken === undefined) {
          taken = words.length;
          bySaying.set(saying, taken);
          words.push({ key, routingKey, attributes });
        }
        byIndex.set(index, taken);
      }
      wordsOf[i] = taken;
    }
    return { first: since + 1, count, numbers, wordsOf, words };
  }

  /** Takes in what another table gave; whatever is here from its first number on makes way. */
  give({ first, count, numbers, wordsOf, words }: PackedMessages): void {
    this.count = first - 1;
    this.#asked.length = Math.min(this.#asked.length, this.count);
    const shift = this.#keys.length;
    for (const { key, routingKey, attributes } of words) this.#addWords(key, routingKey, attributes);
    for (let i = 0; i < count; i++) {
      const page = this.#pageOf(this.count);
      const to = this.count++ & PAGE_MASK;
      for (let field = 0; field < FIELDS; field++) {
        page.numbers[to * FIELDS + field] = numbers[i * FIELDS + field] as number;
      }
      page.wordsOf[to] = shift + (wordsOf[i] as number);
    }
  }

  #read(id: MessageId): TracedMessage {
    const { numbers, wordsOf } = this.#pageOf(id - 1);
    const i = (id - 1) & PAGE_MASK;
    const at = i * FIELDS;
    const { key, routingKey, attributes } = this.#wordsAt(wordsOf[i] as number);
    return {
      id,
      producer: numbers[at] as number,
      sequence: numbers[at + 1] as number,
      key,
      routingKey,
      attributes,
      amount: numbers[at + 2] as number,
      sizeBytes: numbers[at + 3] as number,
      poison: numbers[at + 4] === 1,
      producedAtUs: numbers[at + 5] as number,
    };
  }

  /** The page of the message at this index, from 0; the next one after the last is made. */
  #pageOf(index: number): Page {
    const page = this.#pages[index >> PAGE_BITS];
    if (page !== undefined) return page;
    const made = { numbers: new Float64Array(PAGE * FIELDS), wordsOf: new Uint32Array(PAGE) };
    this.#pages.push(made);
    return made;
  }

  #says(index: number, key: Words['key'], routingKey: Words['routingKey'], attributes: Words['attributes']): boolean {
    return (
      index >= 0 &&
      this.#keys[index] === key &&
      this.#routingKeys[index] === routingKey &&
      this.#attributes[index] === attributes
    );
  }

  /** The index of these words, which are remembered. */
  #wordsWith(key: Words['key'], routingKey: Words['routingKey'], attributes: Words['attributes']): number {
    const known = this.#known.get(key);
    if (known !== undefined && this.#says(known, key, routingKey, attributes)) return known;
    const index = this.#addWords(key, routingKey, attributes);
    this.#known.set(key, index);
    return index;
  }

  #addWords(key: Words['key'], routingKey: Words['routingKey'], attributes: Words['attributes']): number {
    this.#routingKeys.push(routingKey);
    this.#attributes.push(attributes);
    return this.#keys.push(key) - 1;
  }

  #wordsAt(index: number): Words {
    return {
      key: this.#keys[index] as Words['key'],
      routingKey: this.#routingKeys[index] as Words['routingKey'],
      attributes: this.#attributes[index] as Words['attributes'],
    };
  }
}
