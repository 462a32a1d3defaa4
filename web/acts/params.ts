/** What can be chosen of an act before it is done, with a first value that makes sense: numbers with a unit, and choices. */

export interface Param {
  readonly id: string;
  /** Before the field: "for", "back after". */
  readonly label: string;
  /** `text` is a value as the file has it. */
  readonly kind: 'number' | 'choice' | 'text';
  readonly value: string;
  /** After the field: "s", "times". */
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly isWhole: boolean;
  /** What an empty field means, where it may be empty; '' where it may not. */
  readonly empty: string;
  readonly choices: readonly Choice[];
}

export interface Choice {
  readonly value: string;
  readonly label: string;
  /** Chosen, it gives the other field this value. */
  readonly fills?: string;
}

/** By the parameter's id. */
export type Values = Readonly<Record<string, string>>;

const NUMBER: Omit<Param, 'id' | 'label' | 'value' | 'unit'> = {
  kind: 'number',
  min: 0,
  max: 1_000_000,
  isWhole: false,
  empty: '',
  choices: [],
};

/** A span in seconds, of at least a microsecond and at most a day. */
export function seconds(id: string, label: string, value: number | '', empty = ''): Param {
  return { ...NUMBER, id, label, value: String(value), unit: 's', min: 0.000001, max: 86_400, empty };
}

export function whole(id: string, label: string, value: number, unit: string, min: number, max: number): Param {
  return { ...NUMBER, id, label, value: String(value), unit, min, max, isWhole: true };
}

export function amount(id: string, label: string, value: number | '', unit: string, max: number, empty = ''): Param {
  return { ...NUMBER, id, label, value: String(value), unit, min: 0.01, max, empty };
}

export function choice(id: string, label: string, choices: readonly Choice[]): Param {
  return { ...NUMBER, id, label, value: choices[0]?.value ?? '', unit: '', kind: 'choice', choices };
}

/** Of at most `max` letters. `known`: values that it may well have; others are taken, too. */
export function text(
  id: string,
  label: string,
  value: string,
  { empty = '', max = 1_000, known = [] }: { empty?: string; max?: number; known?: readonly string[] } = {},
): Param {
  const choices = known.map((one) => ({ value: one, label: one }));
  return { ...NUMBER, id, label, value, unit: '', kind: 'text', empty, max, choices };
}

export function firstValues(params: readonly Param[]): Values {
  return Object.fromEntries(params.map(({ id, value }) => [id, value]));
}

/** Why a value cannot be used; '' when it can. */
export function problemOf(param: Param, value: string): string {
  const { kind, label, min, max, isWhole, empty, choices } = param;
  const trimmed = value.trim();
  const named = label === '' ? 'the value' : `"${label}"`;
  if (trimmed === '' && kind === 'text' && empty === '') return 'say what it should be';
  if (trimmed === '') return empty === '' ? `${named} is empty` : '';
  if (kind === 'choice') return choices.some((one) => one.value === value) ? '' : `${named} is none of the choices`;
  if (kind === 'text') return trimmed.length > max ? `${named} may have ${max} letters` : '';
  const number = Number(trimmed);
  if (!Number.isFinite(number) || number < min || number > max) return `${named} must be from ${min} to ${max}`;
  return isWhole && !Number.isInteger(number) ? `${named} must be a whole number` : '';
}

/** What keeps these values from being used, of which the first is told; '' for nothing. */
export function problemsOf(params: readonly Param[], values: Values): string {
  for (const param of params) {
    const value = values[param.id] ?? '';
    const problem = problemOf(param, value);
    if (problem !== '') return problem;
    const chosen = param.choices.find((one) => one.value === value);
    if (chosen?.fills !== undefined && chosen.fills !== '' && chosen.fills === values['value'])
      return 'it is that already';
  }
  return '';
}
