/**
 * Apache Pulsar as a kind of broker: brokers that own topic partitions and keep nothing, bookies that keep entries, and a metadata store that says who owns
 * what. Here its options are gathered and its machines are put together; each of them has a file of its own, and so has each client's half.
 */
import { letterTopics, PulsarConsumerPort, subscriptionOf } from '../clients/pulsar-consumer-port.ts';
import { PulsarProducerPort } from '../clients/pulsar-producer-port.ts';
import type { Command } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, tableOf, textOf } from '../options.ts';
import { keyRange } from '../parts/key-ranges.ts';
import type { BrokerKind, Complaint } from './kind.ts';
import { PulsarBookie } from './pulsar-bookie.ts';
import { PulsarCluster } from './pulsar-cluster.ts';
import { PulsarMetadata } from './pulsar-metadata.ts';
import { PulsarNode } from './pulsar-node.ts';
import {
  BROKER_OPTIONS,
  brokerSettings,
  CONSUMER_OPTIONS,
  isRetention,
  LACKS,
  PRODUCER_OPTIONS,
  SIMPLIFICATIONS,
  TOPIC_OPTIONS,
  topicPolicies,
} from './pulsar-options.ts';

export const pulsar: BrokerKind = {
  kind: 'pulsar',
  title: 'Pulsar',
  about:
    'A log of messages that subscriptions read as queues or as streams: each keeps every message until it is acked there, one by one or up to a place. Brokers own topics and store nothing; bookies do.',
  options: BROKER_OPTIONS,
  topics: TOPIC_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'requeue',
  changeable: [
    'messageTTL',
    'retentionTime',
    'retentionSizeInMB',
    'backlogQuota',
    'compactionThreshold',
    'deduplicationEnabled',
  ],
  commands: ['seek'],
  lacks: LACKS,
  simplifications: SIMPLIFICATIONS,
  check({ options, topics, producers, consumers }) {
    const complaints: Complaint[] = [];
    const say = (section: Complaint['section'], name: string, option: string, text: string): void => {
      complaints.push({ section, name, option, text });
    };
    const settings = brokerSettings(options);
    const { ensemble, writeQuorum, ackQuorum, bookies } = settings;
    const [firstTopic] = topics;
    if (firstTopic !== undefined) {
      const { name } = firstTopic;
      if (ensemble < writeQuorum || writeQuorum < ackQuorum)
        say(
          'topics',
          name,
          '',
          `an ensemble of ${ensemble}, a write quorum of ${writeQuorum} and an ack quorum of ${ackQuorum}: each must be at least the next (P9).`,
        );
      if (bookies > 0 && bookies < ensemble)
        say('topics', name, '', `an ensemble of ${ensemble} needs so many bookies; there are ${bookies} (P9).`);
    }
    for (const { name, options: own } of topics) {
      if (!isRetention(topicPolicies(own, settings).retention))
        say('topics', name, '', 'retention by time and by size are both off (0), or neither is (P50).');
    }
    for (const { name, options: own } of producers) {
      if (booleanOf(own, 'enableTransaction') && !settings.transactions)
        say('producers', name, 'enableTransaction', 'the broker has transactionCoordinatorEnabled: false (P64).');
    }
    for (const { name, options: own } of consumers) {
      for (const [option, text] of consumerMistakes(own)) say('consumers', name, option, text);
      const to = textOf(own, 'forward.to');
      if (to === '') continue;
      if (!settings.transactions)
        say('consumers', name, 'forward.to', 'the broker has transactionCoordinatorEnabled: false (P64).');
      if (topics.some((topic) => topic.name === to && !booleanOf(topic.options, 'persistent', true)))
        say('consumers', name, 'forward.to', 'what is not stored cannot be part of a transaction (P7, P66).');
    }
    return complaints;
  },
  build(spec, setup) {
    const cluster = new PulsarCluster(spec.options, setup);
    const { nodes, bookies } = cluster.settings;
    for (const { name, options } of spec.topics) {
      const subscriptions = options['subscriptions'];
      cluster.addTopic(name, options, Array.isArray(subscriptions) ? subscriptions : []);
    }
    const prefix = spec.name === 'broker' ? '' : `${spec.name}-`;
    if (nodes > 1) {
      cluster.metadata = setup.actor(`${prefix}controller`, 'broker', new PulsarMetadata(cluster), spec.name);
    }
    for (let number = 1; number <= bookies; number++) {
      cluster.bookies.push(setup.actor(`${prefix}bookie-${number}`, 'broker', new PulsarBookie(cluster), spec.name));
    }
    for (let number = 1; number <= nodes; number++) {
      cluster.nodes.push(setup.actor(`${prefix}b${number}`, 'broker', new PulsarNode(cluster, number - 1), spec.name));
    }
    return {
      nodes: cluster.nodes,
      streams: true,
      nodesFor: (_command: Command) => cluster.nodes,
      producerPort: (port, host, portSetup) => new PulsarProducerPort(cluster, port, host, portSetup),
      consumerPort(port, host) {
        const subscription = subscriptionOf(port.options, port.group);
        for (const topic of port.from) {
          cluster.expect(topic, subscription);
          if (booleanOf(port.options, 'enableRetry'))
            cluster.addRetryTopic(letterTopics(topic, subscription, port.options).retry, topic);
        }
        return new PulsarConsumerPort(cluster, port, host);
      },
    };
  },
};

