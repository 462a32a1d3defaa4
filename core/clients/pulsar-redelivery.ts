/**
 * What a Pulsar client remembers to ask for again: negative acks that wait for their delay, and messages that the application has had for longer than
 * `ackTimeout`. All of it is memory: a crash forgets it, and the broker then gives everything back at once. Source: P36–P38, P41.
 */
import type { Out, Wire } from '../machine.ts';
import { numberOf, type OptionValues, tableOf } from '../options.ts';
import { Heap } from '../parts/heap.ts';
import { NumberMap } from '../parts/number-map.ts';
import { backoffDelayUs, nackStepUs, type RedeliveryBackoff } from '../parts/redelivery-backoff.ts';
import type { Micros, TimerId } from '../types.ts';

/** An entry that is watched. `T` is whatever its owner wants back. */
interface Watched<T> {
  readonly item: T;
  readonly key: number;
  void: boolean;
}

const NEVER = Number.MAX_SAFE_INTEGER;
/** A shorter delay of negative acks counts as this, so that several go together (P37). */
const LEAST_NACK_US: Micros = 100_000;

/** Which timer of a port fired. */
export type RedeliveryTimer = 'pulsar/nacks' | 'pulsar/ack-timeouts';

/**
 * Items with a time each; looked at in steps of one clock that goes on as long as the client lives, so that one is due up to a step late. A step at which nothing
 * can be due is passed over: with one a second and a consumer that is never idle they were a fifth of all that happened in a run.
 */
class Tracker<T> {
  readonly #type: RedeliveryTimer;
  readonly #stepUs: Micros;
  readonly #due = new Heap<Watched<T>>();
  readonly #byKey = new NumberMap<Watched<T>>();
  /** A moment at which the clock ticked; −1 before the first item. */
  #tickUs: Micros = -1;
  #timer: TimerId = 0;
  /** When the timer comes; MAX_SAFE_INTEGER when none is set. */
  #armedUs: Micros = NEVER;

  constructor(type: RedeliveryTimer, stepUs: Micros) {
    this.#type = type;
    this.#stepUs = Math.max(1, stepUs);
  }

  add(key: number, item: T, afterUs: Micros, out: Out): void {
    const watched: Watched<T> = { item, key, void: false };
    const former = this.#byKey.set(key, watched);
    if (former !== undefined) former.void = true;
    this.#due.push(out.now + afterUs, watched);
    this.#arm(out);
  }

  has(key: number): boolean {
    return this.#byKey.has(key);
  }

  removeAll(which: (item: T) => boolean): void {
    for (const key of this.#byKey.keys()) {
      const watched = this.#byKey.get(key);
      if (watched !== undefined && which(watched.item)) this.remove(key);
    }
  }

  remove(key: number): void {
    const watched = this.#byKey.take(key);
    if (watched !== undefined) watched.void = true;
  }

  /** Takes out all that are due. */
  take(out: Out): T[] {
    this.#armedUs = NEVER;
    const due: T[] = [];
    while (this.#due.leastKey <= out.now) {
      const watched = this.#due.pop();
      if (watched === undefined || watched.void) continue;
      this.#byKey.take(watched.key);
      due.push(watched.item);
    }
    this.#arm(out);
    return due;
  }

  clear(): void {
    this.#due.clear();
    this.#byKey.clear();
    this.#armedUs = NEVER;
    this.#tickUs = -1;
  }

  #arm(out: Out): void {
    if (this.#byKey.size === 0) return;
    while (this.#due.least?.void === true) this.#due.pop();
    if (this.#tickUs < 0) this.#tickUs = out.now;
    const steps = Math.max(1, Math.ceil((this.#due.leastKey - this.#tickUs) / this.#stepUs));
    const dueUs = this.#tickUs + steps * this.#stepUs;
    if (dueUs >= this.#armedUs) return;
    if (this.#armedUs !== NEVER) out.cancel(this.#timer);
    this.#armedUs = dueUs;
    const wire: Wire = { type: this.#type };
    this.#timer = out.timer(dueUs - out.now, wire, out.cause);
  }
}

export class RedeliveryTracker<T> {
  readonly #nackDelayUs: Micros;
  readonly #nackBackoff: RedeliveryBackoff | null;
  readonly #ackTimeoutUs: Micros;
  readonly #ackBackoff: RedeliveryBackoff | null;
  readonly #nacks: Tracker<T>;
  readonly #unacked: Tracker<T>;

  constructor(options: OptionValues) {
    this.#nackDelayUs = Math.max(LEAST_NACK_US, numberOf(options, 'negativeAckRedeliveryDelay', 60_000_000));
    this.#nackBackoff = backoffOf(tableOf(options, 'negativeAckRedeliveryBackoff'));
    this.#ackTimeoutUs = numberOf(options, 'ackTimeout');
    this.#ackBackoff = backoffOf(tableOf(options, 'ackTimeoutRedeliveryBackoff'));
    this.#nacks = new Tracker('pulsar/nacks', nackStepUs(this.#nackBackoff?.minDelayUs ?? this.#nackDelayUs));
    this.#unacked = new Tracker('pulsar/ack-timeouts', numberOf(options, 'ackTimeoutTickTime', 1_000_000));
  }

  /** The application has got something that was redelivered so often; of a batch, the time of the first of its messages counts (P33, P38). */
  received(key: number, item: T, redeliveries: number, out: Out): void {
    if (this.#ackTimeoutUs <= 0 || this.#unacked.has(key)) return;
    const more =
      this.#ackBackoff !== null && redeliveries >= 0 ? backoffDelayUs(this.#ackBackoff, redeliveries + 1) : 0;
    this.#unacked.add(key, item, this.#ackTimeoutUs + more, out);
  }

  settled(key: number): void {
    if (this.#ackTimeoutUs > 0) this.#unacked.remove(key);
  }

  nacked(key: number, item: T, redeliveries: number, out: Out): void {
    this.settled(key);
    const delayUs =
      this.#nackBackoff === null ? this.#nackDelayUs : backoffDelayUs(this.#nackBackoff, redeliveries + 1);
    this.#nacks.add(key, item, delayUs, out);
  }

  /** What is to be asked for now. */
  take(timer: RedeliveryTimer, out: Out): T[] {
    return (timer === 'pulsar/nacks' ? this.#nacks : this.#unacked).take(out);
  }

  /** All of these are asked for again, so none of them is overdue. */
  forgetReceived(which: (item: T) => boolean): void {
    if (this.#ackTimeoutUs > 0) this.#unacked.removeAll(which);
  }

  forget(key: number): void {
    this.#nacks.remove(key);
    this.settled(key);
  }

  clear(): void {
    this.#nacks.clear();
    this.#unacked.clear();
  }
}

function backoffOf(table: OptionValues | undefined): RedeliveryBackoff | null {
  if (table === undefined) return null;
  return {
    minDelayUs: numberOf(table, 'minDelay', 1_000_000),
    maxDelayUs: numberOf(table, 'maxDelay', 60_000_000),
    multiplier: numberOf(table, 'multiplier', 2),
  };
}
