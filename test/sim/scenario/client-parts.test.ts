/** Settings of clients that say nothing together, and what the file is told. */
import { describe, expect, it } from 'vitest';
import { parseScenario } from '../../../sim/scenario/parse.ts';

function complaints(producer: string, consumer: string): string[] {
  const text = `
title: x
broker: sqs
duration: 1min
queues: { jobs: {}, more: {} }
producers: { web: { to: jobs, rate: 1/s${producer} } }
consumers: { worker: { from: jobs${consumer} } }`;
  return parseScenario(text, { file: 'x.yaml' })
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map(({ path, message }) => `${path}: ${message}`);
}

describe('senseless together', () => {
  it.each([
    [', publish: outbox', '', 'producers.web.publish'],
    [', retry: {}', '', 'producers.web.retry'],
    [', effect: { insert: db }, outbox: { batch: 5 }', '', 'producers.web.outbox'],
    [', sequence: true, attributes: { sequence: 5 }', '', 'producers.web.sequence'],
    [', when-full: drop', '', 'producers.web.when-full'],
    ['', ', breaker: {}', 'consumers.worker.breaker'],
    ['', ', write-timeout: 1s', 'consumers.worker.write-timeout'],
    ['', ', reorder: { window: 1s }', 'consumers.worker.reorder'],
    [', sequence: true', ', prefetch: 1, reorder: { window: 1s }', 'consumers.worker.reorder'],
    ['', ', shed: {}', 'consumers.worker.shed'],
    ['', ', produces: { to: jobs }', 'consumers.worker.produces.to'],
    ['', ', produces: { to: nowhere }', 'consumers.worker.produces.to'],
    ['', ', produces: { to: more, publish: outbox }', 'consumers.worker.produces.publish'],
    [
      '',
      ', effect: { insert: db }, produces: { to: more, on: failed, publish: outbox }',
      'consumers.worker.produces.publish',
    ],
    [
      '',
      ', settle: before-processing, produces: { to: more, publish: after-settling }',
      'consumers.worker.produces.publish',
    ],
    ['', ', produces: { to: more, outbox: { batch: 5 } }', 'consumers.worker.produces.outbox'],
    ['', ', produces: { to: more, for-each: { a: 2, b: 3 } }', 'consumers.worker.produces.for-each'],
  ])('%s%s', (producer, consumer, path) => {
    const found = complaints(producer, consumer);
    expect(found.length).toBe(1);
    expect(found[0]?.startsWith(`${path}: `)).toBe(true);
  });

  it('nothing is said of what fits', () => {
    expect(
      complaints(
        ', effect: { insert: db }, publish: outbox, outbox: { every: 1s }, retry: { jitter: full }, sequence: true',
        ', effect: { set: db }, breaker: {}, retry: {}, reorder: { window: 1s }, shed: { waiting: 5 }, produces: [{ to: more, publish: outbox }, { to: more, on: failed }]',
      ),
    ).toEqual([]);
  });
});
