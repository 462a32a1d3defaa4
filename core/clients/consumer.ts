/**
 * A consumer: receives, processes, applies an effect, settles. Consuming is always made of these four sub-steps, each a fact, because a crash between
 * two of them is the whole lesson of delivery guarantees. The machine knows no broker: its port fetches and settles. What it holds in memory
 * (received messages, work in progress, a dedup memory that is not durable) is gone when the process crashes.
 */
import { APPLIED, F, R } from '../facts.ts';
import { CONNECTION, type Command, type Machine, type Out, type Setup, type Site, type Wire } from '../machine.ts';
import { type Distribution, draw, happens } from '../parts/distribution.ts';
import { Fifo } from '../parts/fifo.ts';
import type { ActorId, Delivery, FactId, Message, Micros, PlaceId, Settlement } from '../types.ts';
import { backoffUs } from './backoff.ts';
import { CONSUMER_CHANGES, changed } from './changes.ts';
import { type BreakerSettings, CircuitBreaker } from './circuit-breaker.ts';
import { Outlet, type OutletHost, type Outputs, type ProducesSettings } from './forwarder.ts';
import { OpenRequests } from './open-requests.ts';
import type { OutboxRow, OutboxRows, RelayWire } from './outbox.ts';
import type { RetrySettings } from './own-write.ts';
import type { ConsumerHost, ConsumerPort, SettleWhen } from './ports.ts';
import { ReorderBuffer } from './reorder-buffer.ts';
import type { WriteReply, WriteRequest } from './store.ts';

/** How a consumer works; the scenario's `consumers:` entry fits. */
export interface ConsumerSettings {
  readonly process: Distribution;
  readonly settle: SettleWhen;
  readonly concurrency: number;
  readonly prefetch: number;
  readonly effect: { readonly type: 'increment' | 'set' | 'insert' | 'none'; readonly store: string };
  readonly onFailure: 'leave' | 'requeue' | 'reject' | 'skip';
  readonly onPoison: 'fail' | 'crash' | 'hang';
  readonly failProbability: number;
  readonly crash: {
    readonly probability: number;
    readonly step: Step;
    readonly restartUs: Micros;
  } | null;
  readonly heartbeat: { readonly everyUs: Micros; readonly byUs: Micros } | null;
  readonly dedup: { readonly windowUs: Micros; readonly durable: boolean } | null;
  /** How long it waits for the store's answer before it calls the attempt failed. */
  readonly writeTimeoutUs: Micros;
  /** How often and after which pauses it writes again within one delivery; null for never. */
  readonly retry: RetrySettings | null;
  /** What spares a failing store; `wait`: what would be written waits meanwhile, instead of failing. */
  readonly breaker: (BreakerSettings & { readonly wait: boolean }) | null;
  /** Holds back what comes before its turn, by the attribute `sequence`. */
  readonly reorder: { readonly windowUs: Micros; readonly size: number } | null;
  /** What is not worth the work: messages older than `olderThanUs`, and those that come when `waiting` wait already; 0 for no such limit. */
  readonly shed: { readonly olderThanUs: Micros; readonly waiting: number; readonly how: 'ack' | 'reject' } | null;
  /** A supervisor kills a process whose work on one message does not move on for so long. */
  readonly liveness: { readonly afterUs: Micros; readonly restartUs: Micros } | null;
  /** What it makes of each message. */
  readonly produces: readonly ProducesSettings[];
}

/** After which sub-step a process may die. `published`: its outputs are confirmed, and the input is not settled yet. */
export type Step = 'received' | 'begun' | 'applied' | 'published' | 'settled';

/**
 * What lies outside of all processes of one declared consumer: the world that effects without a store act upon (mails sent, charges made), and
 * the table of message ids that a durable dedup keeps beside them.
 */
export interface Outside {
  /** By message: its effect has happened. */
  readonly touched: boolean[];
  readonly seenAtUs: Map<number, Micros>;
  /** By outlet. */
  readonly outputs: Outputs[];
}

export function newOutside(): Outside {
  return { touched: [], seenAtUs: new Map(), outputs: [] };
}

