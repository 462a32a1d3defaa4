/** The two Redis servers by what they record: claims, what a crash takes back, who is not subscribed, who is cut off. */
import { describe, expect, it } from 'vitest';
import { RedisPubSubNode } from '../../../core/brokers/redis-pubsub-node.ts';
import type { PubSubRequest } from '../../../core/brokers/redis-pubsub-verbs.ts';
import { type RedisSettings, RedisStreamsNode } from '../../../core/brokers/redis-streams-node.ts';
import type { StreamsRequest } from '../../../core/brokers/redis-streams-verbs.ts';
import { LEAST_ID } from '../../../core/parts/stream-id.ts';
import { MachineBench } from '../machine-bench.ts';
import { plainMessage } from '../message.ts';

const ANN = 7;
const BEN = 8;
const DISK = { appendonly: true, appendfsync: 'everysec' } as const;

function streams(settings: Partial<RedisSettings> = {}) {
  const bench = new MachineBench();
  bench.names.set(ANN, 'ann');
  bench.names.set(BEN, 'ben');
  const node = new RedisStreamsNode(
    {
      ...{ version: 808, epochMs: 0, nodeMaxEntries: 100, save: [], replicaLagUs: -1 },
      ...{ idmpDurationMs: 100_000, idmpMaxSize: 100, ...DISK, ...settings },
    },
    {
      stream: () => bench.setup.place('jobs', 'queue'),
      group: () => bench.setup.place('jobs', 'queue'),
      declared: () => [['jobs', ['g']]],
    },
  );
  bench.start(node);
  let token = 0;
  const ask = (from: number, request: object): void =>
    bench.receive(from, { ...request, token: ++token } as StreamsRequest);
  return {
    bench,
    add: (id: number) => ask(ANN, { type: 'XADD', key: 'jobs', id: '*', message: plainMessage(id, 0, {}) }),
    read: (from: number, name: string) =>
      ask(from, {
        ...{ type: 'XREADGROUP', group: 'g', consumer: name, streams: [{ key: 'jobs', after: '>' }] },
        ...{ count: 1, blockMs: -1, noack: false, claimMs: -1 },
      }),
    claim: (from: number, name: string, minIdleMs: number) =>
      ask(from, {
        ...{ type: 'XAUTOCLAIM', key: 'jobs', group: 'g', consumer: name, minIdleMs },
        ...{ start: LEAST_ID, count: 10, justId: false },
      }),
  };
}

describe('streams', () => {
  it('X8, X12: hand a dead consumer’s entry on when it is claimed, and not before', () => {
    const { bench, add, read, claim } = streams();
    add(1);
    read(ANN, 'ann');
    bench.wait(500_000);
    claim(BEN, 'ben', 1000);
    bench.wait(500_000);
    claim(BEN, 'ben', 1000);
    expect(bench.story()).toEqual([
      '0.000 appended m1 jobs',
      '0.000 delivered m1 jobs → ann',
      '1.000 requeued m1 jobs (claimed)',
      '1.000 delivered m1 jobs → ben attempt 2',
    ]);
  });

  it('X18: lose what was not flushed, and give back what was handed out since', () => {
    const { bench, add, read } = streams();
    add(1);
    bench.wait(1_500_000);
    read(ANN, 'ann');
    add(2);
    bench.crash();
    expect(bench.story().slice(3)).toEqual([
      '1.500 requeued m1 jobs (not flushed)',
      '1.500 lost m2 jobs (not flushed)',
    ]);
  });

  it('X18: lose nothing when every write is flushed', () => {
    const { bench, add } = streams({ appendfsync: 'always' });
    add(1);
    bench.crash();
    expect(bench.story()).toEqual(['0.000 appended m1 jobs']);
  });

  it('X19: lose what the replica had not got, whatever is on disk', () => {
    const { bench, add } = streams({ appendfsync: 'always', replicaLagUs: 200_000 });
    add(1);
    bench.wait(300_000);
    add(2);
    bench.crash();
    expect(bench.story().slice(2)).toEqual(['0.300 lost m2 jobs (not replicated)']);
  });
});

describe('pub/sub', () => {
  function pubsub(windowBytes: number) {
    const bench = new MachineBench();
    bench.names.set(ANN, 'ann');
    const node = new RedisPubSubNode({ hardBytes: 250, softBytes: 0, softUs: 0 }, () =>
      bench.setup.place('news', 'exchange'),
    );
    bench.start(node);
    node.expect(ANN, { channels: ['news'], patterns: [], place: () => bench.setup.place('news/ann', 'queue') });
    let token = 0;
    const ask = (from: number, request: object): void =>
      bench.receive(from, { ...request, token: ++token, connection: 1 } as PubSubRequest);
    return {
      bench,
      subscribe: () => ask(ANN, { type: 'SUBSCRIBE', names: ['news'], windowBytes }),
      publish: (id: number) =>
        ask(BEN, { type: 'PUBLISH', channel: 'news', topic: 'news', message: plainMessage(id, 0, {}) }),
    };
  }

  it('B1: write a message to those who are there, and to nobody else ever', () => {
    const { bench, subscribe, publish } = pubsub(1000);
    publish(1);
    subscribe();
    publish(2);
    expect(bench.story().filter((line) => line.includes('news/ann') && line.includes(' m'))).toEqual([
      '0.000 lost m1 news/ann (not subscribed)',
      '0.000 appended m2 news/ann',
      '0.000 delivered m2 news/ann → ann',
      '0.000 acked m2 news/ann → ann',
    ]);
  });

  it('B1: say of a message that nobody heard that nobody was subscribed', () => {
    const { bench, publish } = pubsub(1000);
    publish(1);
    expect(bench.story()).toContain('0.000 unroutable m1 news (no route)');
  });

  it('B9: cut off who does not read, with all that lay in the output buffer', () => {
    const { bench, subscribe, publish } = pubsub(100);
    subscribe();
    for (let id = 1; id <= 4; id++) publish(id);
    expect(bench.story().filter((line) => line.includes('lost') || line.includes('cancelled'))).toEqual([
      '0.000 cancelled news/ann → ann (buffer full)',
      '0.000 lost m2 news/ann (buffer full)',
      '0.000 lost m3 news/ann (buffer full)',
      '0.000 lost m4 news/ann (buffer full)',
    ]);
  });
});
