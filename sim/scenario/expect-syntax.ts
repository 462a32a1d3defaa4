/**
 * How an expectation is written: `max(depth(jobs)) < 50 and verdict(at-least-once) == holds`. Text in, tree or mistake out; what the names mean is not
 * known here. Names inside a call are raw text up to a comma or bracket, so `photo-jobs` and `rides/0` need no quotes.
 */
import { parseDuration, parseRate } from './duration.ts';

/** What is wrong, at which character (from 0), and what to do. */
export interface ExpressionMistake {
  readonly message: string;
  readonly at: number;
  /** Empty when there is nothing to advise. */
  readonly hint: string;
}

/** `share` is a part of a whole, such as `95%`; `condition` is true or false. */
export type Unit = 'count' | 'duration' | 'rate' | 'share' | 'condition' | 'verdict';

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type Arithmetic = '+' | '-' | '*' | '/';

export type Expression =
  | { readonly type: 'number'; readonly value: number; readonly unit: Unit; readonly from: number; readonly to: number }
  | { readonly type: 'word'; readonly word: string; readonly from: number; readonly to: number }
  | {
      /** A metric of the moment: `depth(jobs)`. */
      readonly type: 'metric';
      readonly name: string;
      readonly args: readonly { readonly text: string; readonly at: number }[];
      readonly from: number;
      readonly to: number;
    }
  | {
      /** Something over time: `max(…)`. */
      readonly type: 'fold';
      readonly fold: FoldName;
      readonly of: Expression;
      readonly from: number;
      readonly to: number;
    }
  | {
      /** Something at or around a time: `at(30s, …)`. */
      readonly type: 'window';
      readonly window: WindowName;
      readonly timeUs: number;
      readonly of: Expression;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: 'compare';
      readonly op: Comparison;
      readonly left: Expression;
      readonly right: Expression;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: 'compute';
      readonly op: Arithmetic;
      readonly left: Expression;
      readonly right: Expression;
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: 'logic';
      readonly op: 'and' | 'or';
      readonly left: Expression;
      readonly right: Expression;
      readonly from: number;
      readonly to: number;
    }
  | { readonly type: 'not'; readonly of: Expression; readonly from: number; readonly to: number };

/** What can be asked of a metric over time, each with its sentence for the reference. */
export const FOLDS = {
  max: 'The highest value that it had at any moment.',
  min: 'The lowest value that it had at any moment.',
  mean: 'The mean over time: each value counts as long as it lasted.',
  always: 'True when the condition held at every moment.',
  ever: 'True when the condition held at some moment.',
} as const;
export type FoldName = keyof typeof FOLDS;

export const WINDOWS = {
  at: '`at(30s, X)`: X as it was at that time.',
  after: '`after(30s, max(X))`: what is asked over time looks only from that time on.',
  before: '`before(30s, max(X))`: what is asked over time looks only up to that time.',
} as const;
export type WindowName = keyof typeof WINDOWS;

export const LONGEST_EXPRESSION = 1000;
const DEEPEST = 50;

class Mistake {
  readonly mistake: ExpressionMistake;
  constructor(message: string, at: number, hint: string) {
    this.mistake = { message, at, hint };
  }
}

/** The tree of an expression. `claim NAME [SCOPE]` is short for `verdict(NAME, SCOPE) == holds`. */
export function parseExpression(text: string): Expression | ExpressionMistake {
  if (text.length > LONGEST_EXPRESSION) {
    return {
      message: `it is longer than ${LONGEST_EXPRESSION} characters.`,
      at: LONGEST_EXPRESSION,
      hint: 'Split it into several.',
    };
  }
  const claim = /^\s*claim\s+(\S+)(?:\s+(\S.*?))?\s*$/.exec(text);
  try {
    if (claim !== null) return claimed(text, claim[1] ?? '', claim[2]);
    const reader = new Reader(text);
    const expression = reader.either(0);
    reader.end();
    return expression;
  } catch (error) {
    if (error instanceof Mistake) return error.mistake;
    throw error;
  }
}

export function isMistake(result: Expression | ExpressionMistake): result is ExpressionMistake {
  return 'message' in result;
}

