/**
 * The processes of a run: who is up, paused or down, and as which incarnation. Crashes, restarts, pauses and orderly stops, with what others notice of them,
 * and what a process is told by name. When any of this happens is the timeline's business, and what machines do about it their own.
 */
import { F, R } from '../core/facts.ts';
import { CONNECTION, type Command, type Machine } from '../core/machine.ts';
import type { Actor, ActorId, FactId, Micros } from '../core/types.ts';
import { type Agenda, EVENT } from './clock.ts';
import type { Network } from './network.ts';
import type { Voice } from './voice.ts';
import type { Watch } from './watch.ts';

/** An address is an actor and one of its connections; this many bits of it are the actor. */
export const ACTOR = CONNECTION - 1;

export interface Process {
  readonly actor: Actor;
  readonly machine: Machine;
  /** How many connections it has beside the first. */
  more: number;
  up: boolean;
  /** Grows with each crash and stop: what was meant for an older one no longer reaches the process. */
  incarnation: number;
  /** It is down, and a restart is under way. */
  comesBack: boolean;
  /** Why it crashed, a code of R; 0 while it is up, and when it was stopped. */
  endedBy: number;
  /** What comes before it goes on is put off until then. */
  paused: boolean;
  resumesAtUs: Micros;
  /** What it was told while it could not hear it: all of it while it was paused, and while it was down what it is to be from now on. */
  missed: { readonly command: Command; readonly cause: FactId }[];
}
/** What is to happen to a process later. */
export type ProcessWire =
  | { readonly type: 'world/restart' | 'world/resume'; readonly actor: ActorId; readonly incarnation: number }
  /** Between addresses. */
  | { readonly type: 'world/peer-lost'; readonly actor: ActorId; readonly peer: ActorId };

/** The world, as far as processes need it. */
export interface ProcessHost {
  /** A machine was called: what it asked for about its own process is carried out. */
  finish(process: Process): void;
}

export class Processes {
  /** By actor. */
  readonly all: Process[] = [];
  readonly #agenda: Agenda;
  readonly #network: Network;
  readonly #voice: Voice;
  readonly #watch: Watch;
  readonly #host: ProcessHost;

  constructor(agenda: Agenda, network: Network, voice: Voice, watch: Watch, host: ProcessHost) {
    this.#agenda = agenda;
    this.#network = network;
    this.#voice = voice;
    this.#watch = watch;
    this.#host = host;
  }

  add(actor: Actor, machine: Machine): void {
    this.all.push(newProcess(actor, machine));
  }

  /** Something that was to happen later. */
  event(wire: ProcessWire, cause: FactId): void {
    const process = this.all[wire.actor & ACTOR] as Process;
    if (wire.type === 'world/peer-lost') return this.#peerLost(process, wire, cause);
    if (process.incarnation !== wire.incarnation) return;
    if (wire.type === 'world/restart') this.restart(process, cause);
    else this.#resume(process, cause);
  }

  start(process: Process): void {
    const voice = this.#voice;
    voice.begin(process.actor.id, this.#watch.record(this.#agenda.now, F.started, process.actor.id, 0, 0, 0));
    process.machine.start(voice);
    this.#host.finish(process);
  }

  /** `reason`: a code of R. */
  crash(process: Process, restartUs: Micros | null, cause: FactId, losesDisk = false, reason: number = R.fault): void {
    if (!process.up) return;
    const voice = this.#voice;
    const { id } = process.actor;
    const crashed = this.#watch.record(this.#agenda.now, F.crashed, id, 0, 0, cause, reason);
    process.endedBy = reason;
    voice.begin(id, crashed);
    voice.mute = true;
    process.machine.crash(voice, losesDisk);
    voice.mute = false;
    this.#down(process);
    this.#disconnect(process, false, crashed);
    if (restartUs !== null) {
      process.comesBack = true;
      const { incarnation } = process;
      this.#at(this.#agenda.now + restartUs, { type: 'world/restart', actor: id, incarnation }, crashed);
    }
  }

  #down(process: Process): void {
    process.up = false;
    process.incarnation++;
    process.paused = false;
    process.missed = process.missed.filter(({ command }) => lasts(command));
  }

