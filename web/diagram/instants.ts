/** At which times something happens that the diagram draws. Room is given to these; what lies between two far apart is a quiet stretch. */
import type { ActorId, FactId, Micros } from '../../core/types.ts';
import { indexOf } from '../../sim/folds/message-story.ts';
import type { Trace } from '../../sim/trace.ts';
import { F, FACT_NAMES, FACTS } from '../../sim/vocabulary.ts';
import type { DiagramFilter } from '../questions.ts';

const TONES = FACT_NAMES.map((name) => (name === '' ? 'quiet' : FACTS[name].tone));

/** Whether a fact is drawn: as an arrow (hops between two that are shown) or on the lifeline of its actor. */
export function isDrawn(trace: Trace, id: FactId, hidden: ReadonlySet<ActorId>, filter: DiagramFilter): boolean {
  const kind = trace.kind(id);
  const message = trace.messageOf(id);
  if (kind === F.sent) {
    if (message === 0 && (!filter.routine || filter.message !== 0)) return false;
    if (filter.message !== 0 && message !== filter.message) return false;
    return !hidden.has(trace.actor(id)) && !hidden.has(trace.peer(id));
  }
  const tone = TONES[kind];
  if (tone === 'quiet') return false;
  if (filter.message !== 0 && message !== filter.message && !(message === 0 && tone === 'fault')) return false;
  return !hidden.has(trace.actor(id));
}

/** Distinct times of what is drawn, rising. */
export function instantsOf(trace: Trace, filter: DiagramFilter): Float64Array {
  const hidden = new Set(filter.hidden);
  const times: Micros[] = [];
  let last = -1;
  const see = (id: FactId): void => {
    if (!isDrawn(trace, id, hidden, filter)) return;
    const time = trace.time(id);
    if (time > last) times.push(time);
    last = time;
  };
  if (filter.message === 0) for (let id = 1; id <= trace.count; id++) see(id);
  else {
    // Faults that name no message are few; they are found among the mishaps.
    const index = indexOf(trace);
    const ids = [...index.factsOf(filter.message), ...index.mishaps(0, trace.count + 1)].sort((a, b) => a - b);
    for (const id of ids) see(id);
  }
  return Float64Array.from(times);
}
