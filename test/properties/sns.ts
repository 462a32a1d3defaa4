/**
 * Systems around SNS: a topic that feeds two SQS queues of another broker, standard or FIFO, one of them by a filter; a standard topic may also call a
 * consumer itself. The workers read the first queue.
 */
import fc from 'fast-check';
import { common, mostly, purging, systemOf } from './clients.ts';
import { type Document, merged } from './document.ts';

const topic = fc.record({
  fifo: mostly(false, true),
  raw: fc.boolean(),
  filter: mostly<Document | null>(
    null,
    { user: [{ 'anything-but': 'user-1' }] },
    { user: [{ exists: true }] },
    { nobody: ['at all'] },
  ),
  dead: fc.boolean(),
  called: mostly<Document | null>(null, {}, { 'on-failure': 'reject' }, { Protocol: 'lambda' }),
  visibility: fc.constantFrom('30s', '10s', '3s'),
  receives: mostly<number | null>(null, 3),
  patience: fc.constantFrom('2s', '5s'),
  purged: purging,
});
const NODE_STEPS = ['routed', 'appended', 'delivered', 'acked', 'retried'];

export const sns: fc.Arbitrary<Document> = fc.record({ drawn: common, topic }).map(({ drawn, topic }) => {
  const end = topic.fifo ? '.fifo' : '';
  const [jobs, audit, undelivered, failed] = ['jobs', 'audit', 'undelivered', 'failed'].map((name) => `${name}${end}`);
  const policy = topic.dead ? { RedrivePolicy: { deadLetterTargetArn: undelivered as string } } : {};
  const queue: Document = { broker: 'work', VisibilityTimeout: topic.visibility };
  const redrive: Document =
    topic.receives === null
      ? {}
      : { RedrivePolicy: { deadLetterTargetArn: failed as string, maxReceiveCount: topic.receives } };
  const called: Document = { broker: 'news', from: 'events', process: '100ms', ...topic.called };
  const document = systemOf(
    {
      ...drawn,
      // A FIFO topic wants a message group; nothing is settled by the delivery of a queue.
      keys: topic.fifo ? Math.max(1, drawn.keys) : drawn.keys,
      settle: drawn.settle === 'on-delivery' ? 'before-processing' : drawn.settle,
    },
    {
      broker: 'sns',
      places: {
        brokers: { news: { kind: 'sns', 'request-timeout': topic.patience }, work: 'sqs' },
        topics: {
          [`events${end}`]: {
            broker: 'news',
            subscriptions: {
              [jobs as string]: { RawMessageDelivery: topic.raw, ...policy },
              [audit as string]: { ...(topic.filter !== null && { FilterPolicy: topic.filter }), ...policy },
            },
          },
        },
        queues: {
          [jobs as string]: { ...queue, ...redrive },
          [audit as string]: queue,
          [undelivered as string]: queue,
          ...(topic.receives === null ? {} : { [failed as string]: queue }),
        },
      },
      to: `events${end}`,
      from: jobs as string,
      producer: { broker: 'news' },
      consumer: { broker: 'work' },
      consumers: {
        auditor: { broker: 'work', from: audit as string, process: '50ms', effect: { insert: 'trail' } },
        ...(topic.called === null || topic.fifo ? {} : { hook: called }),
      },
      purged: topic.purged,
      nodes: ['news', 'work'],
      nodeSteps: NODE_STEPS,
    },
  );
  return merged(document, { broker: null });
});
