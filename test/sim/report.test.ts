import { expect, it } from 'vitest';
import { clockTime, logLines, passes, report } from '../../sim/report.ts';
import { run } from '../../sim/world.ts';
import { scenarioOf } from './runs.ts';

const YAML = `
title: One job
duration: 40s
broker: sqs
queues: { jobs: { VisibilityTimeout: 5s } }
producers: { shop: { to: jobs, rate: 1/s, messages: 1 } }
consumers: { worker: { from: jobs, process: 1s, effect: { increment: rows } } }
timeline: [{ when: applied, crash: worker, restart: 1s }]
claims: [at-least-once, { claim: exactly-once-effect, verdict: violated }]
expect: ["applied(rows) == 1", "duplicates(rows) == 1"]
exercised: [crashed]
`;
const reportOf = (yaml: string, sets: readonly string[] = []) => {
  const scenario = scenarioOf(yaml, sets);
  return report(run(scenario), scenario.seed);
};

it('counts messages, effects and duplicates, and names the witness of what broke', () => {
  const result = reportOf(YAML);
  expect(result.messages).toMatchObject({
    sent: 1,
    confirmed: 1,
    delivered: 2,
    effects: 2,
    settled: 1,
    duplicateEffects: 1,
  });
  expect(result.claims.map(({ verdict, agrees }) => [verdict, agrees])).toEqual([
    ['holds', true],
    ['violated', true],
  ]);
  expect(result.claims[1]?.witness.length).toBeGreaterThan(1);
  expect(result).toMatchObject({
    format: 'queuelab/run@1',
    broker: 'sqs',
    seed: '1',
    ending: 'duration',
    endedAtUs: 40_000_000,
  });
});

it('does not pass when an expectation fails, a verdict differs from the stated one, or something was not exercised', () => {
  expect(passes(reportOf(YAML))).toBe(true);
  expect(passes(reportOf(YAML, ['expect=["applied(rows) == 7"]']))).toBe(false);
  expect(passes(reportOf(YAML, ['claims=[exactly-once-effect]']))).toBe(false);
  expect(passes(reportOf(YAML, ['exercised=[paused]', 'claims=[]']))).toBe(false);
  expect(reportOf(YAML, ['exercised=[paused]', 'claims=[]']).notExercised).toEqual(['paused']);
});

it('does not pass a run that a limit cut short', () => {
  const result = reportOf(YAML, ['limits={facts: 10}', 'claims=[]', 'expect=[]', 'exercised=[]']);
  expect(result.ending).toBe('fact limit');
  expect(passes(result)).toBe(false);
});

it('tells what the timeline did in the words of its line', () => {
  const scenario = scenarioOf(YAML);
  const log = [...logLines(run(scenario).trace, scenario, false)].join('\n');
  expect(log).toMatch(/Timeline: worker crashes, back after 1 s\./);
  expect(log).not.toContain('sent a request');
  expect([...logLines(run(scenario).trace, scenario, true)].join('\n')).toContain('sent a request');
});

it('writes times with minutes, and hours where there are any', () => {
  expect([0, 19_400_000, 83_000_000, 3_723_000_000].map(clockTime)).toEqual([
    '0:00.000',
    '0:19.400',
    '1:23.000',
    '1:02:03.000',
  ]);
});
