/**
 * The text of a scenario with its layout set right: two spaces a level, lists indented under their key, one space where one belongs, one empty line at most, and brackets
 * that are too long for a line opened. Words stay as they are written, to the letter, and so do remarks and the order of things.
 */
import { Document, type Scalar, type ToStringOptions, visit } from 'yaml';
import { Source } from './source.ts';

export interface Formatted {
  /** As it was where it could not be formatted. */
  readonly text: string;
  /** Why it was not; '' otherwise. */
  readonly problem: string;
}

/** Collections in brackets that are longer get a line for each item. */
const LONGEST_LINE = 160;
const LAYOUT: ToStringOptions = {
  indent: 2,
  indentSeq: true,
  lineWidth: LONGEST_LINE,
  flowCollectionPadding: true,
  nullStr: '',
};

// While YAML lays the file out, two letters that nobody writes (from Unicode's private area) stand for each word, and fill it up to its length.
const FIRST = 0xe000;
const RADIX = 4_096;
const FILL = '\uf8ff';
const STRANGE = /[\ue000-\uf8ff]/;

export function formatText(text: string): Formatted {
  const source = new Source(text, 'scenario', {});
  const refused = (problem: string): Formatted => ({ text, problem });
  const mistake = source.diagnostics.find(({ severity }) => severity === 'error');
  if (mistake !== undefined) return refused(`line ${mistake.line}: ${mistake.message} ${mistake.hint}`.trim());
  if (STRANGE.test(text)) return refused('it has characters of a private area of Unicode.');
  const { document } = source;
  const before = JSON.stringify(source.plain(source.root));
  const words: string[] = [];
  /** Keys with a remark on their own line and their value below: `links: # the way between`. */
  const remarked = new Set<number>();
  visit(document, {
    Scalar(role, node) {
      const written = writtenAs(node, text);
      if (written === '') return;
      if (role === 'key' && /^[ \t]*:[ \t]+#/.test(text.slice(node.range?.[1], (node.range?.[1] ?? 0) + 80)))
        remarked.add(words.length);
      const longest = Math.max(...written.split('\n').map(({ length }) => length));
      node.value = `${letter(Math.floor(words.length / RADIX))}${letter(words.length % RADIX)}`.padEnd(
        Math.min(longest, 200),
        FILL,
      );
      node.type = 'PLAIN';
      words.push(written);
    },
  });
  const laidOut = Document.prototype.toString
    .call(document, LAYOUT)
    .replace(
      /^( *(?:- +)*([\ue000-\uefff]{2})\uf8ff*:)\n *(#.*)$/gm,
      (whole, key: string, mark: string, remark: string) => (remarked.has(indexOf(mark)) ? `${key} ${remark}` : whole),
    );
  const lines = laidOut.split('\n').map((line) => fillIn(narrow(line.trimEnd()), words));
  const formatted = `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
  const again = new Source(formatted, 'scenario', {});
  if (again.failed || JSON.stringify(again.plain(again.root)) !== before)
    return refused('it is written in a way that cannot be laid out anew.');
  return { text: formatted, problem: '' };
}

/** `[a, b]` has no spaces inside, `{ a: b }` has; a remark is left alone. */
function narrow(line: string): string {
  const remark = line.search(/(?:^|\s)#/);
  const end = remark < 0 ? line.length : remark;
  return (
    line
      .slice(0, end)
      .replace(/\[ (?=\S)/g, '[')
      .replace(/(?<=\S) \]/g, ']') + line.slice(end)
  );
}

function letter(index: number): string {
  return String.fromCharCode(FIRST + index);
}

function indexOf(mark: string): number {
  return (mark.charCodeAt(0) - FIRST) * RADIX + mark.charCodeAt(1) - FIRST;
}

/** A word as it is written; '' for a value that is left out. */
function writtenAs(node: Scalar, text: string): string {
  const [from, to] = node.range ?? [0, 0];
  return text.slice(from, to);
}

function fillIn(line: string, words: readonly string[]): string {
  const lead = /^ *(?:- +)*/.exec(line)?.[0].length ?? 0;
  let start = 0;
  let filled = '';
  for (const found of line.matchAll(/[\ue000-\uefff]{2}\uf8ff*/g)) {
    const [mark] = found;
    const word = words[indexOf(mark)] ?? '';
    // What goes on over several lines is indented below its key.
    const indent = found.index > lead ? lead + 2 : Math.max(2, lead);
    filled += line.slice(start, found.index) + (word.includes('\n') ? indented(word, indent) : word);
    start = found.index + mark.length;
  }
  return filled + line.slice(start);
}

/** The further lines of a text moved to an indentation; those of a block (`>`, `|`) keep theirs among each other. */
function indented(word: string, indent: number): string {
  const [first = '', ...rest] = word.replace(/\n+$/, '').split('\n');
  const isBlock = /^[>|]/.test(first);
  const old = isBlock ? Math.min(...rest.filter((line) => line.trim() !== '').map((line) => line.search(/\S/))) : 0;
  const moved = rest.map((line) =>
    line.trim() === '' ? '' : ' '.repeat(indent) + (isBlock ? line.slice(old) : line.trim()),
  );
  const tail = isBlock && /\n\s*\n$/.test(word) ? '\n' : '';
  return [isBlock ? first.trimEnd() : first, ...moved].join('\n') + tail;
}
