/** What the inspector says of an actor or a place at a moment: read from the folded stage at once, because that object moves on. */
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import { HASHES, KeyRanges, type OwnedHashes } from '../../sim/folds/key-ranges.ts';
import type { QueueList } from '../../sim/folds/queue-state.ts';
import { epochWord } from '../../sim/folds/told.ts';
import type { ActorStatus } from '../../sim/folds/topology.ts';
import type { SettingsOf } from '../../sim/scenario/settings.ts';
import type { TimelineEntry } from '../../sim/scenario/types.ts';
import { FACTS } from '../../sim/vocabulary.ts';
import type { Moment, ShownRun } from '../lab.svelte.ts';
import type { Inspected } from '../questions.ts';
import { clock, count, isUnborn, machineWords, seconds, unsettledWord } from '../stage/describe.ts';
import { declaredAt, placeWord } from '../stage/places.ts';
import { replicaBit } from '../stage/tape-scene.ts';

/** A message in a list, with what is to be said of it there. */
export interface ListedMessage {
  readonly message: MessageId;
  readonly attempt: number;
  readonly words: string;
}

export interface Listed {
  readonly title: string;
  /** All of them; `messages` may be fewer. */
  readonly count: number;
  readonly messages: readonly ListedMessage[];
}

/** A thing that one can go on to. */
export interface Related {
  readonly to: Inspected;
  readonly name: string;
  readonly words: string;
}

export interface View {
  readonly kind: string;
  readonly name: string;
  /** "up", "crashed 2.0 s ago". */
  readonly status: string;
  readonly isTrouble: boolean;
  /** Said and counted: "received", "12". */
  readonly counts: readonly { readonly word: string; readonly n: string; readonly isTrouble: boolean }[];
  readonly lists: readonly Listed[];
  readonly related: readonly Related[];
  /** Rows of a store: key and value. */
  readonly rows: readonly (readonly [string, number])[];
  /** Under these the file declares its settings, as [section, name]. */
  readonly declared: readonly (readonly [string, string])[];
}

/** Of a list at most so many are shown. */
const SHOWN = 60;

type Count = View['counts'][number];
const counted = (word: string, n: number, isTrouble = false): Count => ({
  word,
  n: count(n),
  isTrouble: isTrouble && n > 0,
});

const keyRanges = new WeakMap<ShownRun['trace'], KeyRanges>();

function keyRangesOf({ trace, scenario }: ShownRun): KeyRanges {
  let known = keyRanges.get(trace);
  if (known === undefined) {
    known = new KeyRanges(trace, scenario);
    keyRanges.set(trace, known);
  }
  return known;
}

/** So many ranges are told one by one; the many small ones of a ring as a share. */
const RANGES_TOLD = 4;

/** "hashes 0–32,767", both ends included; "31% of the hashes, in 97 ranges". */
export function hashWords(ranges: OwnedHashes['ranges']): string {
  if (ranges.length === 0) return 'no hashes';
  if (ranges.length <= RANGES_TOLD)
    return `hashes ${ranges.map(({ start, end }) => `${count(start)}–${count(end - 1)}`).join(', ')}`;
  const hashes = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return `${Math.round((100 * hashes) / HASHES)}% of the hashes, in ${count(ranges.length)} ranges`;
}

export function viewOf(moment: Moment, what: Inspected): View | null {
  return what.type === 'actor' ? actorView(moment, what.id) : placeView(moment, what.id);
}

