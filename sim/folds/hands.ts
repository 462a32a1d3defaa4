/**
 * What consumers have in hand: received and waiting, in work, worked on and to be settled. Here is what each fact does to a hand, for whoever keeps hands
 * (the stage, the diagram). A hand may hold a message twice, because a broker may hand it out again, or have two copies of it; but only what the
 * consumer itself still has: what it drops without a word about each message (a log read again, a partition or a connection that is gone) leaves
 * the hand with the fact that says so of all of them.
 */
import type { SettleWhen } from '../../core/clients/ports.ts';
import { F, type FactKind, R } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, Micros, PlaceId } from '../../core/types.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';

/** What the folds of hands need to know beside the trace: when each consumer settles, and of which broker it is. */
export interface HandsScenario {
  readonly consumers: Readonly<
    Record<
      string,
      Pick<Scenario['consumers'][string], 'settle'> & Partial<Pick<Scenario['consumers'][string], 'broker' | 'options'>>
    >
  >;
  readonly brokers?: Readonly<Record<string, Pick<Scenario['brokers'][string], 'kind'>>>;
}

/** The last sub-step that a consumer took with a message in hand. `received` and not begun is prefetched. */
export type Step = 'received' | 'begun' | 'applied' | 'failed';

export interface InHand {
  readonly message: MessageId;
  /** The queue or partition it came from. */
  readonly place: PlaceId;
  readonly attempt: number;
  step: Step;
  /** When it took that step. */
  sinceUs: Micros;
  readonly receivedUs: Micros;
  /** When the work is expected to be done; 0 before it has begun. */
  endsUs: Micros;
  /** It was settled before it was processed. */
  settled: boolean;
  /** The connection that it came by is gone: it cannot be settled any more, and is out of hand when the work is over. */
  orphan: boolean;
  /** Kept back until the message of its key with this number comes; 0 when it is not. */
  heldFor: number;
}

/** Is told of each change that begins or ends a holding. */
export interface HandWatcher {
  /** Newly in hand: waiting, or in work already. */
  took(consumer: ActorId, held: InHand, fact: FactId): void;
  /** It waited, and is in work from now on. */
  began(consumer: ActorId, held: InHand, fact: FactId): void;
  left(consumer: ActorId, held: InHand, fact: FactId): void;
}

/** How well a message in hand fits a fact that leaves open which copy it means, by its step; 0: not at all. */
type Fit = Readonly<Record<Step, number>>;
const TO_WORK_ON: Fit = { received: 0, begun: 3, applied: 2, failed: 1 };
const TO_SETTLE: Fit = { received: 1, begun: 2, applied: 3, failed: 3 };
const TO_RECOGNISE: Fit = { received: 3, begun: 2, applied: 1, failed: 0 };

export class Hands {
  readonly #scenario: HandsScenario;
  readonly #handOf: (actor: ActorId) => InHand[];
  readonly #watcher: HandWatcher | null;

  /** `handOf` gives an actor's hand, which is changed in place. */
  constructor(scenario: HandsScenario, handOf: (actor: ActorId) => InHand[], watcher: HandWatcher | null = null) {
    this.#scenario = scenario;
    this.#handOf = handOf;
    this.#watcher = watcher;
  }

