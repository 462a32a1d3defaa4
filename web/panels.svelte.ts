/** Which panel is open beside the stage, how much room it has, and what each was set to, so that it is found again as it was left. */
import { createContext } from 'svelte';
import type { ActorId } from '../core/types.ts';
import type { Fate } from '../sim/folds/ledger.ts';
import type { Named } from '../sim/scenario/whereabouts.ts';
import type { Writing } from './editor/writing.svelte.ts';
import { Pictures } from './share/offers.ts';
import type { Rect } from './stage/boxes.ts';
import type { Thing } from './stage/thing.ts';

export type Tab =
  | 'Exercise'
  | 'Lanes'
  | 'Log'
  | 'Inspector'
  | 'Diagram'
  | 'Ledger'
  | 'Verdicts'
  | 'Charts'
  | 'Editor'
  | 'Futures';

export class LogView {
  /** 0 is anybody. */
  actor = $state<ActorId>(0);
  onlySelected = $state(false);
  /** Names as in `log/kinds.ts`; '' is any. */
  kind = $state('');
}

export class DiagramView {
  hidden = $state.raw<ReadonlySet<ActorId>>(new Set());
  /** Only the selected message is drawn. */
  follows = $state(false);
  collapses = $state(true);
  /** Polls and the like, too. */
  routine = $state(false);
  /** Doublings of the scale. */
  zoom = $state(0);
}

export type LedgerFilter = 'all' | 'once' | 'twice' | 'late' | Exclude<Fate, 'done'>;
export type LedgerSort = 'message' | 'deliveries' | 'effects' | 'took' | 'outcome';

export class LedgerView {
  filter = $state<LedgerFilter>('all');
  /** A number, a key or a producer; '' for all. */
  search = $state('');
  sort = $state<LedgerSort>('message');
  descending = $state(false);
  /** As it stands at the playhead, not at the end. */
  atPlayhead = $state(false);
}

/** Line and column, from 1; or where a thing or one of its settings ('' for none) is declared. */
export type WantedPlace =
  | { readonly line: number; readonly column: number }
  | { readonly thing: Named; readonly setting: string };

export class EditorView {
  /** Where there is no room for both. */
  shows = $state<'text' | 'form'>('text');
  /** The text as it was left, with what can be undone; null before it was first opened. */
  writing = $state.raw<Writing | null>(null);
  /** A place to go to when the editor is there. */
  wanted = $state.raw<WantedPlace | null>(null);
}

/** The stage is drawn at most so many times as large as it would fit. */
const LARGEST = 4;

export class Panels {
  /** What is to be acted on, and where it is on the page, in px, so that its menu stands beside it; null while there is no menu. */
  acting = $state.raw<{ readonly thing: Thing; readonly at: Rect } | null>(null);
  tab = $state<Tab>('Log');
  /** The panel has most of the page. */
  wide = $state(false);
  /** 1: all of the stage is in sight. */
  stageScale = $state(1);
  readonly log = new LogView();
  readonly diagram = new DiagramView();
  readonly ledger = new LedgerView();
  /** What of the page can be saved as a picture. */
  readonly pictures = new Pictures();
  readonly editor = new EditorView();
  /** The page can show the file itself. */
  readonly hasEditor: boolean;

  constructor(hasEditor = false) {
    this.hasEditor = hasEditor;
  }

  get isLargest(): boolean {
    return this.stageScale >= LARGEST;
  }

  /** After another broker took the place of the one before, actors have other numbers: nobody is hidden or alone any more. */
  forgetActors(): void {
    this.log.actor = 0;
    this.diagram.hidden = new Set();
  }

  /** Opens a panel. On a narrow page it is partly below the edge, and who opens one wants to see it. */
  open(tab: Tab): void {
    this.tab = tab;
    if (matchMedia('(max-width: 639px)').matches)
      document.getElementById('panel')?.scrollIntoView({ block: 'end', behavior: 'instant' });
  }

  showInEditor(place: WantedPlace): void {
    this.editor.wanted = place;
    this.open('Editor');
  }

  /** Asks for the menu of what is selected, over the middle of the page. */
  actOn(thing: Thing): void {
    this.acting = { thing, at: { x: innerWidth / 2 - 230, y: innerHeight / 6, w: 0, h: 0 } };
  }

  /** So many times as large as now; 0 fits it again. */
  scaleStage(by: number): void {
    const scale = Math.max(1, Math.min(LARGEST, this.stageScale * by));
    this.stageScale = scale < 1.02 ? 1 : scale;
  }
}

export const [getPanels, setPanels] = createContext<Panels>();