function actorView({ run, topology, timeUs }: Moment, id: ActorId): View | null {
  const { trace } = run;
  const actor = trace.actors[id];
  if (actor === undefined || actor.kind === 'world') return null;
  const state = topology.actors[id];
  const status = state?.status ?? 'unstarted';
  const since = state === undefined ? '' : seconds(Math.max(0, timeUs - state.sinceUs));
  const base = {
    name: actor.name,
    status: [
      STATUS[status](since, seconds(Math.max(0, (state?.untilUs ?? 0) - timeUs)), (state?.pace ?? 100) / 100),
      machineWords(state),
    ]
      .filter((part) => part !== '')
      .join(', '),
    isTrouble: !['up', 'unstarted'].includes(status) || machineWords(state) !== '',
    lists: [] as readonly Listed[],
    related: [] as readonly Related[],
    rows: [] as View['rows'],
  };
  switch (actor.kind) {
    case 'producer':
      return {
        ...base,
        kind: 'Producer',
        counts: [
          counted('made', state?.produced ?? 0),
          counted('confirmed', state?.confirmed ?? 0),
          counted('sent again', state?.retried ?? 0, true),
          counted('given up', state?.gaveUp ?? 0, true),
          counted('dropped', state?.shed ?? 0, true),
        ],
        declared: [['producers', actor.group]],
      };
    case 'consumer': {
      const hand = state?.hand ?? [];
      return {
        ...base,
        kind: 'Consumer',
        counts: [
          counted('received', state?.received ?? 0),
          counted('settled', state?.settled ?? 0),
          counted('failed', state?.failed ?? 0, true),
          counted('in hand', hand.length),
        ],
        lists: [
          {
            title: 'In hand',
            count: hand.length,
            messages: hand.slice(0, SHOWN).map(({ message, attempt, step, sinceUs, endsUs, settled }) => ({
              message,
              attempt,
              words: handWords(step, sinceUs, endsUs, settled, timeUs),
            })),
          },
        ],
        related: [
          ...topology.owned(id).map(
            (place): Related => ({
              to: { type: 'place', id: place },
              name: trace.placeName(place),
              words: 'owned',
            }),
          ),
          ...keyRangesOf(run)
            .of(id, topology.fact)
            .map(
              ({ place, ranges }): Related => ({
                to: { type: 'place', id: place },
                name: trace.placeName(place),
                words: hashWords(ranges),
              }),
            ),
        ],
        declared: [['consumers', actor.group]],
      };
    }
    case 'store': {
      const place = trace.places.find(({ kind, name }) => kind === 'store' && name === actor.name)?.id ?? 0;
      const store = topology.stores[place];
      return {
        ...base,
        kind: 'Store',
        counts: [
          counted('applied', store?.applied ?? 0),
          counted('twice', store?.twice ?? 0, true),
          counted('without change', store?.unchanged ?? 0),
          counted('refused', store?.refused ?? 0, true),
        ],
        rows: [...(store?.rows ?? [])].map(([key, value]) => [key === '' ? 'no key' : key, value | 0]),
        declared: [['stores', actor.name]],
      };
    }
    default: {
      const broker = run.scenario.brokers[actor.group] === undefined ? 'broker' : actor.group;
      return {
        ...base,
        kind: 'Broker node',
        counts: [],
        related: placesOn(run, topology, broker, id),
        declared: [['brokers', broker]],
      };
    }
  }
}

/** The queues of a broker, and the partitions that a node leads. */
function placesOn(run: ShownRun, topology: Moment['topology'], broker: string, node: ActorId): readonly Related[] {
  const { trace, scenario } = run;
  const isAlone = Object.keys(scenario.brokers).length === 1;
  return trace.places.flatMap((place): readonly Related[] => {
    if (place.kind === 'queue') {
      if (!isAlone && scenario.queues[place.name]?.broker !== broker) return [];
      const depth = topology.queues[place.id]?.depth ?? 0;
      return [{ to: { type: 'place', id: place.id }, name: place.name, words: `${count(depth)} stored` }];
    }
    const partition = topology.partitions[place.id];
    if (partition === undefined || !partition.replicas.some((replica) => replica.node === node)) {
      if (partition?.leader !== node) return [];
    }
    const end = partition.replicas.find((replica) => replica.node === node)?.end ?? partition.end;
    const words = partition.leader === node ? `leads, ends at ${count(end)}` : `follows, ends at ${count(end)}`;
    return [{ to: { type: 'place', id: place.id }, name: place.name, words }];
  });
}

