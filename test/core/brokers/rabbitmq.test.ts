import { describe, expect, test } from 'vitest';
import { headersOf } from '../../../core/parts/amqp-message.ts';
import { RabbitBench } from './rabbitmq-bench.ts';

const DEAD = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
const QUORUM = { 'x-queue-type': 'quorum' };

/** Labels of what the publisher was told, in order: `ack 1`, `nack 2`, `ack ..3` for all up to 3, `return m1`. */
function told(bench: RabbitBench): string {
  const words = bench.take().map(({ said }) => {
    if (said.type === 'basic.ack' || said.type === 'basic.nack') {
      return `${said.type.slice(6)} ${said.multiple ? '..' : ''}${said.deliveryTag}`;
    }
    return said.type === 'basic.return' ? `return ${bench.label(said.body.id)}` : said.type;
  });
  return words.join(', ');
}

/** The code with which the last thing said was refused; 0 when it was not. */
function refusal(said: readonly { readonly type: string; readonly code?: number }[]): number {
  return said.find(({ type }) => type === 'channel.close' || type === 'connection.close')?.code ?? 0;
}

describe('delivery', () => {
  test('consumers take turns; a requeued message goes to the next in turn, marked (R22, R28)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.consume('a', 'jobs');
    bench.consume('b', 'jobs');
    bench.publish('jobs', 'm1 m2 m3');
    expect(bench.pushed()).toBe('a: m1 m3 | b: m2');
    bench.say('a', { type: 'basic.nack', deliveryTag: 1, requeue: true });
    expect(bench.pushed()).toBe('b: m1*');
  });

  test('prefetch 1 gives a fast worker more than a slow one (R24)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.consume('fast', 'jobs', { prefetch: 1 });
    bench.consume('slow', 'jobs', { prefetch: 1 });
    bench.publish('jobs', 'm1 m2 m3 m4 m5 m6');
    expect(bench.pushed()).toBe('fast: m1 | slow: m2');
    for (const deliveryTag of [1, 2, 3]) bench.say('fast', { type: 'basic.ack', deliveryTag });
    expect(bench.pushed()).toBe('fast: m3 m4 m5');
    bench.say('slow', { type: 'basic.ack', deliveryTag: 1 });
    expect(bench.pushed()).toBe('slow: m6');
  });

  test('a crashed consumer’s messages return to their places and go first to the next one (R32, R35)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.publish('jobs', 'm1 m2 m3 m4');
    bench.consume('a', 'jobs', { prefetch: 3 });
    bench.say('a', { type: 'basic.ack', deliveryTag: 2 });
    bench.take();
    bench.drop('a');
    expect(bench.depth('jobs')).toBe('3+0');
    bench.consume('b', 'jobs');
    expect(bench.pushed()).toBe('b: m1* m3* m4*');
  });

  test('without acknowledgement a delivery is settled when it is sent, and lost with its consumer (R27)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.consume('a', 'jobs', { prefetch: 1, noAck: true });
    bench.publish('jobs', 'm1 m2');
    bench.drop('a');
    expect(bench.depth('jobs')).toBe('0+0');
    expect(bench.facts()).toContain('acked m2 jobs → a');
  });

  test('cancelling stops deliveries but leaves what is unacked ackable (R29)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.consume('a', 'jobs');
    bench.publish('jobs', 'm1');
    bench.say('a', { type: 'basic.cancel', consumerTag: 'a' });
    bench.publish('jobs', 'm2');
    expect(bench.depth('jobs')).toBe('1+1');
    expect(refusal(bench.say('a', { type: 'basic.ack', deliveryTag: 1 }))).toBe(0);
    expect(bench.depth('jobs')).toBe('1+0');
  });

  test('acking twice closes the channel, and the rest of it comes back (R25)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.publish('jobs', 'm1 m2');
    bench.consume('a', 'jobs');
    bench.say('a', { type: 'basic.ack', deliveryTag: 1 });
    expect(refusal(bench.say('a', { type: 'basic.ack', deliveryTag: 1 }))).toBe(406);
    expect(bench.get('jobs')).toBe('m2');
  });

  test('a shared prefetch holds for the whole channel, across queues (R24)', () => {
    const bench = new RabbitBench();
    bench.queue('a');
    bench.queue('b');
    bench.publish('a', 'a1 a2');
    bench.publish('b', 'b1 b2');
    bench.say('ch', { type: 'basic.qos', prefetchCount: 3, global: true });
    bench.consume('on-a', 'a', { channel: 'ch' });
    bench.consume('on-b', 'b', { channel: 'ch' });
    expect(bench.pushed()).toBe('on-a: a1 a2 | on-b: b1');
    bench.say('ch', { type: 'basic.ack', deliveryTag: 1 });
    expect(bench.pushed()).toBe('on-b: b2');
  });

  test('an exclusive consumer refuses others, and is refused beside others (R30)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.consume('a', 'jobs', { exclusive: true });
    expect(refusal(bench.say('b', { type: 'basic.consume', queue: 'jobs', consumerTag: 'b' }))).toBe(403);
    bench.drop('a');
    bench.consume('c', 'jobs');
    expect(refusal(bench.say('d', { type: 'basic.consume', queue: 'jobs', consumerTag: 'd', exclusive: true }))).toBe(
      403,
    );
  });
});

