/**
 * The transactional outbox: what is to be published is written to a table of the writer's own store, in the same step as the effect, and a relay
 * publishes it from there and marks it. `OutboxTable` is the table; `Relay` polls it for one process. Whatever dies in between, a row
 * that is not marked is published again: never lost, sometimes twice. The relay is a loop of the writing service itself, as polling
 * publishers mostly are; reading the store's log instead (change data capture) is not modelled.
 */
import { F } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { ActorId, Message, MessageId, Micros } from '../types.ts';

/** One row: a message that its owner (the declared name of the writer) is to publish. */
export interface OutboxRow {
  readonly owner: string;
  readonly message: Message;
}

/** A relay asks for rows of its owner that nobody has marked and no other relay is at work on. */
export interface OutboxPoll extends Wire {
  readonly type: 'store/outbox-poll';
  readonly owner: string;
  readonly most: number;
  readonly round: number;
  /** Which of its actor's sessions the relay is in, from 1: each process has its own, and what an earlier one was at work on is free again. */
  readonly session: number;
}

export interface OutboxRows extends Wire {
  readonly type: 'store/outbox-rows';
  readonly owner: string;
  readonly rows: readonly Message[];
  readonly round: number;
  readonly sizeBytes: number;
}

/** A relay has published a message. */
export interface OutboxMark extends Wire {
  readonly type: 'store/outbox-mark';
  readonly owner: string;
  readonly message: MessageId;
}

/** Rows that a relay was given stay its own for so long, or until its actor comes in a later session (`SELECT … FOR UPDATE SKIP LOCKED`). */
export const LEASE_US = 10_000_000;

interface Row {
  readonly message: Message;
  holder: ActorId;
  session: number;
  untilUs: Micros;
}

export class OutboxTable {
  /** By owner, in the order of writing. */
  readonly #rows = new Map<string, Map<MessageId, Row>>();
  /** Messages that are or were rows: a marked row stays, and its id is the primary key. */
  readonly #known = new Set<MessageId>();

  /** False when the row is or was there already. */
  add({ owner, message }: OutboxRow): boolean {
    if (this.#known.has(message.id)) return false;
    this.#known.add(message.id);
    let rows = this.#rows.get(owner);
    if (rows === undefined) {
      rows = new Map();
      this.#rows.set(owner, rows);
    }
    rows.set(message.id, { message, holder: 0, session: 0, untilUs: 0 });
    return true;
  }

  /** Up to `most` rows that are free, oldest first; they are the holder's for `LEASE_US`, as long as its session is the latest. */
  take(owner: string, most: number, holder: ActorId, session: number, now: Micros): Message[] {
    const taken: Message[] = [];
    for (const row of this.#rows.get(owner)?.values() ?? []) {
      if (taken.length >= most) break;
      const isOver = row.untilUs <= now || (row.holder === holder && row.session < session);
      if (row.holder !== 0 && !isOver) continue;
      row.holder = holder;
      row.session = session;
      row.untilUs = now + LEASE_US;
      taken.push(row.message);
    }
    return taken;
  }

  /** Marks a row as published. False when it was marked before. */
  mark(owner: string, message: MessageId): boolean {
    return this.#rows.get(owner)?.delete(message) === true;
  }
}

export interface RelaySettings {
  /** How long it waits after it found the table empty, or had to give up. */
  readonly everyUs: Micros;
  /** Rows that it takes at a time. */
  readonly batch: number;
}

/** The timer of a relay; a process may have several. */
export interface RelayWire extends Wire {
  readonly type: 'client/relay';
  readonly owner: string;
}

export class Relay {
  readonly #owner: string;
  readonly #store: ActorId;
  readonly #settings: RelaySettings;
  /** Rows that are being published. */
  readonly #open = new Set<MessageId>();
  /** Grows with each poll. */
  #round = 0;
  /** Polls of this process that were not answered. An answer may be slower than the next poll, and its rows are the relay's all the same. */
  readonly #asked = new Set<number>();
  #full = false;
  /** Grows when the process dies: rows that were on their way to it are handed out again, those that the new one has been given are not. */
  #session = 1;
  readonly #wire: RelayWire;

  constructor(owner: string, store: ActorId, settings: RelaySettings) {
    this.#owner = owner;
    this.#wire = { type: 'client/relay', owner };
    this.#store = store;
    this.#settings = settings;
  }

  start(out: Out): void {
    this.#wait(out);
  }

  crash(): void {
    this.#open.clear();
    this.#asked.clear();
    this.#full = false;
    this.#session++;
  }

  /** `client/relay` fired. An answer that was lost is not waited for: the next poll is due. */
  timer(out: Out): void {
    if (this.#open.size === 0) this.#poll(out);
    this.#wait(out);
  }

  /** The rows to publish now, in order; empty for an answer that came before. */
  rows(answer: OutboxRows): readonly Message[] {
    if (!this.#asked.delete(answer.round)) return NONE;
    this.#full = answer.rows.length >= this.#settings.batch;
    for (const { id } of answer.rows) this.#open.add(id);
    return answer.rows;
  }

  /** The broker has confirmed a message: marks its row. What was given up stays in the table, and is published again when its lease ends. */
  done(message: Message, ok: boolean, out: Out): void {
    if (!this.#open.delete(message.id)) return;
    if (ok) {
      const mark: OutboxMark = { type: 'store/outbox-mark', owner: this.#owner, message: message.id };
      out.send(this.#store, 'effect', mark, message.id);
    }
    if (this.#open.size === 0 && this.#full) this.#poll(out);
  }

  #poll(out: Out): void {
    const { batch } = this.#settings;
    const round = ++this.#round;
    this.#asked.add(round);
    const session = this.#session;
    const poll: OutboxPoll = { type: 'store/outbox-poll', owner: this.#owner, most: batch, round, session };
    out.send(this.#store, 'control', poll);
  }

  #wait(out: Out): void {
    out.timer(this.#settings.everyUs, this.#wire, 0);
  }
}

const NONE: readonly Message[] = [];

/** What a store does about its outbox: hands out rows, and removes those that are marked. True when the wire was about that. */
export function serveOutbox(table: OutboxTable, from: ActorId, wire: Wire, place: number, out: Out): boolean {
  if (wire.type === 'store/outbox-poll') {
    const { owner, most, round, session } = wire as OutboxPoll;
    const rows = table.take(owner, most, from, session, out.now);
    let sizeBytes = 0;
    const ids: MessageId[] = [];
    for (const row of rows) {
      sizeBytes += row.sizeBytes;
      ids.push(row.id);
    }
    const answer: OutboxRows = { type: 'store/outbox-rows', owner, rows, round, sizeBytes };
    out.send(from, rows.length === 0 ? 'control' : 'effect-reply', answer, ids.length === 1 ? (ids[0] ?? 0) : ids);
    return true;
  }
  if (wire.type !== 'store/outbox-mark') return false;
  const { owner, message } = wire as OutboxMark;
  if (table.mark(owner, message)) out.fact(F.marked, message, place, from);
  return true;
}
