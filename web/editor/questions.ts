/** What the editor asks of its worker, and what it is answered. Each question holds the whole text: the worker remembers nothing. */
import type { Diagnostic } from '../../sim/scenario/diagnostics.ts';
import type { Form } from '../../sim/scenario/form.ts';
import type { Formatted } from '../../sim/scenario/format.ts';
import type { Completions, Hover } from '../../sim/scenario/hints.ts';
import type { Named } from '../../sim/scenario/whereabouts.ts';

export interface EditorQuestions {
  /** What is wrong with a text, read for the broker that is shown where the file leaves that open. */
  check: {
    readonly question: { readonly text: string; readonly file: string; readonly under: string | null };
    readonly answer: readonly Diagnostic[];
  };
  /** What may be written at a character. */
  complete: {
    readonly question: { readonly text: string; readonly offset: number };
    readonly answer: Completions | null;
  };
  /** What stands at a character means, and whose it is. */
  hover: {
    readonly question: { readonly text: string; readonly offset: number };
    readonly answer: { readonly hover: Hover | null; readonly named: Named | null };
  };
  /** Where a thing is declared, or one of its settings ('' for none); null where the text does not have it. */
  locate: {
    readonly question: { readonly text: string; readonly thing: Named; readonly setting: string };
    readonly answer: { readonly line: number; readonly column: number } | null;
  };
  form: { readonly question: { readonly text: string }; readonly answer: Form };
  /** A setting written into the text; null takes it out, so that the default holds. */
  set: {
    readonly question: { readonly text: string; readonly path: string; readonly value: string | null };
    readonly answer: Formatted;
  };
  format: { readonly question: { readonly text: string }; readonly answer: Formatted };
}

export type EditorQuestionKind = keyof EditorQuestions;

export type EditorQuestion = {
  [K in EditorQuestionKind]: { readonly of: K; readonly question: EditorQuestions[K]['question'] };
}[EditorQuestionKind];

export interface EditorRequest {
  readonly id: number;
  readonly what: EditorQuestion;
}

export interface EditorReport {
  readonly id: number;
  /** Null when it could not be answered. */
  readonly answer: EditorQuestions[EditorQuestionKind]['answer'];
}
