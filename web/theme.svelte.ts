/** Light or dark: as the system says, unless the person has chosen; light on paper. */
import { createContext } from 'svelte';
import { MediaQuery } from 'svelte/reactivity';

export class Theme {
  chosen = $state<'light' | 'dark' | null>(null);
  /** The page is being printed. */
  prints = $state(false);
  readonly #dark = new MediaQuery('(prefers-color-scheme: dark)');

  get current(): 'light' | 'dark' {
    if (this.prints) return 'light';
    return this.chosen ?? (this.#dark.current ? 'dark' : 'light');
  }

  toggle(): void {
    this.chosen = this.current === 'dark' ? 'light' : 'dark';
  }
}

export const [getTheme, setTheme] = createContext<Theme>();
