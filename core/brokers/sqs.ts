/**
 * Amazon SQS, Standard and FIFO, as a kind of broker: what it is called, its options and what it lacks. The machine that carries out the API's actions is
 * `Sqs` in sqs-service.ts. Rules: shared rule numbers S1–S34, from the SQS Developer Guide and API Reference.
 */
import { SqsConsumerPort } from '../clients/sqs-consumer-port.ts';
import { SqsProducerPort } from '../clients/sqs-producer-port.ts';
import { tableOf, textOf } from '../options.ts';
import type { BrokerKind, Complaint, Configuration } from './kind.ts';
import { allowPolicyOf, allowsSource, isAllowPolicy, isFifoQueue } from './sqs-attributes.ts';
import { CONSUMER_OPTIONS, PRODUCER_OPTIONS, QUEUE_OPTIONS } from './sqs-options.ts';
import { Sqs } from './sqs-service.ts';

function check({ queues }: Configuration): readonly Complaint[] {
  const complaints: Complaint[] = [];
  for (const { name, options } of queues) {
    const say = (option: string, text: string): void => void complaints.push({ section: 'queues', name, option, text });
    const fifo = isFifoQueue(name, options);
    const redrive = tableOf(options, 'RedrivePolicy');
    const target = redrive === undefined ? '' : textOf(redrive, 'deadLetterTargetArn');
    const dead = queues.find((queue) => queue.name === target);
    if (dead !== undefined && isFifoQueue(dead.name, dead.options) !== fifo) {
      say(
        'RedrivePolicy',
        `the dead-letter queue ${target} must be ${fifo ? 'FIFO' : 'standard'} like the queue itself (S10)`,
      );
    }
    if (dead !== undefined && !allowsSource(allowPolicyOf(dead.options), name)) {
      say('RedrivePolicy', `the dead-letter queue ${target} does not allow it by its RedriveAllowPolicy (S10)`);
    }
    if (!isAllowPolicy(allowPolicyOf(options))) {
      say('RedriveAllowPolicy', 'byQueue lists one to ten queues, and the others list none (S10)');
    }
    const perGroup = textOf(options, 'FifoThroughputLimit') === 'perMessageGroupId';
    if (perGroup && textOf(options, 'DeduplicationScope') !== 'messageGroup') {
      say('FifoThroughputLimit', 'perMessageGroupId needs DeduplicationScope: messageGroup (S34)');
    }
  }
  return complaints;
}

export const sqs: BrokerKind = {
  kind: 'sqs',
  title: 'SQS',
  about:
    'A managed queue. Consumers compete; each receive locks a message by a visibility timeout; what is not deleted in time is handed out again. Standard queues promise no order, FIFO queues order each message group.',
  options: {},
  queues: QUEUE_OPTIONS,
  producers: PRODUCER_OPTIONS,
  consumers: CONSUMER_OPTIONS,
  defaultOnFailure: 'leave',
  changeable: [
    'VisibilityTimeout',
    'DelaySeconds',
    'MessageRetentionPeriod',
    'ReceiveMessageWaitTimeSeconds',
    'MaximumMessageSize',
    'ContentBasedDeduplication',
    'DeduplicationScope',
    'FifoThroughputLimit',
    'RedriveAllowPolicy',
    'RedrivePolicy',
    'RedrivePolicy.deadLetterTargetArn',
    'RedrivePolicy.maxReceiveCount',
  ],
  commands: ['redrive', 'purge'],
  lacks: {
    fill: 'SQS is a managed service: it has no disk that its users could fill.',
    partitions: 'SQS has no partitions; a FIFO queue orders each message group by itself.',
    acks: 'SQS answers SendMessage when the message is stored; there is no acks setting.',
    'x-message-ttl': 'SQS has MessageRetentionPeriod, 60 s at the least.',
    'x-max-length': 'SQS has no limit on the depth of a queue, only on messages in flight.',
    'auto.offset.reset': 'SQS keeps no offsets: what is deleted is gone, and nothing can be replayed.',
  },
  simplifications: [
    'The service is one node: its replication over servers is not shown, and what it has confirmed is never lost.',
    'What a standard queue does now and then is drawn only when its options ask for it, so that a scenario shows one thing at a time: another order than that of arrival (`out-of-order`, S22), duplicates of its own (`duplicates`, S21), short polls that miss messages (`short-poll-misses`, S15), and old handles that delete (`stale-deletes`, S6).',
    'Fair queues: a message group on a standard queue is accepted, and no tenant is preferred to another (S23).',
    '`redrive` of the timeline also moves what no queue has put aside, such as the dead letters of an SNS subscription; StartMessageMoveTask refuses that, and a script has to receive, send and delete (S13).',
    'PurgeQueue takes effect at once; the real one may take a minute (S18).',
    'The quota of high throughput is that of each message group; that of a region, of thousands of calls a second, is not enforced (S34).',
    'Consumers receive without a ReceiveRequestAttemptId; the machine itself has them (S31).',
    'A FIFO queue searches all of its backlog for open groups, not only the first 120,000 messages (S33).',
    'DeduplicationScope cannot be changed while a queue is in use, as what a change does is contested (S30).',
  ],
  check,
  build(spec, setup) {
    const name = spec.name === 'broker' ? 'sqs' : spec.name;
    const node = setup.actor(name, 'broker', new Sqs(spec.queues, setup));
    const fifo = spec.queues.filter((queue) => isFifoQueue(queue.name, queue.options)).map((queue) => queue.name);
    return {
      nodes: [node],
      streams: false,
      nodesFor: () => [node],
      producerPort: (port, host) => new SqsProducerPort(node, fifo, port, host, setup),
      consumerPort: (port, host) => new SqsConsumerPort(node, port, host),
    };
  },
};