describe('dead-lettering', () => {
  test('a rejected message reaches the dead-letter queue with its history (R49, R52, R53)', () => {
    const bench = new RabbitBench();
    bench.queue('dead');
    bench.queue('jobs', DEAD);
    bench.publish('jobs', 'm1');
    bench.consume('a', 'jobs');
    bench.say('a', { type: 'basic.reject', deliveryTag: 1, requeue: false });
    const { message } = bench.fetch('dead') ?? {};
    expect(message && headersOf(message, true)).toMatchObject({
      'x-death': [{ queue: 'jobs', reason: 'rejected', count: 1, exchange: '', 'routing-keys': ['jobs'] }],
      'x-first-death-queue': 'jobs',
      'x-last-death-reason': 'rejected',
    });
    expect(bench.facts().slice(-4, -1)).toEqual([
      'dead-lettered m1 dead (rejected by the consumer)',
      'appended m1 dead',
      'delivered m1 dead → admin attempt 2',
    ]);
  });

  test('a retry queue counts each round, and the detour is no cycle (R52, R54)', () => {
    const bench = new RabbitBench();
    bench.queue('work', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'retry' });
    bench.queue('retry', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'work', 'x-message-ttl': 200 });
    bench.publish('work', 'm1');
    for (const round of [1, 2, 3]) {
      const { deliveryTag = 0, message } = bench.fetch('work', { noAck: false }) ?? {};
      const counts = message?.deaths?.entries.map(({ queue, count }) => `${queue} ${count}`);
      expect(counts).toEqual(round === 1 ? undefined : [`retry ${round - 1}`, `work ${round - 1}`]);
      bench.say('admin', { type: 'basic.reject', deliveryTag, requeue: false });
      bench.wait(200);
    }
  });

  test('an automatic cycle ends: two queues that only expire into each other (R54)', () => {
    const bench = new RabbitBench();
    bench.queue('a', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'b', 'x-message-ttl': 100 });
    bench.queue('b', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'a', 'x-message-ttl': 100 });
    bench.publish('a', 'm1');
    bench.wait(1000);
    expect([bench.depth('a'), bench.depth('b')]).toEqual(['0+0', '0+0']);
    expect(bench.facts().at(-1)).toBe('evicted m1 b (cycle)');
  });

  test('nothing to be dead-lettered to: the message is gone (R31, R50)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', { 'x-dead-letter-exchange': 'nowhere' });
    bench.publish('jobs', 'm1');
    bench.fetch('jobs', { noAck: false });
    bench.say('admin', { type: 'basic.reject', deliveryTag: 1, requeue: false });
    expect(bench.facts().at(-1)).toBe('evicted m1 jobs (rejected by the consumer)');
    expect(bench.depth('jobs')).toBe('0+0');
  });
});

