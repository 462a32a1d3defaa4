/** A topic that grows in the middle of a run, as the page shows it: a place that was not there from the beginning. */
import { describe, expect, it } from 'vitest';
import { Keyframes } from '../../sim/folds/keyframes.ts';
import { Metrics } from '../../sim/folds/metrics.ts';
import { topologyAt } from '../../sim/folds/topology.ts';
import { readTrace, traceLines } from '../../sim/jsonl.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { settingsOf } from '../../sim/scenario/settings.ts';
import { describeTopic, isUnborn } from '../../web/stage/describe.ts';
import { describeTopology } from '../sim/folds/describe-topology.ts';
import { type StagedRun, staged } from './stage-run.ts';

const file = (nodes: number, later: number) => `
title: A topic grows
duration: 30s
broker: { kind: kafka, nodes: ${nodes}, default.replication.factor: ${nodes} }
topics: { rides: { partitions: 2 } }
producers: { app: { to: rides, rate: 4/s, key: rider, attributes: { rider: 20 }, metadata.max.age.ms: 2s } }
consumers: { desk: { from: rides, count: 2, auto.offset.reset: earliest, metadata.max.age.ms: 2s } }
timeline:
  - { at: 10s, set: { topics.rides.partitions: ${later} } }
`;

function words({ at }: StagedRun, atUs: number): readonly string[] {
  return at(atUs).words.map(({ text }) => text);
}

describe.each([1, 3])('with %i nodes', (nodes) => {
  const run = staged(file(nodes, 4));
  const { trace, scenario } = run.run;
  const [old, added] = ['rides/0', 'rides/3'].map((name) => trace.places.findIndex((place) => place.name === name)) as [
    number,
    number,
  ];
  const on = (atUs: number) => topologyAt(trace, scenario, trace.lastAt(atUs));

  it('a partition is not there before, and has a leader and records after', () => {
    expect([on(9_000_000).partitions[added], isUnborn(trace, on(9_000_000), added)]).toEqual([undefined, true]);
    expect(isUnborn(trace, on(9_000_000), old)).toBe(false);
    const after = on(29_000_000);
    expect(isUnborn(trace, after, added)).toBe(false);
    expect(after.partitions[added]?.leader).toBeGreaterThan(0);
    expect(after.partitions[added]?.end).toBeGreaterThan(0);
    expect(after.partitions[added]?.committed).toHaveLength(1);
  });

  it('what is sought by keyframes is what is folded', () => {
    const frames = new Keyframes(trace, scenario, { every: 50 });
    for (const atUs of [9_999_999, 10_000_000, 29_000_000, 9_000_000]) {
      const fact = trace.lastAt(atUs);
      expect(describeTopology(frames.seek(fact))).toEqual(describeTopology(topologyAt(trace, scenario, fact)));
    }
  });

  it('lag is that of all partitions, and the first leader of a new one was not elected', () => {
    const metrics = new Metrics(scenario);
    metrics.catchUp(trace);
    expect(metrics.place(added).elections).toBe(0);
    expect(metrics.place(added).appended).toBeGreaterThan(0);
    const partitions = trace.places.flatMap(({ id, kind }) =>
      kind === 'partition' ? [metrics.topology.partitions[id]] : [],
    );
    const group = trace.places.findIndex(({ kind }) => kind === 'group');
    const lag = partitions.reduce((sum, one) => sum + (one === undefined ? 0 : metrics.topology.lag(one, group)), 0);
    expect(metrics.groups[group]?.now).toBe(lag);
  });

  it('the stage has a tape for it, which says before that it is not there yet', () => {
    expect(run.layout().boxes.filter(({ type }) => type === 'partition')).toHaveLength(4);
    expect(words(run, 9_000_000).filter((text) => text === 'not there yet')).toHaveLength(2);
    expect(words(run, 11_000_000)).not.toContain('not there yet');
    expect(describeTopic(scenario, 'rides')).toBe('2 partitions, later 4');
  });

  it('is written and read back', () => {
    const read = readTrace(traceLines(trace, { title: scenario.title, seed: scenario.seed }));
    expect('error' in read ? read.error : read.trace.places.map(({ name }) => name)).toEqual(
      trace.places.map(({ name }) => name),
    );
  });
});

it('of many partitions those have a line that are there', () => {
  const run = staged(file(1, 60));
  expect(run.layout().boxes.filter(({ type }) => type === 'tapes')).toHaveLength(1);
  const numbers = (atUs: number) => words(run, atUs).filter((text) => /^\d+$/.test(text));
  expect(numbers(9_000_000)).not.toContain('56');
  expect(numbers(11_000_000)).toContain('56');
});

it('a line is offered that adds one partition, to what earlier lines have made of it', () => {
  const next = (text: string) => {
    const { scenario } = parseScenario(text, { file: 'test.yaml' });
    const topic = scenario === null ? undefined : settingsOf(text, scenario).find(({ name }) => name === 'rides');
    return topic?.settings.find(({ name }) => name === 'partitions')?.next;
  };
  expect(next(file(1, 4))).toBe('5');
  expect(next(file(1, 4).replace(/timeline:[\s\S]*/, ''))).toBe('3');
  expect(
    next(
      file(1, 4)
        .replace(/timeline:[\s\S]*/, '')
        .replace('partitions: 2', ''),
    ),
  ).toBe('2');
});