/** Settings of a consumer that its client refuses, by option (P22–P24, P30, P38, P43, P59). */
function consumerMistakes(options: OptionValues): (readonly [string, string])[] {
  const mistakes: (readonly [string, string])[] = [];
  const type = textOf(options, 'subscriptionType', 'Exclusive');
  const shares = type === 'Shared' || type === 'Key_Shared';
  const policy = tableOf(options, 'deadLetterPolicy');
  if (shares && booleanOf(options, 'cumulativeAck'))
    mistakes.push(['cumulativeAck', `a ${type} subscription cannot be acked cumulatively (P30).`]);
  if (textOf(options, 'forward.to') !== '' && booleanOf(options, 'cumulativeAck'))
    mistakes.push(['cumulativeAck', 'with forward.to each message is acked in the transaction of its output (P67).']);
  if (!shares && policy !== undefined)
    mistakes.push([
      'deadLetterPolicy',
      `a dead-letter policy works with Shared and Key_Shared, not with ${type} (P43).`,
    ]);
  if (policy !== undefined && policy['maxRedeliverCount'] === undefined)
    mistakes.push(['deadLetterPolicy', 'a dead-letter policy needs maxRedeliverCount above 0 (P43).']);
  if (!shares && booleanOf(options, 'enableRetry'))
    mistakes.push(['enableRetry', `retry letters are delayed messages, which ${type} does not honour (P48, P69).`]);
  if (shares && booleanOf(options, 'readCompacted'))
    mistakes.push(['readCompacted', `only Exclusive and Failover read what is compacted, not ${type} (P59).`]);
  const timeout = numberOf(options, 'ackTimeout');
  if (timeout > 0 && timeout < 1_000_000) mistakes.push(['ackTimeout', 'ackTimeout is 0 or at least 1 s (P38).']);
  const ranges = options['keySharedRanges'];
  const texts = Array.isArray(ranges) ? ranges : [];
  const sticky = textOf(options, 'keySharedMode') === 'STICKY';
  if (sticky && texts.length === 0) mistakes.push(['keySharedMode', 'STICKY needs keySharedRanges (P24).']);
  for (const text of texts) {
    if (keyRange(String(text)) === null)
      mistakes.push(['keySharedRanges', `\`${String(text)}\` is no range such as 0..32767, within 0 and 65535 (P24).`]);
  }
  return mistakes;
}
