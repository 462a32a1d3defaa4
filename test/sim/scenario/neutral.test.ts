/** Files in neutral words: what each word becomes under each broker, that places survive the translation, and what is refused. */
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { becameText, compareLanes, type Lane, lanesLines } from '../../../sim/lanes.ts';
import { report } from '../../../sim/report.ts';
import { setInText } from '../../../sim/scenario/edit.ts';
import { PROFILES } from '../../../sim/scenario/neutral/profiles.ts';
import { CONSUMER_WORDS, PRODUCER_WORDS, QUEUE_WORDS } from '../../../sim/scenario/neutral/words.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { run } from '../../../sim/world.ts';

const ALL_WORDS = `
title: Every word at once
under: [${PROFILES.map(({ name }) => name).join(', ')}]
duration: 30s
queues:
  jobs:
    lock: 20s
    max-deliveries: 6
    dead-letter: jobs-dead
    retention: 2h
    delay: 2s
    max-length: 1000
    partitions: 3
    order-by: user
    replicas: 3
  jobs-dead:
producers:
  shop: { to: jobs, rate: 1/s, attributes: { user: 3 }, confirm: all, retries: 5 }
consumers:
  worker: { from: jobs, process: 100ms, prefetch: 2 }
`;
const NAMES = PROFILES.map(({ name }) => name);
const ORDERLESS = ['sqs', 'kafka-share', 'redis-streams', 'pulsar-shared'];

const read = (text: string, under?: string) =>
  parseScenario(text, { file: 'neutral.yaml', ...(under === undefined ? {} : { under }) });

function laneOf(text: string, under: string): Lane {
  const parsed = read(text, under);
  if (parsed.scenario === null || parsed.under === null) throw new Error(JSON.stringify(parsed.diagnostics));
  const { profile, mapped } = parsed.under;
  return { under, title: profile.title, mapping: mapped, note: '', run: report(run(parsed.scenario), '1') };
}

describe.each(NAMES)('under %s', (under) => {
  it('every word becomes an option that the broker really has, or is told what it has instead', () => {
    const { scenario, diagnostics, under: found } = read(ALL_WORDS, under);
    expect(diagnostics).toEqual([]);
    expect(scenario).not.toBeNull();
    const words = found?.mapped.map(({ word }) => word.split('.').at(-1));
    expect(words).toEqual([QUEUE_WORDS, PRODUCER_WORDS, CONSUMER_WORDS].flatMap((table) => Object.keys(table)));
    for (const { can, becomes, note } of found?.mapped ?? []) {
      if (can) expect(becomes.length > 0 || note !== '').toBe(true);
      else expect([becomes, note]).toEqual([[], expect.stringMatching(/\w.*\.$/)]);
    }
  });

  it('the system runs: what is sent is worked on', () => {
    const { scenario } = read(ALL_WORDS, under);
    if (scenario === null) throw new Error('unreadable');
    expect(report(run(scenario), '1').messages.effects).toBeGreaterThan(15);
  });
});

