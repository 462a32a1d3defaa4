/**
 * The one shape of every check. `find` looks through the evidence and says what it saw, with the facts that prove it; `explain` makes the
 * sentence that a learner reads. Whether a breach is `violated` or `allowed` is not decided here but in index.ts, from what was claimed and what
 * the settings promise.
 */
import type { FactId } from '../../core/types.ts';
import type { Evidence } from './evidence.ts';
import type { ClaimName } from './names.ts';
import type { Side } from './promises.ts';

/**
 * `broken`: the claim fell. `removed`: a stated policy (retention, TTL, a limit) took a message away, which the claim itself
 * excepts. `open`: the run ended before it was decided. `sound`: nothing of that.
 */
export type Seen = 'broken' | 'removed' | 'open' | 'sound';

/** What `find` hands to `explain`; a check adds the numbers that its sentences need. */
export interface Found {
  readonly seen: Seen;
  /** True when something in the run could have broken the claim; a sound run that lacks it proves nothing. */
  readonly exercised: boolean;
  /** The facts that prove it, in order; empty when there is nothing to prove. */
  readonly witness: readonly FactId[];
  /** For `removed`: the setting that did it. */
  readonly policy?: string;
  /** For `broken`: on whose side it went wrong, so that the setting that is named is one of theirs. */
  readonly side?: Side;
  /** Instead of the check's own `idle`, where this run was idle for a reason of its own. */
  readonly idle?: string;
}

export interface Check<F extends Found> {
  readonly claim: ClaimName;
  /** What would put the claim to the test: completes "Nothing in this run could have broken it: …". */
  readonly idle: string;
  /** `scope` narrows the claim: an attribute for key-order; a queue, topic, group or store for the others; '' for everything, and always for those about the whole run. */
  find(evidence: Evidence, scope: string): F;
  explain(evidence: Evidence, found: F): string;
}

/** A check with its kind of finding closed over, so that all of them fit into one table. */
export interface AnyCheck {
  readonly claim: ClaimName;
  readonly idle: string;
  look(evidence: Evidence, scope: string): { readonly found: Found; readonly sentence: string };
}

export function defineCheck<F extends Found>(check: Check<F>): AnyCheck {
  return {
    claim: check.claim,
    idle: check.idle,
    look(evidence, scope) {
      const found = check.find(evidence, scope);
      return { found, sentence: check.explain(evidence, found) };
    },
  };
}
