/** The keys of the page: one table, from which they are heard and listed. */

export type Command =
  | 'play'
  | 'forward'
  | 'back'
  | 'next'
  | 'previous'
  | 'start'
  | 'end'
  | 'goto'
  | 'faster'
  | 'slower'
  | 'quiet'
  | 'slow'
  | 'bookmark'
  | 'bookmarked'
  | 'scenarios'
  | 'open'
  | 'share'
  | 'tab'
  | 'editor'
  | 'wide'
  | 'larger'
  | 'smaller'
  | 'fit'
  | 'theme'
  | 'act'
  | 'undo'
  | 'help'
  | 'unselect';

export interface Shortcut {
  readonly command: Command;
  /** Values of `KeyboardEvent.key`. */
  readonly keys: readonly string[];
  /** As they are listed. */
  readonly shown: readonly string[];
  readonly does: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { command: 'play', keys: [' ', 'k'], shown: ['Space', 'k'], does: 'play or pause' },
  { command: 'forward', keys: ['ArrowRight', '.'], shown: ['→', '.'], does: 'one fact forwards' },
  { command: 'back', keys: ['ArrowLeft', ','], shown: ['←', ','], does: 'one fact back' },
  {
    command: 'next',
    keys: ['n'],
    shown: ['n'],
    does: 'next notable fact (fault, redelivery, dead letter, rebalance, election, violation)',
  },
  { command: 'previous', keys: ['p'], shown: ['p'], does: 'previous notable fact' },
  { command: 'start', keys: ['Home'], shown: ['Home'], does: 'to the start' },
  { command: 'end', keys: ['End'], shown: ['End'], does: 'to the end' },
  { command: 'goto', keys: ['g'], shown: ['g'], does: 'to a time that is typed in' },
  { command: 'faster', keys: ['+', '='], shown: ['+'], does: 'twice as fast' },
  { command: 'slower', keys: ['-'], shown: ['−'], does: 'half as fast' },
  { command: 'quiet', keys: ['q'], shown: ['q'], does: 'skip quiet time, or not' },
  { command: 'slow', keys: ['i'], shown: ['i'], does: 'slow down for the interesting parts, or not' },
  { command: 'bookmark', keys: ['b'], shown: ['b'], does: 'bookmark this moment, or take the bookmark away' },
  { command: 'bookmarked', keys: ['B'], shown: ['Shift b'], does: 'next bookmark' },
  { command: 'scenarios', keys: ['s'], shown: ['s'], does: 'open the scenarios' },
  { command: 'open', keys: ['o'], shown: ['o'], does: 'open a file: a scenario or a trace' },
  { command: 'share', keys: ['l'], shown: ['l'], does: 'link, pictures and files to share' },
  { command: 'tab', keys: ['t'], shown: ['t'], does: 'next panel' },
  { command: 'editor', keys: ['e'], shown: ['e'], does: 'write the scenario, as text or as a form' },
  { command: 'wide', keys: ['w'], shown: ['w'], does: 'larger or smaller panel' },
  { command: 'larger', keys: ['z'], shown: ['z'], does: 'larger stage' },
  { command: 'smaller', keys: ['Z'], shown: ['Shift z'], does: 'smaller stage' },
  { command: 'fit', keys: ['0'], shown: ['0'], does: 'fit the stage' },
  { command: 'theme', keys: ['d'], shown: ['d'], does: 'dark or light' },
  { command: 'act', keys: ['a'], shown: ['a'], does: 'act on what is selected: crash, lose, delay, change' },
  { command: 'undo', keys: ['u'], shown: ['u'], does: 'undo the last change' },
  { command: 'unselect', keys: ['Escape'], shown: ['Esc'], does: 'let go of the selected message' },
  { command: 'help', keys: ['?'], shown: ['?'], does: 'signs and keys' },
];

/** What a key asks for; null while the person types, inside a dialog or menu, with a modifier, or when it means nothing. */
export function commandOf(event: KeyboardEvent): Command | null {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return null;
  // Not the event's own target, which of a text field that has its styles to itself (the editor) would be only its outside.
  const [origin] = event.composedPath();
  const target = origin instanceof Element ? origin : null;
  if (target !== null) {
    if (
      target.closest(
        'dialog, [role="menu"], [contenteditable], textarea, select, input:not([type="checkbox"], [type="radio"], [type="range"])',
      ) !== null
    )
      return null;
    const isControl = target.closest('button, a, input, summary') !== null;
    if (isControl && (event.key === ' ' || event.key === 'Enter')) return null;
    if (
      target.matches('input[type="range"]') &&
      (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End')
    )
      return null;
  }
  return SHORTCUTS.find(({ keys }) => keys.includes(event.key))?.command ?? null;
}