describe('translation', () => {
  it('gives the real names and values', () => {
    const { scenario } = read(ALL_WORDS, 'sqs');
    expect(scenario?.queues['jobs']?.options).toMatchObject({
      VisibilityTimeout: 20_000_000,
      MessageRetentionPeriod: 7_200_000_000,
      RedrivePolicy: { deadLetterTargetArn: 'jobs-dead', maxReceiveCount: 6 },
    });
    const kafka = read(ALL_WORDS, 'kafka').scenario;
    expect(kafka?.topics['jobs']?.options).toMatchObject({ partitions: 3, 'retention.ms': 7_200_000_000 });
    expect(kafka?.producers['shop']).toMatchObject({ key: 'user', options: { acks: 'all' } });
    expect(kafka?.consumers['worker']?.group).toBe('jobs');
  });

  it('can be read as a file in the words of that broker', () => {
    for (const { name } of PROFILES) {
      const { under, scenario } = read(ALL_WORDS, name);
      const file = parseDocument(under?.text ?? '');
      file.delete('under');
      expect(read(String(file))).toMatchObject({ diagnostics: [], scenario });
    }
  });

  it('keeps within what the real option allows, and says so', () => {
    const text = ALL_WORDS.replace('lock: 20s', 'lock: 1s').replace('max-deliveries: 6', 'max-deliveries: 2');
    const mapped = read(text, 'google-pubsub').under?.mapped ?? [];
    expect(mapped[0]).toMatchObject({ becomes: ['ack_deadline_seconds: 10s'], note: 'at least 10s here' });
    expect(mapped[1]?.note).toContain('at least 5 here');
  });

  it('points to the neutral word for what is wrong with it in one lane only', () => {
    const text = ALL_WORDS.replace('consumers:', 'expect:\n  - lag(jobs) == 0\nconsumers:');
    const [only, ...more] = read(text, 'sqs').diagnostics;
    expect(more).toEqual([]);
    expect(only).toMatchObject({ path: 'expect.0', line: 20 });
  });

  it('reads settings, and writes them into the text, in neutral words', () => {
    const parsed = parseScenario(ALL_WORDS, { file: 'x', sets: ['queues.jobs.lock=40s'], under: 'sqs' });
    expect(parsed.scenario?.queues['jobs']?.options['VisibilityTimeout']).toBe(40_000_000);
    const edited = setInText(ALL_WORDS, ['queues.jobs.lock=40s']);
    expect(edited.diagnostics).toEqual([]);
    expect(edited.text).toContain('    lock: 40s\n');
  });

  it('states of one lane what holds only there', () => {
    const text = ALL_WORDS.replace(
      'consumers:',
      'claims: [at-least-once]\nlanes: { kafka: { claims: [{ violated: at-least-once }], expect: [lost() == 0] } }\nconsumers:',
    );
    const claims = (under: string) => read(text, under).scenario?.claims.map(({ verdict }) => verdict);
    expect([claims('sqs'), claims('kafka')]).toEqual([['holds'], ['violated']]);
    expect(read(text, 'kafka').scenario?.expect).toEqual([{ text: 'lost() == 0' }]);
  });
});

/** A file of its own, with all brokers. */
const file = (rest: string): string => `title: Words\nunder: [${NAMES.join(', ')}]\nduration: 30s\n${rest}`;

function readable(text: string, under: string) {
  const { scenario, diagnostics, under: found } = read(text, under);
  if (scenario === null || found === null) throw new Error(`${under}: ${JSON.stringify(diagnostics)}`);
  return { scenario, mapped: found.mapped };
}

/** What one word became: `option: value (note)`, or what the broker has instead. */
function told(text: string, under: string, word: string): string {
  const found = readable(text, under).mapped.find((one) => one.word === word);
  return becameText(found);
}

describe('order-by', () => {
  const ordered = file(`
queues: { jobs: { order-by: account } }
producers: { shop: { to: jobs, rate: 5/s, effect: { increment: sold } } }
consumers: { w: { from: jobs, count: 3, process: exponential 300ms } }
claims: [key-order]
network: { latency: 1ms..5ms }
`);

  it.each(NAMES)('is the key of all messages under %s, so that it is seen whether order is kept', (under) => {
    const { scenario, mapped } = readable(ordered, under);
    expect(scenario.producers['shop']).toMatchObject({ key: 'account', attributes: { account: expect.anything() } });
    const [claim] = report(run(scenario), '1').claims;
    expect(claim?.verdict).not.toBe('not-exercised');
    expect(mapped[0]?.can).toBe(!ORDERLESS.includes(under));
    if (mapped[0]?.can === true) expect(claim?.verdict).toBe('holds');
  });
});

