/**
 * What was ever written to each partition, how it was cut or aged away, and how far each group got with it. Only what a leader appended
 * counts as written: a follower's copies repeat it.
 */
import { F } from '../../core/facts.ts';
import { textOf } from '../../core/options.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';
import type { Evidence, GroupId } from './evidence.ts';

/** One partition. `messages[o]` is what stands at offset o (0: nothing known, such as a marker), `facts[o]` the fact that wrote it. */
export interface LogRecord {
  readonly place: PlaceId;
  readonly messages: MessageId[];
  readonly facts: FactId[];
  /** By offset: the fact that compaction removed what stood there. */
  readonly compacted: Map<number, FactId>;
  /** By message: the lowest offset at which it stands, and the fact that first wrote it here, even if that was cut off since. */
  readonly offsets: Map<MessageId, number>;
  readonly firstWrites: Map<MessageId, FactId>;
  /** Messages that were written here more than once: a delivery of one cannot say which copy it was. */
  readonly duplicated: Set<MessageId>;
  /** Offsets below are removed by retention when the run ends. */
  start: number;
  /** Each move of the start, in order. */
  readonly starts: { readonly start: number; readonly by: FactId }[];
  /** By group: how far it read, and what it committed. */
  readonly readers: Map<GroupId, Reader>;
}

export interface Reader {
  /** The lowest offset that was ever handed to the group. */
  firstOffset: number;
  /** The last commit, and its fact; −1 when there was none. */
  committed: number;
  committedBy: FactId;
  /** The commits that went further than any before them, in order. */
  readonly advances: { readonly to: number; readonly by: FactId }[];
}

/** Where a log began when a fact happened. */
export function startAt(log: LogRecord, id: FactId): number {
  return log.starts.findLast(({ by }) => by < id)?.start ?? 0;
}

/** The fact with which retention took what stands at an offset; 0 when it is still there. */
export function removedBy(log: LogRecord, offset: number): FactId {
  if (offset >= log.start) return 0;
  const written = log.facts[offset] ?? 0;
  return log.starts.find(({ start, by }) => start > offset && by > written)?.by ?? 0;
}

/** Whether the group had committed past an offset before a fact happened. */
export function passedBefore(reader: Reader, offset: number, id: FactId): boolean {
  const first = reader.advances.find(({ to }) => to > offset);
  return first !== undefined && first.by < id;
}

export class LogHistory {
  readonly byPlace = new Map<PlaceId, LogRecord>();
  /** By message: the fact that lost it (cut and on no live replica), or the one that aborted its transaction. */
  readonly lost: Uint32Array;
  readonly aborted: Uint32Array;
  /** By message: the last fact that compaction removed it, or a copy of it. */
  readonly compacted: Uint32Array;
  /** By share group: the messages that it archived without an effect, each with the fact. */
  readonly archived = new Map<PlaceId, Map<MessageId, FactId>>();

  constructor(evidence: Evidence) {
    const { trace } = evidence;
    this.lost = evidence.perMessage();
    this.aborted = evidence.perMessage();
    this.compacted = evidence.perMessage();
    // By producer: what it wrote since its last transaction began, and the fact that aborted that one already, if any did.
    const openTxn = new Map<number, { readonly messages: MessageId[]; abortedBy: FactId }>();
    const leaders = new Map<PlaceId, ActorId>();
    for (let id = 1; id <= trace.count; id++) {
      switch (trace.kind(id)) {
        case F.appended: {
          const place = trace.place(id);
          if (trace.places[place]?.kind !== 'partition' || trace.detail(id) === 2) break;
          const log = this.of(place);
          const offset = trace.value(id);
          const message = trace.messageOf(id);
          // What a leader writes that has not heard of its end stands nowhere once the new one has filled the place.
          const writer = trace.actor(id);
          const held = log.facts[offset] ?? 0;
          const deposed = (leaders.get(place) ?? writer) !== writer;
          if (deposed && held > 0 && trace.actor(held) !== writer) {
            if (!log.firstWrites.has(message)) log.firstWrites.set(message, id);
            break;
          }
          this.#forget(log, offset);
          log.messages[offset] = message;
          log.facts[offset] = id;
          // What a producer's retry stored again is no longer lost.
          this.lost[message] = 0;
          if (!log.offsets.has(message)) log.offsets.set(message, offset);
          if (log.firstWrites.has(message)) log.duplicated.add(message);
          else log.firstWrites.set(message, id);
          const txn = openTxn.size > 0 && message > 0 ? openTxn.get(trace.message(message).producer) : undefined;
          txn?.messages.push(message);
          // What arrives between the decision to abort and its marker is aborted with the rest.
          if (txn !== undefined && txn.abortedBy > 0) this.aborted[message] = txn.abortedBy;
          break;
        }
        case F.elected:
          leaders.set(trace.place(id), trace.peer(id));
          break;
        case F.truncated: {
          // Only what the cut replica itself had written as leader: by then a new leader may have filled these offsets anew.
          const log = this.of(trace.place(id));
          for (let offset = trace.value(id); offset < log.messages.length; offset++) {
            const written = log.facts[offset] ?? 0;
            if (written > 0 && trace.actor(written) === trace.actor(id)) this.#forget(log, offset);
          }
          break;
        }
        case F['log-start-moved']: {
          const log = this.of(trace.place(id));
          log.start = trace.value(id);
          log.starts.push({ start: log.start, by: id });
          break;
        }
        case F.lost:
          if (trace.places[trace.place(id)]?.kind === 'partition') this.lost[trace.messageOf(id)] = id;
          break;
        case F.evicted:
          if (trace.places[trace.place(id)]?.kind === 'partition')
            this.#compact(trace.place(id), trace.messageOf(id), id);
          else if (trace.places[trace.place(id)]?.kind === 'group')
            this.#archive(trace.place(id), trace.messageOf(id), id);
          break;
        case F['txn-begun']:
          openTxn.set(trace.actor(id), { messages: [], abortedBy: 0 });
          break;
        case F['txn-aborted']: {
          const ended = openTxn.get(trace.peer(id));
          if (ended === undefined) break;
          for (const message of ended.messages) this.aborted[message] = id;
          ended.abortedBy = id;
          break;
        }
        case F.delivered: {
          const place = trace.place(id);
          if (trace.places[place]?.kind !== 'partition') break;
          const reader = this.#reader(place, evidence.groupAt(place, trace.peer(id)));
          // Of a message that stands there several times the last is taken: an earlier one may lie before the group's beginning.
          const offset = this.of(place).messages.lastIndexOf(trace.messageOf(id));
          if (offset >= 0 && offset < reader.firstOffset) reader.firstOffset = offset;
          break;
        }
        case F.committed: {
          const group = trace.detail(id) || evidence.groupOf(trace.peer(id));
          const reader = this.#reader(trace.place(id), group);
          reader.committed = trace.value(id);
          reader.committedBy = id;
          if (reader.committed > (reader.advances.at(-1)?.to ?? 0))
            reader.advances.push({ to: reader.committed, by: id });
          break;
        }
      }
    }
    this.#addDeclared(evidence);
  }