/** What a job does beyond working and settling. */
interface Further {
  readonly on: ProducesSettings['on'];
  /** Outputs that are not confirmed yet. */
  left: number;
  /** Why an output was given up; 0 while none was. */
  reason: number;
  /** The input is settled: when the outputs are out, the job is over. */
  settled: boolean;
}

/** One message being worked on; also what its timers carry. */
interface Job extends Wire {
  readonly type: 'client/worked';
  readonly delivery: Delivery;
  readonly token: number;
  /** The last sub-step's fact. */
  fact: number;
  /** The connection that the delivery came by is gone: it cannot be settled. */
  orphan: boolean;
  /** Writes so far. */
  tries: number;
  further: Further | null;
}

interface Rewrite extends Wire {
  readonly type: 'client/rewrite';
  readonly job: Job;
  readonly reason: number;
}

interface Heartbeat extends Wire {
  readonly type: 'client/heartbeat';
  readonly job: Job;
}

/** A worker that poison has killed comes back after this long, unless `crash:` says otherwise. */
const POISON_RESTART_US = 5_000_000;
const NO_ROWS: readonly OutboxRow[] = [];

export class Consumer implements Machine, ConsumerHost, OutletHost<Job> {
  /** Set once, directly after construction. */
  port!: ConsumerPort;
  /** The nodes that the port speaks to, where its outputs may have to do with others; empty: whoever is lost was the port's. */
  nodes: readonly ActorId[] = [];
  #settings: ConsumerSettings;
  readonly #store: ActorId;
  readonly #outside: Outside;
  readonly #sites: { readonly work: Site; readonly fail: Site; readonly crash: Site; readonly backoff: Site };
  readonly #storePlace: PlaceId;
  /** Its producing halves; their ports are set once, directly after construction. */
  readonly outlets: readonly Outlet<Job>[];
  readonly #breaker: CircuitBreaker | null;
  /** Jobs whose write waits for the breaker. */
  #parked: Job[] = [];
  readonly #reorder: ReorderBuffer<Delivery> | null;
  /** When the timer of the reordering buffer fires; Infinity while none is set. */
  #reorderUs = Number.POSITIVE_INFINITY;
  /** The last job that had begun at the last check of liveness. */
  #checkedToken = 0;
  /** Received and not begun, in order. */
  readonly #waiting = new Fifo<Delivery>();
  /** What is being worked on; few, so a list. */
  #jobs: Job[] = [];
  /** Jobs whose ack before processing is on its way, by message. */
  readonly #acking = new Set<Delivery>();
  #tokens = 0;
  /** Writes that the store has not answered. */
  readonly #writes = new OpenRequests<Job>('client/write-late');
  #fixed = false;
  #factor = 1;
  readonly #memory = new Map<number, Micros>();

