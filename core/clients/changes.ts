/**
 * Which of a client's own settings may change while it runs, by a `set` line of the timeline: the file's word, and the setting that it is here. All else
 * (where it reads, how many there are, when it settles) is what the process was built for. A broker's options are its port's or its nodes' business.
 */
import type { Command } from '../machine.ts';

export const CONSUMER_CHANGES = {
  process: 'process',
  fail: 'failProbability',
  'on-failure': 'onFailure',
  'on-poison': 'onPoison',
} as const;

/** `rate` is not among them: a new rate begins at once, so the producer carries it out itself. */
export const PRODUCER_CHANGES = { poison: 'poisonProbability', amount: 'amount', size: 'sizeBytes' } as const;

export const STORE_CHANGES = {
  write: 'write',
  fail: 'failProbability',
  capacity: 'perSecondMax',
  concurrency: 'concurrency',
} as const;

/** The settings after a change; the same ones when it is about something else. The parser has read the value by the word's own shape. */
export function changed<S extends object>(
  settings: S,
  words: Readonly<Record<string, keyof S & string>>,
  { path, value }: Extract<Command, { type: 'set' }>,
): S {
  const [word = '', ...deeper] = path;
  const name = Object.hasOwn(words, word) ? words[word] : undefined;
  return name === undefined || deeper.length > 0 ? settings : { ...settings, [name]: value };
}
