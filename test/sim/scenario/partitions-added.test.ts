/** Lines that add partitions to a topic (K1): what the parser takes, and what it refuses as Kafka would. */
import { expect, it } from 'vitest';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { run } from '../../../sim/world.ts';

const FILE = `
title: Partitions are only added
duration: 1m
broker: { kind: kafka, num.partitions: 2 }
topics:
  orders: { partitions: 3 }
  payments: {}
producers:
  shop: { to: [orders, payments], rate: 1/s }
timeline:
`;

function said(...lines: readonly string[]): readonly string[] {
  const { diagnostics } = parseScenario(`${FILE}${lines.map((line) => `  - ${line}\n`).join('')}`, {
    file: 'test.yaml',
  });
  return diagnostics.map(({ message }) => message);
}

it.each<[string, string[], string[]]>([
  ['more', ['{ at: 10s, set: { topics.orders.partitions: 4 } }'], []],
  [
    'as many',
    ['{ at: 10s, set: { topics.orders.partitions: 3 } }'],
    ['`orders` has 3 partitions then; 3 would not be more.'],
  ],
  [
    'fewer, on whatever occasion',
    ['{ when: appended, set: { topics.orders.partitions: 2 } }'],
    ['`orders` has 3 partitions then; 2 would not be more.'],
  ],
  [
    'fewer than the line before it in time has made, wherever that stands',
    ['{ at: 40s, set: { topics.orders.partitions: 5 } }', '{ at: 20s, set: { topics.orders.partitions: 6 } }'],
    ['`orders` has 6 partitions then; 5 would not be more.'],
  ],
  [
    'more, and more again',
    ['{ at: 40s, set: { topics.orders.partitions: 6 } }', '{ at: 20s, set: { topics.orders.partitions: 5 } }'],
    [],
  ],
  [
    'as many as the broker gives a topic that says nothing',
    ['{ at: 10s, set: { topics.payments.partitions: 2 } }'],
    ['`payments` has 2 partitions then; 2 would not be more.'],
  ],
  ['more than that', ['{ at: 10s, set: { topics.payments.partitions: 3 } }'], []],
])('a topic is given %s', (_, lines, expected) => {
  expect(said(...lines)).toEqual(expected);
});

it('too many partitions together are too many, whenever they come', () => {
  const grown = Array.from({ length: 70 }, (_, i) => `  t${i}: { partitions: 1 }\n`).join('');
  const lines = Array.from({ length: 70 }, (_, i) => `  - { at: 1s, set: { topics.t${i}.partitions: 1000 } }\n`).join(
    '',
  );
  const file = `title: Many\nduration: 1m\nbroker: kafka\ntopics:\n${grown}producers:\n  shop: { to: t0, rate: 1/s }\ntimeline:\n${lines}`;
  const { diagnostics } = parseScenario(file, { file: 'test.yaml' });
  expect(diagnostics.map(({ message }) => message)).toEqual(['the topics have 70000 partitions together.']);
});

it('a line that waits for a fact and comes too late changes nothing', () => {
  const lines = [
    '{ at: 10s, set: { topics.orders.partitions: 6 } }',
    '{ when: appended, nth: 30, set: { topics.orders.partitions: 5 } }',
  ];
  const text = `${FILE}${lines.map((line) => `  - ${line}\n`).join('')}`;
  const { scenario } = parseScenario(text, { file: 'test.yaml' });
  if (scenario === null) throw new Error('it does not parse');
  const { trace } = run(scenario);
  expect(trace.places.filter(({ parent }) => parent === 'orders')).toHaveLength(6);
  expect(
    Array.from({ length: trace.count }, (_, i) => trace.name(i + 1)).filter((name) => name === 'changed'),
  ).toHaveLength(2);
});
