/** Systems around SQS: one queue, standard or FIFO, with or without a dead-letter queue. */
import fc from 'fast-check';
import { common, mostly, purging, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const queue = fc.record({
  visibility: fc.constantFrom('30s', '10s', '3s'),
  delay: mostly('0s', '2s'),
  receives: mostly<number | null>(null, 2, 5),
  purged: purging,
});
const clients = fc.record({
  retries: mostly<number | null>(null, 0, 10),
  wait: mostly<string | null>(null, '0s', '2s'),
  batch: mostly<number | null>(null, 1),
  heartbeat: mostly<Document | null>(null, { every: '1s', by: '10s' }),
});
const NODE_STEPS = ['appended', 'delivered', 'acked', 'requeued'];

/** What AWS leaves to chance, now and then. */
const chances = mostly<Document>(
  {},
  { duplicates: 0.2 },
  { 'short-poll-misses': 0.3 },
  { 'out-of-order': 0.4 },
  { 'stale-deletes': 0.5 },
);
const standard = { suffix: '', options: chances, producer: fc.constant<Document>({}) };
const fifo = {
  suffix: '.fifo',
  options: fc.record({ content: fc.boolean(), scope: mostly('queue', 'messageGroup') }).map(
    ({ content, scope }): Document => ({
      ...(content ? { ContentBasedDeduplication: true } : {}),
      ...(scope === 'queue' ? {} : { DeduplicationScope: scope }),
    }),
  ),
  producer: fc.constant<Document>({}),
};

function family({ suffix, options }: typeof standard): fc.Arbitrary<Document> {
  return fc.record({ drawn: common, queue, options, clients }).map(({ drawn, queue, options, clients }) => {
    const { settle } = drawn;
    return systemOf(
      // SQS keeps what it hands out until it is deleted: nothing is settled by the delivery. A FIFO queue wants a message group.
      {
        ...drawn,
        settle: settle === 'on-delivery' ? 'before-processing' : settle,
        keys: suffix === '' ? drawn.keys : Math.max(1, drawn.keys),
      },
      {
        broker: 'sqs',
        places: {
          queues: {
            [`jobs${suffix}`]: {
              VisibilityTimeout: queue.visibility,
              ...(queue.delay === '0s' ? {} : { DelaySeconds: queue.delay }),
              ...(queue.receives === null
                ? {}
                : { RedrivePolicy: { deadLetterTargetArn: `failed${suffix}`, maxReceiveCount: queue.receives } }),
              ...options,
            },
            ...(queue.receives === null ? {} : { [`failed${suffix}`]: {} }),
          },
        },
        to: `jobs${suffix}`,
        from: `jobs${suffix}`,
        producer: clients.retries === null ? {} : { retries: clients.retries },
        consumer: {
          ...(clients.wait === null ? {} : { WaitTimeSeconds: clients.wait }),
          ...(clients.batch === null ? {} : { MaxNumberOfMessages: clients.batch }),
          ...(clients.heartbeat === null ? {} : { heartbeat: clients.heartbeat }),
        },
        purged: queue.purged,
        nodes: ['sqs'],
        nodeSteps: NODE_STEPS,
      },
    );
  });
}

export const sqsStandard = family(standard);
export const sqsFifo = family(fifo);
