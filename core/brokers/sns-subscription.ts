/**
 * A subscription of a topic: which endpoint gets what, in which form, how often it is tried, and where what cannot be delivered goes. A queue is reached through
 * its own broker; an HTTP/S or Lambda endpoint is one or several instances of a consumer behind one address. What is under way is kept by `sns.ts`.
 */
import { booleanOf, type OptionValues, tableOf, textOf } from '../options.ts';
import { AWS_POLICY, phasesOf, type RetryPhases } from '../parts/delivery-policy.ts';
import type { Fifo } from '../parts/fifo.ts';
import {
  acceptsAttributes,
  acceptsBody,
  acceptsValues,
  type FilterPolicy,
  type FilterScope,
  isTable,
  type PolicyJson,
  type PolicyTable,
  parsed,
  readPolicy,
  whyRefused,
} from '../parts/filter-policy.ts';
import type { ActorId, FactId, Message, Micros, PlaceId } from '../types.ts';
import { deliveryPolicyOf, throttleOf } from './sns-options.ts';
import type { Content } from './sns-verbs.ts';

/** A message that a subscription is still to get. */
export interface Job {
  readonly subscription: Subscription;
  readonly message: Message;
  readonly group: string;
  readonly dedupId: string;
  /** How many attributes it was published with. */
  readonly attributes: number;
  /** Its number among all jobs. */
  number: number;
  /** Attempts at the present target. */
  tries: number;
  /** How often an instance was handed it. */
  handed: number;
  /** Who was asked last and has not answered; 0 for nobody. */
  asked: ActorId;
  /** It could not be delivered and is on its way to the dead-letter queue. */
  dead: boolean;
  /** The fact that put it into its present state. */
  fact: FactId;
}

/** The instances behind one HTTP/S or Lambda address. */
export interface Endpoint {
  /** Those that are up, in the order of their starting. */
  readonly up: ActorId[];
  turn: number;
  /** N11: the least time between two deliveries, and when the next one may be; 0 for no limit. */
  readonly gapUs: Micros;
  nextAtUs: Micros;
}

export interface Subscription {
  /** Of the queue, or of the consumer. */
  readonly name: string;
  /** The queue, or what is to be delivered to the endpoint. */
  readonly place: PlaceId;
  /** Null for a queue. */
  readonly endpoint: Endpoint | null;
  /** FIFO queues under a FIFO topic: by message group, the deliveries that wait for the one before them; else null. */
  readonly rows: Map<string, Fifo<Job>> | null;
  phases: RetryPhases;
  policy: FilterPolicy | null;
  scope: FilterScope;
  raw: boolean;
  allowed: boolean;
  deadLetter: string;
}

const AWS_PHASES = phasesOf(AWS_POLICY);

export function subscriptionOf(
  name: string,
  place: PlaceId,
  ordered: boolean,
  endpoint: Endpoint | null,
  attributes: OptionValues,
  topic: OptionValues,
): Subscription {
  const isHttp = endpoint !== null && textOf(attributes, 'Protocol', 'https') !== 'lambda';
  const subscription: Subscription = {
    name,
    place,
    endpoint,
    rows: ordered ? new Map() : null,
    phases: isHttp ? phasesOf(deliveryPolicyOf(attributes, topic)) : AWS_PHASES,
    policy: null,
    scope: 'MessageAttributes',
    raw: false,
    allowed: true,
    deadLetter: '',
  };
  adopt(subscription, attributes);
  return subscription;
}

export function endpointOf(attributes: OptionValues, topic: OptionValues): Endpoint {
  const perSecond = throttleOf(attributes, topic);
  return { up: [], turn: 0, gapUs: perSecond > 0 ? Math.ceil(1_000_000 / perSecond) : 0, nextAtUs: 0 };
}

/** Takes on attributes; absent ones stay as they are. */
export function adopt(subscription: Subscription, attributes: OptionValues): void {
  const { FilterPolicy, FilterPolicyScope, RawMessageDelivery, RedrivePolicy } = attributes;
  if (FilterPolicy !== undefined) {
    const policy = parsed(textOf(attributes, 'FilterPolicy'));
    // N4: no policy, which is what an empty one is, lets everything pass.
    subscription.policy = isTable(policy) && Object.keys(policy).length > 0 ? readPolicy(policy) : null;
  }
  if (FilterPolicyScope !== undefined) subscription.scope = scopeOf(attributes);
  if (RawMessageDelivery !== undefined) subscription.raw = booleanOf(attributes, 'RawMessageDelivery');
  if (RedrivePolicy !== undefined) subscription.deadLetter = deadLetterOf(attributes);
  subscription.allowed = booleanOf(attributes, 'queue-policy', subscription.allowed);
}

/** Whether a subscription that exists would be another one with these attributes: it is not made again with others. */
export function wouldChange(subscription: Subscription, attributes: OptionValues): boolean {
  const other = { ...subscription };
  adopt(other, attributes);
  const told = ({ policy, scope, raw, deadLetter }: Subscription) => JSON.stringify([policy, scope, raw, deadLetter]);
  return told(other) !== told(subscription);
}

export function deadLetterOf(attributes: OptionValues): string {
  return textOf(tableOf(attributes, 'RedrivePolicy') ?? {}, 'deadLetterTargetArn');
}

function scopeOf(attributes: OptionValues): FilterScope {
  return textOf(attributes, 'FilterPolicyScope') === 'MessageBody' ? 'MessageBody' : 'MessageAttributes';
}

/** Why attributes are refused; '' when they are not (N8, N9). */
export function faultOfFilter(attributes: OptionValues): string {
  const scope = attributes['FilterPolicyScope'];
  if (scope !== undefined && scope !== 'MessageBody' && scope !== 'MessageAttributes') return 'there is no such scope';
  // An empty text takes the policy away.
  if ((attributes['FilterPolicy'] ?? '') === '') return '';
  const policy = parsed(textOf(attributes, 'FilterPolicy'));
  return policy === undefined ? 'the filter policy is no JSON' : whyRefused(policy, scopeOf(attributes));
}

/** Looks at one message for all subscriptions of a topic; what has to be worked out for that is worked out once. */
export class Look {
  readonly #message: Message;
  readonly #content: Content | null;
  #values: PolicyTable | null = null;

  constructor(message: Message, content: Content | null) {
    this.#message = message;
    this.#content = content;
  }

  isWantedBy({ policy, scope }: Subscription): boolean {
    if (policy === null) return true;
    if (this.#content === null) {
      this.#values ??= valuesOf(this.#message);
      return acceptsValues(policy, this.#values);
    }
    const { attributes, body } = this.#content;
    return scope === 'MessageBody' ? acceptsBody(policy, body) : acceptsAttributes(policy, attributes);
  }
}

/** A message's own attributes as an application would type them: what reads as a number is one, and a JSON array is an array. */
function valuesOf({ attributes }: Message): PolicyTable {
  const values: Record<string, PolicyJson> = {};
  for (const [name, value] of Object.entries(attributes))
    values[name] = typeof value === 'string' ? typed(value) : value;
  return values;
}

function typed(text: string): PolicyJson {
  if (/^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  return text.startsWith('[') ? (parsed(text) ?? text) : text;
}
