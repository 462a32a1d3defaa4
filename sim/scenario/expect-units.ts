/** Units of expressions: what comes of multiplying and dividing them, and how a value is shown in its unit. */
import { formatDuration } from './duration.ts';
import { FUNCTIONS } from './expect-functions.ts';
import type { Expression, Unit } from './expect-syntax.ts';

export function isZero(node: Expression): boolean {
  return node.type === 'number' && node.value === 0;
}

export function product(a: Unit, b: Unit): Unit {
  if (a === 'duration' || b === 'duration') return a === 'rate' || b === 'rate' ? 'count' : 'duration';
  if (a === 'rate' || b === 'rate') return 'rate';
  return a === 'share' && b === 'share' ? 'share' : 'count';
}

export function quotient(a: Unit, b: Unit): Unit {
  if (a === b) return 'count';
  if (a === 'duration') return 'duration';
  if (b === 'duration') return 'rate';
  return a === 'rate' ? 'rate' : 'count';
}

/** The unit of a checked expression. */
export function unitOf(node: Expression): Unit {
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
export function formatValue(value: number, unit: Unit): string {
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
