/**
 * Messages as columns, to cross a thread: two hundred thousand objects take a second to be copied and then to be collected, numbers next to nothing. Words that many
 * messages share (keys, routing keys, attributes) go once a part. A message becomes an object again when somebody asks for it.
 */
import type { MessageId } from '../core/types.ts';
import type { TracedMessage } from './trace.ts';

type Words = Pick<TracedMessage, 'key' | 'routingKey' | 'attributes'>;

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

/** Messages that follow each other, the first of them with this number. */
export function packMessages(messages: readonly TracedMessage[], first: MessageId): PackedMessages {
  const numbers = new Float64Array(messages.length * FIELDS);
  const wordsOf = new Uint32Array(messages.length);
  const words: Words[] = [];
  const known = new Map<string, number>();
  for (let i = 0; i < messages.length; i++) {
    const { producer, sequence, amount, sizeBytes, poison, producedAtUs, key, routingKey, attributes } = messages[
      i
    ] as TracedMessage;
    const at = i * FIELDS;
    numbers[at] = producer;
    numbers[at + 1] = sequence;
    numbers[at + 2] = amount;
    numbers[at + 3] = sizeBytes;
    numbers[at + 4] = poison ? 1 : 0;
    numbers[at + 5] = producedAtUs;
    const said = JSON.stringify([key, routingKey, attributes]);
    let index = known.get(said);
    if (index === undefined) {
      index = words.length;
      known.set(said, index);
      words.push({ key, routingKey, attributes });
    }
    wordsOf[i] = index;
  }
  return { first, count: messages.length, numbers, wordsOf, words };
}

/** The `i`-th message of a part, from 0. */
export function unpackMessage({ first, numbers, wordsOf, words }: PackedMessages, i: number): TracedMessage {
  const at = i * FIELDS;
  const { key, routingKey, attributes } = words[wordsOf[i] as number] as Words;
  return {
    id: first + i,
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
