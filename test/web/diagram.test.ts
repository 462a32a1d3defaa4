import { expect, it } from 'vitest';
import { HOLDINGS, holdingsOf } from '../../sim/folds/holdings.ts';
import type { Run } from '../../sim/world.ts';
import { instantsOf } from '../../web/diagram/instants.ts';
import { QUIET_PX, TimeScale } from '../../web/diagram/timescale.ts';
import { libraryRun } from './library.ts';

const ALL = { hidden: [], message: 0, routine: false };
const made = new Map<string, Run>();

function runOf(name: string): Run {
  const known = made.get(name) ?? libraryRun(name);
  made.set(name, known);
  return known;
}

it('a time stands where its height leads back to it, cut or not', () => {
  const instants = Float64Array.of(1_000_000, 1_003_000, 1_006_000, 9_000_000);
  for (const collapses of [true, false]) {
    const scale = new TimeScale(instants, 20_000_000, 26 / 3000, collapses);
    for (const time of [0, 500_000, 1_001_500, 1_006_000, 5_000_000, 20_000_000])
      expect(scale.time(scale.y(time))).toBe(time);
    expect(scale.y(1_003_000)).toBeGreaterThan(scale.y(1_000_000));
  }
});

it('a quiet stretch is cut to a fixed height, and said to be cut; a hop keeps its own', () => {
  const scale = new TimeScale(Float64Array.of(0, 3_000, 9_000_000), 9_000_000, 26 / 3000, true);
  expect(scale.y(3_000) - scale.y(0)).toBeCloseTo(26);
  expect(scale.y(9_000_000) - scale.y(3_000)).toBe(QUIET_PX);
  expect(scale.quiet(0, scale.height)).toMatchObject([{ fromUs: 3_000, toUs: 9_000_000 }]);
});

it('the diagram of an hour has room for the day that follows', () => {
  const scale = new TimeScale(Float64Array.of(0, 86_400_000_000), 86_400_000_000, 26 / 3000, false);
  expect(scale.height).toBeGreaterThan(500_000_000);
  expect(scale.instants(0, scale.height, 16).map(({ time }) => time)).toEqual([0, 86_400_000_000]);
});

it('hiding actors and following a message leave fewer instants, and none that was not there', () => {
  const { trace } = runOf('worker-crash');
  const all = instantsOf(trace, ALL);
  const followed = instantsOf(trace, { ...ALL, message: 2 });
  const broker = trace.actors.find(({ kind }) => kind === 'broker')?.id ?? 0;
  const hidden = instantsOf(trace, { ...ALL, hidden: [broker] });
  expect(followed.length).toBeGreaterThan(3);
  expect(followed.length).toBeLessThan(all.length);
  expect(hidden.length).toBeLessThan(all.length);
  expect([...followed, ...hidden].filter((time) => !all.includes(time))).toEqual([]);
  expect([...all].sort((a, b) => a - b)).toEqual([...all]);
});

it('a lock lasts from the delivery to its ack or its end, and a crash empties the hands', () => {
  const { trace, scenario } = runOf('worker-crash');
  const { count, kinds, facts, ends, actors } = holdingsOf(trace, scenario);
  const names = [];
  for (let i = 0; i < count; i++) {
    if (kinds[i] === HOLDINGS.locked) {
      expect(trace.name(facts[i] as number)).toBe('delivered');
      names.push(trace.name(ends[i] as number));
    } else expect(trace.actors[actors[i] as number]?.kind).toBe('consumer');
  }
  expect(new Set(names)).toEqual(new Set(['acked', 'lock-expired']));
  const crashed = [...ends].filter((end) => end > 0 && trace.name(end) === 'crashed');
  expect(crashed).toHaveLength(1);
});

it('holdings that overlap on one lifeline stand in slots of their own', () => {
  const { trace, scenario } = runOf('with-dlq');
  const { count, facts, ends, actors, slots } = holdingsOf(trace, scenario);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) {
      if (actors[i] !== actors[j] || slots[i] !== slots[j]) continue;
      const end = ends[j] as number;
      expect(end, `${j} ends before ${i} begins`).toBeGreaterThan(0);
      expect(end).toBeLessThanOrEqual(facts[i] as number);
    }
  }
});
