/**
 * A store: the simulated database (or e-mail provider, or cache) on which effects land. It is where exactly-once is judged, because only here
 * is it seen whether working on a message twice changed anything twice. Writes are durable: a crash loses only those not yet done.
 * Writes that wait for a free slot are served in the order of arrival.
 */
import { APPLIED, F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Site, Wire } from '../machine.ts';
import { DedupWindow } from '../parts/dedup-window.ts';
import { type Distribution, draw, happens } from '../parts/distribution.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { changed, STORE_CHANGES } from './changes.ts';
import { type OutboxRow, OutboxTable, serveOutbox } from './outbox.ts';

export interface StoreSettings {
  readonly write: Distribution;
  readonly concurrency: number;
  /** Writes beyond this many per second are refused; null for no limit, 0 refuses all. */
  readonly perSecondMax: number | null;
  readonly failProbability: number;
  readonly floor: number | null;
  /** Writes that carry the same value of this attribute within `forUs` are one; null for no such keys. */
  readonly idempotency: { readonly key: string; readonly forUs: Micros } | null;
}

/** A consumer's request: apply the effect of this message. */
export interface WriteRequest extends Wire {
  readonly type: 'store/write';
  readonly effect: 'increment' | 'set' | 'insert';
  readonly message: Message;
  /** Chosen by the consumer; comes back in the answer. */
  readonly token: number;
  /** The consumer's durable dedup: a message applied less than this ago is not applied again; 0 for none. */
  readonly dedupUs: Micros;
  readonly sizeBytes: number;
  /** The maker of the message writes it down itself: no effect of a message that somebody consumed. */
  readonly own: boolean;
  /** Rows of the outbox that are written in the same step. */
  readonly rows: readonly OutboxRow[];
}

/** `ok` false: the write was refused and surely did not happen; `reason` is a code of R. */
export interface WriteReply extends Wire {
  readonly type: 'store/written';
  readonly token: number;
  readonly ok: boolean;
  readonly reason: number;
}

interface Waiting {
  readonly from: ActorId;
  readonly request: WriteRequest;
}

interface WriteDone extends Wire {
  readonly type: 'store/done';
  readonly from: ActorId;
  readonly request: WriteRequest;
  /** Which write of this store it is: the key of what chance decides about it. */
  readonly number: number;
}

export class Store implements Machine {
  #settings: StoreSettings;
  readonly #place: PlaceId;
  readonly #sites: { readonly write: Site; readonly fail: Site };
  /** Value of each row; rows of messages without a key are named by the message. */
  readonly #rows = new Map<string, number>();
  /** Messages whose effect is in the store, and since when. */
  readonly #seen = new Map<number, Micros>();
  /** Messages that their makers have written down. */
  readonly #recorded = new Set<number>();
  #waiting: Waiting[] = [];
  #busy = 0;
  #writes = 0;
  /** When the present stretch of `perSecondMax` began, and how many writes it has taken. */
  #windowBeganUs: Micros = 0;
  #inWindow = 0;
  #factor = 1;
  /** By idempotency key: the value that the write left. */
  readonly #keys: DedupWindow<number> | null;
  readonly #outbox = new OutboxTable();

