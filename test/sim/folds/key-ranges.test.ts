/** Whose hashes are whose, told from who came and went: it must be what the broker itself went by. */
import { expect, it } from 'vitest';
import { F } from '../../../core/facts.ts';
import { keyHash } from '../../../core/parts/key-ranges.ts';
import { KeyRanges } from '../../../sim/folds/key-ranges.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

const system = (broker: string, consumer: string): string => `
title: Keys that move
broker: { kind: pulsar${broker} }
duration: 60s
seed: 7
topics: { parcels: {} }
producers:
  shop: { to: parcels, rate: 8/s, messages: 160, start: 2s, key: customer, attributes: { customer: 40 }, batchingEnabled: false }
consumers:
  packer: { from: parcels, count: 2, subscriptionType: Key_Shared, process: 10ms, effect: { set: shelf }${consumer} }
network: { latency: 1ms }
timeline:
  - { at: 8s, scale: packer, count: 4 }
  - { at: 14s, crash: packer-2, restart: 2s }
  - { at: 18s, scale: packer, count: 1 }
`;

it.each([
  ['by halves', '', ''],
  ['on a ring', ', subscriptionKeySharedUseConsistentHashing: true', ''],
])('%s, each message goes to who owns the hash of its key', (_, broker, consumer) => {
  const scenario = scenarioOf(system(broker, consumer));
  const { trace } = run(scenario);
  const ranges = new KeyRanges(trace, scenario);
  let handed = 0;
  const owners = new Set<number>();
  for (let id = 1; id <= trace.count; id++) {
    if (trace.kind(id) !== F.delivered) continue;
    const hash = keyHash(trace.message(trace.messageOf(id)).key);
    const owned = ranges.of(trace.peer(id), id).flatMap((one) => one.ranges);
    expect(owned.some(({ start, end }) => hash >= start && hash < end)).toBe(true);
    owners.add(trace.peer(id));
    handed++;
  }
  expect(handed).toBeGreaterThanOrEqual(160);
  expect(owners.size).toBe(4);
});

it('tells the halves as they come and go (P22)', () => {
  const scenario = scenarioOf(system('', ''));
  const { trace } = run(scenario);
  const ranges = new KeyRanges(trace, scenario);
  const packer = trace.actors.findIndex((actor) => actor?.name === 'packer-1');
  const at = (second: number): string => {
    let id = 1;
    while (id < trace.count && trace.time(id + 1) <= second * 1e6) id++;
    return ranges
      .of(packer, id)
      .map((one) => one.ranges.map(({ start, end }) => `${start}..${end - 1}`).join())
      .join();
  };
  expect([at(0), at(3), at(59)]).toEqual(['', '32768..65535', '0..65535']);
});

it('has sticky consumers own what they say (P24), and nobody else anything', () => {
  const sticky = system('', ', keySharedMode: STICKY, keySharedRanges: ["0..99", "100..65535"]').replace(
    /timeline:[\s\S]*/,
    '',
  );
  const scenario = scenarioOf(sticky);
  const { trace } = run(scenario);
  const ranges = new KeyRanges(trace, scenario);
  const names = trace.actors.map((actor) => actor?.name ?? '');
  const owned = (name: string) => ranges.of(names.indexOf(name), trace.count).flatMap((one) => one.ranges);
  expect(owned('packer-1')).toEqual([{ start: 0, end: 100 }]);
  expect(owned('packer-2')).toEqual([{ start: 100, end: 65_536 }]);
  expect(owned('shop')).toEqual([]);
});
