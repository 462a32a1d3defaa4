/**
 * The only shared state of the page: which scenario with which changes, the trace of its run, where the playhead stands, and what is selected. All
 * else is derived from these. A change (seed, knob, click on a node) makes a new run; what was shown stays until the new run has come as far.
 */
import { createContext } from 'svelte';
import type { FactId, MessageId, Micros } from '../core/types.ts';
import { Keyframes } from '../sim/folds/keyframes.ts';
import { type Topology, topologyAt } from '../sim/folds/topology.ts';
import { TransitIndex } from '../sim/folds/transit.ts';
import type { Diagnostic } from '../sim/scenario/diagnostics.ts';
import { parseDuration } from '../sim/scenario/duration.ts';
import type { Scenario } from '../sim/scenario/types.ts';
import { Trace } from '../sim/trace.ts';
import type { RunSeries } from './charts/charts.ts';
import { type Recall, Simulator, type Workers } from './client.ts';
import { FactsIndex, lineLooks } from './facts-index.ts';
import { type ActKind, type Future, isReplacedBy, type Recipe, sameRecipe, withFuture } from './futures.ts';
import type { Grading, Judgement, RecordedTrace, Report, ShownUnder, TimelineLine } from './protocol.ts';
import type { Inspected } from './questions.ts';
import { factWords } from './speech.ts';
import { CaptionFinder } from './stage/captions.ts';
import { lineText, seconds } from './stage/describe.ts';
import { KeyLooks } from './stage/keys.ts';
import type { Thing } from './stage/thing.ts';

/** A run and what is looked up in it. */
export class ShownRun {
  readonly scenario: Scenario;
  readonly trace = new Trace();
  readonly keyframes: Keyframes;
  readonly transit: TransitIndex;
  readonly index: FactsIndex;
  readonly keys: KeyLooks;
  readonly captions: CaptionFinder;
  /** Keyframes reach so far. */
  reached: FactId = 0;
  digest = '';

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.keyframes = new Keyframes(this.trace, scenario);
    this.transit = new TransitIndex(this.trace);
    this.index = new FactsIndex(this.trace, lineLooks(scenario.timeline));
    this.keys = new KeyLooks(this.trace);
    this.captions = new CaptionFinder(scenario, this.trace);
  }

  /** The stage at a fact without any keyframe: slow, and what every seek must agree with. */
  fromStart(fact: FactId): Topology {
    return topologyAt(this.trace, this.scenario, fact);
  }
}

/** What the stage shows, at a fact and a time not before it. */
export interface Moment {
  readonly run: ShownRun;
  readonly fact: FactId;
  readonly timeUs: Micros;
  readonly topology: Topology;
}

export interface OpenOptions {
  readonly seed?: string | null;
  readonly timeUs?: Micros;
  readonly sets?: readonly string[];
  readonly under?: string | null;
  /** Lines added to the timeline. */
  readonly changes?: readonly TimelineLine[];
  /** A trace in a file that is shown as the run of the text as it was opened. */
  readonly recorded?: RecordedTrace | null;
  /** What is to be selected as soon as it is there. */
  readonly wanted?: Wanted | null;
}

/** Something of a run by names that every run of the same file has. */
export interface Wanted {
  readonly message: { readonly producer: string; readonly sequence: number } | null;
  readonly thing: { readonly type: Inspected['type']; readonly kind: string; readonly name: string } | null;
}

/** Number of the future that is the file as it was opened. */
export const FIRST = 1;
const NOTHING: Judgement = { totals: null, verdicts: [], expectations: [], goals: [] };
/** A line so little after the present moment takes the playhead along. */
const SOON_US = 1_000;
/** Facts that are folded between two looks at the clock, and how long the page may be kept busy with them. */
const FOLD_FACTS = 2_048;
const FOLD_MS = 8;
/** While a long run is being folded, the panels follow so often. */
const SHOW_MS = 200;

