/** Each broker counts its deliveries in its own way, and a message that came too often is dead-lettered once, at the limit. */
import { describe, expect, it } from 'vitest';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import type { ConsumerSpec, Scenario } from '../../../sim/scenario/types.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';
import { build, type Line } from './lines.ts';
import { consumer, scenario } from './scenario.ts';

type Judged = Verdict & { readonly marked: readonly number[] };

/** The first of these claims decides; nobody claims it, so that what the settings permit is `allowed`. */
function told(claim: string, kind: string, parts: Partial<Scenario>, lines: readonly Line[]): Judged {
  const { made, marked } = build(lines);
  const [judged] = judge(made.trace, scenario(kind, parts), [{ claim, scope: '' }]);
  if (judged === undefined) throw new Error(`${claim} was not judged`);
  return { ...judged, marked };
}

const stored: readonly Line[] = ['1 produced p 1 - - 100 0', '1 appended b 1 jobs'];
const handed = (t: number, attempt: number, place = 'jobs', lockMs = 3000): Line =>
  `${t} delivered b 1 ${place} c-1 ${lockMs} ${attempt}`;
const back = (t: number, attempt: number, place = 'jobs'): readonly Line[] => [
  `${t} nacked b 1 ${place} c-1 0 ${attempt}`,
  `${t} requeued b 1 ${place} - 0 R:nacked`,
];
const buried = (t: number): readonly Line[] => [
  `${t} dead-lettered b 1 dead - 2 R:too_many_deliveries`,
  `${t} appended b 1 dead`,
];

