/** SNS's attributes and the settings of its clients, under their real names, with defaults and limits. Only tables. */
import { numberOf, type OptionTable, type OptionValues, tableOf, textOf } from '../options.ts';
import { type BackoffFunction, type DeliveryPolicy, HTTP_POLICY } from '../parts/delivery-policy.ts';
import { PRODUCER_OPTIONS as SQS_PRODUCER_OPTIONS } from './sqs-options.ts';

const SECOND = 1_000_000;

export const BROKER_OPTIONS: OptionTable = {
  'request-timeout': {
    type: 'duration',
    unit: 's',
    default: 15 * SECOND,
    min: 1000,
    max: 60 * SECOND,
    doc: 'How long SNS waits for an endpoint to answer before it counts the attempt as failed on the server side. An HTTP/S endpoint has 15 s.',
    source: 'N12; SNS Developer Guide, "Parsing message formats": 15 seconds',
  },
};

const REDRIVE_POLICY: OptionTable = {
  RedrivePolicy: {
    type: 'object',
    doc: 'Where messages go that could not be delivered. Without it they are discarded.',
    source: 'N13',
    fields: {
      deadLetterTargetArn: {
        type: 'text',
        names: 'queue',
        doc: 'An SQS queue of the scenario, by its name. A FIFO queue’s subscription needs a FIFO queue.',
        source: 'N13',
      },
    },
  },
};

const FILTERS: OptionTable = {
  FilterPolicy: {
    type: 'json',
    example: '{ event: [order_placed, { prefix: refund- }], amount: [{ numeric: [">", 100] }] }',
    doc: 'Which messages this subscription wants: all keys must be met, any condition of a key is enough. Conditions: text, a number, true, false, null, prefix, suffix, equals-ignore-case, anything-but, numeric, exists, cidr; `$or` takes alternatives. Nothing given: everything. Attribute values that read as numbers travel as Number.',
    source: 'N4–N9',
  },
  FilterPolicyScope: {
    type: 'enum',
    values: ['MessageAttributes', 'MessageBody'],
    default: 'MessageAttributes',
    doc: 'What the policy looks at. The body is here the JSON of the message’s attributes, so the two differ in nesting only.',
    source: 'N4, N8',
  },
};

/** What a subscription of a queue may say. */
export const SUBSCRIPTION_OPTIONS: OptionTable = {
  ...FILTERS,
  RawMessageDelivery: {
    type: 'boolean',
    default: false,
    doc: 'The queue gets the message as it is, its attributes as SQS attributes (at most 10, else it is not delivered). Otherwise it gets a JSON envelope, which is about 1 KB more.',
    source: 'N3',
  },
  ...REDRIVE_POLICY,
  'queue-policy': {
    type: 'boolean',
    default: true,
    doc: 'The access policy of the queue lets this topic send to it. Without it each delivery is a client-side error: it goes to the dead-letter queue at once.',
    source: 'N2, N12',
  },
};

const RETRY_FIELDS: OptionTable = {
  numRetries: {
    type: 'integer',
    default: HTTP_POLICY.numRetries,
    min: 0,
    max: 100,
    doc: 'How often a delivery is tried again in all.',
    source: 'N11',
  },
  numNoDelayRetries: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 100,
    doc: 'The first so many retries come at once.',
    source: 'N11',
  },
  numMinDelayRetries: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 100,
    doc: 'The next so many wait for minDelayTarget each.',
    source: 'N11',
  },
  numMaxDelayRetries: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 100,
    doc: 'The last so many wait for maxDelayTarget each. What is left between has growing delays.',
    source: 'N11',
  },
  minDelayTarget: {
    type: 'duration',
    unit: 's',
    default: HTTP_POLICY.minDelayTarget,
    min: SECOND,
    max: 3600 * SECOND,
    doc: 'The shortest delay.',
    source: 'N11',
  },
  maxDelayTarget: {
    type: 'duration',
    unit: 's',
    default: HTTP_POLICY.maxDelayTarget,
    min: SECOND,
    max: 3600 * SECOND,
    doc: 'The longest delay.',
    source: 'N11',
  },
  backoffFunction: {
    type: 'enum',
    values: ['linear', 'arithmetic', 'geometric', 'exponential'],
    default: 'linear',
    doc: 'How delays grow from the shortest to the longest.',
    source: 'N11',
  },
};

