/**
 * What a Pulsar client remembers to ask for again: negative acks that wait for their delay, and messages that the application has had for longer than
 * `ackTimeout`. All of it is memory: a crash forgets it, and the broker then gives everything back at once. Source: P36–P38, P41.
 */
import type { Out, Wire } from '../machine.ts';
import { numberOf, type OptionValues, tableOf } from '../options.ts';
import { NumberMap } from '../parts/number-map.ts';
import { backoffDelayUs, nackStepUs, type RedeliveryBackoff } from '../parts/redelivery-backoff.ts';
import type { AlarmId, Micros } from '../types.ts';

/** What is watched: its key is the same for whatever is handed out of one entry. */
interface Watchable {
  readonly key: number;
}

/** A shorter delay of negative acks counts as this, so that several go together (P37). */
const LEAST_NACK_US: Micros = 100_000;

/** Which timer of a port fired. */
export type RedeliveryTimer = 'pulsar/nacks' | 'pulsar/ack-timeouts';

/**
 * Items with a time each; looked at in steps of one clock that goes on as long as the client lives, so that one is due up to a step late. An alarm stands for that clock: it is
 * set to the step at which the first item may be due and silent while there is none, because nearly all are taken out before. When it rings all items are looked at, so none of them needs a place in an order.
 */
class Tracker<T extends Watchable> {
  readonly #stepUs: Micros;
  readonly #wire: Wire;
  /** By key, each with its time as mark. */
  readonly #watched = new NumberMap<T>();
  /** A moment at which the clock ticked; −1 before the first item. */
  #tickUs: Micros = -1;
  #alarm: AlarmId = 0;
  /** When the alarm rings; Infinity while it is silent. */
  #armedUs = Number.POSITIVE_INFINITY;

  constructor(type: RedeliveryTimer, stepUs: Micros) {
    this.#wire = { type };
    this.#stepUs = Math.max(1, stepUs);
  }

  add(item: T, afterUs: Micros, out: Out): void {
    const dueUs = out.now + afterUs;
    this.#watched.set(item.key, item, dueUs);
    if (dueUs < this.#armedUs) this.#arm(dueUs, out);
  }

  has(key: number): boolean {
    return this.#watched.has(key);
  }

  removeAll(which: (item: T) => boolean, out: Out): void {
    for (const key of this.#watched.keys()) {
      const item = this.#watched.get(key);
      if (item !== undefined && which(item)) this.remove(key, out);
    }
  }

  remove(key: number, out: Out): void {
    if (this.#watched.take(key) === undefined || this.#watched.size > 0) return;
    this.#armedUs = Number.POSITIVE_INFINITY;
    out.silence(this.#alarm);
  }

  /** The alarm rang: takes out all that are due, the longest overdue first. */
  take(out: Out): T[] {
    this.#armedUs = Number.POSITIVE_INFINITY;
    const due: T[] = [];
    let nextUs = Number.POSITIVE_INFINITY;
    for (const key of this.#watched.keys()) {
      const dueUs = this.#watched.mark(key);
      if (dueUs > out.now) nextUs = Math.min(nextUs, dueUs);
      else due.push(this.#watched.take(key) as T);
    }
    if (this.#watched.size > 0) this.#arm(nextUs, out);
    return due;
  }

  clear(): void {
    this.#watched.clear();
    this.#armedUs = Number.POSITIVE_INFINITY;
    this.#tickUs = -1;
  }

  /** Sets the alarm to the step at which something of this time is due. */
  #arm(dueUs: Micros, out: Out): void {
    if (this.#tickUs < 0) this.#tickUs = out.now;
    const steps = Math.max(1, Math.ceil((dueUs - this.#tickUs) / this.#stepUs));
    const ringUs = this.#tickUs + steps * this.#stepUs;
    if (ringUs >= this.#armedUs) return;
    this.#armedUs = ringUs;
    this.#alarm = out.alarm(this.#alarm, ringUs - out.now, this.#wire);
  }
}

export class RedeliveryTracker<T extends Watchable> {
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
  received(item: T, redeliveries: number, out: Out): void {
    if (this.#ackTimeoutUs <= 0 || this.#unacked.has(item.key)) return;
    const more =
      this.#ackBackoff !== null && redeliveries >= 0 ? backoffDelayUs(this.#ackBackoff, redeliveries + 1) : 0;
    this.#unacked.add(item, this.#ackTimeoutUs + more, out);
  }

  settled(key: number, out: Out): void {
    if (this.#ackTimeoutUs > 0) this.#unacked.remove(key, out);
  }

  nacked(item: T, redeliveries: number, out: Out): void {
    this.settled(item.key, out);
    const delayUs =
      this.#nackBackoff === null ? this.#nackDelayUs : backoffDelayUs(this.#nackBackoff, redeliveries + 1);
    this.#nacks.add(item, delayUs, out);
  }

  /** What is to be asked for now. */
  take(timer: RedeliveryTimer, out: Out): T[] {
    return (timer === 'pulsar/nacks' ? this.#nacks : this.#unacked).take(out);
  }

  /** All of these are asked for again, so none of them is overdue. */
  forgetReceived(which: (item: T) => boolean, out: Out): void {
    if (this.#ackTimeoutUs > 0) this.#unacked.removeAll(which, out);
  }

  forget(key: number, out: Out): void {
    this.#nacks.remove(key, out);
    this.settled(key, out);
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