describe('TTL', () => {
  test('a short-lived message behind a long-lived head waits until it is the head (R40)', () => {
    const bench = new RabbitBench();
    bench.queue('dead');
    bench.queue('jobs', DEAD);
    bench.publish('jobs', 'long', { expiration: '1500' });
    bench.publish('jobs', 'short', { expiration: '200' });
    bench.wait(700);
    expect([bench.depth('jobs'), bench.depth('dead')]).toEqual(['2+0', '0+0']);
    bench.wait(800);
    expect([bench.depth('jobs'), bench.drain('dead')]).toEqual(['0+0', 'long short']);
  });

  test('a new head is timed anew when the old one is taken', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.publish('jobs', 'long', { expiration: '1500' });
    bench.publish('jobs', 'short', { expiration: '200' });
    expect(bench.get('jobs')).toBe('long');
    bench.wait(199);
    expect(bench.depth('jobs')).toBe('1+0');
    bench.wait(1);
    expect(bench.depth('jobs')).toBe('0+0');
  });

  test('0 expires at once, unless a consumer takes it immediately (R41)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', { 'x-message-ttl': 0 });
    bench.publish('jobs', 'm1');
    expect(bench.depth('jobs')).toBe('0+0');
    bench.consume('a', 'jobs', { prefetch: 1 });
    bench.publish('jobs', 'm2 m3');
    expect(bench.pushed()).toBe('a: m2');
    expect(bench.depth('jobs')).toBe('0+1');
  });

  test('x-expires deletes an unused queue, a used one not (R42)', () => {
    const bench = new RabbitBench();
    bench.queue('idle', { 'x-expires': 1000 });
    bench.queue('used', { 'x-expires': 1000 });
    bench.consume('a', 'used');
    bench.wait(1000);
    expect([bench.depth('idle'), bench.depth('used')]).toEqual(['none', '0+0']);
    bench.drop('a');
    bench.wait(999);
    expect(bench.depth('used')).toBe('0+0');
    bench.wait(1);
    expect(bench.depth('used')).toBe('none');
  });
});

describe('length limits', () => {
  test('drop-head dead-letters the oldest, and confirms what came in (R45)', () => {
    const bench = new RabbitBench();
    bench.queue('dead');
    bench.queue('jobs', { ...DEAD, 'x-max-length': 2 });
    bench.say('p', { type: 'confirm.select' });
    bench.publish('jobs', 'm1 m2 m3 m4', { channel: 'p' });
    expect(told(bench).match(/\back /g)).toHaveLength(4);
    expect([bench.drain('jobs'), bench.drain('dead')]).toEqual(['m3 m4', 'm1 m2']);
  });

  test('reject-publish nacks the newest; one full queue of two is enough for a nack (R19, R47)', () => {
    const bench = new RabbitBench();
    bench.queue('small', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    bench.queue('big');
    bench.bind('small', 'amq.fanout', '');
    bench.bind('big', 'amq.fanout', '');
    bench.say('p', { type: 'confirm.select' });
    bench.take();
    bench.publish('', 'm1 m2', { channel: 'p', exchange: 'amq.fanout' });
    expect(told(bench)).toBe('ack 1, nack 2');
    expect([bench.drain('small'), bench.drain('big')]).toEqual(['m1', 'm1 m2']);
  });
});

describe('publisher confirms', () => {
  test('a persistent message is confirmed after the flush, all of one flush together (R18)', () => {
    const bench = new RabbitBench({ flushUs: 5000 });
    bench.queue('jobs');
    bench.say('p', { type: 'confirm.select' });
    bench.take();
    bench.publish('jobs', 'm1 m2 m3', { channel: 'p' });
    expect(told(bench)).toBe('');
    bench.wait(5);
    expect(told(bench)).toBe('ack ..3');
  });

  test('a transient one at once, and a mandatory one without a route is returned first (R7, R18)', () => {
    const bench = new RabbitBench({ flushUs: 5000 });
    bench.queue('jobs');
    bench.say('p', { type: 'confirm.select' });
    bench.take();
    bench.publish('jobs', 'm1', { channel: 'p', persistent: false });
    bench.publish('nowhere', 'm2', { channel: 'p', mandatory: true });
    bench.publish('nowhere', 'm3', { channel: 'p' });
    expect(told(bench)).toBe('ack 1, return m2, ack 2, ack 3');
  });

  test('a missing exchange closes the channel instead (R9)', () => {
    const bench = new RabbitBench();
    bench.say('p', { type: 'confirm.select' });
    bench.take();
    bench.publish('k', 'm1', { channel: 'p', exchange: 'nowhere' });
    expect(told(bench)).toBe('channel.close');
  });
});

describe('a restart', () => {
  test('keeps durable queues with their persistent messages, in order, and nothing else (R11)', () => {
    const bench = new RabbitBench();
    bench.queue('durable');
    bench.queue('transient', {}, { durable: false });
    bench.bind('durable', 'amq.topic', 'a.#');
    bench.bind('transient', 'amq.topic', 'a.#');
    bench.publish('durable', 'm1 m2');
    bench.publish('durable', 'm3', { persistent: false });
    bench.publish('transient', 'm4');
    bench.consume('a', 'durable', { prefetch: 1 });
    bench.restart();
    expect([bench.depth('durable'), bench.depth('transient')]).toEqual(['2+0', 'none']);
    expect(bench.facts().filter((fact) => fact.startsWith('lost'))).toEqual([
      'lost m3 durable (kept in memory only)',
      'lost m4 transient (kept in memory only)',
    ]);
    bench.publish('a.b', 'm5', { exchange: 'amq.topic' });
    expect(bench.drain('durable')).toBe('m1 m2 m5');
  });

  test('loses what was written but not flushed (R12)', () => {
    const bench = new RabbitBench({ flushUs: 5000 });
    bench.queue('jobs');
    bench.publish('jobs', 'm1');
    bench.wait(5);
    bench.publish('jobs', 'm2');
    bench.restart();
    expect(bench.drain('jobs')).toBe('m1');
    expect(bench.facts()).toContain('lost m2 jobs (not flushed)');
  });

  test('a quorum queue keeps transient messages too, and counts the interrupted delivery (R11, R63)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', { 'x-queue-type': 'quorum' });
    bench.publish('jobs', 'm1 m2', { persistent: false });
    bench.consume('a', 'jobs', { prefetch: 1 });
    bench.restart();
    expect(bench.fetch('jobs')).toMatchObject({ label: 'm1', redelivered: true, deliveryCount: 1 });
    expect(bench.fetch('jobs')).toMatchObject({ label: 'm2', redelivered: false });
  });

  test('the TTL goes on over it', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', { 'x-message-ttl': 1000 });
    bench.publish('jobs', 'm1');
    bench.wait(600);
    bench.restart();
    bench.wait(399);
    expect(bench.depth('jobs')).toBe('1+0');
    bench.wait(1);
    expect(bench.depth('jobs')).toBe('0+0');
  });
});

