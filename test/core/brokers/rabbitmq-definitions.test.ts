/** Queues of a cluster that come and go during a run: three nodes, their clients, hops that take no time, and a clock that moves when told. */
import { describe, expect, test } from 'vitest';
import type { ClusterPlan } from '../../../core/brokers/rabbitmq-cluster-host.ts';
import { RabbitNode } from '../../../core/brokers/rabbitmq-node.ts';
import { Strays } from '../../../core/brokers/rabbitmq-strays.ts';
import type { ServerMethod } from '../../../core/brokers/rabbitmq-verbs.ts';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';
import { AmqpClients, type ChannelMethod } from '../../../sim/conform/amqp-clients.ts';
import { MachineBench, type SentHop } from '../machine-bench.ts';

const FIRST_ACTOR = 11;
const STEP_MS = 10;

interface Member {
  readonly bench: MachineBench;
  readonly node: RabbitNode;
  readonly clients: AmqpClients;
  toClients: SentHop[];
}

class ClusterBench {
  readonly #members: Member[] = [];
  /** Nodes that nobody reaches. */
  readonly cut = new Set<number>();
  /** The first terms of all queues so far. */
  readonly terms: number[];
  readonly #down = new Set<number>();
  #facts: string[] = [];

  constructor(version = '4.2') {
    const settings = { version, heartbeatUs: 0, consumerTimeoutUs: -1, flushUs: 5_000 };
    const plan: ClusterPlan = {
      nodes: [FIRST_ACTOR, FIRST_ACTOR + 1, FIRST_ACTOR + 2],
      size: 3,
      site: { name: 'election' },
      definitionsSite: { name: 'definitions-election' },
      failureDetectionUs: 5_000_000,
      consumerDisconnectedUs: 60_000_000,
      recorded: [],
      firstTerms: [],
      terms: new Map(),
      lost: [],
      buried: new Set(),
      took: new Map(),
      strays: new Strays(),
    };
    this.terms = plan.firstTerms;
    for (const self of [1, 2, 3]) {
      const bench = new MachineBench();
      bench.decide = (_site, n) => Math.floor((self * n) / 4);
      const placeOf = (name: string): number => bench.setup.place(name, 'queue');
      const node = new RabbitNode(settings, placeOf, { self, plan });
      const member: Member = {
        bench,
        node,
        toClients: [],
        clients: new AmqpClients({
          receive: (from, wire) => bench.receive(from, wire),
          take: () => {
            this.#carry();
            return member.toClients.splice(0);
          },
          settle: () => {},
          connected: () => {},
        }),
      };
      this.#members.push(member);
    }
    for (const { bench, node } of this.#members) bench.start(node);
  }

  /** Says a method on a channel of this node, and gives what all clients of all nodes heard within the next tenth of a second, as `channel: what`. */
  say(node: number, channel: string, method: ChannelMethod): string[] {
    this.#member(node).clients.say(channel, method);
    return this.wait(100);
  }

  /** The same for several methods, one after the other without waiting. */
  sayAll(node: number, channel: string, methods: readonly ChannelMethod[]): string[] {
    for (const method of methods) this.#member(node).clients.say(channel, method);
    return this.wait(100);
  }

  declare(node: number, channel: string, queue: string, args: HeaderTable = {}, autoDelete = false): string[] {
    return this.say(node, channel, { type: 'queue.declare', queue, durable: true, autoDelete, arguments: args });
  }

  publish(node: number, channel: string, routingKey: string, exchange = ''): string[] {
    const body = this.#member(1).bench.message({ sizeBytes: 10 });
    const properties = { persistent: true };
    return this.say(node, channel, { type: 'basic.publish', exchange, routingKey, properties, body, sizeBytes: 10 });
  }

  wait(ms: number): string[] {
    for (let left = ms; left > 0; left -= STEP_MS) {
      for (const { bench } of this.#members) bench.wait(STEP_MS * 1000);
      this.#carry();
    }
    return this.#members.flatMap(({ clients }) => {
      clients.hear();
      return clients.take().map(({ connection, said }) => `${connection}: ${wordsOf(said)}`);
    });
  }

