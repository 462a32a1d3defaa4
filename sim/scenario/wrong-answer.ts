/** What an exercise has to say to an answer that it knows to be wrong. */
import type { ExerciseSpec } from './types.ts';

/** A knob as it stands in an answer. */
export interface Turned {
  readonly path: string;
  readonly value: unknown;
  /** As the file has it. */
  readonly isStart: boolean;
}

/** Why an answer is wrong, in the words of the exercise; '' for one that it does not know. Of a knob that a wrong answer does not name, it means the value of the file. */
export function reasonWhyNot({ wrong }: Pick<ExerciseSpec, 'wrong'>, turned: readonly Turned[]): string {
  const fits = (set: Readonly<Record<string, unknown>>, { path, value, isStart }: Turned): boolean =>
    path in set ? JSON.stringify(set[path]) === JSON.stringify(value) : isStart;
  return wrong.find(({ set }) => turned.every((knob) => fits(set, knob)))?.because ?? '';
}