describe('routing', () => {
  test('an order fans out over a topic exchange to four services (R1, R3)', () => {
    const bench = new RabbitBench();
    bench.say('admin', { type: 'exchange.declare', exchange: 'orders', exchangeType: 'topic', durable: true });
    const patterns = { billing: 'order.*.paid', shipping: 'order.eu.*', audit: '#', fraud: 'order.#.refused' };
    for (const [queue, pattern] of Object.entries(patterns)) {
      bench.queue(queue);
      bench.bind(queue, 'orders', pattern);
    }
    bench.publish('order.eu.paid', 'o1', { exchange: 'orders' });
    bench.publish('order.us.refused', 'o2', { exchange: 'orders' });
    const got = Object.keys(patterns).map((queue) => `${queue}: ${bench.drain(queue)}`);
    expect(got).toEqual(['billing: o1', 'shipping: o1', 'audit: o1 o2', 'fraud: o2']);
  });

  test('a headers exchange refuses an unknown x-match, a binding to nothing is 404 (R4, R9)', () => {
    const bench = new RabbitBench();
    bench.queue('q');
    const bind = (exchange: string, args: Record<string, string>) =>
      refusal(bench.say('x', { type: 'queue.bind', queue: 'q', exchange, routingKey: '', arguments: args }));
    expect(bind('amq.headers', { 'x-match': 'some' })).toBe(406);
    expect(bind('nowhere', {})).toBe(404);
    expect(bind('', {})).toBe(403);
  });

  test('4.3 refuses a binding with three # words, older ones take it (R3a)', () => {
    for (const [version, code] of [
      ['4.2', 0],
      ['4.3', 406],
    ] as const) {
      const bench = new RabbitBench({ version });
      bench.queue('q');
      const bound = bench.say('x', { type: 'queue.bind', queue: 'q', exchange: 'amq.topic', routingKey: '#.a.#.b.#' });
      expect(refusal(bound)).toBe(code);
    }
  });
});

