/** The Google Pub/Sub clients: batches, paused keys, streams with leases, pulls, pushes, and what they make of the answers. */
import { describe, expect, it } from 'vitest';
import { PushEndpoints } from '../../../core/brokers/google-pubsub-host.ts';
import type {
  AckResponse,
  Publish,
  PublishResponse,
  PubsubRequest,
  PullResponse,
  PushRequest,
  ReceivedMessage,
  StreamingPullResponse,
  StreamState,
} from '../../../core/brokers/google-pubsub-verbs.ts';
import { PubsubConsumerPort } from '../../../core/clients/google-pubsub-consumer-port.ts';
import { PubsubProducerPort } from '../../../core/clients/google-pubsub-producer-port.ts';
import { PubsubPushPort } from '../../../core/clients/google-pubsub-push-port.ts';
import type { ConsumerHost, ConsumerPort, ConsumerPortSpec, ProducerHost } from '../../../core/clients/ports.ts';
import { REASONS } from '../../../core/facts.ts';
import type { Machine, Wire } from '../../../core/machine.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { Delivery } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const NODE = 9;
const SECOND = 1_000_000;

/** Puts a port on the bench as if it were a machine. */
function mount(bench: MachineBench, port: Pick<Machine, 'start' | 'receive' | 'timer'> & { crash(): void }): void {
  bench.start({
    start: port.start.bind(port),
    receive: port.receive.bind(port),
    timer: port.timer.bind(port),
    crash: () => port.crash(),
    restart: () => {},
  });
}

function producerOf(options: OptionValues = {}, to: readonly string[] = ['orders']) {
  const bench = new MachineBench();
  const heard: string[] = [];
  const at = () => (bench.nowUs / SECOND).toFixed(2);
  const host: ProducerHost = {
    confirmed: (message) => heard.push(`${at()} confirmed m${message.id}`),
    failed: (message, reason, definite) =>
      heard.push(`${at()} failed m${message.id}: ${REASONS[reason]}${definite ? ', surely' : ''}`),
    retrying: (message, attempt) => heard.push(`${at()} attempt ${attempt} of m${message.id}`),
  };
  const port = new PubsubProducerPort(
    NODE,
    { name: 'web', declared: 'web', instance: 1, options, to },
    host,
    bench.setup,
  );
  mount(bench, port);
  const calls = () => bench.takeSent().map(({ wire }) => wire as Publish);
  const answer = ({ token }: Publish, error = '') =>
    bench.receive(NODE, { type: 'PublishResponse', token, error, messageIds: [] } as PublishResponse);
  const publish = (key: string | null = null, sizeBytes = 100) =>
    port.publish(bench.message({ key, sizeBytes }), bench.out);
  return { bench, port, heard, calls, answer, publish };
}

const idsOf = ({ messages }: Publish): number[] => messages.map(({ message }) => message.id);

