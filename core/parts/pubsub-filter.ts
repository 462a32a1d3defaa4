/**
 * The filter language of a Google Pub/Sub subscription: a condition over a message's attributes, never over its data. It is parsed once, when the subscription
 * is made, and then asked for each message. A filter that cannot be read is refused with the place and the reason; matching itself cannot fail.
 * Source: rule G17.
 */

/** A filter is at most so many bytes long (G17). */
const LONGEST_BYTES = 256;

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A filter that was read. `has`: the attribute is there; `is`, `isNot`, `begins` compare its value with a text. */
export type PubsubFilter =
  | { readonly type: 'has'; readonly key: string }
  | { readonly type: 'is' | 'isNot' | 'begins'; readonly key: string; readonly text: string }
  | { readonly type: 'not'; readonly of: PubsubFilter }
  | { readonly type: 'and' | 'or'; readonly of: readonly PubsubFilter[] };

/** Why a text is no filter; `at` counts characters from 0. */
export interface FilterMistake {
  readonly mistake: string;
  readonly at: number;
}

/** Whether a message with these attributes passes. An attribute that is absent differs from every text, so `!=` is true of it. */
export function filterMatches(filter: PubsubFilter, attributes: Attributes): boolean {
  switch (filter.type) {
    case 'has':
      return Object.hasOwn(attributes, filter.key);
    case 'is':
      return textOf(attributes, filter.key) === filter.text;
    case 'isNot':
      return textOf(attributes, filter.key) !== filter.text;
    case 'begins':
      return textOf(attributes, filter.key)?.startsWith(filter.text) ?? false;
    case 'not':
      return !filterMatches(filter.of, attributes);
    case 'and':
      for (const one of filter.of) if (!filterMatches(one, attributes)) return false;
      return true;
    case 'or':
      for (const one of filter.of) if (filterMatches(one, attributes)) return true;
      return false;
    default:
      return filter satisfies never;
  }
}

/** Attributes are texts on the wire, whatever the scenario wrote. */
function textOf(attributes: Attributes, key: string): string | undefined {
  return Object.hasOwn(attributes, key) ? String(attributes[key]) : undefined;
}

/** Reads a filter; an empty text is none and must not be asked here. */
export function parsePubsubFilter(text: string): PubsubFilter | FilterMistake {
  const bytes = utf8Length(text);
  if (bytes > LONGEST_BYTES)
    return { mistake: `a filter has at most ${LONGEST_BYTES} bytes, this has ${bytes}`, at: 0 };
  const tokens = tokensOf(text);
  if ('mistake' in tokens) return tokens;
  return new Parser(tokens, text.length).whole();
}

export function isFilterMistake(result: PubsubFilter | FilterMistake): result is FilterMistake {
  return 'mistake' in result;
}

/** Length of a text in UTF-8, which all limits of Pub/Sub count in. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const point = letter.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** `sign` is one of `. : = != ( ) , -`; a word is a bare name, a text was quoted. */
interface Token {
  readonly type: 'sign' | 'word' | 'text';
  readonly value: string;
  readonly at: number;
}

const WORD = /[\p{L}\p{N}_][\p{L}\p{N}_-]*/uy;
const SPACE = /\s+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SIGN = /!=|[.:=(),-]/y;
const ESCAPE = /\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)/gs;
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function tokensOf(text: string): readonly Token[] | FilterMistake {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const space = take(SPACE);
    const word = take(WORD);
    const quoted = take(QUOTED);
    const sign = take(SIGN);
    const found = space ?? word ?? quoted ?? sign;
    if (found === null) return { mistake: `\`${text.slice(at, at + 10)}\` means nothing here`, at };
    if (word !== null) tokens.push({ type: 'word', value: word[0], at });
    else if (quoted !== null) tokens.push({ type: 'text', value: unescaped(quoted[1] ?? ''), at });
    else if (sign !== null) tokens.push({ type: 'sign', value: sign[0], at });
    at += found[0].length;
  }
  return tokens;
}

function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, code: string) =>
    code.length > 1
      ? String.fromCodePoint(Math.min(Number.parseInt(code.slice(1), 16), 0x10ffff))
      : (ESCAPED[code] ?? code),
  );
}

