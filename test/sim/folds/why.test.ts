import { expect, test } from 'vitest';
import { R } from '../../../core/facts.ts';
import { messageStory } from '../../../sim/folds/message-story.ts';
import { explainWhy } from '../../../sim/folds/why.ts';
import type { TimelineAction, TimelineEntry } from '../../../sim/scenario/types.ts';
import { type Stage, stage } from './build-trace.ts';

function line(label: string, action: TimelineAction): TimelineEntry {
  return { when: { type: 'at', atUs: 0 }, label, action };
}

const timeline = [
  line('c-1 is slow', { type: 'slow', actors: ['c-1'], factor: 3, forUs: null }),
  line('the network splits', { type: 'split', sides: [['c-1'], ['b']], oneWay: false, healUs: null }),
  line('c-1 crashes', { type: 'crash', actors: ['c-1'], restartUs: null, losesDisk: false }),
];

/** Message 1 is delivered to c-1 at 1 s with a lock of 2 s; `between` happens; the lock ends at 3 s and c-2 gets it. Returns the second delivery. */
function redelivered(between: (made: Stage) => void, before: (made: Stage) => void = () => {}): [Stage, number] {
  const made = stage(
    { p: 'producer', b: 'broker', 'c-1': 'consumer', 'c-2': 'consumer', db: 'store' },
    { jobs: 'queue', rows: 'store' },
  );
  before(made);
  made.fact(0, 'produced', { actor: 'p', message: 1, cause: 0 });
  made.fact(0, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  const delivered = made.fact(1_000_000, 'delivered', {
    actor: 'b',
    message: 1,
    place: 'jobs',
    peer: 'c-1',
    value: 2000,
    detail: 1,
  });
  between(made);
  made.fact(3_000_000, 'lock-expired', {
    actor: 'b',
    message: 1,
    place: 'jobs',
    peer: 'c-1',
    detail: 1,
    cause: delivered,
  });
  made.fact(3_000_000, 'requeued', { actor: 'b', message: 1, place: 'jobs', detail: R['lock expired'] });
  const again = made.fact(3_000_000, 'delivered', {
    actor: 'b',
    message: 1,
    place: 'jobs',
    peer: 'c-2',
    value: 2000,
    detail: 2,
  });
  return [made, again];
}

const begin = (made: Stage): void => {
  made.fact(1_000_000, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  made.fact(1_000_000, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 3800, detail: 1 });
};

const sentences = ([made, fact]: [Stage, number]): string[] =>
  explainWhy(made.trace, { timeline, consumers: {}, brokers: {} }, fact).map(({ sentence }) => sentence);

test('a redelivery is explained back to the production, with the work that outlasted the lock', () => {
  expect(sentences(redelivered(begin))).toEqual([
    'jobs handed message 1 to c-2, 2nd time, locked for 2 s: it came back from c-1.',
    'jobs made message 1 ready again (lock expired).',
    'The lock on message 1 ended before c-1 acked it: c-1 was still at work; it takes 3.8 s, and 2 s had passed since it began.',
    'c-1 began message 1.',
    'c-1 received message 1.',
    'jobs handed message 1 to c-1, locked for 2 s.',
    'jobs stored message 1.',
    'p made message 1.',
  ]);
});

test('work that was slow is explained back to the line of the timeline that slowed it', () => {
  const found = sentences(
    redelivered(begin, (made) => {
      made.fact(0, 'fault-begun', { value: 0, cause: 0 });
      made.fact(0, 'slowed', { actor: 'c-1', value: 300 });
    }),
  );
  expect(found[2]).toContain('it takes 3.8 s (3 times as long by line 1 of the timeline, “c-1 is slow”)');
  expect(found.at(-1)).toBe('Timeline: c-1 is slow.');
});

test('a crash between the effect and the ack is named as such, and its own cause follows', () => {
  const found = sentences(
    redelivered((made) => {
      begin(made);
      made.fact(2_000_000, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 1 });
      made.fact(2_000_000, 'fault-begun', { value: 2, cause: 0 });
      made.fact(2_000_000, 'crashed', { actor: 'c-1' });
    }),
  );
  expect(found.slice(2)).toEqual([
    'The lock on message 1 ended before c-1 acked it: c-1 crashed at 2 s after the effect and before the ack.',
    'c-1 crashed.',
    'Timeline: c-1 crashes.',
  ]);
});