  constructor(name: string, settings: StoreSettings, setup: Setup) {
    this.#settings = settings;
    this.#place = setup.place(name, 'store');
    this.#sites = { write: setup.site(`${name}/write`), fail: setup.site(`${name}/fail`) };
    const { idempotency } = settings;
    this.#keys = idempotency === null ? null : new DedupWindow(idempotency.forUs);
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'store/write') {
      serveOutbox(this.#outbox, from, wire, this.#place, out);
      return;
    }
    const request = wire as WriteRequest;
    if (!this.#admits(out.now)) {
      out.fact(F.rejected, request.message.id, this.#place, from, 0, R['over capacity']);
      return this.#answer(from, request, false, R['over capacity'], out);
    }
    const { concurrency } = this.#settings;
    if (concurrency > 0 && this.#busy >= concurrency) this.#waiting.push({ from, request });
    else this.#serve(from, request, out);
  }

  timer(wire: Wire, out: Out): void {
    if (wire.type !== 'store/done') return;
    const { from, request, number } = wire as WriteDone;
    this.#busy--;
    this.#write(from, request, number, out);
    const next = this.#waiting.shift();
    if (next !== undefined) this.#serve(next.from, next.request, out);
  }

  crash(): void {
    this.#waiting = [];
    this.#busy = 0;
  }

  restart(): void {}

  command(command: Command): void {
    if (command.type === 'slow') this.#factor = command.factor;
    else if (command.type === 'set') this.#settings = changed(this.#settings, STORE_CHANGES, command);
  }

  #admits(now: Micros): boolean {
    const { perSecondMax } = this.#settings;
    if (perSecondMax === null) return true;
    if (perSecondMax === 0) return false;
    // A stretch takes whole writes: of a rate that is no whole number it is shorter or longer than a second.
    const most = Math.max(1, Math.floor(perSecondMax));
    if ((now - this.#windowBeganUs) * perSecondMax >= most * 1_000_000) {
      this.#windowBeganUs = now;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= most) return false;
    this.#inWindow++;
    return true;
  }

  #serve(from: ActorId, request: WriteRequest, out: Out): void {
    const number = ++this.#writes;
    const takes = Math.floor(draw(this.#settings.write, out, this.#sites.write, number) * this.#factor);
    if (takes === 0) return this.#write(from, request, number, out);
    this.#busy++;
    out.work(takes, { type: 'store/done', from, request, number } as WriteDone);
  }

  #write(from: ActorId, request: WriteRequest, number: number, out: Out): void {
    const { message, effect } = request;
    if (happens(this.#settings.failProbability, out, this.#sites.fail, number)) {
      out.fact(F.rejected, message.id, this.#place, from, 0, R['by chance']);
      return this.#answer(from, request, false, R['by chance'], out);
    }
    const row = message.key ?? `message ${message.id}`;
    const before = this.#rows.get(row) ?? 0;
    if (request.own) return this.#record(from, request, row, before, out);
    const seenAtUs = this.#seen.get(message.id);
    const seen = seenAtUs !== undefined;
    if (seen && out.now - seenAtUs < request.dedupUs) {
      out.fact(F.deduplicated, message.id, this.#place, from);
      return this.#answer(from, request, true, 0, out);
    }
    const idempotencyKey = this.#keys === null ? '' : this.#keyOf(message);
    if (idempotencyKey !== '' && this.#keys?.find(idempotencyKey, out.now) !== undefined) {
      // Somebody asked for the same before, perhaps by another message: the answer is yes, and nothing is done.
      out.fact(F.deduplicated, message.id, this.#place, from);
      out.fact(F.applied, message.id, this.#place, from, before, APPLIED.unchanged);
      return this.#answer(from, request, true, 0, out);
    }
    const after = this.#after(request, before, seen);
    if (this.#isTooLow(effect, after)) {
      out.fact(F.applied, message.id, this.#place, from, before, APPLIED.refused);
      return this.#answer(from, request, false, R['balance too low'], out);
    }
    this.#rows.set(row, after);
    this.#seen.set(message.id, out.now);
    if (idempotencyKey !== '') this.#keys?.remember(idempotencyKey, after, out.now);
    const outcome = !seen ? APPLIED.first : after === before ? APPLIED.unchanged : APPLIED.again;
    out.fact(F.applied, message.id, this.#place, from, after, outcome);
    if (request.rows.length > 0) this.#putRows(from, request, out);
    this.#answer(from, request, true, 0, out);
  }

  /** A producer writes down what it makes: again when it did not hear the answer, and then nothing changes. */
  #record(from: ActorId, request: WriteRequest, row: string, before: number, out: Out): void {
    const { message, effect, rows } = request;
    if (!this.#recorded.has(message.id)) {
      const after = this.#after(request, before, false);
      if (this.#isTooLow(effect, after)) {
        out.fact(F.rejected, message.id, this.#place, from, 0, R['balance too low']);
        return this.#answer(from, request, false, R['balance too low'], out);
      }
      this.#rows.set(row, after);
      this.#recorded.add(message.id);
      for (const one of rows) this.#outbox.add(one);
      out.fact(F.recorded, message.id, this.#place, from, after, rows.length > 0 ? 1 : 0);
    }
    this.#answer(from, request, true, 0, out);
  }

  #putRows(from: ActorId, { rows }: WriteRequest, out: Out): void {
    for (const row of rows) {
      if (this.#outbox.add(row)) out.fact(F.recorded, row.message.id, this.#place, from, 0, 2);
    }
  }

  #after({ effect, message }: WriteRequest, before: number, seen: boolean): number {
    if (effect === 'increment') return before + message.amount;
    if (effect === 'set') return message.id;
    return seen ? before : before + 1;
  }

  #isTooLow(effect: WriteRequest['effect'], after: number): boolean {
    const { floor } = this.#settings;
    return effect === 'increment' && floor !== null && after < floor;
  }

  /** The idempotency key that a message carries; '' for none. */
  #keyOf({ attributes }: Message): string {
    const value = attributes[this.#settings.idempotency?.key ?? ''];
    return value === undefined ? '' : String(value);
  }

  #answer(to: ActorId, request: WriteRequest, ok: boolean, reason: number, out: Out): void {
    out.send(
      to,
      'effect-reply',
      { type: 'store/written', token: request.token, ok, reason } as WriteReply,
      request.message.id,
    );
  }
}
