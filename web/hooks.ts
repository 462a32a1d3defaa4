/** What tests, the benchmark and curious people may call from the console: `window.queuelab`. */
import { Topology } from '../sim/folds/topology.ts';
import type { Lab } from './lab.svelte.ts';
import { type LibraryFile, loadLibrary } from './library.ts';
import type { Player } from './player.svelte.ts';
import { stageText } from './stage/stage-text.ts';

export interface QueuelabHooks {
  /** Runs a scenario's text in the worker without showing it, one in neutral words under its first broker or the named one; answers with the digest. */
  run(text: string, seed?: string | null, under?: string): Promise<string>;
  /** Names of the library's scenarios, with their texts. */
  library(): Promise<readonly LibraryFile[]>;
  /** Shows a scenario's text, as a link with it does; one in neutral words under its first broker or the named one. */
  open(text: string, under?: string): void;
  /** Plays from the start, at so many virtual µs in a ms. */
  play(speed: number): void;
  /** What the stage shows now, as text. */
  stage(): string;
  /** The same, folded from the first fact on. */
  stageFromStart(): string;
  /** What the stage would show after each of some facts, which rise: one fold from the first fact to the last of these. */
  stagesFromStart(facts: readonly number[]): readonly string[];
  /** The run has ended, is judged and charted, and every fact of it can be sought. */
  idle(): boolean;
  /** Where the playhead is, and how much there is. */
  moment(): {
    readonly fact: number;
    readonly timeUs: number;
    readonly facts: number;
    readonly messages: number;
    readonly playing: boolean;
  };
  /** How many hops are on the network. */
  inTransit(): number;
  goToFact(fact: number): void;
  goToTime(timeUs: number): void;
}

/** The page can be left and come to again without being loaded again. Nothing of the visit before is left but what its browser keeps. */
export interface Visits {
  /** Takes the app away, and ends what it does. */
  leave(): Promise<void>;
  /** Puts it there again, for somebody who follows a link with this fragment; '' for none. */
  come(fragment: string): void;
}

declare global {
  interface Window {
    queuelab: QueuelabHooks & Visits;
  }
}

export function exposeVisits(visits: Visits): void {
  window.queuelab = Object.assign(window.queuelab ?? {}, visits);
}

export function exposeHooks(lab: Lab, player: Player): void {
  const hooks: QueuelabHooks = {
    run: (text, seed, under) => lab.simulator.digest(text, seed ?? null, under ?? null),
    library: loadLibrary,
    open: (text, under) => lab.open('', text, { under: under ?? null }),
    play: (speed) => {
      player.toFact(0);
      player.speedChosen = speed;
      player.play();
    },
    stage: () => (lab.moment === null ? '' : stageText(lab.moment.topology, lab.moment.run)),
    stageFromStart: () =>
      lab.moment === null ? '' : stageText(lab.moment.run.fromStart(lab.moment.fact), lab.moment.run),
    stagesFromStart: (facts) => {
      const { run } = lab;
      if (run === null) return [];
      const topology = new Topology(run.scenario);
      return facts.map((fact) => {
        for (let next = topology.fact + 1; next <= fact; next++) topology.apply(run.trace, next);
        return stageText(topology, run);
      });
    },
    idle: () =>
      !lab.running && lab.judged && lab.charted && lab.run !== null && lab.run.reached === lab.run.trace.count,
    moment: () => ({
      fact: lab.fact,
      timeUs: lab.timeUs,
      facts: lab.factCount,
      messages: lab.run?.trace.messageCount ?? 0,
      playing: player.playing,
    }),
    inTransit: () => lab.run?.transit.at(lab.timeUs).length ?? 0,
    goToFact: (fact) => player.toFact(fact),
    goToTime: (timeUs) => {
      player.pause();
      lab.goToTime(timeUs);
    },
  };
  window.queuelab = Object.assign(window.queuelab ?? {}, hooks);
}
