/**
 * The timeline: what each line of it does when its moment has come, and how it ends. It tells processes, the network and brokers; when a line begins is
 * the world's business, and which line waits for a fact that of `watch.ts`.
 */
import type { Cluster } from '../core/brokers/kind.ts';
import { F, type FactKind, R } from '../core/facts.ts';
import type { Command, Setup } from '../core/machine.ts';
import type { ActorId, FactId, Micros } from '../core/types.ts';
import { type Agenda, EVENT } from './clock.ts';
import type { Network } from './network.ts';
import { ACTOR, type Process, type Processes } from './processes.ts';
import type { Scenario, TimelineAction } from './scenario/types.ts';
import { Clocks, RIGHT } from './skew.ts';
import type { Voice } from './voice.ts';
import type { Watch } from './watch.ts';

/** A line of the timeline begins or ends. */
export interface LineWire {
  readonly type: 'world/begin' | 'world/end';
  readonly index: number;
}

/** Who plays in this run. */
export interface Cast {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly setup: Setup;
  /** Whom a name of the scenario means now: an actor, or all instances of what is declared. */
  named(name: string): readonly ActorId[];
  /** The actor of an instance of a declared consumer, made if there is none yet. */
  addConsumer(declared: string, instance: number): ActorId;
}

/** What a line of the timeline does for a while to some processes. */
interface Factor {
  readonly ids: readonly ActorId[];
  readonly factor: number;
}

export class Timeline {
  readonly #scenario: Scenario;
  readonly #cast: Cast;
  readonly #agenda: Agenda;
  readonly #network: Network;
  readonly #processes: Processes;
  readonly #voice: Voice;
  readonly #watch: Watch;
  /** By line: whom it slows, or whose clock it skews, and how much. */
  readonly #slowed = new Map<number, Factor>();
  readonly #skewed = new Map<number, Factor>();
  /** By line: whose disks it has filled, and nobody has freed since; and all whose disks are full. */
  readonly #filled = new Map<number, readonly ActorId[]>();
  readonly #full = new Set<ActorId>();
  /** By line: whom it has stopped, and as which incarnation. */
  readonly #stopped = new Map<number, readonly { readonly id: ActorId; readonly incarnation: number }[]>();
  /** How many instances of a declared consumer there should be, once it was scaled. */
  readonly #scaledTo = new Map<string, number>();
  /** What declared consumers were told for good from some moment on. */
  readonly #changes = new Map<string, Command[]>();

  constructor(
    scenario: Scenario,
    cast: Cast,
    agenda: Agenda,
    network: Network,
    processes: Processes,
    voice: Voice,
    watch: Watch,
  ) {
    this.#scenario = scenario;
    this.#cast = cast;
    this.#agenda = agenda;
    this.#network = network;
    this.#processes = processes;
    this.#voice = voice;
    this.#watch = watch;
  }

  /** How many instances of a declared consumer there should be now. */
  instances(declared: string): number {
    return this.#scaledTo.get(declared) ?? this.#scenario.consumers[declared]?.count ?? 0;
  }

