/** Lines that would be told as faults and change nothing: the file is run, and its reader is warned. */
import { expect, it } from 'vitest';
import { parseScenario } from '../../../sim/scenario/parse.ts';

/** What is warned of, as `path: message`. */
function warnings(line: string, broker: string, more = ''): string[] {
  const text = `title: x
broker: ${broker}
duration: 1min
${broker === 'kafka' ? 'topics' : 'queues'}: { jobs: {} }
producers: { shop: { to: jobs, rate: 1/s, count: 2 } }
consumers: { worker: { from: jobs, effect: { insert: rows }${more} } }
timeline: [{ at: 10s, ${line} }]
`;
  const { scenario, diagnostics } = parseScenario(text, { file: 'x.yaml' });
  expect(scenario).not.toBeNull();
  return diagnostics.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

it.each([
  ['slow: shop-2, factor: 10', 'sqs', 'timeline.0.slow'],
  ['slow: [worker, shop], factor: 10', 'sqs', 'timeline.0.slow.1'],
  ['duplicate: effect', 'sqs', 'timeline.0.duplicate'],
  ['duplicate: [reply, effect-reply]', 'sqs', 'timeline.0.duplicate'],
  ['duplicate: all', 'kafka', 'timeline.0.duplicate'],
  ['duplicate: request', 'rabbitmq', 'timeline.0.duplicate'],
])('%s changes nothing on %s', (line, broker, path) => {
  const found = warnings(line, broker);
  expect(found).toEqual([expect.stringContaining(`warning ${path}: `)]);
});

it.each([
  ['slow: worker, factor: 10', 'sqs'],
  ['slow: [sqs, rows], factor: 10', 'sqs'],
  ['duplicate: request', 'sqs'],
  ['duplicate: all', 'sqs'],
  ['duplicate: [effect, ack]', 'sqs'],
])('%s may change something on %s', (line, broker) => {
  const found = warnings(line, broker);
  expect(found).toEqual([]);
});

it('a node is no slower where hops take no time', () => {
  const text = (latency: string): string => `title: x
broker: sqs
duration: 1min
queues: { jobs: {} }
network: { latency: ${latency} }
consumers: { worker: { from: jobs } }
timeline: [{ at: 10s, slow: sqs }]
`;
  const found = (latency: string): string[] =>
    parseScenario(text(latency), { file: 'x.yaml' }).diagnostics.map(({ path }) => path);
  expect([found('0s'), found('1ms')]).toEqual([['timeline.0.slow'], []]);
});

it('who works on more at a time than it may hold is told that it holds as many', () => {
  expect(warnings('crash: worker', 'rabbitmq', ', concurrency: 4, prefetch: 1')).toEqual([
    expect.stringContaining('warning consumers.worker.prefetch: '),
  ]);
  expect(warnings('crash: worker', 'rabbitmq', ', concurrency: 4, prefetch: 4')).toEqual([]);
});
