/**
 * A store: the simulated database (or e-mail provider, or cache) on which effects land. It is where exactly-once is judged, because only here
 * is it seen whether working on a message twice changed anything twice. Writes are durable: a crash loses only those not yet done.
 * Writes that wait for a free slot are served in the order of arrival.
 */
import { APPLIED, F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Site, Wire } from '../machine.ts';
import { type Distribution, draw, happens } from '../parts/distribution.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';

export interface StoreSettings {
  readonly write: Distribution;
  readonly concurrency: number;
  readonly perSecondMax: number;
  readonly failProbability: number;
  readonly floor: number | null;
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
  readonly #settings: StoreSettings;
  readonly #place: PlaceId;
  readonly #sites: { readonly write: Site; readonly fail: Site };
  /** Value of each row; rows of messages without a key are named by the message. */
  readonly #rows = new Map<string, number>();
  /** Messages whose effect is in the store, and since when. */
  readonly #seen = new Map<number, Micros>();
  #waiting: Waiting[] = [];
  #busy = 0;
  #writes = 0;
  /** The running one-second window of `perSecondMax`. */
  #windowBeganUs: Micros = 0;
  #inWindow = 0;
  #factor = 1;

  constructor(name: string, settings: StoreSettings, setup: Setup) {
    this.#settings = settings;
    this.#place = setup.place(name, 'store');
    this.#sites = { write: setup.site(`${name}/write`), fail: setup.site(`${name}/fail`) };
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (wire.type !== 'store/write') return;
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
  }

  #admits(now: Micros): boolean {
    const { perSecondMax } = this.#settings;
    if (perSecondMax === 0) return true;
    if (now - this.#windowBeganUs >= 1_000_000) {
      this.#windowBeganUs = now;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= perSecondMax) return false;
    this.#inWindow++;
    return true;
  }

  #serve(from: ActorId, request: WriteRequest, out: Out): void {
    const number = ++this.#writes;
    const takes = Math.floor(draw(this.#settings.write, out, this.#sites.write, number) * this.#factor);
    if (takes === 0) return this.#write(from, request, number, out);
    this.#busy++;
    out.timer(takes, { type: 'store/done', from, request, number } as WriteDone);
  }

  #write(from: ActorId, request: WriteRequest, number: number, out: Out): void {
    const { message, effect } = request;
    if (happens(this.#settings.failProbability, out, this.#sites.fail, number)) {
      out.fact(F.rejected, message.id, this.#place, from, 0, R['by chance']);
      return this.#answer(from, request, false, R['by chance'], out);
    }
    const row = message.key ?? `message ${message.id}`;
    const before = this.#rows.get(row) ?? 0;
    const seenAtUs = this.#seen.get(message.id);
    const seen = seenAtUs !== undefined;
    if (seen && out.now - seenAtUs < request.dedupUs) {
      out.fact(F.deduplicated, message.id, this.#place, from);
      return this.#answer(from, request, true, 0, out);
    }
    let after = before;
    if (effect === 'increment') after = before + message.amount;
    else if (effect === 'set') after = message.id;
    else if (!seen) after = before + 1;

    const { floor } = this.#settings;
    if (effect === 'increment' && floor !== null && after < floor) {
      out.fact(F.applied, message.id, this.#place, from, before, APPLIED.refused);
      return this.#answer(from, request, false, R['balance too low'], out);
    }
    this.#rows.set(row, after);
    this.#seen.set(message.id, out.now);
    const outcome = !seen ? APPLIED.first : after === before ? APPLIED.unchanged : APPLIED.again;
    out.fact(F.applied, message.id, this.#place, from, after, outcome);
    this.#answer(from, request, true, 0, out);
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
