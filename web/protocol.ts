/**
 * What the page and its worker say to each other. Plain data only: it crosses a thread. Every run has a number, and what belongs to an older one
 * is ignored, so that a late report never mixes two runs.
 */
import type { FactId, Micros } from '../core/types.ts';
import type { ExportFormat } from '../sim/exports/index.ts';
import type { LedgerTotals } from '../sim/folds/ledger.ts';
import type { Diagnostic } from '../sim/scenario/diagnostics.ts';
import type { Scenario } from '../sim/scenario/types.ts';
import type { TracePart } from '../sim/trace.ts';
import type { RunSeries } from './charts/charts.ts';
import type { LanesView } from './lanes/view.ts';
import type { Answer, Question } from './questions.ts';

/** A value in a line of the timeline: also sides of a split, and settings by their paths. */
export type LineValue = string | number | boolean | readonly LineValue[] | { readonly [name: string]: LineValue };
/** A line of the timeline as the file has it, such as `{ at: 19.4s, crash: resizer-2, restart: 5s }`. */
export type TimelineLine = Readonly<Record<string, LineValue>>;

export interface RunRequest {
  readonly type: 'run';
  readonly run: number;
  /** Named in diagnostics. */
  readonly file: string;
  readonly text: string;
  /** Overrides the scenario's seed; null for the scenario's own. */
  readonly seed: string | null;
  /** `path=value` each: the knobs that were turned. */
  readonly sets: readonly string[];
  /** Lines added to the timeline. */
  readonly lines: readonly TimelineLine[];
  /** For a file in neutral words: name of a profile; null for the file's first. */
  readonly under: string | null;
  /** A trace in a file, which is shown instead of running anything; none to run. */
  readonly recorded?: RecordedTrace | null;
}

export interface RecordedTrace {
  /** Another one for each file, so that none is read twice. */
  readonly id: number;
  readonly file: Blob;
}

export interface GradeRequest {
  readonly type: 'grade';
  readonly run: number;
  readonly file: string;
  readonly text: string;
  readonly sets: readonly string[];
}

/** Runs without showing: only the digest comes back. */
export interface DigestRequest {
  readonly type: 'digest';
  readonly id: number;
  readonly text: string;
  readonly seed: string | null;
  readonly under: string | null;
}

/** Reads a trace from a file and keeps it, to be shown when a run asks for it. */
export interface ReadTraceRequest {
  readonly type: 'read-trace';
  readonly recorded: RecordedTrace;
}

/** How far the reading is. */
export interface TraceReport {
  readonly type: 'trace-read';
  /** As in `RecordedTrace`. */
  readonly id: number;
  /** 0 … 1. */
  readonly share: number;
  /** What it was run from, when it has been read and fits together; null before. */
  readonly source: { readonly text: string; readonly seed: string; readonly under: string | null } | null;
  /** Why it cannot be shown; '' while it can. */
  readonly problem: string;
}

/** Writes a stretch of the run that the worker holds, in blocks of text. */
export interface ExportRequest {
  readonly type: 'export';
  readonly id: number;
  /** The run that is meant. */
  readonly run: number;
  readonly format: ExportFormat;
  readonly fromUs: Micros;
  readonly toUs: Micros;
}

export interface ExportReport {
  readonly type: 'exported';
  readonly id: number;
  /** What follows on the block before; a line ends within its block. */
  readonly block: string;
  readonly done: boolean;
  /** Why there is none; '' otherwise. */
  readonly problem: string;
}

/** One of several runs that are put side by side: what it is made from, and what it is called there. */
export interface LaneRecipe extends Pick<RunRequest, 'text' | 'seed' | 'sets' | 'lines' | 'under'> {
  /** Unique among them; at the head of its column. */
  readonly name: string;
  readonly title: string;
}

/** Runs several recipes without showing them: a file under each of its brokers, or two futures of one file. */
export interface LanesRequest {
  readonly type: 'lanes';
  readonly id: number;
  /** Named in diagnostics. */
  readonly file: string;
  readonly lanes: readonly LaneRecipe[];
  /** They are runs of one system: it is said where the first two part, and measures are compared as well as counts. */
  readonly parts: boolean;
}

