import { describe, expect, test } from 'vitest';
import type { Properties } from '../../../core/parts/amqp-message.ts';
import type { ClassicRules, QuorumRules, Return } from '../../../core/parts/rabbit-queue.ts';
import { RabbitQueue } from '../../../core/parts/rabbit-queue.ts';
import type { QueuedMessage } from '../../../core/parts/ready-list.ts';
import { NEVER } from '../../../core/parts/ready-list.ts';
import { amqp } from './amqp-message-for-tests.ts';

const CLASSIC: ClassicRules = {
  type: 'classic',
  consumers: 'competing',
  maxLength: undefined,
  maxLengthBytes: undefined,
  overflow: 'drop-head',
  messageTtlUs: undefined,
  maxPriority: 0,
};
const QUORUM: QuorumRules = {
  type: 'quorum',
  consumers: 'competing',
  maxLength: undefined,
  maxLengthBytes: undefined,
  overflow: 'drop-head',
  messageTtlUs: undefined,
  priorities: 'two-to-one',
  deliveryLimit: 20,
  countsNacks: true,
  delayedRetry: undefined,
};

/** A queue handled the way the broker does it, with messages 1, 2, 3 …; `held` are delivered and unsettled. */
class Bench {
  readonly queue: RabbitQueue<never>;
  readonly held = new Map<number, QueuedMessage>();
  #last = 0;

  constructor(rules: Partial<ClassicRules> | QuorumRules = {}) {
    this.queue = new RabbitQueue<never>(rules.type === 'quorum' ? rules : { ...CLASSIC, ...rules });
  }

