/**
 * What a producer writes to its own store and what it publishes: both or neither. A dual write that a crash cuts in two leaves one of them; an outbox never does.
 * Read off the trace: `recorded` in the store, stored at a broker, and the crash of the maker in between.
 */
import { F } from '../../core/facts.ts';
import type { FactId, MessageId } from '../../core/types.ts';
import { type Evidence, witness } from './evidence.ts';

export interface Halves {
  /** Both halves were seen of some message, or one was. */
  readonly seen: boolean;
  /** The first message of which one half is there and the other never will be: the half, and what cut it off. */
  readonly broken: readonly FactId[];
}

export function halves(evidence: Evidence): Halves {
  const { trace } = evidence;
  if (!evidence.any('recorded')) return { seen: false, broken: [] };
  const recorded = evidence.perMessage();
  const waits = evidence.perMessage();
  const stored = evidence.perMessage();
  const over = evidence.perMessage();
  for (let id = 1; id <= trace.count; id++) {
    const message = trace.messageOf(id);
    if (message === 0) continue;
    switch (trace.kind(id)) {
      case F.recorded:
        if (trace.detail(id) === 2) break;
        recorded[message] ||= id;
        if (trace.detail(id) === 1) waits[message] = id;
        break;
      case F.appended:
      case F.confirmed:
        stored[message] ||= id;
        break;
      case F.lost:
        if (trace.place(id) === 0) over[message] ||= id;
        break;
      case F['gave-up']:
        over[message] ||= id;
        break;
    }
  }
  for (let m: MessageId = 1; m < recorded.length; m++) {
    const written = recorded[m] as FactId;
    const published = stored[m] as FactId;
    if (written > 0 && published === 0 && (waits[m] as FactId) === 0 && (over[m] as FactId) > 0) {
      return { seen: true, broken: witness(written, over[m] as FactId) };
    }
    if (written > 0 || published === 0 || !writesItself(evidence, m)) continue;
    const end = (over[m] as FactId) || evidence.crashAfter(trace.message(m).producer, published);
    if (end > 0) return { seen: true, broken: witness(published, end) };
  }
  return { seen: true, broken: [] };
}

/** Whether the maker of a message writes it to a store of its own. */
function writesItself(evidence: Evidence, message: MessageId): boolean {
  const { trace, scenario } = evidence;
  const maker = trace.actors[trace.message(message).producer]?.group ?? '';
  return (scenario.producers[maker]?.effect.type ?? 'none') !== 'none';
}
