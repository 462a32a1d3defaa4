/** In a pipeline one message is made of another: where the selected one comes from, and all that it led to. */
import type { MessageId } from '../../core/types.ts';
import { indexOf } from '../../sim/folds/message-story.ts';
import type { Trace } from '../../sim/trace.ts';
import { F } from '../../sim/vocabulary.ts';

export interface Kin {
  readonly message: MessageId;
  /** Who made it. */
  readonly by: string;
  /** Where it was first put; '' when it was put nowhere. */
  readonly place: string;
  /** How many steps after the selected message; below 0 before it. */
  readonly depth: number;
}

export interface Family {
  /** The first of all comes first, the one that the selected message is made of last. */
  readonly before: readonly Kin[];
  /** Each before those that were made of it. */
  readonly after: readonly Kin[];
  /** So many more came of it than are listed. */
  readonly more: number;
}

const LISTED = 40;
/** Deeper than any pipeline that is not a loop. */
const DEPTH = 12;

export function familyOf(trace: Trace, message: MessageId): Family {
  const index = indexOf(trace);
  const before: Kin[] = [];
  for (let one = index.inputOf(message), i = 1; one !== 0 && i <= DEPTH; one = index.inputOf(one), i++) {
    before.unshift(kinOf(trace, one, -i));
  }
  const after: Kin[] = [];
  let more = 0;
  const add = (parent: MessageId, depth: number): void => {
    for (const one of depth > DEPTH ? [] : index.outputsOf(parent)) {
      if (after.length < LISTED) after.push(kinOf(trace, one, depth));
      else more++;
      add(one, depth + 1);
    }
  };
  add(message, 1);
  return { before, after, more };
}

function kinOf(trace: Trace, message: MessageId, depth: number): Kin {
  const stored = indexOf(trace)
    .factsOf(message)
    .find((id) => trace.kind(id) === F.appended);
  const place = stored === undefined ? '' : trace.placeName(trace.place(stored));
  return { message, by: trace.actorName(trace.message(message).producer), place, depth };
}
