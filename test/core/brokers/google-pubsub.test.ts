/** Google Pub/Sub as its documentation has it; rules in brackets. */
import { describe, expect, it } from 'vitest';
import { googlePubsub } from '../../../core/brokers/google-pubsub.ts';
import { backoffUs, subscriptionMistake } from '../../../core/brokers/google-pubsub-options.ts';
import type { SnapshotResponse } from '../../../core/brokers/google-pubsub-verbs.ts';
import { PubsubBench } from './google-pubsub-bench.ts';

const SECOND = 1_000_000;
const ordered = { enable_message_ordering: true };
const deadLetters = { dead_letter_policy: { dead_letter_topic: 'dead', max_delivery_attempts: 5 } };

describe('a topic', () => {
  it('hands every message to each subscription, and to one subscriber of it (G1)', () => {
    const bench = new PubsubBench({ a: {}, b: {} });
    bench.publish('m');
    expect([bench.pull('a'), bench.pull('a'), bench.pull('b')]).toEqual([['m'], [], ['m']]);
  });

  it('loses what is published before there is a subscription (G1)', () => {
    const bench = new PubsubBench({ late: { created_at: 5 * SECOND } });
    bench.publish('early');
    bench.at(5).publish('on time');
    expect(bench.pull('late')).toEqual(['on time']);
    expect(bench.bench.story().slice(0, 1)).toEqual(['0.000 unroutable m1 t (no route)']);
  });

  it('counts what a filter does not let pass as acked (G17)', () => {
    const bench = new PubsubBench({ big: { filter: 'attributes.size = "big"' } });
    bench.publish('1', { attributes: { size: 'big' } });
    bench.publish('2', { attributes: { size: 'small' } });
    expect(bench.pull('big')).toEqual(['1']);
    expect(bench.bench.story()).toContain('0.000 unroutable m2 t (filtered out)');
  });

  it.each([
    ['10 MB', { bytes: 10_000_001 }],
    ['neither data nor attributes', { bytes: 0 }],
    ['an ordering key over 1 KB', { key: 'k'.repeat(1025) }],
    ['a long attribute', { attributes: { a: 'x'.repeat(1025) } }],
    [
      '101 attributes',
      {
        attributes: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`a${i}`, 'x'])) as Record<string, string>,
      },
    ],
  ])('refuses a message with %s (G10, G20)', (_, how) => {
    expect(new PubsubBench({ s: {} }).publish('m', how)).toBe('INVALID_ARGUMENT');
  });

  it('takes about 1 MB a second of one ordering key, and other keys meanwhile (G10)', () => {
    const bench = new PubsubBench({ s: ordered });
    const big = { key: 'k', bytes: 600_000 };
    expect([bench.publish('1', big), bench.publish('2', big), bench.publish('3', big)]).toEqual([
      '',
      '',
      'RESOURCE_EXHAUSTED',
    ]);
    expect(bench.publish('4', { ...big, key: 'l' })).toBe('');
    expect(bench.at(1).publish('3', big)).toBe('');
  });
});

describe('an ack deadline', () => {
  it('ends a delivery after 10 s, and tells it (G3)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    bench.pull('s');
    bench.bench.story();
    expect(bench.at(10).pull('s')).toEqual(['m']);
    expect(bench.bench.story()).toEqual([
      '10.000 lock-expired m1 s → client',
      '10.000 requeued m1 s (lock expired)',
      '10.000 delivered m1 s → client attempt 2',
    ]);
  });

  it('begins anew when it is modified, up to 600 s (G4)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    bench.pull('s');
    expect(bench.at(9).modify('m', 600)).toBe('');
    expect(bench.modify('m', 601)).toBe('INVALID_ARGUMENT');
    expect(bench.at(608).pull('s')).toEqual([]);
    expect(bench.at(609).pull('s')).toEqual(['m']);
  });

  it('modified to 0 gives the message back (G4)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    bench.pull('s');
    bench.modify('m', 0);
    expect(bench.pull('s')).toEqual(['m']);
  });

  it('lets a late ack count while nobody has acked, without exactly-once delivery (G5)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    const [first] = bench.received('s').messages;
    bench.at(11).pull('s');
    if (first !== undefined) expect(bench.ack(first)).toBe('');
    expect(bench.at(60).pull('s')).toEqual([]);
  });
});

