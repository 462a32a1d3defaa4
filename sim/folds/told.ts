/** A fact's sentence as people are told it: what a line of the timeline did is said in the words of that line, everything else as the fact says it. */
import { F, FACTS, type Tone } from '../../core/facts.ts';
import type { FactId } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';

export function toldSentence(trace: Trace, { timeline }: Pick<Scenario, 'timeline'>, id: FactId): string {
  const kind = trace.kind(id);
  const label = OF_A_LINE.has(kind) ? (timeline[trace.value(id)]?.label ?? '') : '';
  if (label === '') return trace.sentence(id);
  return kind === F['fault-ended'] || kind === F.healed ? `Over: ${label}.` : `Timeline: ${label}.`;
}

/** How loud a fact is told: as its kind says, but a hop that was lost is a fault although hops are quiet. */
export function toneOf(trace: Trace, id: FactId): Tone {
  const { tone } = FACTS[trace.name(id)];
  if (trace.kind(id) !== F.sent) return tone;
  const fate = trace.detail(id) >> 3;
  return fate === 0 || fate === DUPLICATED ? tone : 'fault';
}

/** Its place in FATES. */
const DUPLICATED = 4;

/** Facts whose `value` is the number of a line of the timeline. */
const OF_A_LINE: ReadonlySet<number> = new Set([F['fault-begun'], F['fault-ended'], F.split, F.healed, F.changed]);
