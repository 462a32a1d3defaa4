/**
 * Judges claims over a trace: runs the checks that are asked for and turns what each saw into one of the verdicts. The rule is the same for
 * all. What broke is `violated` when the scenario claims it or the settings promise it, else `allowed`, and the setting that permits it
 * is named; what a stated policy removed is `allowed`; what the end of the run left open is `undecided`; and a claim that nothing put to
 * the test was `not exercised`, however sound it looks.
 */
import { FACT_NAMES } from '../../core/facts.ts';
import type { FactId } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';
import { atLeastOnce } from './at-least-once.ts';
import { atMostOnce } from './at-most-once.ts';
import { scenariosBefore } from './changes.ts';
import type { AnyCheck, Found } from './check.ts';
import { conservation } from './conservation.ts';
import { readCycle, writeCycle } from './cycles.ts';
import { deadLetterExactness, deliveryBound } from './dead-letters.ts';
import { confirmedDurable, noFabrication } from './durability.ts';
import { Evidence } from './evidence.ts';
import { exactlyOnceEffect } from './exactly-once-effect.ts';
import { commitMonotonic, commitSafety, singleOwner } from './groups.ts';
import { keyOrder } from './key-order.ts';
import { boundedRedelivery, drained, progress, rebalanceSettles } from './liveness.ts';
import { lockExclusivity, noEarlyRedelivery, staleAckFencing, zombieOverlap } from './locks.ts';
import {
  duplicate,
  inconsistentOffsets,
  nonmonotonicPoll,
  nonmonotonicSend,
  pollSkip,
  replayFidelity,
} from './log-anomalies.ts';
import type { ClaimName } from './names.ts';
import { fifoGroupOrder, partitionOrder } from './order.ts';
import { poisonIsolation } from './poison-isolation.ts';
import { exercisable, permits, unjudged } from './promises.ts';
import { committedSurvives, singleLeader } from './replicas.ts';
import { abortedRead, atomicPublishAndCommit, idempotentProduce, precommittedRead } from './transactions.ts';
import { lostWrite, unseen } from './unread.ts';

export interface Verdict {
  readonly claim: string;
  /** What the claim was limited to; '' for everything. */
  readonly scope: string;
  readonly verdict: 'holds' | 'violated' | 'allowed' | 'not exercised' | 'undecided';
  readonly sentence: string;
  /** The facts that prove it, in order; as few as do. */
  readonly witness: readonly FactId[];
  /** For `allowed`, and for a violation that the settings do not forbid: the setting that permits it. */
  readonly setting?: string;
}

/** A claim to be judged. A `ClaimSpec` of the scenario fits. */
export interface Asked {
  readonly claim: string;
  readonly scope: string;
}

const CHECKS: readonly AnyCheck[] = [
  noFabrication,
  confirmedDurable,
  atMostOnce,
  atLeastOnce,
  exactlyOnceEffect,
  conservation,
  replayFidelity,
  atomicPublishAndCommit,
  idempotentProduce,
  lockExclusivity,
  zombieOverlap,
  staleAckFencing,
  noEarlyRedelivery,
  deliveryBound,
  deadLetterExactness,
  poisonIsolation,
  partitionOrder,
  keyOrder,
  fifoGroupOrder,
  singleOwner,
  commitSafety,
  commitMonotonic,
  singleLeader,
  committedSurvives,
  inconsistentOffsets,
  duplicate,
  abortedRead,
  precommittedRead,
  lostWrite,
  unseen,
  pollSkip,
  nonmonotonicPoll,
  nonmonotonicSend,
  writeCycle,
  readCycle,
  progress,
  drained,
  boundedRedelivery,
  rebalanceSettles,
];

const BY_NAME: ReadonlyMap<string, AnyCheck> = new Map(CHECKS.map((check) => [check.claim, check]));

/** Judges what is asked; the scenario's own claims when nothing is said. Unknown names are left out. */
export function judge(trace: Trace, scenario: Scenario, asked: readonly Asked[] = scenario.claims): readonly Verdict[] {
  const evidence = new Evidence(trace, scenario);
  const verdicts: Verdict[] = [];
  for (const { claim, scope } of asked) {
    const check = BY_NAME.get(claim);
    if (check !== undefined) verdicts.push(verdictOf(check, evidence, scope));
  }
  return verdicts;
}

/** Everything worth judging of a scenario: its own claims first, then each other claim that its brokers can put to the test. */
export function claimsOf(scenario: Scenario): readonly Asked[] {
  const asked: Asked[] = scenario.claims.map(({ claim, scope }) => ({ claim, scope }));
  const named = new Set(asked.map(({ claim }) => claim));
  for (const claim of exercisable(scenario)) if (!named.has(claim)) asked.push({ claim, scope: '' });
  return asked;
}

function verdictOf(check: AnyCheck, evidence: Evidence, scope: string): Verdict {
  const { claim } = check;
  const { found, sentence } = check.look(evidence, scope);
  const { witness } = found;
  switch (found.seen) {
    case 'broken': {
      const setting = permitted(evidence, claim, found);
      const base = { claim, scope, sentence, witness };
      if (setting === '') return { ...base, verdict: 'violated' };
      if (isClaimed(evidence.scenario, claim, scope)) return { ...base, verdict: 'violated', setting };
      return { ...base, verdict: 'allowed', setting };
    }
    case 'open':
      return { claim, scope, verdict: 'undecided', sentence, witness };
    case 'removed':
      return { claim, scope, verdict: 'allowed', sentence, witness, setting: found.policy ?? 'a stated policy' };
    case 'sound': {
      const missing = evidence.scenario.exercised.find((name) => !happened(evidence, name));
      if (missing !== undefined) {
        return {
          claim,
          scope,
          verdict: 'not exercised',
          sentence: `The scenario is to show "${missing}", and this run has none.`,
          witness: [],
        };
      }
      if (!found.exercised) {
        const sentence =
          unjudged(evidence.scenario, claim, scope) ||
          `Nothing in this run could have broken it: ${found.idle ?? check.idle}.`;
        return { claim, scope, verdict: 'not exercised', sentence, witness: [] };
      }
      return { claim, scope, verdict: 'holds', sentence, witness };
    }
  }
}

/** The setting that permits what broke: one that held when it did, else one that held before. */
function permitted({ scenario, trace }: Evidence, claim: ClaimName, { side, witness }: Found): string {
  for (const state of scenariosBefore(scenario, trace, witness.at(-1) ?? trace.count)) {
    const setting = permits(state, claim, side);
    if (setting !== '') return setting;
  }
  return '';
}

/** Whether the scenario stands by the claim; `allowed` in the file means that it only watches it. */
function isClaimed(scenario: Scenario, claim: ClaimName, scope: string): boolean {
  return scenario.claims.some((spec) => spec.claim === claim && spec.scope === scope && spec.verdict !== 'allowed');
}

function happened(evidence: Evidence, name: string): boolean {
  const kind = (FACT_NAMES as readonly string[]).indexOf(name);
  return kind > 0 && (evidence.counts[kind] ?? 0) > 0;
}