describe('exactly-once delivery', () => {
  it('refuses older ack ids, late acks and second acks (G13)', () => {
    const bench = new PubsubBench({ s: { enable_exactly_once_delivery: true } });
    bench.publish('m');
    const [first] = bench.received('s').messages;
    if (first === undefined) throw new Error('nothing came');
    expect(bench.at(11).ack(first)).toBe('PERMANENT_FAILURE_INVALID_ACK_ID');
    bench.pull('s');
    expect(bench.ack(first)).toBe('PERMANENT_FAILURE_INVALID_ACK_ID');
    expect(bench.ack('m')).toBe('');
    expect(bench.ack('m')).toBe('PERMANENT_FAILURE_INVALID_ACK_ID');
  });

  it('with ordering wants acks in order, and brings back nothing that was acked (G11, G13)', () => {
    const bench = new PubsubBench({ s: { ...ordered, enable_exactly_once_delivery: true } });
    for (const data of ['1', '2', '3']) bench.publish(data, { key: 'k' });
    bench.pull('s');
    expect(bench.ack('2')).toBe('TRANSIENT_FAILURE_ACK_OUT_OF_ORDER');
    expect([bench.ack('1'), bench.ack('2'), bench.modify('3', 0)]).toEqual(['', '', '']);
    expect(bench.pull('s')).toEqual(['3']);
  });

  it('lets a retry of the publisher stay, which has an id of its own (G13)', () => {
    const bench = new PubsubBench({ s: { enable_exactly_once_delivery: true } });
    bench.publish('m');
    bench.publish('m');
    expect(bench.pull('s')).toEqual(['m', 'm']);
  });
});

describe('message ordering', () => {
  it('redelivers all later messages of a key, acked ones too (G11)', () => {
    const bench = new PubsubBench({ s: ordered });
    for (const data of ['1', '2', '3']) bench.publish(data, { key: 'k' });
    bench.publish('other', { key: 'l' });
    bench.pull('s');
    bench.ack('2');
    bench.ack('other');
    bench.bench.story();
    bench.modify('1', 0);
    expect(bench.bench.story()).toEqual([
      '0.000 nacked m1 s → client',
      '0.000 requeued m1 s (nacked)',
      '0.000 restored m2 s',
      '0.000 appended m2 s',
      '0.000 requeued m3 s (an earlier one of its key came back)',
    ]);
    expect(bench.pull('s')).toEqual(['1', '2', '3']);
  });

  it('gives the rest of a key to whoever holds the message before it, and other keys to others (G10)', () => {
    const bench = new PubsubBench({ s: ordered });
    bench.stream('s', 8);
    bench.stream('s', 9);
    for (const [data, key] of [
      ['k1', 'k'],
      ['l1', 'l'],
      ['k2', 'k'],
      ['l2', 'l'],
      ['k3', 'k'],
    ] as const)
      bench.publish(data, { key });
    expect(bench.streamed).toEqual(['c1 k1', 'c2 l1', 'c1 k2', 'c2 l2', 'c1 k3']);
  });

  it('frees a key when all that was held of it is acked (G10)', () => {
    const bench = new PubsubBench({ s: ordered });
    bench.stream('s', 8, 1);
    bench.publish('k1', { key: 'k' });
    bench.stream('s', 9, 5);
    bench.publish('k2', { key: 'k' });
    expect(bench.streamed).toEqual(['c1 k1']);
    bench.ack('k1');
    expect(bench.streamed[1]?.endsWith('k2')).toBe(true);
  });

  it('lets one pull at a time have messages of a key (G10)', () => {
    const bench = new PubsubBench({ s: ordered });
    for (const data of ['1', '2', '3']) bench.publish(data, { key: 'k' });
    expect(bench.pull('s', 2)).toEqual(['1', '2']);
    expect(bench.pull('s')).toEqual([]);
    bench.ack('1');
    bench.ack('2');
    expect(bench.pull('s')).toEqual(['3']);
  });

  it('holds a key up while its first message backs off (G7, G11)', () => {
    const bench = new PubsubBench({ s: { ...ordered, retry_policy: { minimum_backoff: 5 * SECOND } } });
    for (const data of ['1', '2']) bench.publish(data, { key: 'k' });
    bench.publish('free');
    bench.pull('s', 2);
    bench.modify('1', 0);
    expect(bench.at(4).pull('s')).toEqual(['free']);
    expect(bench.at(5).pull('s')).toEqual(['1', '2']);
  });

  it('means nothing to a subscription without it (G10)', () => {
    const bench = new PubsubBench({ s: {} });
    for (const data of ['1', '2']) bench.publish(data, { key: 'k' });
    expect(bench.pull('s', 1)).toEqual(['1']);
    expect(bench.pull('s', 1)).toEqual(['2']);
  });
});

