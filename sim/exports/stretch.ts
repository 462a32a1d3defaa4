/** The part of a run that is exported: facts from one time to another, both included. */
import { F } from '../../core/facts.ts';
import type { FactId, Micros } from '../../core/types.ts';
import { Trace } from '../trace.ts';

export interface Stretch {
  readonly fromUs: Micros;
  readonly toUs: Micros;
}

/** First and last fact of a stretch; `last` is smaller than `first` when there is none in it. */
export function factsIn(trace: Trace, { fromUs, toUs }: Stretch): { readonly first: FactId; readonly last: FactId } {
  return { first: fromUs <= 0 ? 1 : trace.lastAt(fromUs - 1) + 1, last: trace.lastAt(toUs) };
}

/** The trace as it was when the run had come to a time: a trace of its own, with a digest of its own. All of it when the run ended before. */
export function upTo(trace: Trace, toUs: Micros): Trace {
  if (toUs >= trace.endedAtUs) return trace;
  const cut = new Trace();
  cut.actors.splice(0, cut.actors.length, ...trace.actors);
  cut.places.splice(0, cut.places.length, ...trace.places);
  const last = trace.lastAt(toUs);
  for (let id = 1; id <= last; id++) {
    const { timeUs, actor, message, place, peer, value, detail, cause } = trace.fact(id);
    const kind = trace.kind(id);
    if (kind === F.produced && message !== 0) cut.addMessage(trace.message(message));
    cut.append(timeUs, kind, actor, message, place, peer, value, detail, cause);
  }
  cut.endedAtUs = Math.max(0, toUs);
  return cut;
}
