/**
 * The YAML of one scenario, as places that can be read and complained about. It guards against files that are made to hurt: too
 * long, too deep, aliases that unfold without end. It knows nothing of what a scenario means.
 *
 * A `Spot` is a node together with its path, so that whoever reads it can report with line and column. Where a key is missing the spot has
 * no node and complaints point at the map that should have it.
 */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { BrokerKind } from '../../core/brokers/kind.ts';
import type { Diagnostic } from './diagnostics.ts';
import { shown } from './shown.ts';
import { LONGEST_FILE } from './size.ts';
import { syntaxProblems } from './syntax.ts';

export type BrokerKinds = Readonly<Record<string, BrokerKind>>;

const DEEPEST = 32;
const MOST_NODES = 100_000;
/** Of `[` and `{`, which take longest to read. */
const MOST_BRACKETS = 50_000;
const MOST_DIAGNOSTICS = 40;

export interface Spot {
  readonly source: Source;
  /** Null when the file has nothing there. */
  readonly node: Node | null;
  readonly path: readonly string[];
  /** Where to point when there is no node, or when the key itself is at fault. */
  readonly keyNode: Node | null;
  readonly parent: Spot | null;
}

/** Something that names something else, to be looked up when all names are known. */
export interface Reference {
  readonly spot: Spot;
  readonly name: string;
  readonly wants: Wanted;
}
export type Wanted = 'queue' | 'topic' | 'exchange' | 'actor' | 'producer' | 'consumer' | 'group' | 'broker';

export class Source {
  readonly diagnostics: Diagnostic[] = [];
  readonly references: Reference[] = [];
  readonly file: string;
  readonly document: Document.Parsed;
  /** Kinds by broker name, as far as the file names known ones; see `findBrokers`. */
  brokersHere: ReadonlyMap<string, BrokerKind | null> = new Map();
  readonly kinds: BrokerKinds;
  private readonly lines = new LineCounter();
  private readonly origins = new Map<Node, { readonly file: string; readonly offset: number }>();
  private nodesLeft = MOST_NODES;
  private suppressed = 0;

  constructor(text: string, file: string, kinds: BrokerKinds) {
    this.file = file;
    this.kinds = kinds;
    const problem = tooMuch(text);
    this.document = read(problem === null ? text : '', this.lines);
    if (problem !== null) this.reportAt(1, 1, problem.message, problem.expected, problem.hint);
    else this.reportSyntax(text);
  }

  get root(): Spot {
    return { source: this, node: this.document.contents, path: [], keyNode: null, parent: null };
  }

  /** So much is wrong already that more is only counted; whoever needs long to find a good hint may save it. */
  get isFull(): boolean {
    return this.diagnostics.length >= MOST_DIAGNOSTICS;
  }

  get failed(): boolean {
    return this.exhausted || this.diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  }

  /** The file unfolds to more than is read: the rest looks empty, so nothing else that was said about it counts. */
  private get exhausted(): boolean {
    return this.nodesLeft <= 0;
  }

  /** Reports an error at a spot, in `what is wrong`, `what would be right`, `what to do`. */
  error(spot: Spot, message: string, expected = '', hint = ''): void {
    this.report('error', spot, message, expected, hint);
  }

  /** An error at a character (from 0) of the text at a spot. */
  errorWithin(spot: Spot, character: number, message: string, expected = '', hint = ''): void {
    const before = this.diagnostics.length;
    this.error(spot, message, expected, hint);
    const said = this.diagnostics[before];
    const node = this.resolve(spot);
    if (said === undefined || !isScalar(node)) return;
    const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
    if (quoted || node.type === 'PLAIN')
      this.diagnostics[before] = { ...said, column: said.column + character + (quoted ? 1 : 0) };
  }

  warn(spot: Spot, message: string, expected = '', hint = ''): void {
    this.report('warning', spot, message, expected, hint);
  }

  /** Marks nodes that come from elsewhere (`--set`), so that complaints about them point there. */
  adopt(node: Node, file: string, offset: number): void {
    this.origins.set(node, { file, offset });
  }