describe('redelivery', () => {
  it('waits twice as long after each failure, between the bounds (G7)', () => {
    const policy = { retry_policy: { minimum_backoff: 10 * SECOND, maximum_backoff: 60 * SECOND } };
    expect([1, 2, 3, 4, 5].map((n) => backoffUs(policy, n) / SECOND)).toEqual([10, 20, 40, 60, 60]);
    expect(backoffUs({}, 3)).toBe(0);
    expect([1, 2, 3].map((n) => backoffUs({ retry_policy: { minimum_backoff: 0 } }, n) / SECOND)).toEqual([0, 1, 2]);
  });

  it('ends in the dead-letter topic after so many attempts, nacked or run out of time (G8, G9)', () => {
    const bench = new PubsubBench({ s: deadLetters, graves: { topic: 'dead' } });
    bench.publish('m');
    const attempts: number[] = [];
    for (let i = 0; i < 5; i++) {
      attempts.push(bench.received('s').messages[0]?.deliveryAttempt ?? 0);
      if (i % 2 === 0) bench.modify('m', 0);
      else bench.at((i + 1) * 10);
    }
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
    expect(bench.pull('s')).toEqual([]);
    const [dead] = bench.received('graves').messages;
    expect(dead?.attributes).toMatchObject({
      CloudPubSubDeadLetterSourceSubscription: 's',
      CloudPubSubDeadLetterSourceDeliveryCount: '5',
    });
  });

  it('loses what is forwarded to a topic without a subscription (G8)', () => {
    const bench = new PubsubBench({ s: deadLetters });
    bench.publish('m');
    for (let i = 0; i < 5; i++) {
      bench.pull('s');
      bench.modify('m', 0);
    }
    expect(bench.bench.story().at(-1)).toBe('0.000 evicted m1 s (missing target)');
  });

  it('counts no attempts without a dead-letter policy (G9)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    expect(bench.received('s').messages[0]?.deliveryAttempt).toBe(0);
  });

  it('may come after an ack where duplicates are asked for, and not with exactly-once delivery (G2)', () => {
    const duplicates = { duplicates: 1 };
    const bench = new PubsubBench({ plain: duplicates, exact: { ...duplicates, enable_exactly_once_delivery: true } });
    bench.publish('m');
    for (const name of ['plain', 'exact']) {
      bench.pull(name);
      bench.ack('m');
    }
    expect([bench.pull('plain'), bench.pull('exact')]).toEqual([['m'], []]);
  });
});

describe('streams', () => {
  it('stop at max_outstanding_messages, and go on when there is room (G18)', () => {
    const bench = new PubsubBench({ s: {} });
    for (const data of ['1', '2', '3']) bench.publish(data);
    bench.stream('s', 8, 2);
    expect(bench.streamed).toEqual(['c1 1', 'c1 2']);
    bench.ack('1');
    expect(bench.streamed.at(-1)).toBe('c1 3');
  });

  it('take no part any more when their client went away; what they hold stays outstanding until its deadline (G3)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.stream('s', 8);
    bench.publish('1');
    bench.node.peerLost(8, bench.bench.out);
    bench.stream('s', 9);
    bench.publish('2');
    expect(bench.at(9).streamed).toEqual(['c1 1', 'c2 2']);
    expect(bench.at(10).streamed).toContain('c2 1');
  });

  it('are refused for a push subscription and for one that does not exist', () => {
    const bench = new PubsubBench({ s: { push_config: { push_endpoint: 'https://x' } } });
    expect([bench.stream('s', 8), bench.stream('none', 8)]).toEqual(['FAILED_PRECONDITION', 'NOT_FOUND']);
  });
});

