/** The store: where increment, set and insert differ when a message is worked on twice. */
import { describe, expect, it } from 'vitest';
import { Store, type StoreSettings, type WriteReply, type WriteRequest } from '../../../core/clients/store.ts';
import type { Message } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const WORKER = 3;

function storeOf(settings: Partial<StoreSettings> = {}) {
  const bench = new MachineBench();
  bench.names.set(WORKER, 'worker');
  const defaults: StoreSettings = {
    write: { type: 'constant', us: 0 },
    concurrency: 0,
    perSecondMax: null,
    failProbability: 0,
    floor: null,
    idempotency: null,
  };
  bench.start(new Store('db', { ...defaults, ...settings }, bench.setup));
  let token = 0;
  const write = (effect: WriteRequest['effect'], message: Message, dedupUs = 0) =>
    bench.receive(WORKER, {
      type: 'store/write',
      effect,
      message,
      token: ++token,
      dedupUs,
      sizeBytes: 1,
      own: false,
      rows: [],
    } as WriteRequest);
  const outcomes = () => bench.story().map((line) => line.replace(' db → worker', ''));
  const answers = () => bench.takeSent().map(({ wire }) => (wire as WriteReply).ok);
  return { bench, write, outcomes, answers };
}

describe('an effect done twice', () => {
  it.each([
    ['increment', ['0.000 applied m1 first = 5', '0.000 applied m1 again = 10']],
    ['set', ['0.000 applied m1 first = 1', '0.000 applied m1 unchanged = 1']],
    ['insert', ['0.000 applied m1 first = 1', '0.000 applied m1 unchanged = 1']],
  ] as const)('as %s', (effect, expected) => {
    const { bench, write, outcomes } = storeOf();
    const message = bench.message({ key: 'alice', amount: 5 });
    write(effect, message);
    write(effect, message);
    expect(outcomes()).toEqual(expected);
  });

  it('as a set changes the row again when another was set in between', () => {
    const { bench, write, outcomes } = storeOf();
    const [one, two] = [bench.message({ key: 'alice' }), bench.message({ key: 'alice' })];
    for (const message of [one, two, one]) write('set', message);
    expect(outcomes().at(-1)).toBe('0.000 applied m1 again = 1');
  });

  it('is recognised by the ids that the store keeps, for as long as it keeps them', () => {
    const { bench, write, outcomes } = storeOf();
    const message = bench.message();
    write('increment', message, 10);
    bench.wait(9);
    write('increment', message, 10);
    bench.wait(1);
    write('increment', message, 10);
    expect(outcomes().map((line) => line.slice(6))).toEqual([
      'applied m1 first = 1',
      'deduplicated m1',
      'applied m1 again = 2',
    ]);
  });
});

describe('a store', () => {
  it('refuses an increment that would take a row below its floor', () => {
    const { bench, write, outcomes, answers } = storeOf({ floor: 0 });
    write('increment', bench.message({ key: 'bob', amount: 10 }));
    write('increment', bench.message({ key: 'bob', amount: -11 }));
    expect(outcomes()).toEqual(['0.000 applied m1 first = 10', '0.000 applied m2 refused = 10']);
    expect(answers()).toEqual([true, false]);
  });

  it('lets writes beyond its concurrency wait in order', () => {
    const { bench, write, outcomes } = storeOf({ write: { type: 'constant', us: 1000 }, concurrency: 1 });
    for (let i = 0; i < 3; i++) write('set', bench.message());
    bench.wait(10_000);
    expect(outcomes().map((line) => line.slice(0, 16))).toEqual([
      '0.001 applied m1',
      '0.002 applied m2',
      '0.003 applied m3',
    ]);
  });

  it('decides for each write by itself whether it fails, also when several are under way', () => {
    const { bench, write, answers } = storeOf({ write: { type: 'constant', us: 1000 }, failProbability: 0.5 });
    bench.decide = (site, n, key = 0) => (site === 'db/fail' && key % 2 === 0 ? 0 : n - 1);
    for (let i = 0; i < 4; i++) write('set', bench.message());
    bench.wait(1000);
    expect(answers()).toEqual([true, false, true, false]);
  });

  it('refuses what exceeds its writes per second, and takes more in the next second', () => {
    const { bench, write, answers } = storeOf({ perSecondMax: 2 });
    for (let i = 0; i < 3; i++) write('set', bench.message());
    bench.wait(1_000_000);
    write('set', bench.message());
    expect(answers()).toEqual([true, true, false, true]);
  });

  it('takes a rate below one a second at its word, and one of nothing', () => {
    const { bench, write, answers } = storeOf({ perSecondMax: 0.5 });
    for (let i = 0; i < 4; i++) {
      write('set', bench.message());
      bench.wait(1_000_000);
    }
    expect(answers()).toEqual([true, false, true, false]);
    const none = storeOf({ perSecondMax: 0 });
    none.write('set', none.bench.message());
    expect(none.answers()).toEqual([false]);
  });

  it('takes no more in the long run than a rate that is no whole number', () => {
    const { bench, write, answers } = storeOf({ perSecondMax: 1.5 });
    for (let i = 0; i < 100; i++) {
      write('set', bench.message());
      bench.wait(100_000);
    }
    expect(answers().filter((ok) => ok)).toHaveLength(15);
  });

  it('loses in a crash the writes that are not done, and nothing else', () => {
    const { bench, write, outcomes } = storeOf({ write: { type: 'constant', us: 1000 } });
    const message = bench.message({ key: 'carol', amount: 2 });
    write('increment', message);
    bench.wait(1000);
    write('increment', message);
    bench.crash();
    write('increment', message);
    bench.wait(1000);
    expect(outcomes()).toEqual(['0.001 applied m1 first = 2', '0.002 applied m1 again = 4']);
  });
});
