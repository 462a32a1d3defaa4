/**
 * Systems around Pulsar: a topic with a subscription of each type, with or without bookies, several brokers, partitions, dead letters, retries and batches;
 * sometimes the maker publishes in transactions, and the workers write on to a second topic, in the transactions in which they ack.
 */
import fc from 'fast-check';
import { common, mostly, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const broker = fc.record({
  nodes: mostly(1, 2, 3),
  bookies: mostly(0, 3, 4),
  quorum: mostly(2, 1),
  dedup: mostly(false, true),
  session: mostly('6s', '30s'),
  classic: mostly(false, true),
  ring: mostly(false, true),
});
const topic = fc.record({
  partitions: mostly(0, 2),
  ttl: mostly<string | null>(null, '20s'),
  retention: mostly(false, true),
});
const clients = fc.record({
  type: fc.constantFrom('Shared', 'Key_Shared', 'Failover', 'Exclusive'),
  batching: fc.constantFrom('off', 'keys', 'on'),
  delay: mostly<string | null>(null, '50ms'),
  timeout: mostly<string | null>(null, '2s'),
  queue: mostly<number | null>(null, 1, 5),
  ackGroup: mostly<string | null>(null, '0ms', '1s'),
  receipts: mostly(false, true),
  cumulative: mostly(false, true),
  byIndex: mostly(false, true),
  nackDelay: fc.constantFrom('1s', '5s'),
  backoff: mostly(false, true),
  ackTimeout: mostly<string | null>(null, '3s'),
  deadLetters: mostly<number | null>(null, 1, 3),
  retry: mostly(false, true),
  after: mostly<string | null>(null, '3s'),
  forwards: mostly(false, true),
  transactional: mostly<number | null>(null, 3, 1),
});

export const pulsar: fc.Arbitrary<Document> = fc
  .record({ drawn: common, broker, topic, clients })
  .map(({ drawn, broker, topic, clients }) => {
    const shares = clients.type === 'Shared' || clients.type === 'Key_Shared';
    const nodes = Array.from({ length: broker.nodes }, (_, i) => `b${i + 1}`);
    const bookies = Array.from({ length: broker.bookies }, (_, i) => `bookie-${i + 1}`);
    return systemOf(drawn, {
      broker: {
        kind: 'pulsar',
        ...(broker.nodes > 1 ? { nodes: broker.nodes, metadataStoreSessionTimeoutMillis: broker.session } : {}),
        ...(broker.bookies > 0
          ? { bookies: broker.bookies, managedLedgerDefaultAckQuorum: broker.quorum, addEntryTimeout: '2s' }
          : {}),
        ...(broker.dedup ? { brokerDeduplicationEnabled: true } : {}),
        ...(broker.classic ? { subscriptionKeySharedUseClassicPersistentImplementation: true } : {}),
        ...(clients.forwards || clients.transactional !== null ? { transactionCoordinatorEnabled: true } : {}),
        ...(broker.ring ? { subscriptionKeySharedUseConsistentHashing: true } : {}),
        messageExpiryCheckIntervalInMinutes: '10s',
      },
      places: {
        topics: {
          jobs: {
            subscriptions: ['worker'],
            ...(topic.partitions > 0 ? { partitions: topic.partitions } : {}),
            ...(topic.ttl === null ? {} : { messageTTL: topic.ttl }),
            ...(topic.retention ? { retentionTime: '60min', retentionSizeInMB: -1 } : {}),
          },
          ...(clients.forwards ? { done: { subscriptions: ['reader'] } } : {}),
        },
      },
      to: 'jobs',
      from: 'jobs',
      producer: {
        ...(clients.batching === 'off' ? { batchingEnabled: false } : {}),
        ...(clients.batching === 'keys' ? { batcherBuilder: 'KEY_BASED' } : {}),
        ...(clients.delay === null ? {} : { batchingMaxPublishDelay: clients.delay }),
        ...(clients.timeout === null ? {} : { sendTimeout: clients.timeout }),
        ...(clients.after === null ? {} : { deliverAfter: clients.after }),
        ...(clients.transactional === null
          ? {}
          : { enableTransaction: true, transactionMessages: clients.transactional, transactionTimeout: '10s' }),
      },
      consumer: {
        subscriptionType: clients.type,
        ...(clients.queue === null ? {} : { receiverQueueSize: clients.queue }),
        ...(clients.ackGroup === null ? {} : { acknowledgmentGroupTime: clients.ackGroup }),
        ...(clients.receipts ? { ackReceiptEnabled: true } : {}),
        ...(clients.cumulative && !shares && !clients.forwards ? { cumulativeAck: true } : {}),
        ...(clients.byIndex ? { acknowledgmentAtBatchIndexLevelEnabled: true } : {}),
        ...(clients.backoff
          ? { negativeAckRedeliveryBackoff: { minDelay: '500ms', maxDelay: '5s' } }
          : { negativeAckRedeliveryDelay: clients.nackDelay }),
        ...(clients.ackTimeout === null ? {} : { ackTimeout: clients.ackTimeout }),
        ...(clients.deadLetters === null || !shares
          ? {}
          : { deadLetterPolicy: { maxRedeliverCount: clients.deadLetters, initialSubscriptionName: 'graves' } }),
        ...(clients.retry && shares ? { enableRetry: true, reconsumeLaterDelay: '2s' } : {}),
        ...(clients.forwards ? { 'forward.to': 'done', transactionTimeout: '10s' } : {}),
      },
      ...(clients.forwards ? { consumers: { reader: { from: 'done', effect: { insert: 'read' } } } } : {}),
      nodes: [...nodes, ...bookies],
      nodeSteps: ['appended', 'delivered', 'acked', 'requeued', 'replicated'],
    });
  });
