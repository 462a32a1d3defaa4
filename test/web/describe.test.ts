import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { epochWord, toldSentence } from '../../sim/folds/told.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { World } from '../../sim/world.ts';
import { clock, count, factTime, groupKind, readClock, seconds, short } from '../../web/stage/describe.ts';

it('a clock reading is read back', () => {
  for (const us of [0, 19_400_000, 61_001_000, 3_723_000_000]) expect(readClock(clock(us))).toBe(us);
  expect(readClock('250ms')).toBe(250_000);
  // As scenarios write it.
  expect([readClock('8min'), readClock('1h 30m')]).toEqual([480_000_000, 5_400_000_000]);
  expect(readClock('half past')).toBe(null);
});

it('a clock reading is to the nearest millisecond, as the seconds of the log are', () => {
  for (const us of [1_096_499, 1_096_500, 2_097_800, 59_999_600])
    expect(readClock(clock(us))).toBe(Number((us / 1e6).toFixed(3)) * 1e6);
  expect(clock(59_999_600)).toBe('1:00.000');
});

it('a fact is told its seconds, and from a minute on the clock that the time line shows', () => {
  expect([factTime(3_039_400), factTime(59_999_400), factTime(59_999_600), factTime(650_006_000)]).toEqual([
    '3.039',
    '59.999',
    '1:00.000',
    '10:50.006',
  ]);
});

it('numbers are short where there is no room', () => {
  expect([count(5914), short(9999), short(52_300), short(3_140_000)]).toEqual(['5,914', '9,999', '52k', '3.1M']);
  expect([seconds(40_000), seconds(2_140_000), seconds(45_000_000), seconds(600_000_000)]).toEqual([
    '40 ms',
    '2.1 s',
    '45 s',
    '10 min',
  ]);
});

it('a group is called by its protocol: members that agree at a barrier have generations, those whom the coordinator tells have epochs', () => {
  const { scenario } = parseScenario(readFileSync('scenarios/poison/share-group.yaml', 'utf8'), { file: 'it.yaml' });
  if (scenario === null) throw new Error('no scenario');
  expect([groupKind(scenario, 'classic'), epochWord(scenario, 'classic')]).toEqual(['classic', 'generation']);
  expect([groupKind(scenario, 'shared'), epochWord(scenario, 'shared')]).toEqual(['share', 'epoch']);
  expect(groupKind(scenario, 'nobody')).toBe('');
  const world = new World(scenario);
  while (world.step(10_000));
  const told = Array.from({ length: world.trace.count }, (_, i) => toldSentence(world.trace, scenario, i + 1)).join(
    '\n',
  );
  expect(told).toMatch(/Group shared is at epoch \d+\./);
  expect(told).toMatch(/Group classic is at generation \d+\./);
});
