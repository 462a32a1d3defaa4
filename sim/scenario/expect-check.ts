/** Checks expressions before they are evaluated: their syntax, their names (with the nearest that exists), their units, and what they are for. */
import { CLAIMS } from '../checks/names.ts';
import { type ArgKind, FUNCTIONS, STATISTICS } from './expect-functions.ts';
import { type ExpressionNames, instead, ofTopic, scopeMistake } from './expect-names.ts';
import {
  childrenOf,
  type Expression,
  type ExpressionMistake,
  FOLDS,
  isMistake,
  parseExpression,
  type Unit,
  WINDOWS,
} from './expect-syntax.ts';
import { isZero, product, quotient } from './expect-units.ts';
import { nearest } from './nearest.ts';

/**
 * What the expression is for. An `expectation` is a condition that may look back over time. An `alert` is a condition of the moment, a `metric` (of a
 * scaling rule) a number of the moment: both are asked inside the run.
 */
export type Purpose = 'expectation' | 'alert' | 'metric';

/** What is wrong with an expression, or null: its syntax, its names (with the nearest that exists), its units. */
export function checkExpression(
  text: string,
  names: ExpressionNames,
  purpose: Purpose = 'expectation',
): ExpressionMistake | null {
  const expression = parseExpression(text);
  if (isMistake(expression)) return expression;
  const checker = new Checker(text, names, purpose);
  const unit = checker.unitOf(expression, { inFold: false, inWindow: false });
  if (checker.mistake !== null) return checker.mistake;
  if (purpose === 'metric') {
    if (unit !== 'condition' && unit !== 'verdict') return null;
    return { message: 'this is a condition; a number is wanted.', at: 0, hint: 'For example `depth(jobs)`.' };
  }
  if (unit === 'condition') return null;
  return {
    message: `this is a ${WORDS[unit]}; a condition is wanted.`,
    at: 0,
    hint: `Compare it: \`${text.trim()} ${unit === 'verdict' ? '== holds' : `< ${EXAMPLES[unit]}`}\`.`,
  };
}

const WORDS: Readonly<Record<Unit, string>> = {
  count: 'number',
  duration: 'duration',
  rate: 'rate',
  share: 'share',
  condition: 'condition',
  verdict: 'verdict',
};
const EXAMPLES: Readonly<Record<Unit, string>> = {
  count: '50',
  duration: '30s',
  rate: '100/s',
  share: '95%',
  condition: '',
  verdict: '',
};
const VERDICTS = ['holds', 'violated', 'allowed', 'undecided', 'not-exercised', 'not exercised'];

interface Around {
  readonly inFold: boolean;
  readonly inWindow: boolean;
}

type NamedKind = Exclude<ArgKind, 'scope'>;

/** Walks the tree for names and units; keeps the first mistake. */
class Checker {
  mistake: ExpressionMistake | null = null;
  readonly #text: string;
  readonly #names: ExpressionNames;
  readonly #purpose: Purpose;

  constructor(text: string, names: ExpressionNames, purpose: Purpose) {
    this.#text = text;
    this.#names = names;
    this.#purpose = purpose;
  }

  unitOf(node: Expression, around: Around): Unit {
    switch (node.type) {
      case 'number':
        return node.unit;
      case 'word':
        this.#word(node);
        return 'count';
      case 'metric':
        return this.#metric(node);
      case 'fold':
        return this.#fold(node, around);
      case 'window':
        return this.#window(node, around);
      case 'not':
        this.#condition(node.of, around);
        return 'condition';
      case 'logic':
        this.#condition(node.left, around);
        this.#condition(node.right, around);
        return 'condition';
      case 'compare':
        this.#compare(node, around);
        return 'condition';
      case 'compute':
        return this.#compute(node, around);
      default:
        return node satisfies never;
    }
  }