describe('a publisher', () => {
  it('gathers messages for 10 ms, or until a batch is full', () => {
    const { bench, calls, publish } = producerOf({ max_messages: 3 });
    publish();
    bench.wait(9_000);
    expect(calls()).toEqual([]);
    bench.wait(1_000);
    expect(calls().map(idsOf)).toEqual([[1]]);
    for (let i = 0; i < 4; i++) publish();
    expect(calls().map(idsOf)).toEqual([[2, 3, 4]]);
  });

  it('puts no batch over its limit of bytes', () => {
    const { bench, calls, publish } = producerOf({ max_bytes: 1000 });
    for (const bytes of [600, 600, 300]) publish(null, bytes);
    bench.wait(10_000);
    expect(calls().map(idsOf)).toEqual([[1], [2, 3]]);
  });

  it.each<[string, OptionValues, number[]]>([
    ['doubles its waits', {}, [1, 2.1, 3.3]],
    ['waits equally long where that is asked for', { 'retry-growth': 'fixed' }, [1, 2.1, 3.2]],
    ['waits no longer than retry-max', { 'retry-max': 100_000 }, [1, 2.1, 3.2]],
  ])('%s before it calls again', (_, options, atS) => {
    const { bench, heard, publish } = producerOf({ max_latency: 0, 'request-timeout': SECOND, ...options });
    publish();
    bench.wait(4 * SECOND);
    expect(heard).toEqual(atS.map((at, i) => `${at.toFixed(2)} attempt ${i + 2} of m1`));
  });

  it('sends no ordering key unless message ordering is on (G10)', () => {
    const keyOf = (options: OptionValues): string | undefined => {
      const { calls, publish } = producerOf({ max_latency: 0, ...options });
      publish('ana');
      return calls()[0]?.messages[0]?.orderingKey;
    };
    expect([keyOf({}), keyOf({ enable_message_ordering: true })]).toEqual(['', 'ana']);
  });

  it('has one call of an ordering key under way, and others meanwhile (G10, G12)', () => {
    const { calls, answer, publish } = producerOf({ max_latency: 0, enable_message_ordering: true });
    for (const key of ['ana', 'ana', 'ben']) publish(key);
    const [ana, ben] = calls();
    expect([ana, ben].map((call) => call && idsOf(call))).toEqual([[1], [3]]);
    if (ana !== undefined) answer(ana);
    expect(calls().map(idsOf)).toEqual([[2]]);
  });

  it('pauses a key when a call of it has failed for good, until it is resumed (G12)', () => {
    const options = { max_latency: 0, enable_message_ordering: true, resume_publish: 5 * SECOND };
    const { bench, heard, calls, answer, publish } = producerOf(options);
    for (const key of ['ana', 'ana']) publish(key);
    for (const call of calls()) answer(call, 'INVALID_ARGUMENT');
    publish('ana');
    expect(heard).toEqual([
      '0.00 failed m1: refused by the broker, surely',
      '0.00 failed m2: ordering key paused, surely',
      '0.00 failed m3: ordering key paused, surely',
    ]);
    bench.wait(5 * SECOND);
    publish('ana');
    expect(calls().map(idsOf)).toEqual([[4]]);
  });

  it('tries again after a silence, waits longer each time, and gives up not knowing', () => {
    const { bench, heard, publish } = producerOf({
      max_latency: 0,
      'request-timeout': SECOND,
      'total-timeout': 3 * SECOND,
    });
    publish();
    bench.wait(20 * SECOND);
    expect(heard).toEqual(['1.00 attempt 2 of m1', '2.10 attempt 3 of m1', '3.30 failed m1: timed out']);
  });

  it('tries again when a key has published too much for now (G10)', () => {
    const { bench, heard, calls, answer, publish } = producerOf({ max_latency: 0, enable_message_ordering: true });
    publish('ana');
    for (const call of calls()) answer(call, 'RESOURCE_EXHAUSTED');
    bench.wait(SECOND);
    for (const call of calls()) answer(call);
    expect(heard).toEqual(['0.00 attempt 2 of m1', '1.00 confirmed m1']);
  });

  it('to two topics is confirmed when both have answered', () => {
    const { heard, calls, answer, publish } = producerOf({ max_latency: 0 }, ['a', 'b']);
    publish();
    const [first, second] = calls();
    if (first !== undefined) answer(first);
    expect(heard).toEqual([]);
    if (second !== undefined) answer(second);
    expect(heard).toEqual(['0.00 confirmed m1']);
  });

  it('publishes what has gathered when it is shut down', () => {
    const { bench, port, calls, publish } = producerOf();
    publish();
    port.stop(bench.out);
    expect(calls().map(idsOf)).toEqual([[1]]);
  });
});

function hostOf(heard: string[], bench: MachineBench): ConsumerHost {
  const at = () => (bench.nowUs / SECOND).toFixed(0);
  return {
    deliver: (deliveries) => heard.push(...deliveries.map(({ message }) => `${at()} got m${message.id}`)),
    settled: ({ message }, ok) => heard.push(`${at()} m${message.id} ${ok ? 'settled' : 'unsettled'}`),
    revoked: () => {},
    disconnected: () => {},
  };
}

function specOf(options: OptionValues, settle: ConsumerPortSpec['settle']): ConsumerPortSpec {
  return { name: 'w', declared: 'w', instance: 1, options, from: ['s'], group: 'w', settle, prefetch: 2 };
}

function consumerOf(
  options: OptionValues = {},
  terms: { ordered?: boolean; exactlyOnce?: boolean } = {},
  settle: ConsumerPortSpec['settle'] = 'after-processing',
) {
  const bench = new MachineBench();
  const heard: string[] = [];
  const subscription = { name: 's', place: bench.setup.place('s', 'queue'), ackDeadlineUs: 10 * SECOND };
  const flags = { ordered: terms.ordered ?? false, exactlyOnce: terms.exactlyOnce ?? false };
  const port = new PubsubConsumerPort(
    NODE,
    [{ ...subscription, ...flags }],
    specOf(options, settle),
    hostOf(heard, bench),
  );
  mount(bench, port);
  const said = () => bench.takeSent().map(({ wire }) => wire as PubsubRequest);
  const of = <T extends PubsubRequest['type']>(type: T) =>
    said().filter((request): request is Extract<PubsubRequest, { type: T }> => request.type === type);
  const received = (key = ''): ReceivedMessage => ({
    message: bench.message({ key: key === '' ? null : key }),
    place: subscription.place,
    attempt: 1,
    handle: bench.messages.length,
    messageId: bench.messages.length,
    orderingKey: key,
    attributes: {},
    deliveryAttempt: 0,
  });
  const stream = (token: number, number: number, ...messages: ReceivedMessage[]) =>
    bench.receive(NODE, {
      type: 'StreamingPullResponse',
      token,
      number,
      error: '',
      messages,
      sizeBytes: 0,
    } as StreamingPullResponse);
  const answer = (token: number, error = '', failed: readonly ReceivedMessage[] = []) =>
    bench.receive(NODE, { type: 'AckResponse', token, error, failed } as AckResponse);
  return { bench, port, heard, said, of, received, stream, answer };
}