describe('a share group', () => {
  const parts: Partial<Scenario> = {
    brokers: { broker: { kind: 'kafka', options: { 'group.share.delivery.count.limit': 2 } } },
    consumers: { c: consumer({ group: 'team', from: ['rides'], options: { 'group.type': 'share' } }) },
  };
  const joined: readonly Line[] = [
    '0 joined b - team c-1 1',
    '1 produced p 1 - - 100 0',
    '1 appended b 1 rides/0 - 0 0',
  ];
  const twice = [handed(2, 1, 'rides/0'), ...back(3, 1, 'rides/0'), handed(4, 2, 'rides/0')];

  it('archives what was delivered as often as its broker allows', () => {
    const lines = [...joined, ...twice, '5 nacked b 1 rides/0 c-1 0 2', '5 evicted b 1 team - 0 R:too_many_deliveries'];
    expect(told('delivery-bound', 'kafka', parts, lines).verdict).toBe('holds');
    expect(told('dead-letter-exactness', 'kafka', parts, lines).verdict).toBe('holds');
  });

  it('breaks the limit with one delivery more', () => {
    const judged = told('delivery-bound', 'kafka', parts, [
      ...joined,
      ...twice,
      ...back(5, 2, 'rides/0'),
      `*${handed(6, 3, 'rides/0')}`,
    ]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
    expect(judged.sentence).toContain('group.share.delivery.count.limit: 2');
  });

  it('may have one more when the leader moved while it had the last', () => {
    const lines = [...joined, ...twice, '5 requeued b2 1 rides/0 - 0 R:leader_moved', handed(6, 3, 'rides/0')];
    expect(told('delivery-bound', 'kafka', parts, lines).verdict).toBe('not exercised');
  });

  it('archives nothing before the limit', () => {
    const judged = told('dead-letter-exactness', 'kafka', parts, [
      ...joined,
      handed(2, 1, 'rides/0'),
      '3 nacked b 1 rides/0 c-1 0 1',
      '*3 evicted b 1 team - 0 R:too_many_deliveries',
    ]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
    expect(judged.sentence).toContain('dropped');
  });
});

describe('a subscription of Google Pub/Sub', () => {
  const parts: Partial<Scenario> = {
    queues: {
      jobs: { broker: 'broker', options: { dead_letter_policy: { max_delivery_attempts: 2 } }, bindings: [] },
    },
  };

  it('counts failures: what follows a message of its key again is no try of its own', () => {
    const lines = [
      ...stored,
      handed(2, 1),
      '3 requeued b 1 jobs - 0 R:an_earlier_one_of_its_key_came_back',
      handed(4, 2),
      ...back(5, 2),
      handed(6, 3),
    ];
    expect(told('delivery-bound', 'google-pubsub', parts, lines).verdict).toBe('not exercised');
  });

  it('may pass its limit, since that is best effort', () => {
    const judged = told('delivery-bound', 'google-pubsub', parts, [
      ...stored,
      handed(2, 1),
      ...back(3, 1),
      handed(4, 2),
      ...back(5, 2),
      `*${handed(6, 3)}`,
    ]);
    expect(judged).toMatchObject({ verdict: 'allowed', setting: 'dead_letter_policy is best effort' });
    expect(judged.witness).toEqual(judged.marked);
  });

  it('dead-letters nothing before the limit', () => {
    const lines = [...stored, handed(2, 1), '3 nacked b 1 jobs c-1 0 1', ...buried(3)];
    expect(told('dead-letter-exactness', 'google-pubsub', parts, lines).verdict).toBe('allowed');
  });
});

/** Clients that count by themselves: the options, and what each may be shown. */
const READERS: readonly (readonly [string, Partial<ConsumerSpec>, string])[] = [
  [
    'pulsar',
    { options: { subscriptionType: 'Shared', deadLetterPolicy: { maxRedeliverCount: 1 } } },
    'maxRedeliverCount: 1',
  ],
  ['redis-streams', { options: { 'dead-letter-stream': 'dead', 'max-deliveries': 2 } }, 'max-deliveries: 2'],
];

describe.each(READERS)('a reader of %s', (kind, own, words) => {
  const parts: Partial<Scenario> = { consumers: { c: consumer(own) } };
  const shown = (t: number, attempt: number): readonly Line[] => [
    handed(t, attempt, 'jobs', 0),
    `${t} received c-1 1 jobs - 0 ${attempt}`,
  ];

  it('is not shown what comes too often, and dead-letters it', () => {
    const lines = [...stored, ...shown(2, 1), ...back(3, 1), ...shown(4, 2), ...back(5, 2), handed(6, 3), ...buried(7)];
    expect(told('delivery-bound', kind, parts, lines).verdict).toBe('holds');
    expect(told('dead-letter-exactness', kind, parts, lines).verdict).toBe('holds');
  });

  it('breaks the limit when it is shown it once more', () => {
    const last = shown(6, 3).map((line, i) => (i === 1 ? `*${line}` : line));
    const lines = [...stored, ...shown(2, 1), ...back(3, 1), ...shown(4, 2), ...back(5, 2), ...last];
    const judged = told('delivery-bound', kind, parts, lines);
    expect(judged.witness).toEqual(judged.marked);
    expect(judged.sentence).toContain(words);
  });

  it('dead-letters nothing before the limit', () => {
    const judged = told('dead-letter-exactness', kind, parts, [...stored, ...shown(2, 1), ...buried(3)]);
    expect(judged.sentence).toContain('before it had had as many');
  });
});

describe('a dead letter', () => {
  const parts: Partial<Scenario> = {
    queues: {
      jobs: { broker: 'broker', options: { RedrivePolicy: { maxReceiveCount: 1 } }, bindings: [] },
    },
  };
  const lines = [...stored, handed(2, 1), '3 lock-expired b 1 jobs c-1 0 1'];

  it('is stored once for one delivery too many', () => {
    const judged = told('delivery-bound', 'sqs', parts, [
      ...lines,
      '4 dead-lettered b 1 dead - 1 R:too_many_deliveries',
      '*4 appended b 1 dead',
      '*5 appended b 1 dead',
    ]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
    expect(judged.sentence).toContain('dead-lettered twice');
  });

  it('is not made twice of one delivery', () => {
    const twice = buried(5).map((line, i) => (i === 0 ? `*${line}` : line));
    const first = buried(4).map((line, i) => (i === 0 ? `*${line}` : line));
    const judged = told('delivery-bound', 'sqs', parts, [...lines, ...first, ...twice]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
  });

  it('may come again when the message was moved back and failed once more', () => {
    const again = ['6 redriven b 1 jobs', '6 appended b 1 jobs', handed(7, 1), '8 lock-expired b 1 jobs c-1 0 1'];
    expect(told('delivery-bound', 'sqs', parts, [...lines, ...buried(4), ...again, ...buried(9)]).verdict).toBe(
      'holds',
    );
  });

  it('puts the limit of no other queue to the test', () => {
    const other = ['2 delivered b 1 line.fifo c-1 3000 1', '3 dead-lettered b 1 dead - 1 R:rejected_by_the_consumer'];
    expect(told('delivery-bound', 'sqs', parts, [...stored, ...other, '3 appended b 1 dead']).verdict).toBe(
      'not exercised',
    );
  });
});

const POISONED = '{ to: work, rate: 2/s, messages: 4, start: 1s, send: [{ at: 2s, poison: true }] }';
const WORKS = 'process: 200ms, effect: { insert: rows }';

it.each([
  [
    'google-pubsub',
    `
broker: google-pubsub
topics: { work: {}, lost: {} }
queues: { jobs: { topic: work, dead_letter_policy: { dead_letter_topic: lost, max_delivery_attempts: 5 } }, dead: { topic: lost } }
consumers: { w: { from: jobs, ${WORKS} } }`,
  ],
  [
    'kafka',
    `
broker: { kind: kafka, group.share.delivery.count.limit: 3 }
topics: { work: { partitions: 1 } }
consumers: { w: { from: work, group.type: share, share.acknowledgement.mode: explicit, share.auto.offset.reset: earliest, ${WORKS} } }`,
  ],
  [
    'pulsar',
    `
broker: pulsar
topics: { work: {} }
consumers: { w: { from: work, subscriptionType: Shared, negativeAckRedeliveryDelay: 1s, deadLetterPolicy: { maxRedeliverCount: 2, initialSubscriptionName: clerk }, ${WORKS} } }`,
  ],
  [
    'redis-streams',
    `
broker: redis-streams
topics: { work: {}, dead: {} }
consumers: { w: { from: work, min-idle-time: 3s, claim-interval: 1s, dead-letter-stream: dead, max-deliveries: 3, ${WORKS} } }`,
  ],
])('finds the limit of %s kept in a run with poison', (_, system) => {
  const read = scenarioOf(`title: Poison\nduration: 3m\nproducers: { maker: ${POISONED} }${system}\n`);
  const { trace } = run(read);
  const asked = ['delivery-bound', 'dead-letter-exactness'].map((claim) => ({ claim, scope: '' }));
  expect(judge(trace, read, asked).map(({ verdict }) => verdict)).toEqual(['holds', 'holds']);
});
