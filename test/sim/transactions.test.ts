import { expect, it } from 'vitest';
import { countOf, traceOf } from './runs.ts';

/** The coordinator loses its log's leader between preparing a commit and saying so; another one takes over. */
const YAML = `
title: A generated system
broker:
  kind: kafka
  nodes: 3
  replica.lag.time.max.ms: 30s
  offsets.topic.num.partitions: 2
  transaction.state.log.num.partitions: 2
  transaction.state.log.min.isr: 2
seed: 498
duration: 300s
topics:
  jobs:
    partitions: 1
    replication.factor: 1
    min.insync.replicas: 1
producers:
  maker:
    to: jobs
    count: 2
    rate: 2/s
    messages: 4
    start: 5s
    transactional.id: shop
    transaction.timeout.ms: 10s
    transaction.size: 2
    transaction.abort.probability: 0.3
consumers:
  worker:
    from: jobs
    process: 200ms
    settle: before-processing
    effect:
      insert: results
    dedup:
      window: 10m
      durable: true
    enable.auto.commit: false
    auto.offset.reset: earliest
    isolation.level: read_committed
    session.timeout.ms: 10s
    max.poll.interval.ms: 60s
network:
  latency: 1ms..5ms
timeline:
  - at: 7800ms
    lose: replication
    times: 1
    for: 20s
  - when: sent
    nth: 8
    delay: control
    times: 5
    for: 20s
    by: 7700ms
`;

it('says of a transaction that it was committed also when another coordinator finishes it (K40)', () => {
  const trace = traceOf(YAML);
  expect(countOf(trace, 'txn-begun')).toBe(4);
  expect(countOf(trace, 'txn-committed')).toBe(4);
});
