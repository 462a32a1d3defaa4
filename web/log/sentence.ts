/** A fact's sentence with the actor who does it made strong, so that a column of them can be scanned. */
import type { FactId } from '../../core/types.ts';
import type { Trace } from '../../sim/trace.ts';

export interface SentencePart {
  readonly text: string;
  readonly strong: boolean;
}

/** In order; together they are the sentence. */
export function sentenceParts(trace: Trace, id: FactId): readonly SentencePart[] {
  const sentence = trace.sentence(id);
  const actor = trace.actorName(trace.actor(id));
  const peer = trace.peer(id) === 0 ? '' : trace.actorName(trace.peer(id));
  const name = sentence.startsWith(`${actor} `) ? actor : peer !== '' && sentence.startsWith(`${peer} `) ? peer : '';
  if (name === '') return [{ text: sentence, strong: false }];
  return [
    { text: name, strong: true },
    { text: sentence.slice(name.length), strong: false },
  ];
}