  /** The entries of a map with their keys as text. A key that is no scalar, or comes twice, is reported and left out. */
  entries(spot: Spot): { readonly key: string; readonly spot: Spot }[] {
    const node = this.resolve(spot);
    if (!isMap(node)) return [];
    const found: { key: string; spot: Spot }[] = [];
    const seen = new Set<string>();
    for (const pair of node.items) {
      const keyNode = isNode(pair.key) ? pair.key : null;
      const key = isScalar(keyNode) ? scalarText(keyNode) : null;
      const value = isNode(pair.value) ? pair.value : null;
      if (key === null) {
        this.error({ ...spot, keyNode, node: keyNode }, 'a key must be plain text.', 'key: value');
        continue;
      }
      const child: Spot = { source: this, node: value, path: [...spot.path, key], keyNode, parent: spot };
      if (seen.has(key)) {
        this.error({ ...child, node: null }, `\`${shown(key)}\` is given twice.`, '', 'Keep one of them.');
        continue;
      }
      seen.add(key);
      found.push({ key, spot: child });
    }
    return found;
  }

  /** The spot under one key of a map, or one number of a list; its node is null when that is missing. */
  child(spot: Spot, key: string): Spot {
    const node = this.resolve(spot);
    if (isSeq(node)) {
      const item = node.items[Number(key)];
      return { source: this, node: isNode(item) ? item : null, path: [...spot.path, key], keyNode: null, parent: spot };
    }
    if (isMap(node)) {
      for (const pair of node.items) {
        const keyNode = isNode(pair.key) ? pair.key : null;
        if (isScalar(keyNode) && scalarText(keyNode) === key) {
          return {
            source: this,
            node: isNode(pair.value) ? pair.value : null,
            path: [...spot.path, key],
            keyNode,
            parent: spot,
          };
        }
      }
    }
    return { source: this, node: null, path: [...spot.path, key], keyNode: null, parent: spot };
  }

  items(spot: Spot): Spot[] {
    const node = this.resolve(spot);
    if (!isSeq(node)) return [];
    return node.items.map((item, i) => ({
      source: this,
      node: isNode(item) ? item : null,
      path: [...spot.path, String(i)],
      keyNode: null,
      parent: spot,
    }));
  }

  isMap(spot: Spot): boolean {
    return isMap(this.resolve(spot));
  }

  isList(spot: Spot): boolean {
    return isSeq(this.resolve(spot));
  }

  /** The text of a scalar as it is written, without quotes; null for maps, lists and nothing (`key:` or `null`). */
  text(spot: Spot): string | null {
    const node = this.resolve(spot);
    return isScalar(node) ? scalarText(node) : null;
  }

  /** The scalar's value as YAML sees it; undefined for maps, lists and nothing. */
  scalar(spot: Spot): string | number | boolean | undefined {
    const node = this.resolve(spot);
    if (!isScalar(node)) return undefined;
    const { value } = node;
    if (typeof value === 'bigint') return Number(value);
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
  }

  /** Nothing there: the key is missing, or has no value. */
  isEmpty(spot: Spot): boolean {
    const node = this.resolve(spot);
    return node === null || (isScalar(node) && (node.value === null || node.value === undefined));
  }

  /** The value as plain data: maps, lists, scalars. Depth and size are bounded by the budget that all reading shares. */
  plain(spot: Spot): unknown {
    if (this.isList(spot)) return this.items(spot).map((item) => this.plain(item));
    if (this.isMap(spot))
      return Object.fromEntries(this.entries(spot).map((entry) => [entry.key, this.plain(entry.spot)]));
    return this.scalar(spot) ?? null;
  }

  /** Adds the last word when there was more to say than anybody reads. */
  finish(): readonly Diagnostic[] {
    const first: Diagnostic = at(this.file, 1, 1);
    if (this.exhausted) {
      const message = 'the file unfolds to too many values.';
      const hint = 'Use fewer aliases (`*name`) or a shorter file.';
      return [{ ...first, message, expected: `at most ${MOST_NODES}`, hint }];
    }
    if (this.suppressed === 0) return this.diagnostics;
    return [
      ...this.diagnostics,
      { ...first, message: `${this.suppressed} more mistakes are not shown.`, hint: 'Repair these first.' },
    ];
  }

