/** The SQS clients: one long poll for all that there is room for, retries of what was not answered, and what they make of the answers. */
import { describe, expect, it } from 'vitest';
import type {
  DeleteMessageBatch,
  PlainResult,
  ReceiveMessage,
  ReceiveMessageResult,
  SendMessage,
  SendMessageBatch,
  SqsRequest,
} from '../../../core/brokers/sqs-verbs.ts';
import type { ConsumerHost, ProducerHost } from '../../../core/clients/ports.ts';
import { SqsConsumerPort } from '../../../core/clients/sqs-consumer-port.ts';
import { SqsProducerPort } from '../../../core/clients/sqs-producer-port.ts';
import { REASONS } from '../../../core/facts.ts';
import type { Machine, Wire } from '../../../core/machine.ts';
import type { OptionValues } from '../../../core/options.ts';
import type { Delivery, Message } from '../../../core/types.ts';
import { MachineBench } from '../machine-bench.ts';

const NODE = 9;
const SECOND = 1_000_000;

/** Puts a port on the bench as if it were a machine. */
function mount(bench: MachineBench, port: Pick<Machine, 'start' | 'receive' | 'timer'> & { crash(): void }): void {
  bench.start({ ...bound(port), restart: () => {} });
}

function bound(port: Pick<Machine, 'start' | 'receive' | 'timer'> & { crash(): void }) {
  return {
    start: port.start.bind(port),
    receive: port.receive.bind(port),
    timer: port.timer.bind(port),
    crash: () => port.crash(),
  };
}

function producerOf(to: readonly string[], options: OptionValues = {}, fifo: readonly string[] = []) {
  const bench = new MachineBench();
  const heard: string[] = [];
  const at = () => (bench.nowUs / SECOND).toFixed(1);
  const host: ProducerHost = {
    confirmed: (message) => heard.push(`${at()} confirmed m${message.id}`),
    failed: (message, reason, definite) =>
      heard.push(`${at()} failed m${message.id}: ${REASONS[reason]}${definite ? ', surely' : ''}`),
    retrying: (message, attempt) => heard.push(`${at()} attempt ${attempt} of m${message.id}`),
  };
  const spec = { name: 'web', declared: 'web', instance: 1, options, to };
  const port = new SqsProducerPort(NODE, fifo, spec, host, bench.setup);
  mount(bench, port);
  const sends = () => bench.takeSent().map(({ wire }) => wire as SendMessage);
  const answer = (request: SendMessage, error = '') =>
    bench.receive(NODE, { type: 'SendMessageResult', token: request.token, error, messageId: 1, sequence: 0 } as Wire);
  return { bench, port, heard, sends, answer };
}

