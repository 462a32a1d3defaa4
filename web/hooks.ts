/** What tests, the benchmark and curious people may call from the console: `window.queuelab`. */
import type { Lab } from './lab.svelte.ts';
import { type LibraryFile, loadLibrary } from './library.ts';
import type { Player } from './player.svelte.ts';
import { stageText } from './stage/stage-text.ts';

export interface QueuelabHooks {
  /** Runs a scenario's text in the worker without showing it, one in neutral words under its first broker or the named one; answers with the digest. */
  run(text: string, seed?: string | null, under?: string): Promise<string>;
  /** Names of the library's scenarios, with their texts. */
  library(): Promise<readonly LibraryFile[]>;
  /** Shows a scenario's text, as a link with it does. */
  open(text: string): void;
  /** What the stage shows now, as text. */
  stage(): string;
  /** The same, folded from the first fact on. */
  stageFromStart(): string;
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

declare global {
  interface Window {
    queuelab: QueuelabHooks;
  }
}

export function exposeHooks(lab: Lab, player: Player): void {
  window.queuelab = {
    run: (text, seed, under) => lab.simulator.digest(text, seed ?? null, under ?? null),
    library: loadLibrary,
    open: (text) => lab.open('', text),
    stage: () => (lab.moment === null ? '' : stageText(lab.moment.topology, lab.moment.run)),
    stageFromStart: () =>
      lab.moment === null ? '' : stageText(lab.moment.run.fromStart(lab.moment.fact), lab.moment.run),
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
}