describe('declaring', () => {
  test.each([
    [{ 'x-max-priority': 3000 }, /x-max-priority.*from 1 to 255/],
    [{ 'x-message-ttl': -1 }, /x-message-ttl.*from 0/],
    [{ 'x-expires': 0 }, /x-expires.*from 1/],
    [{ 'x-overflow': 'drop-tail' }, /drop-head, reject-publish, reject-publish-dlx/],
    [{ 'x-delivery-limit': 3 }, /x-delivery-limit.*belongs to quorum/],
    [{ 'x-queue-type': 'quorum', 'x-overflow': 'reject-publish-dlx' }, /quorum queue does not take/],
    [{ 'x-dead-letter-routing-key': 'k' }, /needs x-dead-letter-exchange/],
    [{ 'x-queue-type': 'tree' }, /expected classic, quorum or stream/],
    [{ 'x-queue-type': 'stream', 'x-message-ttl': 1000 }, /x-message-ttl.*belongs to classic and quorum/],
    [{ 'x-queue-type': 'stream', 'x-max-age': 'a day' }, /x-max-age.*Y, M, D, h, m, s/],
    [{ 'x-max-age': '1h' }, /x-max-age.*belongs to stream/],
    [{ 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'twice' }, /x-dead-letter-strategy/],
  ])('%j is refused with 406 and a reason', (args, reason) => {
    const [said] = new RabbitBench().say('x', { type: 'queue.declare', queue: 'q', durable: true, arguments: args });
    expect(said).toMatchObject({ type: 'channel.close', code: 406 });
    expect(said?.type === 'channel.close' && said.text).toMatch(reason);
  });

  test('again with the same arguments is no effect, with others 406, a reserved name 403 (R10)', () => {
    const bench = new RabbitBench();
    bench.queue('q', { 'x-max-length': 3 });
    const declare = (queue: string, limit: number) =>
      refusal(bench.say('x', { type: 'queue.declare', queue, durable: true, arguments: { 'x-max-length': limit } }));
    expect([declare('q', 3), declare('q', 4), declare('amq.q', 3)]).toEqual([0, 406, 403]);
  });

  test('an exclusive queue is its connection’s alone and goes with it (R13)', () => {
    const bench = new RabbitBench();
    bench.say('owner', { type: 'queue.declare', queue: 'q', exclusive: true });
    expect(refusal(bench.say('stranger', { type: 'basic.get', queue: 'q' }))).toBe(405);
    bench.drop('owner');
    expect(bench.depth('q')).toBe('none');
  });

  test('an auto-delete queue goes with its last consumer, an unconsumed one stays (R14)', () => {
    const bench = new RabbitBench();
    bench.queue('q', {}, { autoDelete: true });
    bench.consume('a', 'q');
    bench.consume('b', 'q');
    bench.drop('a');
    expect(bench.depth('q')).toBe('0+0');
    bench.drop('b');
    expect(bench.depth('q')).toBe('none');
  });

  test('4.3 permits no transient shared queue (R15)', () => {
    const said = new RabbitBench({ version: '4.3' }).say('x', { type: 'queue.declare', queue: 'q' });
    expect(refusal(said)).toBe(540);
  });
});

