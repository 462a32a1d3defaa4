/**
 * The metadata store of a Pulsar cluster (ZooKeeper, or whatever stands in its place) together with the load manager's one decision: which broker owns a
 * topic partition. A broker keeps a session by saying that it is there; when the session ends, its topics go to others, each under a new epoch that
 * fences the former owner. Source: P5.
 */
import { F } from '../facts.ts';
import type { Machine, Out, Wire } from '../machine.ts';
import type { ActorId, Micros } from '../types.ts';
import type { PulsarCluster, TopicInfo } from './pulsar-cluster.ts';
import type { MetadataAnswer, MetadataRequest } from './pulsar-wires.ts';

interface Ownership {
  owner: ActorId;
  epoch: number;
}

const TICK: Wire = { type: 'metadata/sessions' };

export class PulsarMetadata implements Machine {
  readonly #cluster: PulsarCluster;
  /** When each broker was heard of last; absent while it has no session. Kept over a crash, as is who owns what. */
  readonly #sessions = new Map<ActorId, Micros>();
  readonly #owners: Ownership[] = [];

  constructor(cluster: PulsarCluster) {
    this.#cluster = cluster;
  }

  start(out: Out): void {
    for (const node of this.#cluster.nodes) this.#sessions.set(node, out.now);
    out.timer(this.#stepUs, TICK, 0);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as MetadataRequest;
    switch (request.type) {
      case 'metadata/session': {
        this.#sessions.set(from, out.now);
        this.#answer(from, { type: 'metadata/session-ok' }, out);
        if (!request.fresh) return;
        // A broker that was down for less than its session owns what it had; it begins anew with it.
        for (const info of this.#cluster.topics) {
          const ownership = this.#ownership(info);
          if (ownership.owner === from) this.#give(info, ownership, from, out);
        }
        return;
      }
      case 'metadata/release':
        this.#sessions.delete(from);
        return this.#moveFrom(from, out);
      case 'metadata/lookup': {
        const info = this.#cluster.topic(request.topic);
        const ownership = this.#ownership(info);
        if (!this.#sessions.has(ownership.owner)) this.#reassign(info, ownership, out);
        const { owner, epoch } = ownership;
        return this.#answer(from, { type: 'metadata/owner', topic: info.number, owner, epoch }, out);
      }
      default:
        return request satisfies never;
    }
  }

  /** Sessions that are silent for too long end. */
  timer(_wire: Wire, out: Out): void {
    for (const [node, heardUs] of this.#sessions) {
      if (out.now - heardUs < this.#cluster.settings.sessionTimeoutUs) continue;
      this.#sessions.delete(node);
      this.#moveFrom(node, out);
    }
    out.timer(this.#stepUs, TICK, 0);
  }

  crash(): void {}

  restart(out: Out): void {
    for (const node of this.#sessions.keys()) this.#sessions.set(node, out.now);
    out.timer(this.#stepUs, TICK, 0);
  }

  get #stepUs(): Micros {
    return Math.floor(this.#cluster.settings.sessionTimeoutUs / 3);
  }

  #moveFrom(node: ActorId, out: Out): void {
    for (const info of this.#cluster.topics) {
      const ownership = this.#ownership(info);
      if (ownership.owner !== node) continue;
      out.fact(F['leader-lost'], 0, info.place, 0, ownership.epoch);
      this.#reassign(info, ownership, out);
    }
  }

  #reassign(info: TopicInfo, ownership: Ownership, out: Out): void {
    const alive = this.#cluster.nodes.filter((node) => this.#sessions.has(node));
    const next = alive[info.number % Math.max(1, alive.length)];
    if (next !== undefined) this.#give(info, ownership, next, out);
  }

  #give(info: TopicInfo, ownership: Ownership, owner: ActorId, out: Out): void {
    ownership.owner = owner;
    ownership.epoch++;
    out.fact(F.elected, 0, info.place, owner, ownership.epoch);
    this.#answer(owner, { type: 'metadata/own', topic: info.number, epoch: ownership.epoch }, out);
  }

  /** In the beginning topics are dealt out in turn, as each broker knows without asking. */
  #ownership(info: TopicInfo): Ownership {
    let ownership = this.#owners[info.number];
    if (ownership === undefined) {
      ownership = { owner: this.#cluster.nodeOf(info.number), epoch: 1 };
      this.#owners[info.number] = ownership;
    }
    return ownership;
  }

  #answer(to: ActorId, answer: MetadataAnswer, out: Out): void {
    out.send(to, 'control', answer);
  }
}
