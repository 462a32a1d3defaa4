/** Captions of a scenario, each at the fact at which it appears; at the very start the scenario's own story. */
import type { FactId, Micros } from '../../core/types.ts';
import type { Scenario, When } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { F } from '../../sim/vocabulary.ts';

export interface ShownCaption {
  readonly text: string;
  readonly question: string;
}

export interface PlacedCaption extends ShownCaption {
  /** It appears with this fact, or, where it is of a time, at that time already, for nothing happens between the two; 0 when nothing happens after it either. */
  readonly fact: FactId;
  readonly timeUs: Micros;
  /** It is of a time and not of a fact. */
  readonly isTimed: boolean;
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
    if (caption.isTimed ? caption.timeUs > timeUs : caption.fact > fact) break;
    last = caption;
  }
  if (last !== null) return last;
  return timeUs === 0 && story !== '' ? { text: firstSentence(story), question: restOf(story) } : null;
}

/** All that are shown between two times, in order: the one that is there already, and those that come. */
export function captionsBetween(
  captions: readonly PlacedCaption[],
  story: string,
  fromUs: Micros,
  toUs: Micros,
): ShownCaption[] {
  const before = captions.filter(({ timeUs }) => timeUs <= fromUs).at(-1);
  const first = captionAt(before === undefined ? [] : [before], before?.fact ?? 0, story, fromUs);
  const coming = captions.filter(({ timeUs }) => timeUs > fromUs && timeUs <= toUs);
  return first === null ? coming : [first, ...coming];
}

/** Heights of a card's lines and rims, and widths of their letters, px, as Caption.svelte sets them: on the safe side, since nothing is measured before the layout. */
const CARD = { rim: 22, dot: 54, text: [7.6, 21], question: [7.0, 20], advice: 24, gaps: 24 } as const;

/** Room that the highest card of a scenario needs over the boxes of a stage so wide; 0 when it has none. It depends on the scenario alone, so that nothing moves when a card comes. */
export function captionRoom({ story, captions }: Pick<Scenario, 'story' | 'captions'>, width: number): number {
  const inside = Math.min(900, 0.92 * width) - CARD.dot;
  const lines = (text: string, [letter, line]: readonly [number, number]): number =>
    Math.ceil((text.length * letter) / Math.max(100, inside)) * line;
  const heights = captions.map(({ text, question }) => lines(text, CARD.text) + lines(question, CARD.question));
  if (story !== '')
    heights.push(lines(firstSentence(story), CARD.text) + lines(restOf(story), CARD.question) + CARD.advice);
  return heights.length === 0 ? 0 : Math.max(...heights) + CARD.rim + CARD.gaps;
}

interface Sought {
  readonly caption: Scenario['captions'][number];
  /** How many matching facts are still to come. */
  left: number;
}

/** Finds where captions appear, in one pass that follows the trace as it grows. */
export class CaptionFinder {
  readonly #trace: Trace;
  #placed: readonly PlacedCaption[] = [];
  #sought: readonly Sought[];
  #seen: FactId = 0;

  constructor(scenario: Pick<Scenario, 'captions'>, trace: Trace) {
    this.#trace = trace;
    this.#sought = scenario.captions.map((caption) => ({
      caption,
      left: caption.when.type === 'fact' ? caption.when.nth : 1,
    }));
  }

  /** Captions that have appeared up to a fact, in order. `isWhole`: the trace will not grow any more. */
  upTo(known: FactId, isWhole: boolean): readonly PlacedCaption[] {
    for (let id = this.#seen + 1; id <= known && this.#sought.length > 0; id++) this.#see(id);
    this.#seen = Math.max(this.#seen, known);
    if (isWhole && known === this.#trace.count && known > 0) this.#seeSilence();
    return this.#placed;
  }

  /** Nothing happens any more after the times of these. */
  #seeSilence(): void {
    const isSilent = ({ caption: { when } }: Sought): boolean =>
      when.type === 'at' && when.atUs <= this.#trace.endedAtUs;
    for (const { caption } of this.#sought.filter(isSilent)) this.#place(caption, 0);
    this.#sought = this.#sought.filter((one) => !isSilent(one));
  }

  #place({ when, text, question }: Scenario['captions'][number], fact: FactId): void {
    const isTimed = when.type === 'at';
    const timeUs = isTimed ? when.atUs : this.#trace.time(fact);
    const placed = [...this.#placed, { fact, timeUs, isTimed, text, question }];
    this.#placed = placed.sort((a, b) => a.timeUs - b.timeUs);
  }

  #see(id: FactId): void {
    for (const one of this.#sought) {
      if (!matches(one.caption.when, this.#trace, id)) continue;
      one.left--;
      if (one.left > 0) continue;
      this.#place(one.caption, id);
      this.#sought = this.#sought.filter((other) => other !== one);
    }
  }
}

function matches(when: When, trace: Trace, id: FactId): boolean {
  if (when.type === 'at') return trace.time(id) >= when.atUs;
  if (trace.kind(id) !== F[when.fact as keyof typeof F]) return false;
  if (when.message !== 0 && trace.messageOf(id) !== when.message) return false;
  return (
    when.actor === null || isActor(trace, trace.actor(id), when.actor) || isActor(trace, trace.peer(id), when.actor)
  );
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
