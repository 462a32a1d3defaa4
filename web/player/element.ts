/**
 * `<queuelab-player>`: a scenario that can be watched, stepped and scrubbed in any other page. The element reads its attributes, finds the text, begins when the
 * reader comes near, stands still while nobody looks, and tells the page what happens by events. It never throws at that page: whatever is wrong is said inside
 * the element and by `queuelab-problem`. `docs/embedding.md` is its documentation.
 */
import './base.css';
import '../ui/tokens.css';
import { mount, unmount } from 'svelte';
import { prefersReducedMotion } from 'svelte/motion';
import type { Micros } from '../../core/types.ts';
import { toldSentence } from '../../sim/folds/told.ts';
import type { Live } from '../obey.ts';
import type { ShownVerdict } from '../protocol.ts';
import { readClock } from '../stage/describe.ts';
import { CONTROLS, Embed } from './embed.svelte.ts';
import Frame from './Frame.svelte';
import { PANEL_NAMES, readPanels } from './panels.ts';
import { unwatch, watch } from './sight.ts';
import { pool } from './start-worker.ts';
import { dedent, type Found, find } from './texts.ts';

/** All styles of the player, put here by the build; a sheet made from them is shared by all players. */
const STYLES = '__QUEUELAB_STYLES__';

/** What came out of a run. Also the detail of `queuelab-ready`. */
export interface RunOutcome {
  /** The same scenario, seed and version give the same one anywhere. */
  readonly digest: string;
  readonly seed: string;
  readonly facts: number;
  readonly endUs: Micros;
  readonly verdicts: readonly Pick<ShownVerdict, 'claim' | 'scope' | 'verdict' | 'sentence'>[];
}

/** The detail of `queuelab-moment`. */
export interface MomentDetail {
  /** Virtual time at the playhead, µs. */
  readonly timeUs: Micros;
  /** Number of the fact that happened last; 0 before the first. */
  readonly fact: number;
  /** It as a sentence; '' before the first. */
  readonly sentence: string;
  readonly playing: boolean;
}

/** The detail of `queuelab-problem`. */
export interface ProblemDetail {
  readonly message: string;
  /** What is wrong with the scenario, by place; empty when it is something else. */
  readonly diagnostics: readonly {
    readonly line: number;
    readonly column: number;
    readonly path: string;
    readonly message: string;
    readonly expected: string;
    readonly hint: string;
  }[];
}

const ATTRIBUTES = [
  'scenario',
  'seed',
  'at',
  'play',
  'speed',
  'panels',
  'under',
  'set',
  'theme',
  'height',
  'controls',
  'app',
] as const;
type Attribute = (typeof ATTRIBUTES)[number];

/** Those that make another run. */
const OF_THE_RUN: ReadonlySet<Attribute> = new Set<Attribute>(['seed', 'under', 'set']);

const PROPERTIES = ['scenario', 'seed', 'at', 'under', 'panels', 'theme', 'controls', 'yaml', 'timeUs'] as const;

/** Where this script is; the app stands one folder above it. */
const HERE = import.meta.url;
const BESIDE = new URL('../index.html', HERE).href;

let sheet: CSSStyleSheet | null = null;

function sharedSheet(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
  }
  return sheet;
}

export class QueuelabPlayer extends HTMLElement {
  static readonly observedAttributes: readonly Attribute[] = ATTRIBUTES;