  crash(node: number): void {
    const { bench, clients } = this.#member(node);
    clients.forgetAll();
    bench.crash();
    this.#down.add(node);
    this.#members.forEach((other, at) => {
      if (!this.#down.has(at + 1)) other.node.peerLost(FIRST_ACTOR + node - 1, other.bench.out);
    });
    this.#carry();
  }

  restart(node: number): void {
    this.#down.delete(node);
    const { bench, node: machine } = this.#member(node);
    machine.restart(bench.out);
    this.#carry();
  }

  /** The client's process is gone, and the transport says so. */
  drop(node: number, connection: string): void {
    const { bench, node: machine, clients } = this.#member(node);
    const actor = clients.forget(connection);
    if (actor !== undefined) machine.peerLost(actor, bench.out);
    this.wait(100);
  }

  /** Which nodes know a queue of this name. */
  knows(queue: string): number[] {
    return [1, 2, 3].filter((node) => this.#member(node).node.stats(queue) !== undefined);
  }

  /** What was recorded of these kinds since the last look, in the order of the nodes, as `evicted m1 jobs (purged)`. */
  facts(...kinds: readonly string[]): string[] {
    for (const { bench } of this.#members)
      this.#facts.push(...bench.story().map((line) => line.slice(line.indexOf(' ') + 1)));
    return this.#facts.splice(0).filter((line) => kinds.includes(line.split(' ')[0] ?? ''));
  }

  #member(node: number): Member {
    const member = this.#members[node - 1];
    if (member === undefined) throw new Error(`there is no node ${node}`);
    return member;
  }

  /** Brings hops from node to node until there are none. */
  #carry(): void {
    for (let moved = true; moved; ) {
      moved = false;
      this.#members.forEach((from, at) => {
        for (const hop of from.bench.takeSent()) {
          const to = hop.to - FIRST_ACTOR + 1;
          if (to < 1 || to > 3) from.toClients.push(hop);
          else if (!this.cut.has(to) && !this.cut.has(at + 1) && !this.#down.has(to) && !this.#down.has(at + 1)) {
            moved = true;
            this.#member(to).bench.receive(FIRST_ACTOR + at, hop.wire);
          }
        }
      });
    }
  }
}

function wordsOf(said: ServerMethod): string {
  switch (said.type) {
    case 'queue.declare-ok':
      return `declared with ${said.messageCount}`;
    case 'queue.delete-ok':
      return `deleted with ${said.messageCount}`;
    case 'channel.close':
    case 'connection.close':
      return `${said.code}`;
    default:
      return said.type.replace('basic.', '');
  }
}

describe('declaring in a cluster', () => {
  test('what is declared on one node is on all, and not declared twice; as another queue it is refused (R10)', () => {
    const cluster = new ClusterBench();
    expect(cluster.declare(2, 'a', 'jobs', { 'x-queue-type': 'quorum' })).toEqual(['a: declared with 0']);
    expect(cluster.knows('jobs')).toEqual([1, 2, 3]);
    cluster.publish(1, 'p', 'jobs');
    expect(cluster.declare(2, 'b', 'jobs', { 'x-queue-type': 'quorum' })).toEqual(['b: declared with 1']);
    expect(cluster.declare(3, 'c', 'jobs', { 'x-queue-type': 'classic' })).toEqual(['c: 406']);
    expect(cluster.facts('elected')).toHaveLength(1);
  });

  test('two that want different queues of one name at once: one gets it, the other is refused (R10)', () => {
    const cluster = new ClusterBench();
    cluster.cut.add(1);
    cluster.declare(2, 'a', 'jobs', { 'x-max-length': 1 });
    cluster.declare(3, 'b', 'jobs', { 'x-max-length': 2 });
    cluster.cut.clear();
    const answers = cluster.wait(10_000).map((heard) => heard.slice(heard.indexOf(' ') + 1));
    expect(answers.sort()).toEqual(['406', 'declared with 0']);
    expect(cluster.knows('jobs')).toEqual([1, 2, 3]);
  });

  test('what follows on the channel waits for the queue', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'warm', 'other');
    const heard = cluster.sayAll(3, 'a', [
      { type: 'queue.declare', queue: 'jobs', durable: true },
      { type: 'queue.bind', queue: 'jobs', exchange: 'amq.direct', routingKey: 'k' },
      { type: 'basic.consume', queue: 'jobs', consumerTag: 'a' },
    ]);
    expect(heard).toEqual(['a: declared with 0', 'a: consume-ok']);
    expect(cluster.publish(1, 'p', 'k', 'amq.direct')).toEqual(['a: deliver']);
  });

  test('bindings and exchanges are everywhere too, and go everywhere (R1, R11)', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'jobs');
    cluster.say(2, 'b', { type: 'exchange.declare', exchange: 'work', exchangeType: 'topic', autoDelete: true });
    const binding = { queue: 'jobs', exchange: 'work', routingKey: 'job.#' };
    cluster.say(2, 'b', { type: 'queue.bind', ...binding });
    cluster.publish(3, 'p', 'job.new', 'work');
    expect(cluster.facts('appended', 'unroutable')).toEqual(['appended m1 jobs']);
    cluster.say(1, 'a', { type: 'queue.unbind', ...binding });
    expect(cluster.publish(3, 'p', 'job.new', 'work')).toEqual(['p: 404']);
    expect(cluster.say(2, 'b', { type: 'queue.bind', ...binding })).toEqual(['b: 404']);
  });

  test('without a majority nobody declares, and with another leader of the definitions they do', () => {
    const cluster = new ClusterBench();
    cluster.cut.add(1).add(2);
    cluster.wait(8_000);
    expect(cluster.declare(3, 'a', 'jobs')).toEqual([]);
    expect(cluster.wait(8_000)).toEqual([]);
    cluster.cut.delete(2);
    expect(cluster.wait(20_000)).toEqual(['a: declared with 0']);
    expect(cluster.knows('jobs')).toEqual([2, 3]);
    cluster.cut.delete(1);
    cluster.wait(20_000);
    expect(cluster.knows('jobs')).toEqual([1, 2, 3]);
  });

  test('a crash of who leads the definitions stops nobody for long', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'first');
    cluster.crash(1);
    cluster.declare(2, 'b', 'second', { 'x-queue-type': 'quorum' });
    expect(cluster.wait(10_000)).toEqual(['b: declared with 0']);
    cluster.restart(1);
    cluster.wait(5_000);
    expect(cluster.knows('second')).toEqual([1, 2, 3]);
    expect(cluster.publish(1, 'c', 'second')).toEqual([]);
    expect(cluster.facts('appended')).toEqual(['appended m1 second']);
  });

  test('a declaration on a node that dies with it is not answered on another, nor made twice', () => {
    const cluster = new ClusterBench();
    cluster.declare(2, 'a', 'jobs');
    cluster.crash(2);
    cluster.restart(2);
    cluster.wait(5_000);
    expect(cluster.say(3, 'b', { type: 'queue.delete', queue: 'jobs' })).toEqual(['b: deleted with 0']);
    cluster.wait(10_000);
    expect(cluster.knows('jobs')).toEqual([]);
  });
});