describe('quorum queues', () => {
  test('a poison message leaves at the failure after its limit (R62)', () => {
    const bench = new RabbitBench();
    bench.queue('dead');
    bench.queue('jobs', { ...QUORUM, ...DEAD, 'x-delivery-limit': 2 });
    bench.publish('jobs', 'm1');
    bench.consume('a', 'jobs');
    for (const deliveryTag of [1, 2, 3]) bench.say('a', { type: 'basic.reject', deliveryTag, requeue: true });
    expect(bench.pushed()).toBe('a: m1 m1* m1*');
    expect(bench.fetch('dead')?.message.deaths?.first).toMatchObject({ queue: 'jobs', reason: 'delivery_limit' });
  });

  test('returned messages go first, in the order of their return (R33)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', QUORUM);
    bench.publish('jobs', 'm1 m2 m3 m4');
    for (let fetched = 0; fetched < 3; fetched += 1) bench.fetch('jobs', { noAck: false });
    for (const deliveryTag of [3, 1, 2]) bench.say('admin', { type: 'basic.nack', deliveryTag, requeue: true });
    expect(bench.drain('jobs')).toBe('m3 m1 m2 m4');
  });

  test('4.3 delays a retry by the number of deliveries, up to a maximum; meanwhile it is neither ready nor unacked (R64)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    const delays = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 1000, 'x-delayed-retry-max': 2500 };
    bench.queue('jobs', { ...QUORUM, ...delays });
    bench.publish('jobs', 'm1 m2');
    bench.consume('a', 'jobs', { prefetch: 1 });
    bench.say('a', { type: 'basic.reject', deliveryTag: 1, requeue: true });
    expect([bench.pushed(), bench.depth('jobs')]).toEqual(['a: m1 m2', '0+1']);
    bench.say('a', { type: 'basic.ack', deliveryTag: 2 });
    bench.wait(999);
    expect(bench.pushed()).toBe('');
    bench.wait(1);
    expect(bench.pushed()).toBe('a: m1*');
    for (const [deliveryTag, ms] of [
      [3, 2000],
      [4, 2500],
    ] as const) {
      bench.say('a', { type: 'basic.reject', deliveryTag, requeue: true });
      bench.wait(ms - 1);
      expect(bench.pushed()).toBe('');
      bench.wait(1);
      expect(bench.pushed()).toBe('a: m1*');
    }
  });

  test('a delayed retry survives a restart; only the kinds of return that were asked for are delayed (R64)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    bench.queue('jobs', { ...QUORUM, 'x-delayed-retry-type': 'failed', 'x-delayed-retry-min': 1000 });
    bench.publish('jobs', 'm1 m2');
    bench.fetch('jobs', { noAck: false });
    bench.fetch('jobs', { noAck: false });
    bench.say('admin', { type: 'basic.nack', deliveryTag: 1, requeue: true });
    bench.say('admin', { type: 'basic.reject', deliveryTag: 2, requeue: true });
    expect(bench.depth('jobs')).toBe('1+0');
    bench.restart();
    bench.wait(1000);
    expect(bench.drain('jobs')).toBe('m1 m2');
  });

  test('a global prefetch is not implemented: the connection closes (R24)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', QUORUM);
    bench.say('a', { type: 'basic.qos', prefetchCount: 10, global: true });
    expect(refusal(bench.say('a', { type: 'basic.consume', queue: 'jobs', consumerTag: 'a' }))).toBe(540);
  });

  test('a single active consumer yields to a higher priority once it holds nothing (R60)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs', { ...QUORUM, 'x-single-active-consumer': true });
    bench.consume('low', 'jobs', { arguments: { 'x-priority': 1 } });
    bench.publish('jobs', 'm1');
    bench.consume('high', 'jobs', { arguments: { 'x-priority': 3 } });
    bench.publish('jobs', 'm2');
    expect([bench.pushed(), bench.node.stats('jobs')?.active]).toEqual(['low: m1', 'low']);
    bench.say('low', { type: 'basic.ack', deliveryTag: 1 });
    expect([bench.pushed(), bench.node.stats('jobs')?.active]).toEqual(['high: m2', 'high']);
  });
});

