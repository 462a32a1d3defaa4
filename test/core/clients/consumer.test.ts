/** The consumer by itself: its sub-steps in order, what a failure does, and what it must not do twice. */
import { describe, expect, it } from 'vitest';
import { Consumer, type ConsumerSettings, newOutside } from '../../../core/clients/consumer.ts';
import type { ConsumerPort } from '../../../core/clients/ports.ts';
import type { WriteReply, WriteRequest } from '../../../core/clients/store.ts';
import type { Delivery, Message, Settlement } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';
import { USUAL } from './usual.ts';

const STORE = 5;
const SECOND = 1_000_000;

const SETTINGS: ConsumerSettings = { ...USUAL, process: { type: 'constant', us: SECOND } };

/** A consumer whose port only notes what it is asked; the broker's answers come when the test says so. */
function consumerOf(settings: Partial<ConsumerSettings> = {}, answers = true) {
  const bench = new MachineBench();
  const jobs = bench.setup.place('jobs', 'queue');
  const asked: string[] = [];
  const settling: Delivery[] = [];
  const port: ConsumerPort = {
    start: () => {},
    receive: () => {},
    timer: () => {},
    crash: () => {},
    room: (messages) => asked.push(`room ${messages}`),
    settle(delivery: Delivery, how: Settlement, out) {
      asked.push(`${how} m${delivery.message.id}`);
      if (answers) consumer.settled(delivery, true, out);
      else settling.push(delivery);
    },
    extend: (delivery, forUs) => asked.push(`extend m${delivery.message.id} by ${forUs / SECOND} s`),
  };
  const consumer = new Consumer('worker', { ...SETTINGS, ...settings }, STORE, newOutside(), bench.setup);
  consumer.port = port;
  bench.start(consumer);
  asked.length = 0;
  const deliver = (...messages: Message[]) =>
    consumer.deliver(
      messages.map((message) => ({ message, place: jobs, attempt: 1, handle: null })),
      bench.out,
    );
  return { bench, consumer, asked, settling, deliver };
}

describe('a consumer', () => {
  it('receives, begins, applies, settles, in this order', () => {
    const { bench, deliver } = consumerOf();
    deliver(bench.message());
    bench.wait(2 * SECOND);
    expect(bench.story()).toEqual([
      '0.000 received m1 jobs',
      '0.000 begun m1 jobs',
      '1.000 applied m1 first = 0',
      '1.000 settled m1 jobs ack',
    ]);
  });

  it('works on as many as its concurrency allows, and tells how much room is left', () => {
    const { bench, asked, deliver } = consumerOf({ concurrency: 2, prefetch: 3 });
    deliver(bench.message(), bench.message(), bench.message());
    expect(bench.story().filter((line) => line.includes('begun'))).toHaveLength(2);
    bench.wait(SECOND);
    expect(bench.story().filter((line) => line.includes('begun'))).toEqual(['1.000 begun m3 jobs']);
    expect(asked.at(-1)).toBe('room 2');
  });

  it('that settles first begins only what the broker has surely removed', () => {
    const { bench, consumer, settling, deliver } = consumerOf(
      { settle: 'before-processing', concurrency: 2, prefetch: 2 },
      false,
    );
    deliver(bench.message(), bench.message());
    const [first, second] = settling as [Delivery, Delivery];
    consumer.settled(first, true, bench.out);
    consumer.settled(second, false, bench.out);
    bench.wait(2 * SECOND);
    expect(bench.story().slice(4)).toEqual([
      '0.000 begun m1 jobs',
      '0.000 skipped m2 jobs (outcome unknown)',
      '1.000 applied m1 first = 0',
    ]);
  });

  it('that dies at a step says nothing afterwards', () => {
    const { bench, asked, deliver } = consumerOf({ crash: { probability: 1, step: 'applied', restartUs: SECOND } });
    deliver(bench.message());
    bench.wait(SECOND);
    expect(bench.story().at(-1)).toBe('1.000 applied m1 first = 0');
    expect([bench.crashed, asked]).toEqual([true, []]);
  });

  it('forgets in a crash what it held', () => {
    const { bench, consumer, deliver } = consumerOf({ concurrency: 1, prefetch: 2 });
    deliver(bench.message(), bench.message());
    bench.crash();
    bench.story();
    consumer.restart(bench.out);
    bench.wait(5 * SECOND);
    expect(bench.story()).toEqual([]);
  });

  it('extends its lock while it works, and not afterwards', () => {
    const { bench, asked, deliver } = consumerOf({
      process: { type: 'constant', us: 5 * SECOND },
      heartbeat: { everyUs: 2 * SECOND, byUs: 10 * SECOND },
    });
    deliver(bench.message());
    bench.wait(20 * SECOND);
    expect(asked).toEqual(['extend m1 by 10 s', 'extend m1 by 10 s', 'ack m1', 'room 1']);
  });
});

