/** What a run can be written as, by name. One table for the command line, the page and the documentation. */
import { type TraceAbout, traceLines } from '../jsonl.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';
import { csvLines } from './csv.ts';
import { MERMAID_MOST, mermaidLines } from './mermaid.ts';
import { perfettoLines } from './perfetto.ts';
import { factsIn, type Stretch, upTo } from './stretch.ts';

export type ExportFormat = 'jsonl' | 'csv' | 'mermaid' | 'perfetto';

export interface Exported {
  readonly trace: Trace;
  readonly scenario: Scenario;
  readonly about: TraceAbout;
  readonly stretch: Stretch;
}

export interface FormatSpec {
  /** Of the file, without the dot. */
  readonly ending: string;
  readonly mime: string;
  readonly title: string;
  /** What it is good for, and its bound if it has one. */
  readonly about: string;
  /** The lines of the file, without line ends. */
  readonly lines: (what: Exported) => Iterable<string>;
}

export const EXPORTS: Readonly<Record<ExportFormat, FormatSpec>> = {
  jsonl: {
    ending: 'jsonl',
    mime: 'application/x-ndjson',
    title: 'JSON Lines',
    about:
      'Every fact with its sentence, and the scenario: the page and the command line can open it again if it begins at the start.',
    lines: ({ trace, about, stretch }) => {
      const cut = upTo(trace, stretch.toUs);
      return traceLines(cut, about, factsIn(cut, stretch).first);
    },
  },
  csv: {
    ending: 'csv',
    mime: 'text/csv',
    title: 'CSV',
    about: 'Every fact as a row, for spreadsheets and data frames.',
    lines: ({ trace, scenario, stretch }) => csvLines(trace, scenario, stretch),
  },
  mermaid: {
    ending: 'mmd',
    mime: 'text/vnd.mermaid',
    title: 'Mermaid sequence',
    about: `A sequence diagram for Markdown, of at most ${MERMAID_MOST} arrows and notes: choose a short stretch.`,
    lines: ({ trace, scenario, stretch }) => mermaidLines(trace, scenario, stretch),
  },
  perfetto: {
    ending: 'perfetto.json',
    mime: 'application/json',
    title: 'Perfetto trace',
    about:
      'For ui.perfetto.dev: actors as threads, locks and work as slices, causes as arrows, depth and lag as counters.',
    lines: ({ trace, scenario, about, stretch }) => perfettoLines(trace, scenario, about, stretch),
  },
};
