/** Which panel is open beside the stage, how much room it has, and what each was set to, so that it is found again as it was left. */
import { createContext } from 'svelte';
import type { ActorId } from '../core/types.ts';
import type { Fate } from '../sim/folds/ledger.ts';

export type Tab = 'Exercise' | 'Log' | 'Inspector' | 'Diagram' | 'Ledger' | 'Verdicts' | 'Charts';

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

export class Panels {
  tab = $state<Tab>('Log');
  /** The panel has most of the page. */
  wide = $state(false);
  readonly log = new LogView();
  readonly diagram = new DiagramView();
  readonly ledger = new LedgerView();
}

export const [getPanels, setPanels] = createContext<Panels>();
