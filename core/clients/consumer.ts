/**
 * A consumer: receives, processes, applies an effect, settles. Consuming is always made of these four sub-steps, each a fact, because a crash between
 * two of them is the whole lesson of delivery guarantees. The machine knows no broker: its port fetches and settles. What it holds in memory
 * (received messages, work in progress, a dedup memory that is not durable) is gone when the process crashes.
 */
import { APPLIED, F, R } from '../facts.ts';
import type { Command, Machine, Out, Setup, Site, Wire } from '../machine.ts';
import { type Distribution, draw, happens } from '../parts/distribution.ts';
import { Fifo } from '../parts/fifo.ts';
import type { ActorId, Delivery, Message, Micros, PlaceId, Settlement } from '../types.ts';
import type { ConsumerHost, ConsumerPort, SettleWhen } from './ports.ts';
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
    readonly step: 'received' | 'begun' | 'applied' | 'settled';
    readonly restartUs: Micros;
  } | null;
  readonly heartbeat: { readonly everyUs: Micros; readonly byUs: Micros } | null;
  readonly dedup: { readonly windowUs: Micros; readonly durable: boolean } | null;
}

/**
 * What lies outside of all processes of one declared consumer: the world that effects without a store act upon (mails sent, charges made), and
 * the table of message ids that a durable dedup keeps beside them.
 */
export interface Outside {
  /** By message: its effect has happened. */
  readonly touched: boolean[];
  readonly seenAtUs: Map<number, Micros>;
}

export function newOutside(): Outside {
  return { touched: [], seenAtUs: new Map() };
}

/** One message being worked on; also what its timers carry. */
interface Job extends Wire {
  readonly type: 'client/worked';
  readonly delivery: Delivery;
  readonly token: number;
  /** The last sub-step's fact. */
  fact: number;
  /** When the store was asked; 0 when it was not, or has answered. */
  askedAtUs: Micros;
  /** The connection that the delivery came by is gone: it cannot be settled. */
  orphan: boolean;
}

interface Heartbeat extends Wire {
  readonly type: 'client/heartbeat';
  readonly job: Job;
}

/** How long a consumer waits for a store's answer before it calls the attempt failed. */
const STORE_TIMEOUT_US = 5_000_000;
/** A worker that poison has killed comes back after this long, unless `crash:` says otherwise. */
const POISON_RESTART_US = 5_000_000;
const SETTLED_AS: Readonly<Record<Settlement, number>> = { ack: 0, requeue: 1, reject: 2, leave: 3 };

