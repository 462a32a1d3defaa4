/**
 * The text as it is being written, and how it keeps step with the run. What is typed is checked at once and, when it is right and the hands have come to rest,
 * takes the place of the file (`Lab.edit`), at the same moment and with the same selection. What changes the file from elsewhere (an act adds a line, a knob, a
 * return to another future) comes in as one change that can be undone, beside what is being typed. It lives on while the panel is closed.
 */

import { completionStatus, startCompletion } from '@codemirror/autocomplete';
import { isolateHistory, redo, redoDepth, undo, undoDepth } from '@codemirror/commands';
import { nextDiagnostic, setDiagnostics } from '@codemirror/lint';
import { Annotation, ChangeSet, EditorSelection, EditorState, type TransactionSpec } from '@codemirror/state';
import { EditorView, type ViewUpdate } from '@codemirror/view';
import type { Form } from '../../sim/scenario/form.ts';
import type { Doc, Hover } from '../../sim/scenario/hints.ts';
import type { Named } from '../../sim/scenario/whereabouts.ts';
import type { Lab } from '../lab.svelte.ts';
import { Assistant } from './assistant.ts';
import { changesBetween } from './changes.ts';
import { type Problem, problemsIn, type Repair } from './problems.ts';
import { extensions, marksOf, type Owner } from './text.ts';

/** Hands at rest for so long: problems are shown, and after a while it is run. */
const CHECK_MS = 150;
const RUN_MS = 400;

/** `run`: what is written is what runs. `waiting`: it is about to be run. `refused`: it cannot be run, and the page shows the run before it. */
export type Standing = 'run' | 'waiting' | 'refused';

/** The change comes from the run, and is none to be run. */
const fromElsewhere = Annotation.define<boolean>();

export class Writing implements Owner {
  problems = $state.raw<readonly Problem[]>([]);
  standing = $state<Standing>('run');
  form = $state.raw<Form>({ groups: [], problem: '' });
  /** What is known of the place where the cursor is. */
  here = $state.raw<Doc | null>(null);
  /** What is declared or named there. */
  named = $state.raw<Named | null>(null);
  canUndo = $state(false);
  canRedo = $state(false);
  /** It is the file as it was opened. */
  isOriginal = $state(true);
  tabIndents = $state(false);
  /** What became of the last thing that was asked for; '' for nothing to say. */
  said = $state('');

