/** Quantities of the form: a number and its unit, apart and together. */

export interface Quantity {
  /** As it is written. */
  readonly number: string;
  readonly unit: string;
}

/** Null for what is no single number with a unit: `1h 30m`, `1ms..5ms`, `poisson 4.5/s`, `never`. */
export function quantityOf(text: string): Quantity | null {
  const match = /^(\d{1,15}(?:\.\d{1,9})?) ?(\/?[A-Za-zµ]{1,3})$/.exec(text.trim());
  return match === null ? null : { number: match[1] ?? '', unit: match[2] === 'm' ? 'min' : (match[2] ?? '') };
}

/** Of `5%` or `0.05`; null for anything else. */
export function percentOf(text: string): number | null {
  const match = /^(\d{1,3}(?:\.\d{1,9})?) ?(%?)$/.exec(text.trim());
  if (match === null) return null;
  const number = Number(match[1]);
  // Not 0.07 × 100, which is 7.000000000000001.
  return match[2] === '%' ? number : Math.round(number * 1e9) / 1e7;
}