describe('push', () => {
  const push = { push_config: { push_endpoint: 'https://x' } };

  it.each([
    [102, true],
    [200, true],
    [201, true],
    [202, true],
    [204, true],
    [203, false],
    [404, false],
    [500, false],
  ])('takes status %i as an ack: %s (G6)', (status, acks) => {
    const bench = new PubsubBench({ s: push });
    bench.node.endpoints.enter('s', 8);
    bench.publish('m');
    const [request] = bench.takePushes();
    if (request !== undefined) bench.answerPush(request, status);
    expect(bench.at(5).takePushes().length).toBe(acks ? 0 : 1);
  });

  it('opens its window slowly, and pauses longer after each failure (G6)', () => {
    const bench = new PubsubBench({ s: push });
    bench.node.endpoints.enter('s', 8);
    for (let i = 0; i < 20; i++) bench.publish(`m${i}`);
    const first = bench.takePushes();
    expect(first.length).toBe(3);
    for (const request of first) bench.answerPush(request, 200);
    const second = bench.takePushes();
    expect(second.length).toBe(6);
    for (const request of second) bench.answerPush(request, 503);
    expect(bench.takePushes().length).toBe(0);
    expect(bench.at(0.1).takePushes().length).toBe(1);
  });

  it('sends one message of a key at a time (G12)', () => {
    const bench = new PubsubBench({ s: { ...push, ...ordered } });
    bench.node.endpoints.enter('s', 8);
    for (const data of ['1', '2']) bench.publish(data, { key: 'k' });
    const [one, ...others] = bench.takePushes();
    expect(others).toEqual([]);
    if (one !== undefined) bench.answerPush(one, 204);
    expect(bench.takePushes().map(({ message }) => bench.dataOf(message))).toEqual(['2']);
  });

  it('begins anew when the service was down while it held pushes back', () => {
    const bench = new PubsubBench({ s: push });
    bench.publish('m');
    bench.bench.crash();
    bench.node.endpoints.enter('s', 8);
    bench.node.restart(bench.bench.out);
    expect(bench.takePushes().length).toBe(1);
  });

  it('counts an answer after the deadline as none (G3, G6)', () => {
    const bench = new PubsubBench({ s: push });
    bench.node.endpoints.enter('s', 8);
    bench.publish('m');
    const [late] = bench.takePushes();
    expect(bench.at(11).takePushes().length).toBe(1);
    if (late !== undefined) bench.answerPush(late, 200);
    expect(bench.at(25).takePushes().length).toBe(1);
  });
});

