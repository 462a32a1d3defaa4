/** Every broker by its kind. */
import { direct } from './direct.ts';
import { googlePubsub } from './google-pubsub.ts';
import { kafka } from './kafka.ts';
import type { BrokerKind } from './kind.ts';
import { pulsar } from './pulsar.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redisPubSub } from './redis-pubsub.ts';
import { redisStreams } from './redis-streams.ts';
import { sns } from './sns.ts';
import { sqs } from './sqs.ts';

export const BROKERS: Readonly<Record<string, BrokerKind>> = {
  sqs,
  sns,
  kafka,
  rabbitmq,
  'google-pubsub': googlePubsub,
  'redis-streams': redisStreams,
  'redis-pubsub': redisPubSub,
  pulsar,
  direct,
};
