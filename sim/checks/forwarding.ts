/**
 * A consumer that forwards in transactions: what it wrote and the offset of what it had read become visible together or not at all. The inputs of a
 * transaction are what the consumer was done with since the one before; the group's committed offset tells the rest. When that was forgotten, what was made
 * already is made again (K71), and a group that has committed nothing yet may begin anew behind what was aborted (K70). Of a consumer that works on several
 * messages at once, or acks before it works, nobody recorded which of them a transaction covers: it is left out.
 */
import { F } from '../../core/facts.ts';
import { textOf } from '../../core/options.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../../core/types.ts';
import { type Evidence, type GroupId, witness } from './evidence.ts';
import { startAt } from './log-history.ts';

export interface Apart {
  /**
   * `offset`: the outputs are there and the offset is not; `output`: the other way round; `once`: two outputs of one input are there. Of what is acked one by
   * one the first two are called `ack` and `made`.
   */
  readonly lacks: 'offset' | 'output' | 'ack' | 'made' | 'once';
  readonly witness: readonly FactId[];
}

/** One transaction of a forwarding consumer. */
interface Forwarded {
  readonly begun: FactId;
  /** The facts with which the consumer was done with each of its inputs. */
  readonly inputs: readonly FactId[];
  /** The fact that committed it; 0 while it is open. */
  end: FactId;
}

/** In `value` of `settled`. */
const REJECTED = 2;

/** How long after the decision its marker may take to reach the group's offsets, when the run ends. */
const GRACE_US: Micros = 10_000_000;

export function offsetsApart(evidence: Evidence): Apart | null {
  const { trace, scenario } = evidence;
  const forwards = trace.actors.map(({ kind, group }) => {
    const declared = kind === 'consumer' ? scenario.consumers[group] : undefined;
    if (declared === undefined || textOf(declared.options, 'forward.to') === '') return false;
    // Pulsar acks one by one (pulsar-forwarding.ts).
    if (scenario.brokers[declared.broker]?.kind === 'pulsar') return false;
    return declared.concurrency === 1 && declared.settle === 'after-processing';
  });
  if (!forwards.includes(true)) return null;
  const offsets = new Offsets(evidence);
  const done = new Map<ActorId, FactId[]>();
  const open = new Map<ActorId, Forwarded>();
  const last = new Map<ActorId, Forwarded>();
  const died = new Map<ActorId, FactId>();
  for (let id = 1; id <= trace.count; id++) {
    switch (trace.kind(id)) {
      case F.settled: {
        const consumer = trace.actor(id);
        if (forwards[consumer] !== true) break;
        // What it rejects it passes over, and nothing is made of it.
        if (trace.value(id) === REJECTED) offsets.letGo(id);
        if (trace.value(id) !== 0) break;
        const inputs = done.get(consumer);
        if (inputs === undefined) done.set(consumer, [id]);
        else inputs.push(id);
        break;
      }
      case F.crashed:
      case F.stopped:
        done.delete(trace.actor(id));
        died.set(trace.actor(id), id);
        break;
      case F['txn-begun']: {
        const consumer = trace.actor(id);
        if (forwards[consumer] !== true) break;
        open.set(consumer, { begun: id, inputs: done.get(consumer) ?? [], end: 0 });
        done.delete(consumer);
        break;
      }
      case F['txn-committed']: {
        const consumer = trace.peer(id);
        const txn = open.get(consumer);
        if (txn === undefined || txn.end > 0) break;
        // By now the one before is complete: while its markers are missing, no partition joins the next.
        const before = last.get(consumer);
        if (before !== undefined && offsets.lack(before)) return lacksOffset(before);
        const former = offsets.madeBefore(txn);
        if (former > 0) return { lacks: 'once', witness: witness(former, id) };
        txn.end = id;
        last.set(consumer, txn);
        offsets.written(txn);
        break;
      }
      case F.assigned:
        offsets.assigned(id);
        done.delete(trace.peer(id));
        break;
      case F.revoked:
      case F['commit-refused']:
        // What it was done with when it was no member any more is in none of its transactions.
        done.delete(trace.peer(id));
        break;
      case F['txn-aborted']: {
        const txn = open.get(trace.peer(id));
        // What was done since then is read again, as it stands behind what was aborted; unless that was the transaction of a former life.
        if ((died.get(trace.peer(id)) ?? 0) < (txn?.begun ?? 0)) done.delete(trace.peer(id));
        if (txn !== undefined && txn.end === 0) offsets.undone(txn, id);
        break;
      }
      case F.sought:
        last.clear();
        offsets.sought(id);
        break;
      case F['offset-expired']:
        offsets.forgotten(id);
        break;
      case F.committed: {
        const abort = offsets.committed(id);
        if (abort > 0) return { lacks: 'output', witness: witness(abort, id) };
        break;
      }
    }
  }
  for (const txn of last.values()) {
    if (evidence.isOver(txn.end, GRACE_US) && offsets.lack(txn)) return lacksOffset(txn);
  }
  return null;
}

function lacksOffset(txn: Forwarded): Apart {
  return { lacks: 'offset', witness: witness(txn.begun, txn.end) };
}

