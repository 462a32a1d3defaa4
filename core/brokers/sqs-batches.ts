/**
 * Batches of SQS: up to ten sends, deletes or changes of visibility in one request, each of which succeeds or fails by itself (S19). An entry is carried out by
 * the very code of the single action; its answer is caught here instead of being sent, so that the single actions know nothing of batches.
 */
import type { FactKind } from '../facts.ts';
import type { Draft, HopKind, Out, Site, Wire } from '../machine.ts';
import type { ActorId, FactId, Message, MessageId, Micros, PlaceId, TimerId } from '../types.ts';
import { SQS_ERRORS as ERROR, type PlainResult, type SendMessageResult, type SqsBatch } from './sqs-verbs.ts';

const ENTRIES_MAX = 10;
/** The sum of a batch's messages. */
const BYTES_MAX = 1_048_576;
/** Ids of entries: 1–80 letters, digits, hyphens and underscores. */
const ENTRY_ID = /^[A-Za-z0-9_-]{1,80}$/;

/** Why a batch is refused as a whole; '' when its entries are looked at one by one (S19). */
export function errorOfBatch(request: SqsBatch): string {
  const { entries } = request;
  if (entries.length === 0) return ERROR.emptyBatch;
  if (entries.length > ENTRIES_MAX) return ERROR.tooMany;
  if (!entries.every(({ id }) => ENTRY_ID.test(id))) return ERROR.batchId;
  if (new Set(entries.map(({ id }) => id)).size < entries.length) return ERROR.notDistinct;
  let bytes = 0;
  for (const { request: one } of entries) if (one.type === 'SendMessage') bytes += one.sizeBytes;
  return bytes > BYTES_MAX ? ERROR.batchTooLong : '';
}

/** An `Out` for one entry: everything passes but the answer to the entry. */
export class EntryOut implements Out {
  readonly #out: Out;
  readonly #token: number;
  result: SendMessageResult | PlainResult | null = null;

  constructor(out: Out, token: number) {
    this.#out = out;
    this.#token = token;
  }

  get now(): Micros {
    return this.#out.now;
  }

  get self(): ActorId {
    return this.#out.self;
  }

  get cause(): FactId {
    return this.#out.cause;
  }

  send(to: ActorId, hop: HopKind, wire: Wire, messages?: MessageId | readonly MessageId[], because?: FactId): void {
    const result = wire as SendMessageResult | PlainResult;
    const isResult = result.type === 'SendMessageResult' || result.type === 'PlainResult';
    if (isResult && result.token === this.#token) this.result = result;
    else this.#out.send(to, hop, wire, messages, because);
  }

  fact(
    kind: FactKind,
    message: MessageId,
    place?: PlaceId,
    peer?: ActorId,
    value?: number,
    detail?: number,
    because?: FactId,
  ): FactId {
    return this.#out.fact(kind, message, place, peer, value, detail, because);
  }

  timer(delayUs: Micros, wire: Wire, because?: FactId): TimerId {
    return this.#out.timer(delayUs, wire, because);
  }

  cancel(timer: TimerId): void {
    this.#out.cancel(timer);
  }

  choose(site: Site, n: number, key?: number): number {
    return this.#out.choose(site, n, key);
  }

  produce(draft: Draft): Message {
    return this.#out.produce(draft);
  }

  crash(restartUs?: Micros): void {
    this.#out.crash(restartUs);
  }
}
