import { expect, it } from 'vitest';
import { withBareTables } from '../../../sim/scenario/by-name.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { describeProducer } from '../../../web/stage/describe.ts';
import { staged } from '../../web/stage-run.ts';

const YAML = `
title: Names that every object has
broker: sqs
duration: 20s
queues:
  toString: { RedrivePolicy: { deadLetterTargetArn: constructor, maxReceiveCount: 2 } }
  constructor: {}
producers: { hasOwnProperty: { to: toString, rate: 1/s, messages: 5, key: valueOf, attributes: { valueOf: { isPrototypeOf: 2 } } } }
consumers: { valueOf: { from: toString, count: 2, process: 100ms, effect: { set: isPrototypeOf } } }
timeline:
  - { at: 3s, crash: valueOf-1, restart: 1s }
`;
const { scenario } = parseScenario(YAML, { file: 'names.yaml' });
if (scenario === null) throw new Error('it can be read');

it('a name that every object has finds what was declared under it, and nothing where nothing was', () => {
  for (const read of [scenario, withBareTables(structuredClone(scenario))]) {
    expect(read.producers['hasOwnProperty']?.to).toEqual(['toString']);
    expect(read.producers['toString']).toBeUndefined();
    expect(read.queues['hasOwnProperty']).toBeUndefined();
    expect(read.consumers['constructor']).toBeUndefined();
    expect(read.stores['isPrototypeOf']).toBeDefined();
  }
});

it('the stage draws it like any other', () => {
  const run = staged(YAML);
  expect(run.layout().boxes.length).toBeGreaterThan(4);
  for (const timeUs of [0, 1_050_000, 3_500_000, 20_000_000]) run.at(timeUs);
  expect(describeProducer(scenario, 'hasOwnProperty')).not.toBe(describeProducer(scenario, 'constructor'));
});
