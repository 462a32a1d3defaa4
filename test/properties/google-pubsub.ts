/** Systems around Google Pub/Sub: one topic with a subscription, pulled on streams, by pulls or pushed, ordered or not, with or without dead letters and retries. */
import fc from 'fast-check';
import { common, mostly, systemOf } from './clients.ts';
import type { Document } from './document.ts';

const subscription = fc.record({
  deadline: mostly('10s', '30s'),
  ordered: fc.boolean(),
  exactlyOnce: mostly(false, true),
  attempts: mostly<number | null>(null, 5),
  backoff: mostly<Document | null>(
    null,
    { minimum_backoff: '1s', maximum_backoff: '8s' },
    { minimum_backoff: '0s', maximum_backoff: '5s' },
  ),
  retainAcked: mostly(false, true),
  push: mostly(false, true),
  duplicates: mostly<number | null>(null, 0.3),
  /** A second subscription of the topic. */
  audit: mostly(false, true),
  sought: mostly<Document | null>(null, { time: '10s' }, { time: '-3s' }, { time: '50s' }),
});
const clients = fc.record({
  ordering: mostly(true, false),
  resume: mostly<string | null>(null, '1s'),
  batch: mostly<number | null>(null, 1, 3),
  timeout: mostly<string | null>(null, '1s'),
  total: mostly<string | null>(null, '0s', '5s'),
  method: mostly<string | null>(null, 'pull'),
  outstanding: mostly<number | null>(null, 1, 3),
  lease: mostly<string | null>(null, '0s', '15s'),
  wait: mostly<string | null>(null, '0s'),
  heartbeat: mostly<Document | null>(null, { every: '3s', by: '10s' }),
});

export const googlePubsub: fc.Arbitrary<Document> = fc
  .record({ drawn: common, subscription, clients })
  .map(({ drawn, subscription, clients }) => {
    const { ordered, attempts, backoff } = subscription;
    const exactlyOnce = subscription.exactlyOnce && !subscription.push;
    const system = systemOf(drawn, {
      broker: 'google-pubsub',
      places: {
        topics: { work: {}, ...(attempts === null ? {} : { failed: {} }) },
        queues: {
          jobs: {
            topic: 'work',
            ack_deadline_seconds: subscription.deadline,
            ...(ordered ? { enable_message_ordering: true } : {}),
            ...(exactlyOnce ? { enable_exactly_once_delivery: true } : {}),
            ...(attempts === null
              ? {}
              : { dead_letter_policy: { dead_letter_topic: 'failed', max_delivery_attempts: attempts } }),
            ...(backoff === null ? {} : { retry_policy: backoff }),
            ...(subscription.retainAcked ? { retain_acked_messages: true } : {}),
            ...(subscription.duplicates === null ? {} : { duplicates: subscription.duplicates }),
            ...(subscription.push ? { push_config: { push_endpoint: 'https://worker.example/jobs' } } : {}),
          },
          ...(attempts === null ? {} : { graves: { topic: 'failed' } }),
          ...(subscription.audit ? { audit: { topic: 'work', enable_message_ordering: ordered } } : {}),
        },
      },
      to: 'work',
      from: 'jobs',
      producer: {
        ...(clients.ordering && drawn.keys > 0 ? { enable_message_ordering: true } : {}),
        ...(clients.resume === null ? {} : { resume_publish: clients.resume }),
        ...(clients.batch === null ? {} : { max_messages: clients.batch }),
        ...(clients.timeout === null ? {} : { 'request-timeout': clients.timeout }),
        ...(clients.total === null ? {} : { 'total-timeout': clients.total }),
      },
      consumer: {
        ...(clients.method === null ? {} : { method: clients.method }),
        ...(clients.outstanding === null
          ? {}
          : clients.method === 'pull'
            ? { max_messages: clients.outstanding }
            : { max_outstanding_messages: clients.outstanding }),
        ...(clients.lease === null ? {} : { max_lease_duration: clients.lease }),
        ...(clients.wait === null ? {} : { 'pull-wait': clients.wait }),
        ...(clients.heartbeat === null ? {} : { heartbeat: clients.heartbeat }),
      },
      ...(subscription.audit ? { consumers: { auditor: { from: 'audit', process: '50ms' } } } : {}),
      nodes: ['google-pubsub'],
      nodeSteps: ['appended', 'routed', 'delivered', 'acked', 'requeued', 'lock-expired'],
    });
    if (subscription.sought === null) return system;
    const timeline = (system['timeline'] ?? []) as readonly Document[];
    return { ...system, timeline: [...timeline, { at: '20s', seek: 'worker', to: subscription.sought }] };
  });
