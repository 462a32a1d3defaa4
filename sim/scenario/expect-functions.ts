/**
 * The metrics that an expectation, a goal, an alert or a scaling rule may name: one table, from which the evaluator reads the values and the
 * reference reads the sentences. Every value is that of one moment.
 */
import type { FactName } from '../../core/facts.ts';
import type { ActorId, ActorKind, PlaceId } from '../../core/types.ts';
import type { Histogram } from '../folds/histogram.ts';
import type { Metrics, PlaceMetrics } from '../folds/metrics.ts';
import type { Trace } from '../trace.ts';
import type { Unit } from './expect-syntax.ts';
import type { Scenario } from './types.ts';

/** What a name in a call stands for. `queue` also takes topics, their partitions and endpoints. */
export type ArgKind =
  | 'queue'
  | 'topic'
  | 'group'
  | 'store'
  | 'consumer'
  | 'producer'
  | 'broker'
  | 'attribute'
  | 'statistic'
  | 'row'
  | 'claim'
  | 'scope';

export interface Arg {
  readonly kind: ArgKind;
  readonly optional: boolean;
}

export interface MetricFunction {
  readonly unit: Unit;
  readonly args: readonly Arg[];
  /** One sentence for the reference. */
  readonly about: string;
  /** Facts that can change it; null when it changes with time or is costly, and is looked at 200 times in a run when asked over time. */
  readonly changes: readonly FactName[] | null;
  readonly value: (view: View, args: readonly string[]) => number;
  /**
   * For what is one sum per another (messages per second): the two sums. Where it is asked over time and in alerts, it is then that of the last 10 s
   * instead of that since the start.
   */
  readonly parts?: (view: View, args: readonly string[]) => { readonly sum: number; readonly per: number };
}

/** A run at one moment, with names looked up. */
export class View {
  readonly trace: Trace;
  readonly metrics: Metrics;
  readonly scenario: ExpectScenario;
  /** What names stood for when there were so many actors and places; both lists only grow. By kind, then name. */
  readonly #known = new Map<string, Map<string, readonly number[]>>();
  #size = 0;

  constructor(trace: Trace, metrics: Metrics, scenario: ExpectScenario) {
    this.trace = trace;
    this.metrics = metrics;
    this.scenario = scenario;
  }

  /** Queues, partitions and endpoints of that name, or of that topic; all of them for no name. */
  places(name = ''): readonly PlaceId[] {
    return this.#find('place', name, () =>
      this.trace.places
        .filter(({ kind }) => kind === 'queue' || kind === 'partition' || kind === 'endpoint')
        .filter((place) => name === '' || place.name === name || place.parent === name)
        .map(({ id }) => id),
    );
  }

  named(kind: 'group' | 'store', name: string): readonly PlaceId[] {
    return this.#find(kind === 'group' ? 'groups' : 'stores', name, () =>
      this.trace.places
        .filter((place) => place.kind === kind && (name === '' || place.name === name))
        .map(({ id }) => id),
    );
  }

  /** Actors of that name or declared name; all of that kind for no name. */
  actors(kind: ActorKind, name = ''): readonly ActorId[] {
    return this.#find(kind, name, () =>
      this.trace.actors
        .filter((actor) => actor.kind === kind && (name === '' || actor.name === name || actor.group === name))
        .map(({ id }) => id),
    );
  }

  #find(kind: string, name: string, search: () => number[]): readonly number[] {
    const size = this.trace.places.length + this.trace.actors.length;
    if (size !== this.#size) {
      this.#known.clear();
      this.#size = size;
    }
    let names = this.#known.get(kind);
    if (names === undefined) {
      names = new Map();
      this.#known.set(kind, names);
    }
    let found = names.get(name);
    if (found === undefined) {
      found = search();
      names.set(name, found);
    }
    return found;
  }
}

export type ExpectScenario = Pick<Scenario, 'consumers' | 'timeline' | 'durationUs'>;

