/** What can be drawn on the stage's canvas, and the sheet that a scene is put together on. Plain data: `paint.ts` puts it on a canvas, hits are found in it. */
import type { FactId, MessageId } from '../../core/types.ts';
import type { ShownRun } from '../lab.svelte.ts';
import type { Path } from './geometry.ts';
import type { Look } from './keys.ts';

/** Colours by name of the palette's tokens. */
export type Ink = 'ink' | 'soft' | 'faint' | 'line' | 'accent' | 'fault' | 'violated' | 'good';

/**
 * `solid`: it is here. `held`: its place is kept while a consumer has the copy. `outline`: stored, not yet safe. `faded`: done with, kept by the log.
 * `delayed`: here, and not to be had yet. `gone`: it has left for good. `void`: the log has it, and its transaction was aborted.
 */
export type State = 'solid' | 'held' | 'outline' | 'faded' | 'delayed' | 'gone' | 'void';

export interface Mark {
  readonly message: MessageId;
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly look: Look;
  readonly state: State;
  readonly label: string;
  /** From the second on a small number; 0 for none. */
  readonly attempt: number;
  readonly poison: boolean;
  /** 0 … 1 of a lock that is left; −1 for no ring. */
  readonly ring: number;
  readonly alpha: number;
  /** What a pointer on it reads. */
  readonly hint: string;
}

/** Something on its way, or a cross where it was lost. */
export interface Token {
  readonly message: MessageId;
  readonly fact: FactId;
  readonly x: number;
  readonly y: number;
  readonly look: Look;
  readonly kind: 'message' | 'delivery' | 'reply' | 'tick' | 'refusal' | 'effect' | 'cross';
  /** Where many are on one link they are small and plain. */
  readonly small: boolean;
  readonly alpha: number;
  readonly label: string;
  readonly hint: string;
}

/** So many on one link that they cannot be told apart: a band that is as wide as they are dense, from its start to its end. */
export interface Stream {
  readonly path: Path;
  /** How many are in each of the equal parts of the way. */
  readonly parts: readonly number[];
  readonly count: number;
  /** Of the key that most have, 0 … 5; −1 where no key has most. */
  readonly colour: number;
  /** Acks and answers run beside the messages. */
  readonly kind: 'messages' | 'answers';
}

export interface Word {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly ink: Ink;
  readonly align: 'left' | 'center' | 'right';
  readonly bold: boolean;
  readonly mono: boolean;
}

export interface Stroke {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  readonly ink: Ink;
  readonly width: number;
  readonly dashed: boolean;
}

export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly ink: Ink;
  readonly alpha: number;
}

export interface Dot {
  readonly x: number;
  readonly y: number;
  readonly r: number;
  readonly ink: Ink;
  readonly filled: boolean;
}

export interface Wire {
  /** Of its link in the layout. */
  readonly key: string;
  readonly path: Path;
  readonly dashed: boolean;
  readonly ink: Ink;
  /** Cut by a split network. */
  readonly cut: boolean;
  /** A circuit breaker on it, '' for none. */
  readonly breaker: '' | 'open' | 'half-open';
}

/** A breaker stands near the one whose breaker it is: at this share of the way. */
export const BREAKER_AT = 0.22;

export interface Scene {
  readonly wires: readonly Wire[];
  readonly streams: readonly Stream[];
  readonly marks: readonly Mark[];
  readonly tokens: readonly Token[];
  readonly words: readonly Word[];
  readonly strokes: readonly Stroke[];
  readonly bars: readonly Bar[];
  readonly dots: readonly Dot[];
}

interface CellWords {
  /** Instead of the message's number. */
  readonly label?: string;
  readonly hint: string;
  readonly alpha?: number;
}

/** Collects one scene. */
export class Sheet implements Scene {
  readonly run: ShownRun;
  readonly wires: Wire[] = [];
  readonly streams: Stream[] = [];
  readonly marks: Mark[] = [];
  readonly tokens: Token[] = [];
  readonly words: Word[] = [];
  readonly strokes: Stroke[] = [];
  readonly bars: Bar[] = [];
  readonly dots: Dot[] = [];

  constructor(run: ShownRun) {
    this.run = run;
  }

  /** A message in its place. `attempt` is shown from 2 on, `ring` from 0 on. */
  cell(
    message: MessageId,
    x: number,
    y: number,
    size: number,
    state: State,
    attempt: number,
    ring: number,
    words: CellWords,
  ): void {
    const { trace, keys } = this.run;
    const known = message <= trace.messageCount && message > 0 ? trace.message(message) : null;
    const key = known?.key ?? null;
    this.marks.push({
      message,
      x,
      y,
      size,
      look: keys.of(message),
      state,
      label: size < 14 ? '' : (words.label ?? String(message)),
      attempt: attempt > 1 ? attempt : 0,
      poison: known?.poison ?? false,
      ring,
      alpha: words.alpha ?? 1,
      hint: `message ${message}${key === null ? '' : `, key ${key}`}${known?.poison ? ', poison' : ''}${attempt > 1 ? `, attempt ${attempt}` : ''}: ${words.hint}`,
    });
  }

  word(x: number, y: number, text: string, ink: Ink, align: Word['align'], bold = false, mono = false): void {
    this.words.push({ x, y, text, ink, align, bold, mono });
  }

  stroke(x0: number, y0: number, x1: number, y1: number, ink: Ink, width = 1, dashed = false): void {
    this.strokes.push({ x0, y0, x1, y1, ink, width, dashed });
  }

  bar(x: number, y: number, w: number, h: number, ink: Ink, alpha = 1): void {
    this.bars.push({ x, y, w, h, ink, alpha });
  }

  dot(x: number, y: number, r: number, ink: Ink, filled: boolean): void {
    this.dots.push({ x, y, r, ink, filled });
  }
}

/** About how wide a word of the stage is, px. */
export function widthOf(text: string): number {
  return text.length * 6.2;
}

/** 1, 2 or 5 times a power of ten, at least `n`. */
export function niceCeiling(n: number): number {
  let power = 1;
  for (;;) {
    for (const factor of [1, 2, 5]) if (factor * power >= n) return factor * power;
    power *= 10;
  }
}
