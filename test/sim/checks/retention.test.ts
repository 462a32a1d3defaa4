/** Retention takes what stands at the beginning of a log, read or not. What it took before a group came is told as removed; a breach that came before it stays one. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';
import { build, type Line } from './lines.ts';
import { consumer, scenario } from './scenario.ts';

const overtakes = readFileSync(
  new URL('../../../scenarios/kafka-log/retention-overtakes.yaml', import.meta.url),
  'utf8',
);

function verdictOn(yaml: string, claim: string): Verdict | undefined {
  const scenario = scenarioOf(yaml);
  return judge(run(scenario).trace, scenario, [{ claim, scope: '' }])[0];
}

it('names retention for what was gone when the group began anew, however far it committed since', () => {
  for (const claim of ['at-least-once', 'exactly-once-effect'])
    expect(verdictOn(overtakes, claim)).toMatchObject({ verdict: 'allowed', setting: 'retention' });
});

it('blames no replicated log for what retention took', () => {
  const safe = overtakes
    .replace('interval.ms: 10s }', 'interval.ms: 10s, nodes: 3, min.insync.replicas: 2 }')
    .replace('segment.ms: 10s }', 'segment.ms: 10s, replication.factor: 3 }');
  expect(verdictOn(safe, 'at-least-once')).toMatchObject({ verdict: 'allowed', setting: 'retention' });
});

/** A consumer that commits first and dies before the work; a log that forgets, or does not. */
const commitAhead = (retention: string): string => `
title: Committed first
broker: { kind: kafka, log.retention.check.interval.ms: 5s }
duration: 3min
topics: { jobs: { segment.ms: 10s, retention.ms: ${retention} } }
producers: { maker: { to: jobs, rate: 1/s, messages: 60 } }
consumers:
  worker: { from: jobs, process: 800ms, settle: before-processing, effect: { insert: results }, auto.offset.reset: earliest }
timeline: [{ when: begun, nth: 8, crash: worker, restart: 2s }]
claims: [commit-safety, at-least-once]
`;

it.each(['commit-safety', 'at-least-once'])('still finds that %s broke before retention took the record', (claim) => {
  const kept = verdictOn(commitAhead('1h'), claim);
  expect(kept?.verdict).toBe('violated');
  expect(verdictOn(commitAhead('60s'), claim)).toEqual(kept);
});

const group = {
  consumers: { c: consumer({ group: 'team', from: ['rides'], options: { 'auto.offset.reset': 'earliest' } }) },
};
const stored: readonly Line[] = [
  '0 joined b - team c-1 1',
  ...[1, 2, 3].flatMap((m) => [
    `1 produced p ${m} - - 100 0`,
    `1 appended b ${m} rides/0 - ${m - 1}`,
    `1 confirmed p ${m} rides/0`,
  ]),
];
const read = (t: number, m: number): readonly Line[] => [
  `${t} delivered b ${m} rides/0 c-1 0 1`,
  `${t} received c-1 ${m} rides/0`,
];
const retained = (t: number): Line => `${t} log-start-moved b - rides/0 - 2`;
const told = (claim: string, lines: readonly Line[]) =>
  judge(build(lines, 90).made.trace, scenario('kafka', group), [{ claim, scope: '' }])[0]?.witness.length ?? 0;

it.each(['poll-skip', 'lost-write'])(
  '%s: a record that was passed over is not excused by what retention took later',
  (claim) => {
    expect(told(claim, [...stored, ...read(2, 1), ...read(3, 3), retained(60)])).toBeGreaterThan(0);
  },
);

it.each(['poll-skip', 'lost-write'])('%s: nobody passes over what was gone by then', (claim) => {
  expect(told(claim, [...stored, ...read(2, 1), retained(3), ...read(60, 3)])).toBe(0);
});