describe('a producer', () => {
  it('tries again after a silence, waits longer each time, and gives up not knowing', () => {
    const { bench, port, heard } = producerOf(['jobs']);
    port.publish(bench.message(), bench.out);
    bench.wait(20 * SECOND);
    expect(heard).toEqual(['2.1 attempt 2 of m1', '4.3 attempt 3 of m1', '6.3 failed m1: timed out']);
  });

  it('ignores an answer that comes after it has given that attempt up', () => {
    const { bench, port, heard, sends, answer } = producerOf(['jobs']);
    port.publish(bench.message(), bench.out);
    const [first] = sends();
    bench.wait(2_050_000);
    answer(first as SendMessage);
    expect(heard).toEqual([]);
    bench.wait(1_050_000);
    for (const request of sends()) answer(request);
    expect(heard.at(-1)).toBe('3.1 confirmed m1');
  });

  it('to several queues is confirmed when all of them have answered', () => {
    const { bench, port, heard, sends, answer } = producerOf(['mail', 'stock']);
    port.publish(bench.message(), bench.out);
    const [mail, stock] = sends() as [SendMessage, SendMessage];
    answer(mail);
    expect(heard).toEqual([]);
    answer(stock);
    expect(heard).toEqual(['0.0 confirmed m1']);
  });

  it('knows that a refused message is not stored', () => {
    const { bench, port, heard, sends, answer } = producerOf(['jobs']);
    port.publish(bench.message(), bench.out);
    answer(sends()[0] as SendMessage, 'InvalidParameterValue');
    expect(heard).toEqual(['0.0 failed m1: refused by the broker, surely']);
  });

  it('tries again later when the service has too much to do (S34)', () => {
    const { bench, port, heard, sends, answer } = producerOf(['jobs']);
    port.publish(bench.message(), bench.out);
    for (let i = 0; i < 3; i++) {
      answer(sends()[0] as SendMessage, 'RequestThrottled');
      bench.wait(SECOND);
    }
    expect(heard).toEqual(['0.1 attempt 2 of m1', '1.2 attempt 3 of m1', '2.0 failed m1: over capacity']);
  });

  it('sends the same deduplication id in each attempt, and a group id without spaces', () => {
    const { bench, port, sends } = producerOf(['jobs'], {}, ['jobs']);
    port.publish(bench.message({ key: 'New York' }), bench.out);
    bench.wait(10 * SECOND);
    const sent = sends();
    expect(sent.map(({ group }) => group)).toEqual(['New%20York', 'New%20York', 'New%20York']);
    expect(new Set(sent.map(({ dedupId }) => dedupId)).size).toBe(1);
  });
});

describe('a producer that gathers (S19)', () => {
  function gathering(options: OptionValues = {}) {
    const made = producerOf(['jobs'], { maxBatchSize: 3, ...options });
    const batches = () => made.bench.takeSent().map(({ wire }) => wire as SendMessageBatch);
    const idsOf = ({ entries }: SendMessageBatch) => entries.map(({ request }) => request.message.id);
    const publish = (count: number, sizeBytes = 100) => {
      for (let i = 0; i < count; i++) made.port.publish(made.bench.message({ sizeBytes }), made.bench.out);
    };
    return { ...made, batches, idsOf, publish };
  }

  it('sends a batch when it is full, and what is left when it has waited', () => {
    const { bench, batches, idsOf, publish } = gathering();
    publish(4);
    expect(batches().map(idsOf)).toEqual([[1, 2, 3]]);
    bench.wait(190_000);
    expect(batches()).toEqual([]);
    bench.wait(20_000);
    expect(batches().map(idsOf)).toEqual([[4]]);
  });

  it('begins another batch before one grows beyond 1 MiB', () => {
    const { batches, idsOf, publish } = gathering();
    publish(2, 600_000);
    expect(batches().map(idsOf)).toEqual([[1]]);
  });

  it('takes each entry’s answer for itself', () => {
    const { bench, heard, batches, publish } = gathering();
    publish(3);
    const [{ token, entries }] = batches() as [SendMessageBatch];
    const results = entries.map(({ id }, i) => ({
      id,
      result: { type: 'SendMessageResult', token: 0, error: i === 1 ? 'InvalidParameterValue' : '', messageId: 1 },
    }));
    bench.receive(NODE, { type: 'BatchResult', token, error: '', entries: results } as unknown as Wire);
    expect(heard).toEqual(['0.0 confirmed m1', '0.0 failed m2: refused by the broker, surely', '0.0 confirmed m3']);
  });

  it('tries the whole batch again after a silence, and gives up not knowing', () => {
    const { bench, heard, publish } = gathering({ retries: 1 });
    publish(3);
    bench.wait(10 * SECOND);
    expect(heard).toEqual([
      ...['2.1 attempt 2 of m1', '2.1 attempt 2 of m2', '2.1 attempt 2 of m3'],
      ...['4.1 failed m1: timed out', '4.1 failed m2: timed out', '4.1 failed m3: timed out'],
    ]);
  });

  it('sends what it has gathered when it is shut down, and forgets it when it dies', () => {
    const { bench, port, batches, idsOf, publish } = gathering();
    publish(1);
    port.stop(bench.out);
    expect(batches().map(idsOf)).toEqual([[1]]);
    publish(1);
    port.crash();
    bench.wait(SECOND);
    expect(batches()).toEqual([]);
  });
});