export class Lab {
  /** Name in the library; '' for a scenario from elsewhere. */
  name = $state('');
  /** The file as it was opened. */
  original = $state('');
  /** The file as it was opened or last edited, without knobs and added lines. */
  source = $state('');
  /** The file with changes, as it ran. */
  text = $state('');
  /** `text` is that of the newest run: false from an act until its file has been read. */
  isRead = $state(false);
  seed = $state<string | null>(null);
  sets = $state.raw<readonly string[]>([]);
  changes = $state.raw<readonly TimelineLine[]>([]);
  /** All that was made of this file, with the first as it was opened. */
  futures = $state.raw<readonly Future[]>([]);
  /** Number of the one that is shown. */
  future = $state(0);
  /** The broker that was asked for; null for the file's first, and for a file that names its own. */
  under = $state<string | null>(null);
  /** Which brokers a file in neutral words can be run under, and which it is; null for a file that names its own. */
  lanes = $state.raw<ShownUnder | null>(null);
  /** Why the run is not under the broker that was asked for; '' when it is. */
  underProblem = $state('');
  diagnostics = $state.raw<readonly Diagnostic[]>([]);
  knobStarts = $state.raw<readonly number[]>([]);
  /** What went wrong with the simulator itself; '' when nothing did. */
  problem = $state('');
  running = $state(false);
  /** 0 … 1 while running. */
  progress = $state(0);
  ending = $state('');
  digest = $state('');
  judgement = $state.raw<Judgement>(NOTHING);
  judged = $state(false);
  /** Of the last run that has ended; null before there was one of this scenario. */
  series = $state.raw<RunSeries | null>(null);
  /** The series are those of the shown run. */
  charted = $state(false);
  /** Of an exercise's answer; null before it was asked for. */
  grading = $state.raw<Grading | null>(null);

  /** Moments that are marked on the timeline, in order. */
  bookmarks = $state.raw<readonly Micros[]>([]);

  timeUs = $state<Micros>(0);
  fact = $state<FactId>(0);
  message = $state<MessageId>(0);
  /** What the inspector shows instead of the selected message; null for that one. */
  inspected = $state.raw<Inspected | null>(null);
  /** Why the last act could not be done; '' when it could. */
  actProblem = $state('');
  /** Said by the polite live region. */
  spoken = $state('');

  /** Futures of this file so far: a number is never used again, so that a comparison means what it meant. */
  #futuresMade = 0;
  #run = $state.raw<ShownRun | null>(null);
  /** Grows when the shown run's trace does. */
  #version = $state(0);
  #coming: ShownRun | null = null;
  /** After the new run has come so far, it is shown. */
  #keepUs: Micros = 0;
  /** Where the playhead stood when it was started. */
  #startedAtUs: Micros = 0;
  #folding = false;
  /** What was just done is to be said as soon as the line has been read. */
  #announces = false;
  #shownAt = 0;
  /** Where the link wanted to go, until the run is there. */
  #wantedUs: Micros | null = null;
  #wantedFact: FactId = 0;
  #wanted: Wanted | null = null;
  /** Shown as the first future; null when that is run like the others. */
  #recorded: RecordedTrace | null = null;
  readonly simulator: Simulator;

  readonly moment: Moment | null = $derived.by(() => {
    const run = this.#run;
    void this.#version;
    if (run === null) return null;
    const fact = Math.min(this.fact, run.reached);
    return { run, fact, timeUs: this.timeUs, topology: run.keyframes.seek(fact) };
  });

