/** What is wrong with the text, as places in it and as repairs that a click can make. */
import type { Diagnostic } from '../../sim/scenario/diagnostics.ts';
import { indentAfter } from './indent.ts';

/** One way to put it right: what takes the place of which characters of the text, from 0. */
export interface Repair {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly insert: string;
}

export interface Problem {
  readonly severity: Diagnostic['severity'];
  readonly line: number;
  readonly column: number;
  /** The setting that it is about, such as `queues.photo-jobs.DelaySeconds`; '' for none. */
  readonly path: string;
  /** Characters of the text that it is about, from 0; at least one where there is one. */
  readonly from: number;
  readonly to: number;
  /** What is wrong, what would be right, what to do. */
  readonly message: string;
  readonly repairs: readonly Repair[];
}

export function problemsIn(text: string, diagnostics: readonly Diagnostic[]): readonly Problem[] {
  const starts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return diagnostics.map((diagnostic) => {
    const { severity, line, column, path, message, expected, hint } = diagnostic;
    const start = starts[Math.min(line, starts.length) - 1] ?? 0;
    const lineEnd = (starts[Math.min(line, starts.length)] ?? text.length + 1) - 1;
    const at = Math.max(start, Math.min(start + column - 1, lineEnd));
    const isOpen = /^Add `.` at the end of the line/.test(hint);
    const { from, to } = isOpen ? { from: at, to: endOfWords(text, at, lineEnd) } : extent(text, at, lineEnd, message);
    return {
      severity,
      line,
      column,
      path,
      from,
      to,
      message: [message, expected === '' ? '' : `Expected: ${expected}.`, hint].filter((part) => part !== '').join(' '),
      repairs: repairsOf(text, hint, from, to),
    };
  });
}

/** The text that the message quotes where it stands there, else the word. */
function extent(
  text: string,
  at: number,
  lineEnd: number,
  message: string,
): { readonly from: number; readonly to: number } {
  const quote = text[at] === '"' || text[at] === "'" ? 1 : 0;
  const quoted = /`([^`]+)`/.exec(message)?.[1] ?? '';
  if (quoted !== '' && text.startsWith(quoted, at + quote)) return { from: at + quote, to: at + quote + quoted.length };
  const word = /^[^\s,:{}[\]"']+/.exec(text.slice(at, lineEnd))?.[0].length ?? 0;
  if (word > 0 || at < lineEnd) return { from: at, to: at + Math.max(1, word) };
  return { from: at > 0 && text[at - 1] !== '\n' ? at - 1 : at, to: at };
}

/** Before the remark of the line and the spaces in front of it. */
function endOfWords(text: string, at: number, lineEnd: number): number {
  const line = text.slice(at, lineEnd);
  return at + line.replace(/\s#.*$/, '').trimEnd().length;
}

/** From hints such as "Did you mean `resizer`?", "Add a unit: `30s` or `30ms`." and "Add `}` at the end of the line." */
function repairsOf(text: string, hint: string, from: number, to: number): readonly Repair[] {
  const words = [...hint.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
  if (/^(?:Did you mean|Add a unit)/.test(hint))
    return words.map((insert) => ({ label: `Replace by ${insert}`, from, to, insert }));
  if (/^Add `.` at the end of the line/.test(hint))
    return words.map((mark) => {
      const isBracket = mark === '}' || mark === ']';
      return { label: `Add ${mark}`, from: to, to, insert: isBracket ? ` ${mark}` : mark };
    });
  if (hint === 'Take it out.') return [{ label: 'Take it out', from, to: from + 1, insert: '' }];
  if (hint === 'Indent with spaces.') {
    const start = text.lastIndexOf('\n', from - 1) + 1;
    const above = text.slice(0, start).trimEnd();
    const lead = /^[ \t]*/.exec(text.slice(start))?.[0].length ?? 0;
    const spaces = ' '.repeat(indentAfter(above.slice(above.lastIndexOf('\n') + 1)));
    return [{ label: 'Indent like the line above', from: start, to: start + lead, insert: spaces }];
  }
  return [];
}
