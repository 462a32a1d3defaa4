import { describe, expect, test } from 'vitest';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';
import { RabbitBench } from './rabbitmq-bench.ts';

const STREAM = { 'x-queue-type': 'stream' };

function withStream(labels: string, args: HeaderTable = {}): RabbitBench {
  const bench = new RabbitBench();
  bench.queue('log', { ...STREAM, ...args });
  bench.publish('log', labels);
  bench.take();
  return bench;
}

/** What a new reader with this wish gets, as far as a prefetch of ten lets it. */
function read(bench: RabbitBench, wish?: HeaderTable[string]): string {
  bench.consume('r', 'log', { prefetch: 10, ...(wish !== undefined && { arguments: { 'x-stream-offset': wish } }) });
  const pushed = bench.pushed();
  bench.drop('r');
  return pushed.replace('r: ', '');
}

function code(said: readonly { readonly type: string; readonly code?: number }[]): number {
  return said.find(({ type }) => type === 'channel.close' || type === 'connection.close')?.code ?? 0;
}

describe('reading a stream', () => {
  test('begins where x-stream-offset says, and every reader gets its own copy (R66, R67)', () => {
    const bench = withStream('m0 m1 m2 m3');
    expect(read(bench, 'first')).toBe('m0 m1 m2 m3');
    expect(read(bench, 2)).toBe('m2 m3');
    expect(read(bench, 99)).toBe('');
    expect(read(bench, 'last')).toBe('m3');
    expect(read(bench)).toBe('');
    expect(bench.depth('log')).toBe('4+0');
  });

  test('begins at a moment or so long ago, at the first chunk that is not older (R67)', () => {
    const bench = withStream('m0');
    bench.wait(60_000);
    bench.publish('log', 'm1');
    bench.wait(60_000);
    bench.publish('log', 'm2');
    expect(read(bench, { timestamp: 60 })).toBe('m1 m2');
    expect(read(bench, '30s')).toBe('m2');
    expect(read(bench, '1h')).toBe('m0 m1 m2');
    expect(read(bench, { timestamp: 3600 })).toBe('');
  });

  test('next gets what comes from then on, as far as the prefetch, and any settlement is credit (R67)', () => {
    const bench = withStream('m0');
    bench.consume('r', 'log', { prefetch: 2 });
    bench.publish('log', 'm1 m2 m3 m4');
    expect(bench.pushed()).toBe('r: m1 m2');
    bench.say('r', { type: 'basic.ack', deliveryTag: 1 });
    expect(bench.pushed()).toBe('r: m3');
    bench.say('r', { type: 'basic.nack', deliveryTag: 2, requeue: true });
    expect(bench.pushed()).toBe('r: m4');
    expect(bench.depth('log')).toBe('5+2');
  });

  test('a delivery bears its offset and is never marked as redelivered (R67)', () => {
    const bench = withStream('m0 m1');
    for (const _ of [1, 2]) {
      bench.consume('r', 'log', { prefetch: 1, arguments: { 'x-stream-offset': 1 } });
      const [seen] = bench.take().flatMap(({ said }) => (said.type === 'basic.deliver' ? [said] : []));
      expect(seen).toMatchObject({ offset: 1, redelivered: false, deliveryCount: undefined });
      bench.drop('r');
    }
  });

  test('needs a prefetch and acks, and knows no basic.get, purge or global prefetch (R66, R67)', () => {
    const bench = withStream('m0');
    const consume = { type: 'basic.consume', queue: 'log', consumerTag: 'c' } as const;
    expect(code(bench.say('a', consume))).toBe(406);
    bench.say('b', { type: 'basic.qos', prefetchCount: 1 });
    expect(code(bench.say('b', { ...consume, noAck: true }))).toBe(540);
    expect(code(bench.say('c', { type: 'basic.get', queue: 'log' }))).toBe(540);
    expect(code(bench.say('d', { type: 'queue.purge', queue: 'log' }))).toBe(540);
    bench.say('e', { type: 'basic.qos', prefetchCount: 1, global: true });
    expect(code(bench.say('e', consume))).toBe(540);
    bench.say('f', { type: 'basic.qos', prefetchCount: 1 });
    expect(code(bench.say('f', { ...consume, arguments: { 'x-stream-offset': 'soon' } }))).toBe(406);
  });
});