export const STATISTICS = ['p50', 'p90', 'p95', 'p99', 'mean', 'min', 'max'] as const;

const QUEUE: Arg = { kind: 'queue', optional: false };
const ANY_QUEUE: Arg = { kind: 'queue', optional: true };
const ANY_TOPIC: Arg = { kind: 'topic', optional: true };
const ANY_STORE: Arg = { kind: 'store', optional: true };
const CONSUMER: Arg = { kind: 'consumer', optional: false };
const ANY_CONSUMER: Arg = { kind: 'consumer', optional: true };
const ANY_PRODUCER: Arg = { kind: 'producer', optional: true };

/** Everything that moves a message into, out of or within a queue or log. */
const MOVES: readonly FactName[] = [
  'appended',
  'became-visible',
  'delivered',
  'acked',
  'nacked',
  'lock-expired',
  'requeued',
  'dead-lettered',
  'redriven',
  'expired',
  'evicted',
  'lost',
  'log-start-moved',
  'truncated',
  'elected',
];
const WORK: readonly FactName[] = [
  'begun',
  'applied',
  'failed',
  'skipped',
  'settled',
  'deduplicated',
  'crashed',
  'stopped',
];
const HANDS: readonly FactName[] = [
  ...WORK,
  'received',
  'revoked',
  'sought',
  'connection-lost',
  'channel-closed',
  'started',
  'restarted',
];

