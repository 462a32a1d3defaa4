/** Turns an expression into readings and watches, and into the outcome that is told of it. */
import { F } from '../../core/facts.ts';
import type { FactId, Micros } from '../../core/types.ts';
import type { Metrics } from '../folds/metrics.ts';
import { FUNCTIONS, type View } from './expect-functions.ts';
import { childrenOf, type Expression, type ExpressionMistake, isMistake, parseExpression } from './expect-syntax.ts';
import { formatValue, unitOf } from './expect-units.ts';
import { type Changes, type Read, Watch } from './expect-watch.ts';

/** What the checks found, as far as expressions need it. */
export interface JudgedClaim {
  readonly claim: string;
  readonly scope: string;
  readonly verdict: string;
  readonly witness: readonly FactId[];
}

export interface Evaluated {
  readonly text: string;
  readonly holds: boolean;
  /** What came out, for people: `63`, or `deadLettered(dead) = 2, lost() = 0` where several things are compared. */
  readonly actual: string;
  /** A fact to look at: where the extreme was reached, or what changed the value last; 0 when there is none. */
  readonly witness: FactId;
}

/** A value that the outcome names. */
interface Operand {
  readonly text: string;
  readonly show: (view: View) => string;
  readonly witness: () => FactId;
}

interface Compared {
  readonly read: Read;
  readonly operands: readonly Operand[];
}

interface Compiled {
  readonly read: Read;
  readonly watches: readonly Watch[];
  readonly readsMetrics: boolean;
  readonly prepare: (metrics: Metrics) => void;
  readonly outcome: (text: string, view: View) => Evaluated;
}

export function compile(
  text: string,
  verdicts: readonly JudgedClaim[],
  when: 'afterwards' | 'live',
): Compiled | ExpressionMistake {
  const expression = parseExpression(text);
  if (isMistake(expression)) return expression;
  const unknown = unknownMetric(expression);
  if (unknown !== null) return { message: `there is no metric \`${unknown.name}\`.`, at: unknown.from, hint: '' };
  return new Compiler(text, verdicts, when).compile(expression);
}

interface Place {
  /** What changes the fold around this; null outside of folds. */
  readonly changes: Changes | null;
  readonly fromUs: Micros;
  readonly toUs: Micros;
}

class Compiler {
  readonly #text: string;
  readonly #verdicts: readonly JudgedClaim[];
  readonly #live: boolean;
  readonly #watches: Watch[] = [];
  readonly #compared: Compared[] = [];
  readonly #attributes: string[] = [];
  #operands: Operand[] = [];
  #readsRows = false;
  #readsMetrics = false;

  constructor(text: string, verdicts: readonly JudgedClaim[], when: 'afterwards' | 'live') {
    this.#text = text;
    this.#verdicts = verdicts;
    this.#live = when === 'live';
  }

  compile(expression: Expression): Compiled {
    const read = this.#read(expression, { changes: null, fromUs: 0, toUs: Number.MAX_SAFE_INTEGER });
    if (this.#operands.length > 0) this.#compared.push({ read, operands: this.#operands });
    const compared = this.#compared;
    return {
      read,
      watches: this.#watches,
      readsMetrics: this.#readsMetrics,
      prepare: (metrics) => {
        for (const attribute of this.#attributes) metrics.watchOrder(attribute);
        if (this.#readsRows) metrics.watchRows();
      },
      outcome: (text, view) => {
        const holds = read(view) !== 0;
        const decisive = compared.find((one) => (one.read(view) !== 0) === holds) ?? compared[0];
        const witness = decisive?.operands.map((operand) => operand.witness()).find((fact) => fact > 0) ?? 0;
        const operands = new Map(compared.flatMap((one) => one.operands).map((operand) => [operand.text, operand]));
        const shown = [...operands.values()].map((operand) => ({ text: operand.text, value: operand.show(view) }));
        const actual =
          shown.length === 1 ? (shown[0]?.value ?? '') : shown.map((one) => `${one.text} = ${one.value}`).join(', ');
        return { text, holds, actual, witness };
      },
    };
  }

  #read(node: Expression, place: Place): Read {
    switch (node.type) {
      case 'number': {
        const { value } = node;
        return () => value;
      }
      case 'word':
        return () => 0;
      case 'metric':
        return this.#metric(node, place);
      case 'fold': {
        const changes: Changes = { kinds: new Set(), sampled: false };
        const inner = this.#read(node.of, { ...place, changes });
        return this.#watch(node, new Watch(node.fold, inner, changes, place.fromUs, place.toUs));
      }
      case 'window': {
        if (node.window === 'after')
          return this.#read(node.of, { ...place, fromUs: Math.max(place.fromUs, node.timeUs) });
        if (node.window === 'before') return this.#read(node.of, { ...place, toUs: Math.min(place.toUs, node.timeUs) });
        const changes: Changes = { kinds: new Set(), sampled: false };
        const inner = this.#read(node.of, { ...place, changes });
        return this.#watch(node, new Watch('at', inner, changes, node.timeUs, node.timeUs));
      }
      case 'not': {
        const of = this.#read(node.of, place);
        return (view) => (of(view) === 0 ? 1 : 0);
      }
      case 'logic': {
        const left = this.#read(node.left, place);
        const right = this.#read(node.right, place);
        return node.op === 'and'
          ? (view) => (left(view) !== 0 && right(view) !== 0 ? 1 : 0)
          : (view) => (left(view) !== 0 || right(view) !== 0 ? 1 : 0);
      }
      case 'compare':
        return this.#compare(node, place);
      case 'compute': {
        const left = this.#read(node.left, place);
        const right = this.#read(node.right, place);
        switch (node.op) {
          case '+':
            return (view) => left(view) + right(view);
          case '-':
            return (view) => left(view) - right(view);
          case '*':
            return (view) => left(view) * right(view);
          case '/':
            return (view) => perUnit(node, left(view), right(view));
          default:
            return node satisfies never;
        }
      }
      default:
        return node satisfies never;
    }
  }

  #metric(node: Extract<Expression, { type: 'metric' }>, place: Place): Read {
    const spec = Object.hasOwn(FUNCTIONS, node.name) ? FUNCTIONS[node.name] : undefined;
    if (spec === undefined) throw new Error(`invariant: \`${node.name}\` was not checked`);
    const args = node.args.map(({ text }) => text);
    if (spec.unit === 'verdict') return () => 0;
    this.#readsMetrics = true;
    if (node.name === 'outOfOrder') this.#attributes.push(args[0] ?? '');
    if (node.name === 'value') this.#readsRows = true;
    const { parts } = spec;
    const read: Read =
      parts !== undefined && (this.#live || place.changes !== null)
        ? recent((view) => parts(view, args))
        : (view) => spec.value(view, args);
    if (place.changes !== null) {
      if (spec.changes === null) place.changes.sampled = true;
      else for (const name of spec.changes) place.changes.kinds.add(F[name]);
      return read;
    }
    if (this.#live) return read;
    const changes: Changes = { kinds: new Set((spec.changes ?? []).map((name) => F[name])), sampled: false };
    return this.#watch(node, new Watch('end', read, changes, 0, Number.MAX_SAFE_INTEGER));
  }

  #watch(node: Expression, watch: Watch): Read {
    this.#watches.push(watch);
    const unit = unitOf(node);
    this.#operands.push({
      text: this.#text.slice(node.from, node.to),
      show: () => formatValue(watch.value, unit),
      witness: () => watch.witness,
    });
    return () => watch.value;
  }

