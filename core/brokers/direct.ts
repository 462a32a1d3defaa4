/**
 * Direct call: no queue at all, the synchronous baseline that a queue is compared with. A producer calls endpoints and waits for each answer; a consumer
 * serves the calls of one endpoint. There is no broker process: nothing stores a message, so what nobody answers is gone with its caller.
 * What lies between the two is a registry that knows which instances are up, as a load balancer with health checks does.
 */
import { backoffOptions } from '../clients/backoff.ts';
import { DirectConsumerPort } from '../clients/direct-consumer-port.ts';
import { DirectProducerPort } from '../clients/direct-producer-port.ts';
import type { Setup, Wire } from '../machine.ts';
import type { OptionTable } from '../options.ts';
import type { ActorId, Message, PlaceId } from '../types.ts';
import type { BrokerKind } from './kind.ts';

/** One call of one endpoint. */
export interface Call extends Wire {
  readonly type: 'call';
  readonly endpoint: string;
  readonly message: Message;
  /** Chosen by the caller; comes back in the answer. */
  readonly token: number;
  /** How often the caller has called this endpoint for this message, from 1. */
  readonly attempt: number;
  readonly sizeBytes: number;
}

/** `ok` false: `reason` is a code of R, and `definite` says that the call surely had no effect. */
export interface Answer extends Wire {
  readonly type: 'answer';
  readonly token: number;
  readonly ok: boolean;
  readonly reason: number;
  readonly definite: boolean;
}

interface Endpoint {
  readonly place: PlaceId;
  /** Instances that are up, in the order of their starting. */
  readonly up: ActorId[];
  /** Instances that are registered, up or not. */
  readonly known: ActorId[];
}

/** A caller asks an instance whether it is well. */
export interface HealthCheck extends Wire {
  readonly type: 'health';
  readonly endpoint: string;
}

/** `ok` false: it is up and full. */
export interface HealthAnswer extends Wire {
  readonly type: 'health-answer';
  readonly endpoint: string;
  readonly ok: boolean;
}

/** Which instances serve which endpoint. An instance that starts is called at once; one that is down is not called any more. */
export class Registry {
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #setup: Setup;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  /** The endpoint of this name; it exists as soon as anybody names it. */
  endpoint(name: string): Endpoint {
    let endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) {
      endpoint = { place: this.#setup.place(name, 'endpoint'), up: [], known: [] };
      this.#endpoints.set(name, endpoint);
    }
    return endpoint;
  }

  enter(name: string, instance: ActorId): void {
    const { up, known } = this.endpoint(name);
    if (!up.includes(instance)) up.push(instance);
    if (!known.includes(instance)) known.push(instance);
  }

  /** It is shut down for good, and says so. */
  deregister(name: string, instance: ActorId): void {
    const { known } = this.endpoint(name);
    const i = known.indexOf(instance);
    if (i >= 0) known.splice(i, 1);
  }

  leave(name: string, instance: ActorId): void {
    const { up } = this.endpoint(name);
    const i = up.indexOf(instance);
    if (i >= 0) up.splice(i, 1);
  }
}

const PRODUCER_OPTIONS: OptionTable = {
  timeout: {
    type: 'duration',
    unit: 'ms',
    default: 30_000_000,
    min: 1000,
    doc: 'How long the caller waits for the answer of one endpoint. After that the outcome is unknown: the work may have been done.',
    source: 'HTTP client: request timeout',
  },
  retries: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 1_000_000,
    doc: 'How often a call that failed or timed out is tried again, at the next instance. 0: the first failure ends it.',
    source: 'HTTP client: retry policy',
  },
  'retry-backoff': {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before the first retry.',
    source: 'HTTP client: retry policy',
  },
  ...backoffOptions('retry-', 'exponential', 20_000_000),
  'health-check-interval': {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    doc: 'How often the caller asks each instance whether it is well; a question that is not answered until the next one, or with no because the instance is full, is a failed check. 0: the caller knows at once who is up.',
    source: 'load balancers: active health checks',
  },
  'unhealthy-threshold': {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    doc: 'After so many failed checks in a row an instance is not called any more.',
    source: 'load balancers: active health checks',
  },
  'healthy-threshold': {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    doc: 'After so many passed checks in a row it is called again.',
    source: 'load balancers: active health checks',
  },
};

const CONSUMER_OPTIONS: OptionTable = {
  backlog: {
    type: 'integer',
    default: 100,
    min: 0,
    max: 1_000_000,
    doc: 'How many calls may wait at one instance while it is busy. Beyond that it refuses at once: over capacity. An instance that answers before it works lets one wait at least.',
    source: 'listen(2): backlog',
  },
};

export const direct: BrokerKind = {
  kind: 'direct',
  title: 'Direct call',
  about:
    'No queue at all: the producer calls the consumers one after the other and waits for each answer. Its latency is the sum of theirs, and each of them must be up.',
  options: {},
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'reject',
  lacks: {
    fill: 'A direct call stores nothing, on no disk.',
    VisibilityTimeout: 'A direct call has no lock: the caller waits, for `timeout` at the longest.',
    RedrivePolicy: 'A direct call has no dead-letter queue: what fails is the caller’s to deal with (`retries`).',
    partitions: 'A direct call has no partitions: each call goes to the next instance in turn.',
    acks: 'A direct call has no acks: its answer is the confirmation.',
    prefetch: 'Calls are not fetched: they arrive, and up to `backlog` of them wait at an instance.',
    'x-message-ttl': 'A direct call stores nothing that could expire; it has `timeout`.',
    'x-max-length': 'A direct call has no queue; `backlog` limits the calls that wait at an instance.',
    'auto.offset.reset': 'A direct call stores nothing: nothing can be replayed.',
  },
  simplifications: [
    'Callers know at once which instances are up, unless they have a health-check-interval: then they know what the last checks said, each caller for itself.',
    'An answer has the size of a small frame whatever the endpoint returns.',
  ],
  build(_spec, setup) {
    const registry = new Registry(setup);
    return {
      nodes: [],
      streams: false,
      nodesFor: () => [],
      producerPort: (port, host) => new DirectProducerPort(registry, port, host, setup),
      consumerPort: (port, host) => new DirectConsumerPort(registry, port, host),
    };
  },
};
