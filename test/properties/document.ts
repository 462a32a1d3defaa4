/**
 * A scenario as the arbitraries build it: the same tree of maps and lists that a person writes, so that what fails is a file to open and not a
 * data structure of the test. Nothing here knows a broker.
 */
import { stringify } from 'yaml';

export type Value = string | number | boolean | null | readonly Value[] | Document;
export interface Document {
  readonly [key: string]: Value;
}

/** The file. Short maps and lists stay on one line, as in the library. */
export function yamlOf(document: Document): string {
  return stringify(document, { lineWidth: 120, flowCollectionPadding: true, collectionStyle: 'any' });
}

/** The document with `patch` laid over it: maps are merged key by key, null takes a key away, all else replaces. */
export function merged(document: Document, patch: Document): Document {
  const result: Record<string, Value> = { ...document };
  for (const [key, value] of Object.entries(patch)) {
    const old = result[key];
    if (value === null) delete result[key];
    else if (isDocument(value)) result[key] = merged(isDocument(old) ? old : {}, value);
    else result[key] = value;
  }
  return result;
}

function isDocument(value: Value | undefined): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
