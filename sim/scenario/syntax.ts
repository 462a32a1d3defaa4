/**
 * What keeps a text from being YAML, in words for whoever wrote it and at the place where it is mended: an open bracket is told where it opens, not where the
 * text has gone on without it. What only follows from a mistake before it on the same line is left out.
 */
import { type Document, isCollection, isScalar, type LineCounter, visit } from 'yaml';
import { shown } from './shown.ts';

export interface SyntaxProblem {
  /** Where, in characters from 0. */
  readonly at: number;
  readonly message: string;
  readonly expected: string;
  readonly hint: string;
}

interface Opened {
  readonly at: number;
  /** A bracket or a quote. */
  readonly mark: string;
}

type ParseError = Document.Parsed['errors'][number];

/** In the order of the text, one a line. */
export function syntaxProblems(
  text: string,
  document: Document.Parsed,
  counter: LineCounter,
): readonly SyntaxProblem[] {
  if (document.errors.length === 0) return [];
  const open = unclosed(text, document);
  const problems: SyntaxProblem[] = [];
  const lines = new Set<number>();
  for (const error of document.errors) {
    const problem = problemOf(text, open, error);
    // The line that the library names, and the one that is at fault.
    const own = [error.pos[0], problem.at].map((at) => counter.linePos(at).line);
    if (own.some((line) => lines.has(line))) continue;
    for (const line of own) lines.add(line);
    problems.push(problem);
    // Nothing after it is read as it was meant.
    if (error.message.includes('in YAML stream')) break;
  }
  return problems;
}

function problemOf(
  text: string,
  opened: ReadonlyMap<number, Opened>,
  { code, message, pos: [at] }: ParseError,
): SyntaxProblem {
  const says = (what: string, hint: string, where = at): SyntaxProblem => ({
    at: where,
    message: what,
    expected: '',
    hint,
  });
  switch (code) {
    case 'MULTIPLE_DOCS':
      return says('there is more than one document in this file.', 'Keep one scenario in a file.');
    case 'TAB_AS_INDENT':
      return says('a tab is used as indentation.', 'Indent with spaces.');
    case 'MISSING_CHAR':
    case 'BAD_INDENT': {
      const open = opened.get(at);
      if (open !== undefined) {
        const { mark } = open;
        const isBracket = mark === '{' || mark === '[';
        const other = text[at] === '}' || text[at] === ']' ? `before \`${text[at]}\`` : 'at the end of the line';
        return says(
          `${isBracket ? `\`${mark}\`` : 'a quote'} is opened here and not closed.`,
          `Add \`${isBracket ? CLOSES[mark] : mark}\` ${other}.`,
          open.at,
        );
      }
      if (message.startsWith('All '))
        return says(
          'this line is indented otherwise than those that it belongs to.',
          message.includes('sequence')
            ? 'Give all items of a list the same number of spaces.'
            : 'Give all keys of a map the same number of spaces.',
          at + (/^[ \t]*/.exec(text.slice(at, at + 400))?.[0].length ?? 0),
        );
      if (message.startsWith('Implicit map keys')) return keyWithoutColon(text, at);
      break;
    }
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return keyOutOfPlace(text, at);
    case 'BLOCK_IN_FLOW':
      return says('a comma is missing in these brackets.', 'Put a comma between two entries.');
    case 'BAD_SCALAR_START':
      return says(`\`${text[at] ?? ''}\` cannot begin a word.`, 'Put the text in quotes.');
    case 'UNEXPECTED_TOKEN': {
      const mark = text[at] ?? '';
      if (message.endsWith('at node end'))
        return says('the value has ended before this.', 'Begin a new line for it, or put all of it in quotes.');
      if (mark === ',') return says('there is a comma too many.', 'Take it out.');
      if (mark === '}' || mark === ']') return says(`there is a \`${mark}\` too many.`, 'Take it out.');
      break;
    }
    default:
  }
  const line = shown(message, 200);
  return says(
    `this is not YAML: ${/[.!?…]$/.test(line) ? line : `${line}.`}`,
    'Look at the indentation, and for an unclosed quote or bracket.',
  );
}

const CLOSES = { '{': '}', '[': ']' } as const;

/** What is open where the library misses its end, by that place. */
function unclosed(text: string, document: Document.Parsed): ReadonlyMap<number, Opened> {
  const found = new Map<number, Opened>();
  visit(document, {
    Node(_, node) {
      const [from, to] = node.range ?? [0, 0];
      const mark = text[from] ?? '';
      const last = text[to - 1];
      const isOpen =
        mark === '{' || mark === '['
          ? isCollection(node) && node.flow === true && last !== CLOSES[mark]
          : isScalar(node) && /^QUOTE/.test(node.type ?? '') && (to - from < 2 || last !== mark);
      if (isOpen) found.set(to, { at: from, mark });
    },
  });
  return found;
}

function keyWithoutColon(text: string, at: number): SyntaxProblem {
  const word = shown(text.slice(at, endOfLine(text, at)).trim());
  return {
    at,
    message: `\`${word}\` stands where a key is wanted, without a colon.`,
    expected: '`key: value`',
    hint: '',
  };
}

/** A key that is read as part of what stands before it: on the same line, or above. */
function keyOutOfPlace(text: string, at: number): SyntaxProblem {
  const rest = text.slice(at, at + 2_000);
  const until = /:(?=\s|$)/.exec(rest)?.index ?? 0;
  const before = rest.slice(0, until);
  const from = before.lastIndexOf('\n') + 1;
  const own = text.slice(startOfLine(text, at), at);
  if (from === 0)
    return {
      at,
      message: 'this value has a colon in it, so that it looks like another key.',
      expected: '',
      hint: 'Put the value in quotes, or begin a new line for the key.',
    };
  // Nothing but a word on the line above: it is the one that is no key.
  if (own.trim() === '' && !before.trimStart().startsWith('- ')) return keyWithoutColon(text, at + before.search(/\S/));
  return {
    at: at + from + before.slice(from).search(/\S|$/),
    message: 'this line is indented as if it went on with the value above.',
    expected: '',
    hint: 'Give all keys of a map the same number of spaces.',
  };
}

function startOfLine(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}
