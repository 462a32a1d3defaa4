import { expect, it } from 'vitest';
import { readTrace, traceLines } from '../../sim/jsonl.ts';
import { traceOf } from './runs.ts';

const YAML = `
title: Two jobs and a crash
duration: 40s
broker: sqs
queues: { jobs: { VisibilityTimeout: 5s } }
producers: { shop: { to: jobs, rate: 1/s, messages: 2, key: user } }
consumers: { worker: { from: jobs, process: 1s, effect: { set: rows } } }
timeline:
  - { when: applied, crash: worker, restart: 1s }
`;
const lines = [...traceLines(traceOf(YAML), { title: 'Two jobs and a crash', seed: '1' })];

/** What reading gives, without the trace. */
const errorOf = (text: readonly string[]): string => {
  const result = readTrace(text);
  return 'error' in result ? result.error : 'no error';
};

it('reads back the trace that it wrote, to the digest, the messages and the sentences', () => {
  const result = readTrace(lines);
  if ('error' in result) throw new Error(result.error);
  const trace = traceOf(YAML);
  expect(result.title).toBe('Two jobs and a crash');
  expect(result.trace.digest).toBe(trace.digest);
  expect(result.trace.message(2)).toMatchObject({ sequence: 2, key: trace.message(2).key });
  for (let id = 1; id <= trace.count; id++) expect(result.trace.sentence(id)).toBe(trace.sentence(id));
});

it('says which line is no JSON object', () => {
  expect(errorOf([lines[0] as string, '{'])).toBe('line 2 is not a JSON object');
});

it('refuses a file of another format, and an empty one', () => {
  expect(errorOf(['{"format":"something/else"}'])).toContain('queuelab/trace@1');
  expect(errorOf([])).toBe('the file is empty');
});

it('names a fact that it does not know', () => {
  expect(errorOf([lines[0] as string, '{"fact":"vanished"}'])).toContain('line 2: "vanished" is no fact');
});

it('notices by the digest that a line is missing or was changed', () => {
  expect(errorOf(lines.slice(0, -1))).toContain('digest');
  expect(errorOf(lines.map((line) => line.replace('"timeUs":1000000', '"timeUs":999999')))).toContain('digest');
});
