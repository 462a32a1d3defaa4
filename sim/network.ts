/**
 * The network: decides the fate of each hop between two actors. A link is one direction between two actors; it keeps order like a connection
 * does, unless the reorder knob holds a hop back. What decides, in this order: a split, then interference asked for by the timeline, then
 * the rates of the scenario. The network knows neither machines nor time; the world asks it and carries out the answer.
 */
import { HOPS, type HopKind, type Wire } from '../core/machine.ts';
import { type Distribution, draw, happens } from '../core/parts/distribution.ts';
import type { Actor, ActorId, MessageId, Micros } from '../core/types.ts';
import { type Decider, type DecisionSite, hashText, mix } from './choice.ts';
import type { LossSpec, NetworkSpec, TimelineAction } from './scenario/types.ts';

/** Indexes of FATES in core/facts.ts. */
export const FATE = { passed: 0, lost: 1, split: 2, rule: 3, duplicated: 4, clogged: 5 } as const;

/** The answer to `judge`, overwritten by each call. */
export interface Judgement {
  fate: number;
  /** How long the hop is on its way (or was, when it is lost under way). */
  latencyUs: Micros;
  /** Latency of the second copy when `fate` is duplicated. */
  copyLatencyUs: Micros;
}

type Interference = Extract<TimelineAction, { type: 'interfere' }>;

interface Link {
  readonly latency: Distribution;
  readonly loss: Float64Array;
  readonly duplicate: Float64Array;
  readonly reorder: Float64Array;
  readonly bytesPerSecond: number;
  /** No latency, no chance, no limit: the hop simply happens. */
  readonly ideal: boolean;
  readonly latencySite: DecisionSite;
  readonly lossSite: DecisionSite;
  readonly duplicateSite: DecisionSite;
  readonly reorderSite: DecisionSite;
  /** Tells its hops from those of other links where one site decides about all. */
  readonly salt: number;
  /** Hops sent so far: the key of decisions about hops, so that each hop has draws of its own. */
  sent: number;
  /** No later hop arrives before this one did. */
  lastArrivalUs: Micros;
  /** Until then the link is busy with the bytes of earlier hops. */
  busyUntilUs: Micros;
}

interface Active {
  readonly rule: Interference;
  readonly index: number;
  readonly hops: number;
  readonly site: DecisionSite;
  left: number;
}

/** Links of later actors are looked up each time. */
const MOST_SIDE = 1024;

export class Network {
  readonly judgement: Judgement = { fate: 0, latencyUs: 0, copyLatencyUs: 0 };
  readonly #spec: NetworkSpec;
  readonly #decider: Decider;
  readonly #actors: readonly Actor[];
  /** Links by sender, then by receiver. */
  readonly #links: (Link | undefined)[][] = [];
  /** By sender × `#side` + receiver, for the first actors: 1 when their link is ideal, 2 when not, 0 while nobody asked. */
  #ideals = new Uint8Array(16 * 16);
  #side = 16;
  readonly #splits = new Map<number, { readonly sides: readonly (readonly string[])[]; readonly oneWay: boolean }>();
  readonly #slow = new Map<ActorId, number>();
  /** By actor that bears the declared name alone: the name that it has among others when there are more, such as `resizer-1`. */
  readonly #firsts = new Map<ActorId, string>();
  #interferences: Active[] = [];
  /** How many rules of the timeline that do the same have begun. */
  readonly #alike = new Map<string, number>();
  /** Nothing splits, slows or interferes now. */
  #calm = true;
  /** Until then something is on a link that had to do with a line of the timeline: nothing may overtake it. */
  #lateUntilUs: Micros = 0;

  constructor(spec: NetworkSpec, actors: readonly Actor[], decider: Decider) {
    this.#spec = spec;
    this.#actors = actors;
    this.#decider = decider;
  }