describe('time limits of connections and deliveries', () => {
  test('a silent connection is lost after the heartbeat timeout (R35)', () => {
    const bench = new RabbitBench({ heartbeatUs: 60_000_000 });
    bench.queue('jobs');
    bench.publish('jobs', 'm1');
    bench.consume('a', 'jobs');
    bench.wait(59_999);
    expect(bench.depth('jobs')).toBe('0+1');
    bench.wait(1);
    expect(bench.depth('jobs')).toBe('1+0');
  });

  test('consumer_timeout closes the channel at the check after 30 minutes (R37)', () => {
    const bench = new RabbitBench();
    bench.queue('jobs');
    bench.publish('jobs', 'm1');
    bench.wait(1000);
    bench.consume('a', 'jobs');
    bench.take();
    bench.wait(30 * 60_000 - 1);
    expect(bench.depth('jobs')).toBe('0+1');
    bench.wait(1);
    expect(bench.take().map(({ said }) => said.type)).toEqual(['channel.close']);
    expect(bench.depth('jobs')).toBe('1+0');
  });

  test('since 4.3 it cancels the consumer of a quorum queue and counts no failure; classic queues have none (R37, R63)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    bench.queue('quorum', { 'x-queue-type': 'quorum' });
    bench.queue('classic');
    bench.publish('quorum', 'm1');
    bench.publish('classic', 'm2');
    bench.consume('a', 'quorum');
    bench.consume('b', 'classic');
    bench.take();
    bench.wait(31 * 60_000);
    expect(bench.take().map(({ said }) => said.type)).toEqual(['basic.cancel']);
    expect([bench.depth('quorum'), bench.depth('classic')]).toEqual(['1+0', '0+1']);
    expect(bench.fetch('quorum')).toMatchObject({ redelivered: true, deliveryCount: undefined });
  });

  test('since 4.3 what a client says of an overdue delivery is heard once and changes nothing (R25, R37)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    bench.queue('jobs', QUORUM);
    bench.publish('jobs', 'm1 m2 m3');
    bench.consume('a', 'jobs');
    bench.wait(31 * 60_000);
    const ack = (deliveryTag: number, multiple = false): string[] =>
      bench.say('a', { type: 'basic.ack', deliveryTag, multiple }).map(({ type }) => type);
    expect([ack(2), ack(3, true), bench.depth('jobs')]).toEqual([[], [], '3+0']);
    expect(ack(1)).toEqual(['channel.close']);
  });

  test('since 4.3 every overdue consumer of a channel is cancelled, except who was already (R29, R37)', () => {
    const bench = new RabbitBench({ version: '4.3' });
    for (const queue of ['q1', 'q2', 'q3']) {
      bench.queue(queue, QUORUM);
      bench.publish(queue, `${queue}-m`);
      bench.consume(queue, queue, { channel: 'c' });
    }
    bench.say('c', { type: 'basic.cancel', consumerTag: 'q1' });
    bench.take();
    bench.facts();
    bench.wait(31 * 60_000);
    expect(bench.take().map(({ said }) => said)).toMatchObject([
      { type: 'basic.cancel', consumerTag: 'q2' },
      { type: 'basic.cancel', consumerTag: 'q3' },
    ]);
    expect(bench.facts().filter((fact) => fact.startsWith('cancelled'))).toHaveLength(2);
    expect(['q1', 'q2', 'q3'].map((queue) => bench.depth(queue))).toEqual(['1+0', '1+0', '1+0']);
  });
});

test('a quorum queue that was over its limit refuses until it is well below, also if nothing was published meanwhile (R47)', () => {
  const bench = new RabbitBench();
  bench.queue('jobs', { ...QUORUM, 'x-max-length': 5, 'x-overflow': 'reject-publish' });
  bench.publish('jobs', 'm1 m2 m3 m4 m5 m6');
  bench.get('jobs');
  bench.publish('jobs', 'm7');
  expect(bench.depth('jobs')).toBe('5+0');
  bench.get('jobs');
  bench.publish('jobs', 'm8');
  expect(bench.drain('jobs')).toBe('m3 m4 m5 m6 m8');
});

test('a purge takes what has died and waits for its targets, too (R55)', () => {
  const bench = new RabbitBench();
  bench.queue('full', { 'x-max-length': 0, 'x-overflow': 'reject-publish' });
  bench.queue('jobs', {
    ...QUORUM,
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'full',
    'x-dead-letter-strategy': 'at-least-once',
  });
  bench.publish('jobs', 'm1 m2');
  bench.consume('a', 'jobs', { prefetch: 1 });
  bench.say('a', { type: 'basic.reject', deliveryTag: 1, requeue: false });
  bench.drop('a');
  bench.take();
  const [purged] = bench.say('admin', { type: 'queue.purge', queue: 'jobs' });
  expect(purged).toMatchObject({ type: 'queue.purge-ok', messageCount: 2 });
  bench.command({ type: 'set', path: ['queues', 'full', 'x-max-length'], value: 10 });
  bench.wait(10 * 60_000);
  expect(bench.depth('full')).toBe('0+0');
});

test('no delivery limit can be asked for since 4.0 only (R62)', () => {
  const declared = (version: string): string[] =>
    new RabbitBench({ version })
      .say('c', {
        type: 'queue.declare',
        queue: 'jobs',
        durable: true,
        arguments: { ...QUORUM, 'x-delivery-limit': -1 },
      })
      .map(({ type }) => type);
  expect([declared('3.13'), declared('4.0')]).toEqual([['channel.close'], ['queue.declare-ok']]);
});

