/** SNS by its rule numbers: who gets what, in which form, how often it is tried, and where it goes in the end. Queues and endpoints are played by hand. */
import { describe, expect, it } from 'vitest';
import { BROKERS } from '../../../core/brokers/index.ts';
import type { Configuration, Elsewhere } from '../../../core/brokers/kind.ts';
import { Sns } from '../../../core/brokers/sns.ts';
import type {
  Forward,
  Notification,
  NotificationAnswer,
  Publish,
  PublishResult,
  SnsRequest,
  TopicResult,
} from '../../../core/brokers/sns-verbs.ts';
import type { SendMessageResult } from '../../../core/brokers/sqs-verbs.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { Message } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const SECOND = 1_000_000;
const SHOP = 7;
const QUEUES = 8;
const HOOK = 9;
const DEAD_FIFO = { RedrivePolicy: { deadLetterTargetArn: 'dead.fifo' } };
const DEAD = { RedrivePolicy: { deadLetterTargetArn: 'dead' } };

function queue(name: string): Elsewhere {
  return { name, section: 'queues', broker: 'work', kind: 'sqs', options: {}, bindings: [] };
}

/** A topic with its subscriptions; what SNS sends is kept until somebody answers. */
class Desk {
  readonly bench = new MachineBench();
  readonly sns: Sns;
  readonly #waiting: { readonly wire: Forward | Notification; readonly atUs: number }[] = [];
  readonly #results: PublishResult[] = [];
  #token = 0;

  constructor(subscriptions: OptionValues, topic = 'news', options: OptionValues = {}) {
    for (const [id, name] of [
      [SHOP, 'shop'],
      [QUEUES, 'work'],
      [HOOK, 'hook'],
    ] as const)
      this.bench.names.set(id, name);
    const elsewhere = ['a', 'b', 'dead', 'a.fifo', 'b.fifo', 'dead.fifo'].map(queue);
    const setup = { ...this.bench.setup, nodesOf: (broker: string) => (broker === 'work' ? [QUEUES] : []) };
    const topics = [{ name: topic, options: { subscriptions, ...options } }];
    this.sns = this.bench.start(new Sns({ 'request-timeout': 5 * SECOND }, topics, elsewhere, setup));
  }

  /** Calls the consumer `hook` for everything that is published. */
  call(options: OptionValues = {}): this {
    this.sns.endpoint('news', 'hook', options)?.up.push(HOOK);
    return this;
  }

  publish(fields: Partial<Message> = {}, how: Partial<Publish> = {}, topic = 'news'): PublishResult {
    const message = how.message ?? this.bench.message(fields);
    const plain = { group: '', dedupId: null, sizeBytes: 100, content: null };
    this.say({ type: 'Publish', topic, token: ++this.#token, message, ...plain, ...how });
    return this.#results.at(-1) as PublishResult;
  }

  say(request: SnsRequest): void {
    this.bench.receive(SHOP, request);
    this.#hear();
  }

  /** Says something that is answered with an error alone. */
  answerTo(request: SnsRequest): string {
    this.bench.receive(SHOP, request);
    const answer = this.bench.takeSent()[0]?.wire as TopicResult | undefined;
    return answer?.error ?? 'no answer';
  }

  at(second: number): this {
    const us = Math.round(second * SECOND) - this.bench.nowUs;
    if (us > 0) this.bench.wait(us);
    this.#hear();
    return this;
  }

  /** The queue answers the oldest request that waits; `error` is one of SQS's codes. */
  queueAnswers(error = ''): this {
    const { token } = this.#next() as Forward;
    const result: SendMessageResult = { type: 'SendMessageResult', token, error, messageId: 1, sequence: 0 };
    this.bench.receive(QUEUES, result);
    this.#hear();
    return this;
  }

  hookAnswers(status: 200 | 400 | 500): this {
    const { token, message, place } = this.#next() as Notification;
    const answer: NotificationAnswer = { type: 'NotificationAnswer', token, message: message.id, place, status };
    this.bench.receive(HOOK, answer);
    this.#hear();
    return this;
  }

  /** What waits for an answer: the queue or the hook, and the message. */
  get waiting(): string[] {
    return this.#waiting.map(({ wire }) => `${wire.type === 'SendMessage' ? wire.queue : 'hook'} m${wire.message.id}`);
  }

  /** When each request so far was sent, in seconds; forgets them. */
  times(): number[] {
    return this.#waiting.splice(0).map(({ atUs }) => atUs / SECOND);
  }

  get first(): Forward {
    return this.#waiting[0]?.wire as Forward;
  }

  #next(): Forward | Notification {
    const next = this.#waiting.shift();
    if (next === undefined) throw new Error('nothing waits for an answer');
    return next.wire;
  }

  #hear(): void {
    for (const { wire, atUs } of this.bench.takeSent()) {
      if (wire.type === 'PublishResult') this.#results.push(wire as PublishResult);
      else if (wire.type !== 'TopicResult') this.#waiting.push({ wire: wire as Forward | Notification, atUs });
    }
  }
}