  #compare(node: Extract<Expression, { type: 'compare' }>, place: Place): Read {
    const outer = this.#operands;
    this.#operands = [];
    const read = this.#verdict(node) ?? this.#numbers(node, place);
    if (place.changes === null) this.#compared.push({ read, operands: this.#operands });
    this.#operands = outer;
    return read;
  }

  #numbers(node: Extract<Expression, { type: 'compare' }>, place: Place): Read {
    const left = this.#read(node.left, place);
    const right = this.#read(node.right, place);
    switch (node.op) {
      case '==':
        return (view) => (left(view) === right(view) ? 1 : 0);
      case '!=':
        return (view) => (left(view) !== right(view) ? 1 : 0);
      case '<':
        return (view) => (left(view) < right(view) ? 1 : 0);
      case '<=':
        return (view) => (left(view) <= right(view) ? 1 : 0);
      case '>':
        return (view) => (left(view) > right(view) ? 1 : 0);
      case '>=':
        return (view) => (left(view) >= right(view) ? 1 : 0);
      default:
        return node.op satisfies never;
    }
  }

  /** `verdict(claim, scope) == holds`, either way round; null when the comparison is none of verdicts. */
  #verdict(node: Extract<Expression, { type: 'compare' }>): Read | null {
    const metric = node.left.type === 'metric' ? node.left : node.right;
    const word = metric === node.left ? node.right : node.left;
    if (metric.type !== 'metric' || metric.name !== 'verdict' || word.type !== 'word') return null;
    const claim = metric.args[0]?.text ?? '';
    const scope = metric.args[1]?.text ?? '';
    const judged = this.#verdicts.find((one) => one.claim === claim && one.scope === scope);
    const wanted = word.word.replace('-', ' ');
    const equal = judged !== undefined && judged.verdict.replace('-', ' ') === wanted;
    this.#operands.push({
      text: `verdict(${claim}${scope === '' ? '' : `, ${scope}`})`,
      show: () => judged?.verdict ?? 'not judged',
      witness: () => judged?.witness[0] ?? 0,
    });
    const result = judged !== undefined && equal === (node.op === '==') ? 1 : 0;
    return () => result;
  }
}

const RECENT_US = 10_000_000;
const RECENT_STEP_US = 1_000_000;

/** One sum per another over the last 10 s, or as much of them as there has been. */
function recent(parts: (view: View) => { readonly sum: number; readonly per: number }): Read {
  const samples: { readonly timeUs: Micros; readonly sum: number; readonly per: number }[] = [
    { timeUs: 0, sum: 0, per: 0 },
  ];
  return (view) => {
    const now = view.metrics.nowUs;
    const { sum, per } = parts(view);
    if (now - (samples.at(-1)?.timeUs ?? 0) >= RECENT_STEP_US) samples.push({ timeUs: now, sum, per });
    while (samples.length > 1 && (samples[1]?.timeUs ?? now) <= now - RECENT_US) samples.shift();
    const before = samples[0];
    const span = per - (before?.per ?? 0);
    return span > 0 ? (sum - (before?.sum ?? 0)) / span : 0;
  };
}

/** Counts per duration are per second; nothing per nothing is 0. */
function perUnit(node: Extract<Expression, { type: 'compute' }>, left: number, right: number): number {
  if (right === 0) return left === 0 ? 0 : left > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE;
  const quotientUnit = unitOf(node);
  return quotientUnit === 'rate' && unitOf(node.right) === 'duration' ? (left * 1_000_000) / right : left / right;
}

function unknownMetric(node: Expression): Extract<Expression, { type: 'metric' }> | null {
  if (node.type === 'metric') return Object.hasOwn(FUNCTIONS, node.name) ? null : node;
  for (const child of childrenOf(node)) {
    const unknown = unknownMetric(child);
    if (unknown !== null) return unknown;
  }
  return null;
}