describe('a failing handler', () => {
  it.each([
    ['leave', 'leave m1'],
    ['requeue', 'requeue m1'],
    ['reject', 'reject m1'],
    ['skip', 'ack m1'],
  ] as const)('with on-failure %s settles so', (onFailure, expected) => {
    const { bench, asked, deliver } = consumerOf({ onFailure });
    deliver(bench.message({ poison: true }));
    bench.wait(SECOND);
    expect(asked[0]).toBe(expected);
    expect(bench.story()).toContain('1.000 failed m1 jobs (poison)');
  });

  it('that was fixed can process poison', () => {
    const { bench, consumer, asked, deliver } = consumerOf();
    consumer.command({ type: 'fix' }, bench.out);
    deliver(bench.message({ poison: true }));
    bench.wait(SECOND);
    expect(asked[0]).toBe('ack m1');
  });

  it('that hangs keeps its slot', () => {
    const { bench, asked, deliver } = consumerOf({ onPoison: 'hang', prefetch: 2 });
    deliver(bench.message({ poison: true }), bench.message());
    bench.wait(100 * SECOND);
    expect([asked, bench.story().filter((line) => line.includes('begun'))]).toEqual([[], ['0.000 begun m1 jobs']]);
  });
});

describe('an effect on a store', () => {
  const written = (bench: MachineBench, reply: Partial<WriteReply>) => {
    const request = bench.takeSent().at(-1)?.wire as WriteRequest;
    bench.receive(STORE, { type: 'store/written', token: request.token, ok: true, reason: 0, ...reply } as WriteReply);
  };

  it('is settled only after the store has answered', () => {
    const { bench, asked, deliver } = consumerOf({ effect: { type: 'increment', store: 'db' } });
    deliver(bench.message());
    bench.wait(SECOND);
    expect(asked).toEqual([]);
    written(bench, {});
    expect(asked[0]).toBe('ack m1');
  });

  it('that is refused or not answered in time is a failure', () => {
    for (const refuse of [true, false]) {
      const { bench, asked, deliver } = consumerOf({ effect: { type: 'set', store: 'db' } });
      deliver(bench.message());
      bench.wait(SECOND);
      if (refuse) written(bench, { ok: false });
      else bench.wait(10 * SECOND);
      expect(asked[0]).toBe('leave m1');
    }
  });
});

describe('how long a store may take to answer', () => {
  it('is counted for each write by itself', () => {
    const { bench, deliver } = consumerOf({ effect: { type: 'set', store: 'db' }, writeTimeoutUs: 5 * SECOND });
    deliver(bench.message());
    bench.wait(SECOND);
    const request = bench.takeSent().at(-1)?.wire as WriteRequest;
    bench.receive(STORE, { type: 'store/written', token: request.token, ok: true, reason: 0 } as WriteReply);
    deliver(bench.message());
    bench.wait(20 * SECOND);
    expect(bench.story().filter((line) => line.includes('failed'))).toEqual(['7.000 failed m2 jobs (timed out)']);
  });

  it('is over for a write that was given up: its late answer is none to the next', () => {
    const { bench, deliver } = consumerOf({
      effect: { type: 'set', store: 'db' },
      writeTimeoutUs: SECOND,
      retry: { attempts: 2, firstUs: SECOND, maxUs: SECOND, growth: 'fixed', jitter: 'none' },
    });
    deliver(bench.message());
    bench.wait(SECOND);
    const first = bench.takeSent().at(-1)?.wire as WriteRequest;
    bench.wait(2 * SECOND);
    const answer = { type: 'store/written', ok: true, reason: 0 } as const;
    bench.receive(STORE, { ...answer, token: first.token } as WriteReply);
    expect(bench.story().some((line) => line.includes('settled'))).toBe(false);
    const second = bench.takeSent().at(-1)?.wire as WriteRequest;
    bench.receive(STORE, { ...answer, token: second.token } as WriteReply);
    expect(bench.story().at(-1)).toBe('3.000 settled m1 jobs ack');
  });
});

describe('deduplication at the consumer', () => {
  const twice = (durable: boolean, crash: boolean) => {
    const { bench, deliver } = consumerOf({ dedup: { windowUs: 60 * SECOND, durable } });
    const message = bench.message();
    deliver(message);
    bench.wait(SECOND);
    if (crash) bench.crash();
    deliver(message);
    bench.wait(SECOND);
    return bench
      .story()
      .filter((line) => /applied|deduplicated/.test(line))
      .map((line) => line.slice(6));
  };

  it('skips the second delivery', () => {
    expect(twice(false, false)).toEqual(['applied m1 first = 0', 'deduplicated m1 jobs']);
  });

  it('in memory is forgotten in a crash; durable is not', () => {
    expect(twice(false, true)).toEqual(['applied m1 first = 0', 'applied m1 again = 0']);
    expect(twice(true, true)).toEqual(['applied m1 first = 0', 'deduplicated m1 jobs']);
  });
});
