/** A fact's sentence as the log shows it: the actor who does it made strong, so that a column can be scanned, and lines of the timeline by their own words. */
import type { FactId } from '../../core/types.ts';
import { type ToldScenario, toldSentence } from '../../sim/folds/told.ts';
import type { Trace } from '../../sim/trace.ts';

export interface SentencePart {
  readonly text: string;
  readonly strong: boolean;
}

const UNITS = /(?<=\d) (?=(?:µs|ms|s|min|h|d|%)(?!\w))/g;

interface Run {
  readonly trace: Trace;
  readonly scenario: ToldScenario;
}

/** In order; together they are the sentence. A number is not parted from its unit where a line ends. */
export function sentenceParts(run: Run, id: FactId): readonly SentencePart[] {
  const { trace } = run;
  const sentence = toldSentence(trace, run.scenario, id).replace(UNITS, '\u00a0');
  const actor = trace.actorName(trace.actor(id));
  const peer = trace.peer(id) === 0 ? '' : trace.actorName(trace.peer(id));
  const name = sentence.startsWith(`${actor} `) ? actor : peer !== '' && sentence.startsWith(`${peer} `) ? peer : '';
  if (name === '') return [{ text: sentence, strong: false }];
  return [
    { text: name, strong: true },
    { text: sentence.slice(name.length), strong: false },
  ];
}