function consumerOf(from: readonly string[], prefetch: number, options: OptionValues = {}) {
  const bench = new MachineBench();
  const delivered: Delivery[] = [];
  const heard: string[] = [];
  const host: ConsumerHost = {
    deliver: (deliveries) => delivered.push(...deliveries),
    settled: (delivery, ok) => heard.push(`m${delivery.message.id} ${ok ? 'settled' : 'unknown'}`),
    revoked: () => {},
    disconnected: () => {},
  };
  const spec = {
    name: 'worker',
    declared: 'worker',
    instance: 1,
    options,
    from,
    group: 'worker',
    settle: 'after-processing',
    prefetch,
  } as const;
  const port = new SqsConsumerPort(NODE, spec, host);
  mount(bench, port);
  const sent = () => bench.takeSent().map(({ wire }) => wire as SqsRequest);
  const polls = () => sent().filter((wire): wire is ReceiveMessage => wire.type === 'ReceiveMessage');
  const answer = (poll: ReceiveMessage, ...messages: Message[]) => {
    const handed = messages.map((message) => ({ message, place: 1, attempt: 1, handle: 1, messageId: 1 }));
    const { queue, token } = poll;
    const result: ReceiveMessageResult = {
      type: 'ReceiveMessageResult',
      queue,
      token,
      error: '',
      messages: handed,
      sizeBytes: 1,
    };
    bench.receive(NODE, result);
  };
  return { bench, port, delivered, heard, sent, polls, answer };
}

describe('a consumer that is throttled (S34)', () => {
  const refuse = (request: SqsRequest): Wire =>
    ({ type: 'PlainResult', token: 'token' in request ? request.token : 0, error: 'RequestThrottled' }) as Wire;

  it('deletes again, later each time, and gives up not knowing', () => {
    const { bench, port, delivered, heard, sent, polls, answer } = consumerOf(['jobs'], 1);
    port.room(1, bench.out);
    answer(polls()[0] as ReceiveMessage, bench.message());
    port.settle(delivered[0] as Delivery, 'ack', bench.out);
    const deletes: string[] = [];
    for (let i = 0; i < 8; i++) {
      for (const request of sent()) {
        if (request.type !== 'DeleteMessage') continue;
        deletes.push((bench.nowUs / SECOND).toFixed(1));
        bench.receive(NODE, refuse(request));
      }
      bench.wait(100_000);
    }
    expect([deletes, heard]).toEqual([['0.0', '0.1', '0.3'], ['m1 unknown']]);
  });

  it('waits before it receives again', () => {
    const { bench, port, polls } = consumerOf(['jobs'], 1);
    port.room(1, bench.out);
    const [poll] = polls() as [ReceiveMessage];
    const { queue, token } = poll;
    const result: ReceiveMessageResult = {
      type: 'ReceiveMessageResult',
      queue,
      token,
      error: 'RequestThrottled',
      messages: [],
      sizeBytes: 0,
    };
    bench.receive(NODE, result);
    expect(polls()).toEqual([]);
    bench.wait(SECOND);
    expect(polls().length).toBe(1);
  });
});