describe('a subscription that is changed', () => {
  const push = { push_config: { push_endpoint: 'https://x' } };
  const days = (n: number) => ({ expiration_policy: { ttl: n * 86_400 * SECOND } });

  it('to push closes its streams, turns away who waits and who asks, and pushes (G6)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.node.endpoints.enter('s', 9);
    bench.stream('s', 8);
    expect(bench.update('s', push)).toBe('');
    bench.publish('m');
    expect(bench.streamed).toEqual([]);
    expect(bench.takePushes().length).toBe(1);
    expect(bench.received('s').error).toBe('FAILED_PRECONDITION');
  });

  it('back from push is asked again, and takes what is still answered (G6)', () => {
    const bench = new PubsubBench({ s: push });
    bench.node.endpoints.enter('s', 9);
    bench.publish('1');
    const [request] = bench.takePushes();
    bench.update('s', { push_config: undefined });
    bench.publish('2');
    if (request !== undefined) bench.answerPush(request, 200);
    expect([bench.takePushes().length, bench.at(20).pull('s')]).toEqual([0, ['2']]);
  });

  it('to exactly-once takes no ack id but the latest any more, and back again takes all (G13)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    bench.pull('s');
    const old = bench.lastOf('m');
    bench.at(10).pull('s');
    bench.update('s', { enable_exactly_once_delivery: true });
    expect(bench.ack(old)).not.toBe('');
    bench.update('s', { enable_exactly_once_delivery: undefined });
    expect([bench.ack(old), bench.at(30).pull('s')]).toEqual(['', []]);
  });

  it('to a shorter time to live goes that much earlier (G19)', () => {
    const bench = new PubsubBench({ s: days(31) });
    bench.publish('m');
    bench.update('s', days(1));
    bench.at(86_400);
    expect(bench.bench.story().at(-1)).toBe('86400.000 evicted m1 s (consumer gone)');
  });

  it('to what it may not be stays as it was', () => {
    const bench = new PubsubBench({ s: push });
    expect(bench.update('s', { enable_exactly_once_delivery: true })).toBe('INVALID_ARGUMENT');
    expect(bench.update('s', { filter: 'attributes:a' })).toBe('INVALID_ARGUMENT');
    expect(bench.update('none', {})).toBe('NOT_FOUND');
  });
});