/** Committed offsets by group and partition, and the inputs of aborted transactions that nobody has forwarded since. */
class Offsets {
  readonly #evidence: Evidence;
  readonly #last = new Map<number, FactId>();
  readonly #undone = new Map<number, Map<number, FactId>>();
  /** When the transaction began, by the fact that aborted it. */
  readonly #begunOf = new Map<FactId, FactId>();
  /** The last transaction that was committed with an input, since the group was last sent back. */
  readonly #written = new Map<number, Map<number, FactId>>();

  /** The offset that a group had committed when that was forgotten, as nobody had been in it for too long. */
  readonly #forgotten = new Map<number, number>();
  /** Where groups that have committed nothing may begin at the end of the log: the last time when somebody of one began to read. */
  readonly #begun = new Map<number, FactId>();
  readonly #beginsAtEnd: boolean;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#beginsAtEnd = Object.values(evidence.scenario.consumers).some(
      ({ options }) =>
        textOf(options, 'forward.to') !== '' && textOf(options, 'auto.offset.reset', 'latest') !== 'earliest',
    );
  }

  assigned(id: FactId): void {
    const { trace } = this.#evidence;
    const key = this.#key(trace.detail(id), trace.place(id));
    if (this.#beginsAtEnd && !this.#last.has(key)) this.#begun.set(key, id);
  }

  forgotten(id: FactId): void {
    const { trace } = this.#evidence;
    this.#forgotten.set(this.#key(trace.detail(id), trace.place(id)), trace.value(id));
  }

  /** Somebody wishes to read again. */
  sought(id: FactId): void {
    const { trace } = this.#evidence;
    const key = this.#key(trace.detail(id), trace.place(id));
    this.#forgotten.delete(key);
    this.#written.delete(key);
  }

  /** The transaction in which one of these inputs was forwarded before its offset was forgotten; 0 when there is none. */
  madeBefore({ inputs }: Forwarded): FactId {
    for (const input of inputs) {
      const key = this.#groupAt(input);
      const offset = this.#offsetOf(input);
      const former = offset < (this.#forgotten.get(key) ?? 0) ? this.#written.get(key)?.get(offset) : undefined;
      if (former !== undefined) return former;
    }
    return 0;
  }

  /** Whether the offset of some input was not committed since the transaction began. */
  lack({ begun, inputs }: Forwarded): boolean {
    const { trace } = this.#evidence;
    return inputs.some((input) => {
      const commit = this.#last.get(this.#groupAt(input)) ?? 0;
      return commit < begun || trace.value(commit) <= this.#offsetOf(input);
    });
  }

  written({ inputs, end }: Forwarded): void {
    for (const input of inputs) {
      this.#undone.get(this.#groupAt(input))?.delete(this.#offsetOf(input));
      note(this.#written, this.#groupAt(input), this.#offsetOf(input), end);
    }
  }

  letGo(input: FactId): void {
    this.#undone.get(this.#groupAt(input))?.delete(this.#offsetOf(input));
  }

  /** What another member has forwarded is done, even if this one, which was the owner once, began or ends it later. */
  undone({ inputs, begun }: Forwarded, abort: FactId): void {
    this.#begunOf.set(abort, begun);
    for (const input of inputs) {
      const key = this.#groupAt(input);
      const offset = this.#offsetOf(input);
      const isDone = this.#written.get(key)?.has(offset) === true && offset >= (this.#forgotten.get(key) ?? 0);
      if (!isDone) note(this.#undone, key, offset, abort);
    }
  }

  /** Answers the abort of an input that the commit passes, though nothing was written of it; 0 when there is none. */
  committed(id: FactId): FactId {
    const { trace } = this.#evidence;
    const key = this.#key(trace.detail(id) || this.#evidence.groupOf(trace.peer(id)), trace.place(id));
    this.#last.set(key, id);
    for (const [offset, abort] of this.#undone.get(key) ?? [])
      if (
        // Who has it now may have found its place at the log's end while the abort was still to come.
        (this.#begunOf.get(abort) as FactId) > (this.#begun.get(key) ?? 0) &&
        offset >= 0 &&
        offset < trace.value(id) &&
        this.#isThere(trace.place(id), offset, id)
      )
        return abort;
    return 0;
  }

  /** Whether a record could still be read by then: compaction and retention take some, and cuts those that nobody else had. */
  #isThere(place: PlaceId, offset: number, by: FactId): boolean {
    const { logs } = this.#evidence;
    const log = logs.byPlace.get(place);
    const message = log?.messages[offset] ?? 0;
    if (log === undefined || message === 0 || offset < startAt(log, by) || (log.facts[offset] as number) > by)
      return false;
    const removed = log.compacted.get(offset);
    return removed === undefined || removed > by;
  }

  #offsetOf(input: FactId): number {
    const { trace, logs } = this.#evidence;
    return logs.offsetOf(trace.place(input), trace.messageOf(input));
  }

  #groupAt(input: FactId): number {
    const { trace } = this.#evidence;
    return this.#key(this.#evidence.groupOf(trace.actor(input)), trace.place(input));
  }

  #key(group: GroupId, place: PlaceId): number {
    return group * this.#evidence.trace.places.length + place;
  }
}

function note(facts: Map<number, Map<number, FactId>>, key: number, offset: number, fact: FactId): void {
  const known = facts.get(key);
  if (known === undefined) facts.set(key, new Map([[offset, fact]]));
  else known.set(offset, fact);
}
