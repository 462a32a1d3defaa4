/**
 * The other nodes of a cluster as one node sees them: which are up, which are suspected, which process of each was heard of last; and the way to them.
 * Nodes tell each other by a pulse that they are alive. Source: rules R61, R65.
 */
import type { HopKind, Out } from '../machine.ts';
import type { MemberNumber } from '../parts/raft-member.ts';
import type { ActorId, MessageId, Micros } from '../types.ts';
import type { ClusterPlan } from './rabbitmq-cluster-host.ts';
import type { ClusterTimer, NodeWire } from './rabbitmq-cluster-wires.ts';
import { incarnationOf, nodeOf, type SessionNumber } from './rabbitmq-replica.ts';

/** Nodes tell each other this often that they are alive. */
export const PULSE_US = 1_000_000;
/** A suspected node is asked whether it is back every so many pulses. */
const ASK_EVERY = 5;

interface NodeState {
  status: 'up' | 'suspected';
  lastHeardUs: Micros;
  /** The newest one heard of. */
  incarnation: number;
  suspectedUs: Micros;
  /** As it says itself. */
  isDiskFull: boolean;
  /** What was sent to it; what came from it since its last pulse; what it had sent by then, −1 before the first. */
  sent: number;
  came: number;
  told: number;
}

export class Peers {
  readonly self: MemberNumber;
  /** Tells this process from those of the node that died before. */
  incarnation = 1;
  /** Of this node's own disk; the others are told with each pulse. */
  isDiskFull = false;
  /** What this node says to itself, in order: handled when the present step is done. */
  own: NodeWire[] = [];
  readonly #plan: ClusterPlan;
  /** How long a suspected node's consumers keep what they hold: since 4.3 a while, before not at all (R65). */
  readonly #awayUs: Micros;
  #states: NodeState[] = [];
  #pulses = 0;

  constructor(self: MemberNumber, plan: ClusterPlan, since43: boolean) {
    this.self = self;
    this.#plan = plan;
    this.#awayUs = since43 ? plan.consumerDisconnectedUs : 0;
  }

  start(now: Micros): void {
    this.#states = this.#plan.nodes.map(() => ({
      status: 'up',
      lastHeardUs: now,
      incarnation: 1,
      suspectedUs: 0,
      isDiskFull: false,
      sent: 0,
      came: 0,
      told: -1,
    }));
  }

  restart(now: Micros): void {
    this.incarnation += 1;
    for (const state of this.#states) {
      state.lastHeardUs = now;
      state.sent = 0;
      state.told = -1;
    }
  }

  /** The node with this actor; 0 for none. */
  numberOf(actor: ActorId): MemberNumber {
    return this.#plan.nodes.indexOf(actor) + 1;
  }

  actorOf(node: MemberNumber): ActorId {
    return this.#plan.nodes[node - 1] ?? 0;
  }

  isUp(node: MemberNumber): boolean {
    return node === this.self || this.#states[node - 1]?.status === 'up';
  }

  /** Whether the disk of another node that is up is full. */
  get hasAlarm(): boolean {
    return this.#states.some(({ status, isDiskFull }) => isDiskFull && status === 'up');
  }

  /** What another node says of its disk. */
  saysOfDisk(node: MemberNumber, isFull: boolean): void {
    const state = this.#states[node - 1];
    if (state !== undefined) state.isDiskFull = isFull;
  }

  /** Whether the process that opened a session is gone, or cannot be heard. */
  isGone(session: SessionNumber): boolean {
    const node = nodeOf(session);
    if (node === this.self) return incarnationOf(session) < this.incarnation;
    const state = this.#states[node - 1];
    return state?.status !== 'up' || incarnationOf(session) < state.incarnation;
  }

  /** Every node of the cluster with the newest incarnation that was heard of. */
  all(): readonly { readonly node: MemberNumber; readonly incarnation: number }[] {
    return this.#states.map(({ incarnation }, at) => ({ node: at + 1, incarnation }));
  }

  tell(node: MemberNumber, hop: HopKind, wire: NodeWire, messages: MessageId | readonly MessageId[], out: Out): void {
    if (node === this.self) this.own.push(wire);
    // A node that is gone gets nothing but the pulse; when it is heard of again, what it missed goes to it.
    else if (this.isUp(node)) {
      const state = this.#states[node - 1];
      if (state !== undefined) state.sent += 1;
      out.send(this.actorOf(node), hop, wire, messages);
    }
  }

  /** Asks a node of which nothing is heard whether it is there. */
  ask(node: MemberNumber, out: Out): void {
    this.#ping(node, true, out);
  }

  answer(node: MemberNumber, out: Out): void {
    this.#ping(node, false, out);
  }

  /** Tells all that this node is alive; `missed` is told of each that was not heard of for too long. */
  pulse(missed: (node: MemberNumber) => void, out: Out): void {
    this.#pulses += 1;
    const { failureDetectionUs } = this.#plan;
    this.#states.forEach((state, at) => {
      const node = at + 1;
      if (node === this.self) return;
      if (state.status === 'suspected') {
        if (this.#pulses % ASK_EVERY === 0) this.ask(node, out);
        return;
      }
      this.answer(node, out);
      if (out.now - state.lastHeardUs > failureDetectionUs) missed(node);
    });
  }

  /** Something was heard of it; true when it was suspected until now. */
  heard(node: MemberNumber, now: Micros): boolean {
    const state = this.#states[node - 1];
    if (state === undefined) return false;
    state.lastHeardUs = now;
    state.came += 1;
    if (state.status === 'up') return false;
    state.status = 'up';
    return true;
  }

  /**
   * Its pulse says how much it has sent so far; true when less came since the pulse before. A connection would break there, or bring it later; over a short split it is
   * found in this way.
   */
  hasLost(node: MemberNumber, sent: number): boolean {
    const state = this.#states[node - 1];
    if (state === undefined) return false;
    // The pulse itself came, too, and is not counted by its sender.
    const came = state.came - 1;
    const lost = state.told >= 0 && sent - state.told > came;
    state.told = sent;
    state.came = 0;
    return lost;
  }

  /** It is suspected to be down from now on; false when it was before. */
  suspect(node: MemberNumber, now: Micros): boolean {
    const state = this.#states[node - 1];
    if (state === undefined || state.status === 'suspected') return false;
    state.status = 'suspected';
    state.suspectedUs = now;
    return true;
  }

  /** What a suspected node's consumers hold returns after a while, if it is not heard of until then (R65). */
  watchAway(node: MemberNumber, out: Out): void {
    const timer: ClusterTimer = { type: 'rabbitmq/away', node, since: this.#states[node - 1]?.suspectedUs ?? 0 };
    out.timer(this.#awayUs, timer, 0);
  }

  isSuspectedSince(node: MemberNumber, since: Micros): boolean {
    const state = this.#states[node - 1];
    return state?.status === 'suspected' && state.suspectedUs === since;
  }

  /** Its process names itself; true when it is another one than before. */
  isReborn(node: MemberNumber, incarnation: number): boolean {
    const state = this.#states[node - 1];
    if (state === undefined || incarnation <= state.incarnation) return false;
    state.incarnation = incarnation;
    return true;
  }

  #ping(node: MemberNumber, asks: boolean, out: Out): void {
    const sent = this.#states[node - 1]?.sent ?? 0;
    const { incarnation, isDiskFull } = this;
    const wire: NodeWire = { type: 'rabbitmq/ping', incarnation, asks, sent, isDiskFull };
    out.send(this.actorOf(node), 'control', wire);
  }
}
