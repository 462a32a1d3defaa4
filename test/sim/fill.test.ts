/** Disks that are full: Kafka's nodes halt when they are to write, RabbitMQ's read nothing more from who publishes. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../sim/checks/index.ts';
import { explainWhy } from '../../sim/folds/why.ts';
import { run } from '../../sim/world.ts';
import { countOf, factsOf, scenarioOf, storyOf, traceOf } from './runs.ts';

const kafka = (timeline: string, nodes = 3) => `
title: Orders
broker: { kind: kafka, nodes: ${nodes} }
duration: 60s
topics: { orders: { partitions: 1, replication.factor: ${nodes} } }
producers: { shop: { to: orders, rate: 1/s, messages: 30, acks: all } }
consumers: { billing: { from: orders, effect: { insert: invoices }, auto.offset.reset: earliest } }
network: { latency: 1ms }
timeline: [${timeline}]`;

describe('a node of Kafka whose disk is full', () => {
  it('halts with the next write, is followed by others, and is started again when there is room', () => {
    const trace = traceOf(kafka('{ at: 10s, fill: b1, for: 20s }'));
    const [halted] = factsOf(trace, 'crashed');
    expect(trace.sentence(halted?.id ?? 0)).toBe('b1 halted: it could not write to its disk.');
    expect((halted?.timeUs ?? 0) / 1e6).toBeLessThan(11.1);
    expect(storyOf(trace, 'restarted')).toEqual(['30.000 restarted b1']);
    expect(factsOf(trace, 'elected').some(({ peer }) => trace.actorName(peer) !== 'b1')).toBe(true);
    expect(countOf(trace, 'applied')).toBe(30);
  });

  it('halts as a follower, too, and leaves the in-sync set', () => {
    const trace = traceOf(kafka('{ at: 10s, fill: b3, for: 20s }'));
    expect(factsOf(trace, 'crashed').map(({ actor }) => trace.actorName(actor))).toEqual(['b3']);
    expect(countOf(trace, 'applied')).toBe(30);
  });

  it('goes on as long as there is nothing to write', () => {
    expect(countOf(traceOf(kafka('{ at: 45s, fill: b1 }')), 'crashed')).toBe(0);
  });

  it('halts again when it is started without room', () => {
    const trace = traceOf(kafka('{ at: 10s, fill: b1 }, { at: 15s, restart: b1 }'));
    expect(factsOf(trace, 'crashed').map(({ actor }) => trace.actorName(actor))).toEqual(['b1', 'b1']);
  });

  it('takes nothing from what was confirmed', () => {
    const scenario = scenarioOf(kafka('{ at: 10s, fill: b1, for: 20s }'));
    const asked = ['confirmed-durable', 'at-least-once', 'committed-survives'].map((claim) => ({ claim, scope: '' }));
    expect(judge(run(scenario).trace, scenario, asked).map(({ verdict }) => verdict)).toEqual([
      'holds',
      'holds',
      'holds',
    ]);
  });

  it('is told of by why, back to the line that filled its disk', () => {
    const scenario = scenarioOf(kafka('{ at: 10s, fill: b1, for: 20s }'));
    const { trace } = run(scenario);
    const chain = explainWhy(trace, scenario, factsOf(trace, 'crashed')[0]?.id ?? 0).map(({ sentence }) => sentence);
    expect(chain).toEqual([
      'b1 halted: it could not write to its disk (it has been full since 10 s).',
      'The disk of b1 is full.',
      'Timeline: the disk of b1 is full for 20 s.',
    ]);
  });
});

const rabbit = (timeline: string, more = '', nodes = 1) => `
title: Orders
broker: { kind: rabbitmq${nodes > 1 ? `, nodes: ${nodes}` : ''} }
duration: 60s
queues: { orders: { x-queue-type: quorum } }
producers: { till: { to: orders, rate: 1/s, messages: 30, confirms: true, confirm_timeout: 60s${more} } }
consumers: { kitchen: { from: orders, process: 2s, prefetch: 1, effect: { insert: meals } } }
network: { latency: 1ms }
timeline: [${timeline}]`;

describe('RabbitMQ with a full disk', () => {
  it('takes nothing that is published, and goes on to deliver what it has', () => {
    const trace = traceOf(rabbit('{ at: 10500ms, fill: rabbitmq, for: 20s }'));
    const between = (name: 'appended' | 'acked') =>
      factsOf(trace, name).filter(({ timeUs }) => timeUs > 10.5e6 && timeUs < 30.5e6).length;
    expect(between('appended')).toBe(0);
    expect(between('acked')).toBeGreaterThan(4);
  });

  it('blocks who publishes with the first publish, and takes all of it afterwards, once and in order', () => {
    const trace = traceOf(rabbit('{ at: 10500ms, fill: rabbitmq, for: 20s }'));
    expect(storyOf(trace, 'blocked', 'unblocked').map((line) => line.split(' ').slice(1).join(' '))).toEqual([
      'blocked m11 till',
      'unblocked till',
    ]);
    const stored = factsOf(trace, 'appended').map(({ message }) => message);
    expect(stored).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(countOf(trace, 'retried')).toBe(0);
  });

  it('keeps a blocked connection, however silent: nothing is read of it', () => {
    const trace = traceOf(
      rabbit('{ at: 10500ms, fill: rabbitmq, for: 30s }').replace('kind: rabbitmq', 'kind: rabbitmq, heartbeat: 2s'),
    );
    expect(countOf(trace, 'connection-lost')).toBe(0);
    expect(countOf(trace, 'confirmed')).toBe(30);
  });

  it('blocks at each node of the cluster when the disk of one is full, until that has room or is gone', () => {
    const cluster = (timeline: string) => traceOf(rabbit(timeline, ', node: 1', 3));
    const stored = (timeline: string, fromS: number, toS: number) =>
      factsOf(cluster(timeline), 'appended').filter(({ timeUs }) => timeUs > fromS * 1e6 && timeUs < toS * 1e6).length;
    expect(stored('{ at: 10500ms, fill: b3, for: 20s }', 10.6, 30.4)).toBe(0);
    expect(stored('{ at: 10500ms, fill: b3 }, { at: 20s, free: b3 }', 20, 21)).toBeGreaterThan(5);
    expect(stored('{ at: 10500ms, fill: b3 }, { at: 12s, crash: b3 }', 12, 25)).toBeGreaterThan(5);
  });

  it('lets what was held up go when its connection ends, and hears it again by the next', () => {
    const trace = traceOf(rabbit('{ at: 10500ms, fill: rabbitmq, for: 20s }, { at: 15s, crash: till, restart: 1s }'));
    expect(countOf(trace, 'lost')).toBe(0);
    expect(storyOf(trace, 'blocked').length).toBe(2);
  });
});

it('what a blocked connection has not read, and never reads because it ends, is no message that its broker forgot', () => {
  const line = '{ at: 10500ms, fill: rabbitmq, for: 20s }, { at: 15s, crash: till, restart: 1s }';
  const scenario = scenarioOf(rabbit(line).replace('confirms: true, confirm_timeout: 60s', 'confirms: false'));
  const [found] = judge(run(scenario).trace, scenario, [{ claim: 'conservation', scope: '' }]);
  expect(found?.verdict, found?.sentence).toBe('not exercised');
});

it('a disk that two lines fill is full until both are over', () => {
  const trace = traceOf(rabbit('{ at: 1s, fill: rabbitmq, for: 9s }, { at: 5s, fill: rabbitmq, for: 20s }'));
  expect(storyOf(trace, 'disk-filled', 'disk-freed')).toEqual([
    '1.000 disk-filled rabbitmq',
    '25.000 disk-freed rabbitmq',
  ]);
});