describe('outputs of consumers', () => {
  const stages = file(`
queues: { jobs: {}, thumbnails: { order-by: user, delay: 1s } }
producers: { page: { to: jobs, rate: 2/s, messages: 5, attributes: { user: 2 } } }
consumers:
  maker: { from: jobs, produces: { to: thumbnails, confirm: all, retries: 4 } }
  reader: { from: thumbnails, effect: { insert: shelf } }
expect: [applied(shelf) == 5]
`);

  it.each(NAMES)('reach the next stage under %s, with the key of its order', (under) => {
    const { scenario } = readable(stages, under);
    expect(scenario.consumers['maker']?.produces[0]?.key).toBe('user');
    expect(report(run(scenario), '1').expect).toEqual([expect.objectContaining({ holds: true })]);
  });

  it('have their words translated, in a list too', () => {
    expect(told(stages, 'kafka', 'consumers.maker.produces.confirm')).toBe('acks: all');
    expect(told(stages, 'pulsar-shared', 'queues.thumbnails.delay')).toBe('deliverAfter: 1s of maker’s output');
    const list = stages.replace(/produces: (.*) \}\n/, 'produces: [$1] }\n');
    expect(told(list, 'rabbitmq-quorum', 'consumers.maker.produces.0.confirm')).toBe('confirms: true');
    expect(told(list, 'google-pubsub', 'consumers.maker.produces.0.retries')).toMatch(/^cannot\. /);
    expect(readable(list, 'google-pubsub').scenario.consumers['maker']?.produces[0]?.to).toEqual(['thumbnails-topic']);
  });

  it('are not there: then the word says that nobody sends to it', () => {
    const alone = stages.replace('produces: { to: thumbnails, confirm: all, retries: 4 }', 'process: 1s');
    expect(told(alone, 'pulsar-shared', 'queues.thumbnails.delay')).toBe('needs nothing: nobody sends to it');
  });
});

describe('groups', () => {
  const groupsOf = (consumers: string, under = 'kafka') => {
    const { scenario } = readable(file(`queues: { high: {}, low: {}, other: {} }\nconsumers: ${consumers}`), under);
    return Object.values(scenario.consumers).map(({ group }) => group);
  };

  it.each(NAMES)('of a consumer of two queues can be read under %s', (under) => {
    expect(groupsOf('{ w: { from: [high, low] } }', under)).toEqual([expect.any(String)]);
  });

  it('are one for all who share a queue, also by way of others', () => {
    const shared = '{ w: { from: [high, low] }, helper: { from: low }, else: { from: other } }';
    expect(groupsOf(shared)).toEqual(['high', 'high', 'other']);
    expect(groupsOf('{ helper: { from: low }, w: { from: [low, high] } }')).toEqual(['high', 'high']);
  });

  it('are called as the file calls one of them', () => {
    expect(groupsOf('{ w: { from: [high, low], group: all }, helper: { from: low } }')).toEqual(['all', 'all']);
    const two = '{ a: { from: low, group: one }, b: { from: low, group: two }, c: { from: low } }';
    expect(groupsOf(two)).toEqual(['one', 'two', 'low']);
  });
});

describe('prefetch', () => {
  it.each([
    ['sqs', 'prefetch: 10'],
    ['rabbitmq-quorum', 'prefetch: 10'],
    ['redis-streams', 'prefetch: 10'],
    ['kafka', 'max.poll.records: 10 (it polls again when all of them are done)'],
    ['kafka-share', 'max.poll.records: 10 (it polls again when all of them are done)'],
    ['google-pubsub', 'max_outstanding_messages: 10'],
    ['pulsar-shared', 'receiverQueueSize: 10 (of each topic partition, beside what is worked on)'],
  ])('under %s is %s', (under, became) => {
    const text = file('queues: { jobs: {} }\nconsumers: { w: { from: jobs, prefetch: 10 } }');
    expect(told(text, under, 'consumers.w.prefetch')).toBe(became);
    const { scenario } = readable(text, under);
    const { options, prefetch } = scenario.consumers['w'] ?? { options: {}, prefetch: 0 };
    expect([...Object.values(options), prefetch]).toContain(10);
  });

  it('leaves room for what is worked on', () => {
    const text = file('queues: { jobs: {} }\nconsumers: { w: { from: jobs, prefetch: 2, concurrency: 5 } }');
    expect(told(text, 'kafka', 'consumers.w.prefetch')).toContain('max.poll.records: 5');
  });
});

