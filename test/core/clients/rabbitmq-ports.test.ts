/** The RabbitMQ clients' ports against a real node, hop by hop: what is lost, when the connection breaks, and what comes of it. */
import { describe, expect, test } from 'vitest';
import { RabbitNode } from '../../../core/brokers/rabbitmq-node.ts';
import type { ClientFrame, ClientMethod, Opened } from '../../../core/brokers/rabbitmq-verbs.ts';
import type { ConsumerPort, ProducerPort } from '../../../core/clients/ports.ts';
import { RabbitConsumerPort } from '../../../core/clients/rabbitmq-consumer-port.ts';
import { RabbitProducerPort } from '../../../core/clients/rabbitmq-producer-port.ts';
import { REASONS } from '../../../core/facts.ts';
import type { Machine, Wire } from '../../../core/machine.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';
import type { Delivery } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const CLIENT = 7;
const NODE = 3;

/** A node and one client; hops take no time, unless `lose` names the type of a wire that is lost from now on. */
class Pair {
  readonly broker = new MachineBench();
  readonly client = new MachineBench();
  readonly node: RabbitNode;
  readonly heard: string[] = [];
  readonly held: Delivery[] = [];
  /** When the client asked for a connection, in ms. */
  readonly asked: number[] = [];
  lose: string | null = null;
  #port: ProducerPort | ConsumerPort | null = null;

  constructor(args: HeaderTable = {}) {
    const settings = { version: '4.2', heartbeatUs: 60_000_000, consumerTimeoutUs: -1, flushUs: 5_000 };
    this.node = this.broker.start(new RabbitNode(settings, (name) => this.broker.setup.place(name, 'queue')));
    this.node.addQueue({ name: 'jobs', durable: true, autoDelete: false, arguments: args });
  }

  produce(options: OptionValues): (message: number) => void {
    const port = new RabbitProducerPort(
      [NODE],
      { name: 'shop', declared: 'shop', instance: 1, options, to: ['jobs'] },
      [{ exchange: '', routingKey: 'jobs', place: 1 }],
      [],
      {
        confirmed: (message, _place, _offset, told) => this.heard.push(`${told ? 'confirmed' : 'sent'} m${message.id}`),
        failed: (message, reason, definite) =>
          this.heard.push(`failed m${message.id} (${REASONS[reason]}), ${definite ? 'surely' : 'perhaps'} not stored`),
        retrying: (message, attempt, reason) =>
          this.heard.push(`retry ${attempt} of m${message.id} (${REASONS[reason]})`),
      },
      this.client.setup,
    );
    this.#start(port);
    return (message) => {
      while (this.client.messages.length < message) this.client.message();
      const found = this.client.messages[message - 1];
      if (found !== undefined) port.publish(found, this.client.out);
      this.settle();
    };
  }

  consume(prefetch: number, settle: 'after-processing' | 'on-delivery' = 'after-processing'): RabbitConsumerPort {
    const port = new RabbitConsumerPort(
      [NODE],
      { name: 'w', declared: 'w', instance: 1, options: {}, from: ['jobs'], group: 'w', settle, prefetch },
      [{ name: 'jobs', stream: false }],
      0,
      [],
      {
        deliver: (deliveries) => {
          for (const delivery of deliveries) {
            this.held.push(delivery);
            this.heard.push(`got m${delivery.message.id}${delivery.attempt > 1 ? ` attempt ${delivery.attempt}` : ''}`);
          }
        },
        settled: (delivery, ok) => this.heard.push(`${ok ? 'settled' : 'could not settle'} m${delivery.message.id}`),
        revoked: () => {},
        disconnected: () => this.heard.push('disconnected'),
      },
      this.client.setup,
    );
    this.#start(port);
    return port;
  }

  /** Puts transient messages into the queue from elsewhere. */
  fill(messages: number): void {
    const publishes = Array.from({ length: messages }, (): ClientMethod => {
      const body = this.client.message();
      return {
        type: 'basic.publish',
        channel: 'x',
        exchange: '',
        routingKey: 'jobs',
        properties: {},
        body,
        sizeBytes: 1,
      };
    });
    this.elsewhere(...publishes);
  }

  /** Another client connects, says these methods on a channel `x`, and stays. */
  elsewhere(...methods: readonly ClientMethod[]): void {
    this.broker.receive(99, { type: 'connection.open', request: 1 } as Wire);
    const opened = this.broker.takeSent().find(({ to }) => to === 99)?.wire as Opened;
    const { connection } = opened;
    [{ type: 'channel.open', channel: 'x' } as const, ...methods].forEach((method, index) => {
      const frame: ClientFrame = { ...method, connection, frame: index + 1 };
      this.broker.receive(99, frame);
    });
    this.settle();
  }

  /** Lets both go on until nothing more is said, then time on both sides. */
  wait(ms: number): void {
    for (let step = 0; step < ms; step += 5) {
      this.broker.wait(5_000);
      this.client.wait(5_000);
      this.settle();
    }
  }

