/**
 * Expectations, goals, alerts and scaling rules: conditions over metrics, such as `max(depth(jobs)) < 50`. Here they are evaluated, all of a scenario's in one pass
 * over the trace. What metrics there are is in expect-functions.ts, how they are written in expect-syntax.ts, what is wrong with one in expect-check.ts; what a claim's verdict
 * is, the caller says.
 */
import { Metrics } from '../folds/metrics.ts';
import type { Trace } from '../trace.ts';
import { compile, type Evaluated, type JudgedClaim } from './expect-compile.ts';
import { type ExpectScenario, View } from './expect-functions.ts';
import { childrenOf, type Expression, isMistake, parseExpression } from './expect-syntax.ts';
import { pass, type Read } from './expect-watch.ts';

export interface ExpectRun {
  readonly trace: Trace;
  readonly scenario: ExpectScenario;
  readonly verdicts: readonly JudgedClaim[];
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
