/** Hosts for Kafka's ports on a bench: a producer that notes what it is told, and a consumer that settles when the test says so. */
import type { ConsumerPort, ProducerPort } from '../../../core/clients/ports.ts';
import type { Out, Wire } from '../../../core/machine.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { ActorId, Delivery, Settlement } from '../../../core/types.ts';
import type { KafkaBench } from '../brokers/kafka-bench.ts';

/** A producer port on the bench, and what its host was told. */
export class TestProducer {
  readonly told: string[] = [];
  port!: ProducerPort;

  constructor(bench: KafkaBench, name: string, options: OptionValues = {}) {
    const host = {
      confirmed: ({ id }: { id: number }, _place: number, offset: number) =>
        this.told.push(`m${id} confirmed @${offset}`),
      failed: ({ id }: { id: number }, _reason: number, definite: boolean) =>
        this.told.push(`m${id} failed${definite ? '' : '?'}`),
      retrying: ({ id }: { id: number }, attempt: number) => this.told.push(`m${id} attempt ${attempt}`),
    };
    bench.setup.actor(
      name,
      'producer',
      machineOf(() => this.port),
    );
    this.port = bench.cluster.producerPort(
      { name, declared: name, instance: 1, options, to: ['rides'] },
      host,
      bench.setup,
    );
  }
}

/** A consumer port on the bench that settles each delivery when the test says so. */
export class TestConsumer {
  readonly got: Delivery[] = [];
  port!: ConsumerPort;
  readonly #bench: KafkaBench;
  readonly #name: string;

  constructor(bench: KafkaBench, name: string, options: OptionValues = {}) {
    this.#bench = bench;
    this.#name = name;
    const host = {
      deliver: (deliveries: readonly Delivery[]) => this.got.push(...deliveries),
      settled: () => undefined,
      revoked: () => undefined,
      disconnected: () => undefined,
    };
    bench.setup.actor(
      name,
      'consumer',
      machineOf(
        () => this.port,
        (out) => this.port.room(1, out),
      ),
    );
    const spec = {
      name,
      declared: name,
      instance: 1,
      from: ['rides'],
      group: 'billing',
      settle: 'after-processing' as const,
      prefetch: 1,
    };
    this.port = bench.cluster.consumerPort(
      { ...spec, options: { 'auto.offset.reset': 'earliest', ...options } },
      host,
      bench.setup,
    );
  }

  get ids(): number[] {
    return this.got.map(({ message }) => message.id);
  }

  /** Settles everything from the given delivery on, and asks for more. */
  finish(from = 0, how: Settlement = 'ack'): void {
    const out = this.#bench.say(this.#name);
    for (const delivery of this.got.slice(from)) this.port.settle(delivery, how, out);
    this.port.room(1, out);
  }
}

function machineOf(port: () => ProducerPort | ConsumerPort, started: (out: Out) => void = () => undefined) {
  return {
    start(out: Out) {
      port().start(out);
      started(out);
    },
    receive: (from: ActorId, wire: Wire, out: Out) => port().receive(from, wire, out),
    timer: (wire: Wire, out: Out) => port().timer(wire, out),
    crash: () => port().crash(),
    restart(out: Out) {
      port().start(out);
      started(out);
    },
    peerLost: (peer: ActorId, out: Out) => port().peerLost?.(peer, out),
  };
}