  /** Follows aliases, and pays for each visit, so that aliases of aliases cannot unfold without end. */
  private resolve(spot: Spot): Node | null {
    if (this.nodesLeft <= 0) return null;
    this.nodesLeft--;
    if (spot.path.length > DEEPEST) {
      this.error(spot, 'this is nested too deeply.', `at most ${DEEPEST} levels`);
      return null;
    }
    const { node } = spot;
    return isAlias(node) ? (node.resolve(this.document) ?? null) : node;
  }

  private report(severity: Diagnostic['severity'], spot: Spot, message: string, expected: string, hint: string): void {
    const { file, line, column } = this.place(spot);
    // A part of the file that is read twice has its mistakes once.
    const isSaid = this.diagnostics.some(
      (one) => one.line === line && one.column === column && one.message === message && one.file === file,
    );
    if (isSaid) return;
    if (this.diagnostics.length >= MOST_DIAGNOSTICS) {
      this.suppressed++;
      return;
    }
    this.diagnostics.push({
      ...at(file, line, column),
      severity,
      path: spot.path.map((key) => shown(key)).join('.'),
      message,
      expected,
      hint,
    });
  }

  private place(spot: Spot): Diagnostic {
    for (let here: Spot | null = spot; here !== null; here = here.parent) {
      for (const node of [here.node, here.keyNode]) {
        if (node === null || !node.range) continue;
        const origin = this.origins.get(node);
        if (origin !== undefined) return at(origin.file, 1, origin.offset + node.range[0] + 1);
        const { line, col } = this.lines.linePos(node.range[0]);
        return at(this.file, Math.max(1, line), Math.max(1, col));
      }
    }
    return at(this.file, 1, 1);
  }

  private reportAt(line: number, column: number, message: string, expected = '', hint = ''): void {
    if (this.isFull) this.suppressed++;
    else this.diagnostics.push({ ...at(this.file, line, column), severity: 'error', message, expected, hint });
  }

  private reportSyntax(text: string): void {
    for (const { at: offset, message, expected, hint } of syntaxProblems(text, this.document, this.lines)) {
      const { line, col } = this.lines.linePos(offset);
      this.reportAt(Math.max(1, line), Math.max(1, col), message, expected, hint);
    }
    for (const warning of this.document.warnings) {
      const { line, col } = this.lines.linePos(warning.pos[0]);
      this.reportAt(
        Math.max(1, line),
        Math.max(1, col),
        `${shown(warning.message, 200)}.`,
        'plain text, numbers, lists and maps',
      );
    }
  }
}

function at(file: string, line: number, column: number): Diagnostic {
  return { severity: 'error', file, line, column, path: '', message: '', expected: '', hint: '' };
}

function scalarText(node: { readonly value: unknown; readonly source?: string }): string | null {
  if (typeof node.value === 'string') return node.value;
  if (node.value === null || node.value === undefined) return null;
  return node.source ?? String(node.value);
}

/** Measures that need no parser: length, and brackets or dashes nested so deeply that only malice writes them. */
function tooMuch(text: string): { readonly message: string; readonly expected: string; readonly hint: string } | null {
  if (text.length > LONGEST_FILE) {
    return {
      message: `the file has ${text.length} characters.`,
      expected: `at most ${LONGEST_FILE}`,
      hint: 'A scenario is about one page; generate messages with `rate:` or `times:` instead of listing them.',
    };
  }
  let open = 0;
  let deepest = 0;
  let opened = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 91 || code === 123) {
      opened++;
      deepest = Math.max(deepest, ++open);
    } else if ((code === 93 || code === 125) && open > 0) open--;
  }
  if (deepest > 4 * DEEPEST || /(?:[-?:][ \t]+){33}/.test(text) || /^ {400}/m.test(text)) {
    return { message: 'the file is nested too deeply.', expected: `at most ${DEEPEST} levels`, hint: '' };
  }
  if (opened > MOST_BRACKETS) {
    const hint = 'Generate messages with `rate:` or `times:` instead of listing them.';
    return { message: `the file opens ${opened} lists and maps.`, expected: `at most ${MOST_BRACKETS}`, hint };
  }
  return null;
}

function read(text: string, lines: LineCounter): Document.Parsed {
  return parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    keepSourceTokens: false,
    // Repeated keys are found in `entries`: the library compares each key with each other one, which is slow for a hostile file.
    uniqueKeys: false,
    // A scenario has no use for `!!binary`, `!!set` and the like, whose values are not plain data.
    resolveKnownTags: false,
  });
}
