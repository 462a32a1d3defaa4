/**
 * Changes to a scenario file: settings (`path=value`) before it is read, the same written into the text, and lines added to its timeline. The
 * text keeps its comments and everything that is not concerned.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  Pair,
  Scalar,
  stringify,
  YAMLMap,
} from 'yaml';
import { BROKERS } from '../../core/brokers/index.ts';
import type { Diagnostic } from './diagnostics.ts';
import { findBrokers, follow } from './paths.ts';
import { shown } from './shown.ts';
import { type BrokerKinds, Source } from './source.ts';

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
    // Reading all of it finds what is YAML and yet no value, such as a key that is no text.
    const reads = value.failed ? 'is not YAML' : 'cannot be used';
    value.plain(value.root);
    if (value.failed) {
      complain(`the value ${reads}: ${value.finish()[0]?.message ?? ''}`);
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
export function put(document: Document, path: readonly string[], node: Node): string {
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

/** A value on one line, as YAML that may stand anywhere, also inside brackets. */
export function flow(value: unknown): string {
  return stringify([value], { collectionStyle: 'flow', lineWidth: 0 }).trim().slice(1, -1).trim();
}

// Editing the text

export interface Edited {
  /** The text with the settings; as it was where one of them did not fit. */
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Writes `path=value` settings into the text of a file. Only the value or the line concerned changes. */
export function setInText(text: string, sets: readonly string[], kinds: BrokerKinds = BROKERS): Edited {
  let edited = text;
  for (const set of sets) {
    const source = new Source(edited, 'scenario', kinds);
    if (!source.failed) {
      source.brokersHere = findBrokers(source);
      const before = edited;
      const split = set.indexOf('=');
      const found = follow(source, set.slice(0, Math.max(0, split)).trim());
      applySets(source, [set]);
      if (!source.failed && !('message' in found))
        edited = write(before, kinds, found.path, valueText(set.slice(split + 1)));
    }
    if (source.failed) return { text, diagnostics: source.finish() };
  }
  return { text: edited, diagnostics: [] };
}

/** Takes a setting out of the text, so that its default holds again. A remark behind it stays, on a line of its own. What is not there is no mistake. */
export function unsetInText(text: string, path: string, kinds: BrokerKinds = BROKERS): Edited {
  const source = new Source(text, 'scenario', kinds);
  source.brokersHere = findBrokers(source);
  const found = source.failed ? null : follow(source, path);
  if (found === null || 'message' in found) return { text, diagnostics: source.finish() };
  const { keyNode, node, parent } = found.spot;
  if (keyNode === null || !keyNode.range || parent === null || !isMap(parent.node)) return { text, diagnostics: [] };
  const [from] = keyNode.range;
  const to = Math.max(text.indexOf(':', keyNode.range[1]) + 1, node?.range?.[1] ?? 0);
  return {
    text: parent.node.flow === true ? cutFromFlow(text, from, to) : cutFromBlock(text, from, to),
    diagnostics: [],
  };
}

/** With the comma behind it, or else with that before it. */
function cutFromFlow(text: string, from: number, to: number): string {
  const behind = /^\s*,[ \t]*/.exec(text.slice(to))?.[0].length;
  if (behind !== undefined) return text.slice(0, from) + text.slice(to + behind);
  const before = /,\s*$/.exec(text.slice(0, from))?.[0].length ?? 0;
  return (before > 0 ? text.slice(0, from - before) : text.slice(0, from).trimEnd()) + text.slice(to);
}

/** With its line. The first of a list item makes way for the next one. */
function cutFromBlock(text: string, from: number, to: number): string {
  const lineStart = text.lastIndexOf('\n', from - 1) + 1;
  const lead = text.slice(lineStart, from);
  const end = text[to - 1] === '\n' ? to : text.indexOf('\n', to) + 1 || text.length;
  const remark = /#.*/.exec(text.slice(to, end))?.[0] ?? '';
  if (lead.trim() === '')
    return `${text.slice(0, lineStart)}${remark === '' ? '' : `${lead}${remark}\n`}${text.slice(end)}`;
  const next = /^ +(?=\S)/.exec(text.slice(end))?.[0].length ?? 0;
  return next === lead.length
    ? `${text.slice(0, lineStart)}${remark === '' ? '' : `${' '.repeat(lead.length)}${remark}\n`}${lead}${text.slice(end + next)}`
    : `${text.slice(0, from)}{}${text.slice(Math.max(to, end - 1))}`;
}

/** Adds one line to the end of `timeline:`, such as `{ at: '60s', crash: 'resizer-2', restart: '10s' }`. */
export function appendTimeline(
  text: string,
  entry: Readonly<Record<string, unknown>>,
  kinds: BrokerKinds = BROKERS,
): string {
  const source = new Source(text, 'scenario', kinds);
  if (source.failed) return text;
  const timeline = source.child(source.root, 'timeline');
  if (source.isEmpty(timeline)) return write(text, kinds, ['timeline'], `\n  - ${flow(entry)}`);
  return source.isList(timeline)
    ? write(text, kinds, ['timeline', String(source.items(timeline).length)], flow(entry))
    : text;
}

/**
 * Adds lines to the end of `timeline:`, one after the other. The text is read for the first two only, however many there are: what the second put into it is how each
 * that follows looks, too, at the place behind it.
 */
export function appendLines(text: string, entries: readonly Readonly<Record<string, unknown>>[]): string {
  const [first, second, ...rest] = entries;
  if (first === undefined) return text;
  const one = appendTimeline(text, first);
  if (second === undefined) return one;
  const two = appendTimeline(one, second);
  let at = 0;
  while (at < one.length && one[at] === two[at]) at++;
  const added = two.slice(at, at + two.length - one.length);
  const [before = '', after = '', ...others] = added.split(flow(second));
  if (added === '' || others.length > 0 || !added.includes(flow(second)))
    return rest.reduce<string>((all, entry) => appendTimeline(all, entry), two);
  const more = rest.map((entry) => `${before}${flow(entry)}${after}`).join('');
  return `${two.slice(0, at + added.length)}${more}${two.slice(at + added.length)}`;
}

/** The value as it was written where that is safe anywhere, else as YAML makes it. */
function valueText(written: string): string {
  const trimmed = written.trim();
  if (/^[A-Za-z0-9][A-Za-z0-9 _.%/-]*$/.test(trimmed)) return trimmed;
  const value = new Source(written, 'value', {});
  return flow(value.plain(value.root));
}

/** Replaces the value at a path, or adds it to the innermost collection that exists. The path is known to fit. */
function write(text: string, kinds: BrokerKinds, path: readonly string[], value: string): string {
  const source = new Source(text, 'scenario', kinds);
  let spot = source.root;
  for (let i = 0; i < path.length; i++) {
    const key = path[i] ?? '';
    const inner = source.child(spot, key);
    const rest = path.slice(i + 1);
    const exists = inner.keyNode !== null || inner.node !== null;
    if (!exists) return insert(text, spot.node, source.isList(spot) ? null : key, nested(rest, value));
    if (rest.length === 0) return replace(text, inner.node, value);
    if (source.isMap(inner) || source.isList(inner)) {
      spot = inner;
      continue;
    }
    // `broker: sqs` becomes `{ kind: sqs, … }`; an empty value becomes a map.
    const kind = source.text(inner);
    return replace(
      text,
      inner.node,
      kind === null ? nested(rest, value) : `{ kind: ${kind}, ${rest[0] ?? ''}: ${nested(rest.slice(1), value)} }`,
    );
  }
  return text;
}

function nested(path: readonly string[], value: string): string {
  return path.reduceRight((inner, key) => `{ ${key}: ${inner} }`, value);
}

function replace(text: string, node: Node | null, value: string): string {
  const [from, to] = node?.range ?? [0, 0];
  const space = from > 0 && !/\s/.test(text[from - 1] ?? '') && !value.startsWith('\n') ? ' ' : '';
  const old = text.slice(from, to);
  // A block value ends with its line break, which must stay.
  const tail = old.slice(old.trimEnd().length);
  return `${text.slice(0, from)}${space}${value}${tail}${text.slice(to)}`;
}

/** Adds `key: value` to a map, or `- value` to a list when the key is null. */
function insert(text: string, node: Node | null, key: string | null, value: string): string {
  const entry = key === null ? value : value.startsWith('\n') ? `${key}:${value}` : `${key}: ${value}`;
  const [from, to] = node?.range ?? [0, 0];
  if ((isMap(node) || isSeq(node)) && node.flow === true) {
    const last: unknown = node.items[node.items.length - 1];
    const end = isPair(last) ? (isNode(last.value) ? last.value : last.key) : last;
    // After the last entry and before what follows it, which may be a remark.
    const at = isNode(end) && end.range ? end.range[1] : from + 1;
    return `${text.slice(0, at)}${last === undefined ? ' ' : ', '}${entry}${last === undefined ? ' ' : ''}${text.slice(at)}`;
  }
  const lineStart = text.lastIndexOf('\n', from - 1) + 1;
  const indent = ' '.repeat(from - lineStart);
  const lineEnd = text[to - 1] === '\n' ? to : text.indexOf('\n', to) + 1;
  const at = lineEnd === 0 ? text.length : lineEnd;
  const gap = at > 0 && text[at - 1] !== '\n' ? '\n' : '';
  return `${text.slice(0, at)}${gap}${indent}${key === null ? '- ' : ''}${entry}\n${text.slice(at)}`;
}
