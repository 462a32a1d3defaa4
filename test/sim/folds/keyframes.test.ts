import { expect, test } from 'vitest';
import { Keyframes, seekTargets } from '../../../sim/folds/keyframes.ts';
import { topologyAt } from '../../../sim/folds/topology.ts';
import { busyQueue } from './build-trace.ts';
import { describeTopology } from './describe-topology.ts';

const scenario = { consumers: { c: { settle: 'after-processing' as const } }, timeline: [] };

test('seeking anywhere gives the stage that folding from the start gives', () => {
  const { trace } = busyQueue(12_000, 700, 3);
  const keyframes = new Keyframes(trace, scenario, { every: 500 });
  const targets = [0, 1, 499, 500, 501, trace.count, ...seekTargets(trace, 40)];
  for (const target of targets) {
    const sought = describeTopology(keyframes.seek(target));
    expect(sought, `fact ${target}`).toEqual(describeTopology(topologyAt(trace, scenario, target)));
  }
});

test('stepping on after a seek, and back again, leaves the keyframes as they were', () => {
  const { trace } = busyQueue(4000, 100, 5);
  const keyframes = new Keyframes(trace, scenario, { every: 250 });
  for (const target of [2100, 2101, 2102, 2600, 2099, 2100]) keyframes.seek(target);
  expect(describeTopology(keyframes.seek(2000))).toEqual(describeTopology(topologyAt(trace, scenario, 2000)));
  expect(describeTopology(keyframes.seek(2600))).toEqual(describeTopology(topologyAt(trace, scenario, 2600)));
});

test('with too little memory the keyframes get fewer and the answers stay right', () => {
  const { trace } = busyQueue(12_000, 2000, 7);
  const keyframes = new Keyframes(trace, scenario, { every: 200, budgetBytes: 400_000 });
  keyframes.extend();
  expect(keyframes.size.every).toBeGreaterThan(200);
  for (const target of seekTargets(trace, 12)) {
    expect(describeTopology(keyframes.seek(target))).toEqual(describeTopology(topologyAt(trace, scenario, target)));
  }
});

test('a deep queue costs keyframes little: what did not change is shared', () => {
  const { trace } = busyQueue(150_000, 40_000, 9);
  const keyframes = new Keyframes(trace, scenario, { every: 2048 });
  keyframes.extend();
  const { keyframes: count, bytes } = keyframes.size;
  expect(count).toBeGreaterThan(60);
  // A full copy of 40,000 rows of ten numbers would be 3.2 MB each time.
  expect(bytes / count).toBeLessThan(600_000);
});

test('a trace that grows is followed', () => {
  const made = busyQueue(1000, 10, 11);
  const keyframes = new Keyframes(made.trace, scenario, { every: 100 });
  keyframes.seek(1000);
  made.fact(made.trace.endedAtUs + 5, 'crashed', { actor: 'c-2' });
  const last = made.trace.count;
  expect(keyframes.seek(last).actors[made.actor('c-2')]?.status).toBe('down');
});
