/**
 * What is on its way at a time: hops on the network, messages between two queues of a broker, crosses where hops were lost, and what has just left for
 * good. Single tokens while a link has room for them; from there on a band that is as wide as they are dense, beside which only the selected message and
 * what goes wrong stay single.
 */
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import { F, FATES, HOPS, REASONS } from '../../sim/vocabulary.ts';
import type { ShownRun } from '../lab.svelte.ts';
import { actorKey, boxKey, type Layout, placeKey } from './boxes.ts';
import { count } from './describe.ts';
import { clamp, type Path, pointOn } from './geometry.ts';
import { type Sheet, type Token, widthOf } from './marks.ts';

/** Which link a hop runs over, and in which direction. */
interface Route {
  readonly key: string;
  readonly path: Path;
  readonly backwards: boolean;
  /** Number of the link and direction among those of the layout. */
  readonly track: number;
}

/** Crosses of lost hops, and what has left, stay for so many times their journey. */
const STAYS = 5;
const LOOK_AHEAD = 4_000;
const ROUTES_MAX = 40_000;
/** A single token takes so much of a link, and at the least so much where they are many; beyond that they become a band. */
const FULL = 15;
const SMALL = 5;
/** On short links so many are single all the same. */
const SINGLE_MIN = 10;
/** A band is counted in parts of about this length. */
const PART = 7;
/** What goes wrong stays single, up to so many on one link. */
const WRONG_MAX = 40;
/** So many of what left for good are drawn beside one box; the others are counted. */
const GONE_SHOWN = 4;

const LOST: readonly boolean[] = FATES.map((fate) => fate !== 'passed' && fate !== 'duplicated');
const CONTROL = HOPS.indexOf('control');
const REPLICATION = HOPS.indexOf('replication');
const ACK = HOPS.indexOf('ack');
const DELIVERY = HOPS.indexOf('delivery');
const REPLY = HOPS.indexOf('reply');
const EFFECT = HOPS.indexOf('effect');
const EFFECT_REPLY = HOPS.indexOf('effect-reply');

export class Traffic {
  readonly #run: ShownRun;
  readonly #layout: Layout;
  readonly #paths: ReadonlyMap<string, Path>;
  /** By fact: where its hop runs; null for nowhere. Cleared when it is full. */
  readonly #routes = new Map<FactId, Route | null>();
  readonly #tracks = new Map<string, number>();
  readonly #single = new Map<string, string>();
  /** By an actor's key: the one link between it and a broker, where there is only one; '' where there are more. */
  readonly #only = new Map<string, string>();

  // What is on the network at the time in hand, in columns that are used again for each frame.
  #facts: FactId[] = [];
  #ways: Route[] = [];
  #shares: number[] = [];
  #loads: number[] = [];
  readonly #busy = new Set<string>();
  /** Messages between two queues, whose new place is not drawn yet. */
  readonly between = new Set<MessageId>();

  constructor(run: ShownRun, layout: Layout, paths: ReadonlyMap<string, Path>) {
    this.#run = run;
    this.#layout = layout;
    this.#paths = paths;
    for (const link of layout.links) {
      this.#tracks.set(link.key, this.#tracks.size * 2);
      if (link.from.startsWith('actor') && !this.#single.has(link.from)) this.#single.set(link.from, link.key);
      for (const [end, other] of [
        [link.from, link.to],
        [link.to, link.from],
      ] as const)
        if (end.startsWith('actor') && !other.startsWith('actor'))
          this.#only.set(end, this.#only.has(end) ? '' : link.key);
    }
  }

  isBusy(key: string): boolean {
    return this.#busy.has(key);
  }

  draw(sheet: Sheet, now: Micros, fact: FactId, selected: MessageId): void {
    this.#busy.clear();
    this.between.clear();
    this.#transfers(sheet, now, fact);
    this.#gather(now, fact);
    this.#hops(sheet, selected);
    this.#crosses(sheet, now, fact);
    this.#departures(sheet, now, fact);
  }

  // Hops

  #gather(now: Micros, upTo: FactId): void {
    const { transit, trace } = this.#run;
    this.#facts = [];
    this.#ways = [];
    this.#shares = [];
    this.#loads = [];
    transit.each(now, (fact, departure, length) => {
      if (fact > upTo) return;
      const kind = trace.detail(fact) & 7;
      if (kind === CONTROL || kind === REPLICATION || (kind !== ACK && trace.messageOf(fact) === 0)) return;
      const route = this.#route(fact);
      if (route === null) return;
      this.#facts.push(fact);
      this.#ways.push(route);
      this.#shares.push((now - departure) / Math.max(1, length));
      this.#loads[route.track] = (this.#loads[route.track] ?? 0) + 1;
      this.#busy.add(route.key);
    });
  }