function placeView(moment: Moment, id: PlaceId): View | null {
  const { run, topology, timeUs } = moment;
  const { trace } = run;
  const place = trace.places[id];
  if (place === undefined) return null;
  const at = declaredAt(run.scenario, place);
  const base = {
    kind: placeWord(run.scenario, place),
    name: place.name,
    status: '',
    isTrouble: false,
    rows: [] as View['rows'],
    declared: at === null ? [] : [at],
  };
  switch (place.kind) {
    case 'queue': {
      const queue = topology.queues[id];
      const list = (name: QueueList, title: string): Listed => ({
        title,
        count: queue?.[name] ?? 0,
        messages: (queue?.entries(name, SHOWN) ?? []).map(
          ({ message, attempt, holder, sinceUs, untilUs, receives }) => ({
            message,
            attempt: name === 'locked' ? attempt : attempt + 1,
            words:
              name === 'locked'
                ? `by ${trace.actorName(holder)}${untilUs > 0 ? `, ${seconds(Math.max(0, untilUs - timeUs))} left` : ''}`
                : receives > 0
                  ? `after ${receives} receives`
                  : `for ${seconds(Math.max(0, timeUs - sinceUs))}`,
          }),
        ),
      });
      return {
        ...base,
        counts: [
          counted('stored', queue?.appended ?? 0),
          counted('settled', queue?.settled ?? 0),
          counted('redelivered', queue?.redelivered ?? 0, true),
          counted('dead-lettered', queue?.deadLettered ?? 0, true),
          counted('expired', queue?.expired ?? 0, true),
          counted('dropped', queue?.evicted ?? 0, true),
          counted('lost', queue?.lost ?? 0, true),
          counted('bytes', queue?.bytes ?? 0),
        ],
        lists: [
          list('ready', 'Ready'),
          list('locked', capital(unsettledWord(run.scenario, place.name))),
          list('delayed', 'Delayed'),
        ],
        related: [],
      };
    }
    case 'partition': {
      const partition = topology.partitions[id];
      if (partition === undefined) {
        const status = isUnborn(trace, topology, id) ? 'not there yet' : '';
        return { ...base, status, counts: [], lists: [], related: [] };
      }
      const { logStart, end, watermark, hasWatermark, leader, epoch, inSync, replicas, committed } = partition;
      const messages: ListedMessage[] = [];
      for (let offset = end - 1; offset >= logStart && messages.length < SHOWN; offset--) {
        const message = partition.records.get(offset, 0);
        const readBy = committed.filter((one) => one.offset > offset).map((one) => trace.placeName(one.group));
        const words = [`offset ${offset}`];
        if (message === 0) words.push('marker');
        if (hasWatermark && offset >= watermark) words.push('not yet replicated');
        if (readBy.length > 0) words.push(`committed by ${readBy.join(', ')}`);
        messages.push({ message, attempt: 1, words: words.join(', ') });
      }
      return {
        ...base,
        status:
          leader === 0 && replicas.length > 0
            ? 'no leader'
            : leader === 0
              ? ''
              : `led by ${trace.actorName(leader)}, epoch ${epoch}`,
        isTrouble: leader === 0 && replicas.length > 0,
        counts: [
          counted('log start', logStart),
          counted('log end', end),
          ...(hasWatermark ? [counted('high watermark', watermark)] : []),
          ...committed.flatMap((one) => [
            counted(`committed by ${trace.placeName(one.group)}`, one.offset),
            counted(`lag of ${trace.placeName(one.group)}`, topology.lag(partition, one.group)),
          ]),
          counted('bytes', partition.bytes),
        ],
        lists: [{ title: 'Records, newest first', count: end - logStart, messages }],
        related: replicas.map(({ node, end: replicaEnd }) => ({
          to: { type: 'actor', id: node },
          name: trace.actorName(node),
          words: `${node === leader ? 'leader' : ((inSync >>> replicaBit(trace.actorName(node))) & 1) === 1 ? 'in sync' : 'behind'}, ends at ${count(replicaEnd)}`,
        })),
      };
    }
    case 'exchange': {
      const exchange = topology.exchanges[id];
      return {
        ...base,
        counts: [counted('routed', exchange?.routed ?? 0), counted('without a route', exchange?.unroutable ?? 0, true)],
        lists: [],
        related: [],
      };
    }
    case 'group': {
      const group = topology.groups[id];
      return {
        ...base,
        status:
          group?.rebalancing === true
            ? 'rebalancing'
            : `${epochWord(run.scenario, place.name)} ${group?.generation ?? 0}`,
        isTrouble: group?.rebalancing === true,
        counts: [counted('members', group?.members.length ?? 0)],
        lists: [],
        related: (group?.assignment ?? []).map(({ partition, consumer }) => ({
          to: { type: 'place', id: partition },
          name: trace.placeName(partition),
          words: trace.actorName(consumer),
        })),
      };
    }
    default:
      return null;
  }
}

const STATUS: Readonly<Record<ActorStatus, (since: string, left: string, factor: number) => string>> = {
  unstarted: () => 'not started',
  up: () => 'up',
  down: (since) => `crashed ${since} ago`,
  paused: (_, left) => `stalled, ${left} more`,
  slow: (_, __, factor) => `${factor} times as slow`,
  stopped: (since) => `shut down ${since} ago`,
};

function handWords(step: string, sinceUs: Micros, endsUs: Micros, settled: boolean, now: Micros): string {
  const early = settled ? ', settled already' : '';
  if (step === 'begun' && endsUs > now) return `in work, ${seconds(endsUs - now)} more${early}`;
  if (step === 'received') return `waits for ${seconds(Math.max(0, now - sinceUs))}${early}`;
  return `${step} ${seconds(Math.max(0, now - sinceUs))} ago${early}`;
}

/** The last facts of an actor or a place that are told, newest first. The search goes back only so far. */
export function lastFacts({ trace }: ShownRun, what: Inspected, present: FactId, most: number): readonly FactId[] {
  const found: FactId[] = [];
  for (let id = present; id > 0 && id > present - FAR && found.length < most; id--) {
    const isMeant =
      what.type === 'actor' ? trace.actor(id) === what.id || trace.peer(id) === what.id : trace.place(id) === what.id;
    if (isMeant && FACTS[trace.name(id)].tone !== 'quiet') found.push(id);
  }
  return found;
}

const FAR = 20_000;

/** What the timeline had set anew of a thing until a moment, by the name of the setting. */
export function changedSettings(
  run: ShownRun,
  fact: FactId,
  { section, name }: Pick<SettingsOf, 'section' | 'name'>,
): ReadonlyMap<string, string> {
  const changed = new Map<string, string>();
  for (const id of run.index.changes) {
    if (id > fact) break;
    const entry: TimelineEntry | undefined = run.scenario.timeline[run.trace.value(id)];
    if (entry?.action.type !== 'set') continue;
    const { path } = entry.action;
    if (path[0] !== section || path[1] !== name) continue;
    changed.set(path.slice(2).join('.'), `${entry.label}, at ${clock(run.trace.time(id))}`);
  }
  return changed;
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
