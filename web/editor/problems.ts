/** What is wrong with the text, as places in it and as repairs that a click can make. */
import type { Diagnostic } from '../../sim/scenario/diagnostics.ts';

/** One way to put it right. */
export interface Repair {
  readonly label: string;
  readonly insert: string;
}

export interface Problem {
  readonly severity: Diagnostic['severity'];
  readonly line: number;
  readonly column: number;
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
    const { severity, line, column, message, expected, hint } = diagnostic;
    const start = starts[Math.min(line, starts.length) - 1] ?? 0;
    const lineEnd = (starts[Math.min(line, starts.length)] ?? text.length + 1) - 1;
    const at = Math.max(start, Math.min(start + column - 1, lineEnd));
    const { from, to } = extent(text, at, lineEnd, message);
    return {
      severity,
      line,
      column,
      from,
      to,
      message: [message, expected === '' ? '' : `Expected: ${expected}.`, hint].filter((part) => part !== '').join(' '),
      repairs: repairsOf(hint),
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

/** From hints such as "Did you mean `resizer`?" and "Add a unit: `30s` or `30ms`." */
function repairsOf(hint: string): readonly Repair[] {
  if (!/^(?:Did you mean|Add a unit)/.test(hint)) return [];
  return [...hint.matchAll(/`([^`]+)`/g)].map(([, insert = '']) => ({ label: `Replace by ${insert}`, insert }));
}