  #hops(sheet: Sheet, selected: MessageId): void {
    const { trace } = this.#run;
    const isNumbered = this.#facts.length <= 60;
    const bands = new Map<number, { route: Route; parts: number[]; colours: number[] }>();
    const wrong = new Map<number, number>();
    // The latest were found first; those that left first lie below.
    for (let i = this.#facts.length - 1; i >= 0; i--) {
      const fact = this.#facts[i] as FactId;
      const route = this.#ways[i] as Route;
      const t = clamp(this.#shares[i] as number, 0, 1);
      const load = this.#loads[route.track] as number;
      const isBand = load > Math.max(SINGLE_MIN, route.path.length / SMALL);
      if (isBand) {
        let band = bands.get(route.track);
        if (band === undefined) {
          const parts = Math.round(clamp(route.path.length / PART, 6, 60));
          band = { route, parts: new Array<number>(parts).fill(0), colours: [0, 0, 0, 0, 0, 0] };
          bands.set(route.track, band);
        }
        const at = Math.min(band.parts.length - 1, Math.floor((route.backwards ? 1 - t : t) * band.parts.length));
        band.parts[at] = (band.parts[at] as number) + 1;
        const { colour } = this.#run.keys.of(trace.messageOf(fact));
        band.colours[colour] = (band.colours[colour] ?? 0) + 1;
        const isLost = LOST[trace.detail(fact) >> 3] === true;
        const losses = wrong.get(route.track) ?? 0;
        if (isLost) wrong.set(route.track, losses + 1);
        if (!(isLost && losses < WRONG_MAX) && (selected === 0 || trace.messageOf(fact) !== selected)) continue;
      }
      this.#token(sheet, fact, route, t, isNumbered, load > Math.max(SINGLE_MIN, route.path.length / FULL));
    }
    for (const { route, parts, colours } of bands.values()) {
      const load = this.#loads[route.track] as number;
      const most = Math.max(...colours);
      const kind = route.backwards ? 'answers' : 'messages';
      const colour = most >= load * 0.6 ? colours.indexOf(most) : -1;
      sheet.streams.push({ path: route.path, parts, count: load, colour, kind });
      const at = pointOn(route.path, 0.5);
      sheet.word(at.x, at.y + (route.backwards ? 26 : -18), count(load), 'ink', 'center', true, true);
    }
  }