function claimed(text: string, name: string, scope: string | undefined): Expression {
  const span = { from: 0, to: text.length };
  const args = [{ text: name, at: text.indexOf(name) }];
  if (scope !== undefined) args.push({ text: scope, at: text.lastIndexOf(scope) });
  return {
    type: 'compare',
    op: '==',
    left: { type: 'metric', name: 'verdict', args, ...span },
    right: { type: 'word', word: 'holds', ...span },
    ...span,
  };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  either(depth: number): Expression {
    if (depth > DEEPEST) throw new Mistake('it is nested too deeply.', this.#at, 'Split it into several.');
    let left = this.#both(depth);
    while (this.#word('or')) {
      const right = this.#both(depth);
      left = { type: 'logic', op: 'or', left, right, from: left.from, to: right.to };
    }
    return left;
  }

  end(): void {
    this.#skip();
    if (this.#at >= this.#text.length) return;
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const hint = rest.startsWith('=')
      ? 'Equality is written `==`.'
      : rest.startsWith('&&') || rest.startsWith('||')
        ? 'Conditions are joined by `and` and `or`.'
        : 'Conditions are joined by `and` and `or`; a comparison is one of == != < <= > >=.';
    throw new Mistake(`did not expect \`${rest}\` here.`, this.#at, hint);
  }

  #both(depth: number): Expression {
    let left = this.#negated(depth);
    while (this.#word('and')) {
      const right = this.#negated(depth);
      left = { type: 'logic', op: 'and', left, right, from: left.from, to: right.to };
    }
    return left;
  }

  #negated(depth: number): Expression {
    this.#skip();
    const from = this.#at;
    if (!this.#word('not')) return this.#compared(depth);
    if (depth > DEEPEST) throw new Mistake('it is nested too deeply.', from, 'Split it into several.');
    const of = this.#negated(depth + 1);
    return { type: 'not', of, from, to: of.to };
  }

  #compared(depth: number): Expression {
    const left = this.#sum(depth);
    const op = this.#match(/(?:==|!=|<=|>=|<|>)/y);
    if (op === null) return left;
    const right = this.#sum(depth);
    return { type: 'compare', op: op as Comparison, left, right, from: left.from, to: right.to };
  }

  #sum(depth: number): Expression {
    let left = this.#product(depth);
    for (;;) {
      const op = this.#match(/[+−-]/y);
      if (op === null) return left;
      const right = this.#product(depth);
      left = { type: 'compute', op: op === '+' ? '+' : '-', left, right, from: left.from, to: right.to };
    }
  }

  #product(depth: number): Expression {
    let left = this.#single(depth);
    for (;;) {
      const op = this.#match(/[*×/÷]/y);
      if (op === null) return left;
      const right = this.#single(depth);
      left = { type: 'compute', op: op === '*' || op === '×' ? '*' : '/', left, right, from: left.from, to: right.to };
    }
  }

  #single(depth: number): Expression {
    this.#skip();
    const from = this.#at;
    if (this.#match(/\(/y) !== null) {
      const inner = this.either(depth + 1);
      this.#expect(')', 'a bracket was opened and not closed.');
      return inner;
    }
    if (this.#match(/[−-]/y) !== null) {
      if (depth > DEEPEST) throw new Mistake('it is nested too deeply.', from, 'Split it into several.');
      const of = this.#single(depth + 1);
      const zero: Expression = { type: 'number', value: 0, unit: 'count', from, to: from };
      return { type: 'compute', op: '-', left: zero, right: of, from, to: of.to };
    }
    const number = this.#number();
    if (number !== null) return number;
    const quoted = this.#quoted();
    if (quoted !== null) return { type: 'word', word: quoted, from, to: this.#at };
    const name = this.#match(/[A-Za-z][A-Za-z0-9-]*/y);
    if (name === null) {
      const found = this.#text.slice(this.#at, this.#at + 12);
      throw new Mistake(
        found === '' ? 'it ends where a metric or a number is expected.' : `did not expect \`${found}\` here.`,
        this.#at,
        'For example `max(depth(jobs)) < 50`.',
      );
    }
    if (this.#match(/\(/y) === null) return { type: 'word', word: name, from, to: this.#at };
    if (Object.hasOwn(FOLDS, name)) {
      const of = this.either(depth + 1);
      this.#expect(')', `\`${name}(\` takes one thing and then a closing bracket.`);
      return { type: 'fold', fold: name as FoldName, of, from, to: this.#at };
    }
    if (Object.hasOwn(WINDOWS, name)) return this.#window(name as WindowName, from, depth);
    return this.#metric(name, from);
  }

  #window(window: WindowName, from: number, depth: number): Expression {
    const hint = `Write \`${window}(30s, …)\`.`;
    const time = this.#number();
    if (time === null || time.type !== 'number' || (time.unit !== 'duration' && time.value !== 0)) {
      throw new Mistake(`\`${window}\` begins with a time.`, time?.from ?? this.#at, hint);
    }
    this.#expect(',', `\`${window}\` takes a time and an expression.`, hint);
    const of = this.either(depth + 1);
    this.#expect(')', `\`${window}(\` was not closed.`);
    return { type: 'window', window, timeUs: time.value, of, from, to: this.#at };
  }

  #metric(name: string, from: number): Expression {
    const args: { text: string; at: number }[] = [];
    this.#skip();
    if (this.#match(/\)/y) !== null) return { type: 'metric', name, args, from, to: this.#at };
    for (;;) {
      this.#skip();
      const at = this.#at;
      const text = this.#quoted() ?? (this.#match(/[^,()"']+/y) ?? '').trim();
      if (text === '') throw new Mistake(`\`${name}(\` lacks a name here.`, at, '');
      args.push({ text, at });
      if (this.#match(/\)/y) !== null) return { type: 'metric', name, args, from, to: this.#at };
      this.#expect(',', `\`${name}(\` was not closed.`, 'Names are separated by commas.');
    }
  }

  #number(): Extract<Expression, { type: 'number' }> | null {
    this.#skip();
    const from = this.#at;
    const text = this.#match(
      /\d+(?:\.\d+)?(?: ?%| ?\/ ?(?:us|µs|ms|s|min|m|h|d)\b|[a-zµ]+(?:\d+(?:\.\d+)?[a-zµ]+)*)?/y,
    );
    if (text === null) return null;
    const made = (value: number, unit: Unit) => ({ type: 'number', value, unit, from, to: this.#at }) as const;
    if (/^\d+(?:\.\d+)?$/.test(text)) return made(Number(text), 'count');
    if (text.endsWith('%')) return made(Number(text.slice(0, -1)) / 100, 'share');
    if (text.includes('/')) {
      const rate = parseRate(text);
      if (rate !== null) return made(rate.perSecond, 'rate');
    }
    const duration = parseDuration(text);
    if (duration !== null) return made(duration, 'duration');
    throw new Mistake(
      `\`${text}\` is no number that is known here.`,
      from,
      'Write a number such as 50, 250ms, 30s, 100/s or 5%.',
    );
  }

  #quoted(): string | null {
    const text = this.#match(/"[^"]*"|'[^']*'/y);
    return text === null ? null : text.slice(1, -1);
  }

  #word(word: string): boolean {
    this.#skip();
    if (!this.#text.startsWith(word, this.#at) || /[\w(-]/.test(this.#text[this.#at + word.length] ?? ' ')) {
      // `not(…)` is read as a word before a bracket.
      if (word !== 'not' || !/^not\s*\(/.test(this.#text.slice(this.#at))) return false;
    }
    this.#at += word.length;
    return true;
  }

  #expect(character: string, message: string, hint = ''): void {
    this.#skip();
    if (this.#text[this.#at] !== character) throw new Mistake(message, this.#at, hint);
    this.#at++;
  }

  #match(pattern: RegExp): string | null {
    this.#skip();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return null;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }
}

/** The expressions of which one is made. */
export function childrenOf(node: Expression): readonly Expression[] {
  switch (node.type) {
    case 'fold':
    case 'window':
    case 'not':
      return [node.of];
    case 'compare':
    case 'compute':
    case 'logic':
      return [node.left, node.right];
    default:
      return [];
  }
}