describe('fan-out', () => {
  it('N1: hands each message to every subscription, and a later one gets nothing old', () => {
    const desk = new Desk({ a: {} });
    desk.publish();
    desk.say({ type: 'Subscribe', topic: 'news', token: 0, endpoint: 'b', attributes: {} });
    desk.publish();
    expect(desk.waiting).toEqual(['a m1', 'a m2', 'b m2']);
  });

  it('says yes to what nobody wants, and says so', () => {
    const desk = new Desk({ a: { FilterPolicy: '{"event":["placed"]}' } });
    expect(desk.publish({ attributes: { event: 'shipped' } }).error).toBe('');
    expect(desk.bench.story()).toEqual(['0.000 unroutable m1 news (filtered out)']);
  });

  it('N4: a changed filter takes up to fifteen minutes', () => {
    const desk = new Desk({ a: { FilterPolicy: '{"event":["placed"]}' } });
    desk.bench.decide = () => 600;
    const attributes = { FilterPolicy: '{"event":["shipped"]}' };
    desk.say({ type: 'SetSubscriptionAttributes', topic: 'news', token: 0, endpoint: 'a', attributes });
    desk.at(599).publish({ attributes: { event: 'shipped' } });
    expect(desk.waiting).toEqual([]);
    desk.at(600).publish({ attributes: { event: 'shipped' } });
    expect(desk.waiting).toEqual(['a m2']);
  });

  it('reads attributes as an application would type them', () => {
    const desk = new Desk({ a: { FilterPolicy: '{"total":[{"numeric":[">",100]}],"tags":["new"]}' } });
    desk.publish({ attributes: { total: '250', tags: '["old","new"]' } });
    expect(desk.waiting).toEqual(['a m1']);
  });
});

describe('the form', () => {
  it('N3: an envelope is larger than the message; raw is the message as it is', () => {
    const sizes = [false, true].map((RawMessageDelivery) => {
      const desk = new Desk({ a: { RawMessageDelivery } });
      desk.publish({ sizeBytes: 100 });
      return desk.first.sizeBytes;
    });
    expect(sizes).toEqual([1050, 100]);
  });

  it('N3: a raw message of more than ten attributes is not delivered', () => {
    const desk = new Desk({ a: { RawMessageDelivery: true, ...DEAD } });
    const attributes = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`n${i}`, 'x']));
    desk.publish({ attributes });
    expect(desk.waiting).toEqual(['dead m1']);
  });
});

