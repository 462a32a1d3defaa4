/**
 * Google Pub/Sub as a scenario declares it: topics under `topics:`, their subscriptions under `queues:` (each names its `topic`), what it lacks, what is simplified, and the building
 * of the service and of the ports through which clients use it. The rules are in `google-pubsub-node.ts` and its parts.
 */
import { PubsubConsumerPort, type SubscriptionTerms } from '../clients/google-pubsub-consumer-port.ts';
import { PubsubMixedPort } from '../clients/google-pubsub-mixed-port.ts';
import { PubsubProducerPort } from '../clients/google-pubsub-producer-port.ts';
import { PubsubPushPort } from '../clients/google-pubsub-push-port.ts';
import { booleanOf, numberOf, tableOf, textOf } from '../options.ts';
import { PubsubNode } from './google-pubsub-node.ts';
import {
  CONSUMER_OPTIONS,
  PRODUCER_OPTIONS,
  SUBSCRIPTION_OPTIONS,
  subscriptionMistake,
  TOPIC_OPTIONS,
} from './google-pubsub-options.ts';
import type { BrokerKind, Complaint } from './kind.ts';

export const googlePubsub: BrokerKind = {
  kind: 'google-pubsub',
  title: 'Google Pub/Sub',
  about:
    'A managed service of topics and subscriptions. Each subscription gets every message that is published to its topic while it exists, and hands each to one of its subscribers until an ack deadline. A subscription is declared under `queues:` and names its topic.',
  options: {},
  queues: SUBSCRIPTION_OPTIONS,
  topics: TOPIC_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'requeue',
  changeable: [
    'ack_deadline_seconds',
    'message_retention_duration',
    'retain_acked_messages',
    'expiration_policy',
    'expiration_policy.ttl',
    'dead_letter_policy',
    'dead_letter_policy.max_delivery_attempts',
    'retry_policy',
    'retry_policy.minimum_backoff',
    'retry_policy.maximum_backoff',
    'duplicates',
  ],
  commands: ['seek', 'snapshot'],
  lacks: {
    fill: 'Pub/Sub is a managed service: it has no disk that its users could fill.',
    redrive:
      'Dead letters are messages of a topic like any other: a subscriber of that topic with `produces` to the first one publishes them again.',
    exchanges: 'Pub/Sub routes by topic: each subscription of a topic gets all of it, or what its filter lets pass.',
    bindings: 'A subscription names its `topic:` and, if it wants, a `filter:` over attributes.',
    prefetch: 'The client library has flow control: max_outstanding_messages and max_outstanding_bytes.',
    partitions: 'Pub/Sub has no partitions; an ordering key orders the messages that have it.',
    VisibilityTimeout: 'Pub/Sub has ack_deadline_seconds, which its client libraries extend by themselves.',
    lock: 'Pub/Sub has ack_deadline_seconds, which its client libraries extend by themselves.',
    RedrivePolicy: 'Pub/Sub has a dead_letter_policy: dead_letter_topic and max_delivery_attempts.',
    'x-message-ttl': 'Pub/Sub has message_retention_duration, 10 minutes at the least.',
    'x-max-length': 'Pub/Sub has no limit on the backlog of a subscription, only on its age.',
    DelaySeconds: 'Pub/Sub delays no message; a retry_policy delays what failed.',
    acks: 'Pub/Sub answers a publish request when its messages are stored; there is no acks setting.',
    'auto.offset.reset':
      'Pub/Sub keeps no offsets. A subscription begins with what is published after it was made; `seek` takes it to a time.',
    offset: 'Pub/Sub keeps no offsets; `seek` takes a subscription to a time (G15).',
    'isolation.level': 'Pub/Sub has no transactions.',
  },
  simplifications: [
    'The service is one node in one region: its replication is not shown, and what it has confirmed is never lost.',
    'Messages come oldest first; the disorder that the real service allows itself is not drawn, and its duplicates only if `duplicates` asks for them (G2).',
    'Deadlines, backoffs and the count of delivery attempts are kept exactly; the real ones are best effort (G3, G7, G8, G9).',
    'A retry policy that begins at 0 s goes on with 1 s; how the real one grows from 0 is not documented (G7).',
    'The service account may always publish to the dead-letter topic and ack on the subscription, as it must be allowed to (G8).',
    'A late ack without exactly-once delivery always counts while the message is unacked; the real service may ignore it (G5).',
    'A seek takes effect at once; the real one may take a minute (G15). A snapshot that would live less than an hour is not made, and a seek to it does nothing (G16).',
    'Client libraries gather acks for some ten milliseconds and choose deadlines by how long recent work took; here each ack is sent at once and a stream keeps its deadline.',
    "A push window starts at 3, grows by each success and is halved by each failure; the real service's numbers are its own, and it knows of no load balancer (G6).",
    'A scenario does not turn a subscription into one that pushes, or that delivers exactly once, while it runs: its clients would have to change with it. The service itself takes such updates.',
    'Export subscriptions (BigQuery, Cloud Storage), schemas, message transforms and quotas on throughput, except that of an ordering key, are left out (G10, G20).',
  ],
  check({ queues }) {
    const complaints: Complaint[] = [];
    for (const { name, options } of queues) {
      const complain = (option: string, text: string): void => {
        complaints.push({ section: 'queues', name, option, text });
      };
      if (textOf(options, 'topic') === '') complain('', 'a subscription names its `topic`');
      const mistake = subscriptionMistake(options);
      if (mistake !== null) complain(mistake.option, mistake.text);
    }
    return complaints;
  },
  build(spec, setup) {
    const machine = new PubsubNode(spec.topics, spec.queues, setup);
    const node = setup.actor(spec.name === 'broker' ? 'google-pubsub' : spec.name, 'broker', machine);
    const pushes = new Set(
      spec.queues.flatMap(({ name, options }) => (tableOf(options, 'push_config') === undefined ? [] : [name])),
    );
    const terms = new Map(
      spec.queues.map(({ name, options }): [string, SubscriptionTerms] => [
        name,
        {
          name,
          place: setup.place(name, 'queue'),
          ackDeadlineUs: numberOf(options, 'ack_deadline_seconds', 10_000_000),
          ordered: booleanOf(options, 'enable_message_ordering'),
          exactlyOnce: booleanOf(options, 'enable_exactly_once_delivery'),
        },
      ]),
    );
    return {
      nodes: [node],
      streams: false,
      nodesFor: () => [node],
      producerPort: (port, host) => new PubsubProducerPort(node, port, host, setup),
      consumerPort(port, host) {
        machine.reads(port.group, port.from);
        const pushed = port.from.filter((name) => pushes.has(name));
        const fetched = port.from.flatMap((name) => (pushes.has(name) ? [] : (terms.get(name) ?? [])));
        const push = new PubsubPushPort(node, machine.endpoints, { ...port, from: pushed }, host);
        if (fetched.length === 0) return push;
        const pull = new PubsubConsumerPort(node, fetched, port, host);
        return pushed.length === 0 ? pull : new PubsubMixedPort(pull, push);
      },
    };
  },
};
