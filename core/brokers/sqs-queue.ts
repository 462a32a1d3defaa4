/**
 * One SQS queue as data: what is in it, what is visible, who holds what until when. It decides and changes; `sqs.ts` records the facts, sends the
 * answers and sets the timers. Standard and FIFO differ in one thing only: which visible message may be handed out next.
 */
import { Fifo } from '../parts/fifo.ts';
import { Heap } from '../parts/heap.ts';
import { Numbered } from '../parts/numbered.ts';
import type { FactId, Message, Micros, PlaceId } from '../types.ts';

/** A message in a queue. `visibleAtUs` is when it can be received (again); later than now while delayed or in flight. */
export interface Entry {
  readonly message: Message;
  /** Names the sending; what a repeat within the dedup window is answered with. */
  readonly messageId: number;
  /** Position in the order of arrival, from 1 (S25). */
  readonly sequence: number;
  /** What retention counts from: the first enqueue, or the move to a FIFO dead-letter queue (S11). */
  readonly sentAtUs: Micros;
  readonly group: string;
  /** FIFO: what its message group knows of its own order. */
  readonly line: Group | null;
  /** FIFO: the next that came to the group. */
  next: Entry | undefined;
  /** ApproximateReceiveCount (S8). */
  receives: number;
  /** How many of them were in another queue, before it was moved here: a redrive policy counts those of its own queue (S9). */
  readonly before: number;
  state: 'delayed' | 'visible' | 'in flight' | 'gone';
  visibleAtUs: Micros;
  /** When the current receive happened; the 12 h of S4 count from here. */
  receivedAtUs: Micros;
  /** Actor that holds it, or held it last. */
  holder: number;
  /** The fact that put it into its present state. */
  fact: FactId;
  /** Where it came from, in a dead-letter queue (S10). */
  readonly source: PlaceId;
}

/** A message group: its messages in order, of which the first decides whether any can be received (S26, S27). */
interface Group {
  /** Where its first message is looked for: those before it are gone. */
  first: Entry | undefined;
  last: Entry | undefined;
  /** It waits in the row of open groups. */
  open: boolean;
}

/** A receipt handle is a message's sequence × this + the number of the receive (S5). */
const RECEIVES = 2 ** 22;

/** Delayed, visible, in flight, gone: receiving a message removes nothing (S1). */
export class SqsQueue {
  readonly fifo: boolean;
  /** Everything in order of arrival, by sequence. */
  readonly #all = new Numbered<Entry>();
  /** Standard: visible for the first time, in order of arrival. */
  readonly #fresh = new Fifo<Entry>();
  /** Standard: visible again, or after a delay, by arrival. */
  readonly #returned = new Heap<Entry>();
  readonly #groups = new Map<string, Group>();
  /** FIFO: groups whose first message is visible, in the order in which they became so; some may have closed since. */
  #open: Group[] = [];
  #nextOpen = 0;
  /** When something becomes visible (again). */
  readonly #deadlines = new Heap<Entry>();
  /** Messages that were moved here, by age: they may be older than what came before them. */
  readonly #moved = new Heap<Entry>();
  visible = 0;
  inFlight = 0;
  delayed = 0;

  constructor(fifo: boolean) {
    this.fifo = fifo;
  }

  add(
    message: Message,
    messageId: number,
    sentAtUs: Micros,
    visibleAtUs: Micros,
    now: Micros,
    group: string,
    source: PlaceId,
    receives: number,
  ): Entry {
    const line = this.fifo ? this.#lineOf(group) : null;
    const entry: Entry = {
      message,
      messageId,
      sequence: this.#all.next,
      sentAtUs,
      group,
      line,
      next: undefined,
      receives,
      before: source === 0 ? 0 : receives,
      state: 'delayed',
      visibleAtUs,
      receivedAtUs: 0,
      holder: 0,
      fact: 0,
      source,
    };
    this.#all.add(entry);
    if (sentAtUs < now) this.#moved.push(sentAtUs, entry);
    if (line !== null) {
      if (line.last === undefined) line.first = entry;
      else line.last.next = entry;
      line.last = entry;
    }
    if (visibleAtUs > now) {
      this.delayed++;
      this.#deadlines.push(visibleAtUs, entry);
      return entry;
    }
    entry.state = 'visible';
    this.visible++;
    if (this.fifo) this.#openIfFirst(entry);
    else this.#fresh.push(entry);
    return entry;
  }