  readonly #lab: Lab;
  readonly #assistant = new Assistant();
  #view: EditorView | null = null;
  #state: EditorState;
  /** Which file: its name, and its text as it was opened. */
  #file: { readonly name: string; readonly original: string } | null = null;
  /** The text on which the run and the writer last agreed, and what has been typed since. */
  #agreed = '';
  #typed: ChangeSet = ChangeSet.empty(0);
  /** The text that `problems` are of. */
  #checked = '';
  #checkTimer: ReturnType<typeof setTimeout> | undefined;
  #runTimer: ReturnType<typeof setTimeout> | undefined;
  #hereTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#state = this.#fresh('');
  }

  get text(): string {
    return this.#now.doc.toString();
  }

  get #now(): EditorState {
    return this.#view?.state ?? this.#state;
  }

  #fresh(text: string): EditorState {
    return EditorState.create({ doc: text, extensions: extensions(this) });
  }

  // On the screen

  /** Shows the text inside an element, whose root takes its styles; answers with how to take it away again. */
  show(parent: HTMLElement): () => void {
    const root = parent.getRootNode();
    const view = new EditorView({
      state: this.#state,
      parent,
      ...(root instanceof ShadowRoot ? { root } : {}),
    });
    this.#view = view;
    this.#look();
    return () => {
      this.#state = view.state;
      this.#view = null;
      view.destroy();
    };
  }

  /** Ends what it does; it is not written in any more. */
  end(): void {
    for (const timer of [this.#checkTimer, this.#runTimer, this.#hereTimer]) clearTimeout(timer);
    this.#assistant.end();
  }

  focus(): void {
    this.#view?.focus();
  }

  /** Goes to a line and column, from 1, and shows it. */
  goTo(line: number, column: number): void {
    const { doc } = this.#now;
    const at = doc.line(Math.max(1, Math.min(line, doc.lines)));
    const anchor = Math.min(at.to, at.from + Math.max(0, column - 1));
    this.#view?.dispatch({
      selection: EditorSelection.cursor(anchor),
      effects: EditorView.scrollIntoView(anchor, { y: 'center' }),
    });
    this.focus();
  }

  /** Goes to where a thing or one of its settings is declared. */
  async goToDeclared(thing: Named, setting: string): Promise<void> {
    const { text } = this;
    const place = await this.#assistant.ask('locate', { text, thing, setting });
    if (place === null) this.said = `The text does not name ${thing.name}.`;
    else this.goTo(place.line, place.column);
  }

  // What the run says

  /** The file that is run, and its text. Only after it has been read: before, it is still that of the run before. */
  follow(name: string, original: string, text: string): void {
    if (this.#file === null || this.#file.name !== name || this.#file.original !== original) {
      this.#file = { name, original };
      this.#take(this.#fresh(text));
      this.#agree(text);
    } else if (text !== this.#agreed) {
      const typed = this.text;
      if (text === typed) this.#agree(text);
      else this.#merge(text);
    }
    this.#settle();
  }

  /** The run's text changed under what is being typed: its changes are put beside those. */
  #merge(text: string): void {
    const theirs = ChangeSet.of([...changesBetween(this.#agreed, text)], this.#agreed.length);
    this.#dispatch({
      changes: theirs.map(this.#typed),
      annotations: [fromElsewhere.of(true), isolateHistory.of('full')],
      userEvent: 'outside',
    });
    this.#typed = this.#typed.map(theirs, true);
    this.#agreed = text;
    this.said = 'The run changed, and the text with it.';
  }

  #agree(text: string): void {
    this.#agreed = text;
    this.#typed = ChangeSet.empty(text.length);
  }

  // What the writer does

  changed(update: ViewUpdate): void {
    this.canUndo = undoDepth(update.state) > 0;
    this.canRedo = redoDepth(update.state) > 0;
    if (update.docChanged) {
      const outside = update.transactions.some((transaction) => transaction.annotation(fromElsewhere) === true);
      if (!outside) {
        this.#typed = this.#typed.compose(update.changes);
        this.said = '';
        this.#settle();
      }
    }
    // What is wrong with half a word is said when the choice has been made.
    else if (completionStatus(update.startState) === 'active' && completionStatus(update.state) === null)
      this.#settle();
    if (update.docChanged || update.selectionSet) this.#lookSoon();
  }

  undo(): void {
    this.#command(undo);
  }

  redo(): void {
    this.#command(redo);
  }

  suggest(): void {
    this.focus();
    this.#command(startCompletion);
  }

  nextProblem(): void {
    this.focus();
    this.#command(nextDiagnostic);
  }

  toggleTab(): void {
    this.tabIndents = !this.tabIndents;
    this.said = this.tabIndents ? 'Tab now indents.' : 'Tab now moves on.';
  }

  #command(command: (view: EditorView) => boolean): void {
    if (this.#view !== null) command(this.#view);
  }

  /** Of a text that was not the one that is there now, it would go to another place: then the next check offers it anew. */
  repair({ from, to, insert }: Repair): void {
    if (this.#checked !== this.text) return;
    this.#dispatch({ changes: { from, to, insert }, userEvent: 'input.repair' });
    // The button that was pressed goes away with the mistake.
    this.focus();
    this.run();
  }

  format(): void {
    const { text } = this;
    void this.#assistant.ask('format', { text }).then((formatted) => {
      if (formatted === null || this.text !== text) return;
      this.#replace(formatted.text);
      this.said =
        formatted.problem !== ''
          ? `It cannot be formatted: ${formatted.problem}`
          : formatted.text === text
            ? 'It is formatted already.'
            : 'Formatted.';
    });
  }

  /** Back to the file as it was opened; that too can be undone. */
  reset(): void {
    this.#replace(this.#lab.original);
    this.run();
  }

  /** Writes a setting into the text and runs it; null takes it out, so that its default holds. */
  set(path: string, value: string | null): void {
    const { text } = this;
    void this.#assistant.ask('set', { text, path, value }).then((edited) => {
      if (edited === null) return;
      if (this.text !== text) return this.set(path, value);
      this.said = edited.problem === '' ? '' : `${path}: ${edited.problem}`;
      if (edited.problem !== '') return;
      this.#replace(edited.text);
      this.run();
    });
  }

  /** Runs what is written, if it can be run. */
  run(): void {
    clearTimeout(this.#runTimer);
    void this.#run();
  }

  async #run(): Promise<void> {
    const { text } = this;
    if (!this.#isOpen || !(await this.#check(text)) || this.standing === 'refused' || !this.#isOpen) return;
    if (!this.#lab.isRead) {
      this.#runSoon();
      return;
    }
    this.standing = 'run';
    if (text === this.#agreed) return;
    this.#agree(text);
    this.#lab.edit(text);
  }

  /** The page still shows the file that the text is of. Another one is taken up when the panel is shown again. */
  get #isOpen(): boolean {
    return this.#file?.name === this.#lab.name && this.#file.original === this.#lab.original;
  }

  // What is known of it

  /** The text is another one: it is looked at soon, and run when it stands still. */
  #settle(): void {
    this.isOriginal = this.text === this.#lab.original;
    clearTimeout(this.#checkTimer);
    this.#checkTimer = setTimeout(() => void this.#check(this.text), CHECK_MS);
    if (this.text === this.#agreed) {
      clearTimeout(this.#runTimer);
      if (this.standing === 'waiting') this.standing = 'run';
    } else this.#runSoon();
  }

  #runSoon(): void {
    if (this.standing === 'run') this.standing = 'waiting';
    clearTimeout(this.#runTimer);
    this.#runTimer = setTimeout(() => void this.#run(), RUN_MS);
  }

  /** Marks what is wrong and makes the form. False when another text has come meanwhile. */
  async #check(text: string): Promise<boolean> {
    const { file, under } = this.#lab;
    const [diagnostics, form] = await Promise.all([
      this.#assistant.ask('check', { text, file, under }),
      this.#assistant.ask('form', { text }),
    ]);
    if (this.text !== text) return false;
    if (diagnostics === null || form === null) {
      this.said = 'The text cannot be checked: a part of the page could not be loaded.';
      return false;
    }
    const refused = diagnostics.some(({ severity }) => severity === 'error');
    if (refused && completionStatus(this.#now) === 'active') return false;
    this.problems = problemsIn(text, diagnostics);
    this.#checked = text;
    if (form.problem === '' || this.form.groups.length === 0) this.form = form;
    else this.form = { ...this.form, problem: form.problem };
    this.standing = refused ? 'refused' : text === this.#agreed ? 'run' : 'waiting';
    this.#dispatch(setDiagnostics(this.#now, marksOf(this.problems, text.length)));
    return true;
  }

  complete(text: string, offset: number) {
    return this.#assistant.ask('complete', { text, offset });
  }

  async hover(text: string, offset: number): Promise<Hover | null> {
    return (await this.#assistant.ask('hover', { text, offset }))?.hover ?? null;
  }

  #lookSoon(): void {
    clearTimeout(this.#hereTimer);
    this.#hereTimer = setTimeout(() => this.#look(), CHECK_MS);
  }

  #look(): void {
    const { text } = this;
    const { head } = this.#now.selection.main;
    void this.#assistant.ask('hover', { text, offset: head }).then((found) => {
      if (this.text !== text || this.#now.selection.main.head !== head) return;
      this.here = found?.hover?.doc ?? null;
      this.named = found?.named ?? null;
    });
  }

  #replace(text: string): void {
    const changes = changesBetween(this.text, text);
    if (changes.length > 0)
      this.#dispatch({ changes: [...changes], annotations: isolateHistory.of('full'), userEvent: 'input.form' });
  }

  #dispatch(spec: TransactionSpec): void {
    if (this.#view !== null) {
      this.#view.dispatch(spec);
      return;
    }
    const transaction = this.#state.update(spec);
    this.#state = transaction.state;
    if (transaction.annotation(fromElsewhere) !== true) this.#typed = this.#typed.compose(transaction.changes);
  }

  #take(state: EditorState): void {
    this.#state = state;
    this.#view?.setState(state);
    this.problems = [];
    this.form = { groups: [], problem: '' };
    this.standing = 'run';
    this.said = '';
    this.canUndo = false;
    this.canRedo = false;
    this.#lookSoon();
  }
}
