/**
 * What a queue holds at one moment: the messages that are ready (in order), delayed, and locked, each copy with its history. It follows the facts and
 * decides nothing; a fact that fits no copy changes nothing. Every copy is a row in `Pages`, linked into one of three lists, so that each step is cheap,
 * and so is a copy of the whole queue.
 */
import type { ActorId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import { Pages } from './pages.ts';

export type QueueList = 'ready' | 'delayed' | 'locked';

/** One copy of a message in a queue. A producer's retry can put two copies of one message there. */
export interface QueueEntry {
  readonly message: MessageId;
  /** Deliveries so far; while locked, the number of the present one. */
  readonly attempt: number;
  /** The consumer that holds the lock; 0 when nobody does. */
  readonly holder: ActorId;
  /** When it became ready, delayed or locked. */
  readonly sinceUs: Micros;
  /** When the lock ends; 0 when there is no lock by time. */
  readonly untilUs: Micros;
  /** In a dead-letter queue: how often it had been delivered before it came here; else 0. */
  readonly receives: number;
}

const MESSAGE = 0;
const NEXT = 1;
const PREVIOUS = 2;
/** Another copy of the same message. */
const SIBLING = 3;
const STATUS = 4;
const HOLDER = 5;
const ATTEMPT = 6;
const SINCE = 7;
const UNTIL = 8;
const RECEIVES = 9;
const SIZE = 10;
const COLUMNS = 11;

const READY = 1;
const DELAYED = 2;
const LOCKED = 3;
const STATUSES: Readonly<Record<QueueList, number>> = { ready: READY, delayed: DELAYED, locked: LOCKED };

/** A row's number in `QueueState`, from 1; 0 is none. */
type Row = number;

export class QueueState {
  readonly place: PlaceId;
  /** Copies stored, ever. */
  appended = 0;
  /** Copies removed by an ack. */
  settled = 0;
  /** Copies that left for a dead-letter queue. */
  deadLettered = 0;
  /** Copies that left because they were too old. */
  expired = 0;
  /** Copies that a limit or a purge removed. */
  evicted = 0;
  /** Copies that a crash destroyed. */
  lost = 0;
  /** Copies that were moved elsewhere by a redrive. */
  redriven = 0;
  /** Messages that were refused or recognised as duplicates at the door. */
  refused = 0;
  /** Deliveries beyond a copy's first. */
  redelivered = 0;
  /** Bytes of what is stored now. */
  bytes = 0;
  /** The node that leads it, or owns it; 0 when none does, or nobody was ever elected. */
  leader: ActorId = 0;
  /** The term, or epoch, of the last election; 0 before the first. */
  term = 0;

  #rows: Pages;
  /** By message: its first copy here. */
  #first: Pages;
  #used = 0;
  #free: Row = 0;
  #heads = [0, 0, 0, 0];
  #tails = [0, 0, 0, 0];
  #lengths = [0, 0, 0, 0];

  constructor(place: PlaceId, rows = new Pages(COLUMNS), first = new Pages(1)) {
    this.place = place;
    this.#rows = rows;
    this.#first = first;
  }

  get ready(): number {
    return this.#lengths[READY] as number;
  }

  get delayed(): number {
    return this.#lengths[DELAYED] as number;
  }

  /** Delivered and not settled. */
  get locked(): number {
    return this.#lengths[LOCKED] as number;
  }

  /** All that is stored: ready, delayed and locked. */
  get depth(): number {
    return this.ready + this.delayed + this.locked;
  }

  lead(leader: ActorId, term: number): void {
    this.leader = leader;
    this.term = term;
  }

  /** Who stores or hands out while there is no leader is the one of before, which has its majority again: nobody is elected then. */
  servedBy(node: ActorId): void {
    if (this.leader === 0 && this.term > 0) this.leader = node;
  }

  /** The first copies of a list, in order: ready ones from the head of the queue, the others oldest first. */
  entries(list: QueueList, limit = Number.MAX_SAFE_INTEGER): QueueEntry[] {
    const out: QueueEntry[] = [];
    for (
      let row = this.#heads[STATUSES[list]] as Row;
      row !== 0 && out.length < limit;
      row = this.#rows.get(row, NEXT)
    ) {
      out.push(this.#entry(row));
    }
    return out;
  }

  /** Like `entries`, from the tail: what came last comes first. */
  lastEntries(list: QueueList, limit: number): QueueEntry[] {
    const out: QueueEntry[] = [];
    for (
      let row = this.#tails[STATUSES[list]] as Row;
      row !== 0 && out.length < limit;
      row = this.#rows.get(row, PREVIOUS)
    ) {
      out.push(this.#entry(row));
    }
    return out;
  }

  holds(message: MessageId): boolean {
    return this.#first.get(message, 0) !== 0;
  }

  /** `behind`: how many ready messages come after it, where there are priorities. */
  append(message: MessageId, sizeBytes: number, time: Micros, isDelayed: boolean, receives: number, behind = 0): void {
    let row = this.#free;
    if (row === 0) row = ++this.#used;
    else this.#free = this.#rows.get(row, NEXT);
    const rows = this.#rows;
    rows.set(row, MESSAGE, message);
    rows.set(row, SIBLING, this.#first.get(message, 0));
    rows.set(row, HOLDER, 0);
    rows.set(row, ATTEMPT, 0);
    rows.set(row, SINCE, time);
    rows.set(row, UNTIL, 0);
    rows.set(row, RECEIVES, receives);
    rows.set(row, SIZE, sizeBytes);
    this.#first.set(message, 0, row);
    if (isDelayed) this.#pushBack(row, DELAYED);
    else this.#insert(row, this.ready - behind);
    this.appended++;
    this.bytes += sizeBytes;
  }

  becameVisible(message: MessageId, time: Micros): void {
    const row = this.#find(message, DELAYED, 0, 0);
    if (row === 0) return;
    this.#unlink(row);
    this.#rows.set(row, SINCE, time);
    this.#pushBack(row, READY);
  }

  deliver(message: MessageId, holder: ActorId, attempt: number, time: Micros, until: Micros): void {
    const row = this.#find(message, READY, 0, attempt - 1);
    if (row === 0) return;
    this.#unlink(row);
    const rows = this.#rows;
    rows.set(row, HOLDER, holder);
    rows.set(row, ATTEMPT, attempt);
    rows.set(row, SINCE, time);
    rows.set(row, UNTIL, until);
    this.#pushBack(row, LOCKED);
    if (attempt > 1) this.redelivered++;
  }

  extend(message: MessageId, holder: ActorId, until: Micros): void {
    const row = this.#find(message, LOCKED, holder, 0);
    if (row !== 0) this.#rows.set(row, UNTIL, until);
  }

  /** Its lock is gone: ready at `position` from the head. */
  release(message: MessageId, holder: ActorId, attempt: number, position: number, time: Micros): void {
    let row = this.#find(message, LOCKED, holder, attempt);
    if (row === 0) row = this.#find(message, READY, 0, attempt);
    if (row === 0) return;
    this.#unlink(row);
    this.#rows.set(row, HOLDER, 0);
    this.#rows.set(row, SINCE, time);
    this.#rows.set(row, UNTIL, 0);
    this.#insert(row, position);
  }

  /** One copy leaves: the one locked by `holder` at `attempt` if there is such a one, else the likeliest. False when there is none. */
  remove(message: MessageId, holder: ActorId, attempt: number): boolean {
    let row = this.#find(message, LOCKED, holder, attempt);
    if (row === 0) row = this.#find(message, READY, 0, attempt);
    if (row === 0) row = this.#first.get(message, 0);
    if (row === 0) return false;
    this.#unlink(row);
    this.#forget(row, message);
    return true;
  }

  fork(): QueueState {
    const copy = new QueueState(this.place, this.#rows.fork(), this.#first.fork());
    copy.appended = this.appended;
    copy.settled = this.settled;
    copy.deadLettered = this.deadLettered;
    copy.expired = this.expired;
    copy.evicted = this.evicted;
    copy.lost = this.lost;
    copy.redriven = this.redriven;
    copy.refused = this.refused;
    copy.redelivered = this.redelivered;
    copy.bytes = this.bytes;
    copy.leader = this.leader;
    copy.term = this.term;
    copy.#used = this.#used;
    copy.#free = this.#free;
    copy.#heads = this.#heads.slice();
    copy.#tails = this.#tails.slice();
    copy.#lengths = this.#lengths.slice();
    return copy;
  }

  /** Bytes that a fork now would add to those that earlier forks hold, about. */
  get forkBytes(): number {
    const pointers = this.#rows.pages.length + this.#first.pages.length;
    return pointers * 9 + this.#rows.madeBytes + this.#first.madeBytes;
  }

  #entry(row: Row): QueueEntry {
    const rows = this.#rows;
    return {
      message: rows.get(row, MESSAGE),
      attempt: rows.get(row, ATTEMPT),
      holder: rows.get(row, HOLDER),
      sinceUs: rows.get(row, SINCE),
      untilUs: rows.get(row, UNTIL),
      receives: rows.get(row, RECEIVES),
    };
  }

  /** The copy in this list that fits best: that holder (0: any) and attempt, else that holder, else any. */
  #find(message: MessageId, status: number, holder: ActorId, attempt: number): Row {
    const rows = this.#rows;
    let second = 0;
    let third = 0;
    for (let row = this.#first.get(message, 0); row !== 0; row = rows.get(row, SIBLING)) {
      if (rows.get(row, STATUS) !== status) continue;
      const holderFits = holder === 0 || rows.get(row, HOLDER) === holder;
      if (holderFits && rows.get(row, ATTEMPT) === attempt) return row;
      // The oldest copy is the last of its chain, and the likelier one.
      if (holderFits) second = row;
      else third = row;
    }
    return second === 0 ? third : second;
  }

  #pushBack(row: Row, status: number): void {
    const rows = this.#rows;
    const tail = this.#tails[status] as Row;
    rows.set(row, STATUS, status);
    rows.set(row, PREVIOUS, tail);
    rows.set(row, NEXT, 0);
    if (tail === 0) this.#heads[status] = row;
    else rows.set(tail, NEXT, row);
    this.#tails[status] = row;
    this.#lengths[status] = (this.#lengths[status] as number) + 1;
  }

  /** Into the ready list, walking from whichever end is nearer. */
  #insert(row: Row, position: number): void {
    const length = this.ready;
    if (position >= length) {
      this.#pushBack(row, READY);
      return;
    }
    const rows = this.#rows;
    let after: Row;
    if (position <= length >> 1) {
      after = this.#heads[READY] as Row;
      for (let i = 0; i < position; i++) after = rows.get(after, NEXT);
    } else {
      after = this.#tails[READY] as Row;
      for (let i = length - 1; i > position; i--) after = rows.get(after, PREVIOUS);
    }
    const before = rows.get(after, PREVIOUS);
    rows.set(row, STATUS, READY);
    rows.set(row, PREVIOUS, before);
    rows.set(row, NEXT, after);
    rows.set(after, PREVIOUS, row);
    if (before === 0) this.#heads[READY] = row;
    else rows.set(before, NEXT, row);
    this.#lengths[READY] = length + 1;
  }

  #unlink(row: Row): void {
    const rows = this.#rows;
    const status = rows.get(row, STATUS);
    const before = rows.get(row, PREVIOUS);
    const after = rows.get(row, NEXT);
    if (before === 0) this.#heads[status] = after;
    else rows.set(before, NEXT, after);
    if (after === 0) this.#tails[status] = before;
    else rows.set(after, PREVIOUS, before);
    this.#lengths[status] = (this.#lengths[status] as number) - 1;
  }

  #forget(row: Row, message: MessageId): void {
    const rows = this.#rows;
    const sibling = rows.get(row, SIBLING);
    let at = this.#first.get(message, 0);
    if (at === row) this.#first.set(message, 0, sibling);
    else {
      while (rows.get(at, SIBLING) !== row) at = rows.get(at, SIBLING);
      rows.set(at, SIBLING, sibling);
    }
    this.bytes -= rows.get(row, SIZE);
    rows.set(row, STATUS, 0);
    rows.set(row, NEXT, this.#free);
    this.#free = row;
  }
}
