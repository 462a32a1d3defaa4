/**
 * Apache Kafka as a kind of broker: a cluster of nodes that keep partitioned logs, replicate them to each other, and coordinate groups and
 * transactions. Here its options are gathered and its machines are put together; each of them has a file of its own: the node
 * (`kafka-node.ts`), the controller, the two coordinators, and the clients' ports in `core/clients/`.
 */

import { consumerConfigErrors } from '../clients/kafka-consumer-config.ts';
import { KafkaConsumerPort } from '../clients/kafka-consumer-port.ts';
import { producerConfigError } from '../clients/kafka-producer-config.ts';
import { KafkaProducerPort } from '../clients/kafka-producer-port.ts';
import { KafkaSharePort } from '../clients/kafka-share-port.ts';
import type { Command } from '../machine.ts';
import { numberOf, type OptionValues, textOf } from '../options.ts';
import { KafkaCluster } from './kafka-cluster.ts';
import { KafkaController } from './kafka-controller.ts';
import { KafkaNode } from './kafka-node.ts';
import {
  BROKER_OPTIONS,
  CONSUMER_OPTIONS,
  integerOf,
  LACKS,
  PRODUCER_OPTIONS,
  SIMPLIFICATIONS,
  TOPIC_OPTIONS,
  topicConfig,
} from './kafka-options.ts';
import { addedPartitions } from './kafka-settings.ts';
import type { BrokerKind, Complaint } from './kind.ts';

export const kafka: BrokerKind = {
  kind: 'kafka',
  title: 'Kafka',
  about:
    'A replicated log in partitions. Messages stay after they are read; each consumer group keeps its own position, and one member of it owns each partition.',
  options: BROKER_OPTIONS,
  topics: TOPIC_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'requeue',
  changeable: [
    'partitions',
    'min.insync.replicas',
    'unclean.leader.election.enable',
    'retention.ms',
    'retention.bytes',
    'segment.bytes',
    'segment.ms',
    'min.cleanable.dirty.ratio',
    'min.compaction.lag.ms',
    'max.compaction.lag.ms',
    'delete.retention.ms',
  ],
  refusesChange: ({ name, option, value, before, options, brokerOptions }) => {
    if (option !== 'partitions' || typeof value !== 'number') return null;
    const declared = numberOf(options, 'partitions', integerOf(brokerOptions, 'num.partitions'));
    const has = Math.max(declared, ...before.filter((one) => typeof one === 'number'));
    if (value > has) return null;
    return {
      text: `\`${name}\` has ${has} ${has === 1 ? 'partition' : 'partitions'} then; ${value} would not be more.`,
      hint: 'Kafka adds partitions and never removes one (INVALID_PARTITIONS).',
      instead: has + 1,
    };
  },
  commands: ['seek'],
  hasDisk: (node) => !node.endsWith('controller'),
  lacks: LACKS,
  simplifications: SIMPLIFICATIONS,
  check({ producers, consumers }) {
    const complaints: Complaint[] = [];
    for (const { name, options } of producers) {
      const text = producerConfigError(options);
      if (text !== '') complaints.push({ section: 'producers', name, option: '', text });
    }
    for (const { name, options } of consumers) {
      for (const text of consumerConfigErrors(options))
        complaints.push({ section: 'consumers', name, option: '', text });
    }
    for (const { name, group } of consumers.filter(isShared)) {
      const other = consumers.find((one) => one.group === group && !isShared(one));
      if (other === undefined) continue;
      const text = `group \`${group}\` cannot be a share group and that of \`${other.name}\`. Give one of them another group.`;
      complaints.push({ section: 'consumers', name, option: 'group.type', text });
    }
    return complaints;
  },
  build(spec, setup) {
    const { options } = spec;
    const cluster = new KafkaCluster(options, setup);
    for (const topic of spec.topics) {
      const partitions = numberOf(topic.options, 'partitions', integerOf(options, 'num.partitions'));
      const factor = numberOf(topic.options, 'replication.factor', integerOf(options, 'default.replication.factor'));
      cluster.addTopic(topic.name, partitions, factor, topicConfig(topic.options, options));
    }
    const prefix = spec.name === 'broker' ? '' : `${spec.name}-`;
    if (cluster.nodeCount > 1) {
      cluster.controller = setup.actor(`${prefix}controller`, 'broker', new KafkaController(cluster), spec.name);
    }
    for (let number = 1; number <= cluster.nodeCount; number++) {
      cluster.nodes.push(setup.actor(`${prefix}b${number}`, 'broker', new KafkaNode(cluster, number), spec.name));
    }
    return {
      nodes: cluster.nodes,
      streams: true,
      producerPort: (port, host, portSetup) => new KafkaProducerPort(port, host, cluster, portSetup),
      consumerPort: (port, host, portSetup) =>
        isShared(port)
          ? new KafkaSharePort(port, host, cluster, portSetup)
          : new KafkaConsumerPort(port, host, cluster, portSetup),
      nodesFor: (command: Command) =>
        cluster.controller !== 0 && command.type === 'set' && addedPartitions(command) !== undefined
          ? [cluster.controller]
          : cluster.nodes,
    };
  },
};

function isShared({ options }: { readonly options: OptionValues }): boolean {
  return textOf(options, 'group.type', 'consumer') === 'share';
}