  /** Whether hops of this link simply happen now: nothing to judge, no latency. */
  isIdeal(from: ActorId, to: ActorId, now: Micros): boolean {
    if (!this.#calm || now < this.#lateUntilUs) return false;
    const side = this.#side;
    const known = from < side && to < side ? this.#ideals[from * side + to] : 0;
    return known === 0 ? this.#learn(from, to) : known === 1;
  }

  #learn(from: ActorId, to: ActorId): boolean {
    const { ideal } = this.#link(from, to);
    if (this.#side < MOST_SIDE && this.#side < this.#actors.length) {
      // What was known is asked again.
      while (this.#side < MOST_SIDE && this.#side < this.#actors.length) this.#side *= 2;
      this.#ideals = new Uint8Array(this.#side * this.#side);
    }
    if (from < this.#side && to < this.#side) this.#ideals[from * this.#side + to] = ideal ? 1 : 2;
    return ideal;
  }

  /** Decides one hop; read `judgement` before the next call. `hop` is an index of HOPS, `messages` what it carries (0 for none). */
  judge(
    from: ActorId,
    to: ActorId,
    hop: number,
    messages: MessageId | readonly MessageId[],
    wire: Wire,
    now: Micros,
  ): void {
    const judgement = this.judgement;
    judgement.fate = FATE.passed;
    judgement.latencyUs = 0;
    const link = this.#links[from]?.[to] ?? this.#link(from, to);
    if (link.ideal && this.#calm && now >= link.lastArrivalUs) return;

    const key = ++link.sent;
    let latency = draw(link.latency, this.#decider, link.latencySite, key);
    if (this.#slow.size > 0) latency = Math.floor(latency * (this.#slow.get(from) ?? 1) * (this.#slow.get(to) ?? 1));
    if (link.bytesPerSecond > 0) {
      const begins = link.busyUntilUs > now ? link.busyUntilUs : now;
      link.busyUntilUs = begins + Math.ceil((sizeOf(wire) * 1e6) / link.bytesPerSecond);
      latency += link.busyUntilUs - now;
    }
    judgement.latencyUs = latency;

    if (this.#splits.size > 0 && this.#isSplit(from, to)) {
      judgement.fate = FATE.split;
      return;
    }
    if (this.#interferences.length > 0 && this.#interfere(from, to, hop, messages, mix(link.salt, key))) {
      if (judgement.fate === FATE.rule) return;
    }
    if (judgement.fate === FATE.passed) {
      if (happens(link.loss[hop] as number, this.#decider, link.lossSite, key)) {
        judgement.fate = FATE.lost;
        return;
      }
      if (happens(link.duplicate[hop] as number, this.#decider, link.duplicateSite, key)) {
        judgement.fate = FATE.duplicated;
        judgement.copyLatencyUs = latency + draw(link.latency, this.#decider, link.latencySite, mix(1, key));
      }
    }
    const overtaken = happens(link.reorder[hop] as number, this.#decider, link.reorderSite, key);
    if (overtaken) judgement.latencyUs += this.#spec.reorderDelayUs;
    else {
      const arrival = now + judgement.latencyUs;
      if (arrival < link.lastArrivalUs) judgement.latencyUs = link.lastArrivalUs - now;
      else {
        link.lastArrivalUs = arrival;
        if (link.ideal && arrival > this.#lateUntilUs) this.#lateUntilUs = arrival;
      }
    }
  }

  /** Latency of a notice that travels outside the rules (a closed connection); null when the two are split from each other. With a time, now, it comes after all that was sent before. */
  noticeLatency(from: ActorId, to: ActorId, inOrderFrom: Micros | null): Micros | null {
    if (this.#splits.size > 0 && this.#isSplit(from, to)) return null;
    const link = this.#link(from, to);
    const latency = draw(link.latency, this.#decider, link.latencySite, mix(2, ++link.sent));
    return inOrderFrom === null ? latency : Math.max(latency, link.lastArrivalUs - inOrderFrom);
  }

  /** An actor that bears the declared name is meant by this one too. */
  alias(actor: ActorId, name: string): void {
    this.#firsts.set(actor, name);
  }

  /** Everybody whom this actor has exchanged a hop with. */
  peersOf(actor: ActorId): ActorId[] {
    const peers: ActorId[] = [];
    const to = this.#links[actor];
    for (let other = 0; other < this.#actors.length; other++) {
      if (to?.[other] !== undefined || this.#links[other]?.[actor] !== undefined) peers.push(other);
    }
    return peers;
  }

  split(index: number, sides: readonly (readonly string[])[], oneWay: boolean): void {
    this.#splits.set(index, { sides, oneWay });
    this.#calm = false;
  }

  /** Ends one split, or all of them when no index is given; returns the indexes that ended. */
  heal(index?: number): number[] {
    const ended = index === undefined ? [...this.#splits.keys()] : this.#splits.has(index) ? [index] : [];
    for (const i of ended) this.#splits.delete(i);
    this.#seeWhetherCalm();
    return ended;
  }

  interfere(index: number, rule: Interference): void {
    let hops = 0;
    HOPS.forEach((name, i) => {
      if (rule.hops.length === 0 || rule.hops.includes(name)) hops |= 1 << i;
    });
    const left = rule.times === 0 ? Number.POSITIVE_INFINITY : rule.times;
    // Named by what it does, not by its place in the file, so that a line more shifts no draw of the others.
    const what = `timeline/${rule.how}/${rule.from ?? ''}→${rule.to ?? ''}/${rule.hops.join('+')}`;
    const nth = (this.#alike.get(what) ?? 0) + 1;
    this.#alike.set(what, nth);
    this.#interferences.push({ rule, index, hops, site: this.#decider.site(`${what}#${nth}`), left });
    this.#calm = false;
  }

  endInterference(index: number): void {
    this.#interferences = this.#interferences.filter((active) => active.index !== index);
    this.#seeWhetherCalm();
  }

  /** Hops from and to this actor take `factor` times as long; 1 ends it. */
  slow(actor: ActorId, factor: number): void {
    if (factor === 1) this.#slow.delete(actor);
    else this.#slow.set(actor, factor);
    this.#seeWhetherCalm();
  }

  #seeWhetherCalm(): void {
    this.#calm = this.#splits.size === 0 && this.#interferences.length === 0 && this.#slow.size === 0;
  }

  #interfere(
    from: ActorId,
    to: ActorId,
    hop: number,
    messages: MessageId | readonly MessageId[],
    key: number,
  ): boolean {
    for (const active of this.#interferences) {
      const { rule } = active;
      if (((active.hops >> hop) & 1) === 0) continue;
      if (rule.message !== 0 && !carries(messages, rule.message)) continue;
      if (!this.#goes(from, to, rule) && !(rule.bothWays && this.#goes(to, from, rule))) continue;
      if (!happens(rule.probability, this.#decider, active.site, key)) continue;
      if (--active.left <= 0) this.endInterference(active.index);
      if (rule.how === 'lose') this.judgement.fate = FATE.rule;
      else if (rule.how === 'delay') this.judgement.latencyUs += rule.byUs;
      else {
        this.judgement.fate = FATE.duplicated;
        this.judgement.copyLatencyUs = this.judgement.latencyUs + rule.byUs;
      }
      return true;
    }
    return false;
  }

  #goes(from: ActorId, to: ActorId, rule: Interference): boolean {
    return (rule.from === null || this.#isNamed(from, rule.from)) && (rule.to === null || this.#isNamed(to, rule.to));
  }

  #isSplit(from: ActorId, to: ActorId): boolean {
    for (const { sides, oneWay } of this.#splits.values()) {
      const a = this.#sideOf(from, sides);
      const b = this.#sideOf(to, sides);
      if (a === b || (sides.length > 1 && (a < 0 || b < 0))) continue;
      if (!oneWay || a === 0) return true;
    }
    return false;
  }

  /** Which side an actor is on; −1 for those that no side names. With a single side, −1 is all the others. */
  #sideOf(actor: ActorId, sides: readonly (readonly string[])[]): number {
    return sides.findIndex((side) => side.some((name) => this.#isNamed(actor, name)));
  }

  #isNamed(actor: ActorId, name: string): boolean {
    const found = this.#actors[actor];
    if (found === undefined) return false;
    return found.name === name || found.group === name || this.#firsts.get(actor) === name;
  }

  #link(from: ActorId, to: ActorId): Link {
    let links = this.#links[from];
    if (links === undefined) {
      links = [];
      this.#links[from] = links;
    }
    let link = links[to];
    if (link === undefined) {
      link = this.#makeLink(from, to);
      links[to] = link;
    }
    return link;
  }

  #makeLink(from: ActorId, to: ActorId): Link {
    const base = this.#spec;
    let { latency, bytesPerSecond } = base;
    let losses: LossSpec = base.loss;
    let duplicates: LossSpec = base.duplicate;
    let reorders: LossSpec = base.reorder;
    for (const rule of base.links) {
      const forward = this.#matches(from, rule.from) && this.#matches(to, rule.to);
      const backward = rule.bothWays && this.#matches(from, rule.to) && this.#matches(to, rule.from);
      if (!forward && !backward) continue;
      latency = rule.latency ?? latency;
      bytesPerSecond = rule.bytesPerSecond ?? bytesPerSecond;
      losses = { ...losses, ...rule.loss };
      duplicates = { ...duplicates, ...rule.duplicate };
      reorders = { ...reorders, ...rule.reorder };
    }
    const loss = byHop(losses);
    const duplicate = byHop(duplicates);
    const reorder = byHop(reorders);
    const name = `network/${this.#actors[from]?.name}→${this.#actors[to]?.name}`;
    return {
      latency,
      loss,
      duplicate,
      reorder,
      bytesPerSecond,
      ideal:
        latency.type === 'constant' &&
        latency.us === 0 &&
        bytesPerSecond === 0 &&
        [loss, duplicate, reorder].every((rates) => rates.every((rate) => rate === 0)),
      latencySite: this.#decider.site(`${name}/latency`),
      lossSite: this.#decider.site(`${name}/loss`),
      duplicateSite: this.#decider.site(`${name}/duplicate`),
      reorderSite: this.#decider.site(`${name}/reorder`),
      salt: hashText(name),
      sent: 0,
      lastArrivalUs: 0,
      busyUntilUs: 0,
    };
  }

  #matches(actor: ActorId, name: string | null): boolean {
    return name === null || this.#isNamed(actor, name);
  }
}

function carries(messages: MessageId | readonly MessageId[], message: MessageId): boolean {
  return typeof messages === 'number' ? messages === message : messages.includes(message);
}

function byHop(rates: LossSpec): Float64Array {
  return Float64Array.from(HOPS, (hop) => rates[hop] ?? 0);
}

/** Bytes of a hop: what the wire says of itself, else a small control frame. */
function sizeOf(wire: Wire): number {
  const { sizeBytes } = wire as { sizeBytes?: number };
  return sizeBytes ?? 100;
}

/** Position in HOPS; a switch, because it is asked for each hop and a look-up by a text that varies is slow. */
export function hopIndexOf(hop: HopKind): number {
  switch (hop) {
    case 'request':
      return 0;
    case 'reply':
      return 1;
    case 'delivery':
      return 2;
    case 'ack':
      return 3;
    case 'effect':
      return 4;
    case 'effect-reply':
      return 5;
    case 'replication':
      return 6;
    case 'control':
      return 7;
    default:
      return hop satisfies never;
  }
}