  settle(): void {
    for (;;) {
      const there = this.client.takeSent();
      const back = this.broker.takeSent().filter(({ to }) => to === CLIENT);
      if (there.length + back.length === 0) return;
      for (const { wire, atUs } of there) if (wire.type === 'connection.open') this.asked.push(atUs / 1000);
      for (const { wire } of there) if (wire.type !== this.lose) this.broker.receive(CLIENT, wire);
      for (const { wire } of back) if (wire.type !== this.lose) this.client.receive(NODE, wire);
    }
  }

  /** Both ends learn that the stream is broken. */
  cut(): void {
    this.lose = null;
    this.client.takeSent();
    this.broker.takeSent();
    this.node.peerLost(CLIENT, this.broker.out);
    this.#port?.peerLost?.(NODE, this.client.out);
    this.settle();
  }

  restartNode(): void {
    this.broker.crash();
    this.node.restart(this.broker.out);
    this.cut();
  }

  take(): string {
    return this.heard.splice(0).join(', ');
  }

  depth(): string {
    const stats = this.node.stats('jobs');
    return `${stats?.ready}+${stats?.unacked}`;
  }

  #start(port: ProducerPort | ConsumerPort): void {
    this.#port = port;
    const machine: Machine = {
      start: (out) => port.start(out),
      receive: (from, wire, out) => port.receive(from, wire, out),
      timer: (wire, out) => port.timer(wire, out),
      crash: () => port.crash(),
      restart: (out) => port.start(out),
    };
    this.client.start(machine);
    this.settle();
  }
}