  #complain(message: string, at: number, hint = ''): void {
    this.mistake ??= { message, at, hint };
  }

  #condition(node: Expression, around: Around): void {
    const unit = this.unitOf(node, around);
    if (unit !== 'condition')
      this.#complain(
        `a condition is wanted here, and this is a ${WORDS[unit]}.`,
        node.from,
        'Compare it with something.',
      );
  }

  #word(node: Extract<Expression, { type: 'word' }>): void {
    const like = nearest(node.word, Object.keys(FUNCTIONS));
    if (VERDICTS.includes(node.word)) {
      this.#complain(
        `\`${node.word}\` is a verdict, and stands only beside one.`,
        node.from,
        'For example `verdict(at-least-once) == holds`.',
      );
    } else if (like !== null)
      this.#complain(`\`${node.word}\` needs brackets.`, node.from, `Did you mean \`${like}(…)\`?`);
    else this.#complain(`\`${node.word}\` means nothing here.`, node.from, 'For example `max(depth(jobs)) < 50`.');
  }

  #metric(node: Extract<Expression, { type: 'metric' }>): Unit {
    const spec = Object.hasOwn(FUNCTIONS, node.name) ? FUNCTIONS[node.name] : undefined;
    if (spec === undefined) {
      const like = nearest(node.name, [...Object.keys(FUNCTIONS), ...Object.keys(FOLDS), ...Object.keys(WINDOWS)]);
      const hint = like === null ? `There are ${Object.keys(FUNCTIONS).join(', ')}.` : `Did you mean \`${like}\`?`;
      this.#complain(`there is no metric \`${node.name}\`.`, node.from, hint);
      return 'count';
    }
    if (spec.unit === 'verdict' && this.#purpose !== 'expectation') {
      this.#complain('a verdict is known only when the run is over.', node.from, 'Use a metric such as `depth(jobs)`.');
    }
    const least = spec.args.filter(({ optional }) => !optional).length;
    if (node.args.length < least || node.args.length > spec.args.length) {
      this.#complain(`\`${node.name}\` takes ${signature(node.name)}.`, node.from);
      return spec.unit;
    }
    node.args.forEach(({ text, at }, i) => {
      const kind = spec.args[i]?.kind;
      if (kind === 'scope') this.#scope(node.args[0]?.text ?? '', text, at);
      else if (kind !== undefined) this.#name(kind, text, at);
    });
    return spec.unit;
  }

  #scope(claim: string, text: string, at: number): void {
    const mistake = scopeMistake(claim, text, this.#names);
    if (mistake !== null) this.#complain(mistake.message, at, mistake.hint);
  }

  #name(kind: NamedKind, text: string, at: number): void {
    const names = this.#known(kind);
    if (names === null || names.includes(text)) return;
    if (kind === 'consumer' || kind === 'producer') {
      const declared = /^(.+)-\d{1,5}$/.exec(text)?.[1];
      if (declared !== undefined && names.includes(declared)) return;
    }
    if (kind === 'broker' && /^(?:.+-)?b?\d{1,3}$/.test(text)) return;
    if ((kind === 'queue' || kind === 'topic') && ofTopic(text, this.#names)) return;
    this.#complain(`there is no ${kind} \`${text}\`.`, at, instead(text, names, kind));
  }

  /** Null where any name will do. */
  #known(kind: NamedKind): readonly string[] | null {
    const names = this.#names;
    switch (kind) {
      case 'queue':
        return [...names.queues, ...names.topics, ...names.endpoints];
      case 'topic':
        return names.topics;
      case 'group':
        return names.groups;
      case 'store':
        return names.stores;
      case 'consumer':
        return names.consumers;
      case 'producer':
        return names.producers;
      case 'broker':
        return names.brokers;
      case 'attribute':
        return names.attributes;
      case 'statistic':
        return STATISTICS;
      case 'claim':
        return CLAIMS;
      case 'row':
        return null;
      default:
        return kind satisfies never;
    }
  }

  #fold(node: Extract<Expression, { type: 'fold' }>, around: Around): Unit {
    this.#noVerdict(node.of);
    if (this.#purpose !== 'expectation') this.#momentOnly(node.fold, node.from);
    if (around.inFold)
      this.#complain('one thing over time inside of another has no meaning.', node.from, `Take away one of them.`);
    const unit = this.unitOf(node.of, { ...around, inFold: true });
    const wantsCondition = node.fold === 'always' || node.fold === 'ever';
    if (wantsCondition && unit !== 'condition') {
      this.#complain(
        `\`${node.fold}\` wants a condition.`,
        node.of.from,
        `For example \`${node.fold}(depth(jobs) < 50)\`.`,
      );
    }
    if (!wantsCondition && unit === 'condition') {
      const inner = this.#text.slice(node.of.from, node.of.to);
      this.#complain(
        `\`${node.fold}\` wants a number.`,
        node.of.from,
        `Write \`always(${inner})\` or \`ever(${inner})\`.`,
      );
    }
    return unit;
  }

  #window(node: Extract<Expression, { type: 'window' }>, around: Around): Unit {
    this.#noVerdict(node.of);
    if (this.#purpose !== 'expectation') this.#momentOnly(node.window, node.from);
    if (around.inFold) this.#complain(`\`${node.window}\` stands outside of what is asked over time.`, node.from, '');
    if (node.window === 'at') {
      if (has(node.of, 'fold') || has(node.of, 'window')) {
        this.#complain(
          '`at` looks at one moment, in which nothing is over time.',
          node.of.from,
          'For example `at(30s, depth(jobs))`.',
        );
      }
      return this.unitOf(node.of, { inFold: true, inWindow: true });
    }
    if (!has(node.of, 'fold')) {
      const inner = this.#text.slice(node.of.from, node.of.to);
      this.#complain(
        `\`${node.window}\` narrows what is asked over time, and there is nothing of that kind in it.`,
        node.of.from,
        `Write \`${node.window}(…, max(${inner}))\` for a number, \`always(…)\` for a condition.`,
      );
    }
    return this.unitOf(node.of, { ...around, inWindow: true });
  }

  #momentOnly(name: string, at: number): void {
    this.#complain(
      `\`${name}\` looks over time, and a rule inside the run sees only the moment.`,
      at,
      'Use the metric alone.',
    );
  }

  #noVerdict(node: Expression): void {
    if (containsVerdict(node))
      this.#complain('a verdict is one for the whole run.', node.from, 'Take it out of the brackets.');
  }

  #compare(node: Extract<Expression, { type: 'compare' }>, around: Around): void {
    const { left, right, op } = node;
    const word = right.type === 'word' ? right : left.type === 'word' ? left : null;
    const other = word === right ? left : right;
    if (word !== null && other.type === 'metric' && other.name === 'verdict') {
      this.unitOf(other, around);
      if (op !== '==' && op !== '!=') this.#complain('verdicts are compared with == and !=.', node.from, '');
      if (VERDICTS.includes(word.word)) return;
      const like = nearest(word.word, VERDICTS);
      this.#complain(
        `there is no verdict \`${word.word}\`.`,
        word.from,
        like === null ? `There are ${VERDICTS.slice(0, 5).join(', ')}.` : `Did you mean \`${like}\`?`,
      );
      return;
    }
    const a = this.unitOf(left, around);
    const b = this.unitOf(right, around);
    if (a === 'verdict' || b === 'verdict') {
      this.#complain(
        'a verdict is compared with the name of one.',
        node.from,
        'For example `verdict(at-least-once) == holds`.',
      );
    } else if (a === 'condition' || b === 'condition') {
      this.#complain('conditions are not compared.', node.from, 'Join them by `and` or `or`.');
    } else if (!alike(left, a, right, b)) this.#mismatch(left, a, right, b);
  }

  #mismatch(left: Expression, a: Unit, right: Expression, b: Unit): void {
    const [bare, unit] = right.type === 'number' ? [right, a] : [left, b];
    const written = this.#text.slice(bare.from, bare.to);
    const hint =
      bare.type === 'number' && unit === 'duration'
        ? `Write \`${written.replace(/[^\d.]/g, '')}s\` or another unit.`
        : '';
    this.#complain(`a ${WORDS[a]} and a ${WORDS[b]} cannot be compared or added.`, left.from, hint);
  }

  #compute(node: Extract<Expression, { type: 'compute' }>, around: Around): Unit {
    const a = this.unitOf(node.left, around);
    const b = this.unitOf(node.right, around);
    if (a === 'condition' || b === 'condition' || a === 'verdict' || b === 'verdict') {
      this.#complain('one can calculate only with numbers.', node.from, 'Join conditions by `and` or `or`.');
      return 'count';
    }
    if (node.op === '+' || node.op === '-') {
      if (!alike(node.left, a, node.right, b)) this.#mismatch(node.left, a, node.right, b);
      return isZero(node.left) ? b : a;
    }
    return node.op === '*' ? product(a, b) : quotient(a, b);
  }
}

function alike(left: Expression, a: Unit, right: Expression, b: Unit): boolean {
  if (a === b || isZero(left) || isZero(right)) return true;
  return a !== 'duration' && b !== 'duration';
}

function has(node: Expression, type: 'fold' | 'window'): boolean {
  return node.type === type || childrenOf(node).some((child) => has(child, type));
}

function containsVerdict(node: Expression): boolean {
  return (node.type === 'metric' && node.name === 'verdict') || childrenOf(node).some(containsVerdict);
}

/** `lag(group[, topic])`, for messages and for the reference. */
export function signature(name: string): string {
  const args = FUNCTIONS[name]?.args ?? [];
  let text = '';
  args.forEach(({ kind, optional }, i) => {
    const piece = i === 0 ? kind : `, ${kind}`;
    text += optional ? `[${piece}]` : piece;
  });
  return `${name}(${text})`;
}