  constructor(declared: string, settings: ConsumerSettings, store: ActorId, outside: Outside, setup: Setup) {
    this.#settings = settings;
    this.#store = store;
    this.#outside = outside;
    this.#sites = {
      work: setup.site(`${declared}/work`),
      fail: setup.site(`${declared}/fail`),
      crash: setup.site(`${declared}/crash`),
      backoff: setup.site(`${declared}/write-backoff`),
    };
    const { breaker, reorder, produces, effect } = settings;
    this.#storePlace = effect.type === 'none' ? 0 : setup.place(effect.store, 'store');
    this.#breaker = breaker === null ? null : new CircuitBreaker(breaker);
    this.#reorder = reorder === null ? null : new ReorderBuffer(reorder.windowUs, reorder.size);
    this.outlets = produces.map((one, i) => {
      const outputs = outside.outputs[i] ?? new Map();
      outside.outputs[i] = outputs;
      return new Outlet<Job>(declared, i + 1, one, store, outputs, this);
    });
  }

  start(out: Out): void {
    this.port.start(out);
    for (const outlet of this.outlets) outlet.start(out);
    if (this.#settings.liveness !== null) out.timer(this.#settings.liveness.afterUs, ALIVE, 0);
    this.port.room(this.#room(), out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (out.connection !== 0) this.#outletOf(out).receive(from, wire, out);
    else if (wire.type === 'store/written') this.#written(wire as WriteReply, out);
    else if (wire.type === 'store/outbox-rows') this.#relay(wire as OutboxRows, out);
    else this.port.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    if (out.connection !== 0) return this.#outletOf(out).timer(wire, out);
    switch (wire.type) {
      case 'client/worked':
        return this.#worked(wire as Job, out);
      case 'client/heartbeat':
        return this.#beat(wire as Heartbeat, out);
      case 'client/write-late':
        for (const job of this.#writes.due(out)) this.#writeLate(job, out);
        return;
      case 'client/rewrite': {
        const { job, reason } = wire as Rewrite;
        if (!this.#jobs.includes(job)) return;
        out.fact(F.retried, job.delivery.message.id, this.#storePlace, this.#store, job.tries + 1, reason);
        return this.#write(job, out);
      }
      case 'client/breaker':
        return this.#halfOpen(out);
      case 'client/reorder':
        this.#reorderUs = Number.POSITIVE_INFINITY;
        this.#reorder?.due(out.now, (delivery) => this.#waiting.push(delivery));
        this.#wakeReorder(out);
        return this.#beginMore(out);
      case 'client/alive':
        return this.#checkAlive(out);
      case 'client/relay':
        for (const outlet of this.outlets) outlet.poll((wire as RelayWire).owner, out);
        return;
      default:
        this.port.timer(wire, out);
    }
  }

  crash(): void {
    this.port.crash();
    for (const outlet of this.outlets) outlet.crash();
    this.#breaker?.clear();
    if (this.#parked.length > 0) this.#parked = [];
    this.#reorder?.clear(true);
    this.#reorderUs = Number.POSITIVE_INFINITY;
    this.#checkedToken = 0;
    this.#waiting.clear();
    this.#jobs = [];
    // To clear a set that is empty takes new memory.
    if (this.#acking.size > 0) this.#acking.clear();
    if (this.#memory.size > 0) this.#memory.clear();
    this.#writes.clear();
  }

  restart(out: Out): void {
    this.start(out);
  }

  stop(out: Out): void {
    this.port.stop?.(out);
    for (const outlet of this.outlets) outlet.stop(out);
    this.crash();
  }

  peerLost(peer: ActorId, out: Out): void {
    if (out.connection !== 0) this.#outletOf(out).peerLost(peer, out);
    else if (peer !== this.#store && (this.nodes.length === 0 || this.nodes.includes(peer)))
      this.port.peerLost?.(peer, out);
  }

  command(command: Command, out: Out): void {
    switch (command.type) {
      case 'fix':
        this.#fixed = true;
        out.fact(F.fixed, 0);
        return;
      case 'slow':
        this.#factor = command.factor;
        return;
      case 'set':
        this.#settings = changed(this.#settings, CONSUMER_CHANGES, command);
        this.port.command?.(command, out);
        return;
      default:
        this.port.command?.(command, out);
    }
  }

  deliver(deliveries: readonly Delivery[], out: Out): void {
    for (const delivery of deliveries) {
      const received = out.fact(F.received, delivery.message.id, delivery.place, 0, 0, delivery.attempt);
      if (this.#reorder === null) this.#waiting.push(delivery);
      else this.#order(this.#reorder, delivery, out);
      if (this.#crashesAt('received', delivery, out)) return;
      if (received === 0) return;
    }
    this.#beginMore(out);
  }

  settled(delivery: Delivery, ok: boolean, out: Out): void {
    if (this.#settings.settle === 'before-processing' && this.#acking.delete(delivery)) {
      // Acked before processing: only what is surely removed may be worked on, or it could be done twice.
      if (ok) this.#begin(delivery, out);
      else out.fact(F.skipped, delivery.message.id, delivery.place, 0, 0, R['outcome unknown']);
    } else {
      for (const job of this.#jobs) {
        if (job.delivery !== delivery) continue;
        if (job.further !== null && ok && this.#publishSettled(job, job.further, out)) break;
        this.#drop(job);
        break;
      }
    }
    this.#beginMore(out);
    this.port.room(this.#room(), out);
  }

  revoked(places: readonly PlaceId[]): void {
    this.#waiting.retain((delivery) => !places.includes(delivery.place));
    this.#reorder?.retain((delivery) => !places.includes(delivery.place));
  }

  disconnected(out: Out): void {
    this.#waiting.clear();
    this.#reorder?.clear(false);
    this.#acking.clear();
    for (const job of this.#jobs) job.orphan = true;
    this.port.room(this.#room(), out);
  }

  /** The job is over, or cannot be finished here. */
  #drop(job: Job): void {
    const at = this.#jobs.indexOf(job);
    if (at < 0) return;
    for (let i = at + 1; i < this.#jobs.length; i++) this.#jobs[i - 1] = this.#jobs[i] as Job;
    this.#jobs.pop();
  }

  /** Messages in hand: waiting, in work or not settled yet, and acked before the work, until the broker has said yes. */
  get inHand(): number {
    const held = this.#reorder === null ? 0 : this.#reorder.size;
    return this.#waiting.size + this.#jobs.length + this.#acking.size + held;
  }

  /** How many messages more it can take. */
  #room(): number {
    const room = this.#settings.prefetch - this.inHand;
    return room > 0 ? room : 0;
  }

  #beginMore(out: Out): void {
    while (this.#waiting.size > 0 && this.#jobs.length + this.#acking.size < this.#settings.concurrency) {
      const delivery = this.#waiting.shift() as Delivery;
      if (this.#settings.shed !== null && this.#sheds(delivery, out)) continue;
      if (this.#settings.settle === 'before-processing') {
        this.#acking.add(delivery);
        this.#settle(delivery, 'ack', out);
      } else this.#begin(delivery, out);
    }
  }

  #begin(delivery: Delivery, out: Out): void {
    const { message, attempt } = delivery;
    const key = attemptKey(delivery);
    const job: Job = {
      type: 'client/worked',
      delivery,
      token: ++this.#tokens,
      fact: 0,
      orphan: false,
      tries: 0,
      further: null,
    };
    this.#jobs[this.#jobs.length] = job;
    if (this.#remembers(message, out.now)) {
      job.fact = out.fact(F.deduplicated, message.id, delivery.place);
      return this.#done(job, out);
    }
    const work = Math.floor(draw(this.#settings.process, out, this.#sites.work, key) * this.#factor);
    job.fact = out.fact(F.begun, message.id, delivery.place, 0, Math.ceil(work / 1000), attempt);
    if (this.#crashesAt('begun', delivery, out)) return;
    if (message.poison && !this.#fixed && this.#settings.onPoison !== 'fail') {
      // A handler that hangs keeps its slot until the process ends.
      if (this.#settings.onPoison === 'crash') {
        out.fact(F.failed, message.id, delivery.place, 0, 0, R.poison);
        out.crash(this.#settings.crash?.restartUs ?? POISON_RESTART_US);
      }
      return;
    }
    const { heartbeat } = this.#settings;
    if (heartbeat !== null) out.timer(heartbeat.everyUs, { type: 'client/heartbeat', job } as Heartbeat, job.fact);
    out.work(work, job, job.fact);
  }

  #worked(job: Job, out: Out): void {
    if (!this.#jobs.includes(job)) return;
    const { delivery } = job;
    const { message } = delivery;
    const poisoned = message.poison && !this.#fixed;
    if (poisoned || happens(this.#settings.failProbability, out, this.#sites.fail, attemptKey(delivery))) {
      return this.#fail(job, poisoned ? R.poison : R['handler failed'], out);
    }
    if (this.#settings.effect.type === 'none') return this.#touch(job, out);
    this.#write(job, out);
  }

  /** Asks the store, unless the breaker is open. */
  #write(job: Job, out: Out): void {
    if (this.#breaker !== null && !this.#breaker.allows()) return this.#refrain(job, out);
    const { effect, dedup, writeTimeoutUs } = this.#settings;
    const { message } = job.delivery;
    if (effect.type === 'none') return;
    job.tries++;
    const request: WriteRequest = {
      type: 'store/write',
      effect: effect.type,
      message,
      token: this.#writes.open(job, writeTimeoutUs, out),
      dedupUs: dedup?.durable ? dedup.windowUs : 0,
      sizeBytes: message.sizeBytes,
      own: false,
      rows: this.outlets.length === 0 ? NO_ROWS : this.#rows(job, out),
    };
    out.send(this.#store, 'effect', request, message.id, job.fact);
  }

  /** The effect of a consumer without a store: something in the outside world, which nobody can undo or compare. */
  #touch(job: Job, out: Out): void {
    const { message } = job.delivery;
    const { touched, seenAtUs } = this.#outside;
    const { dedup } = this.#settings;
    if (dedup?.durable) {
      const seen = seenAtUs.get(message.id);
      if (seen !== undefined && out.now - seen < dedup.windowUs) {
        job.fact = out.fact(F.deduplicated, message.id, job.delivery.place);
        return this.#done(job, out);
      }
      seenAtUs.set(message.id, out.now);
    }
    const outcome = touched[message.id] === true ? APPLIED.again : APPLIED.first;
    touched[message.id] = true;
    job.fact = out.fact(F.applied, message.id, 0, out.self, 0, outcome);
    this.#applied(job, out);
  }

  #written(reply: WriteReply, out: Out): void {
    const job = this.#writes.close(reply.token, out);
    if (job === undefined || !this.#jobs.includes(job)) return;
    job.fact = out.cause;
    if (this.#breaker !== null)
      this.#hearBreaker(this.#breaker, reply.ok || isRefusal(reply.reason), reply.reason, out);
    if (reply.ok) this.#applied(job, out);
    else this.#writeFailed(job, reply.reason, out);
  }

  /** A write failed: tried again after a pause, as long as there are retries left. What the store refuses for good is not tried again. */
  #writeFailed(job: Job, reason: number, out: Out): void {
    const { retry } = this.#settings;
    if (retry === null || job.tries > retry.attempts || isRefusal(reason)) return this.#fail(job, reason, out);
    const wait = backoffUs(retry, job.tries, out, this.#sites.backoff, attemptKey(job.delivery));
    out.timer(wait, { type: 'client/rewrite', job, reason } as Rewrite, job.fact);
  }

  #applied(job: Job, out: Out): void {
    const { delivery } = job;
    if (this.#settings.dedup !== null) this.#memory.set(delivery.message.id, out.now);
    if (this.#crashesAt('applied', delivery, out)) return;
    this.#done(job, out);
  }

  /** The work is done, now or by an earlier delivery: makes what is to be made of it, then settles. */
  #done(job: Job, out: Out): void {
    if (this.outlets.length === 0) this.#finish(job, 'ack', out);
    else this.#publish(job, 'done', out);
  }

  #fail(job: Job, reason: number, out: Out): void {
    const { delivery } = job;
    job.fact = out.fact(F.failed, delivery.message.id, delivery.place, 0, 0, reason);
    for (const { settings } of this.outlets) if (settings.on === 'failed') return this.#publish(job, 'failed', out);
    this.#giveBack(job, out);
  }

  #giveBack(job: Job, out: Out): void {
    const how = this.#settings.onFailure;
    this.#finish(job, how === 'skip' ? 'ack' : how, out);
  }

  // ── Producing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Publishes what is to be published before the input is settled, and goes on when all of it is confirmed. */
  #publish(job: Job, on: ProducesSettings['on'], out: Out): void {
    const further: Further = { on, left: 1, reason: 0, settled: false };
    job.further = further;
    for (const outlet of this.outlets) {
      if (outlet.settings.on !== on || outlet.settings.publish !== 'after-effect') continue;
      this.#send(outlet, job, further, job.fact, out);
    }
    this.#published(job, further, out);
  }

  /** Counts before it sends: a broker that confirms nothing answers at once. */
  #send(outlet: Outlet<Job>, job: Job, further: Further, because: FactId, out: Out): void {
    const outputs = outlet.outputsOf(job.delivery.message, because, out);
    further.left += outputs.length;
    outlet.publish(job, outputs, out);
  }

  forwarded(job: Job, ok: boolean, reason: number, out: Out): void {
    const { further } = job;
    if (further === null || !this.#jobs.includes(job)) return;
    if (!ok) further.reason = reason;
    this.#published(job, further, out);
  }

  /** One output less to wait for (or the publishing itself is over, which counts as one). */
  #published(job: Job, further: Further, out: Out): void {
    if (--further.left > 0) return;
    const { delivery } = job;
    if (further.settled) {
      this.#drop(job);
      this.#beginMore(out);
      return this.port.room(this.#room(), out);
    }
    if (further.reason !== 0) {
      // What became of the input is not told: it is worked on again, and its outputs are published again.
      out.fact(F.failed, delivery.message.id, delivery.place, 0, 0, further.reason);
      return this.#giveBack(job, out);
    }
    if (this.#crashesAt('published', delivery, out)) return;
    this.#finish(job, 'ack', out);
  }

  /** The input is settled: publishes what was to wait for that. False when there is nothing of the kind. */
  #publishSettled(job: Job, further: Further, out: Out): boolean {
    if (further.settled || further.reason !== 0) return false;
    further.settled = true;
    further.left = 1;
    for (const outlet of this.outlets) {
      if (outlet.settings.on !== further.on || outlet.settings.publish !== 'after-settling') continue;
      this.#send(outlet, job, further, out.cause, out);
    }
    // The rest of `settled` is what a job without outputs needs; one whose outputs are out already is dropped there too.
    return --further.left > 0;
  }

  /** What goes into the outbox together with the effect. */
  #rows(job: Job, out: Out): readonly OutboxRow[] {
    let rows: OutboxRow[] | null = null;
    for (const outlet of this.outlets) {
      if (outlet.settings.publish !== 'outbox') continue;
      rows ??= [];
      for (const message of outlet.outputsOf(job.delivery.message, job.fact, out)) {
        rows.push({ owner: outlet.owner, message });
      }
    }
    return rows ?? NO_ROWS;
  }

  #relay(answer: OutboxRows, out: Out): void {
    for (const outlet of this.outlets) if (outlet.owner === answer.owner) outlet.relay(answer, out);
  }

  #outletOf(out: Out): Outlet<Job> {
    const outlet = this.outlets[out.connection / CONNECTION - 1];
    if (outlet === undefined) throw new Error(`invariant: no connection ${out.connection} of a consumer`);
    return outlet;
  }

  // ── Sparing the store, order, and what is not worth the work ──────────────────────────────────────────────────────

  /** The breaker is open: the write waits for it, or fails at once. */
  #refrain(job: Job, out: Out): void {
    if (this.#settings.breaker?.wait === true) this.#parked.push(job);
    else this.#fail(job, R['circuit open'], out);
  }

  #hearBreaker(breaker: CircuitBreaker, ok: boolean, reason: number, out: Out): void {
    if (ok) {
      if (breaker.success()) out.fact(F['breaker-closed'], 0, this.#storePlace);
      this.#unpark(breaker, out);
      return;
    }
    if (!breaker.failure()) return;
    out.fact(F['breaker-opened'], 0, this.#storePlace, 0, Math.ceil(breaker.openUs / 1000), reason);
    out.timer(breaker.openUs, BREAKER);
  }

  #halfOpen(out: Out): void {
    const breaker = this.#breaker;
    if (breaker === null || breaker.state !== 'open') return;
    breaker.halfOpen();
    out.fact(F['breaker-half-opened'], 0, this.#storePlace);
    this.#unpark(breaker, out);
  }

  /** Writes what waits: all of it when closed, one at a time while it probes. */
  #unpark(breaker: CircuitBreaker, out: Out): void {
    if (breaker.state === 'open' || this.#parked.length === 0) return;
    const parked = this.#parked;
    this.#parked = [];
    for (const job of parked) if (this.#jobs.includes(job)) this.#write(job, out);
  }

  /** Takes a message to its place in the order of its key; those without a number pass. */
  #order(reorder: ReorderBuffer<Delivery>, delivery: Delivery, out: Out): void {
    const { message } = delivery;
    const sequence = message.attributes['sequence'];
    if (typeof sequence !== 'number') return this.#waiting.push(delivery);
    const key = message.key ?? '';
    const turn = reorder.nextOf(key);
    if (sequence > turn) out.fact(F.held, message.id, delivery.place, 0, sequence, turn);
    reorder.offer(key, sequence, delivery, out.now, (released) => this.#waiting.push(released));
    this.#wakeReorder(out);
  }

  #wakeReorder(out: Out): void {
    const dueUs = this.#reorder?.dueUs ?? Number.POSITIVE_INFINITY;
    if (dueUs >= this.#reorderUs) return;
    this.#reorderUs = dueUs;
    out.timer(dueUs - out.now, REORDER);
  }

  /** Whether a message that is about to begin is passed over instead. */
  #sheds(delivery: Delivery, out: Out): boolean {
    const { shed, settle } = this.#settings;
    if (shed === null) return false;
    const { message } = delivery;
    const tooOld = shed.olderThanUs > 0 && out.now - message.producedAtUs > shed.olderThanUs;
    if (!tooOld && (shed.waiting === 0 || this.#waiting.size < shed.waiting)) return false;
    out.fact(F.skipped, message.id, delivery.place, 0, 0, tooOld ? R['too old'] : R['over capacity']);
    if (settle === 'on-delivery') this.port.room(this.#room(), out);
    else this.#settle(delivery, shed.how, out);
    return true;
  }

  /** A process that has worked on one message since the check before is stuck, and is killed. */
  #checkAlive(out: Out): void {
    const { liveness } = this.#settings;
    if (liveness === null) return;
    for (const { token, delivery } of this.#jobs) {
      if (token > this.#checkedToken) continue;
      out.fact(F.failed, delivery.message.id, delivery.place, 0, 0, R['no progress']);
      return out.crash(liveness.restartUs);
    }
    this.#checkedToken = this.#tokens;
    out.timer(liveness.afterUs, ALIVE, 0);
  }

  /** The work is over: settles as asked, unless that was done before or cannot be done any more. */
  #finish(job: Job, how: Settlement, out: Out): void {
    const { delivery } = job;
    if (this.#settings.settle !== 'after-processing' || job.orphan) {
      this.#drop(job);
      this.#beginMore(out);
      return this.port.room(this.#room(), out);
    }
    this.#settle(delivery, how, out);
    this.#crashesAt('settled', delivery, out);
  }

  #settle(delivery: Delivery, how: Settlement, out: Out): void {
    const said = out.fact(F.settled, delivery.message.id, delivery.place, 0, settledAs(how), delivery.attempt);
    this.port.settle(delivery, how, out, said);
  }

  #crashesAt(step: Step, delivery: Delivery, out: Out): boolean {
    const { crash } = this.#settings;
    if (crash === null || crash.step !== step) return false;
    if (!happens(crash.probability, out, this.#sites.crash, attemptKey(delivery))) return false;
    out.crash(crash.restartUs);
    return true;
  }

  #beat(wire: Heartbeat, out: Out): void {
    const { job } = wire;
    const { heartbeat } = this.#settings;
    if (heartbeat === null || job.orphan || !this.#jobs.includes(job)) return;
    this.port.extend(job.delivery, heartbeat.byUs, out);
    out.timer(heartbeat.everyUs, wire, out.cause);
  }

  /** The store did not answer in time. */
  #writeLate(job: Job, out: Out): void {
    if (!this.#jobs.includes(job)) return;
    if (this.#breaker !== null) this.#hearBreaker(this.#breaker, false, R['timed out'], out);
    this.#writeFailed(job, R['timed out'], out);
  }

  #remembers(message: Message, now: Micros): boolean {
    const { dedup } = this.#settings;
    if (dedup === null) return false;
    const seen = dedup.durable ? this.#outside.seenAtUs.get(message.id) : this.#memory.get(message.id);
    return seen !== undefined && now - seen < dedup.windowUs;
  }
}

function settledAs(how: Settlement): number {
  switch (how) {
    case 'ack':
      return 0;
    case 'requeue':
      return 1;
    case 'reject':
      return 2;
    case 'leave':
      return 3;
    default:
      return how satisfies never;
  }
}

/** Key of this attempt's chance. */
function attemptKey({ message, attempt }: Delivery): number {
  return (message.decisionKey + Math.imul(attempt, 0x9e3779b1)) | 0;
}

/** The store has answered, and the answer is no: neither its failure nor worth another attempt. */
function isRefusal(reason: number): boolean {
  return reason === R['balance too low'];
}

const BREAKER: Wire = { type: 'client/breaker' };
const REORDER: Wire = { type: 'client/reorder' };
const ALIVE: Wire = { type: 'client/alive' };