  /** The message that a receive would get now, without taking it: the oldest visible one, or the first of the group that has been open longest. */
  peek(): Entry | undefined {
    if (this.fifo) return this.#peekGroups();
    while (this.#returned.size > 0 && this.#returned.least?.state !== 'visible') this.#returned.pop();
    let fresh = this.#fresh.first;
    for (; fresh !== undefined && fresh.state !== 'visible'; fresh = this.#fresh.first) this.#fresh.shift();
    const returned = this.#returned.least;
    if (fresh === undefined || returned === undefined) return returned ?? fresh;
    return returned.sequence < fresh.sequence ? returned : fresh;
  }

  /** Standard: a visible message that came for the first time and lies so many places behind the first of those; undefined when none does (S22). */
  peekBehind(places: number): Entry | undefined {
    for (let at = places; ; at++) {
      const entry = this.#fresh.after(at);
      if (entry === undefined || entry.state === 'visible') return entry;
    }
  }

  /** FIFO: the next one of the same group directly behind this one, if it is visible (S26). */
  successor(entry: Entry): Entry | undefined {
    const next = presentFrom(entry.next);
    return next?.state === 'visible' ? next : undefined;
  }

  /** Hands a visible message out; `postpone` must follow, which says until when. Returns its receipt handle. */
  receive(entry: Entry, holder: number, now: Micros): number {
    this.visible--;
    entry.receives++;
    entry.receivedAtUs = now;
    entry.holder = holder;
    entry.state = 'in flight';
    entry.visibleAtUs = Number.POSITIVE_INFINITY;
    this.inFlight++;
    const group = this.#open[this.#nextOpen];
    if (group !== undefined && firstOf(group) === entry) {
      group.open = false;
      this.#nextOpen++;
    }
    return entry.sequence * RECEIVES + (entry.receives % RECEIVES);
  }

  /** Whether this queue has given out such a receipt handle, as far as can be told from it. */
  hasIssued(receipt: number): boolean {
    const sequence = Math.floor(receipt / RECEIVES);
    return sequence > 0 && sequence < this.#all.next;
  }

  /** The message that a receipt handle names; undefined when it is gone. */
  find(receipt: number): Entry | undefined {
    return this.#all.get(sequenceOf(receipt));
  }

  /** Whether the handle is of the message's last receive. */
  isCurrent(entry: Entry, receipt: number): boolean {
    return receipt - sequenceOf(receipt) * RECEIVES === entry.receives % RECEIVES;
  }

  /** A message that was received will be visible at another time; now or earlier makes it visible at once. */
  postpone(entry: Entry, untilUs: Micros, now: Micros): void {
    if (entry.state === 'visible') {
      if (untilUs <= now) return;
      entry.state = 'in flight';
      this.visible--;
      this.inFlight++;
    }
    entry.visibleAtUs = untilUs;
    if (untilUs > now) this.#deadlines.push(untilUs, entry);
    else this.makeVisible(entry);
  }

  /** What is still delayed will be visible this long after it was sent (S16). */
  delayAnew(delayUs: Micros): void {
    for (const [, entry] of this.#all.entries()) {
      if (entry.state !== 'delayed') continue;
      entry.visibleAtUs = entry.sentAtUs + delayUs;
      this.#deadlines.push(entry.visibleAtUs, entry);
    }
  }

  makeVisible(entry: Entry): void {
    if (entry.state === 'in flight') this.inFlight--;
    else if (entry.state === 'delayed') this.delayed--;
    entry.state = 'visible';
    this.visible++;
    if (this.fifo) this.#openIfFirst(entry);
    else this.#returned.push(entry.sequence, entry);
  }

  /** Takes a message out for good. */
  remove(entry: Entry): void {
    if (entry.state === 'gone') return;
    if (entry.state === 'visible') this.visible--;
    else if (entry.state === 'in flight') this.inFlight--;
    else this.delayed--;
    entry.state = 'gone';
    this.#all.take(entry.sequence);
    if (entry.line === null) return;
    const first = firstOf(entry.line);
    if (first === undefined) this.#groups.delete(entry.group);
    else if (first.state === 'visible') this.#openIfFirst(first);
  }

  /** No message becomes visible before this time; Infinity when none will. Quicker than `nextDeadline`, as deadlines that are void count too. */
  get earliestDeadline(): Micros {
    return this.#deadlines.leastKey;
  }

  /** When the next delayed or in-flight message becomes visible; Infinity when none will. */
  nextDeadline(): Micros {
    for (;;) {
      const entry = this.#deadlines.least;
      if (entry === undefined) return Number.POSITIVE_INFINITY;
      if (isWaiting(entry, this.#deadlines.leastKey)) return this.#deadlines.leastKey;
      this.#deadlines.pop();
    }
  }

  /** Takes out one message whose delay or visibility timeout is over; it still has its old state. */
  takeDue(now: Micros): Entry | undefined {
    while (this.#deadlines.leastKey <= now) {
      const key = this.#deadlines.leastKey;
      const entry = this.#deadlines.pop();
      if (entry !== undefined && isWaiting(entry, key)) return entry;
    }
    return undefined;
  }

  /** The message that was sent first, which retention deletes first. */
  oldest(): Entry | undefined {
    while (this.#moved.least?.state === 'gone') this.#moved.pop();
    const moved = this.#moved.least;
    // Whatever was not moved here was sent when it arrived, so among those the first is the oldest.
    const first = this.#all.first;
    return moved === undefined || (first !== undefined && first.sentAtUs < moved.sentAtUs) ? first : moved;
  }

  /** Everything that is in the queue, in order of arrival. */
  entries(): Entry[] {
    return [...this.#all.entries()].map(([, entry]) => entry);
  }

  #lineOf(group: string): Group {
    let line = this.#groups.get(group);
    if (line === undefined) {
      line = { first: undefined, last: undefined, open: false };
      this.#groups.set(group, line);
    }
    return line;
  }

  /** S28: within a group the first comes first, also after a timeout; between groups whoever has been open longest. */
  #peekGroups(): Entry | undefined {
    for (; this.#nextOpen < this.#open.length; this.#nextOpen++) {
      const group = this.#open[this.#nextOpen] as Group;
      const first = firstOf(group);
      if (first?.state === 'visible') return first;
      group.open = false;
    }
    this.#open = [];
    this.#nextOpen = 0;
    return undefined;
  }

  /** FIFO: lets the group of a visible message into the row, if it is the group's first. */
  #openIfFirst(entry: Entry): void {
    const group = entry.line;
    if (group === null || group.open || firstOf(group) !== entry) return;
    group.open = true;
    if (this.#nextOpen > 255 && this.#nextOpen * 2 > this.#open.length) {
      this.#open = this.#open.slice(this.#nextOpen);
      this.#nextOpen = 0;
    }
    this.#open.push(group);
  }
}

/** The message that a receipt handle names, made an integer for the engine too: the remainder of two doubles is slow, and so is a list's element under one. */
function sequenceOf(receipt: number): number {
  return Math.floor(receipt / RECEIVES) | 0;
}

function isWaiting(entry: Entry, deadline: Micros): boolean {
  return entry.visibleAtUs === deadline && (entry.state === 'in flight' || entry.state === 'delayed');
}

function firstOf(group: Group): Entry | undefined {
  group.first = presentFrom(group.first);
  return group.first;
}

/** This message or the nearest after it in its group that is not gone. */
function presentFrom(entry: Entry | undefined): Entry | undefined {
  let present = entry;
  while (present?.state === 'gone') present = present.next;
  return present;
}
