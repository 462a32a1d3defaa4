/** Captions of a scenario, each at the fact at which it appears; at the very start the scenario's own story. */
import type { FactId, Micros } from '../../core/types.ts';
import type { Scenario, When } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';

export interface ShownCaption {
  readonly text: string;
  readonly question: string;
}

export interface PlacedCaption extends ShownCaption {
  readonly fact: FactId;
}

/** A caption gives way to nothing but the next one; the story stays until something has happened. */
export function captionAt(
  captions: readonly PlacedCaption[],
  fact: FactId,
  story: string,
  timeUs: Micros,
): ShownCaption | null {
  let last: ShownCaption | null = null;
  for (const caption of captions) {
    if (caption.fact > fact) break;
    last = caption;
  }
  if (last !== null) return last;
  return timeUs === 0 && story !== '' ? { text: firstSentence(story), question: restOf(story) } : null;
}

export function captionsOf(scenario: Scenario, trace: Trace, known: FactId): readonly PlacedCaption[] {
  const placed: PlacedCaption[] = [];
  for (const { when, text, question } of scenario.captions) {
    const fact = factOf(when, trace, known);
    if (fact > 0) placed.push({ fact, text, question });
  }
  return placed.sort((a, b) => a.fact - b.fact);
}

/** The fact at which a moment of the scenario comes; 0 when it has not come. */
function factOf(when: When, trace: Trace, known: FactId): FactId {
  if (when.type === 'at') {
    const before = trace.lastAt(when.atUs - 1);
    return before < known ? before + 1 : 0;
  }
  let left = when.nth;
  for (let id = 1; id <= known; id++) {
    if (trace.name(id) !== when.fact) continue;
    if (when.message !== 0 && trace.messageOf(id) !== when.message) continue;
    if (
      when.actor !== null &&
      !isActor(trace, trace.actor(id), when.actor) &&
      !isActor(trace, trace.peer(id), when.actor)
    )
      continue;
    left--;
    if (left === 0) return id;
  }
  return 0;
}

function isActor(trace: Trace, id: number, name: string): boolean {
  const actor = trace.actors[id];
  return id !== 0 && actor !== undefined && (actor.name === name || actor.group === name);
}

function firstSentence(text: string): string {
  const end = text.search(/[.?!](\s|$)/);
  return end < 0 ? text : text.slice(0, end + 1);
}

function restOf(text: string): string {
  return text.slice(firstSentence(text).length).trim();
}
