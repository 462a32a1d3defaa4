/**
 * How a broker declares its options: real spelling, type, unit, default, limits, one sentence, and source. The scenario parser, the
 * JSON Schema, the reference pages and the texts in the app are all made from these tables, so an option is described once.
 * In a parsed scenario durations are microseconds and sizes are bytes, whatever the option's own unit is.
 */
import type { Micros } from './types.ts';

interface OptionBase {
  /** One or two sentences: meaning, what 0 or absent means, how it relates to other options. */
  readonly doc: string;
  /** Rule numbers, such as `S2` or `K25, K26`. */
  readonly source: string;
}

export type OptionSpec =
  | (OptionBase & {
      readonly type: 'duration';
      /** The unit of a bare number, as the real option has it. */
      readonly unit: 'us' | 'ms' | 's' | 'min' | 'h';
      readonly default?: Micros;
      readonly min?: Micros;
      readonly max?: Micros;
      /** −1 (or `never`) is accepted and means: no limit; parsed as −1. */
      readonly unlimited?: boolean;
    })
  | (OptionBase & {
      readonly type: 'integer' | 'number' | 'bytes';
      readonly default?: number;
      readonly min?: number;
      readonly max?: number;
    })
  | (OptionBase & { readonly type: 'boolean'; readonly default?: boolean })
  | (OptionBase & {
      readonly type: 'enum';
      readonly values: readonly (string | number)[];
      readonly default?: string | number;
    })
  | (OptionBase & {
      readonly type: 'text';
      readonly default?: string;
      /** The text must name one of these things of the same scenario. */
      readonly names?: 'queue' | 'topic' | 'exchange';
    })
  | (OptionBase & { readonly type: 'list'; readonly default?: readonly string[] })
  | (OptionBase & { readonly type: 'object'; readonly fields: OptionTable })
  /** By names of the user's own choice, or of those things of the scenario that `names` says, a table each. */
  | (OptionBase & {
      readonly type: 'map';
      readonly names?: 'queue' | 'topic' | 'exchange';
      readonly fields: OptionTable;
      readonly default?: undefined;
    })
  /** Any JSON or YAML; the value is its JSON text. The broker's `check` says what is wrong with it. */
  | (OptionBase & { readonly type: 'json'; readonly example: string; readonly default?: undefined });

/** Options by their real names. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Parsed values by the same names: numbers (µs, bytes, counts), booleans, strings, lists, nested tables. Absent without a default. */
export type OptionValues = { readonly [name: string]: OptionValue | undefined };
export type OptionValue = number | boolean | string | readonly string[] | OptionValues;

/** Reads a number (µs, bytes or count) that the table gives a default or the parser has filled in. */
export function numberOf(values: OptionValues, name: string, otherwise = 0): number {
  const value = values[name];
  return typeof value === 'number' ? value : otherwise;
}

export function booleanOf(values: OptionValues, name: string, otherwise = false): boolean {
  const value = values[name];
  return typeof value === 'boolean' ? value : otherwise;
}

export function textOf(values: OptionValues, name: string, otherwise = ''): string {
  const value = values[name];
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : otherwise;
}

export function tableOf(values: OptionValues, name: string): OptionValues | undefined {
  const value = values[name];
  return typeof value === 'object' && !isList(value) ? value : undefined;
}

function isList(value: OptionValue): value is readonly string[] {
  return Array.isArray(value);
}
