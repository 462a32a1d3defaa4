/**
 * Does a headers-exchange binding match a message's headers? The routing key plays no part here.
 * A binding's arguments are compared with the message's headers by name; `x-match` says whether all or any must agree and
 * whether names that start with `x-` take part.
 * Source: rule R4. Simplification: AMQP tells many number types apart, here every number is one type.
 */

/** A value in an AMQP table. `null` is AMQP's void. */
export type HeaderValue = string | number | boolean | null | readonly HeaderValue[] | HeaderTable;

/** An AMQP table: message headers, or the arguments of a declaration or binding. */
export interface HeaderTable {
  readonly [name: string]: HeaderValue;
}

const MATCH_MODES: readonly HeaderValue[] = ['all', 'any', 'all-with-x', 'any-with-x'];

/** Why a headers binding is refused, or `undefined` when `x-match` is absent or one of the four known values (R4). */
export function headersBindingRefusal(bindingArguments: HeaderTable): string | undefined {
  const mode = bindingArguments['x-match'];
  if (mode === undefined || MATCH_MODES.includes(mode)) return undefined;
  return `invalid x-match value ${JSON.stringify(mode)}; expected all, any, all-with-x or any-with-x`;
}

/**
 * Whether the headers satisfy the binding. Headers that the binding does not name are ignored. A void argument asks only
 * that the header is present. With nothing to compare, `all` matches and `any` does not. Source: R4.
 */
export function headersMatch(bindingArguments: HeaderTable, headers: HeaderTable): boolean {
  const mode = bindingArguments['x-match'] ?? 'all';
  const any = mode === 'any' || mode === 'any-with-x';
  const withX = mode === 'all-with-x' || mode === 'any-with-x';
  for (const [name, wanted] of Object.entries(bindingArguments)) {
    if (name === 'x-match' || (!withX && name.startsWith('x-'))) continue;
    const found = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const agrees = found !== undefined && (wanted === null || sameValue(wanted, found));
    if (agrees === any) return any;
  }
  return !any;
}

/** Equality by type and value; lists by their items in order, tables by their names whatever their order. */
export function sameValue(left: HeaderValue, right: HeaderValue): boolean {
  if (left === right) return true;
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return false;
  if (isList(left) || isList(right)) {
    if (!isList(left) || !isList(right) || left.length !== right.length) return false;
    for (let index = 0; index < left.length; index += 1) {
      if (!sameValue(left[index] ?? null, right[index] ?? null)) return false;
    }
    return true;
  }
  return sameTable(left, right);
}

/** Whether two tables hold the same names with the same values, in whatever order. */
export function sameTable(left: HeaderTable, right: HeaderTable): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  for (const name of names) {
    if (!Object.hasOwn(right, name) || !sameValue(left[name] ?? null, right[name] ?? null)) return false;
  }
  return true;
}

/** Tells a list from a table; `Array.isArray` alone does not narrow readonly arrays. */
export function isList(value: HeaderValue | undefined): value is readonly HeaderValue[] {
  return Array.isArray(value);
}