describe('keeping a stream', () => {
  test('is bound, confirmed and durable like a queue; what was not flushed dies with the node (R11, R18)', () => {
    const bench = new RabbitBench({ flushUs: 5000 });
    bench.queue('log', STREAM);
    bench.bind('log', 'amq.topic', 'a.#');
    bench.say('p', { type: 'confirm.select' });
    bench.publish('a.b', 'm0 m1', { channel: 'p', exchange: 'amq.topic', persistent: false });
    expect(bench.depth('log')).toBe('0+0');
    bench.wait(5);
    expect(bench.take().map(({ said }) => said.type)).toContain('basic.ack');
    bench.publish('log', 'm2');
    bench.facts();
    bench.restart();
    expect(bench.facts().slice(0, 2)).toEqual(['truncated log', 'lost m3 log (not flushed)']);
    expect(read(bench, 'first')).toBe('m0 m1');
  });

  test('removes whole segments beyond its length, never the one it writes (R66)', () => {
    const bench = withStream('aa bb cc dd ee', { 'x-max-length-bytes': 6, 'x-stream-max-segment-size-bytes': 4 });
    expect(read(bench, 'first')).toBe('cc dd ee');
    expect(read(bench, 0)).toBe('cc dd ee');
  });

  test('removes segments that are too old when the next one begins (R66)', () => {
    const bench = withStream('aa bb', { 'x-max-age': '60s', 'x-stream-max-segment-size-bytes': 4 });
    bench.wait(61_000);
    expect(bench.depth('log')).toBe('2+0');
    bench.publish('log', 'cc');
    expect(read(bench, 'first')).toBe('cc');
  });

  test('looks at its limits when a segment begins, not before (R66)', () => {
    const long = withStream('aa bb cc dd', { 'x-max-length-bytes': 6, 'x-stream-max-segment-size-bytes': 4 });
    expect(read(long, 'first')).toBe('aa bb cc dd');
    const old = withStream('aa bb cc', { 'x-max-age': '60s', 'x-stream-max-segment-size-bytes': 4 });
    old.wait(61_000);
    old.publish('log', 'dd');
    expect(read(old, 'first')).toBe('aa bb cc dd');
    old.publish('log', 'ee');
    expect(read(old, 'first')).toBe('cc dd ee');
  });

  test('looks at its limits when they change (R66)', () => {
    const bench = withStream('aa bb cc dd ee', { 'x-stream-max-segment-size-bytes': 4 });
    bench.command({ type: 'set', path: ['queues', 'log', 'x-max-length-bytes'], value: 6 });
    expect(bench.facts().at(-1)).toMatch(/^log-start-moved log/);
    expect(read(bench, 'first')).toBe('cc dd ee');
  });
});

