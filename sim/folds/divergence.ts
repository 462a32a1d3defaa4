/** Where two runs part: the first fact that is not the same in both. Two runs of one file on one seed are the same until the line in which the files differ. */
import type { FactId, Micros } from '../../core/types.ts';
import type { Trace } from '../trace.ts';

export interface Divergence {
  /** The first fact that differs; 0 when they are the same to the end. It may be beyond the end of the shorter one. */
  readonly fact: FactId;
  /** Until then nothing differs; the end of the longer run when they are the same. */
  readonly atUs: Micros;
}

/** Reads both from the start, as far as they agree. Names count, not their numbers alone. */
export function divergenceOf(a: Trace, b: Trace): Divergence {
  const common = Math.min(a.count, b.count);
  let id = 1;
  while (id <= common && isSame(a, b, id)) id++;
  if (id > common && a.count === b.count) return { fact: 0, atUs: Math.max(a.endedAtUs, b.endedAtUs) };
  const times = [a, b].flatMap((trace) => (id <= trace.count ? [trace.time(id)] : []));
  return { fact: id, atUs: Math.min(...times) };
}

function isSame(a: Trace, b: Trace, id: FactId): boolean {
  return (
    a.time(id) === b.time(id) &&
    a.kind(id) === b.kind(id) &&
    a.messageOf(id) === b.messageOf(id) &&
    a.value(id) === b.value(id) &&
    a.detail(id) === b.detail(id) &&
    a.cause(id) === b.cause(id) &&
    a.actorName(a.actor(id)) === b.actorName(b.actor(id)) &&
    a.actorName(a.peer(id)) === b.actorName(b.peer(id)) &&
    a.placeName(a.place(id)) === b.placeName(b.place(id))
  );
}
