/**
 * How entries get into a ledger: at once where bookies are left out of the picture, else by writing each to the Qw bookies of its stripe and waiting for Qa
 * of them. Entries count as stored in their order. A bookie that fails is replaced in the ensemble if there is another; without one, writes stall.
 * A new owner first fences the ledger and learns from its bookies what a former owner had written.
 * Source: P5, P9–P11.
 */
import { F, R } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { LedgerEntry } from '../parts/managed-ledger.ts';
import type { FactId, MessageId, Micros } from '../types.ts';
import type { PulsarCluster, Segment, TopicInfo } from './pulsar-cluster.ts';
import type { ProducerSession, PulsarTopic } from './pulsar-topic.ts';
import type { BookieAnswer, BookieRequest, HeldEntry, Send } from './pulsar-wires.ts';

export interface EntryWriter {
  write(entry: LedgerEntry, session: ProducerSession, send: Send, out: Out): void;
  /** Bookies need nothing before this entry any more: it is deleted, or in tiered storage. */
  trim(start: number, out: Out): void;
  close(): void;
}

/** Without bookies in the picture: stored safely and at once. */
export class DirectWriter implements EntryWriter {
  topic!: PulsarTopic;

  write(entry: LedgerEntry, session: ProducerSession, send: Send, out: Out): void {
    this.topic.stored(entry, session, send, out.cause, out);
  }

  trim(): void {}

  close(): void {}
}

/** Which bookies this broker takes for alive. */
export interface BookieView {
  isUp(bookie: number): boolean;
  /** A write to it got no answer in time. */
  suspect(bookie: number, out: Out): void;
}

/** What a send waits for, until its entry is stored. */
interface Writing {
  readonly entry: LedgerEntry;
  readonly session: ProducerSession;
  readonly send: Send;
  readonly cause: FactId;
  readonly index: number;
  /** Bit i: bookie i has it. */
  stored: number;
}

/** What a failed bookie held, on its way to a spare one: until that has it, the failed one counts as its holder. */
interface Copying {
  spare: number;
  readonly failed: number;
  readonly segments: readonly Segment[];
}

export interface WriterTimer extends Wire {
  readonly type: 'pulsar/add-timeout';
  readonly writer: BookieWriter;
}

export class BookieWriter implements EntryWriter {
  topic!: PulsarTopic;
  readonly #cluster: PulsarCluster;
  readonly #info: TopicInfo;
  readonly #epoch: number;
  readonly #view: BookieView;
  /** Written and not stored yet, in order. */
  #open: Writing[] = [];
  #first = 0;
  #ensemble: number[] = [];
  /** By bookie: adds that it has not answered, and since when it is silent. */
  readonly #unanswered: number[] = [];
  readonly #silentSinceUs: Micros[] = [];
  #copies: Copying[] = [];
  #armed = false;
  #closed = false;

  constructor(cluster: PulsarCluster, info: TopicInfo, epoch: number, view: BookieView) {
    this.#cluster = cluster;
    this.#info = info;
    this.#epoch = epoch;
    this.#view = view;
  }

  /** Writes stall: fewer bookies are up than an ensemble needs (P11). */
  get isStalled(): boolean {
    return (
      this.#ensemble.length < this.#cluster.settings.ensemble || this.#ensemble.some((one) => !this.#view.isUp(one))
    );
  }

  /** Takes an ensemble for a new ledger, as far as there are bookies; the first ones by the topic's number, so that topics spread. */
  begin(): void {
    this.#ensemble = [];
    this.#complete();
  }

  write(entry: LedgerEntry, session: ProducerSession, send: Send, out: Out): void {
    const index = this.#info.ledger.end + this.#open.length - this.#first;
    entry.index = index;
    const writing: Writing = { entry, session, send, cause: out.cause, index, stored: 0 };
    this.#open.push(writing);
    if (!this.isStalled) this.#send(writing, 0, out);
    this.#arm(out);
  }