  constructor(workers: Workers, recall: Recall | null = null) {
    this.simulator = new Simulator(workers, (report) => this.#hear(report), recall);
  }

  /** The run that is shown; reading it follows its growth. */
  get run(): ShownRun | null {
    void this.#version;
    return this.#run;
  }

  get scenario(): Scenario | null {
    return this.#run?.scenario ?? null;
  }

  get endUs(): Micros {
    void this.#version;
    return this.#run?.trace.endedAtUs ?? 0;
  }

  get factCount(): number {
    void this.#version;
    return this.#run?.trace.count ?? 0;
  }

  // What runs

  open(name: string, text: string, options: OpenOptions = {}): void {
    this.name = name;
    this.original = text;
    this.lanes = null;
    this.underProblem = '';
    this.message = 0;
    this.inspected = null;
    this.grading = null;
    this.series = null;
    this.#wantedUs = options.timeUs ?? null;
    this.futures = [];
    this.#futuresMade = 0;
    this.bookmarks = [];
    const { seed = null, sets = [], under = null, changes = [] } = options;
    this.#recorded = options.recorded ?? null;
    this.#wanted = options.wanted ?? null;
    this.#act('open', 'as it was opened', { source: text, seed, sets, changes, under }, 0, 0);
    this.timeUs = 0;
    this.fact = 0;
  }

  setSeed(text: string): void {
    const seed = text.trim() === '' ? null : text.trim();
    this.#act('seed', seed === null ? "the file's own seed" : `seed ${seed}`, { ...this.recipe, seed });
  }

  /** Runs the same file under another broker. */
  setUnder(under: string): void {
    this.#act('broker', `under ${under}`, { ...this.recipe, under });
  }

  /** Runs on another seed, and shows a fact of that run. */
  openSeed(seed: string, fact: FactId): void {
    this.#wantedFact = fact;
    this.#act('seed', `seed ${seed}`, { ...this.recipe, seed }, 0, 0);
  }

  /** Turns knobs: `path=value` each, all that are not as in the file. */
  turn(sets: readonly string[]): void {
    this.grading = null;
    const what = sets.length === 0 ? 'all knobs as in the file' : sets.join(', ');
    this.#act('knob', what, { ...this.recipe, sets });
  }

  /** Adds a line to the timeline, at the moment that it names or at the playhead. */
  intervene(line: TimelineLine): void {
    const recipe = { ...this.recipe, changes: [...this.changes, line] };
    const { timeUs } = this;
    const at = parseDuration(String(line['at'] ?? '')) ?? timeUs;
    this.#announces = true;
    // A line about a hop that is on its way stands where the hop was sent; any other just after the present, where what it does is seen at once.
    this.#act(
      'line',
      lineText(line),
      recipe,
      Math.min(timeUs, at),
      at <= timeUs + SOON_US ? Math.max(timeUs, at) : timeUs,
    );
  }

  /** Takes back the added line of that position. */
  undo(index: number): void {
    const line = this.changes[index];
    if (line === undefined) return;
    const changes = this.changes.filter((_, i) => i !== index);
    this.spoken = `Undone: ${lineText(line)}. That future is kept.`;
    this.#act('undo', `without ${lineText(line)}`, { ...this.recipe, changes });
  }

  /** Puts another text in the place of the whole file; knobs and added lines are taken to be in it. A text that is no scenario leaves the run that is shown. */
  edit(text: string): void {
    if (text === this.text && text === this.source) return;
    this.#act('edit', 'the file was edited', { ...this.recipe, source: text, sets: [], changes: [] });
  }

  /** Shows a future that was made before, at the present moment. */
  returnTo(id: number): void {
    const future = this.futures.find((one) => one.id === id);
    if (future === undefined || id === this.future) return;
    this.spoken = `Returned to: ${future.what}.`;
    this.#take(future, this.timeUs);
  }

  /** Drops a future that is not shown. */
  forget(id: number): void {
    if (id !== this.future) this.futures = this.futures.filter((one) => one.id !== id);
  }

  /** What the shown run is made from. */
  get recipe(): Recipe {
    const { source, seed, sets, changes, under } = this;
    return { source, seed, sets, changes, under };
  }

  stop(): void {
    this.simulator.stop();
  }

  grade(): void {
    this.grading = { done: 0, all: 0, grades: [], problem: '' };
    this.simulator.grade(this.file, this.source, this.sets);
  }

