/** The smallest scenario around a hand-made trace: one broker, and whatever settings a test names. */
import type { ConsumerSpec, ProducerSpec, Scenario } from '../../../sim/scenario/types.ts';
import { USUAL } from '../../core/clients/usual.ts';

export function scenario(kind: string, parts: Partial<Scenario> = {}): Scenario {
  return {
    title: 'a test',
    story: '',
    brokers: { broker: { kind, options: {} } },
    seed: '1',
    durationUs: 100_000_000,
    queues: {},
    topics: {},
    exchanges: {},
    producers: {},
    consumers: {},
    stores: {},
    network: {
      latency: { type: 'constant', us: 0 },
      loss: {},
      duplicate: {},
      reorder: {},
      reorderDelayUs: 0,
      bytesPerSecond: 0,
      links: [],
    },
    timeline: [],
    claims: [],
    expect: [],
    exercised: [],
    alerts: [],
    autoscale: [],
    captions: [],
    limits: { messages: 1000, facts: 10_000 },
    exercise: null,
    ...parts,
  };
}

export function producer(parts: Partial<ProducerSpec> = {}): ProducerSpec {
  return {
    broker: 'broker',
    to: ['jobs'],
    count: 1,
    perSecond: 1,
    arrivals: 'even',
    messages: 0,
    startUs: 0,
    stopUs: 100_000_000,
    send: [],
    key: null,
    attributes: {},
    routingKey: '',
    amount: 1,
    sizeBytes: 100,
    poisonProbability: 0,
    buffer: 0,
    whenFull: 'drop',
    sequenced: false,
    effect: { type: 'none', store: '' },
    publish: 'after-effect',
    outbox: { everyUs: 100_000, batch: 10 },
    writeTimeoutUs: 5_000_000,
    retry: null,
    options: {},
    ...parts,
  };
}

export function consumer(parts: Partial<ConsumerSpec> = {}): ConsumerSpec {
  return {
    broker: 'broker',
    from: ['jobs'],
    group: 'c',
    count: 1,
    ...USUAL,
    effect: { type: 'increment', store: 'rows' },
    options: {},
    ...parts,
  };
}