  added({ index, ok }: Extract<BookieAnswer, { type: 'bookie/added' }>, bookie: number, out: Out): void {
    if (this.#closed) return;
    this.#unanswered[bookie] = Math.max(0, (this.#unanswered[bookie] ?? 0) - 1);
    this.#silentSinceUs[bookie] = out.now;
    // A newer owner has fenced the ledger.
    if (!ok) return this.topic.abandon(R['leader moved'], out);
    const writing = this.#open[this.#first + index - this.#info.ledger.end];
    if (writing === undefined || writing.index !== index) return;
    writing.stored |= 1 << bookie;
    this.#advance(out);
  }

  /** A spare bookie has what it was sent: it stands for the failed one from now on. */
  copied(bookie: number, epoch: number): void {
    if (this.#closed || epoch !== this.#epoch) return;
    for (const copying of this.#copies) if (copying.spare === bookie) takeOver(copying);
    this.#copies = this.#copies.filter(({ spare }) => spare !== bookie);
  }

  /** A bookie is gone: another takes its place from here on, and gets what it had (P11). */
  lostBookie(bookie: number, out: Out): void {
    if (!this.#ensemble.includes(bookie)) return;
    this.#repair(out);
  }

  /** A bookie is there (again). */
  foundBookie(out: Out): void {
    this.#repair(out);
  }

  /** A bookie of the ensemble that owes an answer for too long counts as failed, even if the others are quorum enough (P11). */
  timer(out: Out): void {
    this.#armed = false;
    if (this.#closed) return;
    const { addEntryTimeoutUs } = this.#cluster.settings;
    for (const bookie of [...this.#ensemble]) {
      const silentUs = out.now - (this.#silentSinceUs[bookie] ?? out.now);
      if (!this.#owes(bookie) || silentUs < addEntryTimeoutUs || !this.#view.isUp(bookie)) continue;
      this.#unanswered[bookie] = 0;
      this.#view.suspect(bookie, out);
    }
    for (const copying of this.#copies) this.#copy(copying, out);
    this.#arm(out);
  }

  #owes(bookie: number): boolean {
    return (this.#unanswered[bookie] ?? 0) > 0;
  }

  trim(start: number, out: Out): void {
    const { segments, number } = this.#info;
    while (segments.length > 1 && (segments[1]?.from ?? 0) <= start) segments.shift();
    const held = new Set(segments.flatMap(({ ensemble }) => ensemble));
    for (const bookie of held) this.#say(bookie, { type: 'bookie/trim', topic: number, start }, 0, out);
  }

  close(): void {
    this.#closed = true;
    this.#open = [];
    this.#first = 0;
    this.#copies = [];
  }

  #advance(out: Out): void {
    const { ackQuorum } = this.#cluster.settings;
    for (let writing = this.#open[this.#first]; writing !== undefined; writing = this.#open[this.#first]) {
      if (bits(writing.stored) < ackQuorum || this.#closed) return;
      this.#first++;
      if (this.#first > 255 && this.#first * 2 > this.#open.length) {
        this.#open = this.#open.slice(this.#first);
        this.#first = 0;
      }
      this.topic.stored(writing.entry, writing.session, writing.send, writing.cause, out);
    }
  }

  /** Fills the ensemble with bookies that are up. */
  #complete(): void {
    const { bookies } = this.#cluster;
    const { ensemble } = this.#cluster.settings;
    const start = this.#info.number % Math.max(1, bookies.length);
    for (let i = 0; i < bookies.length && this.#ensemble.length < ensemble; i++) {
      const bookie = (start + i) % bookies.length;
      if (this.#view.isUp(bookie) && !this.#ensemble.includes(bookie)) this.#ensemble.push(bookie);
    }
    if (this.#ensemble.length === ensemble && !this.isStalled) this.#noteSegment();
  }

  #noteSegment(): void {
    const { segments, ledger } = this.#info;
    if (segments.at(-1)?.from === ledger.end) segments.pop();
    segments.push({ from: ledger.end, ensemble: [...this.#ensemble] });
  }

  #repair(out: Out): void {
    if (this.#closed) return;
    const { bookies } = this.#cluster;
    if (this.#ensemble.length < this.#cluster.settings.ensemble) this.#complete();
    for (let slot = 0; slot < this.#ensemble.length; slot++) {
      const failed = this.#ensemble[slot] as number;
      if (this.#view.isUp(failed)) continue;
      let spare = -1;
      for (let i = 0; i < bookies.length && spare < 0; i++)
        if (this.#view.isUp(i) && !this.#ensemble.includes(i)) spare = i;
      if (spare < 0) continue;
      this.#ensemble[slot] = spare;
      this.#copyTo(spare, failed, out);
    }
    if (this.isStalled) return;
    this.#noteSegment();
    for (let i = this.#first; i < this.#open.length; i++) {
      const writing = this.#open[i] as Writing;
      this.#send(writing, writing.stored, out);
    }
    this.#advance(out);
    this.#arm(out);
  }

  /** What the failed bookie held of this topic goes to another one, and what was on its way to it. */
  #copyTo(spare: number, failed: number, out: Out): void {
    for (const copying of this.#copies) {
      if (copying.spare !== failed) continue;
      copying.spare = spare;
      this.#copy(copying, out);
    }
    const segments = this.#info.segments.filter(
      ({ ensemble }) => ensemble.includes(failed) && !ensemble.includes(spare),
    );
    if (segments.length === 0) return;
    const copying: Copying = { spare, failed, segments };
    this.#copies.push(copying);
    this.#copy(copying, out);
  }

  #copy(copying: Copying, out: Out): void {
    const { spare, failed, segments: concerned } = copying;
    const { segments, ledger, number } = this.#info;
    const start = ledger.tieredUpTo(out.now, this.#cluster.settings.offloadLagUs);
    const entries: LedgerEntry[] = [];
    for (let s = 0; s < segments.length; s++) {
      const segment = segments[s] as Segment;
      if (!concerned.includes(segment)) continue;
      const end = segments[s + 1]?.from ?? ledger.end;
      for (let index = Math.max(segment.from, start); index < end; index++) {
        const entry = ledger.entry(index);
        if (entry !== undefined && this.#writeSet(index, segment.ensemble).includes(failed)) entries.push(entry);
      }
    }
    if (entries.length === 0) {
      takeOver(copying);
      this.#copies = this.#copies.filter((one) => one !== copying);
    } else this.#say(spare, { type: 'bookie/store', topic: number, epoch: this.#epoch, entries }, 0, out);
  }

  /** Entry k goes to Qw bookies, from k mod E on (P10). */
  #writeSet(index: number, ensemble: readonly number[]): number[] {
    const set: number[] = [];
    for (let i = 0; i < this.#cluster.settings.writeQuorum; i++)
      set.push(ensemble[(index + i) % ensemble.length] as number);
    return set;
  }

  /** Sends an entry to those of its bookies that are not known to have it. */
  #send({ entry, index }: Writing, stored: number, out: Out): void {
    const { writeQuorum } = this.#cluster.settings;
    const ensemble = this.#ensemble;
    const add: BookieRequest = {
      type: 'bookie/add',
      topic: this.#info.number,
      epoch: this.#epoch,
      entry,
      sizeBytes: entry.sizeBytes,
    };
    for (let i = 0; i < writeQuorum; i++) {
      const bookie = ensemble[(index + i) % ensemble.length] as number;
      if (((stored >> bookie) & 1) === 1) continue;
      if (!this.#owes(bookie)) this.#silentSinceUs[bookie] = out.now;
      this.#unanswered[bookie] = (this.#unanswered[bookie] ?? 0) + 1;
      this.#say(bookie, add, entry.messages[0]?.id ?? 0, out);
    }
  }

  #say(bookie: number, request: BookieRequest, message: MessageId, out: Out): void {
    out.send(this.#cluster.bookies[bookie] ?? 0, 'replication', request, message);
  }

  #arm(out: Out): void {
    if (this.#armed || (this.#copies.length === 0 && !this.#ensemble.some((bookie) => this.#owes(bookie)))) return;
    this.#armed = true;
    const timer: WriterTimer = { type: 'pulsar/add-timeout', writer: this };
    out.timer(this.#cluster.settings.addEntryTimeoutUs, timer, 0);
  }
}

/** A new owner's questions to the bookies of a topic, until enough of them have answered (P5). */
export class LedgerRecovery {
  readonly info: TopicInfo;
  readonly epoch: number;
  readonly #cluster: PulsarCluster;
  readonly #answered = new Set<number>();
  readonly #found = new Map<number, LedgerEntry>();

  constructor(cluster: PulsarCluster, info: TopicInfo, epoch: number) {
    this.#cluster = cluster;
    this.info = info;
    this.epoch = epoch;
  }

  /** Fences the topic on each of its bookies that has not answered yet. */
  ask(out: Out): void {
    for (const bookie of this.#held()) {
      if (this.#answered.has(bookie)) continue;
      const fence: BookieRequest = { type: 'bookie/fence', topic: this.info.number, epoch: this.epoch };
      out.send(this.#cluster.bookies[bookie] ?? 0, 'replication', fence);
    }
  }

  heard(bookie: number, entries: readonly HeldEntry[]): void {
    const { ledger, epoch: written } = this.info;
    this.#answered.add(bookie);
    for (const { entry, epoch } of entries) {
      const counts = entry.index < ledger.end ? ledger.entry(entry.index) === entry : epoch === written;
      if (counts) this.#found.set(entry.index, entry);
    }
  }

  /** Whether every entry that was ever confirmed must be among the answers, or is surely gone. */
  get isComplete(): boolean {
    const silent = this.silent();
    if (silent.length === 0) return true;
    const { ackQuorum } = this.#cluster.settings;
    for (const { ensemble } of this.info.segments) {
      if (ensemble.filter((bookie) => silent.includes(bookie)).length >= ackQuorum) return false;
    }
    return this.#missing().length === 0;
  }

  /** Bookies that have not answered. */
  silent(): number[] {
    return [...this.#held()].filter((bookie) => !this.#answered.has(bookie));
  }

  /** Opens the topic with what was found: lost entries are let go, and what a former owner wrote at the end counts. */
  finish(topic: PulsarTopic, out: Out): void {
    const { ledger } = this.info;
    for (const index of this.#missing()) {
      for (const subscription of topic.subscriptions.values()) {
        if (subscription.record.cursor.isAcked(index)) continue;
        for (const { id } of ledger.entry(index)?.messages ?? [])
          out.fact(F.lost, id, subscription.place, 0, 0, R['not replicated']);
        subscription.discard(index);
      }
    }
    const recovered: LedgerEntry[] = [];
    for (let entry = this.#found.get(ledger.end); entry !== undefined; entry = this.#found.get(ledger.end)) {
      recovered.push(entry);
      topic.recovered(entry, out);
    }
    if (recovered.length === 0) return;
    const ensemble = this.info.segments.at(-1)?.ensemble ?? [];
    const { number } = this.info;
    const store: BookieRequest = { type: 'bookie/store', topic: number, epoch: this.epoch, entries: recovered };
    for (const bookie of ensemble) out.send(this.#cluster.bookies[bookie] ?? 0, 'replication', store);
  }

  /** Stored entries that no bookie which answered has, and tiered storage neither (P72). */
  #missing(): number[] {
    const { ledger } = this.info;
    const missing: number[] = [];
    for (let index = ledger.start; index < ledger.end; index++) {
      if (!this.#found.has(index) && ledger.ledgerOf(index).offloadedAtUs < 0) missing.push(index);
    }
    return missing;
  }

  #held(): Set<number> {
    return new Set(this.info.segments.flatMap(({ ensemble }) => ensemble));
  }
}

function takeOver({ spare, failed, segments }: Copying): void {
  for (const { ensemble } of segments) {
    const slot = ensemble.indexOf(failed);
    if (slot >= 0 && !ensemble.includes(spare)) ensemble[slot] = spare;
  }
}

function bits(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}