describe('what is kept', () => {
  it('is deleted by age, unacked or not (G14)', () => {
    const bench = new PubsubBench({ s: { message_retention_duration: 600 * SECOND } });
    bench.publish('m');
    expect(bench.at(600).pull('s')).toEqual([]);
    expect(bench.bench.story().at(-1)).toBe('600.000 expired m1 s (retention)');
  });

  it('comes back by a seek if it was retained (G15)', () => {
    const bench = new PubsubBench({ kept: { retain_acked_messages: true }, gone: {} });
    bench.publish('1');
    bench.at(10).publish('2');
    for (const name of ['kept', 'gone']) {
      for (const data of bench.pull(name)) bench.ack(data);
      bench.ask({ type: 'Seek', subscription: name, to: { timeUs: 5 * SECOND } });
    }
    expect([bench.pull('kept'), bench.pull('gone')]).toEqual([['2'], []]);
  });

  it('comes to a later subscription by a seek, out of what its topic retains (G14, G15)', () => {
    const topics = { t: { message_retention_duration: 3600 * SECOND } };
    const bench = new PubsubBench({ late: { created_at: 10 * SECOND } }, topics);
    bench.publish('early');
    bench.at(20).publish('later');
    bench.ask({ type: 'Seek', subscription: 'late', to: { timeUs: 0 } });
    expect(bench.pull('late')).toEqual(['early', 'later']);
  });

  it('is purged by a seek into the future (G15)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    bench.ask({ type: 'Seek', subscription: 's', to: { timeUs: 60 * SECOND } });
    expect(bench.pull('s')).toEqual([]);
  });

  it('is sought in by the name of the group that reads it', () => {
    const bench = new PubsubBench({ s: { retain_acked_messages: true } });
    bench.node.reads('biller', ['s']);
    bench.publish('m');
    bench.pull('s');
    bench.ack('m');
    bench.node.command({ type: 'seek', group: 'biller', to: { end: 'earliest' } }, bench.bench.out);
    expect(bench.pull('s')).toEqual(['m']);
  });

  it('has snapshots made and gone back to by the name of the group that reads it', () => {
    const bench = new PubsubBench({ s: {} });
    const tell = (type: 'snapshot' | 'restore') =>
      bench.node.command({ type, group: 'biller', name: 'before' }, bench.bench.out);
    bench.node.reads('biller', ['s']);
    tell('restore');
    bench.publish('m');
    tell('snapshot');
    bench.pull('s');
    bench.ack('m');
    tell('restore');
    expect(bench.pull('s')).toEqual(['m']);
    expect(bench.bench.story().join('\n')).toContain('sought');
  });

  it('tells by a fact why a snapshot of the timeline was not made, or not gone back to (G16)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.node.reads('biller', ['s']);
    const told = (type: 'snapshot' | 'restore', name: string): string[] => {
      bench.bench.story();
      bench.node.command({ type, group: 'biller', name }, bench.bench.out);
      return bench.bench.story().map((line) => line.replace(/^\S+ /, ''));
    };
    expect(told('restore', 'none')).toEqual(['rejected s (missing target)']);
    bench.publish('m');
    expect(told('snapshot', 'before')).toEqual([]);
    expect(told('snapshot', 'before')).toEqual(['rejected s (duplicate)']);
    bench.at(6.99 * 86_400);
    expect(told('snapshot', 'too late')).toEqual(['rejected s (too old)']);
    bench.at(7 * 86_400);
    // It does not live any longer, and its name is free again.
    expect(told('restore', 'before')).toEqual(['rejected s (missing target)']);
    expect(told('snapshot', 'before')).toEqual([]);
  });

  it('comes back to a snapshot: what was unacked then, and all that came later (G16)', () => {
    const bench = new PubsubBench({ s: {} });
    for (const data of ['acked before', 'unacked then']) bench.publish(data);
    bench.pull('s');
    bench.ack('acked before');
    bench.ask({ type: 'CreateSnapshot', subscription: 's', name: 'S' });
    bench.publish('later');
    bench.pull('s');
    bench.ack('unacked then');
    bench.ack('later');
    expect(bench.ask({ type: 'Seek', subscription: 's', to: { snapshot: 'S' } }).error).toBe('');
    expect(bench.pull('s')).toEqual(['unacked then', 'later']);
    expect(bench.ask({ type: 'Seek', subscription: 's', to: { snapshot: 'none' } }).error).toBe('NOT_FOUND');
  });

  it('in a snapshot lives for 7 days less the age of the oldest, and not under an hour (G16)', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    const made = (hours: number): SnapshotResponse =>
      bench.at(hours * 3600).ask({ type: 'CreateSnapshot', subscription: 's', name: `S${hours}` }) as SnapshotResponse;
    expect(made(24).expiresAtUs).toBe(7 * 24 * 3600 * SECOND);
    expect(made(167.5).error).toBe('FAILED_PRECONDITION');
  });

  it('goes with a subscription that nobody uses for its time to live (G19)', () => {
    const bench = new PubsubBench({ s: { expiration_policy: { ttl: 86_400 * SECOND } } });
    bench.publish('m');
    bench.at(86_400);
    expect(bench.bench.story().at(-1)).toBe('86400.000 evicted m1 s (consumer gone)');
    expect(bench.stream('s', 8)).toBe('NOT_FOUND');
  });

  it('outlives a crash of the service, with its deadlines; streams do not', () => {
    const bench = new PubsubBench({ s: {} });
    bench.publish('m');
    bench.pull('s');
    bench.stream('s', 8);
    bench.bench.crash();
    bench.node.restart(bench.bench.out);
    expect(bench.at(11).pull('s')).toEqual(['m']);
    expect(bench.streamed).toEqual([]);
  });
});

it.each([
  [{ filter: 'attributes:a AND' }, 'filter'],
  [{ retry_policy: { minimum_backoff: 2, maximum_backoff: 1 } }, 'retry_policy'],
  [{ dead_letter_policy: {} }, 'dead_letter_policy'],
  [{ push_config: {}, enable_exactly_once_delivery: true }, 'push_config'],
])('a subscription with %o is refused for its %s', (options, option) => {
  expect(subscriptionMistake(options)?.option).toBe(option);
});

it('a subscription without a topic is refused', () => {
  const declared = { name: 's', options: {}, bindings: [] };
  const none = {
    name: 'broker',
    options: {},
    queues: [declared],
    topics: [],
    exchanges: [],
    producers: [],
    consumers: [],
  };
  expect(
    googlePubsub.check?.({ ...none, elsewhere: [] } as Parameters<NonNullable<typeof googlePubsub.check>>[0]),
  ).toEqual([{ section: 'queues', name: 's', option: '', text: 'a subscription names its `topic`' }]);
});
