/**
 * Policies of a RabbitMQ node: settings under names of their own that hold for all queues or exchanges whose name matches, those that exist as well as those that are
 * declared later. Of several that match, the one of the highest priority holds alone. What is said in a declaration too is settled key by key. No state of
 * queues: the node carries out what changes. Source: rules R8, R38, R43, R50, R56, R59, R62; docs/policies.
 */
import type { HeaderTable, HeaderValue } from '../parts/headers-match.ts';
import { takenBy } from './rabbitmq-options.ts';

export const POLICY_TARGETS = ['all', 'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges'] as const;
export type PolicyTarget = (typeof POLICY_TARGETS)[number];

export interface Policy {
  readonly name: string;
  /** A regular expression that the name of a queue or exchange contains a match of. */
  readonly pattern: string;
  readonly applyTo: PolicyTarget;
  /** The larger wins; 0 when nothing is said. */
  readonly priority: number;
  /** By key: `message-ttl`, not `x-message-ttl`. */
  readonly definition: HeaderTable;
}

/** Which holds of a policy's value and an argument's. */
type Merge = (policy: HeaderValue, argument: HeaderValue) => HeaderValue;

const argumentWins: Merge = (_, argument) => argument;
const least: Merge = (policy, argument) =>
  typeof policy === 'number' && typeof argument === 'number' ? Math.min(policy, argument) : argument;
/** A negative limit is none, and then the other holds. */
const leastLimit: Merge = (policy, argument) => {
  if (typeof policy !== 'number' || typeof argument !== 'number') return argument;
  return policy < 0 || argument < 0 ? Math.max(policy, argument) : Math.min(policy, argument);
};

/** What a policy may say of queues. x-max-priority and x-single-active-consumer are for declarations only (R56, R59). */
const QUEUE_KEYS: Readonly<Record<string, Merge>> = {
  'message-ttl': least,
  expires: least,
  'max-length': least,
  'max-length-bytes': least,
  overflow: argumentWins,
  'dead-letter-exchange': argumentWins,
  'dead-letter-routing-key': argumentWins,
  'dead-letter-strategy': argumentWins,
  'delivery-limit': leastLimit,
  'consumer-timeout': argumentWins,
  'delayed-retry-type': argumentWins,
  'delayed-retry-min': argumentWins,
  'delayed-retry-max': argumentWins,
  'max-age': argumentWins,
  'stream-max-segment-size-bytes': argumentWins,
  'queue-leader-locator': argumentWins,
};
const EXCHANGE_KEYS: readonly string[] = ['alternate-exchange'];

/** Why a node refuses a policy; '' when it takes it. Values are looked at by the queues that it holds for. */
export function policyMistake({ pattern, applyTo, definition }: Policy): string {
  const keys = Object.keys(definition);
  if (keys.length === 0) return 'a policy says something';
  const unknown = keys.find((key) => !(key in QUEUE_KEYS) && !EXCHANGE_KEYS.includes(key));
  if (unknown !== undefined) return `'${unknown}' is nothing that a policy sets`;
  if (!POLICY_TARGETS.includes(applyTo)) return `a policy is for ${POLICY_TARGETS.join(', ')}`;
  try {
    new RegExp(pattern);
  } catch {
    return `'${pattern}' is no regular expression`;
  }
  return '';
}

export class Policies {
  readonly #all = new Map<string, { readonly policy: Policy; readonly pattern: RegExp }>();

  get any(): boolean {
    return this.#all.size > 0;
  }

  set(policy: Policy): void {
    this.#all.set(policy.name, { policy, pattern: new RegExp(policy.pattern) });
  }

  /** False when there was none of this name. */
  clear(name: string): boolean {
    return this.#all.delete(name);
  }

  /** The arguments of a queue with what the policy that holds for it says. */
  argumentsOf(queue: string, args: HeaderTable): HeaderTable {
    const type = String(args['x-queue-type'] ?? 'classic');
    const definition = this.#definitionFor(queue, ['all', 'queues', type === 'stream' ? 'streams' : `${type}_queues`]);
    if (definition === undefined) return args;
    const merged: Record<string, HeaderValue> = { ...args };
    for (const [key, value] of Object.entries(definition)) {
      const merge = QUEUE_KEYS[key];
      const name = `x-${key}`;
      // What is not for queues of this type is passed over.
      if (merge === undefined || !takenBy(name, type)) continue;
      const argument = args[name];
      merged[name] = argument === undefined ? value : merge(value, argument);
    }
    // Without an exchange to go to, a key and a strategy say nothing.
    if (merged['x-dead-letter-exchange'] === undefined) {
      delete merged['x-dead-letter-routing-key'];
      delete merged['x-dead-letter-strategy'];
    }
    return merged;
  }

  /** The alternate exchange that a policy gives to an exchange; its own declaration's goes before it (R8). */
  alternateOf(exchange: string): string | undefined {
    const alternate = this.#definitionFor(exchange, ['all', 'exchanges'])?.['alternate-exchange'];
    return typeof alternate === 'string' ? alternate : undefined;
  }

  #definitionFor(name: string, targets: readonly string[]): HeaderTable | undefined {
    let best: Policy | undefined;
    for (const { policy, pattern } of this.#all.values()) {
      if (!targets.includes(policy.applyTo) || !pattern.test(name)) continue;
      if (best === undefined || policy.priority > best.priority) best = policy;
    }
    return best?.definition;
  }
}
