/**
 * A Redis server, as far as streams go: keys that hold streams, the commands on them, clients that block, and the disk. A single thread handles one
 * command after the other, so each is atomic. What is in a stream is kept by `RedisStream`. This file is the machine: its inputs, and which part of the
 * server carries out a command. The parts are `redis-streams-adding.ts`, `-trimming.ts`, `-handing.ts`, `-reading.ts`, `-settling.ts`, `-claiming.ts`,
 * `-groups.ts`, `-keys.ts`, `-info.ts` and `-disk.ts`, which share `-host.ts`; what happens to one entry of a group is in `-share.ts`.
 * Nothing is pushed and nothing is redelivered by itself (X8).
 * Source: rules X1–X20 as cited.
 */
import type { Command, Machine, Out, Wire } from '../machine.ts';
import { RecentNumbers } from '../parts/recent-numbers.ts';
import { LEAST_ID } from '../parts/stream-id.ts';
import type { ActorId } from '../types.ts';
import { Adding } from './redis-streams-adding.ts';
import { Claiming } from './redis-streams-claiming.ts';
import { Disk } from './redis-streams-disk.ts';
import { Groups } from './redis-streams-groups.ts';
import { Handing } from './redis-streams-handing.ts';
import { RedisHost, type RedisSettings, type StreamPlaces, type Timer } from './redis-streams-host.ts';
import { Info } from './redis-streams-info.ts';
import { Keys } from './redis-streams-keys.ts';
import { Reading } from './redis-streams-reading.ts';
import { sayOk } from './redis-streams-replies.ts';
import { Settling } from './redis-streams-settling.ts';
import { Trimming } from './redis-streams-trimming.ts';
import type { DeadLetter, Exec, StreamsRequest } from './redis-streams-verbs.ts';

export type { RedisSettings } from './redis-streams-host.ts';

export class RedisStreamsNode implements Machine {
  readonly #host: RedisHost;
  readonly #disk: Disk;
  readonly #reading: Reading;
  readonly #trimming: Trimming;
  readonly #adding: Adding;
  readonly #settling: Settling;
  readonly #claiming: Claiming;
  readonly #groups: Groups;
  readonly #keys: Keys;
  readonly #info: Info;
  /** By client: commands that have come already. */
  readonly #heard = new Map<ActorId, RecentNumbers>();

  constructor(settings: RedisSettings, places: StreamPlaces) {
    this.#host = new RedisHost(settings, places);
    this.#disk = new Disk(this.#host);
    this.#reading = new Reading(this.#host, new Handing(this.#host));
    this.#trimming = new Trimming(this.#host);
    this.#adding = new Adding(this.#host, this.#trimming, this.#reading);
    this.#settling = new Settling(this.#host, this.#adding, this.#reading);
    this.#claiming = new Claiming(this.#host);
    this.#groups = new Groups(this.#host, this.#reading);
    this.#keys = new Keys(this.#host, this.#reading);
    this.#info = new Info(this.#host);
  }