  #token(sheet: Sheet, fact: FactId, route: Route, t: number, isNumbered: boolean, small: boolean): void {
    const { trace, keys } = this.#run;
    const message = trace.messageOf(fact);
    const eased = t * t * (3 - 2 * t);
    const fate = trace.detail(fact) >> 3;
    const isLost = LOST[fate] === true;
    const along = isLost ? Math.min(eased, 0.55) : eased;
    const at = pointOn(route.path, route.backwards ? 1 - along : along);
    const fall = isLost ? Math.max(0, (eased - 0.55) / 0.45) : 0;
    const kind = this.#kind(fact);
    const label = isNumbered && !small && message > 0 ? (kind === 'tick' ? `ack ${message}` : String(message)) : '';
    const hint = small
      ? `message ${message}`
      : `${WHAT[kind]} ${message} on its way to ${trace.actorName(trace.peer(fact))}`;
    sheet.tokens.push({
      message,
      fact,
      x: at.x,
      y: at.y + fall * 34,
      look: keys.of(message),
      kind,
      small,
      alpha: 1 - fall * 0.7,
      label,
      hint: isLost ? `${hint}, ${FATES[fate] ?? 'lost'}` : hint,
    });
  }

  #kind(fact: FactId): Token['kind'] {
    const { trace } = this.#run;
    switch (trace.detail(fact) & 7) {
      case REPLY:
      case EFFECT_REPLY:
        return 'reply';
      case EFFECT:
        return 'effect';
      case DELIVERY:
        return 'delivery';
      case ACK: {
        const cause = trace.cause(fact);
        const isAck = cause === 0 || trace.kind(cause) !== F.settled || trace.value(cause) === 0;
        return isAck ? 'tick' : 'refusal';
      }
      default:
        return 'message';
    }
  }

  // Where hops were lost a cross stays for a while

  #crosses(sheet: Sheet, now: Micros, fact: FactId): void {
    const { trace, index, keys } = this.#run;
    const { lostHops } = index;
    for (let i = lostHops.countUpTo(fact) - 1, seen = 0; i >= 0 && seen < WRONG_MAX; i--, seen++) {
      const id = lostHops.at(i);
      const departure = trace.time(id);
      const length = Math.max(1000, trace.value(id));
      if (now >= departure + length * (1 + STAYS) || now < departure + length) continue;
      const route = this.#route(id);
      if (route === null) continue;
      const at = pointOn(route.path, route.backwards ? 0.45 : 0.55);
      const message = trace.messageOf(id);
      sheet.tokens.push({
        message,
        fact: id,
        x: at.x,
        y: at.y + 34,
        look: keys.of(message),
        kind: 'cross',
        small: false,
        alpha: 1 - (now - departure - length) / (length * STAYS),
        label: '',
        hint: `${FATES[trace.detail(id) >> 3] ?? 'lost'}: ${trace.sentence(id)}`,
      });
    }
  }

  // Within the broker

  /** Messages that were dead-lettered or moved back: within the broker that takes no time, here as long as a usual hop. */
  #transfers(sheet: Sheet, now: Micros, fact: FactId): void {
    const { index, trace, keys } = this.#run;
    const { transfers, hopUs } = index;
    for (let i = transfers.countUpTo(fact) - 1, seen = 0; i >= 0 && seen < 200; i--, seen++) {
      const id = transfers.at(i);
      const t = (now - trace.time(id)) / Math.max(1, hopUs);
      if (t >= 1) return;
      const message = trace.messageOf(id);
      const route = this.#transferRoute(id);
      if (route === null) continue;
      const eased = t * t * (3 - 2 * t);
      const at = pointOn(route.path, route.backwards ? 1 - eased : eased);
      this.#busy.add(route.key);
      this.between.add(message);
      sheet.tokens.push({
        message,
        fact: id,
        x: at.x,
        y: at.y,
        look: keys.of(message),
        kind: 'message',
        small: false,
        alpha: 1,
        label: String(message),
        hint: trace.sentence(id),
      });
    }
  }

  /** Between the queue that a message came to and the one that its causes name. */
  #transferRoute(fact: FactId): Route | null {
    const { trace } = this.#run;
    const to = trace.place(fact);
    for (let id = trace.cause(fact), i = 0; id !== 0 && i < 12; id = trace.cause(id), i++) {
      const from = trace.place(id);
      if (from === to || from === 0) continue;
      const route = this.#along(placeKey(from), placeKey(to));
      if (route !== null) return route;
    }
    const key = placeKey(to);
    const only = this.#layout.links.filter((link) => link.dashed && (link.to === key || link.from === key));
    const first = only.length === 1 ? only[0] : undefined;
    return first === undefined ? null : this.#along(first.from === key ? first.to : first.from, key);
  }

  // What has left for good: it falls out of its box and fades, with the reason

  #departures(sheet: Sheet, now: Micros, fact: FactId): void {
    const { trace, index } = this.#run;
    const { departures } = index;
    const stays = Math.max(1000, index.hopUs) * STAYS;
    const seen = new Map<string, { n: number; x: number; y: number; words: string; alpha: number }>();
    for (let i = departures.countUpTo(fact) - 1, n = 0; i >= 0 && n < 400; i--, n++) {
      const id = departures.at(i);
      const age = (now - trace.time(id)) / stays;
      if (age >= 1) break;
      const box =
        this.#layout.byKey.get(placeKey(trace.place(id))) ?? this.#layout.byKey.get(actorKey(trace.actor(id)));
      if (box === undefined) continue;
      const key = boxKey(box);
      let group = seen.get(key);
      if (group === undefined) {
        const hasFoot = box.type === 'partition' || box.type === 'tapes';
        const x = box.x + Math.min(box.w - 10, box.type === 'exchange' ? box.w / 2 : 24);
        group = {
          n: 0,
          x,
          y: box.y + box.h + (hasFoot ? 22 : 4),
          words: wordsOf(trace.kind(id), trace.detail(id)),
          alpha: age,
        };
        seen.set(key, group);
      }
      group.n++;
      if (group.n > GONE_SHOWN || trace.messageOf(id) === 0) continue;
      const x = group.x + (group.n - 1) * 20;
      const hint = trace.sentence(id);
      sheet.cell(trace.messageOf(id), x, group.y + 12 + 16 * age, 16, 'gone', 0, -1, { hint, alpha: 1 - age });
    }
    for (const { n, x, y, words } of seen.values()) {
      const text = n > GONE_SHOWN ? `${words}, ${count(n)} of them` : words;
      const at = x + Math.min(n, GONE_SHOWN) * 20 - 6;
      const right = this.#layout.width - widthOf(text) - 8;
      sheet.word(Math.min(at, right), y + 18, text, 'fault', 'left');
    }
  }

  // Routes

  /** Broker nodes have no box: the place that the hop is about stands for them. */
  #route(fact: FactId): Route | null {
    const known = this.#routes.get(fact);
    if (known !== undefined) return known;
    if (this.#routes.size > ROUTES_MAX) this.#routes.clear();
    const { trace } = this.#run;
    const from = trace.actor(fact);
    const to = trace.peer(fact);
    const isFromBroker = this.#isBroker(from);
    const isToBroker = this.#isBroker(to);
    let route: Route | null = null;
    let isSure = true;
    const only =
      isFromBroker === isToBroker ? '' : (this.#only.get(this.#keyOf(actorKey(isFromBroker ? to : from))) ?? '');
    // Where there is only one way, nobody need look for the place.
    if (only !== '') route = this.#routeOn(only, only.startsWith('actor') === isFromBroker);
    else if (!isFromBroker || !isToBroker) {
      const place = isFromBroker || isToBroker ? this.#placeOf(fact) : { id: 0, isSure: true };
      isSure = place.isSure;
      const a = isFromBroker ? placeKey(place.id) : actorKey(from);
      const b = isToBroker ? placeKey(place.id) : actorKey(to);
      route = this.#along(a, b) ?? this.#throughExchange(a, b);
    }
    if (isSure) this.#routes.set(fact, route);
    return route;
  }

  #isBroker(actor: ActorId): boolean {
    return this.#run.trace.actors[actor]?.kind === 'broker';
  }

  #along(a: string, b: string): Route | null {
    const from = this.#keyOf(a);
    const to = this.#keyOf(b);
    return this.#routeOn(`${from}→${to}`, false) ?? this.#routeOn(`${to}→${from}`, true);
  }

  /** Several may stand in one box. */
  #keyOf(key: string): string {
    const box = this.#layout.byKey.get(key);
    return box === undefined ? key : boxKey(box);
  }

  #routeOn(key: string, backwards: boolean): Route | null {
    const path = this.#paths.get(key);
    const track = this.#tracks.get(key);
    return path === undefined || track === undefined
      ? null
      : { key, path, backwards, track: track + Number(backwards) };
  }

  /** A producer's hop about a queue behind an exchange runs to the exchange. */
  #throughExchange(a: string, b: string): Route | null {
    const isOut = a.startsWith('actor');
    const key = this.#single.get(this.#keyOf(isOut ? a : b));
    return key === undefined ? null : this.#routeOn(key, !isOut);
  }

  /** The queue or partition that a hop to or from a broker is about: its causes name it, or what the broker does next with the message. Not sure while facts may still come. */
  #placeOf(fact: FactId): { readonly id: PlaceId; readonly isSure: boolean } {
    const { trace } = this.#run;
    const message = trace.messageOf(fact);
    for (let id = trace.cause(fact), i = 0; id !== 0 && i < 6; id = trace.cause(id), i++) {
      const place = message === 0 || trace.messageOf(id) === message ? this.#onStage(trace.place(id)) : 0;
      if (place !== 0) return { id: place, isSure: true };
    }
    const end = Math.min(trace.count, fact + LOOK_AHEAD);
    for (let id = fact + 1; id <= end && message !== 0; id++) {
      const place = trace.messageOf(id) === message ? this.#onStage(trace.place(id)) : 0;
      if (place !== 0) return { id: place, isSure: true };
    }
    const only = trace.places.find(({ kind }) => kind === 'queue' || kind === 'partition')?.id ?? 0;
    return { id: only, isSure: end === fact + LOOK_AHEAD };
  }

  #onStage(place: PlaceId): PlaceId {
    const kind = this.#run.trace.places[place]?.kind;
    return kind === 'queue' || kind === 'partition' || kind === 'exchange' ? place : 0;
  }
}

const WHAT: Readonly<Record<Token['kind'], string>> = {
  message: 'message',
  delivery: 'delivery of message',
  reply: 'answer about message',
  tick: 'ack of message',
  refusal: 'return of message',
  effect: 'write of message',
  cross: 'message',
};

const VERBS: Readonly<Record<number, string>> = {
  [F.expired]: 'expired',
  [F.evicted]: 'dropped',
  [F.lost]: 'lost',
  [F.unroutable]: 'no route',
  [F.shed]: 'dropped',
  [F['gave-up']]: 'given up',
  [F.rejected]: 'refused',
  [F.skipped]: 'skipped',
};

function wordsOf(kind: number, reason: number): string {
  const verb = VERBS[kind] ?? '';
  const why = REASONS[reason] ?? '';
  return why === '' || why === 'none' || why === verb ? verb : `${verb}: ${why}`;
}