describe('deleting in a cluster', () => {
  test('consumers on all nodes are cancelled, and the messages go, unacked ones too', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'jobs');
    cluster.say(2, 'c', { type: 'basic.qos', prefetchCount: 1 });
    cluster.say(2, 'c', { type: 'basic.consume', queue: 'jobs', consumerTag: 'c' });
    for (let left = 3; left > 0; left -= 1) cluster.publish(3, 'p', 'jobs');
    const heard = cluster.say(3, 'p', { type: 'queue.delete', queue: 'jobs' });
    expect(heard.sort()).toEqual(['c: cancel', 'p: deleted with 2']);
    expect(
      cluster
        .facts('evicted', 'cancelled')
        .map((line) => line.split(' → ')[0])
        .sort(),
    ).toEqual(['cancelled jobs', 'evicted m1 jobs (purged)', 'evicted m2 jobs (purged)', 'evicted m3 jobs (purged)']);
    cluster.say(2, 'c', { type: 'basic.ack', deliveryTag: 1 });
    cluster.publish(1, 'q', 'jobs');
    expect(cluster.facts('unroutable', 'acked')).toEqual(['unroutable m4']);
    expect(cluster.declare(3, 'p', 'jobs', { 'x-max-length': 5 })).toEqual(['p: declared with 0']);
    cluster.publish(1, 'q', 'jobs');
    expect(cluster.facts('appended')).toEqual(['appended m5 jobs']);
  });

  test('a quorum queue that is declared anew begins in a term of its own', () => {
    const cluster = new ClusterBench();
    for (const node of [1, 2, 3]) {
      cluster.declare(node, 'a', 'jobs', { 'x-queue-type': 'quorum' });
      expect(cluster.publish(node, 'a', 'jobs')).toEqual([]);
      expect(cluster.say(node, 'a', { type: 'queue.delete', queue: 'jobs' })).toEqual(['a: deleted with 1']);
    }
    expect(cluster.terms).toEqual([1, 2, 3]);
  });

  test('only unused, only empty: else the channel is closed (406)', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'jobs');
    cluster.say(2, 'c', { type: 'basic.consume', queue: 'jobs', consumerTag: 'c' });
    expect(cluster.say(3, 'x', { type: 'queue.delete', queue: 'jobs', ifUnused: true })).toEqual(['x: 406']);
    cluster.say(2, 'c', { type: 'basic.cancel', consumerTag: 'c' });
    cluster.publish(2, 'c', 'jobs');
    expect(cluster.say(3, 'x', { type: 'queue.delete', queue: 'jobs', ifEmpty: true })).toEqual(['x: 406']);
    expect(cluster.say(3, 'x', { type: 'queue.delete', queue: 'jobs', ifUnused: true })).toEqual(['x: deleted with 1']);
    expect(cluster.say(2, 'c', { type: 'queue.delete', queue: 'jobs', ifEmpty: true })).toEqual(['c: deleted with 0']);
  });

  test('who deletes a queue whose node is down waits for it; what was published meanwhile finds no queue', () => {
    const cluster = new ClusterBench();
    cluster.declare(3, 'a', 'jobs');
    cluster.crash(3);
    expect(cluster.say(1, 'd', { type: 'queue.delete', queue: 'jobs' })).toEqual([]);
    cluster.say(2, 'p', { type: 'confirm.select' });
    expect(cluster.publish(2, 'p', 'jobs')).toEqual([]);
    cluster.restart(3);
    expect(cluster.wait(5_000).sort()).toEqual([expect.stringMatching(/^d: deleted with [01]$/), 'p: ack']);
    expect(cluster.knows('jobs')).toEqual([]);
    expect(cluster.facts('unroutable', 'evicted')).toHaveLength(1);
  });

  test('the leader of a quorum queue is split off: another leader deletes it, and the first learns so (R61)', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'jobs', { 'x-queue-type': 'quorum' });
    cluster.publish(1, 'a', 'jobs');
    cluster.cut.add(1);
    expect(cluster.say(2, 'd', { type: 'queue.delete', queue: 'jobs' })).toEqual([]);
    expect(cluster.wait(20_000)).toEqual(['d: deleted with 1']);
    expect(cluster.knows('jobs')).toEqual([1]);
    cluster.cut.clear();
    cluster.wait(10_000);
    expect(cluster.knows('jobs')).toEqual([]);
    expect(cluster.facts('evicted')).toEqual(['evicted m1 jobs (purged)']);
  });
});