export const FUNCTIONS: Readonly<Record<string, MetricFunction>> = {
  depth: ofPlaces(
    QUEUE,
    MOVES,
    'Messages stored in a queue: ready, delayed and in flight; records in a topic.',
    (view, id) => {
      const partition = view.metrics.topology.partitions[id];
      return partition === undefined
        ? (view.metrics.topology.queues[id]?.depth ?? 0)
        : partition.end - partition.logStart;
    },
  ),
  ready: ofPlaces(
    QUEUE,
    MOVES,
    'Messages of a queue that wait for a consumer.',
    (view, id) => view.metrics.topology.queues[id]?.ready ?? 0,
  ),
  inFlight: ofPlaces(
    QUEUE,
    MOVES,
    'Messages of a queue that are delivered and not settled.',
    (view, id) => view.metrics.topology.queues[id]?.locked ?? 0,
  ),
  delayed: ofPlaces(
    QUEUE,
    MOVES,
    'Messages of a queue whose delay is not over.',
    (view, id) => view.metrics.topology.queues[id]?.delayed ?? 0,
  ),
  age: {
    unit: 'duration',
    args: [QUEUE],
    about: 'How long the message at the head of a queue has been stored; 0 when nothing waits.',
    changes: null,
    value: (view, [queue]) => most(view.places(queue), (id) => view.metrics.ageOfOldestUs(id)),
  },
  lag: {
    unit: 'count',
    args: [{ kind: 'group', optional: false }, ANY_TOPIC],
    about:
      'Records that a consumer group has still to commit, over all partitions that it reads or those of one topic.',
    changes: ['appended', 'watermark-moved', 'committed', 'sought', 'log-start-moved', 'truncated', 'elected'],
    value: (view, [group, topic]) => {
      const { topology } = view.metrics;
      const topics = topic === undefined ? topicsOf(view, group ?? '') : [topic];
      const groupId = view.named('group', group ?? '')[0] ?? 0;
      let lag = 0;
      for (const name of topics) {
        for (const id of view.places(name)) {
          const partition = topology.partitions[id];
          if (partition !== undefined) lag += topology.lag(partition, groupId);
        }
      }
      return lag;
    },
  },
  sent: ofActors(
    'producer',
    ANY_PRODUCER,
    ['produced'],
    'Messages made by the producers, or by one.',
    (view, id) => view.metrics.topology.actors[id]?.produced ?? 0,
  ),
  confirmed: ofActors(
    'producer',
    ANY_PRODUCER,
    ['confirmed'],
    'Confirmations that the producers got, or one of them.',
    (view, id) => view.metrics.topology.actors[id]?.confirmed ?? 0,
  ),
  retried: ofActors(
    'producer',
    ANY_PRODUCER,
    ['retried'],
    'Times that a producer sent a message again.',
    (view, id) => view.metrics.topology.actors[id]?.retried ?? 0,
  ),
  gaveUp: ofActors(
    'producer',
    ANY_PRODUCER,
    ['gave-up'],
    'Messages that a producer gave up on.',
    (view, id) => view.metrics.topology.actors[id]?.gaveUp ?? 0,
  ),
  shed: ofActors(
    'producer',
    ANY_PRODUCER,
    ['shed'],
    'Messages that a producer dropped before sending them.',
    (view, id) => view.metrics.topology.actors[id]?.shed ?? 0,
  ),
  appended: counted('appended', ['appended'], 'Messages stored, in all or in one queue or topic.'),
  delivered: counted('delivered', ['delivered'], 'Deliveries, repeated ones included.'),
  redelivered: counted('redelivered', ['delivered'], 'Deliveries beyond the first of a message.'),
  requeued: counted('requeued', ['requeued'], 'Times that a message became ready again.'),
  settled: counted(
    'settled',
    ['acked', 'settled'],
    'Messages acked, or processed and marked as done where a log keeps them.',
  ),
  deadLettered: counted(
    'deadLettered',
    ['dead-lettered'],
    'Messages that were dead-lettered, in all or to one dead-letter queue; those moved back later count too.',
  ),
  expired: counted('expired', ['expired'], 'Messages removed because they were too old.'),
  evicted: counted('evicted', ['evicted'], 'Messages removed by a limit of length, by retention or by a purge.'),
  rejected: counted('rejected', ['rejected'], 'Times that a broker refused a message.'),
  applied: ofStores(
    ['applied'],
    'Messages whose first effect reached the store.',
    (view, id) => view.metrics.topology.stores[id]?.applied ?? 0,
  ),
  duplicates: ofStores(
    ['applied'],
    'Effects that changed the store again for the same message.',
    (view, id) => view.metrics.topology.stores[id]?.twice ?? 0,
  ),
  unchanged: ofStores(
    ['applied'],
    'Repeated effects that changed nothing.',
    (view, id) => view.metrics.topology.stores[id]?.unchanged ?? 0,
  ),
  refused: ofStores(
    ['applied'],
    'Effects that the store refused.',
    (view, id) => view.metrics.topology.stores[id]?.refused ?? 0,
  ),
  value: {
    unit: 'count',
    args: [
      { kind: 'store', optional: false },
      { kind: 'row', optional: false },
    ],
    about: 'The value of one row of a store; its name is the key of the messages that write it.',
    changes: ['applied'],
    value: (view, [store, key]) => view.metrics.row(view.named('store', store ?? '')[0] ?? 0, key ?? ''),
  },
  lost: {
    unit: 'count',
    args: [],
    about: 'Messages that are nowhere and had no effect.',
    changes: null,
    value: (view) => view.metrics.totals(view.trace).lost,
  },
  dropped: {
    unit: 'count',
    args: [],
    about: 'Messages without effect that a stated policy took away or that were refused.',
    changes: null,
    value: (view) => view.metrics.totals(view.trace).dropped,
  },
  outOfOrder: {
    unit: 'count',
    args: [{ kind: 'attribute', optional: false }],
    about:
      'First effects that came after the effect of a later message with the same attribute (`key` for the key), with the same queue or consumer group.',
    changes: ['applied'],
    value: (view, [attribute]) => view.metrics.outOfOrder(attribute ?? ''),
  },
  latency: spans(
    'latency',
    'Time from making a message to its first effect: p50, p90, p95, p99, mean, min or max of all so far.',
  ),
  waiting: spans(
    'waiting',
    'Time from storing a message to the beginning of the first work on it, as such a statistic of all so far.',
  ),
  throughput: perSecond('settled', 'Messages settled per second.'),
  arrivals: perSecond('appended', 'Messages stored per second.'),
  utilisation: {
    unit: 'share',
    args: [ANY_CONSUMER],
    about: 'Share of its time that a consumer spends at work; the mean of its instances.',
    changes: null,
    value: (view, [consumer]) => {
      const ids = view.actors('consumer', consumer);
      return ids.length === 0 ? 0 : total(ids, (id) => view.metrics.utilisation(view.trace, id)) / ids.length;
    },
    parts: (view, [consumer]) => {
      const ids = view.actors('consumer', consumer);
      return {
        sum: total(ids, (id) => view.metrics.workedUs(id) / view.metrics.concurrency(view.trace, id)),
        per: total(ids, (id) => view.metrics.startedForUs(id)),
      };
    },
  },
  busy: ofActors(
    'consumer',
    ANY_CONSUMER,
    WORK,
    'Messages being worked on by a consumer and its instances.',
    (view, id) => view.metrics.actor(id).working,
  ),
  held: ofActors(
    'consumer',
    CONSUMER,
    HANDS,
    'Messages in the hands of a consumer and its instances: prefetched, at work, or done and not settled.',
    (view, id) => view.metrics.topology.actors[id]?.hand.length ?? 0,
  ),
  owned: ofActors(
    'consumer',
    CONSUMER,
    ['assigned', 'revoked', 'left'],
    'Partitions that a consumer owns, instances added up.',
    (view, id) => view.metrics.topology.owned(id).length,
  ),
  processed: ofActors(
    'consumer',
    CONSUMER,
    ['settled'],
    'Messages that a consumer has settled itself.',
    (view, id) => view.metrics.actor(id).settled,
  ),
  instances: ofActors(
    'consumer',
    CONSUMER,
    ['started', 'restarted', 'crashed', 'stopped'],
    'Instances of a consumer that are up.',
    (view, id) => {
      const status = view.metrics.topology.actors[id]?.status ?? 'unstarted';
      return status === 'unstarted' || status === 'down' || status === 'stopped' ? 0 : 1;
    },
  ),
  errors: ofActors(
    'consumer',
    ANY_CONSUMER,
    ['failed'],
    'Times that a handler failed.',
    (view, id) => view.metrics.actor(id).failed,
  ),
  errorRate: {
    unit: 'share',
    args: [],
    about: 'Share of begun messages whose handler failed.',
    changes: null,
    value: (view) => (view.metrics.begun === 0 ? 0 : view.metrics.failed / view.metrics.begun),
    parts: (view) => ({ sum: view.metrics.failed, per: view.metrics.begun }),
  },
  elections: {
    unit: 'count',
    args: [ANY_TOPIC],
    about: 'Leaders elected after the first.',
    changes: ['elected'],
    value: (view, [topic]) => total(view.places(topic), (id) => view.metrics.place(id).elections),
  },
  replicationLag: {
    unit: 'count',
    args: [ANY_TOPIC],
    about: 'Records by which the slowest replica of a partition is behind its leader.',
    changes: ['appended', 'replicated', 'truncated', 'elected'],
    value: (view, [topic]) => most(view.places(topic), (id) => view.metrics.replicationLag(id)),
  },
  downtime: {
    unit: 'duration',
    args: [{ kind: 'broker', optional: false }],
    about: 'How long a broker node was down; the longest of its nodes where the name is a broker.',
    changes: null,
    value: (view, [broker]) => most(view.actors('broker', broker), (id) => view.metrics.downtimeUs(id)),
  },
  disk: ofPlaces(QUEUE, MOVES, 'Bytes stored in a queue or topic, on one replica.', (view, id) =>
    view.metrics.bytes(id),
  ),
  verdict: {
    unit: 'verdict',
    args: [
      { kind: 'claim', optional: false },
      { kind: 'scope', optional: true },
    ],
    about:
      'What came out for a claim: `holds`, `violated`, `allowed`, `undecided` or `not-exercised`. Only compared with == and !=.',
    changes: null,
    value: () => 0,
  },
};

