/**
 * A bookie: a BookKeeper node that keeps entries on its disk and flushes each before it answers. It knows nothing of topics but their numbers; an owner that
 * was fenced gets a no. What it holds survives a crash, unless the disk is lost with it. Source: P9–P11.
 */
import { F } from '../facts.ts';
import type { Machine, Out, Wire } from '../machine.ts';
import type { ActorId } from '../types.ts';
import type { PulsarCluster } from './pulsar-cluster.ts';
import type { BookieAnswer, BookieRequest, HeldEntry, TopicNumber } from './pulsar-wires.ts';

/** What a bookie has of one topic partition. */
interface Shelf {
  /** Owners before this epoch may not write. */
  epoch: number;
  readonly entries: Map<number, HeldEntry>;
}

export class PulsarBookie implements Machine {
  readonly #cluster: PulsarCluster;
  readonly #shelves = new Map<TopicNumber, Shelf>();

  constructor(cluster: PulsarCluster) {
    this.#cluster = cluster;
  }

  start(): void {}

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as BookieRequest;
    switch (request.type) {
      case 'bookie/add':
        return this.#add(from, request, out);
      case 'bookie/fence': {
        const shelf = this.#shelf(request.topic);
        shelf.epoch = Math.max(shelf.epoch, request.epoch);
        const { topic, epoch } = request;
        const entries = [...shelf.entries.values()];
        return this.#answer(from, { type: 'bookie/fenced', topic, epoch, entries }, 0, out);
      }
      case 'bookie/store': {
        const shelf = this.#shelf(request.topic);
        const { topic, epoch } = request;
        if (epoch < shelf.epoch) return;
        for (const entry of request.entries) shelf.entries.set(entry.index, { entry, epoch });
        return this.#answer(from, { type: 'bookie/stored', topic, epoch }, 0, out);
      }
      case 'bookie/trim': {
        const { entries } = this.#shelf(request.topic);
        for (const index of entries.keys()) if (index < request.start) entries.delete(index);
        return;
      }
      case 'bookie/probe':
        return this.#answer(from, { type: 'bookie/up' }, 0, out);
      default:
        return request satisfies never;
    }
  }

  timer(): void {}

  crash(_out: Out, losesDisk: boolean): void {
    if (losesDisk) for (const { entries } of this.#shelves.values()) entries.clear();
  }

  /** Registers anew: brokers may write to it again. */
  restart(out: Out): void {
    for (const node of this.#cluster.nodes) this.#answer(node, { type: 'bookie/up' }, 0, out);
  }

  #add(from: ActorId, { topic, epoch, entry }: Extract<BookieRequest, { type: 'bookie/add' }>, out: Out): void {
    const shelf = this.#shelf(topic);
    const ok = epoch >= shelf.epoch;
    const message = entry.messages[0]?.id ?? 0;
    if (ok) {
      shelf.epoch = epoch;
      shelf.entries.set(entry.index, { entry, epoch });
      out.fact(F.replicated, message, this.#cluster.topic(topic).place, 0, entry.index + 1);
    }
    this.#answer(from, { type: 'bookie/added', topic, epoch, index: entry.index, ok, message }, message, out);
  }

  #answer(to: ActorId, answer: BookieAnswer, message: number, out: Out): void {
    out.send(to, 'replication', answer, message);
  }

  #shelf(topic: TopicNumber): Shelf {
    let shelf = this.#shelves.get(topic);
    if (shelf === undefined) {
      shelf = { epoch: 0, entries: new Map() };
      this.#shelves.set(topic, shelf);
    }
    return shelf;
  }
}
