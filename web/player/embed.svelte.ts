/**
 * One player as its parts share it: what its author wishes of the look, and, as soon as somebody comes near, the lab that runs and the playhead in it. It knows
 * neither the element nor the page around it.
 */
import type { Micros } from '../../core/types.ts';
import { NO_ADDRESS, writeLink } from '../address.ts';
import type { Workers } from '../client.ts';
import { Lab } from '../lab.svelte.ts';
import { type Live, OBEYED, obey } from '../obey.ts';
import { Panels } from '../panels.svelte.ts';
import { Player } from '../player.svelte.ts';
import type { Opening } from '../share/opening.svelte.ts';
import { type Command, commandOf } from '../shortcuts.ts';
import { Theme } from '../theme.svelte.ts';
import type { PanelName } from './panels.ts';

export type Controls = 'all' | 'few' | 'none';

export const CONTROLS: readonly Controls[] = ['all', 'few', 'none'];

/** What keys do in a player; all others are left to the page around it. */
export const COMMANDS: readonly Command[] = [...OBEYED, 'tab', 'help'];

/** What the notices tell: of a player that opens no links only what is wrong with what was asked for. */
class Words implements Told {
  problem = $state('');
  isDismissed = false;
  readonly reading = null;
  readonly check = null;
}

type Told = Pick<Opening, 'problem' | 'reading' | 'check' | 'isDismissed'>;

export class Embed {
  readonly theme = new Theme();
  /** Null until somebody comes near. */
  live = $state.raw<Live | null>(null);
  #wished = $state.raw<readonly PanelName[]>([]);
  controls = $state<Controls>('all');
  /** Address of the whole app, for "Open in queuelab"; '' for no such link. */
  app = $state('');
  /** Its height is given from outside. */
  isSized = $state(false);
  /** Signs and keys are explained. */
  helps = $state(false);
  /** What the notices on the stage tell beside what the lab does. */
  told = $state.raw<Told>(new Words());

  /** The panels, in this order; with none there is only the stage. The inspector is one of them while something leads to it. */
  get names(): readonly PanelName[] {
    return this.isExtra ? [...this.#wished, 'Inspector'] : this.#wished;
  }

  /** The first is opened. */
  set names(names: readonly PanelName[]) {
    this.#wished = names;
    this.show(names[0]);
  }

  /** The inspector is shown although nobody wished for it, because the reader did just now. */
  get isExtra(): boolean {
    return this.live?.panels.tab === 'Inspector' && !this.#wished.includes('Inspector');
  }

  /** The panel that is open; null where there is none. */
  get shown(): PanelName | null {
    return this.names.find((name) => name === this.live?.panels.tab) ?? this.names[0] ?? null;
  }

  closeExtra(): void {
    if (this.live !== null) this.live.panels.tab = this.#wished[0] ?? 'Log';
  }

  show(name: PanelName | undefined): void {
    if (this.live !== null && name !== undefined) this.live.panels.tab = name;
  }

  /** Makes the lab, which asks for a worker at once. */
  begin(workers: Workers): Live {
    const lab = new Lab(workers);
    const live = { lab, player: new Player(lab), panels: new Panels() };
    this.live = live;
    this.show(this.#wished[0]);
    return live;
  }

  end(): void {
    this.live?.player.pause();
    this.live?.lab.simulator.end();
    this.live = null;
    this.helps = false;
  }

  /** Does what the key asks for, if it means something in a player; then the page around it does not get it. */
  onkey(event: KeyboardEvent): void {
    const command = commandOf(event);
    if (command === null || !this.obey(command)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** False when the command means nothing in a player. */
  obey(command: Command): boolean {
    if (this.live === null) return false;
    if (command === 'help') {
      this.helps = true;
      return true;
    }
    if (command !== 'tab') return obey(command, this.live);
    if (this.names.length < 2 || this.shown === null) return false;
    this.show(this.names[(this.names.indexOf(this.shown) + 1) % this.names.length]);
    return true;
  }

  /** The address of what is shown, at this moment, in the app; '' when there is none. */
  async link(): Promise<string> {
    if (this.app === '' || this.live === null) return this.app;
    const { name, original, source, text, seed, sets, changes, under } = this.live.lab;
    const timeUs: Micros = Math.floor(this.live.lab.timeUs);
    const isNamed = name !== '' && source === original;
    const hash = await writeLink(
      isNamed
        ? { scenario: name, seed, sets, lines: changes, under, timeUs }
        : { ...NO_ADDRESS, yaml: changes.length + sets.length > 0 ? text : source, seed, under, timeUs },
    );
    return `${this.app.split('#')[0]}${hash}`;
  }
}
