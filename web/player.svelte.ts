/**
 * Wall clock to playhead: while it plays, each frame moves the playhead by the time that has passed times the speed. Stretches in which nothing is on
 * its way are shortened (if wished), so that a hop of 3 ms and a job of 2 s can both be seen. A step glides to the next fact, or jumps for those who
 * ask for stillness.
 */
import { createContext } from 'svelte';
import { prefersReducedMotion } from 'svelte/motion';
import type { FactId, Micros } from '../core/types.ts';
import { QUIET_MS } from './facts-index.ts';
import type { Lab, ShownRun } from './lab.svelte.ts';
import { Commentary, factWords, jumpWords, pauseWords } from './speech.ts';
import { clock } from './stage/describe.ts';
import { type Pace, paceAt } from './timeline/slowing.ts';

/** A step takes at most so long on the wall. */
const GLIDE_MS = 320;
/** With reduced motion, playing shows one fact after the other at this pace. */
const STILL_MS = 600;
/** A longer frame (a hidden tab) counts as so much. */
const FRAME_MS_MAX = 100;

export class Player {
  playing = $state(false);
  /** Virtual µs per ms of watching; null for the run's own default. */
  speedChosen = $state<number | null>(null);
  skipsQuiet = $state(true);
  /** Near what is notable, no faster than hops can be followed. */
  slowsDown = $state(false);