  // Where the playhead is

  /** Marks the present moment, or takes its mark away. */
  toggleBookmark(): void {
    const at = Math.floor(this.timeUs);
    const others = this.bookmarks.filter((one) => one !== at);
    this.bookmarks = others.length < this.bookmarks.length ? others : [...others, at].sort((a, b) => a - b);
  }

  goToFact(fact: FactId): void {
    this.#wantedUs = null;
    const trace = this.#run?.trace;
    if (trace === undefined) return;
    this.fact = Math.max(0, Math.min(fact, trace.count));
    this.timeUs = this.fact === 0 ? 0 : trace.time(this.fact);
  }

  /** What the run has not come to yet is gone to as soon as it has. */
  goToTime(time: Micros): void {
    this.#wantedUs = this.running && time > this.endUs ? time : null;
    this.#moveTo(time);
  }

  #moveTo(time: Micros): void {
    const trace = this.#run?.trace;
    if (trace === undefined) return;
    this.timeUs = Math.max(0, Math.min(time, trace.endedAtUs));
    this.fact = trace.lastAt(this.timeUs);
  }

  /** 0 lets go of everything. */
  select(message: MessageId): void {
    this.message = message;
    this.inspected = null;
  }

  /** The thing or message that is selected; null for nothing. */
  get selected(): Thing | null {
    return this.inspected ?? (this.message === 0 ? null : { type: 'message', id: this.message, hop: 0 });
  }

  inspect(what: Inspected): void {
    this.inspected = what;
  }

  /** Facts that prove a broken claim, in order. */
  readonly violations: readonly FactId[] = $derived(
    this.judgement.verdicts
      .flatMap(({ verdict, witness }) => (verdict === 'violated' ? witness.slice(-1) : []))
      .sort((a, b) => a - b),
  );

  /** Says something to those who listen. The same said twice is heard twice, so it must not be the same text. */
  say(text: string): void {
    this.spoken = text !== '' && text === this.spoken ? `${text}\u00a0` : text;
  }

  /** Says the present fact to those who listen. */
  speak(): void {
    if (this.#run !== null && this.fact > 0) this.say(factWords(this.#run, this.fact));
  }

  /** As it is named in diagnostics. */
  get file(): string {
    return this.name === '' ? 'scenario.yaml' : `${this.name}.yaml`;
  }

  /** A new future, unless there is one of the same recipe. */
  #act(kind: ActKind, what: string, recipe: Recipe, atUs: Micros = 0, keepUs: Micros = this.timeUs): void {
    this.actProblem = '';
    const old = this.futures.find((one) => sameRecipe(one.recipe, recipe));
    if (old !== undefined) return this.#take(old, keepUs);
    const now = this.futures.find(({ id }) => id === this.future);
    const replaces = now !== undefined && isReplacedBy(this.futures, now, kind);
    this.#futuresMade++;
    const id = this.#futuresMade;
    const parent = replaces ? now.parent : (now?.id ?? 0);
    const future: Future = { id, parent, kind, what, atUs, recipe, outcome: null };
    const before = replaces ? this.futures.filter((one) => one !== now) : this.futures;
    this.futures = withFuture(before, future);
    this.#take(future, keepUs);
  }

  /** Says what an act has come to, in the words of the line itself. True when it could not be read: then all is as it was before. */
  #announce(scenario: Scenario | null): boolean {
    this.#announces = false;
    const now = this.futures.find(({ id }) => id === this.future);
    if (now === undefined) return false;
    const label = scenario?.timeline.at(-1)?.label;
    if (label !== undefined) {
      this.futures = this.futures.map((one) => (one === now ? { ...one, what: label } : one));
      this.spoken = `At ${seconds(now.atUs)}: ${label}. The old future is kept.`;
      return false;
    }
    const parent = this.futures.find(({ id }) => id === now.parent);
    const message = this.diagnostics.find(({ severity }) => severity === 'error')?.message ?? '';
    if (scenario !== null || parent === undefined || now.kind !== 'line') return false;
    this.actProblem = `This cannot be done: ${message}`;
    this.spoken = this.actProblem;
    this.futures = this.futures.filter((one) => one !== now);
    this.#take(parent, this.timeUs);
    return true;
  }

  #take({ id, recipe }: Future, keepUs: Micros): void {
    this.future = id;
    this.source = recipe.source;
    this.seed = recipe.seed;
    this.sets = recipe.sets;
    this.changes = recipe.changes;
    this.under = recipe.under;
    this.#start(keepUs);
  }

  /** How the shown future came out, as soon as it is known. */
  #conclude(run: ShownRun | null): void {
    if (run === null) return;
    const { verdicts, expectations, totals } = this.judgement;
    const broken =
      verdicts.filter(({ verdict, stated }) => verdict === 'violated' && stated !== 'violated').length +
      expectations.filter(({ holds }) => !holds).length;
    const { digest } = this;
    const outcome = { digest, endedAtUs: run.trace.endedAtUs, facts: run.trace.count, broken, totals };
    this.futures = this.futures.map((one) => (one.id === this.future ? { ...one, outcome } : one));
  }

  #start(keepUs: Micros): void {
    this.#keepUs = keepUs;
    this.#startedAtUs = this.timeUs;
    this.isRead = false;
    this.running = true;
    this.progress = 0;
    this.problem = '';
    this.judged = false;
    this.charted = false;
    const { source: text, seed, sets, changes: lines, under } = this;
    const recorded = this.future === FIRST ? this.#recorded : null;
    this.simulator.run({ file: this.file, text, seed, sets, lines, under, recorded });
  }

  #hear(report: Report): void {
    switch (report.type) {
      case 'parsed':
        this.diagnostics = report.diagnostics;
        this.text = report.text;
        this.isRead = true;
        this.knobStarts = report.knobStarts;
        this.lanes = report.under;
        this.underProblem = report.problem;
        if (report.problem !== '') this.under = null;
        if (this.#announces && this.#announce(report.scenario)) return;
        this.#coming = report.scenario === null ? null : new ShownRun(report.scenario);
        if (report.scenario === null) this.running = false;
        return;
      case 'part': {
        const run = this.#coming ?? this.#run;
        if (run === null) return;
        run.trace.give(report.part);
        run.digest = report.part.digest;
        this.progress = report.untilUs === 0 ? 1 : report.nowUs / report.untilUs;
        if (this.#coming !== null && report.nowUs >= this.#keepUs) this.#show(run);
        else if (this.#coming === null) this.#follow(run);
        this.#fold();
        return;
      }
      case 'ended':
        if (this.#coming !== null) this.#show(this.#coming);
        this.#fold();
        this.#wantedUs = null;
        this.running = false;
        this.ending = report.ending;
        this.digest = report.digest;
        return;
      case 'judged':
        this.judgement = report.judgement;
        this.judged = true;
        this.#conclude(this.#run);
        return;
      case 'charted':
        this.series = report.series;
        this.charted = true;
        return;
      case 'failed':
        this.isRead = true;
        this.running = false;
        this.problem = report.message;
        return;
      case 'graded':
        this.grading = report.grading;
        return;
      case 'digest':
      case 'answer':
      case 'lanes':
      case 'trace-read':
      case 'exported':
        return;
      default:
        report satisfies never;
    }
  }

  /** Makes a run the shown one, at the same moment. */
  #show(run: ShownRun): void {
    this.#coming = null;
    if (this.#run !== null) {
      this.inspected = sameThing(this.inspected, this.#run.trace, run.trace);
      this.message = sameMessage(this.message, this.#run.trace, run.trace);
    }
    this.#run = run;
    this.judgement = NOTHING;
    this.digest = '';
    this.#foldSlice(run);
    this.#version++;
    // Along to the moment of an act, unless somebody has gone elsewhere meanwhile.
    this.#wantedUs ??= this.timeUs === this.#startedAtUs ? Math.max(this.timeUs, this.#keepUs) : this.timeUs;
    this.#follow(run);
  }

  /** Goes where the link or the moment before the change was, as soon as the run is there. */
  #follow(run: ShownRun): void {
    this.#choose(run);
    if (this.#wantedFact > 0 && run.trace.count >= this.#wantedFact) {
      this.goToFact(this.#wantedFact);
      this.message = run.trace.messageOf(this.#wantedFact);
      this.#wantedFact = 0;
      return;
    }
    const wanted = this.#wantedUs;
    if (wanted === null) return;
    if (run.trace.endedAtUs >= wanted) this.#wantedUs = null;
    this.#moveTo(wanted);
  }

  /** Selects what the link wanted, as soon as it is there. */
  #choose({ trace }: ShownRun): void {
    if (this.#wanted === null) return;
    const { message, thing } = this.#wanted;
    const found = message === null ? 0 : messageOf(trace, message.producer, message.sequence);
    if (found !== 0) this.message = found;
    const things = thing?.type === 'actor' ? trace.actors : trace.places;
    const at = thing === null ? -1 : things.findIndex(({ kind, name }) => kind === thing.kind && name === thing.name);
    if (thing !== null && at > 0) this.inspected = { type: thing.type, id: at };
    this.#wanted = message === null || found !== 0 ? null : { message, thing: null };
  }

  /** Follows the trace with keyframes and index, and the panels with it: each a little at a time and in turns of its own, so that no frame is missed. */
  #fold(): void {
    if (this.#folding) return;
    this.#folding = true;
    const turn = (): void => {
      const run = this.#run;
      const isBehind = run !== null && run.reached < run.trace.count;
      const now = performance.now();
      if (now - this.#shownAt > SHOW_MS || (!isBehind && !this.running)) {
        this.#shownAt = now;
        this.#version++;
        this.#folding = isBehind;
      } else if (isBehind) this.#foldSlice(run);
      else this.#folding = false;
      if (this.#folding) setTimeout(turn, 0);
    };
    setTimeout(turn, 0);
  }

  #foldSlice(run: ShownRun): void {
    const until = performance.now() + FOLD_MS;
    do {
      run.reached = Math.min(run.trace.count, run.reached + FOLD_FACTS);
      run.keyframes.extend(run.reached);
      run.index.extend(FOLD_FACTS);
    } while (run.reached < run.trace.count && performance.now() < until);
  }
}

/** The thing of the same name in another run, where its number may be another; null when there is none. */
function sameThing(what: Inspected | null, before: Trace, now: Trace): Inspected | null {
  if (what === null) return null;
  const list = (trace: Trace): readonly { readonly id: number; readonly name: string; readonly kind: string }[] =>
    what.type === 'actor' ? trace.actors : trace.places;
  const old = list(before)[what.id];
  const found = list(now).find(({ name, kind }) => name === old?.name && kind === old.kind);
  return found === undefined ? null : { ...what, id: found.id };
}

/** The message of the same producer and place there in another run, where its number may be another; 0 when it has not been made. */
function sameMessage(id: MessageId, before: Trace, now: Trace): MessageId {
  if (id === 0) return 0;
  const { producer, sequence } = before.message(id);
  const name = before.actorName(producer);
  const isSame =
    id <= now.messageCount && now.message(id).sequence === sequence && now.actorName(now.message(id).producer) === name;
  return isSame ? id : messageOf(now, name, sequence);
}

/** The message of that place at that producer; 0 when it has not been made. */
function messageOf(trace: Trace, producer: string, sequence: number): MessageId {
  for (let id = 1; id <= trace.messageCount; id++) {
    const message = trace.message(id);
    if (message.sequence === sequence && trace.actorName(message.producer) === producer) return id;
  }
  return 0;
}

export const [getLab, setLab] = createContext<Lab>();
