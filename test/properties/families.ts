/** Every family of generated systems, by the name that `npm run props -- --broker` takes. */
import type fc from 'fast-check';
import { clientPatterns } from './client-patterns.ts';
import { direct } from './direct.ts';
import type { Document } from './document.ts';
import { googlePubsub } from './google-pubsub.ts';
import { kafka } from './kafka.ts';
import { pulsar } from './pulsar.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redisPubSub, redisStreams } from './redis.ts';
import { sns } from './sns.ts';
import { sqsFifo, sqsStandard } from './sqs.ts';

export const FAMILIES: Readonly<Record<string, fc.Arbitrary<Document>>> = {
  direct,
  'sqs-standard': sqsStandard,
  'sqs-fifo': sqsFifo,
  sns,
  rabbitmq,
  pulsar,
  'google-pubsub': googlePubsub,
  'redis-streams': redisStreams,
  'redis-pubsub': redisPubSub,
  kafka,
  'client-patterns': clientPatterns,
};
