import { expect, it } from 'vitest';
import { readTrace, TraceReader, traceLines } from '../../sim/jsonl.ts';
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

it('carries the scenario and its broker, so that the trace can be shown again', () => {
  const reader = new TraceReader();
  const about = { title: 'Two jobs', seed: '1', scenario: YAML, under: 'sqs' };
  for (const line of traceLines(traceOf(YAML), about)) expect(reader.line(line)).toBe('');
  expect(reader.end()).toBe('');
  expect(reader.header).toMatchObject({ scenario: YAML, under: 'sqs', seed: '1' });
});

const spoilt = (at: number, change: Readonly<Record<string, unknown>>): string =>
  errorOf(lines.map((line, i) => (i === at ? JSON.stringify({ ...JSON.parse(line), ...change }) : line)));

it.each([
  [{ actors: [{ id: 0, name: 7 }] }, 'line 1 lists actors or places that cannot be'],
  [{ actors: [] }, 'line 1 lists actors or places that cannot be'],
  [{ places: [{ id: 4, name: 'a', parent: 'a', kind: 'queue', deadLetter: false }] }, 'cannot be'],
  [{ places: 'many' }, 'line 1 should list actors and places'],
])('refuses a first line with %j', (change, error) => {
  expect(spoilt(0, change)).toContain(error);
});

it.each([
  [{ message: 99 }, '"message" is not a number that it can be'],
  [{ place: -1 }, '"place" is not a number that it can be'],
  [{ value: 1e12 }, '"value" is not a number that it can be'],
  [{ timeUs: 'soon' }, '"timeUs" is not a number that it can be'],
  [{ cause: 9 }, '"cause" is not a number that it can be'],
  [{ actor: 'nobody' }, 'line 4 names an actor that line 1 does not list'],
  [{ id: 7 }, 'facts are missing before it'],
  [{ fact: '__proto__' }, '"__proto__" is no fact'],
  [{ made: { id: 1 } }, '"made" is no message'],
])('refuses a fact with %j', (change, error) => {
  expect(spoilt(3, change)).toContain(error);
});

it('refuses a fact that is earlier than the one before it', () => {
  expect(spoilt(lines.length - 1, { timeUs: 5 })).toContain('earlier than the line before it');
});