describe('numbers at their limits', () => {
  it.each(NAMES)('any number of replicas can be read under %s, and messages are confirmed', (under) => {
    for (const replicas of [1, 2, 4, 7]) {
      const { scenario } = readable(
        file(`queues: { jobs: { replicas: ${replicas} } }\nproducers: { shop: { to: jobs, rate: 1/s, confirm: all } }`),
        under,
      );
      expect([replicas, report(run(scenario), '1').messages.confirmed]).toEqual([
        replicas,
        expect.toSatisfy((n) => n > 0),
      ]);
    }
  });

  const queue = (words: string) => file(`queues: { jobs: { ${words} }, dead: {} }\nconsumers: { w: { from: jobs } }`);

  it('says where one delivery is two, and what holds where the file says nothing', () => {
    const one = queue('max-deliveries: 1, dead-letter: dead');
    expect(told(one, 'pulsar-shared', 'queues.jobs.max-deliveries')).toContain('maxRedeliverCount: at least 1 here');
    const none = queue('dead-letter: dead');
    expect(told(none, 'pulsar-shared', 'queues.jobs.dead-letter')).toContain('16 as where enableRetry is on');
    expect(told(none, 'rabbitmq-quorum', 'queues.jobs.dead-letter')).toContain('after 21 deliveries, its default');
  });

  it('says what RabbitMQ dead-letters besides', () => {
    const kept = 'retention: 1m, max-length: 5';
    expect(told(queue(`${kept}, dead-letter: dead`), 'rabbitmq-classic', 'queues.jobs.retention')).toBe(
      'x-message-ttl: 1m (what expires goes to dead too)',
    );
    expect(told(queue(`${kept}, dead-letter: dead`), 'rabbitmq-quorum', 'queues.jobs.max-length')).toContain(
      'to dead too',
    );
    expect(told(queue(kept), 'rabbitmq-quorum', 'queues.jobs.max-length')).toBe('x-max-length: 5');
  });

  it('has a subscription for dead letters that nobody takes', () => {
    const text = queue('dead-letter: dead');
    expect(told(text, 'pulsar-shared', 'queues.jobs.dead-letter')).toContain('initialSubscriptionName: dead');
    const read = `${text.replace('w: { from: jobs }', 'w: { from: jobs }, clerk: { from: dead }')}`;
    expect(told(read, 'pulsar-shared', 'queues.jobs.dead-letter')).not.toContain('initialSubscriptionName');
  });

  it('trims a Redis stream by age or by length', () => {
    expect(told(queue('retention: 1m'), 'redis-streams', 'queues.jobs.retention')).toContain('MINID: 1m (');
    const both = queue('retention: 1m, max-length: 5');
    expect(told(both, 'redis-streams', 'queues.jobs.retention')).toMatch(/^cannot\. /);
    expect(told(both, 'redis-streams', 'queues.jobs.max-length')).toContain('MAXLEN: 5');
  });

  it('says where retries do nothing', () => {
    const sends = (words: string) =>
      file(`queues: { jobs: {} }\nproducers: { shop: { to: jobs, rate: 1/s, ${words} } }`);
    const retries = (words: string, under: string) => told(sends(words), under, 'producers.shop.retries');
    expect(retries('retries: 5', 'rabbitmq-quorum')).toContain('does nothing without `confirm`');
    expect(retries('retries: 5, confirm: none', 'rabbitmq-classic')).toContain('does nothing without `confirm`');
    expect(retries('retries: 5, confirm: one', 'rabbitmq-quorum')).toBe('retries: 5');
    expect(retries('retries: 5, confirm: none', 'kafka')).toContain('does nothing with acks: 0');
    expect(retries('retries: 5', 'kafka')).toBe('retries: 5');
  });
});