  /** Takes in a fact; most concern no hand. */
  see(trace: Trace, id: FactId): void {
    const kind: FactKind = trace.kind(id);
    const actor = trace.actor(id);
    switch (kind) {
      case F.received:
        return this.#take(trace, id, actor, 'received');
      case F.begun:
        return this.#begin(trace, id, actor);
      case F.held: {
        const held = pick(this.#handOf(actor), trace.messageOf(id), trace.place(id), 0, WAITING);
        if (held !== undefined) held.heldFor = trace.detail(id);
        return;
      }
      case F.deduplicated: {
        const by = trace.actors[actor]?.kind;
        const consumer = by === 'store' ? trace.peer(id) : actor;
        if (by !== 'consumer' && by !== 'store') return;
        const place = by === 'store' ? 0 : trace.place(id);
        const fit = by === 'store' ? TO_WORK_ON : TO_RECOGNISE;
        const held = pick(this.#handOf(consumer), trace.messageOf(id), place, 0, fit);
        return this.#worked(trace, id, consumer, held, 'applied');
      }
      case F.applied: {
        // A store that recognises a write and answers as it did before says both.
        const cause = trace.cause(id);
        if (cause !== 0 && trace.kind(cause) === F.deduplicated && trace.actor(cause) === actor) return;
        const consumer = trace.peer(id) === 0 ? actor : trace.peer(id);
        const held = pick(this.#handOf(consumer), trace.messageOf(id), 0, 0, TO_WORK_ON);
        return this.#worked(trace, id, consumer, held, 'applied');
      }
      case F.failed: {
        const held = pick(this.#handOf(actor), trace.messageOf(id), trace.place(id), 0, TO_WORK_ON);
        return this.#worked(trace, id, actor, held, 'failed');
      }
      case F.skipped:
        return this.#skip(trace, id, actor);
      case F.settled:
        return this.#settle(trace, id, actor);
      case F.sought:
        // A broker that seeks for its subscription takes nothing out of anybody's hands.
        if (trace.actors[actor]?.kind === 'consumer') this.#dropWaiting(id, actor, trace.place(id));
        return;
      case F.revoked:
        // A member of a share group goes on with what it has acquired.
        if (!this.#shares(trace, trace.peer(id))) this.#dropWaiting(id, trace.peer(id), trace.place(id));
        return;
      case F.crashed:
      case F.started:
      case F.restarted:
      case F.stopped:
        return this.#dropAll(id, actor);
      case F['connection-lost']:
        // What a node notices, its client learns by itself.
        if (trace.actors[actor]?.kind === 'consumer') this.#disconnect(trace, id, actor, trace.peer(id));
        return;
      case F['channel-closed']:
        return this.#disconnect(trace, id, trace.peer(id), actor);
      default:
        return;
    }
  }

  #take(trace: Trace, id: FactId, actor: ActorId, step: 'received' | 'begun'): void {
    const sinceUs = trace.time(id);
    const held: InHand = {
      message: trace.messageOf(id),
      place: trace.place(id),
      attempt: trace.detail(id),
      step,
      sinceUs,
      receivedUs: sinceUs,
      endsUs: step === 'begun' ? sinceUs + trace.value(id) * 1000 : 0,
      settled: false,
      orphan: false,
      heldFor: 0,
    };
    this.#handOf(actor).push(held);
    this.#watcher?.took(actor, held, id);
  }

  #begin(trace: Trace, id: FactId, actor: ActorId): void {
    const early = this.#settles(trace, actor) === 'before-processing';
    const held = pick(this.#handOf(actor), trace.messageOf(id), trace.place(id), trace.detail(id), WAITING, early);
    if (held === undefined) return this.#take(trace, id, actor, 'begun');
    held.step = 'begun';
    held.heldFor = 0;
    held.sinceUs = trace.time(id);
    held.endsUs = held.sinceUs + trace.value(id) * 1000;
    this.#watcher?.began(actor, held, id);
  }

  /** The work on a message is over, well or badly. What was settled before that, or cannot be, is out of the consumer's hands now. */
  #worked(trace: Trace, id: FactId, actor: ActorId, held: InHand | undefined, step: 'applied' | 'failed'): void {
    if (held === undefined) return;
    if (held.settled || held.orphan || this.#settles(trace, actor) === 'on-delivery')
      return this.#drop(id, actor, held);
    held.step = step;
    held.sinceUs = trace.time(id);
  }

  /** What is not worth the work, or was acked before it and perhaps in vain, is dropped before it begins. */
  #skip(trace: Trace, id: FactId, actor: ActorId): void {
    const reason = trace.detail(id);
    const inVain = reason === R['outcome unknown'];
    if (!inVain && reason !== R['too old'] && reason !== R['over capacity']) return;
    const held = pick(this.#handOf(actor), trace.messageOf(id), trace.place(id), 0, WAITING, inVain);
    if (held !== undefined) this.#drop(id, actor, held);
  }

  #settle(trace: Trace, id: FactId, actor: ActorId): void {
    const hand = this.#handOf(actor);
    const place = trace.place(id);
    if (this.#settles(trace, actor) === 'before-processing') {
      const held = pick(hand, trace.messageOf(id), place, trace.detail(id), WAITING);
      if (held !== undefined) held.settled = true;
      return;
    }
    const held = pick(hand, trace.messageOf(id), place, trace.detail(id), TO_SETTLE);
    if (held !== undefined) this.#drop(id, actor, held);
    // To read a record of a log again is to read all that follows it again: nothing of that partition waits any longer (K75, K91).
    const again = trace.value(id) === GIVEN_BACK || trace.value(id) === LEFT;
    if (again && this.#readsAgain(trace, actor)) this.#dropWaiting(id, actor, place);
  }

  /** Waits no longer: what came from a place and was neither begun nor acked. */
  #dropWaiting(id: FactId, actor: ActorId, place: PlaceId): void {
    const hand = this.#handOf(actor);
    for (let i = hand.length - 1; i >= 0; i--) {
      const held = hand[i] as InHand;
      if (held.place === place && held.step === 'received' && !held.settled) this.#drop(id, actor, held);
    }
  }

  /** A RabbitMQ client forgets with its channel what it has not begun, and can settle nothing of the rest: what is in work is its only until that is over. Others keep what they have. */
  #disconnect(trace: Trace, id: FactId, actor: ActorId, node: ActorId): void {
    const { brokers = {} } = this.#scenario;
    const broker = this.#scenario.consumers[trace.actors[actor]?.group ?? '']?.broker ?? '';
    const of = trace.actors[node]?.group ?? '';
    if (brokers[broker]?.kind !== 'rabbitmq' || (brokers[of] !== undefined && of !== broker)) return;
    const hand = this.#handOf(actor);
    for (let i = hand.length - 1; i >= 0; i--) {
      const held = hand[i] as InHand;
      if (held.step === 'begun') held.orphan = true;
      else this.#drop(id, actor, held);
    }
  }

  #dropAll(id: FactId, actor: ActorId): void {
    const hand = this.#handOf(actor);
    if (this.#watcher !== null) for (const held of hand) this.#watcher.left(actor, held, id);
    hand.length = 0;
  }

  #drop(id: FactId, actor: ActorId, held: InHand): void {
    const hand = this.#handOf(actor);
    hand.splice(hand.indexOf(held), 1);
    this.#watcher?.left(actor, held, id);
  }

  /** Whether it is a member of a Kafka consumer group. Members of a share group give back record by record. */
  #readsAgain(trace: Trace, consumer: ActorId): boolean {
    const broker = this.#scenario.consumers[trace.actors[consumer]?.group ?? '']?.broker ?? '';
    return this.#scenario.brokers?.[broker]?.kind === 'kafka' && !this.#shares(trace, consumer);
  }