  of(place: PlaceId): LogRecord {
    let log = this.byPlace.get(place);
    if (log === undefined) {
      log = {
        place,
        messages: [],
        facts: [],
        compacted: new Map(),
        offsets: new Map(),
        firstWrites: new Map(),
        duplicated: new Set(),
        start: 0,
        starts: [],
        readers: new Map(),
      };
      this.byPlace.set(place, log);
    }
    return log;
  }

  /** The lowest offset at which the message stands; −1 when it does not. */
  offsetOf(place: PlaceId, message: MessageId): number {
    return this.byPlace.get(place)?.offsets.get(message) ?? -1;
  }

  /** The fact that first wrote the message there; 0 when none did. */
  firstWrite(place: PlaceId, message: MessageId): FactId {
    return this.byPlace.get(place)?.firstWrites.get(message) ?? 0;
  }

  /** Of several copies the cleaner removes the first that is there. */
  #compact(place: PlaceId, message: MessageId, id: FactId): void {
    this.compacted[message] = id;
    const log = this.of(place);
    let offset = log.offsets.get(message) ?? -1;
    while (offset >= 0 && log.compacted.has(offset)) offset = log.messages.indexOf(message, offset + 1);
    if (offset >= 0) log.compacted.set(offset, id);
  }

  #archive(group: PlaceId, message: MessageId, id: FactId): void {
    const messages = this.archived.get(group);
    if (messages === undefined) this.archived.set(group, new Map([[message, id]]));
    else messages.set(message, id);
  }

  /** Empties an offset that was cut off or is written anew. */
  #forget(log: LogRecord, offset: number): void {
    const old = log.messages[offset] ?? 0;
    if (old === 0) return;
    log.messages[offset] = 0;
    log.facts[offset] = 0;
    log.compacted.delete(offset);
    if (log.offsets.get(old) !== offset) return;
    const other = log.messages.indexOf(old);
    if (other >= 0) log.offsets.set(old, other);
    else log.offsets.delete(old);
  }

  /** A group that is to read a log from its beginning is owed what stands there, even if it never got to it. */
  #addDeclared(evidence: Evidence): void {
    const { trace, scenario } = evidence;
    for (const [name, { broker, from, group, options }] of Object.entries(scenario.consumers)) {
      const reads = scenario.brokers[broker]?.kind === 'kafka' && textOf(options, 'group.type') !== 'share';
      if (!reads || textOf(options, 'auto.offset.reset') !== 'earliest') continue;
      const actor = trace.actors.find((one) => one.kind === 'consumer' && one.group === name);
      const known = trace.places.find((place) => place.kind === 'group' && place.name === group);
      if (actor === undefined && known === undefined) continue;
      const id = known?.id ?? evidence.groupOf(actor?.id ?? 0);
      for (const { place, readers } of this.byPlace.values()) {
        if (!from.includes(trace.places[place]?.parent ?? '')) continue;
        if (!readers.has(id)) this.#reader(place, id).firstOffset = 0;
      }
    }
  }

  #reader(place: PlaceId, group: GroupId): Reader {
    const { readers } = this.of(place);
    let reader = readers.get(group);
    if (reader === undefined) {
      reader = { firstOffset: Number.MAX_SAFE_INTEGER, committed: -1, committedBy: 0, advances: [] };
      readers.set(group, reader);
    }
    return reader;
  }
}
