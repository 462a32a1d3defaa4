/** Answers panels' questions about one run, in the worker. What is asked again and again (the ledger as the playhead moves on) is followed, not redone. */
import { type HoldingColumns, holdingsOf } from '../sim/folds/holdings.ts';
import { type LedgerColumns, LedgerRows } from '../sim/folds/ledger-rows.ts';
import { indexOf } from '../sim/folds/message-story.ts';
import { settingsOf } from '../sim/scenario/settings.ts';
import type { Scenario } from '../sim/scenario/types.ts';
import type { Trace } from '../sim/trace.ts';
import { FACT_NAMES } from '../sim/vocabulary.ts';
import { comesOf } from './acts/trial.ts';
import { instantsOf } from './diagram/instants.ts';
import { isOf } from './log/kinds.ts';
import type { TimelineLine } from './protocol.ts';
import type { Answer, LogFilter, Question } from './questions.ts';

/** What is looked at in a menu may change at any moment, so nobody waits for it longer than this. */
const TRIAL_MS = 500;

/** An answer, and the buffers that go with it instead of being copied. */
export interface Answered {
  readonly answer: Answer;
  readonly buffers: ArrayBuffer[];
}

export class Answerer {
  readonly #trace: Trace;
  readonly #scenario: Scenario;
  readonly #text: string;
  readonly #seed: string;
  #ledger: LedgerRows;

  /** The trace may still grow. `text` is what the scenario was read from. */
  constructor(trace: Trace, scenario: Scenario, text: string, seed: string) {
    this.#trace = trace;
    this.#scenario = scenario;
    this.#text = text;
    this.#seed = seed;
    this.#ledger = new LedgerRows(trace, scenario);
  }

  answer(what: Question): Answered {
    switch (what.of) {
      case 'ledger':
        return withBuffers({ of: 'ledger', answer: this.#ledgerAt(what.question.fact) });
      case 'holdings':
        return withBuffers({ of: 'holdings', answer: holdingsOf(this.#trace, this.#scenario) });
      case 'instants':
        return withBuffers({ of: 'instants', answer: instantsOf(this.#trace, what.question) });
      case 'facts':
        return withBuffers({ of: 'facts', answer: factsThrough(this.#trace, what.question) });
      case 'settings':
        return withBuffers({ of: 'settings', answer: settingsOf(this.#text, this.#scenario) });
      case 'trial':
        return withBuffers({ of: 'trial', answer: { line: what.question, comes: this.#tried(what.question) } });
      default:
        return what satisfies never;
    }
  }

  #tried(line: TimelineLine): boolean | null {
    const until = performance.now() + TRIAL_MS;
    const tried = { trace: this.#trace, text: this.#text, seed: this.#seed };
    return comesOf(tried, line, () => performance.now() < until);
  }

  #ledgerAt(fact: number): LedgerColumns {
    const to = Math.min(fact, this.#trace.count);
    if (to < this.#ledger.fact) this.#ledger = new LedgerRows(this.#trace, this.#scenario);
    this.#ledger.extend(to);
    return this.#ledger.columns();
  }
}

export function factsThrough(trace: Trace, { actor, message, kinds }: LogFilter): Uint32Array {
  const wanted = FACT_NAMES.map((name) => name !== '' && isOf(name, kinds));
  const fits = (id: number): boolean =>
    wanted[trace.kind(id)] === true && (actor === 0 || trace.actor(id) === actor || trace.peer(id) === actor);
  const found: number[] = [];
  if (message > 0) {
    for (const id of message <= trace.messageCount ? indexOf(trace).factsOf(message) : []) if (fits(id)) found.push(id);
  } else {
    for (let id = 1; id <= trace.count; id++) if (fits(id)) found.push(id);
  }
  return Uint32Array.from(found);
}

function withBuffers(answer: Answer): Answered {
  const value: HoldingColumns | LedgerColumns | object = answer.answer;
  const parts = ArrayBuffer.isView(value) ? [value] : Object.values(value);
  const buffers = parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) => buffer as ArrayBuffer);
  return { answer, buffers };
}