/** One method for each level: alternatives or conjunctions, of terms that may be negated, of conditions or parentheses. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #next = 0;

  constructor(tokens: readonly Token[], end: number) {
    this.#tokens = tokens;
    this.#end = end;
  }

  whole(): PubsubFilter | FilterMistake {
    const filter = this.#row();
    if (isFilterMistake(filter)) return filter;
    return this.#peek() === undefined ? filter : this.#wrong('the end, AND or OR');
  }

  /** Terms joined by AND, or by OR; both in one row are refused, because nothing says which binds closer. */
  #row(): PubsubFilter | FilterMistake {
    const first = this.#term();
    if (isFilterMistake(first)) return first;
    const row = [first];
    let joined = '';
    for (;;) {
      const token = this.#peek();
      if (token?.type !== 'word' || (token.value !== 'AND' && token.value !== 'OR')) break;
      if (joined !== '' && token.value !== joined)
        return { mistake: 'AND and OR together need parentheses', at: token.at };
      joined = token.value;
      this.#next += 1;
      const term = this.#term();
      if (isFilterMistake(term)) return term;
      row.push(term);
    }
    return row.length === 1 ? first : { type: joined === 'AND' ? 'and' : 'or', of: row };
  }

  #term(): PubsubFilter | FilterMistake {
    if (this.#takes('word', 'NOT') || this.#takes('sign', '-')) {
      const of = this.#term();
      return isFilterMistake(of) ? of : { type: 'not', of };
    }
    if (this.#takes('sign', '(')) {
      const row = this.#row();
      if (isFilterMistake(row)) return row;
      return this.#takes('sign', ')') ? row : this.#wrong('`)`');
    }
    return this.#takes('word', 'hasPrefix') ? this.#prefix() : this.#condition();
  }

  #prefix(): PubsubFilter | FilterMistake {
    if (!this.#takes('sign', '(')) return this.#wrong('`(`');
    if (!this.#takes('word', 'attributes') || !this.#takes('sign', '.')) return this.#wrong('`attributes.KEY`');
    const key = this.#key();
    if (key === null) return this.#wrong('the key of an attribute');
    if (!this.#takes('sign', ',')) return this.#wrong('`,`');
    const text = this.#text();
    if (text === null) return this.#wrong('a text in double quotes');
    return this.#takes('sign', ')') ? { type: 'begins', key, text } : this.#wrong('`)`');
  }

  #condition(): PubsubFilter | FilterMistake {
    if (!this.#takes('word', 'attributes')) return this.#wrong('`attributes`, `hasPrefix(`, `NOT` or `(`');
    if (this.#takes('sign', ':')) {
      const key = this.#key();
      return key === null ? this.#wrong('the key of an attribute') : { type: 'has', key };
    }
    if (!this.#takes('sign', '.')) return this.#wrong('`:` or `.`');
    const key = this.#key();
    if (key === null) return this.#wrong('the key of an attribute');
    const equals = this.#takes('sign', '=');
    if (!equals && !this.#takes('sign', '!=')) return this.#wrong('`=` or `!=`');
    const text = this.#text();
    return text === null ? this.#wrong('a text in double quotes') : { type: equals ? 'is' : 'isNot', key, text };
  }

  /** A bare name of letters, digits, hyphens and underscores, or any text in quotes. */
  #key(): string | null {
    const token = this.#peek();
    if (token === undefined || token.type === 'sign') return null;
    this.#next += 1;
    return token.value;
  }

  #text(): string | null {
    const token = this.#peek();
    if (token?.type !== 'text') return null;
    this.#next += 1;
    return token.value;
  }

  #takes(type: Token['type'], value: string): boolean {
    const token = this.#peek();
    if (token?.type !== type || token.value !== value) return false;
    this.#next += 1;
    return true;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #wrong(expected: string): FilterMistake {
    const token = this.#peek();
    const found = token === undefined ? 'the filter ends' : `there is \`${token.value}\``;
    return { mistake: `${found} where ${expected} should be`, at: token?.at ?? this.#end };
  }
}
