/**
 * The one interface for decisions. Everything that chance or an adversary decides is a whole number asked for at a named site. A `Decider` answers:
 * the seed driver computes the answer from (seed, site name, key); the tape driver replays a recorded list; others (enumeration,
 * fast-check) fit the same shape. Brokers and clients never see which one is at work.
 */
import seedrandom from 'seedrandom';
import type { Site } from '../core/machine.ts';

/** A site as deciders keep it. `salt` is drawn once from the stream named by (seed, site name). */
export interface DecisionSite extends Site {
  readonly index: number;
  readonly salt: number;
  /** Answers given without a key so far. */
  asked: number;
}

export interface Decider {
  site(name: string): DecisionSite;
  /** A whole number 0 … n−1, for 1 ≤ n ≤ 2³². */
  choose(site: DecisionSite, n: number, key?: number): number;
}

/** One decision as a tape keeps it: where, of how many, what. */
export interface Decision {
  readonly site: string;
  readonly n: number;
  readonly value: number;
}

/** Answers from named streams: the same (seed, site, key) gives the same answer whatever else is asked. */
export function seedDecider(seed: string): Decider {
  const sites = new Map<string, DecisionSite>();
  return {
    site: (name) => siteOf(sites, seed, name),
    choose(site, n, key) {
      return Math.floor((mix(site.salt, key ?? site.asked++) / 4294967296) * n);
    },
  };
}

/** Lets another decider answer and writes each decision down. */
export function recorder(inner: Decider, tape: Decision[]): Decider {
  return {
    site: (name) => inner.site(name),
    choose(site, n, key) {
      const value = inner.choose(site, n, key);
      tape.push({ site: site.name, n, value });
      return value;
    },
  };
}

/**
 * Replays a tape. Where the run asks something else than was recorded (another site, another n, or more than there is) the tape
 * no longer fits: from there on the fallback answers, and `mismatch` tells the first such place.
 */
export function tapeDecider(tape: readonly Decision[], fallback: Decider): Decider & { mismatch(): string | null } {
  let next = 0;
  let mismatch: string | null = null;
  return {
    site: (name) => fallback.site(name),
    mismatch: () => mismatch,
    choose(site, n, key) {
      const decision = mismatch === null ? tape[next] : undefined;
      if (decision !== undefined && decision.site === site.name && decision.n === n) {
        next++;
        return decision.value;
      }
      mismatch ??=
        decision === undefined
          ? `decision ${next + 1} at ${site.name} is beyond the tape's ${tape.length}`
          : `decision ${next + 1} is asked at ${site.name} of ${n}; the tape has ${decision.site} of ${decision.n}`;
      return fallback.choose(site, n, key);
    },
  };
}

function siteOf(sites: Map<string, DecisionSite>, seed: string, name: string): DecisionSite {
  let site = sites.get(name);
  if (site === undefined) {
    const salt = seedrandom.alea(`${seed}/${name}`).int32() >>> 0;
    site = { name, index: sites.size, salt, asked: 0 };
    sites.set(name, site);
  }
  return site;
}

/** 32 well-mixed bits of a salt and a key; two rounds of a multiply-xorshift hash. */
export function mix(salt: number, key: number): number {
  let h = Math.imul(key ^ salt, 0x9e3779b1);
  h ^= h >>> 15;
  h = Math.imul(h + salt, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  h = Math.imul(h ^ Math.imul(salt, 0x27d4eb2f), 0x165667b1);
  return (h ^ (h >>> 15)) >>> 0;
}

/** A stable 32-bit number of a text (FNV-1a), for decision keys. */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