describe('retries to queues', () => {
  it('N10: without an answer a queue is tried three times at once, then after 1 s, then ever later', () => {
    const desk = new Desk({ a: {} });
    desk.publish();
    // Each attempt takes the five seconds in which no answer comes.
    expect(desk.at(40).times().slice(0, 7)).toEqual([0, 5, 10, 15, 21, 27, 33]);
  });

  it('N12, N13: a queue that is gone is a client-side error: not tried again, dead-lettered at once', () => {
    const desk = new Desk({ a: DEAD });
    desk.publish();
    desk.queueAnswers('QueueDoesNotExist');
    expect(desk.waiting).toEqual(['dead m1']);
    expect(desk.bench.story()).toEqual([
      '0.000 routed m1 a',
      '0.000 gave-up m1 a (refused by the broker) surely not stored',
      '0.000 dead-lettered m1 dead → work (refused by the broker)',
    ]);
  });

  it('N12: a queue that takes no more calls for now is tried again, and nothing overtakes in its group', () => {
    const desk = new Desk({ 'a.fifo': DEAD_FIFO }, 'news.fifo');
    for (const dedupId of ['1', '2']) desk.publish({}, { group: 'g', dedupId }, 'news.fifo');
    desk.queueAnswers('RequestThrottled').at(0.001);
    expect(desk.waiting).toEqual(['a.fifo m1']);
    desk.queueAnswers();
    expect(desk.waiting).toEqual(['a.fifo m2']);
  });

  it('N2: without a queue policy the door is locked, and without a dead-letter queue the message is gone', () => {
    const desk = new Desk({ a: { 'queue-policy': false }, b: {} });
    desk.publish();
    expect(desk.waiting).toEqual(['b m1']);
    expect(desk.bench.story().at(-1)).toBe('0.000 gave-up m1 a (refused by the broker) surely not stored');
  });

  it('keeps what it accepted through a crash, and tries it again', () => {
    const desk = new Desk({ a: {} });
    desk.publish();
    desk.times();
    desk.bench.crash();
    desk.sns.restart(desk.bench.out);
    desk.at(1);
    expect(desk.waiting).toEqual(['a m1']);
  });

  it('tries again at once when the connection breaks', () => {
    const desk = new Desk({ a: {} });
    desk.publish();
    desk.sns.peerLost(QUEUES, desk.bench.out);
    expect(desk.at(0.001).waiting).toEqual(['a m1', 'a m1']);
  });
});

describe('endpoints', () => {
  it('N11: are tried three times more, 20 s apart, and then the message is dropped', () => {
    const desk = new Desk({}).call();
    desk.publish();
    for (const second of [20, 40, 60]) desk.hookAnswers(500).at(second);
    expect(desk.hookAnswers(500).waiting).toEqual([]);
    expect(desk.bench.story().slice(-3)).toEqual([
      '60.000 nacked m1 news/hook → hook attempt 4',
      '60.000 requeued m1 news/hook (nacked)',
      '60.000 evicted m1 news/hook (retries used up)',
    ]);
  });

  it('N11: follow their DeliveryPolicy', () => {
    const healthyRetryPolicy = {
      numRetries: 2,
      numNoDelayRetries: 1,
      minDelayTarget: 2 * SECOND,
      maxDelayTarget: 2 * SECOND,
    };
    const desk = new Desk({}).call({ DeliveryPolicy: { healthyRetryPolicy }, ...DEAD });
    desk.publish();
    desk.hookAnswers(500).at(0.001).hookAnswers(500).at(1.9);
    expect(desk.waiting).toEqual([]);
    expect(desk.at(2.1).hookAnswers(500).waiting).toEqual(['dead m1']);
  });

  it('N12: what they reject is not tried again', () => {
    const desk = new Desk({}).call(DEAD);
    desk.publish();
    expect(desk.hookAnswers(400).waiting).toEqual(['dead m1']);
  });

  it('N11: maxReceivesPerSecond spaces deliveries out', () => {
    const desk = new Desk({}).call({ DeliveryPolicy: { throttlePolicy: { maxReceivesPerSecond: 2 } } });
    for (let i = 0; i < 4; i++) desk.publish();
    expect(desk.at(2).times()).toEqual([0, 0.5, 1, 1.5]);
  });

  it('an answer that comes too late changes nothing', () => {
    const desk = new Desk({}).call();
    desk.publish();
    desk.at(6);
    desk.hookAnswers(200);
    expect(desk.bench.story().at(-1)).toBe('6.000 ack-refused m1 news/hook → hook (lock expired)');
  });
});

