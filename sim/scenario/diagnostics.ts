/**
 * What is wrong with a scenario, said to a person: where, what, what was expected, and what to do. A diagnostic is data; nothing
 * that a user can write makes the parser throw.
 */

export interface Diagnostic {
  /** A warning leaves a scenario that can be run. */
  readonly severity: 'error' | 'warning';
  /** The file's name as it was given, or `--set path=value` when the mistake is in that. */
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** Path in the file, such as `consumers.resizer.count`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What would be right; empty where the message says it. */
  readonly expected: string;
  /** The nearest valid name, or what to do; empty where nothing is known. */
  readonly hint: string;
}

/** One diagnostic a paragraph: place, path and message, then what was expected, then the hint. Ends without a line break. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(renderDiagnostic).join('\n');
}

function renderDiagnostic(diagnostic: Diagnostic): string {
  const place = `${diagnostic.file}:${diagnostic.line}:${diagnostic.column}`;
  const path = diagnostic.path === '' ? '' : `${diagnostic.path}: `;
  const lines = [`${place}: ${diagnostic.severity}: ${path}${diagnostic.message}`];
  if (diagnostic.expected !== '') lines.push(`    expected: ${diagnostic.expected}`);
  if (diagnostic.hint !== '') lines.push(`    hint: ${diagnostic.hint}`);
  return lines.join('\n');
}