export class Consumer implements Machine, ConsumerHost {
  /** Set once, directly after construction. */
  port!: ConsumerPort;
  readonly #settings: ConsumerSettings;
  readonly #store: ActorId;
  readonly #outside: Outside;
  readonly #sites: { readonly work: Site; readonly fail: Site; readonly crash: Site };
  /** Received and not begun, in order. */
  readonly #waiting = new Fifo<Delivery>();
  /** What is being worked on; few, so a list. */
  #jobs: Job[] = [];
  /** Jobs whose ack before processing is on its way, by message. */
  readonly #acking = new Set<Delivery>();
  #tokens = 0;
  #watching = false;
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
    };
  }

  start(out: Out): void {
    this.port.start(out);
    this.port.room(this.#room(), out);
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    if (wire.type === 'store/written') this.#written(wire as WriteReply, out);
    else this.port.receive(from, wire, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'client/worked':
        return this.#worked(wire as Job, out);
      case 'client/heartbeat':
        return this.#beat(wire as Heartbeat, out);
      case 'client/watch':
        return this.#watch(out);
      default:
        this.port.timer(wire, out);
    }
  }

  crash(): void {
    this.port.crash();
    this.#waiting.clear();
    this.#jobs = [];
    this.#acking.clear();
    this.#memory.clear();
    this.#watching = false;
  }

  restart(out: Out): void {
    this.start(out);
  }

  stop(out: Out): void {
    this.port.stop?.(out);
    this.crash();
  }

  peerLost(peer: ActorId, out: Out): void {
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
      default:
        this.port.command?.(command, out);
    }
  }

  deliver(deliveries: readonly Delivery[], out: Out): void {
    for (const delivery of deliveries) {
      const received = out.fact(F.received, delivery.message.id, delivery.place, 0, 0, delivery.attempt);
      this.#waiting.push(delivery);
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
        this.#drop(job);
        break;
      }
    }
    this.#beginMore(out);
    this.port.room(this.#room(), out);
  }

  revoked(places: readonly PlaceId[]): void {
    this.#waiting.retain((delivery) => !places.includes(delivery.place));
  }

  disconnected(out: Out): void {
    this.#waiting.clear();
    this.#acking.clear();
    for (const job of this.#jobs) job.orphan = true;
    this.port.room(this.#room(), out);
  }

  #job(token: number): Job | undefined {
    for (const job of this.#jobs) if (job.token === token) return job;
    return undefined;
  }

  /** The job is over, or cannot be finished here. */
  #drop(job: Job): void {
    const at = this.#jobs.indexOf(job);
    if (at < 0) return;
    for (let i = at + 1; i < this.#jobs.length; i++) this.#jobs[i - 1] = this.#jobs[i] as Job;
    this.#jobs.pop();
  }

  /** How many messages more it can take. */
  #room(): number {
    const room = this.#settings.prefetch - this.#waiting.size - this.#jobs.length - this.#acking.size;
    return room > 0 ? room : 0;
  }

  #beginMore(out: Out): void {
    while (this.#waiting.size > 0 && this.#jobs.length + this.#acking.size < this.#settings.concurrency) {
      const delivery = this.#waiting.shift() as Delivery;
      if (this.#settings.settle === 'before-processing') {
        this.#acking.add(delivery);
        this.#settle(delivery, 'ack', out);
      } else this.#begin(delivery, out);
    }
  }

  #begin(delivery: Delivery, out: Out): void {
    const { message, attempt } = delivery;
    const key = attemptKey(delivery);
    const job: Job = { type: 'client/worked', delivery, token: ++this.#tokens, fact: 0, askedAtUs: 0, orphan: false };
    this.#jobs.push(job);
    if (this.#remembers(message, out.now)) {
      out.fact(F.deduplicated, message.id, delivery.place);
      return this.#finish(job, 'ack', out);
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
    out.timer(work, job, job.fact);
  }

  #worked(job: Job, out: Out): void {
    if (!this.#jobs.includes(job)) return;
    const { delivery, token } = job;
    const { message } = delivery;
    const poisoned = message.poison && !this.#fixed;
    if (poisoned || happens(this.#settings.failProbability, out, this.#sites.fail, attemptKey(delivery))) {
      return this.#fail(job, poisoned ? R.poison : R['handler failed'], out);
    }
    const { effect, dedup } = this.#settings;
    if (effect.type === 'none') return this.#touch(job, out);
    job.askedAtUs = out.now;
    const request: WriteRequest = {
      type: 'store/write',
      effect: effect.type,
      message,
      token,
      dedupUs: dedup?.durable ? dedup.windowUs : 0,
      sizeBytes: message.sizeBytes,
    };
    out.send(this.#store, 'effect', request, message.id, job.fact);
    if (!this.#watching) {
      this.#watching = true;
      out.timer(STORE_TIMEOUT_US, WATCH);
    }
  }

  /** The effect of a consumer without a store: something in the outside world, which nobody can undo or compare. */
  #touch(job: Job, out: Out): void {
    const { message } = job.delivery;
    const { touched, seenAtUs } = this.#outside;
    const { dedup } = this.#settings;
    if (dedup?.durable) {
      const seen = seenAtUs.get(message.id);
      if (seen !== undefined && out.now - seen < dedup.windowUs) {
        out.fact(F.deduplicated, message.id, job.delivery.place);
        return this.#finish(job, 'ack', out);
      }
      seenAtUs.set(message.id, out.now);
    }
    const outcome = touched[message.id] === true ? APPLIED.again : APPLIED.first;
    touched[message.id] = true;
    job.fact = out.fact(F.applied, message.id, 0, out.self, 0, outcome);
    this.#applied(job, out);
  }

  #written(reply: WriteReply, out: Out): void {
    const job = this.#job(reply.token);
    if (job === undefined || job.askedAtUs === 0) return;
    job.askedAtUs = 0;
    job.fact = out.cause;
    if (reply.ok) this.#applied(job, out);
    else this.#fail(job, reply.reason, out);
  }

  #applied(job: Job, out: Out): void {
    const { delivery } = job;
    if (this.#settings.dedup !== null) this.#memory.set(delivery.message.id, out.now);
    if (this.#crashesAt('applied', delivery, out)) return;
    this.#finish(job, 'ack', out);
  }

  #fail(job: Job, reason: number, out: Out): void {
    const { delivery } = job;
    out.fact(F.failed, delivery.message.id, delivery.place, 0, 0, reason);
    const how = this.#settings.onFailure;
    this.#finish(job, how === 'skip' ? 'ack' : how, out);
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
    out.fact(F.settled, delivery.message.id, delivery.place, 0, SETTLED_AS[how], delivery.attempt);
    this.port.settle(delivery, how, out);
  }

  #crashesAt(step: 'received' | 'begun' | 'applied' | 'settled', delivery: Delivery, out: Out): boolean {
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

  /** One timer for all writes: fails those that have waited too long, and goes on while any is open. */
  #watch(out: Out): void {
    this.#watching = false;
    let open = false;
    for (const job of [...this.#jobs]) {
      if (job.askedAtUs === 0) continue;
      if (out.now - job.askedAtUs >= STORE_TIMEOUT_US) {
        job.askedAtUs = 0;
        this.#fail(job, R['timed out'], out);
      } else open = true;
    }
    if (open && !this.#watching) {
      this.#watching = true;
      out.timer(STORE_TIMEOUT_US, WATCH);
    }
  }

  #remembers(message: Message, now: Micros): boolean {
    const { dedup } = this.#settings;
    if (dedup === null) return false;
    const seen = dedup.durable ? this.#outside.seenAtUs.get(message.id) : this.#memory.get(message.id);
    return seen !== undefined && now - seen < dedup.windowUs;
  }
}

/** Key of this attempt's chance. */
function attemptKey({ message, attempt }: Delivery): number {
  return (message.decisionKey + Math.imul(attempt, 0x9e3779b1)) | 0;
}

const WATCH: Wire = { type: 'client/watch' };