describe('FIFO topics', () => {
  const fifo = (subscriptions: OptionValues, options: OptionValues = {}) =>
    new Desk(subscriptions, 'news.fifo', options);
  const send = (desk: Desk, group: string, dedupId: string | null, how: Partial<Publish> = {}) =>
    desk.publish({}, { group, dedupId, ...how }, 'news.fifo');

  it('N14: a message waits for the one before it in its group, in each queue by itself', () => {
    const desk = fifo({ 'a.fifo': {}, 'b.fifo': {} });
    for (const group of ['x', 'x', 'y']) send(desk, group, `${group}${desk.bench.messages.length}`);
    expect(desk.waiting).toEqual(['a.fifo m1', 'b.fifo m1', 'a.fifo m3', 'b.fifo m3']);
    expect(desk.queueAnswers().waiting).toEqual(['b.fifo m1', 'a.fifo m3', 'b.fifo m3', 'a.fifo m2']);
  });

  it('N14: recognises an id for five minutes, and answers with the first one’s', () => {
    const desk = fifo({ 'a.fifo': {} });
    const once = send(desk, 'x', 'd');
    expect(send(desk, 'x', 'd').messageId).toBe(once.messageId);
    expect(desk.waiting).toEqual(['a.fifo m1']);
    desk.queueAnswers().at(300);
    send(desk, 'x', 'd');
    expect(desk.waiting).toEqual(['a.fifo m3']);
  });

  it('N14: wants a group, and an id unless the content tells', () => {
    const [plain, byContent] = [fifo({}), fifo({}, { ContentBasedDeduplication: true })];
    expect([send(plain, '', 'd').error, send(plain, 'x', null).error]).toEqual([
      'InvalidParameter',
      'InvalidParameter',
    ]);
    const message = byContent.bench.message();
    const ids = [1, 2].map(() => send(byContent, 'x', null, { message }).messageId);
    expect(ids).toEqual([1, 1]);
  });

  it('N15: feeds a standard queue too, without order', () => {
    const desk = fifo({ a: {} });
    for (const id of ['1', '2']) send(desk, 'x', id);
    expect(desk.waiting).toEqual(['a m1', 'a m2']);
    expect(desk.first).toMatchObject({ group: '', dedupId: null });
  });

  it('N16: a queue that is gone loses its place, and its successors follow', () => {
    const desk = fifo({ 'a.fifo': { RedrivePolicy: { deadLetterTargetArn: 'dead.fifo' } } });
    for (const id of ['1', '2']) send(desk, 'x', id);
    expect(desk.queueAnswers('QueueDoesNotExist').waiting).toEqual(['dead.fifo m1']);
    expect(desk.queueAnswers().waiting).toEqual(['a.fifo m2']);
  });

  it('N17: what a filter refused does not come again under its id', () => {
    const desk = fifo({ 'a.fifo': { FilterPolicy: '{"event":["placed"]}' } });
    const content = (event: string) => ({ attributes: { event: { Type: 'String', Value: event } }, body: undefined });
    send(desk, 'x', 'd', { content: content('draft') });
    send(desk, 'x', 'd', { content: content('placed') });
    expect(desk.waiting).toEqual([]);
  });
});

