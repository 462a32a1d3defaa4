/** What an act is, and what the tables of acts are written with. */
import type { ActorId, Micros, PlaceId } from '../../core/types.ts';
import { formatDuration } from '../../sim/scenario/duration.ts';
import type { TimelineLine } from '../protocol.ts';
import { type Param, problemsOf, type Values } from './params.ts';

export interface Act {
  /** Unique among the acts of a thing. */
  readonly id: string;
  /** "Crash". */
  readonly label: string;
  /** What is to be known about it; may be empty. */
  readonly remark: string;
  readonly params: readonly Param[];
  /** Why it cannot be done now; '' when it can. */
  readonly refusal: string;
  /** Why these values would do nothing, where each of them is good; '' when they do something. */
  readonly vain: (values: Values) => string;
  /** The line that it becomes. */
  readonly line: (values: Values) => TimelineLine;
}

export interface ActsOfThing {
  /** "Consumer", "Link". */
  readonly kind: string;
  /** "resizer-2", "web to photo-jobs". */
  readonly name: string;
  readonly acts: readonly Act[];
}

export const NOTHING_HERE: ActsOfThing = { kind: '', name: '', acts: [] };

/** An act without parameters or remark, unless they are given. */
export function act(
  id: string,
  label: string,
  line: Act['line'],
  more: Partial<Pick<Act, 'params' | 'refusal' | 'remark' | 'vain'>> = {},
): Act {
  return { id, label, line, params: [], refusal: '', remark: '', vain: () => '', ...more };
}

/** What keeps an act from being done with these values, of which the first is told; '' for nothing. */
export function problemIn({ params, vain }: Act, values: Values): string {
  const problem = problemsOf(params, values);
  return problem === '' ? vain(values) : problem;
}

/** A field in seconds as the file has it; nothing for an empty one. */
export function spanOf(values: Values, id: string): string | undefined {
  const value = (values[id] ?? '').trim();
  return value === '' ? undefined : formatDuration(microsOf(value));
}

function microsOf(value: string): Micros {
  return Math.max(1, Math.round(Number(value) * 1_000_000));
}

export function numberIn(values: Values, id: string): number {
  return Number(values[id] ?? 0);
}

/** A key of the layout, such as `actor 3`. */
export function endOf(
  key: string,
): { readonly type: 'actor'; readonly id: ActorId } | { readonly type: 'place'; readonly id: PlaceId } {
  const [type, id] = key.split(' ');
  return { type: type === 'actor' ? 'actor' : 'place', id: Number(id) };
}
