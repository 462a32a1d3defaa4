/**
 * What the systems of all brokers have in common: a producer that stops early, workers with one of many ways to settle, an effect, a network, poison
 * that is repaired, and a schedule of faults. A broker's file adds its places and its clients' options.
 */
import fc from 'fast-check';
import { BROKERS } from '../../core/brokers/index.ts';
import type { Document } from './document.ts';
import { type Cast, type Fault, faults, lineOf } from './faults.ts';

/** What is drawn for every broker. */
export interface Common {
  readonly seed: number;
  readonly messages: number;
  readonly rate: string;
  readonly keys: number;
  readonly makers: number;
  readonly workers: number;
  readonly process: string;
  readonly settle: 'after-processing' | 'before-processing' | 'on-delivery';
  readonly effect: 'increment' | 'set' | 'insert' | 'none';
  readonly concurrency: number;
  /** Only RabbitMQ hands out ahead. */
  readonly prefetch: number;
  readonly dedup: Document | null;
  readonly fail: string;
  readonly onFailure: string | null;
  readonly crash: Document | null;
  readonly poison: number;
  readonly onPoison: 'fail' | 'crash';
  readonly latency: string;
  readonly faults: readonly Fault[];
}

/** Often the first, sometimes one of the others; shrinks to the first. */
export function mostly<T>(first: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 2, arbitrary: fc.constant(first) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
}

export const common: fc.Arbitrary<Common> = fc.record({
  seed: fc.nat({ max: 999 }),
  messages: fc.integer({ min: 3, max: 30 }),
  rate: fc.constantFrom('2/s', '1/s', '10/s', '50/s', 'poisson 5/s'),
  keys: fc.constantFrom(0, 1, 3),
  makers: mostly(1, 2),
  workers: fc.integer({ min: 1, max: 3 }),
  process: fc.constantFrom('200ms', '10ms', '1s', '100ms..2s', '50ms..400ms'),
  settle: mostly('after-processing', 'before-processing', 'on-delivery'),
  effect: fc.constantFrom('insert', 'increment', 'set', 'none'),
  concurrency: mostly(1, 2, 4),
  prefetch: mostly(1, 3, 10),
  dedup: mostly<Document | null>(
    null,
    { window: '10m', durable: true },
    { window: '10m' },
    { window: '3s', durable: true },
  ),
  fail: mostly('0', '20%'),
  onFailure: mostly<string | null>(null, 'leave', 'requeue', 'reject', 'skip'),
  crash: mostly<Document | null>(
    null,
    { probability: '10%', step: 'received', restart: '2s' },
    { probability: '10%', step: 'begun', restart: '2s' },
    { probability: '10%', step: 'applied', restart: '2s' },
    { probability: '10%', step: 'settled', restart: '2s' },
  ),
  poison: mostly(0, 1, 2),
  onPoison: mostly('fail', 'crash'),
  latency: fc.constantFrom('1ms..5ms', '0ms', '20ms..80ms', '10ms..300ms'),
  faults,
});

/** When the queue is emptied, if it is. */
export const purging: fc.Arbitrary<Document | null> = mostly<Document | null>(
  null,
  { at: '7s' },
  { at: '12s' },
  { when: 'appended', nth: 6 },
  { when: 'delivered', nth: 4 },
);

/** Names of the instances of a declared client. */
export function instances(name: string, count: number): readonly string[] {
  return count === 1 ? [name] : Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);
}

/** What a broker adds to the common part. */
export interface Particular {
  readonly broker: string | Document;
  /** `queues:`, `topics:`, `exchanges:`. */
  readonly places: Document;
  readonly to: string;
  readonly from: string;
  readonly producer: Document;
  readonly consumer: Document;
  /** Beside the maker and the worker. */
  readonly consumers?: Document;
  /** When `from` is emptied; a queue only. */
  readonly purged?: Document | null;
  /** What becomes of the broker's things meanwhile. */
  readonly timeline?: readonly Document[];
  readonly nodes: readonly string[];
  readonly nodeSteps: readonly string[];
}

/** Until when the poison is poison: the handler is repaired then. */
const REPAIRED = '45s';

export function systemOf(drawn: Common, own: Particular): Document {
  const makers = instances('maker', drawn.makers);
  const workers = instances('worker', drawn.workers);
  const kind = String(typeof own.broker === 'string' ? own.broker : own.broker['kind']);
  const haveDisks = own.nodes.every((node) => BROKERS[kind]?.hasDisk?.(node) === true);
  const cast: Cast = { makers, workers, nodes: own.nodes, haveDisks, nodeSteps: own.nodeSteps };
  const poison: Document[] =
    drawn.poison === 0
      ? []
      : [
          { at: '6s', poison: 'maker', messages: drawn.poison },
          ...['worker', ...Object.keys(own.consumers ?? {})].map((fix) => ({ at: REPAIRED, fix })),
        ];
  const purge = (own.purged ?? null) === null ? [] : [{ ...own.purged, purge: own.from }];
  const timeline = [...poison, ...purge, ...(own.timeline ?? []), ...drawn.faults.map((fault) => lineOf(fault, cast))];
  return {
    title: 'A generated system',
    broker: own.broker,
    seed: drawn.seed,
    duration: '300s',
    ...own.places,
    producers: {
      maker: {
        to: own.to,
        ...(drawn.makers > 1 ? { count: drawn.makers } : {}),
        rate: drawn.rate,
        messages: drawn.messages,
        start: '5s',
        ...(drawn.keys > 0 ? { key: 'user', attributes: { user: drawn.keys } } : {}),
        ...own.producer,
      },
    },
    consumers: {
      worker: {
        from: own.from,
        ...(drawn.workers > 1 ? { count: drawn.workers } : {}),
        process: drawn.process,
        ...(drawn.settle === 'after-processing' ? {} : { settle: drawn.settle }),
        effect: drawn.effect === 'none' ? 'none' : { [drawn.effect]: 'results' },
        ...(drawn.concurrency > 1 ? { concurrency: drawn.concurrency } : {}),
        ...(drawn.dedup === null ? {} : { dedup: drawn.dedup }),
        ...(drawn.fail === '0' ? {} : { fail: drawn.fail }),
        ...(drawn.onFailure === null ? {} : { 'on-failure': drawn.onFailure }),
        ...(drawn.crash === null ? {} : { crash: drawn.crash }),
        ...(drawn.poison > 0 && drawn.onPoison === 'crash' ? { 'on-poison': 'crash' } : {}),
        ...own.consumer,
      },
      ...own.consumers,
    },
    network: { latency: drawn.latency },
    ...(timeline.length > 0 ? { timeline } : {}),
  };
}
