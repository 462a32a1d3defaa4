/**
 * The messages that one Google Pub/Sub subscription keeps, and which of them may be handed out next. A message is ready, outstanding (somebody holds it until an ack
 * deadline), backing off after a failure, or acked and kept for a seek. With message ordering, a key is a row: it is handed out from the front, to one holder
 * at a time, and what comes back takes all that follows it in the row along. The owner records facts, sets timers and decides who gets what.
 * Source: rules G3–G5, G7, G10–G15.
 */
import type { ActorId, FactId, Message, Micros } from '../types.ts';
import { Fifo } from './fifo.ts';
import { Heap } from './heap.ts';
import { Numbered } from './numbered.ts';
import type { Attributes } from './pubsub-filter.ts';

/** A message as a topic published it; shared by all of the topic's subscriptions. */
export interface Published {
  readonly message: Message;
  /** Names the publishing and grows with it: a message that is published twice has two (G13). */
  readonly messageId: number;
  readonly publishedAtUs: Micros;
  /** Ordering key; '' for none. */
  readonly key: string;
  readonly attributes: Attributes;
}

/** Whoever holds messages: a stream, one answer to a pull, one push. The backlog counts what it holds. */
export interface Holder {
  readonly actor: ActorId;
  /** A stream gets the rest of a key while it holds some of it; an answer to a pull or a push is all that it ever gets. */
  readonly staysOpen: boolean;
  held: number;
  heldBytes: number;
  /** Keys of which it holds messages and whose next one is ready. */
  readonly rows: Fifo<KeyRow>;
}

export interface Entry {
  readonly published: Published;
  /** Names it here; part of its ack ids. */
  readonly sequence: number;
  readonly row: KeyRow | null;
  state: 'ready' | 'outstanding' | 'backing off' | 'acked' | 'gone';
  deliveries: number;
  /** Nacks and expired deadlines, which retry policy and dead-letter policy count (G7, G8). */
  failures: number;
  /** When the ack deadline, or the backoff, is over. */
  dueUs: Micros;
  /** Who holds it, or held it last. */
  holder: Holder | null;
  /** The fact that put it into its present state. */
  fact: FactId;
}

/** The messages of one ordering key, in order of publishing, from the first that is not acked on. */
export interface KeyRow {
  readonly key: string;
  entries: Entry[];
  /** Before this one all are acked or gone; the next to be handed out is `next`. */
  first: number;
  next: number;
  outstanding: number;
  holder: Holder | null;
  /** It waits in the line of keys that anybody may take. */
  inLine: boolean;
  /** It waits at this holder, whose row may still name it when it has gone elsewhere. */
  waitsAt: Holder | null;
}

/** An ack id is a message's sequence × this + the number of the delivery. */
const DELIVERIES = 2 ** 22;
const NONE: readonly Entry[] = [];

export class PubsubBacklog {
  readonly #ordered: boolean;
  #exactlyOnce: boolean;
  #retainsAcked: boolean;
  /** Everything that is kept, by sequence. */
  readonly #all = new Numbered<Entry>();
  /** Without a key: ready for the first time, in order of publishing. */
  readonly #fresh = new Fifo<Entry>();
  /** Without a key: ready again, by message id. */
  readonly #returned = new Heap<Entry>();
  readonly #rows = new Map<string, KeyRow>();
  /** Keys that nobody holds and whose first message is ready; some may have been taken since. */
  readonly #line = new Fifo<KeyRow>();
  readonly #deadlines = new Heap<Entry>();
  /** What came later than messages that were published after it (by a seek), by age. */
  readonly #late = new Heap<Entry>();
  #newestUs: Micros = 0;
  ready = 0;
  outstanding = 0;

  /** `ordered`: enable_message_ordering. `exactlyOnce`: what was acked never comes back with its key (G13). `retainsAcked`: retain_acked_messages. */
  constructor(ordered: boolean, exactlyOnce: boolean, retainsAcked: boolean) {
    this.#ordered = ordered;
    this.#exactlyOnce = exactlyOnce;
    this.#retainsAcked = retainsAcked;
  }

