/**
 * One SQS queue as data: what is in it, what is visible, who holds what until when. It decides and changes; `sqs.ts` records the facts, sends the
 * answers and sets the timers. Standard and FIFO differ in one thing only: which visible message may be handed out next.
 */
import { Heap } from '../parts/heap.ts';
import { Numbered } from '../parts/numbered.ts';
import type { FactId, Message, Micros, PlaceId } from '../types.ts';

/** A message in a queue. `visibleAtUs` is when it can be received (again); later than now while delayed or in flight. */
export interface Entry {
  readonly message: Message;
  /** Names the sending; what a repeat within the dedup window is answered with. */
  readonly messageId: string;
  /** Position in the order of arrival, from 1 (S25). */
  readonly sequence: number;
  /** Set back by a FIFO move to a dead-letter queue (S11). */
  readonly sentAtUs: Micros;
  readonly group: string;
  readonly dedupId: string;
  /** ApproximateReceiveCount (S8). */
  receives: number;
  state: 'delayed' | 'visible' | 'in flight' | 'gone';
  visibleAtUs: Micros;
  /** When the current receive happened; the 12 h of S4 count from here. */
  receivedAtUs: Micros;
  /** Number of the current or last receive in this queue; the receipt handle is made of it (S5). */
  receipt: number;
  /** Actor that holds it, or held it last. */
  holder: number;
  /** The fact that put it into its present state. */
  fact: FactId;
  /** Where it came from, in a dead-letter queue (S10). */
  readonly source: PlaceId;
}

/** The waiting messages of one message group, in order; the first may be in flight (S26). */
interface Group {
  entries: Entry[];
  first: number;
}

export class SqsQueue {
  readonly place: PlaceId;
  readonly fifo: boolean;
  /** All that is in the queue, by receipt number of its last receive. */
  readonly #received = new Numbered<Entry>();
  /** Everything in order of arrival; entries that are gone are skipped and dropped from the front. */
  #all: Entry[] = [];
  #oldest = 0;
  /** Standard: visible for the first time, in order of arrival. */
  #fresh: Entry[] = [];
  #nextFresh = 0;
  /** Standard: visible again, by arrival. FIFO: groups whose first message may be visible, by its arrival. */
  readonly #returned = new Heap<Entry>();
  readonly #openGroups = new Heap<Group>();
  readonly #groups = new Map<string, Group>();
  /** When something becomes visible (again). */
  readonly #deadlines = new Heap<Entry>();
  #sequence = 0;
  visible = 0;
  inFlight = 0;
  delayed = 0;

  constructor(place: PlaceId, fifo: boolean) {
    this.place = place;
    this.fifo = fifo;
  }

  add(
    message: Message,
    sentAtUs: Micros,
    visibleAtUs: Micros,
    now: Micros,
    group: string,
    dedupId: string,
    messageId: string,
    source: PlaceId,
    receives: number,
  ): Entry {
    const entry: Entry = {
      message,
      messageId,
      sequence: ++this.#sequence,
      sentAtUs,
      group,
      dedupId,
      receives,
      state: visibleAtUs > now ? 'delayed' : 'visible',
      visibleAtUs,
      receivedAtUs: 0,
      receipt: 0,
      holder: 0,
      fact: 0,
      source,
    };
    this.#all.push(entry);
    if (this.fifo) {
      let line = this.#groups.get(group);
      if (line === undefined) {
        line = { entries: [], first: 0 };
        this.#groups.set(group, line);
      }
      line.entries.push(entry);
      if (line.entries.length - line.first === 1) this.#openGroups.push(entry.sequence, line);
    }
    if (entry.state === 'delayed') {
      this.delayed++;
      this.#deadlines.push(visibleAtUs, entry);
    } else {
      this.visible++;
      if (!this.fifo) this.#fresh.push(entry);
    }
    return entry;
  }

