/** The panels that a player can have beside its stage, by the names that its `panels` attribute takes. Most are loaded when they are first opened. */
import type { Component } from 'svelte';
import Log from '../log/Log.svelte';
import Verdicts from '../verdicts/Verdicts.svelte';

export type PanelName = 'Log' | 'Verdicts' | 'Charts' | 'Ledger' | 'Diagram' | 'Inspector';

type Loaded = { readonly default: Component };

/** What is loaded later. */
export const LATER: Readonly<Record<Exclude<PanelName, 'Log' | 'Verdicts'>, () => Promise<Loaded>>> = {
  Charts: () => import('../charts/Charts.svelte'),
  Ledger: () => import('../ledger/Ledger.svelte'),
  Diagram: () => import('../diagram/Diagram.svelte'),
  Inspector: () => import('../inspector/Inspector.svelte'),
};

export const AT_ONCE = { Log, Verdicts } as const;

export const PANEL_NAMES: readonly PanelName[] = ['Log', 'Verdicts', 'Charts', 'Ledger', 'Diagram', 'Inspector'];

/** Reads "log verdicts, charts", in that order, each once; what is no panel is told apart. */
export function readPanels(text: string): {
  readonly panels: readonly PanelName[];
  readonly unknown: readonly string[];
} {
  const words = [...new Set(text.toLowerCase().split(/[\s,]+/))].filter((word) => word !== '');
  const panels: PanelName[] = [];
  const unknown: string[] = [];
  for (const word of words) {
    const name = PANEL_NAMES.find((one) => one.toLowerCase() === word);
    if (name === undefined) unknown.push(word);
    else panels.push(name);
  }
  return { panels, unknown };
}
