/**
 * What the parts of a Redis server share: its settings, its keys, and what was written and is not safe yet. It finds streams and groups, and tells the
 * client of those that are not there.
 * Source: rule X18.
 */
import type { Out, Wire } from '../machine.ts';
import { type Group, type Journal, RedisStream } from '../parts/redis-stream.ts';
import type { ActorId, Micros, PlaceId } from '../types.ts';
import { ERRORS, noGroup, noGroupOfKey, refuse } from './redis-streams-replies.ts';
import { type Live, NEVER, type Share, shareOf } from './redis-streams-share.ts';
import { type Step, Written } from './redis-streams-written.ts';

export interface RedisSettings {
  /** 100 × major + minor: 808 is 8.8. */
  readonly version: number;
  /** What the server's clock shows at time 0, in ms. */
  readonly epochMs: number;
  readonly nodeMaxEntries: number;
  readonly appendonly: boolean;
  readonly appendfsync: 'always' | 'everysec' | 'no';
  /** `save` points: a snapshot once there are so many changes and so much time has passed since the last one. */
  readonly save: readonly { readonly afterUs: Micros; readonly changes: number }[];
  /** How far an asynchronous replica is behind, which takes over when the node dies (X19); −1 without one. */
  readonly replicaLagUs: Micros;
  readonly idmpDurationMs: number;
  readonly idmpMaxSize: number;
}

/** Names of places on the stage. */
export interface StreamPlaces {
  /** The stream itself: where its entries lie while no group reads it, and what a producer is told. */
  stream(key: string): PlaceId;
  /** A group's share of it. */
  group(key: string, group: string): PlaceId;
  /** Streams and the groups that read them from the beginning. */
  declared?(): Iterable<readonly [string, readonly string[]]>;
}

export interface Timer extends Wire {
  readonly type: 'unblock' | 'flush' | 'claimable';
}

export class RedisHost implements Journal {
  readonly settings: RedisSettings;
  readonly places: StreamPlaces;
  readonly streams = new Map<string, Live>();
  /** Keys that hold something else. */
  readonly others = new Set<string>();
  nodeMaxEntries: number;
  /** For streams that are made from now on. */
  idmpDurationMs: number;
  idmpMaxSize: number;
  /** When the input came that is being handled. */
  nowUs: Micros = 0;
  readonly written: Written;
  /** Whether a crash can take anything back. */
  readonly loses: boolean;

  constructor(settings: RedisSettings, places: StreamPlaces) {
    this.settings = settings;
    this.places = places;
    this.nodeMaxEntries = settings.nodeMaxEntries;
    this.idmpDurationMs = settings.idmpDurationMs;
    this.idmpMaxSize = settings.idmpMaxSize;
    const { appendonly, appendfsync, replicaLagUs } = settings;
    this.written = new Written(replicaLagUs >= 0);
    this.loses = replicaLagUs >= 0 || !appendonly || appendfsync !== 'always';
  }

  /** What the server's clock shows. */
  ms(us: Micros): number {
    return this.settings.epochMs + Math.floor(us / 1000);
  }

  /** Makes a stream. */
  open(key: string): Live {
    const countsRest = this.settings.version >= 704;
    const stream = new RedisStream(key, this, this.idmpDurationMs, this.idmpMaxSize, countsRest);
    const live: Live = { stream, place: this.places.stream(key), shares: [], sharesSince: 0 };
    this.streams.set(key, live);
    this.note({ type: 'created', live });
    return live;
  }

  /** Gives a group of a stream its share. */
  share(key: string, live: Live, group: Group): void {
    live.shares.push({ group, place: this.places.group(key, group.name) });
    live.sharesSince = live.stream.length > 0 ? NEVER : 0;
  }

  /** The stream under a key; undefined when there is none, null when another type is there and the client has been told. */
  at(from: ActorId, token: number, key: string, out: Out): Live | undefined | null {
    if (this.others.size === 0 || !this.others.has(key)) return this.streams.get(key);
    refuse(from, token, ERRORS.wrongType, out);
    return null;
  }

  /** A group that must exist; null when the client has been told that it does not. */
  grouped(
    from: ActorId,
    token: number,
    key: string,
    name: string,
    out: Out,
  ): { readonly live: Live; readonly share: Share } | null {
    const live = this.at(from, token, key, out);
    if (live === null) return null;
    const share = shareOf(live, name);
    if (live !== undefined && share !== undefined) return { live, share };
    refuse(from, token, noGroup(key, name), out);
    return null;
  }

  /** The same for XGROUP's subcommands, which tell a missing stream apart. */
  groupOfKey(
    from: ActorId,
    token: number,
    key: string,
    name: string,
    out: Out,
  ): { readonly live: Live; readonly share: Share } | null {
    const live = this.at(from, token, key, out);
    if (live === null) return null;
    if (live === undefined) refuse(from, token, ERRORS.needsKey, out);
    else {
      const share = shareOf(live, name);
      if (share !== undefined) return { live, share };
      refuse(from, token, noGroupOfKey(key, name), out);
    }
    return null;
  }

  /** Takes a step of a stream down, in case it must be taken back. */
  note(step: Step): void {
    if (this.loses) this.written.add(step, this.nowUs);
  }
}
