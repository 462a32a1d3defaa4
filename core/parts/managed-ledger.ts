/**
 * What one Pulsar topic partition stores: entries in a row of ledgers, of which only the last is open. An entry is one batch, or one message that was
 * sent alone. Entries have dense indexes here; ids that people see are made of a ledger and an entry number that begins anew in each ledger. What is
 * deleted is whole closed ledgers, never single messages. Subscriptions, bookies and dispatch know nothing of each other here.
 * Source: P3, P4, P49–P51, P72.
 */
import type { FactId, Message, Micros } from '../types.ts';

/** What clients add to a message (P47). */
export type Properties = Readonly<Record<string, string>>;

export interface LedgerEntry {
  /** Dense position in the topic partition, from 0. */
  index: number;
  readonly messages: readonly Message[];
  /** Of a dead letter or a retry letter, which is always alone in its entry; null for others. */
  readonly properties: Properties | null;
  /** Ordering key of the batch: that of its first message (P26). */
  readonly key: string | null;
  /** Its hash for Key_Shared; −1 until somebody asks. */
  hash: number;
  readonly producer: string;
  /** Sequence id of the first message; the others follow. */
  readonly sequence: number;
  readonly sizeBytes: number;
  /** The broker's time of taking it, from which TTL counts (P52). */
  readonly publishedAtUs: Micros;
  /** Not before; 0 is at once (P69). */
  readonly deliverAtUs: Micros;
  /** The transaction that it belongs to; '' for none (P66). */
  readonly txn: string;
  /** The fact that stored its first message with the last subscription; those of the others follow. */
  fact: FactId;
}

export interface LedgerRules {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly minRolloverUs: Micros;
  readonly maxRolloverUs: Micros;
}

/** Retention of what is acked: −1 is no limit, 0 with 0 keeps nothing (P50). */
export interface Retention {
  readonly timeUs: Micros;
  readonly sizeBytes: number;
}

/** One ledger: entries from `first` up to the next one's first. */
export interface Ledger {
  readonly id: number;
  readonly first: number;
  readonly openedAtUs: Micros;
  /** −1 while it is open. */
  closedAtUs: Micros;
  entries: number;
  bytes: number;
  /** When it was copied to tiered storage; −1 when it was not (P72). */
  offloadedAtUs: Micros;
}

export class ManagedLedger {
  readonly #rules: LedgerRules;
  readonly #newId: () => number;
  #entries: LedgerEntry[] = [];
  /** Index of `#entries[0]`. */
  #base = 0;
  ledgers: Ledger[] = [];
  bytes = 0;

  /** `newId` numbers ledgers over the whole cluster. */
  constructor(rules: LedgerRules, newId: () => number, now: Micros) {
    this.#rules = rules;
    this.#newId = newId;
    this.#open(now);
  }

  /** The first entry that is still stored, and the index that the next one will have. */
  get start(): number {
    return this.#base;
  }

  get end(): number {
    return this.#base + this.#entries.length;
  }

  entry(index: number): LedgerEntry | undefined {
    return this.#entries[index - this.#base];
  }

  append(entry: LedgerEntry, now: Micros): void {
    this.rollIfDue(now);
    entry.index = this.end;
    this.#entries.push(entry);
    const open = this.ledgers.at(-1) as Ledger;
    open.entries++;
    open.bytes += entry.sizeBytes;
    this.bytes += entry.sizeBytes;
  }

  /** Closes the open ledger when it is full and old enough, or simply too old (P4). An empty one stays. */
  rollIfDue(now: Micros): boolean {
    const { maxEntries, maxBytes, minRolloverUs, maxRolloverUs } = this.#rules;
    const open = this.ledgers.at(-1) as Ledger;
    if (open.entries === 0) return false;
    const age = now - open.openedAtUs;
    const full = open.entries >= maxEntries || open.bytes >= maxBytes;
    if (!(full && age >= minRolloverUs) && age < maxRolloverUs) return false;
    this.roll(now);
    return true;
  }

  /** Closes the open ledger and opens another, as a new owner of the topic does (P5). */
  roll(now: Micros): void {
    const open = this.ledgers.at(-1) as Ledger;
    if (open.entries === 0) this.ledgers.pop();
    else open.closedAtUs = now;
    this.#open(now);
  }

  /**
   * Deletes closed ledgers all of whose entries lie before `acked` (what every durable subscription is done with) and that no retention keeps.
   * Of two limits the one that is reached first deletes (P50, P51). Gives the new start.
   */
  trim(acked: number, { timeUs, sizeBytes }: Retention, now: Micros): number {
    while (this.ledgers.length > 1) {
      const oldest = this.ledgers[0] as Ledger;
      if (oldest.first + oldest.entries > acked) break;
      const off = timeUs === 0 && sizeBytes === 0;
      const tooOld = timeUs > 0 && now - oldest.closedAtUs >= timeUs;
      const tooLarge = sizeBytes > 0 && this.bytes > sizeBytes;
      if (!off && !tooOld && !tooLarge) break;
      this.ledgers.shift();
      this.bytes -= oldest.bytes;
      this.#entries = this.#entries.slice(oldest.entries);
      this.#base += oldest.entries;
    }
    return this.#base;
  }

  /** Copies closed ledgers to tiered storage, oldest first, as long as what is not copied exceeds the threshold (P72). */
  offload(thresholdBytes: number, now: Micros): void {
    if (thresholdBytes < 0) return;
    let left = 0;
    for (const { offloadedAtUs, bytes } of this.ledgers) if (offloadedAtUs < 0) left += bytes;
    for (const ledger of this.ledgers) {
      if (left <= thresholdBytes || ledger.closedAtUs < 0) return;
      if (ledger.offloadedAtUs >= 0) continue;
      ledger.offloadedAtUs = now;
      left -= ledger.bytes;
    }
  }

  /** Bookies hold nothing before this index any more: it was copied so long ago (P72). */
  tieredUpTo(now: Micros, lagUs: Micros): number {
    let upTo = this.#base;
    for (const { first, entries, offloadedAtUs } of this.ledgers) {
      if (offloadedAtUs < 0 || now - offloadedAtUs < lagUs) break;
      upTo = first + entries;
    }
    return upTo;
  }

  /** The ledger that holds an index, or that would. */
  ledgerOf(index: number): Ledger {
    let low = 0;
    let high = this.ledgers.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.ledgers[middle] as Ledger).first <= index) low = middle;
      else high = middle - 1;
    }
    return this.ledgers[low] as Ledger;
  }

  /** Ledger id and number of the entry there (P3). */
  idOf(index: number): { readonly ledgerId: number; readonly entryId: number } {
    const { id, first } = this.ledgerOf(index);
    return { ledgerId: id, entryId: index - first };
  }

  /** The index of an id, or of the first entry after it; the end when there is none. */
  indexOf(ledgerId: number, entryId: number): number {
    for (const { id, first, entries } of this.ledgers) {
      if (id < ledgerId) continue;
      if (id > ledgerId) return first;
      return first + Math.min(Math.max(entryId, 0), entries);
    }
    return this.end;
  }

  /** The first entry that was published at this time or later; the end when there is none (P57). */
  firstAt(timeUs: Micros): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as LedgerEntry).publishedAtUs >= timeUs) high = middle;
      else low = middle + 1;
    }
    return this.#base + low;
  }

  #open(now: Micros): void {
    this.ledgers.push({
      id: this.#newId(),
      first: this.end,
      openedAtUs: now,
      closedAtUs: -1,
      entries: 0,
      bytes: 0,
      offloadedAtUs: -1,
    });
  }
}