test('a cycle that is cut is told once, however often the other targets are tried (R54, R55)', () => {
  const bench = new RabbitBench();
  bench.say('admin', { type: 'exchange.declare', exchange: 'graves', exchangeType: 'fanout', durable: true });
  bench.queue('full', { 'x-max-length': 0, 'x-overflow': 'reject-publish' });
  bench.queue('jobs', {
    ...QUORUM,
    'x-message-ttl': 1000,
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': 'graves',
    'x-dead-letter-strategy': 'at-least-once',
  });
  for (const queue of ['full', 'jobs']) bench.bind(queue, 'graves', '');
  bench.publish('jobs', 'm1');
  bench.wait(10 * 60_000);
  expect(bench.facts().filter((fact) => fact.startsWith('evicted'))).toHaveLength(1);
});

test('a changed limit holds at once for what is there, and what cannot change stays (as by a policy)', () => {
  const bench = new RabbitBench();
  bench.queue('jobs');
  bench.publish('jobs', 'm1 m2 m3');
  bench.command({ type: 'set', path: ['queues', 'jobs', 'x-max-priority'], value: 5 });
  bench.command({ type: 'set', path: ['queues', 'jobs', 'x-max-length'], value: 2 });
  bench.command({ type: 'set', path: ['queues', 'jobs', 'x-overflow'], value: 'drop-tail' });
  expect(bench.drain('jobs')).toBe('m2 m3');
});

test('redriving moves messages back to where they died, one by one at a rate', () => {
  const bench = new RabbitBench();
  bench.queue('dead');
  bench.queue('jobs', { ...DEAD, 'x-max-length': 1 });
  bench.publish('jobs', 'm1 m2 m3');
  expect(bench.drain('jobs')).toBe('m3');
  bench.command({ type: 'redrive', queue: 'dead', perSecond: 1 });
  expect([bench.depth('dead'), bench.drain('jobs')]).toEqual(['1+0', 'm1']);
  bench.wait(1000);
  expect([bench.depth('dead'), bench.drain('jobs')]).toEqual(['0+0', 'm2']);
});

test('redriving leaves where it is what its target refuses, and tries again at its rate (R47)', () => {
  const bench = new RabbitBench();
  bench.queue('dead');
  bench.queue('jobs', { 'x-max-length': 2, 'x-overflow': 'reject-publish' });
  bench.publish('dead', 'm1 m2 m3 m4');
  bench.command({ type: 'redrive', queue: 'dead', to: 'jobs' });
  expect([bench.depth('dead'), bench.depth('jobs')]).toEqual(['2+0', '2+0']);
  bench.command({ type: 'redrive', queue: 'dead', to: 'jobs', perSecond: 1 });
  bench.wait(500);
  expect([bench.depth('dead'), bench.drain('jobs')]).toEqual(['2+0', 'm1 m2']);
  bench.wait(1000);
  expect([bench.drain('dead'), bench.drain('jobs')]).toEqual(['m4', 'm3']);
});

test('redriving takes each message to where that one died, also where priorities mix (R57)', () => {
  const bench = new RabbitBench({ version: '4.2' });
  bench.queue('dead', QUORUM);
  for (const queue of ['high', 'low']) bench.queue(queue, { ...DEAD, 'x-max-length': 0 });
  bench.publish('high', 'h1 h2 h3', { priority: 9 });
  bench.publish('low', 'l1', { priority: 1 });
  for (const queue of ['high', 'low'])
    bench.command({ type: 'set', path: ['queues', queue, 'x-max-length'], value: 10 });
  bench.command({ type: 'redrive', queue: 'dead' });
  expect([bench.drain('high'), bench.drain('low')]).toEqual(['h1 h2 h3', 'l1']);
});

test('frames that overtake each other are handled in order, a second copy once, and a hole breaks the connection', () => {
  const bench = new RabbitBench();
  bench.queue('jobs');
  bench.open('p');
  bench.inject('p', 2, 'jobs', 'm2');
  expect(bench.depth('jobs')).toBe('0+0');
  bench.inject('p', 1, 'jobs', 'm1');
  bench.inject('p', 1, 'jobs', 'm1');
  expect(bench.drain('jobs')).toBe('m1 m2');
  bench.inject('p', 4, 'jobs', 'm4');
  bench.wait(2000);
  expect(bench.facts()).toContain('connection-lost → p');
  expect(bench.depth('jobs')).toBe('0+0');
});