  readonly #embed = new Embed();
  readonly #ownSheet = new CSSStyleSheet();
  /** The text between the tags may come, or change, later. */
  readonly #children = new MutationObserver(() => {
    if (this.#given === null && !this.hasAttribute('scenario')) void this.#load();
  });
  #frame: ReturnType<typeof mount> | null = null;
  /** A text that a script gave; it goes before the attribute and before what is between the tags. */
  #given: string | null = null;
  #text = '';
  /** Grows with each text that is wanted, so that one which comes late does not take the place of a newer one. */
  #wanted = 0;
  #isNear = false;
  #isSeen = false;
  /** Where the next run is shown first; null for what `at` says. */
  #startUs: Micros | null = null;
  /** It plays as soon as the run has been made. */
  #plays = false;
  /** Of `run`. */
  #waiting: ((outcome: RunOutcome | null) => void)[] = [];
  /** What is wrong with attributes, by attribute. */
  readonly #wrong = new Map<Attribute, string>();

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sharedSheet(), this.#ownSheet];
  }

  connectedCallback(): void {
    if (this.#frame !== null) return;
    this.#adoptProperties();
    for (const name of ATTRIBUTES) this.#apply(name);
    if (this.shadowRoot === null) return;
    this.#frame = mount(Frame, {
      target: this.shadowRoot,
      props: {
        embed: this.#embed,
        onready: () => this.#ready(),
        onmoment: () => this.#moment(),
        onproblem: () => this.#labProblem(),
      },
    });
    this.#children.observe(this, { childList: true, characterData: true, subtree: true });
    watch(this, { comesNear: () => this.#begin(), isSeen: (seen) => this.#see(seen) });
    if (this.#isNear) void this.#load();
  }

  disconnectedCallback(): void {
    // What is only moved to another place is connected again at once, and goes on.
    queueMicrotask(() => {
      if (!this.isConnected) this.#end();
    });
  }

  attributeChangedCallback(name: Attribute, before: string | null, now: string | null): void {
    if (before === now || this.#frame === null) return;
    this.#apply(name);
    if (name === 'scenario') {
      this.#given = null;
      this.#startUs = null;
      void this.#load();
    } else if (OF_THE_RUN.has(name)) this.#rerun();
    else if (name === 'at' && now !== null && readClock(now) !== null) this.seek(now);
    else if (name === 'play' && now !== null && !prefersReducedMotion.current) this.play();
    else if (name === 'play' && now === null) this.pause();
  }

  // Attributes as properties

  get scenario(): string {
    return this.getAttribute('scenario') ?? '';
  }
  set scenario(value: string) {
    this.setAttribute('scenario', value);
  }

  get seed(): string | null {
    return this.getAttribute('seed');
  }
  set seed(value: string | null) {
    this.#reflect('seed', value);
  }

  get at(): string {
    return this.getAttribute('at') ?? '';
  }
  set at(value: string) {
    this.setAttribute('at', value);
  }

  get under(): string | null {
    return this.getAttribute('under');
  }
  set under(value: string | null) {
    this.#reflect('under', value);
  }

  get panels(): string {
    return this.getAttribute('panels') ?? '';
  }
  set panels(value: string) {
    this.setAttribute('panels', value);
  }

  get theme(): string {
    return this.getAttribute('theme') ?? 'auto';
  }
  set theme(value: string) {
    this.setAttribute('theme', value);
  }

  get controls(): string {
    return this.getAttribute('controls') ?? 'all';
  }
  set controls(value: string) {
    this.setAttribute('controls', value);
  }

  /** The scenario's text, as it was found or given; '' before that. Giving one runs it in place of what the attribute names. */
  get yaml(): string {
    return this.#text;
  }
  set yaml(text: string) {
    this.#given = String(text);
    this.#text = this.#given;
    this.#startUs = null;
    void this.#load();
  }

  // What is shown

  /** Virtual time at the playhead. */
  get timeUs(): Micros {
    return this.#embed.live?.lab.timeUs ?? this.#firstUs;
  }
  set timeUs(value: Micros) {
    this.seek(value);
  }

  /** Virtual time at which the run ended; so far, while it is being made. */
  get endUs(): Micros {
    return this.#embed.live?.lab.endUs ?? 0;
  }

  get fact(): number {
    return this.#embed.live?.lab.fact ?? 0;
  }

  get facts(): number {
    return this.#embed.live?.lab.factCount ?? 0;
  }

  get playing(): boolean {
    return this.#embed.live?.player.playing ?? false;
  }

  /** Of the shown run; '' until it has been made. */
  get digest(): string {
    return this.#embed.live?.lab.digest ?? '';
  }

  // Verbs

  /** Plays from the playhead, or from the start when it is at the end. Out of sight it waits until it is seen; with reduced motion it goes in steps. */
  play(): void {
    this.#plays = true;
    this.#begin();
    if (this.#isMade) this.#playOn();
  }

  pause(): void {
    this.#plays = false;
    this.#embed.live?.player.pause();
  }

  /** Goes to a time and stands there: text like `19.4s` or `0:19.4`, or a number of µs. What is no time is told as a problem; the end is the latest. */
  seek(time: string | Micros): void {
    const timeUs = typeof time === 'number' ? Math.round(time) : readClock(String(time));
    if (timeUs === null || !Number.isFinite(timeUs)) {
      this.#tell({ message: noTime(String(time)), diagnostics: [] });
      return;
    }
    this.pause();
    this.#startUs = Math.max(0, timeUs);
    this.#embed.live?.lab.goToTime(this.#startUs);
  }

  /** Runs a text, or once more what there is, in sight or not. Answers with what came out when it has been judged; with null when it cannot be run. */
  run(yaml?: string): Promise<RunOutcome | null> {
    if (this.#frame === null) return Promise.resolve(null);
    if (yaml !== undefined) {
      this.#given = String(yaml);
      this.#startUs = null;
    }
    this.#isNear = true;
    const outcome = new Promise<RunOutcome | null>((resolve) => {
      this.#waiting.push(resolve);
    });
    void this.#load();
    return outcome;
  }

  // How it goes on

  #begin(): void {
    if (this.#isNear || this.#frame === null) return;
    this.#isNear = true;
    this.#makeLive();
    void this.#load();
  }

  #end(): void {
    this.#children.disconnect();
    unwatch(this);
    this.#wanted++;
    this.#startUs = this.timeUs;
    this.#plays = this.playing;
    this.#isNear = false;
    this.#isSeen = false;
    this.#embed.end();
    this.#answer(null);
    if (this.#frame !== null) void unmount(this.#frame);
    this.#frame = null;
  }

  #see(seen: boolean): void {
    this.#isSeen = seen;
    const player = this.#embed.live?.player;
    if (seen) player?.release();
    else player?.hold();
  }

  #makeLive(): Live {
    const live = this.#embed.begin(pool);
    if (!this.#isSeen) live.player.hold();
    live.player.speedChosen = this.#speed;
    return live;
  }

  /** Finds the text and runs it; nothing is fetched before somebody comes near. */
  async #load(): Promise<void> {
    if (!this.#isNear) return;
    this.#wanted++;
    const mine = this.#wanted;
    const { name, text, problem } = await this.#find();
    if (mine !== this.#wanted) return;
    this.#text = text;
    this.#say('scenario', problem);
    if (problem !== '') {
      this.#embed.end();
      this.#answer(null);
      return;
    }
    const live = this.#embed.live ?? this.#makeLive();
    this.#plays ||= this.hasAttribute('play') && !prefersReducedMotion.current;
    this.#open(live, name, text, this.#firstUs);
  }

  #find(): Promise<Found> | Found {
    if (this.#given !== null) return { name: '', text: this.#given, problem: '' };
    if (this.scenario !== '') return find(this.scenario.trim());
    const inside = this.querySelector(':scope > script[type="text/yaml"]')?.textContent ?? '';
    const problem =
      inside.trim() === ''
        ? 'This player has no scenario. Name one in its attribute "scenario", or put one between its tags, in a <script type="text/yaml">.'
        : '';
    return { name: '', text: dedent(inside), problem };
  }

  /** The same text with other settings, at the same moment. */
  #rerun(): void {
    const { live } = this.#embed;
    if (live === null || this.#text === '') return;
    const { name, timeUs } = live.lab;
    this.#plays = live.player.playing;
    this.#open(live, name, this.#text, timeUs);
  }

  #open({ lab, player, panels }: Live, name: string, text: string, timeUs: Micros): void {
    player.pause();
    panels.forgetActors();
    const sets = (this.getAttribute('set') ?? '').split(/[;\n]/).map((set) => set.trim());
    lab.open(name, text, {
      seed: this.seed,
      under: this.under,
      sets: sets.filter((set) => set !== ''),
      timeUs,
    });
  }

  get #firstUs(): Micros {
    return this.#startUs ?? readClock(this.at) ?? 0;
  }

  /** The run has been made and judged. */
  get #isMade(): boolean {
    const lab = this.#embed.live?.lab;
    return lab !== undefined && !lab.running && lab.judged;
  }

  #playOn(): void {
    this.#plays = false;
    this.#embed.live?.player.play();
  }

  // What the page around is told

  #ready(): void {
    const lab = this.#embed.live?.lab;
    if (lab === undefined) return;
    const verdicts = lab.judgement.verdicts.map(({ claim, scope, verdict, sentence }) => ({
      claim,
      scope,
      verdict,
      sentence,
    }));
    const seed = lab.seed ?? lab.scenario?.seed ?? '';
    const outcome: RunOutcome = { digest: lab.digest, seed, facts: lab.factCount, endUs: lab.endUs, verdicts };
    this.#startUs = null;
    this.#answer(outcome);
    this.#dispatch('queuelab-ready', outcome);
    if (this.#plays) this.#playOn();
  }

  #moment(): void {
    const { live } = this.#embed;
    if (live === null || live.lab.run === null) return;
    const { timeUs, fact, run } = live.lab;
    const sentence = fact > 0 && fact <= run.trace.count ? toldSentence(run.trace, run.scenario, fact) : '';
    this.#dispatch('queuelab-moment', { timeUs, fact, sentence, playing: live.player.playing } satisfies MomentDetail);
  }

  /** The lab cannot run what it was given, or not as it was asked to. */
  #labProblem(): void {
    const lab = this.#embed.live?.lab;
    if (lab === undefined) return;
    const errors = lab.diagnostics.filter(({ severity }) => severity === 'error');
    const message = lab.problem || errors[0]?.message || lab.underProblem;
    this.#tell({
      message,
      diagnostics: errors.map(({ line, column, path, message, expected, hint }) => ({
        line,
        column,
        path,
        message,
        expected,
        hint,
      })),
    });
    if (lab.problem !== '' || errors.length > 0) this.#answer(null);
  }

  /** Something is wrong with an attribute, or nothing is any more. */
  #say(name: Attribute, message: string): void {
    if (message === (this.#wrong.get(name) ?? '')) return;
    if (message === '') this.#wrong.delete(name);
    else this.#wrong.set(name, message);
    this.#embed.told.problem = [...this.#wrong.values()].join(' ');
    if (message !== '') this.#tell({ message, diagnostics: [] });
  }

  #tell(detail: ProblemDetail): void {
    this.#dispatch('queuelab-problem', detail);
  }

  #answer(outcome: RunOutcome | null): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(outcome);
  }

  #dispatch(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  // What attributes say

  #apply(name: Attribute): void {
    const value = this.getAttribute(name);
    const embed = this.#embed;
    switch (name) {
      case 'theme':
        embed.theme.chosen = value === 'light' || value === 'dark' ? value : null;
        return;
      case 'panels': {
        const { panels, unknown } = readPanels(value ?? '');
        embed.names = panels;
        const known = PANEL_NAMES.map((panel) => panel.toLowerCase()).join(', ');
        this.#say(name, unknown.length === 0 ? '' : `There is no panel "${unknown[0]}"; there are ${known}.`);
        return;
      }
      case 'controls': {
        const controls = CONTROLS.find((one) => one === (value ?? 'all'));
        embed.controls = controls ?? 'all';
        this.#say(name, controls === undefined ? `Controls are ${CONTROLS.join(', ')}, not "${value}".` : '');
        return;
      }
      case 'height': {
        const length = value === null || !/^\d+$/.test(value.trim()) ? (value?.trim() ?? '') : `${value.trim()}px`;
        const isLength = CSS.supports('height', length);
        embed.isSized = isLength;
        this.#ownSheet.replaceSync(isLength ? `:host { height: ${length}; }` : '');
        this.#say(name, isLength || value === null ? '' : `"${value}" is no height; it would be like 480 or 60vh.`);
        return;
      }
      case 'speed': {
        const isSpeed = this.#speed !== null;
        if (embed.live !== null) embed.live.player.speedChosen = this.#speed;
        this.#say(
          name,
          isSpeed || value === null ? '' : `"${value}" is no speed; it would be like 0.05, a twentieth of real time.`,
        );
        return;
      }
      case 'at':
        this.#say(name, value === null || readClock(value) !== null ? '' : noTime(value));
        return;
      case 'app':
        embed.app = value === null ? BESIDE : (addressOf(value) ?? '');
        return;
      case 'scenario':
      case 'seed':
      case 'under':
      case 'set':
      case 'play':
        return;
      default:
        name satisfies never;
    }
  }

  /** Virtual µs a ms; null for the run's own default. */
  get #speed(): number | null {
    const rate = Number(this.getAttribute('speed') ?? Number.NaN);
    return rate > 0 && rate <= 100_000 ? rate * 1000 : null;
  }

  #reflect(name: Attribute, value: string | null): void {
    if (value === null) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }

  /** A page may have set properties before the script came; they would hide those of the class. */
  #adoptProperties(): void {
    for (const name of PROPERTIES) {
      if (!Object.hasOwn(this, name)) continue;
      const value: unknown = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }
}

function noTime(text: string): string {
  return `"${text.slice(0, 40)}" is no time; it would be like 19.4s.`;
}

/** Only what a link may lead to; null for anything else. */
function addressOf(text: string): string | null {
  if (text.trim() === '' || !URL.canParse(text, document.baseURI)) return null;
  const { protocol, href } = new URL(text, document.baseURI);
  return protocol === 'https:' || protocol === 'http:' ? href : null;
}

if (customElements.get('queuelab-player') === undefined) customElements.define('queuelab-player', QueuelabPlayer);