  /** Its connections are closed, and whoever is at their other ends notices: after an orderly end when all that it said has come. */
  #disconnect(process: Process, isOrderly: boolean, cause: FactId): void {
    const { id } = process.actor;
    const { now } = this.#agenda;
    for (const peer of this.#network.peersOf(id)) {
      const other = this.all[peer] as Process;
      if (other.machine.peerLost === undefined) continue;
      const latency = this.#network.noticeLatency(id, peer, isOrderly ? now : null);
      if (latency === null) continue;
      for (let theirs = 0; theirs <= other.more; theirs++) {
        for (let its = 0; its <= process.more; its++) {
          const lost = { actor: peer | (theirs * CONNECTION), peer: id | (its * CONNECTION) };
          this.#at(now + latency, { type: 'world/peer-lost', ...lost }, cause);
        }
      }
    }
  }

  /** An orderly end; one that is paused is ended without a goodbye, as whoever waits for it loses patience. Who is down already does not come back by itself. */
  stop(process: Process, cause: FactId): void {
    process.comesBack = false;
    if (!process.up) {
      process.incarnation++;
      process.endedBy = 0;
      return;
    }
    const { id } = process.actor;
    const stopped = this.#watch.record(this.#agenda.now, F.stopped, id, 0, 0, cause);
    const voice = this.#voice;
    voice.begin(id, stopped);
    const isOrderly = !process.paused;
    if (isOrderly && process.machine.stop !== undefined) process.machine.stop(voice);
    else {
      voice.mute = true;
      process.machine.crash(voice, false);
      voice.mute = false;
    }
    this.#down(process);
    this.#disconnect(process, isOrderly, stopped);
  }

  restart(process: Process, cause: FactId): void {
    if (process.up) return;
    process.up = true;
    process.comesBack = false;
    process.endedBy = 0;
    const { id } = process.actor;
    const restarted = this.#watch.record(this.#agenda.now, F.restarted, id, 0, 0, cause);
    this.#voice.begin(id, restarted);
    process.machine.restart(this.#voice);
    this.#host.finish(process);
    this.#tellMissed(process);
  }

  /** Of several pauses the one that ends last counts. */
  pause(process: Process, forUs: Micros, cause: FactId): void {
    const untilUs = this.#agenda.now + forUs;
    if (!process.up || (process.paused && untilUs <= process.resumesAtUs)) return;
    process.paused = true;
    process.resumesAtUs = untilUs;
    const { id } = process.actor;
    const paused = this.#watch.record(this.#agenda.now, F.paused, id, 0, Math.ceil(forUs / 1000), cause);
    this.#at(untilUs, { type: 'world/resume', actor: id, incarnation: process.incarnation }, paused);
  }

  #resume(process: Process, cause: FactId): void {
    if (!process.paused || this.#agenda.now < process.resumesAtUs) return;
    process.paused = false;
    this.#watch.record(this.#agenda.now, F.resumed, process.actor.id, 0, 0, cause);
    this.#tellMissed(process);
  }

  #tellMissed(process: Process): void {
    if (process.missed.length === 0) return;
    const { missed } = process;
    process.missed = [];
    for (const { command, cause } of missed) this.command([process.actor.id], command, cause);
  }

  command(ids: readonly ActorId[], command: Command, cause: FactId): void {
    for (const id of ids) {
      const process = this.all[id] as Process;
      if (process.machine.command === undefined) continue;
      if (!process.up || process.paused) {
        if (process.up || lasts(command)) process.missed.push({ command, cause });
        continue;
      }
      this.#voice.begin(id, cause);
      process.machine.command(command, this.#voice);
      this.#host.finish(process);
    }
  }

  #peerLost(process: Process, wire: Extract<ProcessWire, { type: 'world/peer-lost' }>, cause: FactId): void {
    if (!process.up || process.machine.peerLost === undefined) return;
    if (process.paused) return this.#at(process.resumesAtUs, wire, cause);
    this.#voice.begin(wire.actor & ACTOR, cause);
    this.#voice.connection = wire.actor & ~ACTOR;
    process.machine.peerLost(wire.peer, this.#voice);
    this.#host.finish(process);
  }

  #at(time: Micros, wire: ProcessWire, cause: FactId): void {
    this.#agenda.schedule(time, EVENT.world, 0, 0, 0, cause, wire);
  }
}

function newProcess(actor: Actor, machine: Machine): Process {
  return {
    actor,
    machine,
    more: 0,
    up: true,
    incarnation: 0,
    comesBack: false,
    endedBy: 0,
    paused: false,
    resumesAtUs: 0,
    missed: [],
  };
}

/** A handler that was repaired, a machine that is fast again, a full disk, a changed setting: true of the next process too. */
function lasts({ type }: Command): boolean {
  return type === 'fix' || type === 'slow' || type === 'disk' || type === 'set';
}
