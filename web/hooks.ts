/** What tests, the benchmark and curious people may call from the console: `window.queuelab`. */
import type { Lab } from './lab.svelte.ts';
import { type LibraryFile, loadLibrary } from './library.ts';
import type { Player } from './player.svelte.ts';
import { benchFrames } from './stage/bench.ts';
import { stageText } from './stage/stage-text.ts';

export interface QueuelabHooks {
  /** Runs a scenario's text in the worker without showing it, one in neutral words under its first broker or the named one; answers with the digest. */
  run(text: string, seed?: string | null, under?: string): Promise<string>;
  /** Names of the library's scenarios, with their texts. */
  library(): Promise<readonly LibraryFile[]>;
  /** Draws so many tokens in transit for 120 frames; the 95th percentile of the time that one takes, in ms. */
  benchFrames(tokens: number): Promise<number>;
  /** What the stage shows now, as text. */
  stage(): string;
  /** The same, folded from the first fact on. */
  stageFromStart(): string;
  /** The run has ended, is judged, and every fact of it can be sought. */
  idle(): boolean;
  /** Where the playhead is. */
  moment(): { readonly fact: number; readonly timeUs: number; readonly facts: number; readonly playing: boolean };
  goToFact(fact: number): void;
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
    benchFrames,
    stage: () => (lab.moment === null ? '' : stageText(lab.moment.topology, lab.moment.run)),
    stageFromStart: () =>
      lab.moment === null ? '' : stageText(lab.moment.run.fromStart(lab.moment.fact), lab.moment.run),
    idle: () => !lab.running && lab.judged && lab.run !== null && lab.run.reached === lab.run.trace.count,
    moment: () => ({ fact: lab.fact, timeUs: lab.timeUs, facts: lab.factCount, playing: player.playing }),
    goToFact: (fact) => player.toFact(fact),
  };
}
