/** The text field: what CodeMirror does for it, and what it asks of the page. It knows no run; `Writing` does. */
import {
  autocompletion,
  type CompletionContext,
  type CompletionResult,
  completionKeymap,
  startCompletion,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, indentService, indentUnit } from '@codemirror/language';
import { lintGutter, lintKeymap, type Diagnostic as Mark } from '@codemirror/lint';
import { EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  hoverTooltip,
  keymap,
  lineNumbers,
  type ViewUpdate,
} from '@codemirror/view';
import type { Completion, Completions, Hover } from '../../sim/scenario/hints.ts';
import { cardOf, withCode } from './card.ts';
import { indentAfter } from './indent.ts';
import type { Problem } from './problems.ts';
import { highlighting, theme } from './theme.ts';

/** What the text field wants from whoever owns it. */
export interface Owner {
  complete(text: string, offset: number): Promise<Completions | null>;
  hover(text: string, offset: number): Promise<Hover | null>;
  changed(update: ViewUpdate): void;
  run(): void;
  format(): void;
  /** Tab indents instead of moving on. */
  readonly tabIndents: boolean;
  toggleTab(): void;
}

export function extensions(owner: Owner): Extension {
  const obey = (command: () => void) => (): boolean => {
    command();
    return true;
  };
  return [
    lineNumbers(),
    lintGutter(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    bracketMatching(),
    yaml(),
    indentUnit.of('  '),
    indentService.of((context, position) => indentAfter(context.lineAt(position, -1).text)),
    EditorState.tabSize.of(2),
    EditorView.lineWrapping,
    highlighting,
    theme,
    autocompletion({ override: [(context) => suggestions(owner, context)], icons: false, maxRenderedOptions: 60 }),
    hoverTooltip((view, offset) => tooltip(owner, view, offset)),
    keymap.of([
      { key: 'Mod-Enter', run: obey(() => owner.run()) },
      { key: 'Shift-Alt-f', run: obey(() => owner.format()), preventDefault: true },
      { key: 'Ctrl-m', mac: 'Shift-Alt-m', run: obey(() => owner.toggleTab()) },
      {
        key: 'Tab',
        run: (view) => owner.tabIndents && indentMore(view),
        shift: (view) => owner.tabIndents && indentLess(view),
      },
      ...completionKeymap,
      ...lintKeymap,
      ...historyKeymap,
      ...defaultKeymap,
    ]),
    EditorView.contentAttributes.of({
      tabindex: '0',
      'aria-label': 'Scenario as YAML',
      'aria-description':
        'Control and Space suggests what may come next. Control and Enter runs it. Tab moves on to the next control.',
      spellcheck: 'false',
      autocapitalize: 'off',
      autocorrect: 'off',
    }),
    EditorView.updateListener.of((update) => owner.changed(update)),
  ];
}

async function suggestions(owner: Owner, context: CompletionContext): Promise<CompletionResult | null> {
  const { state, pos } = context;
  // Who has not begun a word gets suggestions only when asking for them. That is said at once: while an answer is waited for, nobody could ask.
  if (!context.explicit && context.matchBefore(/[\p{L}\p{N}_./%$]-*/u) === null) return null;
  const found = await owner.complete(state.doc.toString(), pos);
  if (found === null || context.aborted) return null;
  const options = found.options.map((option, i) => ({
    label: option.label,
    type: option.type,
    detail: option.detail,
    // In the order of the tables.
    boost: Math.max(-99, 99 - i),
    apply: (view: EditorView, _: unknown, from: number) =>
      insert(view, option, from, Math.max(found.to, view.state.selection.main.head)),
    ...(option.doc === null ? {} : { info: infoOf(option) }),
  }));
  // After a number other things are offered: its units.
  return { from: found.from, options, validFor: /^(?:[A-Za-z_][\w-]*)?$/ };
}

function infoOf({ doc }: Completion): () => Node | null {
  return () => (doc === null ? null : cardOf(doc));
}

function insert(view: EditorView, { insert: text, back, goesOn }: Completion, from: number, to: number): void {
  const line = view.state.doc.lineAt(from);
  const lead = /^\s*(?:- +)*/.exec(line.text)?.[0].length ?? 0;
  const indented = text.replaceAll('\n', `\n${' '.repeat(Math.min(lead, from - line.from))}`);
  view.dispatch({
    changes: { from, to, insert: indented },
    selection: { anchor: from + indented.length - back },
    userEvent: 'input.complete',
    scrollIntoView: true,
  });
  if (goesOn) startCompletion(view);
}

async function tooltip(owner: Owner, view: EditorView, offset: number) {
  const found = await owner.hover(view.state.doc.toString(), offset);
  if (found === null) return null;
  return { pos: found.from, end: found.to, above: true, create: () => ({ dom: cardOf(found.doc) }) };
}

/** Problems as marks in the text, with their repairs. */
export function marksOf(problems: readonly Problem[], length: number): readonly Mark[] {
  return problems.map(({ from, to, severity, message, repairs }) => ({
    from: Math.min(from, length),
    to: Math.min(to, length),
    severity,
    message,
    renderMessage: () => {
      const shown = document.createElement('div');
      shown.append(...withCode(message));
      return shown;
    },
    actions: repairs.map((repair) => ({
      name: repair.label,
      // The text may have moved since: the mark says by how much.
      apply: (view: EditorView, start: number) => {
        const by = start - from;
        view.dispatch({
          changes: { from: repair.from + by, to: repair.to + by, insert: repair.insert },
          userEvent: 'input.repair',
        });
      },
    })),
  }));
}
