/** What a panel may ask of the run that the worker holds, and what it is answered. Columns cross as buffers, without being copied. */
import type { ActorId, FactId, MessageId, PlaceId } from '../core/types.ts';
import type { HoldingColumns } from '../sim/folds/holdings.ts';
import type { LedgerColumns } from '../sim/folds/ledger-rows.ts';
import type { SettingsOf } from '../sim/scenario/settings.ts';
import type { TimelineLine } from './protocol.ts';

/** Which facts the log shows; 0 and empty mean any. */
export interface LogFilter {
  /** The fact's actor or its peer. */
  readonly actor: ActorId;
  readonly message: MessageId;
  /** Names of facts, or of the kinds in `log/kinds.ts`. */
  readonly kinds: readonly string[];
}

/** What the diagram draws, and so which instants need room in it. */
export interface DiagramFilter {
  readonly hidden: readonly ActorId[];
  /** Only what concerns this message, and faults; 0 for all. */
  readonly message: MessageId;
  /** Also hops that carry no message, such as polls. */
  readonly routine: boolean;
}

/** By kind of question: what is asked and what comes back. */
export interface Questions {
  /** The ledger after a fact. */
  ledger: { readonly question: { readonly fact: FactId }; readonly answer: LedgerColumns };
  holdings: { readonly question: null; readonly answer: HoldingColumns };
  /** Distinct times, in µs and rising, at which something that is drawn happens. */
  instants: { readonly question: DiagramFilter; readonly answer: Float64Array };
  /** Facts that a filter lets through, in order. */
  facts: { readonly question: LogFilter; readonly answer: Uint32Array };
  settings: { readonly question: null; readonly answer: readonly SettingsOf[] };
  /** Whether anything would come of a line; null where that is not known. */
  trial: {
    readonly question: TimelineLine;
    readonly answer: { readonly line: TimelineLine; readonly comes: boolean | null };
  };
}

export type QuestionKind = keyof Questions;

/** One question, or one answer, with its kind. */
export type Question = {
  [K in QuestionKind]: { readonly of: K; readonly question: Questions[K]['question'] };
}[QuestionKind];
export type Answer = { [K in QuestionKind]: { readonly of: K; readonly answer: Questions[K]['answer'] } }[QuestionKind];

/** A thing on the stage that the inspector shows. */
export type Inspected =
  | { readonly type: 'actor'; readonly id: ActorId }
  | { readonly type: 'place'; readonly id: PlaceId };
