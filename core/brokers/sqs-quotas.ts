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
  readonly #perGroup: boolean;
  /** By action, or by message group. */
  readonly #quotas = new Map<string, CallQuota>();

  constructor(perGroup: boolean) {
    this.#perGroup = perGroup;
  }

  /** Counts a call; false when it is to be refused. A batch of several groups is refused when one of them has used up its own. */
  take(request: Counted, now: Micros): boolean {
    if (!this.#perGroup) return this.#takeOne(request.type.replace('Batch', ''), now);
    let isWithin = true;
    for (const group of groupsOf(request)) isWithin = this.#takeOne(group, now) && isWithin;
    return isWithin;
  }

  #takeOne(name: string, now: Micros): boolean {
    let quota = this.#quotas.get(name);
    if (quota === undefined) {
      quota = new CallQuota(CALLS_PER_SECOND);
      this.#quotas.set(name, quota);
    }
    return quota.take(now);
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
