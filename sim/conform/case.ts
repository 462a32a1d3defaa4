/**
 * The grammar of one replayed case: JSON whose every key must be understood, and findings that collect what differed. A runner reads a case through
 * `Fields`, which remembers what was asked for; a key that nobody asked for, or a value of another type, means that the runner does not know
 * the shape, and the case is unknown rather than passed. That is said by throwing `UnknownShape`, which only `index.ts` catches: a case is abandoned
 * from whatever depth it turns out to be strange.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonTable;
export interface JsonTable {
  readonly [name: string]: Json;
}

/** The runner does not know what this part of a case means; the text says which part. */
export class UnknownShape extends Error {}

/** One thing that was not as expected. `where` names the result, step or field. */
export interface Difference {
  readonly where: string;
  readonly expected: Json;
  readonly actual: Json;
}

/** What a case came to so far. */
export class Findings {
  readonly differences: Difference[] = [];
  /** How many comparisons were made; a case that compares nothing shows nothing. */
  compared = 0;

  /** Compares whole values; the order of keys does not count, that of lists does. */
  same(where: string, expected: Json, actual: Json): void {
    this.holds(where, sameJson(expected, actual), expected, actual);
  }

  /** For what is not plain equality; `expected` and `actual` say it to a person. */
  holds(where: string, holds: boolean, expected: Json, actual: Json): void {
    this.compared += 1;
    if (!holds) this.differences.push({ where, expected, actual });
  }

  /** Takes over what was found in one of several runs of the same case; `run` says which. */
  adopt({ compared, differences }: Findings, run: string): void {
    this.compared += compared;
    for (const { where, ...rest } of differences) this.differences.push({ where: `${where} (${run})`, ...rest });
  }
}

/** Runs one case; throws `UnknownShape` when it cannot tell what is meant. */
export type Runner = (input: JsonTable, findings: Findings) => void;

/** A record whose keys are read one by one; `end` complains of those that were not. */
export class Fields {
  readonly record: JsonTable;
  readonly #where: string;
  readonly #read = new Set<string>();

  constructor(value: Json | undefined, where: string) {
    if (!isTable(value)) throw new UnknownShape(`${where} is no object`);
    this.record = value;
    this.#where = where;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.record, name);
  }

  /** Whatever is there; undefined when nothing is. */
  get(name: string): Json | undefined {
    this.#read.add(name);
    return this.has(name) ? this.record[name] : undefined;
  }

  text(name: string, otherwise?: string): string {
    const value = this.get(name) ?? otherwise;
    if (typeof value !== 'string') throw this.#strange(name, 'text');
    return value;
  }

  number(name: string, otherwise?: number): number {
    const value = this.get(name) ?? otherwise;
    if (typeof value !== 'number') throw this.#strange(name, 'a number');
    return value;
  }

  flag(name: string): boolean {
    const value = this.get(name) ?? false;
    if (typeof value !== 'boolean') throw this.#strange(name, 'true or false');
    return value;
  }

  list(name: string, otherwise?: readonly Json[]): readonly Json[] {
    const value = this.get(name) ?? otherwise;
    if (!isList(value)) throw this.#strange(name, 'a list');
    return value;
  }

  numbers(name: string): readonly number[] {
    return this.list(name).map((item) => {
      if (typeof item !== 'number') throw this.#strange(name, 'a list of numbers');
      return item;
    });
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((item) => {
      if (typeof item !== 'string') throw this.#strange(name, 'a list of texts');
      return item;
    });
  }

  table(name: string): JsonTable {
    const value = this.get(name) ?? {};
    if (!isTable(value)) throw this.#strange(name, 'an object');
    return value;
  }

  fields(name: string): Fields {
    return new Fields(this.get(name), `${this.#where}.${name}`);
  }

  /** The records of a list; none when it is absent. */
  rows(name: string): Fields[] {
    return this.list(name, []).map((row, index) => new Fields(row, `${this.#where}.${name}[${index}]`));
  }