  begin(index: number, cause: FactId): void {
    const action = this.#scenario.timeline[index]?.action;
    if (action === undefined) return;
    const now = this.#agenda.now;
    const begun = this.#watch.record(now, beginFact(action), 0, 0, index, cause);
    const forUs = lengthOf(action);
    if (forUs !== null) this.#at(now + forUs, { type: 'world/end', index }, begun);
    switch (action.type) {
      case 'crash':
        for (const id of this.#resolve(action.actors))
          this.#processes.crash(this.#processes.all[id] as Process, action.restartUs, begun, action.losesDisk);
        return;
      case 'restart':
        for (const id of this.#resolve(action.actors))
          this.#processes.restart(this.#processes.all[id] as Process, begun);
        return;
      case 'pause':
        for (const id of this.#resolve(action.actors))
          this.#processes.pause(this.#processes.all[id] as Process, action.forUs, begun);
        return;
      case 'slow': {
        const ids = this.#resolve(action.actors);
        this.#slowed.set(index, { ids, factor: action.factor });
        return this.#slow(ids, begun);
      }
      case 'skew': {
        const ids = this.#resolve(action.actors);
        this.#skewed.set(index, { ids, factor: action.factor });
        return this.#skew(ids, begun);
      }
      case 'fill':
        this.#filled.set(index, this.#resolve(action.actors));
        return this.#fill(this.#resolve(action.actors), begun);
      case 'free': {
        const freed = this.#resolve(action.actors);
        for (const [line, ids] of this.#filled)
          this.#filled.set(
            line,
            ids.filter((id) => !freed.includes(id)),
          );
        return this.#fill(freed, begun);
      }
      case 'stop': {
        const processes = this.#resolve(action.actors).map((id) => this.#processes.all[id] as Process);
        for (const process of processes) this.#processes.stop(process, begun);
        this.#stopped.set(
          index,
          processes.map(({ actor: { id }, incarnation }) => ({ id, incarnation })),
        );
        return;
      }
      case 'split':
        return this.#network.split(index, action.sides, action.oneWay);
      case 'heal':
        for (const ended of this.#network.heal()) this.#watch.record(now, F.healed, 0, 0, ended, begun);
        return;
      case 'interfere':
        return this.#network.interfere(index, action);
      case 'send':
        return this.#processes.command(this.#resolve([action.producer]), action, begun);
      case 'poison':
        return this.#processes.command(this.#resolve([action.producer]), action, begun);
      case 'fix':
        this.#keep(action.consumer, { type: 'fix' });
        return this.#processes.command(this.#resolve([action.consumer]), { type: 'fix' }, begun);
      case 'burst':
        return this.#processes.command(this.#resolve([action.producer]), action, begun);
      case 'redrive': {
        const broker = this.#scenario.queues[action.queue]?.broker ?? '';
        const command: Command = {
          type: 'redrive',
          queue: action.queue,
          ...(action.to === null ? {} : { to: action.to }),
          ...(action.perSecond === 0 ? {} : { perSecond: action.perSecond }),
        };
        return this.#processes.command(this.#cast.clusters.get(broker)?.nodesFor(command) ?? [], command, begun);
      }
      case 'purge': {
        const broker = this.#scenario.queues[action.queue]?.broker ?? '';
        return this.#processes.command(this.#cast.clusters.get(broker)?.nodesFor(action) ?? [], action, begun);
      }
      case 'seek': {
        const spec = Object.values(this.#scenario.consumers).find((consumer) => consumer.group === action.group);
        const { group, to } = action;
        const command: Command =
          'snapshot' in to ? { type: 'restore', group, name: to.snapshot } : { type: 'seek', group, to };
        const nodes = this.#cast.clusters.get(spec?.broker ?? '')?.nodesFor(command) ?? [];
        const members = Object.entries(this.#scenario.consumers)
          .filter(([, consumer]) => consumer.group === action.group)
          .flatMap(([declared]) => this.#cast.named(declared));
        return this.#processes.command([...nodes, ...members], command, begun);
      }
      case 'snapshot': {
        const spec = Object.values(this.#scenario.consumers).find((consumer) => consumer.group === action.group);
        return this.#processes.command(
          this.#cast.clusters.get(spec?.broker ?? '')?.nodesFor(action) ?? [],
          action,
          begun,
        );
      }
      case 'scale':
        return this.scale(action.consumer, action.count, begun);
      case 'set':
        return this.#set(action.path, action.value, begun);
      default:
        return action satisfies never;
    }
  }

  end(index: number, cause: FactId): void {
    const action = this.#scenario.timeline[index]?.action;
    if (action === undefined) return;
    const now = this.#agenda.now;
    if (action.type === 'split') {
      for (const ended of this.#network.heal(index)) this.#watch.record(now, F.healed, 0, 0, ended, cause);
      return;
    }
    const ended = this.#watch.record(now, F['fault-ended'], 0, 0, index, cause);
    if (action.type === 'slow') {
      const ids = this.#slowed.get(index)?.ids ?? [];
      this.#slowed.delete(index);
      this.#slow(ids, ended);
    } else if (action.type === 'skew') {
      const ids = this.#skewed.get(index)?.ids ?? [];
      this.#skewed.delete(index);
      this.#skew(ids, ended);
    } else if (action.type === 'fill') {
      const ids = this.#filled.get(index) ?? [];
      this.#filled.delete(index);
      this.#fill(ids, ended);
    } else if (action.type === 'stop') {
      for (const { id, incarnation } of this.#stopped.get(index) ?? []) {
        const process = this.#processes.all[id] as Process;
        if (process.incarnation === incarnation) this.#processes.restart(process, ended);
      }
    } else if (action.type === 'interfere') this.#network.endInterference(index);
  }

  /** Tells these how slow they are now. */
  #slow(ids: readonly ActorId[], cause: FactId): void {
    for (const id of ids) {
      const factor = lastFactor(this.#slowed, id);
      this.#watch.record(this.#agenda.now, F.slowed, id, 0, Math.round(factor * 100), cause);
      const process = this.#processes.all[id] as Process;
      if (process.actor.kind === 'broker') this.#network.slow(id, factor);
      else this.#processes.command([id], { type: 'slow', factor }, cause);
    }
  }

  /** Lets the clocks of these run as fast as the timeline says now. What they wait for comes when their clocks show what they wait for. */
  #skew(ids: readonly ActorId[], cause: FactId): void {
    this.#voice.clocks ??= new Clocks();
    const { clocks } = this.#voice;
    const { now } = this.#agenda;
    for (const id of ids) {
      const hundredths = Math.round(lastFactor(this.#skewed, id) * RIGHT);
      this.#watch.record(now, F.skewed, id, 0, hundredths, cause);
      this.#agenda.retime(id, ACTOR, clocks.run(id, now, hundredths));
    }
  }

  /** Tells these nodes whether their disks are full. Whoever halted for want of room is started again when there is some. */
  #fill(ids: readonly ActorId[], cause: FactId): void {
    const lines = [...this.#filled.values()];
    for (const id of ids) {
      const isFull = lines.some((line) => line.includes(id));
      if (isFull === this.#full.has(id)) continue;
      if (isFull) this.#full.add(id);
      else this.#full.delete(id);
      const kind = isFull ? F['disk-filled'] : F['disk-freed'];
      const fact = this.#watch.record(this.#agenda.now, kind, id, 0, 0, cause);
      this.#processes.command([id], { type: 'disk', isFull }, fact);
      const process = this.#processes.all[id] as Process;
      if (!isFull && process.endedBy === R['disk full']) this.#processes.restart(process, fact);
    }
  }

  /** Brings a declared consumer to so many running instances: the last ones are stopped, missing ones are added or started again. */
  scale(declared: string, count: number, cause: FactId): void {
    const place = this.#cast.setup.place(declared, 'service');
    this.#scaledTo.set(declared, count);
    const scaled = this.#watch.record(this.#agenda.now, F.scaled, 0, place, count, cause);
    for (let instance = 1; instance <= count; instance++) {
      const before = this.#processes.all.length;
      const id = this.#cast.addConsumer(declared, instance);
      const process = this.#processes.all[id] as Process;
      if (id >= before) {
        this.#processes.start(process);
        for (const command of this.#changes.get(declared) ?? []) this.#processes.command([id], command, scaled);
      } else if (!process.comesBack) this.#processes.restart(process, scaled);
    }
    for (const id of this.#cast.named(declared)) {
      const process = this.#processes.all[id] as Process;
      const number = process.actor.name === declared ? 1 : Number(process.actor.name.slice(declared.length + 1));
      if (number > count) this.#processes.stop(process, scaled);
    }
  }

  /** `producers.NAME.…` and `consumers.NAME.…` go to those actors, everything else to the nodes of the brokers. */
  #set(path: readonly string[], value: unknown, cause: FactId): void {
    const [section, name, ...rest] = path;
    const command: Command = { type: 'set', path: rest, value };
    if ((section === 'producers' || section === 'consumers' || section === 'stores') && name !== undefined) {
      if (section === 'consumers') this.#keep(name, command);
      return this.#processes.command(this.#cast.named(name), command, cause);
    }
    const whole: Command = { type: 'set', path, value };
    for (const cluster of this.#cast.clusters.values()) this.#processes.command(cluster.nodesFor(whole), whole, cause);
  }

  /** Instances of this consumer that are added later are told so too. */
  #keep(declared: string, command: Command): void {
    this.#changes.set(declared, [...(this.#changes.get(declared) ?? []), command]);
  }

  #resolve(names: readonly string[]): ActorId[] {
    return names.flatMap((name) => this.#cast.named(name));
  }

  #at(time: Micros, wire: LineWire, cause: FactId): void {
    this.#agenda.schedule(time, EVENT.world, 0, 0, 0, cause, wire);
  }
}

function beginFact(action: TimelineAction): FactKind {
  if (action.type === 'split') return F.split;
  if (action.type === 'set') return F.changed;
  return F['fault-begun'];
}

/** Of several lines that lengthen or shorten something for an actor the last one that has begun counts, until it ends; 1 without any. */
function lastFactor(lines: ReadonlyMap<number, Factor>, id: ActorId): number {
  let factor = 1;
  for (const line of lines.values()) if (line.ids.includes(id)) factor = line.factor;
  return factor;
}

/** How long a line of the timeline lasts, where the world must end it; null otherwise. */
function lengthOf(action: TimelineAction): Micros | null {
  switch (action.type) {
    case 'slow':
    case 'skew':
    case 'fill':
    case 'stop':
    case 'interfere':
      return action.forUs;
    case 'split':
      return action.healUs;
    case 'burst':
      return action.forUs;
    default:
      return null;
  }
}
