/** An exercise's knobs in words, and as settings. */

/** As the select shows it. */
export function valueWords(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'string') return value;
  return typeof value === 'object' ? JSON.stringify(value).replaceAll('"', '') : String(value);
}

/** `path=value`, with the value as YAML can read it. */
export function setting(path: string, value: unknown): string {
  return `${path}=${JSON.stringify(value)}`;
}