  /** Makes what an administrator made before the run begins: streams, and groups that will read them from their start. They are on disk already. */
  declareAll(): void {
    for (const [key, groups] of this.#host.places.declared?.() ?? []) {
      if (this.#host.streams.has(key)) continue;
      const live = this.#host.open(key);
      for (const group of groups) this.#host.share(key, live, live.stream.createGroup(group, LEAST_ID, -1));
    }
    this.#host.written.clear();
  }

  start(): void {
    this.declareAll();
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    this.#host.nowUs = out.now;
    const request = wire as StreamsRequest | DeadLetter;
    if (request.type !== 'QUIT' && request.token > 0 && !this.#isNew(from, request.token)) return;
    switch (request.type) {
      case 'XADD':
        this.#adding.add(from, request, out);
        break;
      case 'XREADGROUP':
        this.#reading.readGroup(from, request, out);
        break;
      case 'XACK':
        this.#settling.ack(from, request, out);
        break;
      case 'EVAL':
        this.#settling.deadLetter(from, request, out);
        break;
      case 'XREAD':
        this.#reading.readPlain(from, request, out);
        break;
      case 'XCLAIM':
        this.#claiming.claim(from, request, out);
        this.#reading.claimed(out);
        break;
      case 'XAUTOCLAIM':
        this.#claiming.autoClaim(from, request, out);
        this.#reading.claimed(out);
        break;
      case 'XNACK':
        this.#settling.nack(from, request, out);
        break;
      case 'XPENDING':
        this.#info.pending(from, request, out);
        break;
      case 'XTRIM':
        this.#trimming.trimAsked(from, request, out);
        break;
      case 'XDEL':
      case 'XDELEX':
        this.#trimming.delete(from, request, out);
        break;
      case 'XACKDEL':
        this.#trimming.ackDelete(from, request, out);
        break;
      case 'XRANGE':
      case 'XREVRANGE':
        this.#info.range(from, request, out);
        break;
      case 'XGROUP CREATE':
        this.#groups.createGroup(from, request, out);
        break;
      case 'XGROUP SETID':
        this.#groups.setGroupId(from, request, out);
        break;
      case 'XGROUP DESTROY':
        this.#groups.destroyGroup(from, request, out);
        break;
      case 'XGROUP CREATECONSUMER':
      case 'XGROUP DELCONSUMER':
        this.#groups.groupConsumer(from, request, out);
        break;
      case 'XINFO STREAM':
      case 'XINFO GROUPS':
        this.#info.info(from, request, out);
        break;
      case 'XINFO STREAM FULL':
        this.#info.infoFull(from, request, out);
        break;
      case 'XINFO CONSUMERS':
        this.#info.infoConsumers(from, request, out);
        break;
      case 'XSETID':
        this.#keys.setId(from, request, out);
        break;
      case 'XCFGSET':
        this.#keys.configureStream(from, request, out);
        break;
      case 'XLEN':
      case 'EXISTS':
      case 'TYPE':
      case 'DEL':
        this.#keys.key(from, request, out);
        break;
      case 'RENAME':
        this.#reading.hold();
        this.#keys.rename(from, request, out);
        this.#reading.serveHeld(out);
        break;
      case 'EXEC':
        this.#execute(from, request, out);
        break;
      case 'SET':
        this.#keys.set(from, request, out);
        break;
      case 'FLUSHALL':
        this.#keys.flushAll(from, request, out);
        break;
      case 'CONFIG SET':
        this.#keys.configure(from, request, out);
        break;
      case 'PING':
        sayOk(from, request.token, out);
        break;
      case 'QUIT':
        this.#reading.peerLost(from);
        break;
      default:
        request satisfies never;
    }
    if (this.#host.loses) this.#disk.armFlush(out);
  }

  /** Readers that wait see what a transaction leaves, not what it passes through; in it nobody waits. */
  #execute(from: ActorId, { commands }: Exec, out: Out): void {
    this.#reading.hold();
    for (const command of commands) {
      if (command.type === 'XREAD' || command.type === 'XREADGROUP') {
        const unblocked: typeof command = { ...command, blockMs: -1 };
        this.receive(from, unblocked, out);
      } else if (command.type !== 'EXEC') this.receive(from, command, out);
    }
    this.#reading.serveHeld(out);
  }

  timer(wire: Wire, out: Out): void {
    this.#host.nowUs = out.now;
    const timer = wire as Timer;
    switch (timer.type) {
      case 'unblock':
        return this.#reading.endBlocks(out);
      case 'claimable':
        return this.#reading.serveClaims(out);
      case 'flush':
        return this.#disk.flush(out);
      default:
        timer.type satisfies never;
    }
  }

  peerLost(peer: ActorId): void {
    this.#reading.peerLost(peer);
  }

  crash(out: Out, losesDisk: boolean): void {
    this.#host.nowUs = out.now;
    this.#reading.forget();
    this.#disk.crash(out, losesDisk);
  }

  stop(_out: Out): void {
    this.#reading.forget();
    this.#disk.save();
  }

  restart(out: Out): void {
    this.#disk.restart(out);
  }

  command(command: Command, out: Out): void {
    this.#host.nowUs = out.now;
    if (command.type === 'seek') this.#groups.seek(command.group, command.to, out);
    if (this.#host.loses) this.#disk.armFlush(out);
  }

  /** A connection hands on each command once, whatever the network copies. */
  #isNew(from: ActorId, token: number): boolean {
    let heard = this.#heard.get(from);
    if (heard === undefined) {
      heard = new RecentNumbers();
      this.#heard.set(from, heard);
    }
    return heard.isNew(token);
  }
}