  /** Explains and is not compared. */
  skip(...names: readonly string[]): this {
    for (const name of names) this.#read.add(name);
    return this;
  }

  /** Every key must have been asked for by now. */
  end(): void {
    const unread = Object.keys(this.record).filter((name) => !this.#read.has(name));
    if (unread.length > 0) throw new UnknownShape(`${this.#where} has ${unread.join(', ')}`);
  }

  #strange(name: string, wanted: string): UnknownShape {
    return new UnknownShape(`${this.#where}.${name} is not ${wanted}`);
  }
}

/** A case of vectors; what only explains it is passed over. Its reader asks for the rest, to the `end`. */
export function caseOf(table: JsonTable): Fields {
  return new Fields(table, 'the case').skip('id', 'source', 'note', 'title');
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isTable(value: Json | undefined): value is JsonTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a recording told that this part differed between its runs: it is not compared. */
function isUnstable(value: Json | undefined): boolean {
  return isTable(value) && Object.hasOwn(value, '$unstable');
}

/** What a message holds: a text, or `{"$repeat": [text, n]}`. */
export function textOf(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  const repeat = isTable(value) ? value['$repeat'] : undefined;
  const [part, times] = isList(repeat) ? repeat : [];
  if (typeof part !== 'string' || typeof times !== 'number') throw new UnknownShape('what a message holds is no text');
  return part.repeat(times);
}

/** Deep equality; numbers equal their like, keys may come in any order. */
export function sameJson(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (isList(left)) {
    return (
      isList(right) && left.length === right.length && left.every((item, index) => sameJson(item, right[index] as Json))
    );
  }
  if (!isTable(left) || !isTable(right)) return false;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => Object.hasOwn(right, name) && sameJson(left[name] as Json, right[name] as Json));
}

/** A time that was measured may differ by so many milliseconds for each step that had passed. */
export const SLACK_MS = 100;

/**
 * Whether what was seen is what was recorded: a part that differed between the recorder's runs is not compared, a measured time may be off by `slackMs`, and of an error only
 * its code counts. `ordered` puts a list into the order in which it is compared, where its own is not promised.
 */
export function asRecorded(
  recorded: Json,
  seen: Json,
  slackMs: number,
  ordered: (list: readonly Json[]) => readonly Json[] = (list) => list,
): boolean {
  if (isUnstable(recorded)) return true;
  if (isList(recorded)) {
    if (!isList(seen) || recorded.length !== seen.length) return false;
    const [left, right] = [ordered(recorded), ordered(seen)];
    return left.every((one, index) => asRecorded(one, right[index] as Json, slackMs, ordered));
  }
  if (!isTable(recorded)) return recorded === seen;
  const measured = recorded['$ms'];
  if (measured !== undefined) {
    const [least, most] = isList(measured) ? measured : [];
    if (typeof least !== 'number' || typeof most !== 'number') throw new UnknownShape('a time without bounds');
    return typeof seen === 'number' && seen >= least - slackMs && seen <= most + slackMs;
  }
  if (!isTable(seen)) return false;
  if (typeof recorded['error'] === 'string') return recorded['error'] === seen['error'];
  const names = Object.keys(recorded);
  return (
    names.length === Object.keys(seen).length &&
    names.every(
      (name) => Object.hasOwn(seen, name) && asRecorded(recorded[name] as Json, seen[name] as Json, slackMs, ordered),
    )
  );
}

/** Whether two lists hold the same items in any order. */
export function sameItems(left: readonly Json[], right: readonly Json[]): boolean {
  const text = (items: readonly Json[]): Json => items.map((item) => JSON.stringify(item)).sort();
  return sameJson(text(left), text(right));
}

const ORDINALS = ['First', 'Second', 'Third', 'Fourth', 'Fifth', 'Sixth'];

/** Place of an ordinal number in words, from 0; −1 for another word. */
export function ordinalOf(word: string): number {
  return ORDINALS.indexOf(word);
}