describe('the size of a message', () => {
  const sent = (desk: Desk, sizeBytes: number) => desk.publish({}, { sizeBytes }).error;
  const MIB = 1_048_576;

  it('is 256 KiB at most, unless the topic says otherwise', () => {
    const [plain, large, small] = [{}, { MaximumMessageSize: MIB }, { MaximumMessageSize: 1024 }].map(
      (options) => new Desk({ a: {} }, 'news', options),
    ) as [Desk, Desk, Desk];
    expect([sent(plain, 262_144), sent(plain, 262_145)]).toEqual(['', 'InvalidParameter']);
    expect([sent(large, MIB), sent(large, MIB + 1)]).toEqual(['', 'InvalidParameter']);
    expect([sent(small, 1024), sent(small, 1025)]).toEqual(['', 'InvalidParameter']);
  });

  it('bounds a batch as a whole too', () => {
    const errorOf = (desk: Desk, size: number) => {
      const entries = ['1', '2'].map((id) => {
        const message = desk.bench.message();
        const publish = { topic: 'news', token: 0, message, group: '', dedupId: null, sizeBytes: size, content: null };
        return { id, publish: { type: 'Publish', ...publish } as Publish };
      });
      return desk.answerTo({ type: 'PublishBatch', topic: 'news', token: 9, entries });
    };
    const large = new Desk({ a: {} }, 'news', { MaximumMessageSize: MIB });
    expect([errorOf(new Desk({ a: {} }), 200_000), errorOf(large, 200_000)]).toEqual(['BatchRequestTooLong', '']);
  });

  it('is changed by SetTopicAttributes, from 1 KiB to 1 MiB', () => {
    const desk = new Desk({ a: {} });
    const set = (MaximumMessageSize: OptionValues[string]) =>
      desk.answerTo({ type: 'SetTopicAttributes', topic: 'news', token: 9, attributes: { MaximumMessageSize } });
    expect([set(1023), set(MIB + 1), set('big'), set(2048.5)]).toEqual(Array(4).fill('InvalidParameter'));
    expect([set(MIB), sent(desk, MIB), set(2048), sent(desk, 2049)]).toEqual(['', '', '', 'InvalidParameter']);
  });

  it('is that of the topic’s making, where that says one', () => {
    const desk = new Desk({});
    const made = (topic: string, MaximumMessageSize: number) =>
      desk.answerTo({ type: 'CreateTopic', topic, token: 9, attributes: { MaximumMessageSize } });
    expect([made('small', 100), made('large', MIB)]).toEqual(['InvalidParameter', '']);
    expect(desk.publish({}, { sizeBytes: MIB }, 'large').error).toBe('');
  });

  it('leaves room for a hundred subscriptions where it is above 256 KiB', () => {
    const desk = new Desk({}, 'news', { MaximumMessageSize: MIB });
    const subscribe = (endpoint: string) =>
      desk.answerTo({ type: 'Subscribe', topic: 'news', endpoint, token: 9, attributes: {} });
    const first = Array.from({ length: 100 }, (_, i) => subscribe(`q${i}`));
    expect([new Set(first), subscribe('q100'), subscribe('q5')]).toEqual([new Set(['']), 'InvalidParameter', '']);
    const set = (MaximumMessageSize: number) =>
      desk.answerTo({ type: 'SetTopicAttributes', topic: 'news', token: 9, attributes: { MaximumMessageSize } });
    expect([set(262_144), subscribe('q100'), set(262_145)]).toEqual(['', '', 'InvalidParameter']);
  });
});

describe('what a scenario may not say', () => {
  const plain: Configuration = {
    name: 'news',
    options: {},
    queues: [],
    topics: [],
    exchanges: [],
    producers: [],
    consumers: [],
    elsewhere: ['a', 'dead', 'a.fifo', 'dead.fifo'].map(queue),
  };
  const topic = (name: string, subscriptions: OptionValues, options: OptionValues = {}) => ({
    topics: [{ name, options: { subscriptions, ...options }, bindings: [] }],
  });
  const LARGE = { MaximumMessageSize: 262_145 };
  const hook = (options: OptionValues) => [{ name: 'hook', options, group: 'hook', from: ['t'] }];
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`q${i}`, {}]));
  it.each([
    ['N13: a FIFO queue’s dead letters in a standard queue', topic('t.fifo', { 'a.fifo': DEAD }), 'FIFO queue too'],
    ['a FIFO queue under a standard topic', topic('t', { 'a.fifo': {} }), 'standard topic'],
    [
      'N9: a filter too complex',
      topic('t', { a: { FilterPolicy: JSON.stringify({ x: Array(151).fill('y') }) } }),
      'complex',
    ],
    ['what is no queue of SQS', topic('t', { nowhere: {} }), 'not a queue'],
    [
      'N15: an endpoint of a FIFO topic',
      { ...topic('t.fifo', {}), consumers: [{ name: 'hook', options: {}, group: 'hook', from: ['t.fifo'] }] },
      'feeds queues only',
    ],
    ['an HTTPS endpoint of a topic for large messages', { ...topic('t', {}, LARGE), consumers: hook({}) }, 'Lambda'],
    ['a Lambda function of it', { ...topic('t', {}, LARGE), consumers: hook({ Protocol: 'lambda' }) }, ''],
    ['more than a hundred subscriptions of it', topic('t', many, LARGE), 'at most 100 subscriptions'],
    [
      'nothing wrong',
      topic('t.fifo', { 'a.fifo': { RedrivePolicy: { deadLetterTargetArn: 'dead.fifo' } }, a: {} }),
      '',
    ],
  ])('%s', (_, parts, why) => {
    const texts = BROKERS['sns']?.check?.({ ...plain, ...parts }).map(({ text }) => text) ?? [];
    if (why === '') expect(texts).toEqual([]);
    else expect(texts.join()).toContain(why);
  });
});
