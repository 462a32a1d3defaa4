/** What keys and buttons do that concern time, stage and selection: in the page, and in a player in another page, which leaves all others to the page around it. */
import type { Lab } from './lab.svelte.ts';
import type { Panels } from './panels.svelte.ts';
import type { Player } from './player.svelte.ts';
import type { Command } from './shortcuts.ts';
import { speedSpoken } from './timeline/speed.ts';

/** What is acted on. */
export interface Live {
  readonly lab: Lab;
  readonly player: Player;
  readonly panels: Panels;
}

/** What `obey` does. */
export const OBEYED = [
  'play',
  'forward',
  'back',
  'next',
  'previous',
  'start',
  'end',
  'faster',
  'slower',
  'quiet',
  'slow',
  'bookmark',
  'bookmarked',
  'larger',
  'smaller',
  'fit',
  'act',
  'undo',
  'unselect',
] as const satisfies readonly Command[];

export type Obeyed = (typeof OBEYED)[number];

/** False when the command concerns something else. */
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
      lab.say(`Speed: ${speedSpoken(player.speed)}.`);
      return true;
    case 'slower':
      player.speedChosen = player.speed / 2;
      lab.say(`Speed: ${speedSpoken(player.speed)}.`);
      return true;
    case 'quiet':
      player.skipsQuiet = !player.skipsQuiet;
      lab.say(player.skipsQuiet ? 'Quiet time is skipped.' : 'Quiet time is played too.');
      return true;
    case 'slow':
      player.slowsDown = !player.slowsDown;
      lab.say(player.slowsDown ? 'Slows down at interesting parts.' : 'Does not slow down at interesting parts.');
      return true;
    case 'bookmark':
      lab.toggleBookmark();
      lab.say(lab.bookmarks.includes(Math.floor(lab.timeUs)) ? 'Bookmarked.' : 'The bookmark is gone.');
      return true;
    case 'bookmarked':
      player.toBookmark();
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
      if (lab.message !== 0) lab.say(`Let go of message ${lab.message}.`);
      lab.select(0);
      return true;
    default:
      command satisfies Exclude<Command, Obeyed>;
      return false;
  }
}

/** Why a command can do nothing now; '' when it can. */
export function refusalOf(command: Command, { lab, player, panels }: Live): string {
  switch (command) {
    case 'next':
      return player.notable(1) === null ? 'there is none after this' : '';
    case 'previous':
      return player.notable(-1) === null ? 'there is none before this' : '';
    case 'back':
    case 'start':
      return lab.fact === 0 && lab.timeUs === 0 ? 'this is the start' : '';
    case 'forward':
    case 'end':
      return lab.timeUs >= lab.endUs && lab.fact >= lab.factCount ? 'this is the end' : '';
    case 'bookmarked':
      return lab.bookmarks.length === 0 ? 'there is no bookmark' : '';
    case 'larger':
      return panels.isLargest ? 'this is the largest' : '';
    case 'smaller':
    case 'fit':
      return panels.stageScale === 1 ? 'all of it is in sight' : '';
    case 'act':
    case 'unselect':
      return lab.selected === null ? 'nothing is selected' : '';
    case 'undo':
      return lab.changes.length === 0 ? 'nothing has been changed' : '';
    case 'play':
    case 'share':
      return lab.run === null ? 'nothing has been run' : '';
    default:
      return '';
  }
}
