/** The tour on the page's own state: which step it stands at, and what the card's button does. All it does to the run, a person could do by hand. */
import type { Micros } from '../../core/types.ts';
import { formatDuration } from '../../sim/scenario/duration.ts';
import type { Lab } from '../lab.svelte.ts';
import type { Panels } from '../panels.svelte.ts';
import type { Player } from '../player.svelte.ts';
import {
  type Act,
  type Landmarks,
  landmarksOf,
  type Offer,
  type Part,
  type Seen,
  STEPS,
  type Step,
  TOUR,
} from './steps.ts';

const NONE: Landmarks = { stored1: 0, begun1: 0, acked1: 0, begun2: 0, crashed2: 0, again2: 0 };
/** What is sent happens at most so long after the last thing that happened, so that there is time for the rest. */
const PAUSE_US = 1_000_000;

export class Guide {
  /** From 0. A step that is done stays done, also when the person goes back in time. */
  at = $state(0);

  readonly #lab: Lab;
  readonly #player: Player;
  readonly #panels: Panels;
  readonly #picking: () => boolean;
  readonly #marks: Landmarks = $derived.by(() => (this.#lab.run === null ? NONE : landmarksOf(this.#lab.run.trace)));
  /** An act waits for its run before it plays on. */
  #plays = $state(false);

  constructor(lab: Lab, player: Player, panels: Panels, picking: () => boolean) {
    this.#lab = lab;
    this.#player = player;
    this.#panels = panels;
    this.#picking = picking;
  }

  begin(text: string): void {
    this.#player.pause();
    this.#panels.tab = 'Log';
    this.#lab.open(TOUR.scenario, text, { sets: TOUR.sets });
  }

  get step(): Step {
    return STEPS[this.at] as Step;
  }

  get shows(): readonly Part[] {
    return this.step.reveals;
  }

  get offer(): Offer | null {
    return this.step.offer(this.#seen);
  }

  readonly #seen: Seen = $derived.by(() => {
    const { run, moment, message, running } = this.#lab;
    const packer = run?.trace.actors.find(({ name }) => name === TOUR.consumer)?.id ?? 0;
    const state = moment?.topology.actors[packer];
    return {
      ...this.#marks,
      fact: this.#lab.fact,
      made: run?.trace.messageCount ?? 0,
      playing: this.#player.playing || this.#plays,
      running,
      packer: state?.status ?? 'unstarted',
      holds2: this.#isHeld(),
      selected: message,
      tab: this.#panels.tab,
      picking: this.#picking(),
    };
  });

  /** The second message is with the packer, and not settled: whether that one lives or not. */
  #isHeld(): boolean {
    const { topology } = this.#lab.moment ?? {};
    const queue = topology?.queues.find((one) => one !== undefined);
    return queue?.entries('locked', 2).some(({ message }) => message === 2) === true;
  }

  /** Goes on when the step is done: the playhead stands where it was reached. True when it did. */
  follow(): boolean {
    const { goal, isDone } = this.step;
    if (this.at === STEPS.length - 1 || !isDone(this.#seen)) return false;
    if (goal !== undefined) {
      // The card says where one is.
      this.#player.pause();
      this.#lab.goToFact(this.#marks[goal]);
    }
    this.at++;
    return true;
  }

  /** The last step leads out of the tour. */
  get isOver(): boolean {
    return this.at === STEPS.length - 1 && this.step.isDone(this.#seen);
  }

  /** Plays on when the run that an act asked for has been made. */
  playWhenRun(): void {
    if (!this.#plays || this.#lab.running) return;
    this.#plays = false;
    this.#player.play();
  }

  obey(act: Act): void {
    const lab = this.#lab;
    this.#player.pause();
    switch (act) {
      case 'send':
        return this.#do({ at: this.#now(), send: TOUR.producer });
      case 'start':
        return this.#do({ at: this.#now(), restart: TOUR.consumer });
      case 'go-on':
        return this.#player.play();
      case 'return':
        return this.#player.toFact(this.#marks.begun2);
      case 'undo':
        return lab.undo(lab.changes.length - 1);
      default:
        act satisfies never;
    }
  }

  #do(line: Readonly<Record<string, string>>): void {
    this.#lab.intervene(line);
    this.#plays = true;
  }

  /** The playhead's time; when nothing more has happened for long, a moment after the last thing that did. */
  #now(): string {
    const { run, timeUs } = this.#lab;
    const last = run === null ? 0 : run.index.loud.countUpTo(this.#lab.fact);
    const lastUs: Micros = run === null || last === 0 ? 0 : run.trace.time(run.index.loud.at(last - 1));
    const us = Math.floor(Math.min(timeUs, lastUs + PAUSE_US));
    if (us < timeUs) this.#lab.goToTime(us);
    return formatDuration(us);
  }
}