  /** Publishes; false when the queue refuses. */
  publish(properties: Properties = {}, { nowUs = 0, sizeBytes = 1 } = {}): boolean {
    this.#last += 1;
    if (this.queue.refuses(sizeBytes)) return false;
    this.queue.ready.add(this.queue.admit(amqp(this.#last, properties, sizeBytes), nowUs));
    return true;
  }

  publishMany(messages: number): this {
    for (let message = 0; message < messages; message += 1) this.publish();
    return this;
  }

  /** Delivers the next; 0 for none. */
  take(): number {
    const entry = this.queue.ready.take();
    if (entry === undefined) return 0;
    this.queue.unacked += 1;
    this.held.set(entry.message.body.id, entry);
    return entry.message.body.id;
  }

  takeMany(messages: number): number[] {
    return Array.from({ length: messages }, () => this.take());
  }

  giveBack(id: number, how: Return = 'nack'): number {
    const entry = this.held.get(id);
    if (entry === undefined) throw new Error(`message ${id} is not held`);
    this.held.delete(id);
    return this.queue.giveBack(entry, how, 0);
  }

  ready(): number[] {
    return this.queue.ready.entries().map((entry) => entry.message.body.id);
  }

  overflow(): number[] {
    const dropped: number[] = [];
    for (let entry = this.queue.takeOverflow(); entry !== undefined; entry = this.queue.takeOverflow()) {
      dropped.push(entry.message.body.id);
    }
    return dropped;
  }

  expired(nowUs: number): number[] {
    const gone: number[] = [];
    for (
      let entry = this.queue.ready.takeExpired(nowUs);
      entry !== undefined;
      entry = this.queue.ready.takeExpired(nowUs)
    ) {
      gone.push(entry.message.body.id);
    }
    return gone;
  }
}

describe('requeueing in a classic queue (R32)', () => {
  test('puts each message where it stood, in whatever order they return', () => {
    const bench = new Bench().publishMany(5);
    expect(bench.takeMany(4)).toEqual([1, 2, 3, 4]);
    expect([3, 1, 4, 2].map((id) => bench.giveBack(id))).toEqual([0, 0, 2, 1]);
    expect(bench.ready()).toEqual([1, 2, 3, 4, 5]);
    expect(bench.takeMany(6)).toEqual([1, 2, 3, 4, 5, 0]);
  });

  test('a whole window of ten thousand comes back in order, in either order of returning', () => {
    const all = Array.from({ length: 10_000 }, (_, index) => index + 1);
    for (const order of [all, all.toReversed()]) {
      const bench = new Bench().publishMany(all.length);
      bench.takeMany(all.length);
      for (const id of order) bench.giveBack(id, 'lost');
      expect(bench.takeMany(all.length)).toEqual(all);
    }
  });
});

describe('requeueing in a quorum queue', () => {
  test('serves returned messages first, in the order of returning (R33)', () => {
    const bench = new Bench(QUORUM).publishMany(4);
    bench.takeMany(3);
    expect([3, 1, 2].map((id) => bench.giveBack(id))).toEqual([0, 1, 2]);
    expect(bench.takeMany(4)).toEqual([3, 1, 2, 4]);
  });

  test('without a delivery limit sends them to the back, except those of a lost consumer (R34)', () => {
    const bench = new Bench({ ...QUORUM, deliveryLimit: undefined }).publishMany(4);
    bench.takeMany(2);
    expect(bench.giveBack(1, 'nack')).toBe(2);
    expect(bench.giveBack(2, 'lost')).toBe(0);
    expect(bench.ready()).toEqual([2, 3, 4, 1]);
  });

  test('removes a message at the failure after its limit (R62); from 4.3 on a nack is no failure (R63)', () => {
    const rounds = (rules: QuorumRules, how: Return) => {
      const bench = new Bench(rules).publishMany(1);
      let count = 0;
      while (bench.take() === 1 && count < 9) {
        count += 1;
        if (bench.giveBack(1, how) < 0) return count;
      }
      return 'forever';
    };
    expect(rounds({ ...QUORUM, deliveryLimit: 2 }, 'nack')).toBe(3);
    expect(rounds({ ...QUORUM, deliveryLimit: 2, countsNacks: false }, 'nack')).toBe('forever');
    expect(rounds({ ...QUORUM, deliveryLimit: 2, countsNacks: false }, 'reject')).toBe(3);
    expect(rounds({ ...QUORUM, deliveryLimit: 0 }, 'lost')).toBe(1);
    expect(rounds({ ...QUORUM, deliveryLimit: 0 }, 'timeout')).toBe('forever');
  });
});

describe('priorities', () => {
  const publish = (bench: Bench, ...priorities: (number | undefined)[]) => {
    for (const priority of priorities) bench.publish(priority === undefined ? {} : { priority });
    return bench;
  };

  test('classic: higher first, none is 0, too high is the maximum, a requeue keeps it (R56)', () => {
    const bench = publish(new Bench({ maxPriority: 5 }), 1, 5, undefined, 200, 0, 3);
    expect(bench.takeMany(3)).toEqual([2, 4, 6]);
    expect([6, 2].map((id) => bench.giveBack(id))).toEqual([0, 0]);
    expect(bench.takeMany(5)).toEqual([2, 6, 1, 3, 5]);
  });

  test('quorum 4.0 to 4.2: two high ones for each normal one (R57)', () => {
    const bench = publish(new Bench(QUORUM), 0, 4, undefined, 5, 9, 255, 5);
    expect(bench.takeMany(7)).toEqual([4, 5, 1, 6, 7, 2, 3]);
  });

  test('quorum 4.3: strict, 4 by default, clamped at 31 (R57)', () => {
    const bench = publish(new Bench({ ...QUORUM, priorities: 'strict' }), 31, 200, 30, undefined, 3, 5);
    expect(bench.takeMany(6)).toEqual([1, 2, 3, 6, 4, 5]);
  });
});

describe('TTL', () => {
  test('the lower of the two counts from arrival (R38)', () => {
    const bench = new Bench({ messageTtlUs: 500_000 });
    bench.publish({ expiration: '5000' });
    bench.publish({ expiration: '150' }, { nowUs: 1000 });
    expect(bench.queue.ready.entries().map((entry) => entry.expiresAtUs)).toEqual([500_000, 151_000]);
  });

  test('is looked for at the head only, so a long-lived head hides the rest (R40)', () => {
    const bench = new Bench();
    bench.publish({ expiration: '1500' });
    bench.publish({ expiration: '200' });
    expect(bench.expired(700_000)).toEqual([]);
    expect(bench.queue.ready.nextExpiryUs()).toBe(1_500_000);
    expect(bench.expired(1_500_000)).toEqual([1, 2]);
    expect(bench.queue.ready.nextExpiryUs()).toBe(NEVER);
  });

  test('a strict quorum queue looks at the head of each level (R40)', () => {
    const bench = new Bench({ ...QUORUM, priorities: 'strict' });
    bench.publish({ priority: 9 });
    bench.publish({ priority: 1, expiration: '200' });
    expect(bench.expired(200_000)).toEqual([2]);
  });

  test('is kept over a requeue (R39)', () => {
    const bench = new Bench({ messageTtlUs: 2_000_000 }).publishMany(1);
    bench.take();
    bench.giveBack(1);
    expect(bench.expired(1_999_999)).toEqual([]);
    expect(bench.expired(2_000_000)).toEqual([1]);
  });
});

describe('length limits', () => {
  test('drop-head lets the oldest go; a priority queue the most important (R45, R46)', () => {
    expect(new Bench({ maxLength: 3 }).publishMany(5).overflow()).toEqual([1, 2]);
    const bench = new Bench({ maxLength: 2, maxPriority: 5 });
    for (const priority of [5, 1, 3, 0]) bench.publish({ priority });
    expect(bench.overflow()).toEqual([1, 3]);
  });

  test('bytes count too; one message larger than the limit evicts everything and itself (R43, R45)', () => {
    const bench = new Bench({ maxLengthBytes: 100 });
    bench.publish({}, { sizeBytes: 60 });
    bench.publish({}, { sizeBytes: 60 });
    expect(bench.overflow()).toEqual([1]);
    bench.publish({}, { sizeBytes: 101 });
    expect(bench.overflow()).toEqual([2, 3]);
    expect(bench.queue.ready.sizeBytes).toBe(0);
  });

  test('only ready messages count (R43)', () => {
    const bench = new Bench({ maxLength: 1 }).publishMany(1);
    bench.take();
    bench.publish();
    expect(bench.overflow()).toEqual([]);
  });

  test('reject-publish refuses the newest; a requeue may exceed the limit (R36, R47)', () => {
    const bench = new Bench({ maxLength: 1, overflow: 'reject-publish' });
    expect([bench.publish(), bench.publish()]).toEqual([true, false]);
    bench.take();
    expect(bench.publish()).toBe(true);
    bench.giveBack(1);
    expect([bench.ready(), bench.overflow()]).toEqual([[1, 3], []]);
  });

  test('a quorum queue learns late: it overshoots, and takes again a fifth below its limit (R47)', () => {
    const bench = new Bench({ ...QUORUM, maxLength: 10, overflow: 'reject-publish' });
    expect(Array.from({ length: 12 }, () => bench.publish()).lastIndexOf(true)).toBe(10);
    bench.takeMany(2);
    expect(bench.publish()).toBe(false);
    bench.take();
    expect(bench.publish()).toBe(true);
  });
});

test('what was not stored is lost with the node, the rest keeps its order (R11)', () => {
  const bench = new Bench().publishMany(3);
  for (const entry of bench.queue.ready.entries()) entry.stored = entry.message.body.id !== 2;
  expect(bench.queue.loseUnstored().map((entry) => entry.message.body.id)).toEqual([2]);
  expect(bench.ready()).toEqual([1, 3]);
  expect(bench.queue.ready.length).toBe(2);
});