  /** Both settings may change while there are messages: what is acked and no longer retained is forgotten, save what an earlier one of its key may bring back. */
  keep(exactlyOnce: boolean, retainsAcked: boolean): void {
    const forgets = this.#retainsAcked && !retainsAcked;
    this.#exactlyOnce = exactlyOnce;
    this.#retainsAcked = retainsAcked;
    if (!forgets) return;
    for (const [sequence, { state, row, published }] of this.#all.entries()) {
      const unacked = row?.entries[row.first]?.published;
      const isBehind = unacked !== undefined && unacked.messageId < published.messageId;
      if (state === 'acked' && !isBehind) this.#all.take(sequence);
    }
    for (const row of [...this.#rows.values()])
      if (row.first === row.entries.length && row.outstanding === 0) this.#rows.delete(row.key);
  }

  add(published: Published): Entry {
    const { key, publishedAtUs } = published;
    const entry: Entry = {
      published,
      sequence: this.#all.next,
      row: this.#ordered && key !== '' ? this.#rowOf(key) : null,
      state: 'ready',
      deliveries: 0,
      failures: 0,
      dueUs: 0,
      holder: null,
      fact: 0,
    };
    this.#all.add(entry);
    const late = publishedAtUs < this.#newestUs;
    if (late) this.#late.push(publishedAtUs, entry);
    else this.#newestUs = publishedAtUs;
    this.ready++;
    if (entry.row !== null) {
      entry.row.entries.push(entry);
      this.#offer(entry.row);
    } else if (late) this.#returned.push(published.messageId, entry);
    else this.#fresh.push(entry);
    return entry;
  }

  /** What anybody may get next. */
  peek(): Entry | undefined {
    while (this.#returned.size > 0 && this.#returned.least?.state !== 'ready') this.#returned.pop();
    while (this.#fresh.size > 0 && this.#fresh.first?.state !== 'ready') this.#fresh.shift();
    let best = this.#fresh.first;
    const returned = this.#returned.least;
    if (returned !== undefined && (best === undefined || isBefore(returned, best))) best = returned;
    for (let row = this.#line.first; row !== undefined; row = this.#line.first) {
      const entry = row.outstanding === 0 ? nextOf(row) : undefined;
      if (entry !== undefined) return best === undefined || isBefore(entry, best) ? entry : best;
      row.inLine = false;
      this.#line.shift();
    }
    return best;
  }

  /** What this holder alone may get next: the rest of a key of which it holds messages (G10). */
  peekFor(holder: Holder): Entry | undefined {
    for (let row = holder.rows.first; row !== undefined; row = holder.rows.first) {
      const entry = row.holder === holder && row.outstanding > 0 ? nextOf(row) : undefined;
      if (entry !== undefined) return entry;
      if (row.waitsAt === holder) row.waitsAt = null;
      holder.rows.shift();
    }
    return undefined;
  }

  /** The next of the same key, if it is ready: the same answer to a pull may hold it too. */
  successor({ row }: Entry): Entry | undefined {
    return row === null ? undefined : nextOf(row);
  }

  /** Hands a ready message out until a deadline; returns its ack id. */
  lease(entry: Entry, holder: Holder, untilUs: Micros): number {
    this.ready--;
    this.outstanding++;
    entry.state = 'outstanding';
    entry.deliveries++;
    entry.holder = holder;
    holder.held++;
    holder.heldBytes += entry.published.message.sizeBytes;
    entry.dueUs = untilUs;
    this.#deadlines.push(untilUs, entry);
    const { row } = entry;
    if (row !== null) {
      row.outstanding++;
      row.holder = holder;
      this.#offer(row);
    }
    return entry.sequence * DELIVERIES + (entry.deliveries % DELIVERIES);
  }

  /** The message that an ack id names; undefined when it is gone, or when no such id was given out. */
  find(ackId: number): Entry | undefined {
    return this.#all.get(Math.floor(ackId / DELIVERIES));
  }

  /** Whether the ack id is of the delivery that is outstanding now. */
  isCurrent(entry: Entry, ackId: number): boolean {
    return entry.state === 'outstanding' && ackId % DELIVERIES === entry.deliveries % DELIVERIES;
  }

  /** Whether no earlier message of its key is unacked. */
  isFirstOfKey({ row, published }: Entry): boolean {
    return row === null || row.entries[row.first]?.published === published;
  }

  extend(entry: Entry, untilUs: Micros): void {
    entry.dueUs = untilUs;
    this.#deadlines.push(untilUs, entry);
  }

  /** It is done with; kept as acked if a seek, or an earlier message of its key that comes back, may want it again. */
  ack(entry: Entry): void {
    this.#leave(entry);
    entry.state = 'acked';
    if (entry.row === null) {
      if (!this.#retainsAcked) this.#all.take(entry.sequence);
    } else this.#trim(entry.row);
  }

  /** Outstanding or acked messages of the same key behind this one, in order: they will come again if it does (G11). */
  behind({ row, published }: Entry): readonly Entry[] {
    if (row === null) return NONE;
    let found: Entry[] | null = null;
    for (let i = row.entries.length - 1; i >= row.first; i--) {
      const other = row.entries[i] as Entry;
      if (other.published.messageId <= published.messageId) break;
      if (other.state !== 'outstanding' && (other.state !== 'acked' || this.#exactlyOnce)) continue;
      if (found === null) found = [other];
      else found.push(other);
    }
    return found?.reverse() ?? NONE;
  }

  /** An outstanding message comes back; later than now, it backs off until then and holds its key up. */
  release(entry: Entry, readyAtUs: Micros, now: Micros): void {
    this.#leave(entry);
    if (readyAtUs > now) {
      entry.state = 'backing off';
      entry.dueUs = readyAtUs;
      this.#deadlines.push(readyAtUs, entry);
    } else {
      entry.state = 'ready';
      this.ready++;
    }
    this.#comeBack(entry);
  }

  /** An outstanding or acked message behind one that came back is to be handed out again; a seek restores what is acked. */
  restore(entry: Entry): void {
    this.#leave(entry);
    entry.state = 'ready';
    this.ready++;
    this.#comeBack(entry);
  }

  /** The backoff is over. */
  endBackoff(entry: Entry): void {
    entry.state = 'ready';
    this.ready++;
    this.#comeBack(entry);
  }

  /** Takes a message out for good. */
  remove(entry: Entry): void {
    this.#leave(entry);
    entry.state = 'gone';
    this.#all.take(entry.sequence);
    if (entry.row !== null) this.#trim(entry.row);
  }

  /** When the next ack deadline or backoff is over; Infinity when there is none. */
  nextDueUs(): Micros {
    for (;;) {
      const entry = this.#deadlines.least;
      if (entry === undefined) return Number.POSITIVE_INFINITY;
      if (isWaiting(entry, this.#deadlines.leastKey)) return this.#deadlines.leastKey;
      this.#deadlines.pop();
    }
  }

  /** Takes out one message whose deadline or backoff is over; it still has its old state. */
  takeDue(now: Micros): Entry | undefined {
    while (this.#deadlines.leastKey <= now) {
      const key = this.#deadlines.leastKey;
      const entry = this.#deadlines.pop();
      if (entry !== undefined && isWaiting(entry, key)) return entry;
    }
    return undefined;
  }

  /** What was published first of all that is kept, acked or not. */
  oldest(): Entry | undefined {
    while (this.#late.least?.state === 'gone') this.#late.pop();
    const late = this.#late.least;
    const first = this.#all.first;
    const lateUs = late?.published.publishedAtUs ?? Number.POSITIVE_INFINITY;
    return first === undefined || lateUs < first.published.publishedAtUs ? late : first;
  }

  /** Everything that is kept, in order of publishing. */
  entries(): Entry[] {
    const entries: Entry[] = [];
    for (const [, entry] of this.#all.entries()) entries.push(entry);
    return entries.sort((a, b) => a.published.messageId - b.published.messageId);
  }

  /** After a seek, which may have brought back what is older than the rest: keys are put in order anew. */
  reorder(): void {
    for (const row of this.#rows.values()) row.entries = [];
    for (const entry of this.entries()) entry.row?.entries.push(entry);
    for (const row of this.#rows.values()) {
      row.first = 0;
      row.next = 0;
      this.#trim(row);
    }
  }

  #rowOf(key: string): KeyRow {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { key, entries: [], first: 0, next: 0, outstanding: 0, holder: null, inLine: false, waitsAt: null };
      this.#rows.set(key, row);
    }
    return row;
  }

  /** Takes a message out of the counts of its state. */
  #leave(entry: Entry): void {
    if (entry.state === 'ready') this.ready--;
    if (entry.state !== 'outstanding') return;
    this.outstanding--;
    const { holder, row } = entry;
    if (holder !== null) {
      holder.held--;
      holder.heldBytes -= entry.published.message.sizeBytes;
    }
    if (row !== null) row.outstanding--;
  }

  #comeBack(entry: Entry): void {
    const { row } = entry;
    if (row === null) {
      if (entry.state === 'ready') this.#returned.push(entry.published.messageId, entry);
      return;
    }
    const at = indexOf(row, entry);
    if (at < row.next) row.next = at;
    this.#offer(row);
  }

  /** Forgets the acked ones at the front of a key. */
  #trim(row: KeyRow): void {
    for (; row.first < row.entries.length; row.first++) {
      const entry = row.entries[row.first] as Entry;
      if (entry.state !== 'acked' && entry.state !== 'gone') break;
      if (entry.state === 'acked' && !this.#retainsAcked) this.#all.take(entry.sequence);
    }
    if (row.next < row.first) row.next = row.first;
    if (row.first === row.entries.length && row.outstanding === 0) {
      row.entries = [];
      row.first = 0;
      row.next = 0;
      // What is kept as acked goes on pointing to its row.
      if (!this.#retainsAcked) this.#rows.delete(row.key);
      return;
    }
    if (row.first > 255 && row.first * 2 > row.entries.length) {
      row.entries = row.entries.slice(row.first);
      row.next -= row.first;
      row.first = 0;
    }
    this.#offer(row);
  }

  /** Lets a key whose next message is ready wait in line, or at its holder. */
  #offer(row: KeyRow): void {
    const { holder } = row;
    if (row.outstanding === 0) row.holder = null;
    if (nextOf(row) === undefined) return;
    if (row.outstanding === 0) {
      if (row.inLine) return;
      row.inLine = true;
      this.#line.push(row);
    } else if (holder?.staysOpen === true && row.waitsAt !== holder) {
      row.waitsAt = holder;
      holder.rows.push(row);
    }
  }
}

/** The first of a key that is neither handed out nor acked, if it is ready. */
function nextOf(row: KeyRow): Entry | undefined {
  for (; row.next < row.entries.length; row.next++) {
    const entry = row.entries[row.next] as Entry;
    if (entry.state === 'ready') return entry;
    if (entry.state === 'backing off') return undefined;
  }
  return undefined;
}

/** Rows are in order of message ids. */
function indexOf(row: KeyRow, { published }: Entry): number {
  let low = row.first;
  let high = row.entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((row.entries[middle] as Entry).published.messageId < published.messageId) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.published.messageId < other.published.messageId;
}

function isWaiting(entry: Entry, dueUs: Micros): boolean {
  return entry.dueUs === dueUs && (entry.state === 'outstanding' || entry.state === 'backing off');
}
