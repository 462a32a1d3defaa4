/** What the keys of a player do: those of the page that concern time, stage and selection. The others mean nothing here and are left to the page around it. */
import type { Command } from '../shortcuts.ts';
import type { Live } from './embed.svelte.ts';

/** False when the command means nothing in a player. */
export function obey(command: Command, { lab, player, panels }: Live): boolean {
  switch (command) {
    case 'play':
      player.toggle();
      return true;
    case 'forward':
      player.step(1);
      return true;
    case 'back':
      player.step(-1);
      return true;
    case 'next':
      player.stepNotable(1);
      return true;
    case 'previous':
      player.stepNotable(-1);
      return true;
    case 'start':
      player.toFact(0);
      return true;
    case 'end':
      player.toFact(lab.factCount);
      return true;
    case 'faster':
      player.speedChosen = player.speed * 2;
      return true;
    case 'slower':
      player.speedChosen = player.speed / 2;
      return true;
    case 'larger':
      panels.scaleStage(1.5);
      return true;
    case 'smaller':
      panels.scaleStage(1 / 1.5);
      return true;
    case 'fit':
      panels.scaleStage(0);
      return true;
    case 'act':
      if (lab.selected !== null) panels.actOn(lab.selected);
      return true;
    case 'undo':
      lab.undo(lab.changes.length - 1);
      return true;
    case 'unselect':
      lab.select(0);
      return true;
    default:
      return false;
  }
}
