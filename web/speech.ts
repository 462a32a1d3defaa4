/**
 * What is said to those who do not see the stage, as sentences: a step says its fact, a jump its moment, and while it plays only what is notable is told, at a rate that can be
 * listened to. Each sentence takes the place of the one before, so nothing queues up.
 */
import type { FactId, Micros } from '../core/types.ts';
import { type ToldScenario, toldSentence } from '../sim/folds/told.ts';
import type { Trace } from '../sim/trace.ts';
import type { Numbers } from './facts-index.ts';
import { clock, count } from './stage/describe.ts';

/** Of a run, what words are made from. */
export interface Told {
  readonly trace: Trace;
  readonly scenario: ToldScenario;
  readonly index: { readonly loud: Numbers; readonly notable: Numbers };
}

/** While it plays, something is said at most so often. */
export const SAID_MS = 4_000;

/** A fact by itself; '' for the start. */
export function factWords({ trace, scenario }: Told, fact: FactId): string {
  return fact < 1 || fact > trace.count ? '' : toldSentence(trace, scenario, fact);
}

/** Where one is after a jump: the moment, and the fact that was jumped to, or else the latest thing that happened. */
export function jumpWords(run: Told, fact: FactId, timeUs: Micros): string {
  if (fact === 0 && timeUs === 0) return 'At the start.';
  const isAtFact = fact > 0 && fact <= run.trace.count && run.trace.time(fact) === timeUs;
  return `At ${clock(timeUs)}. ${isAtFact ? factWords(run, fact) : latestWords(run, fact)}`.trim();
}

/** Where it was stopped. */
export function pauseWords(run: Told, fact: FactId, timeUs: Micros): string {
  return `Paused at ${clock(timeUs)}, fact ${count(fact)} of ${count(run.trace.count)}. ${latestWords(run, fact)}`.trim();
}

function latestWords(run: Told, fact: FactId): string {
  const n = run.index.loud.countUpTo(fact);
  return n === 0 ? '' : factWords(run, run.index.loud.at(n - 1));
}

/** Follows the playhead while it plays. */
export class Commentary {
  /** Notable facts that have been told, or were passed before it began. */
  #told = 0;
  #nextMs = 0;

  /** Playing begins at a fact. */
  begin({ index }: Told, fact: FactId): void {
    this.#told = index.notable.countUpTo(fact);
    this.#nextMs = 0;
  }

  /** What to say at a fact and a time of the wall; '' for nothing. What came in a quick row is counted. */
  at(run: Told, fact: FactId, nowMs: number): string {
    const passed = run.index.notable.countUpTo(fact);
    const fresh = passed - this.#told;
    if (fresh < 1) {
      // Another run took the place of the one before, or the playhead went back.
      this.#told = passed;
      return '';
    }
    if (nowMs < this.#nextMs) return '';
    this.#told = passed;
    this.#nextMs = nowMs + SAID_MS;
    const sentence = factWords(run, run.index.notable.at(passed - 1));
    return fresh === 1 ? sentence : `${sentence} ${count(fresh - 1)} more before it.`;
  }
}