describe('a subscriber on a stream', () => {
  it('asks for 1000 messages of the subscription’s deadline, 60 s with exactly-once delivery (G13, G18)', () => {
    const [plain] = consumerOf().of('StreamingPull');
    const [exact] = consumerOf({}, { exactlyOnce: true }).of('StreamingPull');
    expect([plain?.maxMessages, plain?.ackDeadlineUs, exact?.ackDeadlineUs]).toEqual([1000, 10 * SECOND, 60 * SECOND]);
  });

  it('extends the deadline of what it holds, until it has held it for max_lease_duration (G4)', () => {
    const { bench, of, received, stream } = consumerOf({ max_lease_duration: 12 * SECOND });
    stream(1, 1, received());
    of('ModifyAckDeadline');
    bench.wait(5 * SECOND);
    expect(of('ModifyAckDeadline').map(({ deadlineUs }) => deadlineUs)).toEqual([10 * SECOND]);
    bench.wait(5 * SECOND);
    expect(of('ModifyAckDeadline').length).toBe(1);
    bench.wait(30 * SECOND);
    expect(of('ModifyAckDeadline').length).toBe(0);
  });

  it('extends nothing of what is settled', () => {
    const { bench, port, of, received, stream } = consumerOf();
    const one = received();
    stream(1, 1, one);
    port.settle(one, 'ack', bench.out);
    of('Acknowledge');
    bench.wait(4 * SECOND);
    expect(of('ModifyAckDeadline').length).toBe(0);
  });

  it('goes on extending what is left: nobody told it otherwise', () => {
    const { bench, port, heard, of, received, stream } = consumerOf();
    const one = received();
    stream(1, 1, one);
    port.settle(one, 'leave', bench.out);
    bench.wait(6 * SECOND);
    expect(of('ModifyAckDeadline').length).toBe(1);
    expect(heard).toEqual(['0 got m1', '0 m1 settled']);
  });

  it('waits for the outcome of an ack with exactly-once delivery only (G5, G13)', () => {
    const plain = consumerOf();
    const exact = consumerOf({}, { exactlyOnce: true });
    for (const { bench, port, received, stream } of [plain, exact]) {
      const one = received();
      stream(1, 1, one);
      port.settle(one, 'ack', bench.out);
    }
    expect([plain.heard, exact.heard]).toEqual([['0 got m1', '0 m1 settled'], ['0 got m1']]);
    const [ack] = exact.of('Acknowledge');
    exact.answer(ack?.token ?? 0, 'PERMANENT_FAILURE_INVALID_ACK_ID');
    expect(exact.heard.at(-1)).toBe('0 m1 unsettled');
  });

  it('sends an ack again that got no answer or came out of order (G13)', () => {
    const { bench, port, heard, of, received, stream, answer } = consumerOf({}, { exactlyOnce: true, ordered: true });
    const one = received('k');
    stream(1, 1, one);
    port.settle(one, 'ack', bench.out);
    answer(of('Acknowledge')[0]?.token ?? 0, 'TRANSIENT_FAILURE_ACK_OUT_OF_ORDER');
    bench.wait(SECOND);
    const again = of('Acknowledge');
    expect(again.length).toBe(1);
    bench.wait(5 * SECOND);
    answer(of('Acknowledge')[0]?.token ?? 0);
    expect(heard.at(-1)).toBe('6 m1 settled');
  });

  it('works on the messages of a key one after the other (G10)', () => {
    const { bench, port, heard, received, stream } = consumerOf({}, { ordered: true });
    const [k1, k2, l1] = [received('k'), received('k'), received('l')];
    stream(1, 1, k1, k2, l1);
    expect(heard).toEqual(['0 got m1', '0 got m3']);
    port.settle(k1, 'ack', bench.out);
    expect(heard.at(-1)).toBe('0 got m2');
  });

  it('takes each answer of its stream once, and none of an older one', () => {
    const { bench, port, heard, received, stream } = consumerOf();
    const one = received();
    stream(1, 1, one);
    stream(1, 1, one);
    port.peerLost(NODE, bench.out);
    bench.wait(SECOND);
    stream(1, 2, received());
    stream(2, 1, received());
    expect(heard).toEqual(['0 got m1', '1 got m3']);
  });

  it('opens another when nobody answers, or when it is told that there is none', () => {
    const { bench, of } = consumerOf();
    of('StreamingPull');
    bench.wait(5 * SECOND);
    const [second] = of('StreamingPull');
    expect(second?.token).toBe(2);
    bench.receive(NODE, { type: 'StreamState', token: 2, error: 'NOT_FOUND' } as StreamState);
    bench.wait(SECOND);
    expect(of('StreamingPull').map(({ token }) => token)).toEqual([3]);
  });

  it('gives back what it holds when it is shut down', () => {
    const { bench, port, said, received, stream } = consumerOf();
    stream(1, 1, received(), received());
    said();
    port.stop(bench.out);
    const [nack, close] = said();
    expect(nack).toMatchObject({ type: 'ModifyAckDeadline', deadlineUs: 0, acks: [{ handle: 1 }, { handle: 2 }] });
    expect(close?.type).toBe('StreamClose');
  });

  it('that settles on delivery acks before it hands on', () => {
    const { heard, of, received, stream } = consumerOf({}, {}, 'on-delivery');
    stream(1, 1, received());
    expect([of('Acknowledge').length, heard]).toEqual([1, ['0 got m1']]);
  });
});