describe('words that meet at one client', () => {
  const two = file(`
queues: { a: { lock: 15s, max-deliveries: 3, dead-letter: a-dead }, b: { lock: 60s, max-deliveries: 8, dead-letter: b-dead }, a-dead: {}, b-dead: {} }
consumers: { both: { from: [a, b], group: g }, only: { from: a, group: g } }
`);

  it('say which of them holds, and of whom', () => {
    expect(told(two, 'redis-streams', 'queues.a.lock')).toBe(
      'min-idle-time: 1m of both, min-idle-time: 15s of only (no lock: after so long others claim the entry, if they look; both has one for all queues)',
    );
    expect(told(two, 'redis-streams', 'queues.a.dead-letter')).toContain('dead-letter-stream: b-dead of both, ');
    expect(told(two, 'redis-streams', 'queues.b.dead-letter')).not.toContain('a-dead');
    expect(told(two, 'pulsar-shared', 'queues.a.lock')).toContain('both has one for all queues');
  });

  it('say what the broker has once', () => {
    expect(told(two, 'kafka-share', 'queues.a.max-deliveries')).toBe(
      'group.share.delivery.count.limit: 8 of the broker (the broker has one for all queues)',
    );
    expect(told(two, 'kafka-share', 'queues.b.max-deliveries')).not.toContain('one for all');
  });

  it('say that messages of a queue which asks for nothing wait as well', () => {
    const text = file(
      'queues: { now: {}, later: { delay: 30s, order-by: user } }\nproducers: { shop: { to: [now, later], rate: 1/s } }',
    );
    expect(told(text, 'pulsar-shared', 'queues.later.delay')).toBe(
      'deliverAfter: 30s of shop (shop has one for all queues)',
    );
    expect(told(text, 'sqs', 'queues.later.delay')).toBe('DelaySeconds: 30s');
    expect(told(text, 'pulsar-key-shared', 'queues.later.order-by')).not.toContain('one for all');
  });
});

describe('what is refused', () => {
  const refused = (text: string, under?: string) => read(text, under).diagnostics.map(({ message }) => message);

  it('a real name among neutral words, with the neutral one', () => {
    const { diagnostics } = read(ALL_WORDS.replace('lock: 20s', 'VisibilityTimeout: 20s'));
    expect(diagnostics[0]?.hint).toBe('In neutral words that is `lock`.');
  });

  it('both a broker and `under:`; `lanes:` beside a broker; lanes that are not there; no lane at all', () => {
    expect(refused(ALL_WORDS.replace('duration:', 'broker: sqs\nduration:'))).toContain('the file names a broker too.');
    const named = 'title: x\nbroker: sqs\nduration: 1s\n';
    expect(refused(`${named}lanes: {}\n`)).toEqual(['the file names a broker too.']);
    expect(refused(ALL_WORDS.replace('duration:', 'lanes: { rabbit: {} }\nduration:'))).toEqual([
      'there is no lane `rabbit`.',
    ]);
    expect(refused(ALL_WORDS.replace(/under: .*/, 'under: []'))).toEqual(['`under:` names no broker.']);
  });

  it('nothing because it is written once for two: each has its own options', () => {
    const text = file(`
queues: { jobs: &q { lock: &t 20s }, more: *q }
consumers: { w: &c { from: jobs, prefetch: 5, crash: { probability: 5%, step: applied, restart: *t } }, w2: *c }
`);
    for (const under of NAMES) expect(read(text, under)).toMatchObject({ diagnostics: [], scenario: {} });
    expect(told(text, 'sqs', 'queues.more.lock')).toBe('VisibilityTimeout: 20s');
  });

  it('another profile than there are, and any at all for a file that names its broker', () => {
    expect(refused(ALL_WORDS, 'carrier-pigeon')).toEqual(['there is no profile `carrier-pigeon`.']);
    expect(refused('title: x\nbroker: sqs\nduration: 1s\n', 'kafka')).toEqual(['this file names its broker.']);
  });
});

describe('lanes side by side', () => {
  it('tell what differs, what does not, and what each word became', () => {
    const compared = compareLanes([laneOf(ALL_WORDS, 'sqs'), laneOf(ALL_WORDS, 'kafka')]);
    expect(compared.same.map(({ what }) => what)).toContain('sent');
    const lines = [...lanesLines(compared)].join('\n');
    expect(lines).toContain('queues.jobs.lock: 20s\n  sqs    VisibilityTimeout: 20s\n  kafka  cannot. ');
  });
});