function total(ids: readonly number[], of: (id: number) => number): number {
  let sum = 0;
  for (const id of ids) sum += of(id);
  return sum;
}

function most(ids: readonly number[], of: (id: number) => number): number {
  let highest = 0;
  for (const id of ids) highest = Math.max(highest, of(id));
  return highest;
}

function ofPlaces(
  arg: Arg,
  changes: readonly FactName[],
  about: string,
  of: (view: View, id: PlaceId) => number,
): MetricFunction {
  return {
    unit: 'count',
    args: [arg],
    about,
    changes,
    value: (view, [name]) => total(view.places(name), (id) => of(view, id)),
  };
}

function ofActors(
  kind: ActorKind,
  arg: Arg,
  changes: readonly FactName[],
  about: string,
  of: (view: View, id: ActorId) => number,
): MetricFunction {
  return {
    unit: 'count',
    args: [arg],
    about,
    changes,
    value: (view, [name]) => total(view.actors(kind, name), (id) => of(view, id)),
  };
}

function ofStores(
  changes: readonly FactName[],
  about: string,
  of: (view: View, id: PlaceId) => number,
): MetricFunction {
  return {
    unit: 'count',
    args: [ANY_STORE],
    about,
    changes,
    // Without a name, effects at the consumers themselves (place 0) count too.
    value: (view, [name]) =>
      total(view.named('store', name ?? ''), (id) => of(view, id)) + (name === undefined ? of(view, 0) : 0),
  };
}