describe('a subscriber that pulls', () => {
  it('asks for what it has room for, one call at a time, and extends nothing', () => {
    const { bench, port, of, received } = consumerOf({ method: 'pull' });
    port.room(2, bench.out);
    port.room(2, bench.out);
    const [pull, ...others] = of('Pull');
    expect([pull?.maxMessages, others.length]).toEqual([2, 0]);
    const answer: PullResponse = {
      type: 'PullResponse',
      token: pull?.token ?? 0,
      error: '',
      messages: [received()],
      sizeBytes: 0,
    };
    bench.receive(NODE, answer);
    expect(of('Pull').map(({ maxMessages }) => maxMessages)).toEqual([1]);
    bench.wait(9 * SECOND);
    expect(of('ModifyAckDeadline')).toEqual([]);
  });

  it('asks again when no answer came', () => {
    const { bench, port, of } = consumerOf({ method: 'pull', 'pull-wait': 2 * SECOND });
    port.room(1, bench.out);
    of('Pull');
    bench.wait(7 * SECOND);
    expect(of('Pull').length).toBe(1);
  });
});

describe('a push endpoint', () => {
  function endpointOf(settle: ConsumerPortSpec['settle'] = 'after-processing') {
    const bench = new MachineBench();
    const heard: string[] = [];
    const endpoints = new PushEndpoints();
    const port = new PubsubPushPort(NODE, endpoints, specOf({}, settle), hostOf(heard, bench));
    mount(bench, port as ConsumerPort & { crash(): void });
    const push = (token: number): Delivery => {
      const message = { ...bench.message(), id: token };
      const received = {
        message,
        place: 1,
        attempt: 1,
        handle: token,
        messageId: token,
        orderingKey: '',
        attributes: {},
      };
      const request = { type: 'PushRequest', token, subscription: 's', message: received, sizeBytes: 0 };
      bench.receive(NODE, request as unknown as PushRequest as Wire);
      return received;
    };
    const statuses = () => bench.takeSent().map(({ wire }) => (wire as Wire & { status: number }).status);
    return { bench, port, heard, endpoints, push, statuses };
  }

  it.each([
    ['ack', [204]],
    ['requeue', [500]],
    ['reject', [500]],
    ['leave', []],
  ] as const)('answers a request that ends in %s with %j (G6)', (how, expected) => {
    const { bench, port, push, statuses } = endpointOf();
    port.settle(push(1), how, bench.out);
    expect(statuses()).toEqual(expected);
  });

  it('answers at once when it settles on delivery', () => {
    const { push, statuses } = endpointOf('on-delivery');
    push(1);
    expect(statuses()).toEqual([202]);
  });

  it('takes a request once, and is called only while it is up', () => {
    const { bench, heard, endpoints, push } = endpointOf();
    push(1);
    push(1);
    expect(heard).toEqual(['0 got m1']);
    const before = endpoints.next('s');
    bench.crash();
    expect([before > 0, endpoints.next('s')]).toEqual([true, 0]);
  });
});
