/** The network by itself: rates, order on a link, splits, interference. */
import { describe, expect, it } from 'vitest';
import { HOPS } from '../../core/machine.ts';
import type { Actor } from '../../core/types.ts';
import { seedDecider } from '../../sim/choice.ts';
import { FATE, Network } from '../../sim/network.ts';
import { scenarioOf } from './runs.ts';

const ACTORS: readonly Actor[] = ['world', 'p', 'b', 'c-1', 'c-2'].map((name, id) => ({
  id,
  name,
  kind: 'broker',
  group: name.replace(/-\d$/, ''),
}));
const [, P, B, C1, C2] = ACTORS.map(({ id }) => id) as [number, number, number, number, number];
const WIRE = { type: 'test', sizeBytes: 100 };
const REQUEST = HOPS.indexOf('request');
const ACK = HOPS.indexOf('ack');

function networkOf(yaml: string, seed = '1'): Network {
  const { network } = scenarioOf(`
title: T
broker: direct
duration: 1s
producers: { p: { to: e, send: [{ at: 0s }] } }
consumers: { c: { from: e, count: 2 } }
network: ${yaml}`);
  return new Network(network, ACTORS, seedDecider(seed));
}

/** Fates of `n` hops, by how often each came. */
function fates(network: Network, n: number, hop = REQUEST, from = P, to = B): number[] {
  const counts = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    network.judge(from, to, hop, i + 1, WIRE, i * 1000);
    counts[network.judgement.fate] = (counts[network.judgement.fate] ?? 0) + 1;
  }
  return counts;
}

describe('chance on a link', () => {
  it('loses and duplicates as often as it should, and only the kinds of hops that it should', () => {
    const counts = fates(networkOf('{ latency: 0ms, loss: { request: 10% }, duplicate: { request: 5% } }'), 20_000);
    // Standard deviations are 42 and 29.
    expect(Math.abs((counts[FATE.lost] ?? 0) - 2000)).toBeLessThan(170);
    expect(Math.abs((counts[FATE.duplicated] ?? 0) - 900)).toBeLessThan(120);
    expect(fates(networkOf('{ latency: 0ms, loss: { request: 10% } }'), 1000, ACK)[FATE.passed]).toBe(1000);
  });

  it('decides the same for the same hop of a link, whatever other links carry', () => {
    const alone = networkOf('{ latency: 1ms..50ms, loss: 30% }');
    const among = networkOf('{ latency: 1ms..50ms, loss: 30% }');
    for (let i = 0; i < 200; i++) {
      among.judge(P, C1, REQUEST, 0, WIRE, i);
      alone.judge(P, B, REQUEST, 0, WIRE, i);
      among.judge(P, B, REQUEST, 0, WIRE, i);
      expect(among.judgement).toEqual(alone.judgement);
    }
  });

  it('never lets a hop overtake an earlier one of its link, unless it is reordered', () => {
    const arrivals = (network: Network) => {
      const found: number[] = [];
      for (let i = 0; i < 500; i++) {
        network.judge(P, B, REQUEST, 0, WIRE, i * 1000);
        found.push(i * 1000 + network.judgement.latencyUs);
      }
      return found;
    };
    const rises = (times: number[]) => times.every((time, i) => i === 0 || time >= (times[i - 1] as number));
    expect(rises(arrivals(networkOf('{ latency: 1ms..50ms }')))).toBe(true);
    expect(rises(arrivals(networkOf('{ latency: 1ms..50ms, reorder: 20%, reorder-delay: 100ms }')))).toBe(false);
  });

  it('lets bytes wait for those before them', () => {
    const network = networkOf('{ latency: 10ms, bandwidth: 1000B/s }');
    const latencies = [0, 0, 0].map(() => {
      network.judge(P, B, REQUEST, 0, WIRE, 0);
      return network.judgement.latencyUs;
    });
    expect(latencies).toEqual([110_000, 210_000, 310_000]);
  });
});

describe('a split', () => {
  const passes = (network: Network, from: number, to: number): boolean => {
    network.judge(from, to, REQUEST, 0, WIRE, 0);
    return network.judgement.fate === FATE.passed;
  };

  it('cuts both ways between its sides, by declared name, until it heals', () => {
    const network = networkOf('{ latency: 1ms }');
    network.split(0, [['c'], ['b']], false);
    expect([passes(network, C1, B), passes(network, B, C2), passes(network, P, B), passes(network, C1, C2)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(network.heal(0)).toEqual([0]);
    expect(passes(network, C1, B)).toBe(true);
  });

  it('can cut one way only', () => {
    const network = networkOf('{ latency: 1ms }');
    network.split(0, [['p'], ['b']], true);
    expect([passes(network, P, B), passes(network, B, P)]).toEqual([false, true]);
  });

  it('with one side cuts it off from everybody else', () => {
    const network = networkOf('{ latency: 1ms }');
    network.split(3, [['b']], false);
    expect([passes(network, P, B), passes(network, P, C1)]).toEqual([false, true]);
  });
});

describe('interference', () => {
  it('hits the next hops that match, as many as it should', () => {
    const network = networkOf('{ latency: 1ms }');
    const rule = {
      type: 'interfere',
      how: 'lose',
      hops: ['ack'],
      from: 'c',
      to: null,
      bothWays: false,
      message: 0,
      times: 2,
      probability: 1,
      byUs: 0,
      forUs: null,
    } as const;
    network.interfere(0, rule);
    expect(fates(network, 5, REQUEST, C1, B)[FATE.rule]).toBe(0);
    expect(fates(network, 5, ACK, P, B)[FATE.rule]).toBe(0);
    expect(fates(network, 5, ACK, C1, B)).toEqual([3, 0, 0, 2, 0, 0]);
  });

  const LOSES = {
    type: 'interfere',
    how: 'lose',
    hops: [],
    from: 'p',
    to: 'b',
    bothWays: false,
    message: 0,
    times: 0,
    probability: 1,
    byUs: 0,
    forUs: null,
  } as const;

  it('takes what goes the other way only when it is told to', () => {
    const oneWay = networkOf('{ latency: 1ms }');
    oneWay.interfere(0, LOSES);
    expect(fates(oneWay, 3, REQUEST, P, B)[FATE.rule]).toBe(3);
    expect(fates(oneWay, 3, REQUEST, B, P)[FATE.rule]).toBe(0);
    const bothWays = networkOf('{ latency: 1ms }');
    bothWays.interfere(0, { ...LOSES, bothWays: true });
    expect(fates(bothWays, 3, REQUEST, B, P)[FATE.rule]).toBe(3);
    expect(fates(bothWays, 3, REQUEST, B, C1)[FATE.rule]).toBe(0);
  });

  it('finds a message that is not the first of its hop', () => {
    const network = networkOf('{ latency: 1ms }');
    network.interfere(0, { ...LOSES, message: 7 });
    network.judge(P, B, REQUEST, [5, 6], WIRE, 0);
    expect(network.judgement.fate).toBe(FATE.passed);
    network.judge(P, B, REQUEST, [6, 7], WIRE, 0);
    expect(network.judgement.fate).toBe(FATE.rule);
  });
});