type Counted =
  | 'appended'
  | 'delivered'
  | 'redelivered'
  | 'requeued'
  | 'settled'
  | 'deadLettered'
  | 'expired'
  | 'evicted'
  | 'rejected';

function counted(what: Counted & keyof PlaceMetrics, changes: readonly FactName[], about: string): MetricFunction {
  return {
    unit: 'count',
    args: [ANY_QUEUE],
    about,
    changes,
    // What names no place was counted at place 0.
    value: (view, [name]) =>
      total(view.places(name), (id) => view.metrics.place(id)[what]) +
      (name === undefined ? view.metrics.place(0)[what] : 0),
  };
}

function perSecond(what: 'settled' | 'appended', about: string): MetricFunction {
  const sum = (view: View, name: string | undefined): number =>
    total(view.places(name), (id) => view.metrics.place(id)[what]);
  return {
    unit: 'rate',
    args: [ANY_QUEUE],
    about,
    changes: null,
    value: (view, [name]) => (view.metrics.nowUs === 0 ? 0 : (sum(view, name) * 1_000_000) / view.metrics.nowUs),
    parts: (view, [name]) => ({ sum: sum(view, name), per: view.metrics.nowUs / 1_000_000 }),
  };
}

function spans(what: 'latency' | 'waiting', about: string): MetricFunction {
  return {
    unit: 'duration',
    args: [{ kind: 'statistic', optional: false }, ANY_QUEUE],
    about,
    changes: null,
    value: (view, [statistic, name]) => {
      if (name === undefined) return statisticOf(view.metrics[what], statistic ?? '');
      const ids = view.places(name);
      if (ids.length === 1) return statisticOf(view.metrics.place(ids[0] as number)[what], statistic ?? '');
      return statisticOf(view.metrics.merged(ids, what), statistic ?? '');
    },
  };
}

function statisticOf(histogram: Histogram, statistic: string): number {
  if (statistic === 'mean') return histogram.mean;
  if (statistic === 'min') return histogram.min;
  if (statistic === 'max') return histogram.max;
  return histogram.percentile(Number(statistic.slice(1)) / 100);
}

function topicsOf(view: View, group: string): readonly string[] {
  const topics = new Set<string>();
  for (const consumer of Object.values(view.scenario.consumers)) {
    if (consumer.group === group) for (const name of consumer.from) topics.add(name);
  }
  return [...topics];
}