  readonly #lab: Lab;
  #frame = 0;
  #last = 0;
  #glide: { readonly to: FactId; readonly fromUs: number; readonly toUs: number; elapsedMs: number } | null = null;
  #defaults = new WeakMap<ShownRun, number>();
  #still = 0;
  readonly #commentary = new Commentary();
  #isHeld = false;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  get speed(): number {
    return this.speedChosen ?? this.defaultSpeed;
  }

  get defaultSpeed(): number {
    const { run, running } = this.#lab;
    if (run === null) return 1;
    const known = this.#defaults.get(run);
    if (known !== undefined) return known;
    const speed = run.index.defaultSpeed(run.scenario.durationUs);
    if (!running && run.index.done === run.trace.count) this.#defaults.set(run, speed);
    return speed;
  }

  toggle(): void {
    if (!this.playing) return this.play();
    this.pause();
    const { run, fact, timeUs } = this.#lab;
    if (run !== null) this.#lab.say(pauseWords(run, fact, timeUs));
  }

  play(): void {
    const { timeUs, endUs } = this.#lab;
    if (timeUs >= endUs) this.#lab.goToTime(0);
    this.#glide = null;
    this.playing = true;
    if (this.#lab.run !== null) this.#commentary.begin(this.#lab.run, this.#lab.fact);
    this.#tick();
  }

  pause(): void {
    this.playing = false;
    this.#glide = null;
  }

  /** Nobody looks: no frames, and the playhead stays where it is; `release` goes on from there. */
  hold(): void {
    this.#isHeld = true;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  release(): void {
    this.#isHeld = false;
    if (this.playing || this.#glide !== null) this.#tick();
  }

  /** One fact forwards (1) or back (−1). */
  step(by: 1 | -1): void {
    const lab = this.#lab;
    this.playing = false;
    const from = this.#glide === null ? lab.fact : this.#glide.to;
    this.glideTo(Math.max(0, Math.min(from + by, lab.factCount)));
    if (lab.run === null) return;
    const to = from + by;
    lab.say(to < 1 ? 'At the start.' : to > lab.factCount ? 'This is the end.' : factWords(lab.run, to));
  }

  /** To the next or previous fault, redelivery, dead letter, rebalance, election or violation; where there is none, it says so. */
  stepNotable(by: 1 | -1): void {
    const lab = this.#lab;
    const fact = this.notable(by);
    this.pause();
    if (fact === null) {
      lab.say(`There is no notable fact ${by === 1 ? 'after' : 'before'} this.`);
      return;
    }
    this.toFact(fact);
  }

  /** The nearest notable fact after (1) or before (−1) the playhead; null when there is none. */
  notable(by: 1 | -1): FactId | null {
    const { run, fact, violations } = this.#lab;
    if (run === null) return null;
    const { notable } = run.index;
    if (by === 1) {
      const n = notable.countUpTo(fact);
      const one = n < notable.length ? notable.at(n) : Number.POSITIVE_INFINITY;
      const other = violations.find((id) => id > fact) ?? Number.POSITIVE_INFINITY;
      const next = Math.min(one, other);
      return next <= run.trace.count ? next : null;
    }
    const n = notable.countUpTo(fact - 1);
    const previous = Math.max(n > 0 ? notable.at(n - 1) : 0, violations.findLast((id) => id < fact) ?? 0);
    return previous > 0 ? previous : null;
  }

  /** A jump; it says where one is then. */
  /** To the next bookmark; after the last one to the first. */
  toBookmark(): void {
    const { bookmarks, timeUs } = this.#lab;
    const next = bookmarks.find((at) => at > timeUs) ?? bookmarks[0];
    this.pause();
    if (next === undefined) this.#lab.spoken = 'There is no bookmark.';
    else this.#lab.goToTime(next);
  }

  toFact(fact: FactId): void {
    this.pause();
    this.#lab.goToFact(fact);
    this.#sayWhere();
  }

  /** A jump to a time. */
  toTime(timeUs: Micros): void {
    this.pause();
    this.#lab.goToTime(timeUs);
    this.#sayWhere();
  }

  #sayWhere(): void {
    const { run, fact, timeUs } = this.#lab;
    if (run !== null) this.#lab.say(jumpWords(run, fact, timeUs));
  }

  glideTo(fact: FactId): void {
    const lab = this.#lab;
    const { run } = lab;
    if (run === null) return;
    const toUs = fact === 0 ? 0 : run.trace.time(fact);
    const isFar = Math.abs(toUs - lab.timeUs) > 60 * GLIDE_MS * this.speed;
    if (prefersReducedMotion.current || toUs <= lab.timeUs || isFar) {
      this.#glide = null;
      lab.goToFact(fact);
      return;
    }
    this.#glide = { to: fact, fromUs: lab.timeUs, toUs, elapsedMs: 0 };
    this.#tick();
  }

  #tick(): void {
    if (this.#frame !== 0 || this.#isHeld) return;
    this.#last = performance.now();
    const frame = (now: number): void => {
      const ms = Math.min(FRAME_MS_MAX, Math.max(0, now - this.#last));
      this.#last = now;
      if (this.#glide !== null) this.#glideOn(ms);
      else if (this.playing) {
        this.#advance(ms);
        this.#comment(now);
      }
      this.#frame = this.playing || this.#glide !== null ? requestAnimationFrame(frame) : 0;
    };
    this.#frame = requestAnimationFrame(frame);
  }

  /** Tells what is notable on the way, and the end. */
  #comment(now: number): void {
    const lab = this.#lab;
    const { run } = lab;
    if (run === null) return;
    const words = this.playing ? this.#commentary.at(run, lab.fact, now) : `The end, at ${clock(lab.timeUs)}.`;
    if (words !== '') lab.say(words);
  }

  #glideOn(ms: number): void {
    const glide = this.#glide;
    if (glide === null) return;
    glide.elapsedMs += ms;
    const share = glide.elapsedMs / GLIDE_MS;
    if (share >= 1) {
      this.#glide = null;
      this.#lab.goToFact(glide.to);
      return;
    }
    const eased = share * share * (3 - 2 * share);
    // Never as far as the fact itself, which is the end of the step.
    this.#lab.goToTime(Math.min(glide.toUs - 1, Math.floor(glide.fromUs + (glide.toUs - glide.fromUs) * eased)));
  }

  #advance(ms: number): void {
    const lab = this.#lab;
    const { run } = lab;
    if (run === null) return;
    if (prefersReducedMotion.current) {
      this.#still += ms;
      if (this.#still < STILL_MS) return;
      this.#still = 0;
      const next = run.index.beats.countUpTo(lab.fact);
      if (next < run.index.beats.length) lab.goToFact(run.index.beats.at(next));
      else this.playing = false;
      return;
    }
    let time = lab.timeUs;
    let fact = lab.fact;
    let left = ms;
    for (let steps = 0; left > 0 && steps < 200; steps++) {
      const busyUntil = run.index.busyUntil(fact);
      const next = run.index.nextBeat(fact) ?? lab.endUs;
      const isQuiet = this.skipsQuiet && busyUntil <= time;
      const since = Math.max(busyUntil, fact === 0 ? 0 : run.trace.time(fact));
      const pace = this.slowsDown ? this.#paceAt(run, time, fact) : null;
      const isSlowed = pace?.slowed === true;
      const speed = pace?.speed ?? this.speed;
      const rate = isQuiet && !isSlowed ? Math.max(speed, (next - since) / QUIET_MS) : speed;
      const ends = isQuiet && !isSlowed ? next : Math.min(next, busyUntil > time ? busyUntil : next);
      // Never to where it stands already: a pace may end within the present µs.
      const until = Math.min(ends, Math.max(time + 1, Math.ceil(pace?.untilUs ?? ends)));
      const needed = (until - time) / rate;
      if (needed > left) {
        time += left * rate;
        left = 0;
      } else {
        time = until;
        left -= needed;
        if (until >= lab.endUs) break;
      }
      fact = run.trace.lastAt(time);
    }
    lab.goToTime(Math.floor(time));
    if (lab.timeUs >= lab.endUs && !lab.running) this.playing = false;
  }

  #paceAt(run: ShownRun, time: Micros, fact: FactId): Pace {
    const { notable, hopSpeed } = run.index;
    const n = notable.countUpTo(fact);
    const before = n > 0 ? run.trace.time(notable.at(n - 1)) : null;
    const next = n < notable.length ? run.trace.time(notable.at(n)) : null;
    return paceAt(time, this.speed, hopSpeed > 0 ? hopSpeed : this.defaultSpeed, before, next);
  }
}

export const [getPlayer, setPlayer] = createContext<Player>();
