/** The producer by itself: when it makes messages, of what, and what it does when the broker does not keep up. */
import { describe, expect, it } from 'vitest';
import type { ProducerPort } from '../../../core/clients/ports.ts';
import { Producer, type ProducerSettings } from '../../../core/clients/producer.ts';
import type { Message } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const SECOND = 1_000_000;
const SETTINGS: ProducerSettings = {
  perSecond: 0,
  arrivals: 'even',
  messages: 0,
  startUs: 0,
  stopUs: 1000 * SECOND,
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
};

function producerOf(settings: Partial<ProducerSettings>) {
  const bench = new MachineBench();
  const published: Message[] = [];
  const port: ProducerPort = {
    start: () => {},
    receive: () => {},
    timer: () => {},
    crash: () => {},
    publish: (message) => published.push(message),
  };
  const producer = new Producer('web', { ...SETTINGS, ...settings }, bench.setup);
  producer.port = port;
  bench.start(producer);
  const times = () => published.map(({ producedAtUs }) => producedAtUs / SECOND);
  return { bench, producer, published, times };
}

const line = { atUs: 0, attributes: {}, amount: 1, poison: false, times: 1 };

describe('a producer', () => {
  it('keeps an even rate without drifting, however odd', () => {
    const { bench, published } = producerOf({ perSecond: 3 });
    bench.wait(1000 * SECOND);
    expect(published).toHaveLength(2999);
    expect(Math.abs((published[299]?.producedAtUs ?? 0) - 100 * SECOND)).toBeLessThanOrEqual(1);
  });

  it('stops when it has made as many as it should, or when its time is over', () => {
    const counted = producerOf({ perSecond: 10, messages: 7 });
    counted.bench.wait(10 * SECOND);
    expect(counted.published).toHaveLength(7);
    const timed = producerOf({ perSecond: 1, startUs: 2 * SECOND, stopUs: 5 * SECOND });
    timed.bench.wait(10 * SECOND);
    expect(timed.times()).toEqual([3, 4]);
  });

  it('makes what is listed at its times, besides the rate', () => {
    const { bench, times } = producerOf({
      perSecond: 1,
      stopUs: 3 * SECOND,
      send: [{ ...line, atUs: 1_500_000, times: 2 }],
    });
    bench.wait(10 * SECOND);
    expect(times()).toEqual([1, 1.5, 1.5, 2]);
  });

  it('changes its rate in a burst, and goes back to the usual one', () => {
    const { bench, producer, times } = producerOf({ perSecond: 1, stopUs: 6 * SECOND });
    bench.wait(1_500_000);
    producer.command({ type: 'burst', perSecond: 4, forUs: SECOND }, bench.out);
    bench.wait(10 * SECOND);
    expect(times()).toEqual([1, 1.75, 2, 2.25, 3.5, 4.5, 5.5]);
  });

  it('begins no sooner at its usual rate for a burst that came before its start', () => {
    const { bench, producer, times } = producerOf({ perSecond: 1, startUs: 5 * SECOND, stopUs: 8 * SECOND });
    bench.wait(SECOND);
    producer.command({ type: 'burst', perSecond: 2, forUs: SECOND }, bench.out);
    bench.wait(10 * SECOND);
    expect(times()).toEqual([1.5, 6, 7]);
  });

  it('makes as many at its rate as it should, whatever was asked of it besides', () => {
    const { bench, producer, times } = producerOf({ perSecond: 1, messages: 3, send: [{ ...line, atUs: 500_000 }] });
    bench.wait(1_500_000);
    producer.command({ type: 'send', messages: 1 }, bench.out);
    bench.wait(10 * SECOND);
    expect(times()).toEqual([0.5, 1, 1.5, 2, 3]);
  });

  it('makes a message at once when it is asked for one, and keeps its rate', () => {
    const { bench, producer, times } = producerOf({ perSecond: 1, stopUs: 3 * SECOND });
    bench.wait(1_500_000);
    producer.command({ type: 'send', messages: 2 }, bench.out);
    bench.wait(10 * SECOND);
    expect(times()).toEqual([1, 1.5, 1.5, 2]);
  });

  it('gives what it is asked for the key that it is asked for, and draws all else', () => {
    const { bench, producer, published } = producerOf({
      key: 'city',
      attributes: { city: { type: 'unique', prefix: 'c' }, kind: { type: 'unique', prefix: 'k' } },
    });
    producer.command({ type: 'send', messages: 2, key: 'oslo' }, bench.out);
    producer.command({ type: 'send', messages: 1 }, bench.out);
    expect(published.map(({ key }) => key)).toEqual(['oslo', 'oslo', 'c-3']);
    expect(published[1]?.attributes).toEqual({ city: 'oslo', kind: 'k-2' });
  });

  it('makes nothing while it is down', () => {
    const { bench, producer, times } = producerOf({ perSecond: 1, stopUs: 8 * SECOND });
    bench.wait(2_500_000);
    bench.crash();
    bench.wait(2 * SECOND);
    producer.restart(bench.out);
    bench.wait(10 * SECOND);
    expect(times()).toEqual([1, 2, 5.5, 6.5, 7.5]);
  });

  it('takes the key from an attribute, and fills attributes into the routing key', () => {
    const { bench, published } = producerOf({
      key: 'city',
      routingKey: 'order.{city}.{kind}',
      attributes: { kind: { type: 'unique', prefix: 'k' } },
      send: [{ ...line, attributes: { city: 'oslo' } }],
    });
    bench.wait(0);
    expect(published.map(({ key, routingKey }) => [key, routingKey])).toEqual([['oslo', 'order.oslo.k-1']]);
  });

  it('makes the next n messages poison when it is told to', () => {
    const { bench, producer, published } = producerOf({ perSecond: 1 });
    producer.command({ type: 'poison', messages: 2 }, bench.out);
    bench.wait(3 * SECOND);
    expect(published.map(({ poison }) => poison)).toEqual([true, true, false]);
  });
});

describe('a full buffer', () => {
  it('drops what comes, and says so', () => {
    const { bench, published } = producerOf({ perSecond: 1, buffer: 2, messages: 3 });
    bench.wait(10 * SECOND);
    expect(published).toHaveLength(2);
    expect(bench.story().at(-1)).toBe('3.000 shed m3 (buffer full)');
  });

  it('holds up a source that waits, until a message is confirmed or given up', () => {
    const { bench, producer, published, times } = producerOf({
      perSecond: 1,
      buffer: 1,
      messages: 3,
      whenFull: 'wait',
    });
    bench.wait(5 * SECOND);
    producer.confirmed(published[0] as Message, 0, 0, true, bench.out);
    bench.wait(SECOND);
    producer.failed(published[1] as Message, 0, false, bench.out);
    expect(times()).toEqual([1, 5, 6]);
  });
});