describe('at-least-once dead-lettering (R55)', () => {
  const SOURCE = {
    'x-queue-type': 'quorum',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'dead',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };

  test('keeps what a full target does not take, counts it against the limit, and tries again', () => {
    const bench = new RabbitBench();
    bench.queue('dead', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    bench.queue('jobs', { ...SOURCE, 'x-max-length': 1 });
    bench.publish('dead', 'other');
    bench.publish('jobs', 'm1 m2');
    for (const _ of [1, 2]) {
      const { deliveryTag = 0 } = bench.fetch('jobs', { noAck: false }) ?? {};
      bench.say('admin', { type: 'basic.reject', deliveryTag, requeue: false });
    }
    expect([bench.depth('jobs'), bench.depth('dead')]).toEqual(['0+0', '1+0']);
    bench.publish('jobs', 'm3');
    expect(bench.depth('jobs')).toBe('0+0');
    expect(bench.get('dead')).toBe('other');
    bench.wait(180_000);
    expect(bench.get('dead')).toBe('m1');
    bench.wait(180_000);
    expect(bench.get('dead')).toBe('m2');
    bench.publish('jobs', 'm3');
    expect(bench.depth('jobs')).toBe('1+0');
  });

  test('waits for a missing exchange, over a restart too', () => {
    const bench = new RabbitBench();
    bench.queue('dead');
    bench.queue('jobs', { ...SOURCE, 'x-dead-letter-exchange': 'dlx' });
    bench.publish('jobs', 'm1');
    const { deliveryTag = 0 } = bench.fetch('jobs', { noAck: false }) ?? {};
    bench.say('admin', { type: 'basic.reject', deliveryTag, requeue: false });
    bench.say('admin', { type: 'exchange.declare', exchange: 'dlx', exchangeType: 'direct', durable: true });
    bench.bind('dead', 'dlx', 'dead');
    expect(bench.depth('dead')).toBe('0+0');
    bench.restart();
    expect(bench.get('dead')).toBe('m1');
  });

  test('without reject-publish falls back to at-most-once: a full target loses the message', () => {
    const bench = new RabbitBench();
    bench.queue('dead', { 'x-max-length': 0, 'x-overflow': 'reject-publish' });
    bench.queue('jobs', { ...SOURCE, 'x-overflow': 'drop-head', 'x-message-ttl': 0 });
    bench.publish('jobs', 'm1');
    expect(bench.facts().at(-1)).toBe('evicted m1 dead (queue full)');
  });
});

describe('transactions (R17)', () => {
  test('publishes and acks wait for the commit; a rollback drops them, and the deliveries stay unacked', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.publish('jobs', 'm1');
    bench.say('t', { type: 'tx.select' });
    const { deliveryTag = 0 } = bench.fetch('jobs', { channel: 't', noAck: false }) ?? {};
    bench.publish('jobs', 'm2', { channel: 't' });
    bench.say('t', { type: 'basic.ack', deliveryTag });
    expect(bench.depth('jobs')).toBe('0+1');
    bench.say('t', { type: 'tx.rollback' });
    expect(bench.depth('jobs')).toBe('0+1');
    bench.publish('jobs', 'm3', { channel: 't' });
    bench.say('t', { type: 'basic.ack', deliveryTag });
    bench.say('t', { type: 'tx.commit' });
    expect([bench.depth('jobs'), bench.get('jobs')]).toEqual(['1+0', 'm3']);
  });

  test('exclude confirms, and a commit without them is refused', () => {
    const bench = new RabbitBench();
    bench.say('a', { type: 'tx.select' });
    expect(code(bench.say('a', { type: 'confirm.select' }))).toBe(406);
    bench.say('b', { type: 'confirm.select' });
    expect(code(bench.say('b', { type: 'tx.select' }))).toBe(406);
    expect(code(bench.say('c', { type: 'tx.commit' }))).toBe(406);
  });
});

describe('4.3', () => {
  test('a quorum queue counts how often a message was acquired beside its failures (R63)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    bench.queue('jobs', { 'x-queue-type': 'quorum' });
    bench.publish('jobs', 'm1');
    const counts = [1, 2, 3].map((time) => {
      const { deliveryTag = 0, acquiredCount, deliveryCount } = bench.fetch('jobs', { noAck: false }) ?? {};
      bench.say('admin', { type: time === 1 ? 'basic.nack' : 'basic.reject', deliveryTag, requeue: true });
      return [acquiredCount, deliveryCount];
    });
    expect(counts).toEqual([
      [undefined, undefined],
      [1, undefined],
      [2, 1],
    ]);
  });

  test('a consumer’s own x-consumer-timeout cancels it; without the client’s capability its channel is closed (R37)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    bench.queue('jobs', { 'x-queue-type': 'quorum' });
    bench.consume('a', 'jobs', { arguments: { 'x-consumer-timeout': 60_000 } });
    bench.publish('jobs', 'm1');
    bench.take();
    bench.wait(120_000);
    expect(bench.take().map(({ said }) => said.type)).toEqual(['basic.cancel']);
    expect(bench.depth('jobs')).toBe('1+0');
    bench.cancelNotify = false;
    bench.consume('b', 'jobs', { arguments: { 'x-consumer-timeout': 60_000 } });
    bench.take();
    bench.wait(120_000);
    expect(bench.take().map(({ said }) => said.type)).toEqual(['channel.close']);
  });
});
