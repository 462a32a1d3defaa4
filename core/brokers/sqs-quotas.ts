/**
 * The calls that a FIFO queue takes (S34): 300 a second of each action, a batch counting as one call. In high throughput mode the sends of each message group
 * are counted instead, and receives and deletes are not limited: their quota is the region's, of thousands.
 */
import { CallQuota } from '../parts/call-quota.ts';
import type { Micros } from '../types.ts';
import type { SqsBatch, SqsRequest } from './sqs-verbs.ts';

const CALLS_PER_SECOND = 300;

/** What is counted: sends, receives, deletes or changes of visibility. */
type Counted = Extract<
  SqsRequest,
  { readonly type: 'SendMessage' | 'ReceiveMessage' | 'DeleteMessage' | 'ChangeMessageVisibility' } | SqsBatch
>;

export class SqsQuotas {
  readonly #send = new CallQuota(CALLS_PER_SECOND);
  readonly #receive = new CallQuota(CALLS_PER_SECOND);
  readonly #delete = new CallQuota(CALLS_PER_SECOND);
  readonly #change = new CallQuota(CALLS_PER_SECOND);
  /** Of the sends of each message group; null where a quota is the queue's. */
  readonly #groups: Map<string, CallQuota> | null;

  constructor(perGroup: boolean) {
    this.#groups = perGroup ? new Map() : null;
  }

  /** Counts a call; false when it is to be refused. A batch of several groups is refused when one of them has used up its own. */
  take(request: Counted, now: Micros): boolean {
    if (this.#groups === null) return this.#ofAction(request.type).take(now);
    let isWithin = true;
    for (const group of groupsOf(request)) isWithin = this.#ofGroup(this.#groups, group).take(now) && isWithin;
    return isWithin;
  }

  #ofAction(type: Counted['type']): CallQuota {
    switch (type) {
      case 'SendMessage':
      case 'SendMessageBatch':
        return this.#send;
      case 'ReceiveMessage':
        return this.#receive;
      case 'DeleteMessage':
      case 'DeleteMessageBatch':
        return this.#delete;
      case 'ChangeMessageVisibility':
      case 'ChangeMessageVisibilityBatch':
        return this.#change;
      default:
        return type satisfies never;
    }
  }

  #ofGroup(groups: Map<string, CallQuota>, name: string): CallQuota {
    let quota = groups.get(name);
    if (quota === undefined) {
      quota = new CallQuota(CALLS_PER_SECOND);
      groups.set(name, quota);
    }
    return quota;
  }
}

function groupsOf(request: Counted): Iterable<string> {
  if (request.type === 'SendMessage') return [request.group];
  if (request.type === 'SendMessageBatch') return new Set(request.entries.map(({ request: { group } }) => group));
  return [];
}

/** Whether the quotas of a FIFO queue are asked about such a request. */
export function isCounted(request: SqsRequest): request is Counted {
  switch (request.type) {
    case 'SendMessage':
    case 'ReceiveMessage':
    case 'DeleteMessage':
    case 'ChangeMessageVisibility':
    case 'SendMessageBatch':
    case 'DeleteMessageBatch':
    case 'ChangeMessageVisibilityBatch':
      return true;
    default:
      return false;
  }
}