  /** The message that a receive would get now, without taking it. */
  peek(): Entry | undefined {
    if (!this.fifo) {
      this.#skip();
      const returned = this.#returned.least;
      return returned ?? this.#fresh[this.#nextFresh];
    }
    for (;;) {
      const line = this.#openGroups.least;
      if (line === undefined) return undefined;
      const first = firstOf(line);
      if (first?.state === 'visible' && first.sequence === this.#openGroups.leastKey) return first;
      this.#openGroups.pop();
      if (first?.state === 'visible') this.#openGroups.push(first.sequence, line);
    }
  }

  /** FIFO: the next visible one of the same group directly behind this one (S26); undefined when another comes first or it is not visible. */
  successor(entry: Entry): Entry | undefined {
    const line = this.#groups.get(entry.group);
    if (line === undefined) return undefined;
    for (let i = line.first; i < line.entries.length; i++) {
      const other = line.entries[i] as Entry;
      if (other.sequence <= entry.sequence || other.state === 'gone') continue;
      return other.state === 'visible' ? other : undefined;
    }
    return undefined;
  }

  /** Hands a visible message out; `postpone` must follow, which says until when. Returns its receipt number. */
  receive(entry: Entry, holder: number, now: Micros): number {
    this.#leaveVisible(entry);
    entry.receives++;
    entry.receivedAtUs = now;
    entry.holder = holder;
    this.#received.take(entry.receipt);
    entry.receipt = this.#received.add(entry);
    entry.state = 'in flight';
    entry.visibleAtUs = Number.POSITIVE_INFINITY;
    this.inFlight++;
    return entry.receipt;
  }

  /** The entry whose last receive has this number. */
  held(receipt: number): Entry | undefined {
    return this.#received.get(receipt);
  }

  /** An in-flight message will be visible at another time; now or earlier makes it visible at once. */
  postpone(entry: Entry, untilUs: Micros, now: Micros): void {
    if (entry.state === 'visible') {
      this.#leaveVisible(entry);
      entry.state = 'in flight';
      this.inFlight++;
    }
    entry.visibleAtUs = untilUs;
    if (untilUs > now) this.#deadlines.push(untilUs, entry);
    else this.makeVisible(entry);
  }

  makeVisible(entry: Entry): void {
    if (entry.state === 'in flight') this.inFlight--;
    else if (entry.state === 'delayed') this.delayed--;
    entry.state = 'visible';
    this.visible++;
    if (!this.fifo) this.#returned.push(entry.sequence, entry);
    else {
      const line = this.#groups.get(entry.group);
      if (line !== undefined && firstOf(line) === entry) this.#openGroups.push(entry.sequence, line);
    }
  }

  /** Takes a message out for good. */
  remove(entry: Entry): void {
    if (entry.state === 'gone') return;
    if (entry.state === 'visible') this.#leaveVisible(entry);
    else if (entry.state === 'in flight') this.inFlight--;
    else this.delayed--;
    entry.state = 'gone';
    this.#received.take(entry.receipt);
    if (this.#all[this.#oldest] === entry) this.oldest();
    if (!this.fifo) return;
    const line = this.#groups.get(entry.group);
    if (line === undefined) return;
    const first = firstOf(line);
    if (first === undefined) this.#groups.delete(entry.group);
    else if (first.state === 'visible') this.#openGroups.push(first.sequence, line);
  }

  /** When the next delayed or in-flight message becomes visible; Infinity when none will. */
  nextDeadline(): Micros {
    for (;;) {
      const entry = this.#deadlines.least;
      if (entry === undefined) return Number.POSITIVE_INFINITY;
      if (this.#isWaiting(entry, this.#deadlines.leastKey)) return this.#deadlines.leastKey;
      this.#deadlines.pop();
    }
  }

  /** Takes out one message whose delay or visibility timeout is over; it still has its old state. */
  takeDue(now: Micros): Entry | undefined {
    while (this.#deadlines.leastKey <= now) {
      const key = this.#deadlines.leastKey;
      const entry = this.#deadlines.pop();
      if (entry !== undefined && this.#isWaiting(entry, key)) return entry;
    }
    return undefined;
  }

  /** The oldest message of all, which retention deletes first. */
  oldest(): Entry | undefined {
    for (; this.#oldest < this.#all.length; this.#oldest++) {
      const entry = this.#all[this.#oldest] as Entry;
      if (entry.state !== 'gone') {
        this.#compact();
        return entry;
      }
    }
    this.#all = [];
    this.#oldest = 0;
    return undefined;
  }

  /** Everything that is in the queue, in order of arrival. */
  *entries(): Generator<Entry> {
    for (let i = this.#oldest; i < this.#all.length; i++) {
      const entry = this.#all[i] as Entry;
      if (entry.state !== 'gone') yield entry;
    }
  }

  #isWaiting(entry: Entry, deadline: Micros): boolean {
    return entry.visibleAtUs === deadline && (entry.state === 'in flight' || entry.state === 'delayed');
  }

  #leaveVisible(entry: Entry): void {
    this.visible--;
    if (this.fifo) return;
    if (this.#returned.least === entry) this.#returned.pop();
    else if (this.#fresh[this.#nextFresh] === entry) this.#nextFresh++;
    // Anything else is taken from the middle (deleted by an old handle, expired): `#skip` drops it when it comes up.
  }

  /** Standard: drops from both fronts what is no longer visible. */
  #skip(): void {
    while (this.#returned.size > 0 && this.#returned.least?.state !== 'visible') this.#returned.pop();
    while (this.#nextFresh < this.#fresh.length && this.#fresh[this.#nextFresh]?.state !== 'visible') this.#nextFresh++;
    if (this.#nextFresh === this.#fresh.length) {
      this.#fresh = [];
      this.#nextFresh = 0;
    } else if (this.#nextFresh > 1024 && this.#nextFresh * 2 > this.#fresh.length) {
      this.#fresh = this.#fresh.slice(this.#nextFresh);
      this.#nextFresh = 0;
    }
  }

  #compact(): void {
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#all.length) {
      this.#all = this.#all.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}

function firstOf(line: Group): Entry | undefined {
  while (line.first < line.entries.length && line.entries[line.first]?.state === 'gone') line.first++;
  if (line.first > 256 && line.first * 2 > line.entries.length) {
    line.entries = line.entries.slice(line.first);
    line.first = 0;
  }
  return line.entries[line.first];
}