  #shares(trace: Trace, consumer: ActorId): boolean {
    return this.#scenario.consumers[trace.actors[consumer]?.group ?? '']?.options?.['group.type'] === 'share';
  }

  #settles(trace: Trace, consumer: ActorId): SettleWhen {
    return this.#scenario.consumers[trace.actors[consumer]?.group ?? '']?.settle ?? 'after-processing';
  }
}

/** Values of `settled`. */
const GIVEN_BACK = 1;
const LEFT = 3;
const WAITING: Fit = { received: 1, begun: 0, applied: 0, failed: 0 };

/** The copy in hand that fits best: its attempt (0: any) before its step, and the oldest of equals. Of those that wait, whether it `isSettled` decides who fits. */
function pick(
  hand: readonly InHand[],
  message: MessageId,
  place: PlaceId,
  attempt: number,
  fit: Fit,
  isSettled = false,
): InHand | undefined {
  let best: InHand | undefined;
  let most = 0;
  for (const held of hand) {
    if (held.message !== message || (place !== 0 && held.place !== place)) continue;
    let fits = fit[held.step];
    if (fits === 0 || (fit === WAITING && held.settled !== isSettled)) continue;
    if (attempt !== 0 && held.attempt === attempt) fits += 10;
    if (fits <= most) continue;
    best = held;
    most = fits;
  }
  return best;
}