describe('a producer with confirms', () => {
  test('hears of a persistent message after its flush', () => {
    const pair = new Pair();
    const publish = pair.produce({ confirms: true, delivery_mode: 2 });
    publish(1);
    publish(2);
    expect(pair.take()).toBe('');
    pair.wait(5);
    expect(pair.take()).toBe('confirmed m1, confirmed m2');
  });

  test('sends again when the confirm was lost with the connection, so the message is stored twice', () => {
    const pair = new Pair();
    const publish = pair.produce({ confirms: true });
    pair.lose = 'basic.ack';
    publish(1);
    pair.cut();
    pair.wait(5_000);
    expect(pair.take()).toBe('retry 2 of m1 (connection lost), confirmed m1');
    expect(pair.depth()).toBe('2+0');
  });

  test('sends again after the confirm timeout, and gives up not knowing when the retries are used up', () => {
    const pair = new Pair();
    const publish = pair.produce({ confirms: true, confirm_timeout: 1_000_000, retries: 1 });
    pair.lose = 'basic.ack';
    publish(1);
    pair.wait(1_000);
    expect(pair.take()).toBe('retry 2 of m1 (timed out)');
    pair.wait(1_000);
    expect(pair.take()).toBe('failed m1 (timed out), perhaps not stored');
  });

  test('backs off after a nack, and knows that nothing was stored', () => {
    const pair = new Pair({ 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    const publish = pair.produce({ confirms: true, retries: 1, retry_backoff: 100_000 });
    publish(1);
    publish(2);
    pair.wait(100);
    expect(pair.take()).toBe('confirmed m1, retry 2 of m2 (nacked), failed m2 (nacked), surely not stored');
  });

  test.each([
    ['fixed', 'none', [100, 200, 300, 400]],
    ['exponential', 'none', [100, 300, 550, 800]],
    ['exponential', 'equal', [50, 150, 275, 400]],
  ])('after nacks in a row waits by its growth %s and jitter %s', (growth, jitter, at) => {
    const pair = new Pair({ 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    const publish = pair.produce({
      confirms: true,
      retry_backoff: 100_000,
      retry_growth: growth,
      retry_max: 250_000,
      retry_jitter: jitter,
    });
    publish(1);
    const times: number[] = [];
    for (let ms = 5; times.length < 4 && ms < 2_000; ms += 5) {
      pair.wait(5);
      if (pair.take() !== '') times.push(ms);
    }
    expect(times).toEqual(at);
  });

  test.each([
    [{ network_recovery_growth: 'fixed' }, [0, 5_000, 10_000, 15_000, 20_000]],
    [{ network_recovery_growth: 'exponential', network_recovery_max: 15_000_000 }, [0, 5_000, 15_000, 30_000, 45_000]],
  ])('asks for a connection again as its options %j say', (options, at) => {
    const pair = new Pair();
    pair.lose = 'connection.open-ok';
    pair.produce(options);
    pair.wait(45_000);
    expect(pair.asked.slice(0, 5)).toEqual(at);
  });

  test('begins its waits anew once it had a connection', () => {
    const pair = new Pair();
    pair.lose = 'connection.open-ok';
    pair.produce({ network_recovery_growth: 'exponential' });
    pair.wait(14_000);
    pair.lose = null;
    pair.wait(2_000);
    pair.cut();
    pair.wait(6_000);
    expect(pair.asked).toEqual([0, 5_000, 15_000, 21_000]);
  });

  test('waits longer from one refusal of its channel to the next', () => {
    const pair = new Pair();
    pair.elsewhere({ type: 'queue.delete', channel: 'x', queue: 'jobs' });
    const opened: number[] = [];
    const port = new RabbitConsumerPort(
      [NODE],
      {
        name: 'w',
        declared: 'w',
        instance: 1,
        options: { network_recovery_growth: 'exponential' },
        from: ['jobs'],
        group: 'w',
        settle: 'after-processing',
        prefetch: 1,
      },
      [{ name: 'jobs', stream: false }],
      0,
      [],
      {
        deliver: () => {},
        settled: () => {},
        revoked: () => {},
        disconnected: () => opened.push(pair.client.nowUs / 1000),
      },
      pair.client.setup,
    );
    pair.client.start({
      start: (out) => port.start(out),
      receive: (from, wire, out) => port.receive(from, wire, out),
      timer: (wire, out) => port.timer(wire, out),
      crash: () => port.crash(),
      restart: (out) => port.start(out),
    });
    pair.settle();
    pair.wait(36_000);
    expect(opened).toEqual([0, 5_000, 15_000, 35_000]);
  });

  test('keeps messages while there is no connection, and sends them in order', () => {
    const pair = new Pair();
    const publish = pair.produce({ confirms: true });
    pair.cut();
    publish(1);
    publish(2);
    expect(pair.take()).toBe('');
    pair.wait(5_000);
    expect(pair.take()).toBe('confirmed m1, confirmed m2');
  });
});

test('a producer without confirms never learns of a loss', () => {
  const pair = new Pair();
  const publish = pair.produce({});
  pair.lose = 'basic.publish';
  publish(1);
  pair.cut();
  pair.wait(10_000);
  expect([pair.take(), pair.depth()]).toEqual(['sent m1', '0+0']);
});

test('an unroutable mandatory message counts as failed although the node acks it', () => {
  const pair = new Pair();
  const publish = pair.produce({ confirms: true, mandatory: true });
  pair.elsewhere({ type: 'queue.delete', channel: 'x', queue: 'jobs' });
  publish(1);
  expect(pair.take()).toBe('failed m1 (no route), surely not stored');
});

describe('a consumer', () => {
  test('holds as many as its prefetch and acks one by one', () => {
    const pair = new Pair();
    pair.fill(3);
    const port = pair.consume(2);
    expect(pair.take()).toBe('got m1, got m2');
    const [first] = pair.held;
    if (first !== undefined) port.settle(first, 'ack', pair.client.out);
    pair.settle();
    expect([pair.take(), pair.depth()]).toEqual(['settled m1, got m3', '0+2']);
  });

  test('requeues to the same place; what it leaves stays its own', () => {
    const pair = new Pair();
    pair.fill(2);
    const port = pair.consume(1);
    for (const how of ['requeue', 'leave'] as const) {
      const delivery = pair.held.at(-1);
      if (delivery !== undefined) port.settle(delivery, how, pair.client.out);
      pair.settle();
    }
    expect([pair.take(), pair.depth()]).toEqual(['got m1, settled m1, got m1 attempt 2, settled m1', '1+1']);
  });

  test('with no_ack everything comes at once and nothing is kept for it', () => {
    const pair = new Pair();
    pair.fill(3);
    pair.consume(1, 'on-delivery');
    expect([pair.take(), pair.depth()]).toEqual(['got m1, got m2, got m3', '0+0']);
  });

  test('cannot settle what came by a lost connection; it gets that again on the next one', () => {
    const pair = new Pair();
    pair.fill(1);
    const port = pair.consume(1);
    pair.cut();
    const [delivery] = pair.held;
    if (delivery !== undefined) port.settle(delivery, 'ack', pair.client.out);
    pair.wait(5_000);
    expect(pair.take()).toBe('got m1, disconnected, could not settle m1, got m1 attempt 2');
  });

  test('comes back after a restart of the node', () => {
    const pair = new Pair({ 'x-queue-type': 'quorum' });
    pair.fill(1);
    pair.wait(5);
    pair.consume(1);
    pair.restartNode();
    pair.wait(5_000);
    expect(pair.take()).toBe('got m1, disconnected, got m1 attempt 2');
  });

  test('notices a silent split by the missing heartbeats, as the node does, and connects again', () => {
    const pair = new Pair();
    pair.fill(1);
    const port = pair.consume(1);
    pair.take();
    for (let seconds = 0; seconds < 60; seconds += 1) {
      pair.broker.wait(1_000_000);
      pair.client.wait(1_000_000);
      pair.client.takeSent();
      pair.broker.takeSent();
    }
    expect([pair.take(), pair.depth()]).toEqual(['disconnected', '1+0']);
    pair.wait(5_000);
    expect([pair.take(), port.room()]).toEqual(['got m1 attempt 2', undefined]);
  });
});