describe('queues of a cluster that go by themselves', () => {
  test('an auto-delete queue goes with its last consumer, wherever that is (R14)', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'q', {}, true);
    cluster.say(2, 'b', { type: 'basic.consume', queue: 'q', consumerTag: 'b' });
    cluster.say(3, 'c', { type: 'basic.consume', queue: 'q', consumerTag: 'c' });
    cluster.drop(2, 'b');
    expect(cluster.knows('q')).toEqual([1, 2, 3]);
    cluster.say(3, 'c', { type: 'basic.cancel', consumerTag: 'c' });
    expect(cluster.knows('q')).toEqual([]);
  });

  test('an auto-delete queue goes with its last consumer’s node', () => {
    const cluster = new ClusterBench();
    cluster.declare(1, 'a', 'q', {}, true);
    cluster.say(3, 'c', { type: 'basic.consume', queue: 'q', consumerTag: 'c' });
    cluster.crash(3);
    cluster.wait(2_000);
    expect(cluster.knows('q')).toEqual([3]);
    cluster.restart(3);
    cluster.wait(3_000);
    expect(cluster.knows('q')).toEqual([]);
  });

  test('x-expires: consuming, fetching and declaring renew a classic queue (R42)', () => {
    const cluster = new ClusterBench();
    const args = { 'x-expires': 5_000 };
    cluster.declare(1, 'a', 'q', args);
    cluster.wait(3_000);
    cluster.say(2, 'b', { type: 'basic.get', queue: 'q' });
    cluster.wait(3_000);
    cluster.declare(3, 'c', 'q', args);
    cluster.wait(3_000);
    cluster.say(2, 'b', { type: 'basic.consume', queue: 'q', consumerTag: 'b' });
    cluster.wait(8_000);
    cluster.say(2, 'b', { type: 'basic.cancel', consumerTag: 'b' });
    cluster.wait(4_500);
    expect(cluster.knows('q')).toEqual([1, 2, 3]);
    cluster.wait(1_000);
    expect(cluster.knows('q')).toEqual([]);
  });

  test('x-expires: a declaration does not renew a quorum queue, and a new leader goes on counting (R42, R61)', () => {
    const cluster = new ClusterBench();
    const args = { 'x-queue-type': 'quorum', 'x-expires': 10_000 };
    cluster.declare(1, 'a', 'q', args);
    cluster.publish(1, 'a', 'q');
    cluster.wait(4_000);
    cluster.declare(2, 'b', 'q', args);
    cluster.crash(1);
    cluster.wait(4_000);
    expect(cluster.knows('q')).toEqual([1, 2, 3]);
    cluster.wait(4_000);
    expect(cluster.knows('q')).toEqual([1]);
    expect(cluster.facts('evicted', 'dead-lettered')).toEqual(['evicted m1 q (purged)']);
    cluster.restart(1);
    cluster.wait(5_000);
    expect(cluster.knows('q')).toEqual([]);
  });

  test('x-expires: while the node of a classic queue is down nothing expires; then it has its time anew (R42)', () => {
    const cluster = new ClusterBench();
    cluster.declare(3, 'a', 'q', { 'x-expires': 5_000 });
    cluster.crash(3);
    cluster.wait(20_000);
    cluster.restart(3);
    cluster.wait(4_500);
    expect(cluster.knows('q')).toEqual([1, 2, 3]);
    cluster.wait(1_000);
    expect(cluster.knows('q')).toEqual([]);
  });
});
