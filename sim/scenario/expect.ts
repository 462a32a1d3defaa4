/**
 * Expectations, goals, alerts and scaling rules: conditions over metrics, such as `max(depth(jobs)) < 50`. Here their names and units are checked and
 * they are evaluated, all of a scenario's in one pass over the trace. What metrics there are is in expect-functions.ts, how they are written in
 * expect-syntax.ts; what a claim's verdict is, the caller says.
 */
import { F, type FactKind } from '../../core/facts.ts';
import type { FactId, Micros } from '../../core/types.ts';
import { CLAIMS } from '../checks/names.ts';
import { Metrics } from '../folds/metrics.ts';
import type { Trace } from '../trace.ts';
import { formatDuration } from './duration.ts';
import { type ArgKind, type ExpectScenario, FUNCTIONS, STATISTICS, View } from './expect-functions.ts';
import {
  type Expression,
  type ExpressionMistake,
  FOLDS,
  isMistake,
  parseExpression,
  type Unit,
  WINDOWS,
} from './expect-syntax.ts';
import { nearest } from './nearest.ts';
import type { Scenario } from './types.ts';

export type { ExpressionMistake } from './expect-syntax.ts';

/** The names that an expression may use, as the scenario declares them. */
export interface ExpressionNames {
  readonly queues: readonly string[];
  readonly topics: readonly string[];
  readonly endpoints: readonly string[];
  readonly groups: readonly string[];
  readonly stores: readonly string[];
  readonly consumers: readonly string[];
  readonly producers: readonly string[];
  readonly brokers: readonly string[];
  readonly attributes: readonly string[];
}

/**
 * What the expression is for. An `expectation` is a condition that may look back over time. An `alert` is a condition of the moment, a `metric` (of a
 * scaling rule) a number of the moment: both are asked inside the run.
 */
export type Purpose = 'expectation' | 'alert' | 'metric';

/** The names of a scenario. */
export function namesOf(scenario: Scenario): ExpressionNames {
  const queues = Object.keys(scenario.queues);
  const topics = Object.keys(scenario.topics);
  const declared = new Set([...queues, ...topics, ...Object.keys(scenario.exchanges)]);
  const endpoints = new Set<string>();
  const attributes = new Set<string>(['key']);
  for (const producer of Object.values(scenario.producers)) {
    for (const name of producer.to) if (!declared.has(name)) endpoints.add(name);
    for (const name of Object.keys(producer.attributes)) attributes.add(name);
    for (const message of producer.send) for (const name of Object.keys(message.attributes)) attributes.add(name);
    if (producer.key !== null) attributes.add(producer.key);
  }
  const groups = new Set<string>();
  for (const consumer of Object.values(scenario.consumers)) {
    groups.add(consumer.group);
    for (const name of consumer.from) if (!declared.has(name)) endpoints.add(name);
  }
  return {
    queues,
    topics,
    endpoints: [...endpoints],
    groups: [...groups],
    stores: Object.keys(scenario.stores),
    consumers: Object.keys(scenario.consumers),
    producers: Object.keys(scenario.producers),
    brokers: Object.keys(scenario.brokers),
    attributes: [...attributes],
  };
}

/** What is wrong with the scope of a claim, or null: `key-order` is limited to an attribute, any other claim to a queue, topic, group, store or consumer. */
export function scopeMistake(
  claim: string,
  scope: string,
  names: ExpressionNames,
): { readonly message: string; readonly hint: string } | null {
  const byKey = claim === 'key-order';
  const known = byKey
    ? names.attributes
    : [
        ...new Set([
          ...names.queues,
          ...names.topics,
          ...names.endpoints,
          ...names.groups,
          ...names.stores,
          ...names.consumers,
        ]),
      ];
  if (scope === '' || known.includes(scope) || (!byKey && ofTopic(scope, names))) return null;
  const what = byKey ? 'attribute' : 'queue, topic, group, store or consumer';
  return { message: `there is no ${what} \`${scope}\`.`, hint: instead(scope, known, what) };
}

/** Whether this names a partition: `rides/0`. */
function ofTopic(text: string, names: ExpressionNames): boolean {
  const topic = /^(.+)\/\d{1,5}$/.exec(text)?.[1];
  return topic !== undefined && names.topics.includes(topic);
}

/** The name that was meant, else the names that there are. */
function instead(text: string, names: readonly string[], what: string): string {
  const like = nearest(text, names);
  if (like !== null) return `Did you mean \`${like}\`?`;
  return names.length === 0
    ? `The file declares no ${what}.`
    : names.length <= 12
      ? `There are ${names.join(', ')}.`
      : '';
}

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

function isZero(node: Expression): boolean {
  return node.type === 'number' && node.value === 0;
}

function alike(left: Expression, a: Unit, right: Expression, b: Unit): boolean {
  if (a === b || isZero(left) || isZero(right)) return true;
  return a !== 'duration' && b !== 'duration';
}

function product(a: Unit, b: Unit): Unit {
  if (a === 'duration' || b === 'duration') return a === 'rate' || b === 'rate' ? 'count' : 'duration';
  if (a === 'rate' || b === 'rate') return 'rate';
  return a === 'share' && b === 'share' ? 'share' : 'count';
}