describe('a consumer', () => {
  it('asks for as many as it has room for, ten at the most, once at a time', () => {
    const { bench, port, polls } = consumerOf(['jobs'], 25);
    port.room(25, bench.out);
    port.room(25, bench.out);
    expect(polls().map(({ max }) => max)).toEqual([10]);
  });

  it('asks again when a poll has brought messages and there is room left', () => {
    const { bench, port, delivered, polls, answer } = consumerOf(['jobs'], 3);
    port.room(3, bench.out);
    answer(polls()[0] as ReceiveMessage, bench.message(), bench.message());
    expect([delivered.length, polls().map(({ max }) => max)]).toEqual([2, [1]]);
  });

  it('asks its queues in turn, so that none waits for ever', () => {
    const { bench, port, polls, answer } = consumerOf(['busy', 'idle'], 1);
    port.room(1, bench.out);
    const asked: string[] = [];
    for (let i = 0; i < 4; i++) {
      const [poll] = polls() as [ReceiveMessage];
      asked.push(poll.queue);
      answer(poll);
    }
    expect(asked).toEqual(['busy', 'idle', 'busy', 'idle']);
  });

  it('pauses between short polls that bring nothing', () => {
    const { bench, port, polls, answer } = consumerOf(['jobs'], 1, { WaitTimeSeconds: 0, 'poll-interval': SECOND });
    port.room(1, bench.out);
    answer(polls()[0] as ReceiveMessage);
    bench.wait(SECOND - 1);
    expect(polls()).toEqual([]);
    bench.wait(1);
    expect(polls()).toHaveLength(1);
  });

  it('asks anew when a poll is never answered', () => {
    const { bench, port, polls } = consumerOf(['jobs'], 1);
    port.room(1, bench.out);
    bench.wait(21 * SECOND);
    expect(polls()).toHaveLength(1);
    bench.wait(SECOND);
    expect(polls()).toHaveLength(1);
  });

  it('deletes again when no answer comes, and in the end does not know', () => {
    const { bench, port, delivered, heard, sent, polls, answer } = consumerOf(['jobs'], 1);
    port.room(1, bench.out);
    answer(polls()[0] as ReceiveMessage, bench.message());
    port.settle(delivered[0] as Delivery, 'ack', bench.out);
    bench.wait(10 * SECOND);
    expect(sent().filter(({ type }) => type === 'DeleteMessage')).toHaveLength(3);
    expect(heard).toEqual(['m1 unknown']);
  });

  it('gives a message back by a visibility timeout of 0, and leaves it by saying nothing', () => {
    const { bench, port, delivered, heard, sent, polls, answer } = consumerOf(['jobs'], 2);
    port.room(2, bench.out);
    answer(polls()[0] as ReceiveMessage, bench.message(), bench.message());
    port.settle(delivered[0] as Delivery, 'requeue', bench.out);
    port.settle(delivered[1] as Delivery, 'leave', bench.out);
    const [change, ...others] = sent();
    expect([change, others]).toMatchObject([{ type: 'ChangeMessageVisibility', timeoutUs: 0 }, []]);
    expect(heard).toEqual(['m2 settled']);
    bench.receive(NODE, { type: 'PlainResult', token: 1, error: '' } as PlainResult);
    expect(heard).toEqual(['m2 settled', 'm1 settled']);
  });

  it('deletes several in one batch, each for itself, and again when no answer comes (S19)', () => {
    const { bench, port, delivered, heard, sent, polls, answer } = consumerOf(['jobs'], 2, { maxBatchSize: 2 });
    port.room(2, bench.out);
    answer(polls()[0] as ReceiveMessage, bench.message(), bench.message());
    for (const delivery of delivered) port.settle(delivery, 'ack', bench.out);
    const [first, ...others] = sent();
    expect([first?.type, others]).toEqual(['DeleteMessageBatch', []]);
    bench.wait(2 * SECOND);
    const [again] = sent() as [DeleteMessageBatch];
    const results = again.entries.map(({ id }, i) => ({
      id,
      result: { type: 'PlainResult', token: 0, error: i === 0 ? '' : 'ReceiptHandleIsInvalid' },
    }));
    bench.receive(NODE, { type: 'BatchResult', token: again.token, error: '', entries: results } as unknown as Wire);
    expect(heard).toEqual(['m1 settled', 'm2 unknown']);
  });

  it('hangs up when it is shut down', () => {
    const { bench, port, sent } = consumerOf(['jobs'], 1);
    port.stop(bench.out);
    expect(sent().map(({ type }) => type)).toEqual(['Hangup']);
  });
});
