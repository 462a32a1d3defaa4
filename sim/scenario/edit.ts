/**
 * Changes to a scenario file: settings (`path=value`) before it is read, the same written into the text, and lines added to its timeline. The
 * text keeps its comments and everything that is not concerned.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  Pair,
  Scalar,
  stringify,
  YAMLMap,
} from 'yaml';
import { findBrokers, follow } from './paths.ts';
import { Source, shown } from './source.ts';

/** One setting as the command line writes it. */
export function setText(path: string, value: unknown): string {
  return `${path}=${flow(value)}`;
}

/** Applies `path=value` settings to a source that has been read but not checked. What does not fit is reported. */
export function applySets(source: Source, sets: readonly string[]): void {
  for (const set of sets) {
    const file = `--set ${shown(set)}`;
    const complain = (message: string, expected = '', hint = ''): void => {
      source.diagnostics.push({ severity: 'error', file, line: 1, column: 1, path: '', message, expected, hint });
    };
    const split = set.indexOf('=');
    if (split <= 0) {
      complain('this is no setting.', '`path=value`, such as `consumers.resizer.count=3`');
      continue;
    }
    const found = follow(source, set.slice(0, split).trim());
    if ('message' in found) {
      complain(found.message, 'the path of a setting in the file', found.hint);
      continue;
    }
    const value = new Source(set.slice(split + 1), file, {});
    if (value.failed) {
      complain(`the value is not YAML: ${value.diagnostics[0]?.message ?? ''}`);
      continue;
    }
    const node = value.document.contents ?? new Scalar(null);
    adopt(source, node, file, split + 1);
    const problem = put(source.document, found.path, node);
    if (problem !== '') complain(problem, 'a path whose parts are maps or lists');
    source.brokersHere = findBrokers(source);
  }
}

/** Puts a node at a path, making the maps on the way. The answer is empty, or says why it cannot be. */
function put(document: Document, path: readonly string[], node: Node): string {
  if (!isMap(document.contents)) document.contents = new YAMLMap();
  let here: Node | null = document.contents;
  for (let i = 0; i < path.length; i++) {
    const key = path[i] ?? '';
    const last = i === path.length - 1;
    if (isSeq(here)) {
      const index = Number(key);
      const item: unknown = here.items[index];
      if (index > here.items.length) return `the list has ${here.items.length} items.`;
      if (last) here.items[index] = node;
      else if (isNode(item)) here = item;
      else return `there is no item ${key}.`;
      continue;
    }
    if (!isMap(here)) return `\`${path.slice(0, i).join('.')}\` has a single value, so nothing can be set inside it.`;
    const pair: Pair | undefined = here.items.find(
      (one) => isScalar(one.key) && (one.key.value === key || one.key.source === key),
    );
    if (last) {
      if (pair === undefined) here.items.push(new Pair(new Scalar(key), node));
      else pair.value = node;
      continue;
    }
    if (pair !== undefined && isAlias(pair.value))
      return `\`${path.slice(0, i + 1).join('.')}\` is an alias, so nothing can be set inside it.`;
    let inner: Node | null = pair !== undefined && isNode(pair.value) ? pair.value : null;
    if (inner !== null && !isMap(inner) && !isSeq(inner)) {
      // `broker: sqs` stands for `{ kind: sqs }`, and `key:` for an empty map.
      const scalar: unknown = isScalar(inner) ? inner.value : null;
      const parent = path[i - 1];
      if ((i === 0 && key === 'broker') || (i === 1 && parent === 'brokers')) {
        const map = new YAMLMap();
        map.items.push(new Pair(new Scalar('kind'), inner));
        inner = map;
        if (pair !== undefined) pair.value = inner;
      } else if (scalar === null) inner = null;
    }
    if (inner === null) {
      inner = new YAMLMap();
      if (pair === undefined) here.items.push(new Pair(new Scalar(key), inner));
      else pair.value = inner;
    }
    here = inner;
  }
  return '';
}

/** Makes complaints about a set value, and about all within it, point to the setting. */
function adopt(source: Source, node: Node, file: string, offset: number): void {
  source.adopt(node, file, offset);
  if (isMap(node)) {
    for (const pair of node.items) {
      if (isNode(pair.key)) source.adopt(pair.key, file, offset);
      if (isNode(pair.value)) adopt(source, pair.value, file, offset);
    }
  } else if (isSeq(node)) {
    for (const item of node.items) if (isNode(item)) adopt(source, item, file, offset);
  }
}

/** A value on one line, as YAML. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, defaultStringType: 'PLAIN' }).trim();
}
