/**
 * Where things are in a trace, gathered once while it arrives: facts that the log shows, stops of "next notable fact", beats that playing slows down
 * for, hops that were lost, and how long hops take. Grows with the trace; every question afterwards is a binary search.
 */
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../core/types.ts';
import { harms, isLostHop } from '../sim/folds/told.ts';
import type { TimelineAction, TimelineEntry } from '../sim/scenario/types.ts';
import { RIGHT } from '../sim/skew.ts';
import type { Trace } from '../sim/trace.ts';
import { F, FACT_NAMES, FACTS } from '../sim/vocabulary.ts';

/** A list of rising numbers that grows without copying each time. */
export class Numbers {
  length = 0;
  #values = new Float64Array(1024);

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Float64Array(this.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index] as number;
  }

  replaceLast(value: number): void {
    this.#values[this.length - 1] = value;
  }

  /** How many are at most `value`. */
  countUpTo(value: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#values[middle] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What the timeline shows of a run: a stretch in which somebody was not as usual, or a moment at which something was done. */
export interface Span {
  readonly kind: 'stretch' | 'moment';
  /** Something was wrong; what is shut down, set or sent in good order is no fault. */
  readonly isFault: boolean;
  readonly fromUs: Micros;
  /** Null while it lasts. */
  toUs: Micros | null;
  readonly label: string;
  readonly fact: FactId;
  /** Whom it concerns alone; 0 for everybody. */
  readonly actor: ActorId;
}

/** A transaction of a producer, as far as it is known how it ended. */
export interface Txn {
  /** The fact that decides it; 0 while none does. */
  end: FactId;
  aborted: boolean;
}

/** How a line of the scenario's timeline is drawn: over its time, as a mark, or not at all because the actor's own facts show it. */
export interface LineLook {
  readonly label: string;
  readonly as: 'stretch' | 'moment' | 'nothing';
  readonly harms: boolean;
}

/** By index of the line. */
export function lineLooks(timeline: readonly TimelineEntry[]): readonly LineLook[] {
  return timeline.map(({ action, label }) => ({ label, as: lookOf(action), harms: harms(action) }));
}

function lookOf(action: TimelineAction): LineLook['as'] {
  switch (action.type) {
    case 'crash':
    case 'restart':
    case 'pause':
    case 'slow':
    case 'skew':
    case 'fill':
    case 'free':
    case 'stop':
    case 'heal':
      return 'nothing';
    case 'split':
    case 'burst':
      return 'stretch';
    case 'interfere':
      return action.forUs === null ? 'moment' : 'stretch';
    default:
      return 'moment';
  }
}

/** How the keys of open stretches begin that are about one process. */
const OF_ACTORS = ['down', 'paused', 'slow', 'skewed', 'full'];

const LOUD = 1;
const NOTABLE = 2;
const TONES = FACT_NAMES.map((name) => {
  if (name === '') return 0;
  const { tone } = FACTS[name];
  return tone === 'quiet' ? 0 : tone === 'normal' ? LOUD : LOUD | NOTABLE;
});
const DEPARTURES: ReadonlySet<number> = new Set([
  F.expired,
  F.evicted,
  F.lost,
  F.unroutable,
  F.shed,
  F['gave-up'],
  F.rejected,
  F.skipped,
]);
/** While a run sets itself up, before the first message is handed to anybody, these are no events: everybody joins, and each partition gets its first leader. */
const SETTING_UP: ReadonlySet<number> = new Set([
  F.joined,
  F.subscribed,
  F['rebalance-begun'],
  F.assigned,
  F.elected,
  F['isr-changed'],
]);
/** Each of these counts alone, also beside others of its kind. */
const SINGLE: ReadonlySet<number> = new Set([F['alert-raised'], F['alert-cleared']]);
/** Hops whose length is sampled for the speed of playing. */
const SAMPLES = 2_000;
/** A quiet stretch takes at most so long on the wall. */
export const QUIET_MS = 700;
/** One hop takes about this long at the default speed. */
const HOP_MS = 400;
/** What was wrong is remembered so often; a picture of the whole run has room for the first few hundred. */
const SPANS_MAX = 20_000;
const SPANS_SHOWN = 400;

export class FactsIndex {
  readonly trace: Trace;
  /** Facts that the log shows. */
  readonly loud = new Numbers();
  /** Faults, redeliveries, dead letters, elections and the like. */
  readonly notable = new Numbers();
  /** Facts that something is to be seen of: loud ones, and hops with a message. */
  readonly beats = new Numbers();
  /** Hops of messages that never arrived. */
  readonly lostHops = new Numbers();
  /** Messages that went from one queue to another: dead-lettered, or moved back. */
  readonly transfers = new Numbers();
  /** Facts of messages that were refused, or left for good without having been worked on. */
  readonly departures = new Numbers();
  /** Messages that were lost for good, by the place that lost them; 0 for those lost elsewhere. */
  readonly losses = new Map<PlaceId, Numbers>();
  readonly spans: Span[] = [];
  /** By message that was delayed: where its delay is over. */
  readonly #delaysOver = new Map<MessageId, FactId[]>();
  /** Settings that the timeline changed. */
  readonly changes: FactId[] = [];
  done: FactId = 0;

  /** By message that was stored within one: its transaction. */
  readonly txns = new Map<MessageId, Txn>();
  readonly #openTxns = new Map<ActorId, Txn>();
  /** Messages that each producer makes in all, by its number. */
  readonly made = new Map<ActorId, number>();

  readonly #lines: readonly LineLook[];
  /** Per message-carrying hop: its fact, and when the last one so far arrives. */
  readonly #hops = new Numbers();
  readonly #arrivals = new Numbers();
  #latestArrival: Micros = 0;
  readonly #samples: number[] = [];
  #median: { readonly of: number; readonly us: Micros } = { of: 0, us: 0 };
  readonly #open = new Map<string, Span>();
  /** Somebody was handed a message. */
  #isSetUp = false;
  #busyUs = 0;
  #quietUs: number[] = [];

  constructor(trace: Trace, lines: readonly LineLook[]) {
    this.trace = trace;
    this.#lines = lines;
  }

  /** Looks at up to `limit` more facts; true while there are more. */
  extend(limit: number): boolean {
    const { trace } = this;
    const end = Math.min(trace.count, this.done + limit);
    for (let id = this.done + 1; id <= end; id++) this.#see(id);
    this.done = end;
    return end < trace.count;
  }

  /** Until when some message is on its way, as known at a fact. */
  busyUntil(fact: FactId): Micros {
    const n = this.#hops.countUpTo(fact);
    return n === 0 ? 0 : this.#arrivals.at(n - 1);
  }

  /** When the delay of a message in a place ends, as the rest of the run tells it; 0 where that is not known. */
  delayedUntil(message: MessageId, place: PlaceId, fact: FactId): Micros {
    const over = this.#delaysOver.get(message)?.find((id) => id > fact && this.trace.place(id) === place) ?? 0;
    return over === 0 ? 0 : this.trace.time(over);
  }

  #delayOver(message: MessageId, id: FactId): void {
    const ids = this.#delaysOver.get(message);
    if (ids === undefined) this.#delaysOver.set(message, [id]);
    else ids.push(id);
  }

  /** For a picture of the whole run. */
  get firstSpans(): readonly Span[] {
    return this.spans.length <= SPANS_SHOWN ? this.spans : this.spans.slice(0, SPANS_SHOWN);
  }

  /** Time of the next fact that something is to be seen of; null when there is none. */
  nextBeat(fact: FactId): Micros | null {
    const n = this.beats.countUpTo(fact);
    return n < this.beats.length ? this.trace.time(this.beats.at(n)) : null;
  }

  /** Median length of a hop in µs; 0 when no hop takes time. */
  get hopUs(): Micros {
    const of = this.#samples.length;
    if (this.#median.of !== of) {
      const sorted = this.#samples.slice().sort((a, b) => a - b);
      this.#median = { of, us: sorted[of >> 1] ?? 0 };
    }
    return this.#median.us;
  }

  /** The speed at which a hop takes 400 ms; 0 when no hop takes time. */
  get hopSpeed(): number {
    return this.hopUs / HOP_MS;
  }

  /**
   * Virtual µs in a millisecond of watching: a hop takes 400 ms, unless the whole run would then take more than a quarter of an hour; such a run is
   * played in about four minutes.
   */
  defaultSpeed(durationUs: Micros): number {
    const hop = this.hopUs;
    if (hop === 0) return Math.max(1, durationUs / 60_000);
    const speed = hop / HOP_MS;
    let quietMs = 0;
    for (const gap of this.#quietUs) quietMs += Math.min(QUIET_MS, gap / speed);
    const wallMs = this.#busyUs / speed + quietMs;
    return wallMs < 900_000 ? speed : Math.max(speed, durationUs / 240_000);
  }

  #see(id: FactId): void {
    const { trace } = this;
    const kind = trace.kind(id);
    const time = trace.time(id);
    const isAgain = kind === F.delivered && trace.detail(id) > 1;
    const tone = isAgain ? LOUD | NOTABLE : (TONES[kind] as number);
    if (kind === F.delivered) this.#isSetUp = true;
    else if (kind === F.produced) this.made.set(trace.actor(id), (this.made.get(trace.actor(id)) ?? 0) + 1);
    const isTransfer = kind === F['dead-lettered'] || kind === F.redriven;
    const isHop = (kind === F.sent || isTransfer) && trace.messageOf(id) !== 0;
    if (isTransfer) this.transfers.push(id);
    else if (DEPARTURES.has(kind)) this.departures.push(id);
    if (tone & LOUD) this.loud.push(id);
    if (tone & NOTABLE && this.#isStop(kind, id)) this.#stop(kind, id, time);
    if (tone & LOUD || isHop) {
      if (time > this.#latestArrival && this.#quietUs.length < 100_000) this.#quietUs.push(time - this.#latestArrival);
      if (time > this.#latestArrival) this.#latestArrival = time;
      this.beats.push(id);
    }
    if (isHop) {
      // Within a broker a message changes its queue at once; it is shown as a hop like any other.
      const length = isTransfer ? this.hopUs : trace.value(id);
      const arrival = time + length;
      if (!isTransfer && this.#samples.length < SAMPLES && length > 0) this.#samples.push(length);
      if (arrival > this.#latestArrival) {
        this.#busyUs += arrival - this.#latestArrival;
        this.#latestArrival = arrival;
      }
      if (!isTransfer && isLostHop(trace, id)) {
        // What a network swallows is the story itself, though a hop that arrives is none.
        this.lostHops.push(id);
        this.loud.push(id);
        this.#stop(kind, id, time);
      }
      this.#hops.push(id);
      this.#arrivals.push(this.#latestArrival);
    }
    if (kind === F['txn-begun']) this.#openTxns.set(trace.actor(id), { end: 0, aborted: false });
    else if (this.#openTxns.size > 0) this.#seeTxn(kind, id);
    if (kind === F['became-visible']) this.#delayOver(trace.messageOf(id), id);
    if (kind === F.changed) this.changes.push(id);
    if (tone & NOTABLE) this.#span(kind, id, time, trace.actor(id));
  }

  /** While some transaction is open: what is stored in it, and how it ends. */
  #seeTxn(kind: number, id: FactId): void {
    const { trace } = this;
    if (kind === F.appended) {
      const message = trace.messageOf(id);
      const open = message === 0 ? undefined : this.#openTxns.get(trace.message(message).producer);
      if (open !== undefined) this.txns.set(message, open);
    } else if (kind === F['txn-committed'] || kind === F['txn-aborted']) {
      const open = this.#openTxns.get(trace.peer(id));
      if (open === undefined) return;
      open.end = id;
      open.aborted = kind === F['txn-aborted'];
      this.#openTxns.delete(trace.peer(id));
    }
  }

  /** Whether "next notable" stops there. */
  #isStop(kind: number, id: FactId): boolean {
    if (!this.#isSetUp && SETTING_UP.has(kind)) return false;
    // The line is told by what it does to those whom it names.
    if (kind === F['fault-begun']) return this.#lines[this.trace.value(id)]?.as !== 'nothing';
    // Who only asks whether there is something asks again and again.
    return kind !== F.unreachable || this.trace.messageOf(id) !== 0;
  }

  /** What happens to many at once is one stop: where it has happened to all of them. */
  #stop(kind: number, id: FactId, time: Micros): void {
    const { notable, trace } = this;
    const last = notable.length === 0 ? 0 : notable.at(notable.length - 1);
    const isSame = last !== 0 && trace.kind(last) === kind && trace.time(last) === time && !SINGLE.has(kind);
    if (isSame) notable.replaceLast(id);
    else notable.push(id);
  }

  #span(kind: number, id: FactId, time: Micros, actor: ActorId): void {
    const { trace } = this;
    const name = trace.actorName(actor);
    switch (kind) {
      case F.lost: {
        const losses = this.losses.get(trace.place(id)) ?? new Numbers();
        losses.push(id);
        this.losses.set(trace.place(id), losses);
        return;
      }
      case F.crashed:
        return this.#begin(`down ${actor}`, id, time, `${name} crashed`);
      case F.stopped:
        return this.#begin(`down ${actor}`, id, time, `${name} shut down`, false);
      case F.restarted:
        return this.#end(`down ${actor}`, time);
      case F.paused:
        return this.#begin(`paused ${actor}`, id, time, `${name} paused`);
      case F.resumed:
        return this.#end(`paused ${actor}`, time);
      case F.slowed:
        if (trace.value(id) === 100) return this.#end(`slow ${actor}`, time);
        return this.#begin(`slow ${actor}`, id, time, `${name} slow`);
      case F.skewed:
        // Another speed is another stretch.
        this.#end(`skewed ${actor}`, time);
        if (trace.value(id) !== RIGHT)
          this.#begin(`skewed ${actor}`, id, time, `${name}’s clock ${trace.value(id) > RIGHT ? 'fast' : 'slow'}`);
        return;
      case F['disk-filled']:
        return this.#begin(`full ${actor}`, id, time, `${name}’s disk full`);
      case F['disk-freed']:
        return this.#end(`full ${actor}`, time);
      case F.split:
        return this.#begin(`split ${trace.value(id)}`, id, time, this.#lines[trace.value(id)]?.label ?? 'split');
      case F.healed:
        return this.#end(`split ${trace.value(id)}`, time);
      case F['fault-begun']: {
        const line = this.#lines[trace.value(id)];
        if (line?.as === 'stretch') this.#begin(`line ${trace.value(id)}`, id, time, line.label, line.harms);
        else if (line?.as === 'moment') this.#mark(id, time, line.label, line.harms);
        return;
      }
      case F['fault-ended']:
        return this.#end(`line ${trace.value(id)}`, time);
      case F.changed:
        this.#mark(id, time, this.#lines[trace.value(id)]?.label ?? 'changed', false);
        return;
      case F.fixed:
        this.#mark(id, time, `${name} fixed`, false);
        return;
      default:
        return;
    }
  }

  #begin(key: string, fact: FactId, time: Micros, label: string, isFault = true): void {
    if (this.spans.length >= SPANS_MAX || this.#open.has(key)) return;
    const isOfActor = OF_ACTORS.some((state) => key.startsWith(state));
    const actor = isOfActor ? this.trace.actor(fact) : 0;
    const span: Span = { kind: 'stretch', isFault, fromUs: time, toUs: null, label, fact, actor };
    this.spans.push(span);
    this.#open.set(key, span);
  }

  #end(key: string, time: Micros): void {
    const span = this.#open.get(key);
    if (span === undefined) return;
    span.toUs = time;
    this.#open.delete(key);
  }

  #mark(fact: FactId, time: Micros, label: string, isFault: boolean): void {
    if (this.spans.length < SPANS_MAX)
      this.spans.push({ kind: 'moment', isFault, fromUs: time, toUs: time, label, fact, actor: 0 });
  }
}
