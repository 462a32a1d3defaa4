/**
 * How a run comes into the page: by link, by a file that was dropped or chosen, or from `queuelab open` beside it. Whatever is wrong becomes a plain sentence, and what
 * was shown before stays. A link that says a digest is held to it when the run has ended.
 */
import { type Address, readLink, VERSION } from '../address.ts';
import { FIRST, type Lab } from '../lab.svelte.ts';
import { DEFAULT_SCENARIO, findScenario, LIBRARY, textOf } from '../library.ts';
import type { Panels, Tab } from '../panels.svelte.ts';
import type { Player } from '../player.svelte.ts';
import { type OpenedFile, readFile } from './files.ts';
import type { Followed } from './follow.ts';

/** How the run agrees with its link. */
export interface Check {
  readonly isSame: boolean;
  readonly text: string;
}

export class Opening {
  /** What could not be opened; '' when all could. */
  problem = $state('');
  /** How much of a trace has been read, 0 … 1; null while none is. */
  reading = $state<number | null>(null);
  /** The file that is followed as it changes; null for none. */
  followed = $state.raw<Followed | null>(null);
  /** The person has read what the check says. */
  isDismissed = $state(false);

  readonly #lab: Lab;
  readonly #player: Player;
  readonly #panels: Panels;
  /** What the link says of the run. */
  #expected = $state.raw<Pick<Address, 'digest' | 'by' | 'yaml'> | null>(null);
  /** Grows with each thing to open, so that one which comes late does not take the place of a newer one. */
  #turn = 0;

  readonly check: Check | null = $derived.by(() => {
    const expected = this.#expected;
    const { future, running, digest, ending, diagnostics } = this.#lab;
    const isOver = !running && digest !== '' && ending !== 'stopped';
    const isBroken = diagnostics.some(({ severity }) => severity === 'error');
    if (expected === null || this.isDismissed || future !== FIRST || !isOver || isBroken) return null;
    return digest === expected.digest
      ? { isSame: true, text: 'Reproduced exactly: this run has the digest that the link says.' }
      : { isSame: false, text: `Differs from the run that was shared: ${reasonOf(expected)}` };
  });

  constructor(lab: Lab, player: Player, panels: Panels) {
    this.#lab = lab;
    this.#player = player;
    this.#panels = panels;
  }

  /** Opens what a link's fragment says. */
  async address(hash: string): Promise<void> {
    const mine = this.#begin();
    const address = await readLink(hash);
    if (mine !== this.#turn) return;
    this.problem = address.problem;
    if (address.local) return this.#follow();
    this.#unfollow();
    if (address.yaml !== null) {
      this.#open('', address.yaml, address);
      this.#panels.tab = tabOf(address, 'Log');
      return;
    }
    const wanted = address.scenario === '' ? DEFAULT_SCENARIO : address.scenario;
    const file = findScenario(wanted) ?? findScenario(DEFAULT_SCENARIO) ?? LIBRARY[0];
    if (file === undefined) return;
    const isKnown = findScenario(wanted) !== undefined;
    if (!isKnown) this.problem = `There is no scenario "${wanted.slice(0, 60)}"; this is another one.`;
    let text: string;
    try {
      text = await textOf(file);
    } catch {
      if (mine === this.#turn) this.problem = 'The scenarios could not be loaded. Reload the page to try again.';
      return;
    }
    if (mine !== this.#turn) return;
    this.#open(file.name, text, isKnown ? address : null);
    this.#panels.tab = tabOf(address, file.lesson === 'exercises' ? 'Exercise' : 'Log');
  }

  /** Something else takes the place of what was being opened. */
  forget(): void {
    this.#begin();
    this.#unfollow();
    this.#expected = null;
    this.problem = '';
  }

  /** Opens a file that was dropped or chosen. */
  async files(files: readonly File[], hasFolder = false): Promise<void> {
    const mine = this.#begin();
    const opened = hasFolder ? NO_FOLDERS : await readFile(files);
    if (mine !== this.#turn) return;
    if (opened.type !== 'refused') this.#unfollow();
    this.#show(opened, mine, false);
  }

  /** Shows what a file holds. `again`: it is the file that is shown already, which has changed. */
  #show(opened: OpenedFile, mine: number, again: boolean): void {
    const lab = this.#lab;
    switch (opened.type) {
      case 'refused':
        this.problem = opened.problem;
        return;
      case 'scenario':
        this.problem = '';
        if (again) lab.edit(opened.text);
        else {
          this.#open('', opened.text, null);
          history.replaceState(null, '', this.followed === null ? '#' : location.hash);
        }
        return;
      case 'trace': {
        this.problem = '';
        this.reading = 0;
        const recorded = lab.simulator.readTrace(opened.file, ({ share, source, problem }) => {
          if (mine !== this.#turn) return;
          this.reading = source === null && problem === '' ? share : null;
          this.problem = problem;
          if (source === null) return;
          const { text, seed, under } = source;
          this.#expected = null;
          this.#panels.forgetActors();
          lab.open('', text, { seed, under, recorded, timeUs: again ? lab.timeUs : 0 });
          if (this.followed === null) history.replaceState(null, '', '#');
        });
        return;
      }
      default:
        opened satisfies never;
    }
  }

  #begin(): number {
    this.#player.pause();
    this.isDismissed = false;
    this.reading = null;
    this.#turn++;
    return this.#turn;
  }

  /** Opens a text as the link wants it; null for a file, of which nothing is wanted. */
  #open(name: string, text: string, address: Address | null): void {
    const panels = this.#panels;
    panels.forgetActors();
    this.#expected = address === null || address.digest === '' ? null : address;
    if (address === null) return this.#lab.open(name, text);
    const { seed, timeUs, sets, lines, under, view, marks } = address;
    panels.wide = view.wide;
    panels.stageScale = 1;
    panels.scaleStage(view.zoom);
    const wanted = { message: view.message, thing: view.thing };
    this.#lab.open(name, text, { seed, timeUs: timeUs ?? 0, sets, changes: lines, under, wanted });
    this.#lab.bookmarks = marks;
  }

  /** Shows the file that `queuelab open` serves beside the page, and again whenever it changes. */
  async #follow(): Promise<void> {
    this.#unfollow();
    const mine = this.#turn;
    let loaded: typeof import('./follow.ts');
    try {
      loaded = await import('./follow.ts');
    } catch {
      if (mine === this.#turn) this.problem = 'The page could not load what follows a file. Reload it to try again.';
      return;
    }
    if (mine !== this.#turn) return;
    const { follow } = loaded;
    let isFirst = true;
    this.followed = follow((opened) => {
      if (this.followed === null) return;
      this.#turn++;
      this.#show(opened, this.#turn, !isFirst);
      if (opened.type !== 'refused') isFirst = false;
    });
  }

  #unfollow(): void {
    this.followed?.stop();
    this.followed = null;
  }
}

const NO_FOLDERS: OpenedFile = {
  type: 'refused',
  problem: 'A folder cannot be opened. Drop one file: a scenario (.yaml) or a trace (.jsonl).',
};

/** The link's panel. What it says may be no panel at all; the page shows the log then. */
function tabOf({ view }: Address, usual: Tab): Tab {
  return view.tab === '' ? usual : (view.tab as Tab);
}

function reasonOf({ by, yaml }: Pick<Address, 'by' | 'yaml'>): string {
  if (by !== '' && by !== VERSION)
    return `the link was made by queuelab ${by}, and this is ${VERSION}, which may run it otherwise.`;
  return yaml === null
    ? "the library's scenario has changed since, or the link was edited."
    : 'the link was edited on its way, or made by another build of queuelab.';
}