/** How far the lanes are. */
export interface LanesReport {
  readonly type: 'lanes';
  readonly id: number;
  /** Lanes that have been run. */
  readonly done: number;
  /** The lane that is being run, and how much of it has been, 0 … 1. */
  readonly title: string;
  readonly progress: number;
  /** Of all lanes that have been run, when there is one more of them; else null. */
  readonly view: LanesView | null;
  /** Why it does not go on; '' when it does. */
  readonly problem: string;
}

/** Asks something of the run that the worker holds. */
export interface AskRequest {
  readonly type: 'ask';
  readonly id: number;
  /** The run that is meant; of another one nothing is told. */
  readonly run: number;
  readonly what: Question;
}

export type Request =
  | RunRequest
  | GradeRequest
  | DigestRequest
  | AskRequest
  | LanesRequest
  | ReadTraceRequest
  | ExportRequest
  | { readonly type: 'stop-lanes' }
  | { readonly type: 'stop-export' }
  | { readonly type: 'stop' };

/** One broker that a file in neutral words can be run under. */
export interface LaneName {
  /** As `under:` has it. */
  readonly name: string;
  readonly title: string;
}

/** How a file in neutral words was read. */
export interface ShownUnder {
  readonly lanes: readonly LaneName[];
  /** Name of the lane that the scenario is for. */
  readonly now: string;
}

export interface ShownVerdict {
  readonly claim: string;
  readonly scope: string;
  readonly verdict: 'holds' | 'violated' | 'allowed' | 'not exercised' | 'undecided';
  readonly sentence: string;
  /** The setting that permits what happened; '' when none does. */
  readonly setting: string;
  readonly witness: readonly FactId[];
  /** What the scenario says should come out. */
  readonly stated: string;
}

/** A line of `expect:`, or an exercise's goal. */
export interface ShownExpectation {
  readonly text: string;
  readonly holds: boolean;
  /** What came out, for people. */
  readonly actual: string;
  /** A fact to look at; 0 when there is none. */
  readonly fact: FactId;
}

export interface Judgement {
  /** What became of all messages; null before the run was judged. */
  readonly totals: LedgerTotals | null;
  readonly verdicts: readonly ShownVerdict[];
  readonly expectations: readonly ShownExpectation[];
  readonly goals: readonly ShownExpectation[];
}

export interface SeedGrade {
  readonly seed: string;
  readonly holds: boolean;
  /** The first goal that fails there; empty for a win. */
  readonly failing: string;
  /** What came out instead. */
  readonly actual: string;
  /** The fact that shows it; 0 when none does. */
  readonly fact: FactId;
}

/** How far the grading is. The first grade is that of the seed that is shown; all arrive at the end. */
export interface Grading {
  readonly done: number;
  readonly all: number;
  readonly grades: readonly SeedGrade[];
  /** Why there is no grade; '' otherwise. */
  readonly problem: string;
}

/** About one run. */
export type RunReport =
  | {
      readonly type: 'parsed';
      readonly run: number;
      /** The text with the added lines. */
      readonly text: string;
      readonly scenario: Scenario | null;
      readonly diagnostics: readonly Diagnostic[];
      /** For each knob of an exercise, the position of the value that the file has; −1 for another one. */
      readonly knobStarts: readonly number[];
      /** Null for a file that names its broker. */
      readonly under: ShownUnder | null;
      /** Why it is not read for the broker that was asked for; '' when it is. */
      readonly problem: string;
    }
  | {
      readonly type: 'part';
      readonly run: number;
      readonly part: TracePart;
      readonly nowUs: Micros;
      readonly untilUs: Micros;
    }
  | { readonly type: 'ended'; readonly run: number; readonly digest: string; readonly ending: string }
  | { readonly type: 'judged'; readonly run: number; readonly judgement: Judgement }
  | { readonly type: 'charted'; readonly run: number; readonly series: RunSeries }
  | { readonly type: 'failed'; readonly run: number; readonly message: string }
  | { readonly type: 'graded'; readonly run: number; readonly grading: Grading };

export type Report =
  | RunReport
  | { readonly type: 'digest'; readonly id: number; readonly digest: string; readonly problem: string }
  /** `answer` is null when the run is another one by now, or could not be asked. */
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answer | null }
  | LanesReport
  | TraceReport
  | ExportReport;
