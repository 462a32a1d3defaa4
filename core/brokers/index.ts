/** Every broker by its kind. */
import type { BrokerKind } from './kind.ts';
import { sqs } from './sqs.ts';

export const BROKERS: Readonly<Record<string, BrokerKind>> = { sqs };