function quotient(a: Unit, b: Unit): Unit {
  if (a === b) return 'count';
  if (a === 'duration') return 'duration';
  if (b === 'duration') return 'rate';
  return a === 'rate' ? 'rate' : 'count';
}

function unknownMetric(node: Expression): Extract<Expression, { type: 'metric' }> | null {
  if (node.type === 'metric') return Object.hasOwn(FUNCTIONS, node.name) ? null : node;
  for (const child of childrenOf(node)) {
    const unknown = unknownMetric(child);
    if (unknown !== null) return unknown;
  }
  return null;
}

function has(node: Expression, type: 'fold' | 'window'): boolean {
  return node.type === type || childrenOf(node).some((child) => has(child, type));
}

function containsVerdict(node: Expression): boolean {
  return (node.type === 'metric' && node.name === 'verdict') || childrenOf(node).some(containsVerdict);
}

function childrenOf(node: Expression): readonly Expression[] {
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

// ── Evaluation ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the checks found, as far as expressions need it. */
export interface JudgedClaim {
  readonly claim: string;
  readonly scope: string;
  readonly verdict: string;
  readonly witness: readonly FactId[];
}

export interface ExpectRun {
  readonly trace: Trace;
  readonly scenario: ExpectScenario;
  readonly verdicts: readonly JudgedClaim[];
}

export interface Evaluated {
  readonly text: string;
  readonly holds: boolean;
  /** What came out, for people: `63`, or `deadLettered(dead) = 2, lost() = 0` where several things are compared. */
  readonly actual: string;
  /** A fact to look at: where the extreme was reached, or what changed the value last; 0 when there is none. */
  readonly witness: FactId;
}

/** The claims that expressions ask about, so that they can be judged before. */
export function claimsIn(texts: readonly string[]): { readonly claim: string; readonly scope: string }[] {
  const claims: { claim: string; scope: string }[] = [];
  const gather = (node: Expression): void => {
    if (node.type === 'metric' && node.name === 'verdict') {
      const claim = node.args[0]?.text ?? '';
      const scope = node.args[1]?.text ?? '';
      if (!claims.some((known) => known.claim === claim && known.scope === scope)) claims.push({ claim, scope });
    }
    childrenOf(node).forEach(gather);
  };
  for (const text of texts) {
    const expression = parseExpression(text);
    if (!isMistake(expression)) gather(expression);
  }
  return claims;
}

export function evaluate(text: string, run: ExpectRun): Evaluated {
  return evaluateAll([text], run)[0] as Evaluated;
}

/**
 * Evaluates expressions in one pass over the trace. A text that `checkExpression` refuses does not hold, and says why. `metrics`, if given, must be
 * fresh; it is left at the end of the run, so that whoever wants the totals too need not pass over the trace again.
 */
export function evaluateAll(texts: readonly string[], run: ExpectRun, metrics?: Metrics): Evaluated[] {
  const { trace, scenario } = run;
  const compiled = texts.map((text) => compile(text, run.verdicts, 'afterwards'));
  const watches = compiled.flatMap((one) => ('message' in one ? [] : one.watches));
  const needsPass = metrics !== undefined || compiled.some((one) => !('message' in one) && one.readsMetrics);
  const used = metrics ?? new Metrics(scenario);
  for (const one of compiled) if (!('message' in one)) one.prepare(used);
  const view = new View(trace, used, scenario);
  if (needsPass) pass(trace, view, watches);
  return compiled.map((one, i) => {
    const text = texts[i] as string;
    return 'message' in one ? { text, holds: false, actual: one.message, witness: 0 } : one.outcome(text, view);
  });
}

/** A reading of a moment: a number of µs, a count, a share; conditions are 1 and 0. */
type Read = (view: View) => number;

/** An expression of the moment, for rules inside the run. */
export interface Moment {
  readonly read: Read;
  readonly prepare: (metrics: Metrics) => void;
}

/** Null when the text is not an expression; `checkExpression` says why. */
export function compileMoment(text: string): Moment | null {
  const compiled = compile(text, [], 'live');
  return 'message' in compiled ? null : { read: compiled.read, prepare: compiled.prepare };
}

/** How many times in a run what changes with time is looked at. */
const LOOKS = 200;

/** Feeds the trace to the metrics and wakes each watch when something that it reads may have changed. */
function pass(trace: Trace, view: View, watches: readonly Watch[]): void {
  const { metrics } = view;
  const end = Math.max(trace.endedAtUs, trace.count === 0 ? 0 : trace.time(trace.count));
  const byKind: Watch[][] = [];
  for (const watch of watches) {
    for (const kind of watch.kinds) {
      const interested = byKind[kind];
      if (interested === undefined) byKind[kind] = [watch];
      else interested.push(watch);
    }
  }
  const moments = new Set<Micros>([0]);
  for (const { fromUs, toUs } of watches) {
    moments.add(Math.min(fromUs, end));
    if (toUs < end) moments.add(toUs);
  }
  if (watches.some(({ sampled }) => sampled)) {
    for (let i = 1; i < LOOKS; i++) moments.add(Math.floor((end * i) / LOOKS));
  }
  const times = [...moments].sort((a, b) => a - b);
  let next = 0;
  const until = (time: Micros): void => {
    while (next < times.length && (times[next] as Micros) < time) {
      const moment = times[next++] as Micros;
      metrics.nowUs = Math.max(metrics.nowUs, moment);
      for (const watch of watches) watch.tick(view, moment, metrics.topology.fact);
    }
  };
  for (let id = 1; id <= trace.count; id++) {
    const time = trace.time(id);
    if (next < times.length && (times[next] as Micros) < time) until(time);
    metrics.see(trace, id);
    const interested = byKind[trace.kind(id)];
    if (interested !== undefined) for (const watch of interested) watch.fact(view, time, id);
  }
  until(end + 1);
  metrics.nowUs = end;
  for (const watch of watches) watch.close(view, end);
}

type WatchMode = keyof typeof FOLDS | 'at' | 'end';

/** One thing that is followed through the run: an extreme, a mean, a value at a time, or when a final value changed last. */
class Watch {
  readonly mode: WatchMode;
  readonly kinds: ReadonlySet<FactKind>;
  readonly sampled: boolean;
  readonly fromUs: Micros;
  readonly toUs: Micros;
  value = 0;
  witness: FactId = 0;
  readonly #read: Read;
  #started = false;
  #closed = false;
  #last = 0;
  #lastUs: Micros = 0;
  #area = 0;

  constructor(mode: WatchMode, read: Read, changes: Changes, fromUs: Micros, toUs: Micros) {
    this.mode = mode;
    this.#read = read;
    this.kinds = mode === 'at' ? new Set() : changes.kinds;
    this.sampled = mode !== 'at' && mode !== 'end' && changes.sampled;
    this.fromUs = fromUs;
    this.toUs = toUs;
  }

  fact(view: View, time: Micros, id: FactId): void {
    if (this.#started && !this.#closed) this.#look(view, time, id);
  }

  tick(view: View, time: Micros, id: FactId): void {
    if (this.#closed) return;
    if (!this.#started) {
      if (time < this.fromUs) return;
      this.#start(view, time, id);
    } else if (this.sampled) this.#look(view, time, id);
    if (time >= this.toUs) this.close(view, time);
  }

  close(view: View, time: Micros): void {
    if (this.#closed) return;
    if (!this.#started) this.#start(view, time, view.metrics.topology.fact);
    this.#closed = true;
    if (this.mode === 'end') this.value = this.#read(view);
    if (this.mode !== 'mean') return;
    this.#area += this.#last * (time - this.#lastUs);
    const span = time - this.fromUs;
    this.value = span > 0 ? this.#area / span : this.#last;
  }

  #start(view: View, time: Micros, id: FactId): void {
    this.#started = true;
    this.#last = this.#read(view);
    this.#lastUs = time;
    this.value = this.#last;
    if (this.mode !== 'end') this.witness = id;
  }

  #look(view: View, time: Micros, id: FactId): void {
    const value = this.#read(view);
    switch (this.mode) {
      case 'max':
      case 'ever':
        if (value > this.value) this.#take(value, id);
        return;
      case 'min':
      case 'always':
        if (value < this.value) this.#take(value, id);
        return;
      case 'mean':
        this.#area += this.#last * (time - this.#lastUs);
        this.#last = value;
        this.#lastUs = time;
        return;
      case 'end':
        if (value !== this.value) this.#take(value, id);
        return;
      case 'at':
        return;
      default:
        this.mode satisfies never;
    }
  }

  #take(value: number, id: FactId): void {
    this.value = value;
    this.witness = id;
  }
}

/** What can change a reading. */
interface Changes {
  readonly kinds: Set<FactKind>;
  sampled: boolean;
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

function compile(
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

/** The unit of a checked expression. */
function unitOf(node: Expression): Unit {
  switch (node.type) {
    case 'number':
      return node.unit;
    case 'metric':
      return FUNCTIONS[node.name]?.unit ?? 'count';
    case 'fold':
    case 'window':
      return unitOf(node.of);
    case 'compute': {
      const a = unitOf(node.left);
      const b = unitOf(node.right);
      if (node.op === '*') return product(a, b);
      if (node.op === '/') return quotient(a, b);
      return isZero(node.left) ? b : a;
    }
    case 'word':
      return 'count';
    case 'compare':
    case 'logic':
    case 'not':
      return 'condition';
    default:
      return node satisfies never;
  }
}

/** A value as a person reads it: `63`, `41.2s`, `97.5%`, `12.5/s`. */
function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'duration':
      return formatDuration(value >= 1_000_000 ? Math.round(value / 1000) * 1000 : Math.round(value));
    case 'share':
      return `${Math.round(value * 1000) / 10}%`;
    case 'rate':
      return `${Math.round(value * 100) / 100}/s`;
    case 'condition':
      return value === 0 ? 'no' : 'yes';
    case 'count':
    case 'verdict':
      return String(Math.round(value * 1000) / 1000);
    default:
      return unit satisfies never;
  }
}