test('an ack lost in a split is explained by the split', () => {
  const found = sentences(
    redelivered((made) => {
      begin(made);
      made.fact(1_500_000, 'split', { value: 1, cause: 0 });
      made.fact(2_000_000, 'settled', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
      made.fact(2_000_000, 'sent', { actor: 'c-1', message: 1, peer: 'b', value: 900, detail: 3 + 8 * 2 });
    }),
  );
  expect(found[2]).toContain('c-1 had settled it, but its ack was lost in the split (line 2 of the timeline');
  expect(found.at(-1)).toBe('Timeline: the network splits.');
});

test.each([
  [
    'a pause',
    (made: Stage) => made.fact(1_500_000, 'paused', { actor: 'c-1', value: 5000 }),
    'c-1 was paused for 5 s from 1.5 s',
  ],
  [
    'a lost delivery',
    (made: Stage) => made.fact(1_000_000, 'sent', { actor: 'b', message: 1, peer: 'c-1', value: 5, detail: 2 + 8 * 1 }),
    'it never reached c-1; the delivery was lost by chance',
  ],
  [
    'a message that waits its turn',
    (made: Stage) => made.fact(1_000_000, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 }),
    'c-1 held it and had not begun; other messages came first',
  ],
])('a lock that ended because of %s says so', (_, between, note) => {
  expect(sentences(redelivered((made) => void between(made)))[2]).toContain(note);
});

test('a retry is explained by the reply that was lost', () => {
  const made = stage({ p: 'producer', b: 'broker' }, { jobs: 'queue' });
  made.fact(0, 'produced', { actor: 'p', message: 1, cause: 0 });
  made.fact(1, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(1, 'sent', { actor: 'b', message: 1, peer: 'p', value: 5, detail: 1 + 8 * 1 });
  const retried = made.fact(9, 'retried', { actor: 'p', message: 1, value: 2, detail: R['timed out'], cause: 1 });
  expect(sentences([made, retried])[0]).toBe(
    'p sent message 1 again, attempt 2 (timed out): the reply was lost by chance.',
  );
});

test('a story groups the facts of a message by delivery, each with its end', () => {
  const [made] = redelivered(begin);
  made.fact(4_000_000, 'begun', { actor: 'c-2', message: 1, place: 'jobs', value: 500, detail: 2 });
  made.fact(4_500_000, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-2', detail: 1 });
  made.fact(4_800_000, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 2 });
  made.fact(5_000_000, 'settled', { actor: 'c-2', message: 1, place: 'jobs', detail: 2 });
  made.fact(5_000_000, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-2', detail: 2 });
  const { facts, deliveries } = messageStory(made.trace, 1);
  expect(facts).toHaveLength(made.trace.count);
  expect(deliveries).toMatchObject([
    {
      attempt: 1,
      consumer: made.actor('c-1'),
      begunUs: 1_000_000,
      appliedUs: 4_800_000,
      settledUs: null,
      end: 'lock expired',
    },
    {
      attempt: 2,
      consumer: made.actor('c-2'),
      begunUs: 4_000_000,
      appliedUs: 4_500_000,
      settledUs: 5_000_000,
      end: 'acked',
    },
  ]);
});

test('a delivery whose consumer crashed, and that nothing else has ended, ended by the crash', () => {
  const made = stage({ p: 'producer', b: 'broker', 'c-1': 'consumer' }, { jobs: 'queue' });
  made.fact(0, 'produced', { actor: 'p', message: 1 });
  made.fact(1, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  const crash = made.fact(2, 'crashed', { actor: 'c-1' });
  expect(messageStory(made.trace, 1).deliveries).toMatchObject([{ end: 'crashed', endFact: crash }]);
});