const DELIVERY_POLICY: OptionTable = {
  DeliveryPolicy: {
    type: 'object',
    doc: 'How deliveries to HTTP/S endpoints are tried again. Queues and Lambda functions have a policy of their own, which cannot be changed: 100 015 retries over 23 days.',
    source: 'N10, N11',
    fields: {
      healthyRetryPolicy: { type: 'object', doc: 'The phases of retries.', source: 'N11', fields: RETRY_FIELDS },
      throttlePolicy: {
        type: 'object',
        doc: 'How much an endpoint gets.',
        source: 'N11',
        fields: {
          maxReceivesPerSecond: {
            type: 'integer',
            min: 1,
            max: 1_000_000,
            doc: 'At most so many deliveries per second; no limit when not given.',
            source: 'N11',
          },
        },
      },
    },
  },
};

/** How large messages may be, in bytes; the default is that of every topic that says nothing. */
export const MESSAGE_SIZE = { default: 262_144, min: 1024, max: 1_048_576 } as const;

export const TOPIC_OPTIONS: OptionTable = {
  FifoTopic: {
    type: 'boolean',
    default: false,
    doc: 'Order and deduplication within message groups (the message key). A name that ends in .fifo says the same.',
    source: 'N14',
  },
  ContentBasedDeduplication: {
    type: 'boolean',
    default: false,
    doc: 'FIFO only: a message that is published again without an id of its own is recognised by its content for five minutes.',
    source: 'N14',
  },
  MaximumMessageSize: {
    type: 'bytes',
    ...MESSAGE_SIZE,
    doc: 'Larger messages, with their attributes, are refused, and batches that are larger together. Above 256 KiB the topic has at most 100 subscriptions, none of them HTTP/S.',
    source: 'SNS Developer Guide, "Publishing large messages with Amazon SNS"',
  },
  ...DELIVERY_POLICY,
  subscriptions: {
    type: 'map',
    names: 'queue',
    fields: SUBSCRIPTION_OPTIONS,
    doc: 'The SQS queues of this scenario that are subscribed, by their names. Consumers with `from:` this topic are HTTP/S or Lambda endpoints and need no line here.',
    source: 'N1, N2',
  },
};

/** What a publisher to SQS can be told and one to SNS cannot: it sends each message by itself, and nothing waits in a topic. */
const OF_QUEUES: readonly string[] = ['DelaySeconds', 'maxBatchSize', 'sendRequestFrequency'];

export const PRODUCER_OPTIONS: OptionTable = Object.fromEntries(
  Object.entries(SQS_PRODUCER_OPTIONS).filter(([name]) => !OF_QUEUES.includes(name)),
);

export const CONSUMER_OPTIONS: OptionTable = {
  Protocol: {
    type: 'enum',
    values: ['https', 'http', 'lambda'],
    default: 'https',
    doc: 'What the endpoint is. It decides how often a delivery is tried again: HTTP/S by DeliveryPolicy, Lambda like a queue.',
    source: 'N10, N11',
  },
  ...FILTERS,
  ...REDRIVE_POLICY,
  ...DELIVERY_POLICY,
};

/** The HTTP/S policy that some options give; those of the topic stand in for what is not given. */
export function deliveryPolicyOf(options: OptionValues, topic: OptionValues): DeliveryPolicy {
  const given = retryPolicyOf(options) ?? retryPolicyOf(topic);
  if (given === undefined) return HTTP_POLICY;
  return {
    numRetries: numberOf(given, 'numRetries', HTTP_POLICY.numRetries),
    numNoDelayRetries: numberOf(given, 'numNoDelayRetries'),
    numMinDelayRetries: numberOf(given, 'numMinDelayRetries'),
    numMaxDelayRetries: numberOf(given, 'numMaxDelayRetries'),
    minDelayTarget: numberOf(given, 'minDelayTarget', HTTP_POLICY.minDelayTarget),
    maxDelayTarget: numberOf(given, 'maxDelayTarget', HTTP_POLICY.maxDelayTarget),
    backoffFunction: textOf(given, 'backoffFunction', 'linear') as BackoffFunction,
  };
}

function retryPolicyOf(options: OptionValues): OptionValues | undefined {
  return tableOf(tableOf(options, 'DeliveryPolicy') ?? {}, 'healthyRetryPolicy');
}

/** `maxReceivesPerSecond`; 0 for no limit. */
export function throttleOf(options: OptionValues, topic: OptionValues): number {
  for (const { DeliveryPolicy } of [options, topic]) {
    const policy = DeliveryPolicy === undefined ? undefined : tableOf({ DeliveryPolicy }, 'DeliveryPolicy');
    const throttle = policy === undefined ? undefined : tableOf(policy, 'throttlePolicy');
    if (throttle !== undefined) return numberOf(throttle, 'maxReceivesPerSecond');
  }
  return 0;
}
