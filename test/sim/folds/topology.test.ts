import { expect, test } from 'vitest';
import { R } from '../../../core/facts.ts';
import { type Topology, type TopologyScenario, topologyAt } from '../../../sim/folds/topology.ts';
import { TransitIndex } from '../../../sim/folds/transit.ts';
import { busyQueue, type Stage, stage } from './build-trace.ts';

const settling = (settle: 'after-processing' | 'before-processing' | 'on-delivery'): TopologyScenario => ({
  consumers: { c: { settle } },
  timeline: [],
});
const after = settling('after-processing');

function queueStage(): Stage {
  return stage(
    { p: 'producer', b: 'broker', 'c-1': 'consumer', 'c-2': 'consumer', db: 'store' },
    { jobs: 'queue', dead: 'queue', rows: 'store' },
    ['dead'],
  );
}

function put(made: Stage, ...messages: number[]): void {
  for (const message of messages) {
    made.fact(message * 10, 'produced', { actor: 'p', message });
    made.fact(message * 10 + 1, 'appended', { actor: 'b', message, place: 'jobs' });
  }
}

const end = (made: Stage, scenario = after): Topology => topologyAt(made.trace, scenario, made.trace.count);
const ready = (topology: Topology, place: number): number[] =>
  topology.queues[place]?.entries('ready').map(({ message }) => message) ?? [];

test('a delivered message is locked by its consumer until the ack removes it', () => {
  const made = queueStage();
  put(made, 1, 2);
  made.fact(100, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', value: 30_000, detail: 1 });
  const jobs = made.place('jobs');
  expect(end(made).queues[jobs]?.entries('locked')).toEqual([
    { message: 1, attempt: 1, holder: made.actor('c-1'), sinceUs: 100, untilUs: 30_000_100, receives: 0 },
  ]);
  expect(ready(end(made), jobs)).toEqual([2]);
  made.fact(200, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  expect(end(made).queues[jobs]).toMatchObject({ depth: 1, locked: 0, settled: 1, appended: 2 });
});

test('a requeued message goes to the position that the fact names', () => {
  const made = queueStage();
  put(made, 1, 2, 3, 4, 5);
  for (const message of [1, 2, 3]) {
    made.fact(100, 'delivered', { actor: 'b', message, place: 'jobs', peer: 'c-1', detail: 1 });
  }
  made.fact(110, 'requeued', { actor: 'b', message: 2, place: 'jobs', value: 0, detail: R.nacked });
  expect(ready(end(made), made.place('jobs'))).toEqual([2, 4, 5]);
  made.fact(111, 'requeued', { actor: 'b', message: 3, place: 'jobs', value: 2, detail: R.nacked });
  made.fact(112, 'requeued', { actor: 'b', message: 1, place: 'jobs', value: 9, detail: R.nacked });
  expect(ready(end(made), made.place('jobs'))).toEqual([2, 4, 3, 5, 1]);
});

test('two copies of a message are settled one by one', () => {
  const made = queueStage();
  put(made, 1);
  made.fact(20, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(30, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  made.fact(31, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-2', detail: 1 });
  made.fact(32, 'acked', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 1 });
  const locked = end(made).queues[made.place('jobs')]?.entries('locked');
  expect(locked?.map(({ holder }) => holder)).toEqual([made.actor('c-2')]);
});

test('a dead-lettered message leaves its queue and arrives with its number of deliveries', () => {
  const made = queueStage();
  put(made, 1);
  made.fact(30, 'delivered', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 5 });
  made.fact(40, 'lock-expired', { actor: 'b', message: 1, place: 'jobs', peer: 'c-1', detail: 5 });
  made.fact(40, 'dead-lettered', { actor: 'b', message: 1, place: 'dead', value: 5, detail: R['too many deliveries'] });
  made.fact(40, 'appended', { actor: 'b', message: 1, place: 'dead' });
  const topology = end(made);
  expect(topology.queues[made.place('jobs')]).toMatchObject({ depth: 0, deadLettered: 1 });
  expect(topology.queues[made.place('dead')]?.entries('ready')).toMatchObject([{ message: 1, receives: 5 }]);
  made.fact(50, 'redriven', { actor: 'b', message: 1, place: 'jobs' });
  made.fact(50, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  expect(end(made).queues[made.place('dead')]?.depth).toBe(0);
  expect(ready(end(made), made.place('jobs'))).toEqual([1]);
});

test('a delayed message is stored but not ready until it becomes visible', () => {
  const made = queueStage();
  made.fact(1, 'produced', { actor: 'p', message: 1 });
  made.fact(2, 'appended', { actor: 'b', message: 1, place: 'jobs', detail: 1 });
  expect(end(made).queues[made.place('jobs')]).toMatchObject({ ready: 0, delayed: 1, depth: 1 });
  made.fact(9, 'became-visible', { actor: 'b', message: 1, place: 'jobs' });
  expect(end(made).queues[made.place('jobs')]).toMatchObject({ ready: 1, delayed: 0 });
});

test('a message in hand goes through its sub-steps and leaves with the settlement', () => {
  const made = queueStage();
  put(made, 1);
  const place = made.place('jobs');
  const hand = () => end(made).actors[made.actor('c-1')]?.hand;
  made.fact(100, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  expect(hand()).toMatchObject([{ message: 1, place, step: 'received', sinceUs: 100, endsUs: 0 }]);
  made.fact(200, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 3800, detail: 1 });
  expect(hand()).toMatchObject([{ step: 'begun', sinceUs: 200, endsUs: 3_800_200 }]);
  made.fact(900, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', value: 7, detail: 1 });
  expect(hand()).toMatchObject([{ step: 'applied', sinceUs: 900 }]);
  made.fact(910, 'settled', { actor: 'c-1', message: 1, place: 'jobs', value: 0, detail: 1 });
  expect(hand()).toEqual([]);
  expect(end(made).stores[made.place('rows')]).toMatchObject({ applied: 1, twice: 0, lastMessage: 1 });
});

test.each(['before-processing', 'on-delivery'] as const)(
  'settled %s, a message is in hand until its effect',
  (settle) => {
    const made = queueStage();
    put(made, 1);
    made.fact(100, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
    if (settle === 'before-processing') {
      made.fact(100, 'settled', { actor: 'c-1', message: 1, place: 'jobs', value: 0, detail: 1 });
    }
    made.fact(101, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 5, detail: 1 });
    expect(end(made, settling(settle)).actors[made.actor('c-1')]?.hand).toHaveLength(1);
    made.fact(106, 'applied', { actor: 'c-1', message: 1, peer: 'c-1', detail: 1 });
    expect(end(made, settling(settle)).actors[made.actor('c-1')]?.hand).toEqual([]);
  },
);

test('a crash empties the hands; a pause keeps them', () => {
  const made = queueStage();
  put(made, 1);
  made.fact(100, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  made.fact(110, 'paused', { actor: 'c-1', value: 2000 });
  expect(end(made).actors[made.actor('c-1')]).toMatchObject({ status: 'paused', sinceUs: 110, untilUs: 2_000_110 });
  expect(end(made).actors[made.actor('c-1')]?.hand).toHaveLength(1);
  made.fact(120, 'crashed', { actor: 'c-1' });
  expect(end(made).actors[made.actor('c-1')]).toMatchObject({ status: 'down', hand: [] });
  made.fact(130, 'restarted', { actor: 'c-1' });
  made.fact(131, 'slowed', { actor: 'c-1', value: 300 });
  expect(end(made).actors[made.actor('c-1')]).toMatchObject({ status: 'slow', pace: 300 });
  made.fact(140, 'crashed', { actor: 'c-1' });
  made.fact(150, 'restarted', { actor: 'c-1' });
  expect(end(made).actors[made.actor('c-1')]).toMatchObject({ status: 'slow', pace: 300 });
  made.fact(160, 'slowed', { actor: 'c-1', value: 100 });
  expect(end(made).actors[made.actor('c-1')]).toMatchObject({ status: 'up', pace: 100 });
  expect(end(made).actors[made.actor('c-2')]?.status ?? 'unstarted').toBe('unstarted');
});

test('a partition knows its log, its replicas, its leader and what its groups have committed', () => {
  const made = stage(
    { b1: 'broker', b2: 'broker', p: 'producer', 'c-1': 'consumer' },
    { 'rides/0': 'partition', riders: 'group' },
  );
  const place = made.place('rides/0');
  made.fact(0, 'elected', { actor: 'b1', place: 'rides/0', peer: 'b1', value: 1 });
  made.fact(0, 'isr-changed', { actor: 'b1', place: 'rides/0', value: 3 });
  for (const message of [1, 2, 3]) {
    made.fact(message, 'produced', { actor: 'p', message });
    made.fact(message, 'appended', { actor: 'b1', message, place: 'rides/0', value: message - 1 });
  }
  made.fact(5, 'replicated', { actor: 'b2', place: 'rides/0', value: 2 });
  made.fact(5, 'watermark-moved', { actor: 'b1', place: 'rides/0', value: 2 });
  made.fact(6, 'committed', { actor: 'b1', place: 'rides/0', peer: 'c-1', value: 1, detail: made.place('riders') });
  const topology = end(made);
  const partition = topology.partitions[place];
  expect(partition).toMatchObject({ logStart: 0, end: 3, watermark: 2, leader: made.actor('b1'), epoch: 1, inSync: 3 });
  expect(partition?.records.get(2, 0)).toBe(3);
  expect(partition && topology.lag(partition, made.place('riders'))).toBe(1);
  expect(topology.offsetOf(3, place)).toBe(2);

  made.fact(7, 'leader-lost', { actor: 'b1', place: 'rides/0', value: 1 });
  expect(end(made).partitions[place]?.leader).toBe(0);
  made.fact(8, 'elected', { actor: 'b2', place: 'rides/0', peer: 'b2', value: 2, detail: 1 });
  expect(end(made).partitions[place]).toMatchObject({ leader: made.actor('b2'), epoch: 2, end: 2 });

  // The former leader has not heard of it and writes on, for itself alone.
  made.fact(9, 'produced', { actor: 'p', message: 4 });
  made.fact(9, 'appended', { actor: 'b1', message: 4, place: 'rides/0', value: 3 });
  const split = end(made);
  expect(split.partitions[place]).toMatchObject({ leader: made.actor('b2'), end: 2 });
  expect(split.partitions[place]?.replicas).toContainEqual({ node: made.actor('b1'), end: 4 });
  expect(split.offsetOf(4, place)).toBeNull();
});

test('a group has members, a generation and an assignment; a revoked partition takes its prefetched messages along', () => {
  const made = stage({ b: 'broker', p: 'producer', 'c-1': 'consumer' }, { 'rides/0': 'partition', riders: 'group' });
  const group = made.place('riders');
  made.fact(1, 'joined', { actor: 'b', place: 'riders', peer: 'c-1', value: 0 });
  made.fact(2, 'rebalance-begun', { actor: 'b', place: 'riders', detail: R['joined the group'] });
  expect(end(made).groups[group]).toMatchObject({ rebalancing: true, members: [made.actor('c-1')] });
  made.fact(3, 'rebalanced', { actor: 'b', place: 'riders', value: 1 });
  made.fact(3, 'assigned', { actor: 'b', place: 'rides/0', peer: 'c-1', value: 1, detail: group });
  expect(end(made).groups[group]).toMatchObject({ rebalancing: false, generation: 1 });
  expect(end(made).owned(made.actor('c-1'))).toEqual([made.place('rides/0')]);
  made.fact(4, 'received', { actor: 'c-1', message: 1, place: 'rides/0', detail: 1 });
  made.fact(5, 'revoked', { actor: 'b', place: 'rides/0', peer: 'c-1', value: 1, detail: group });
  expect(end(made).actors[made.actor('c-1')]?.hand).toEqual([]);
  expect(end(made).owned(made.actor('c-1'))).toEqual([]);
});

test('to read a failed record again is to read again all that was polled after it, unless a share group has it', () => {
  const made = stage({ b: 'broker', 'c-1': 'consumer' }, { 'rides/0': 'partition', 'rides/1': 'partition' });
  const of = (type: string): TopologyScenario => ({
    brokers: { broker: { kind: 'kafka' } },
    consumers: { c: { settle: 'after-processing', broker: 'broker', options: { 'group.type': type } } },
    timeline: [],
  });
  const left = (type: string) => end(made, of(type)).actors[made.actor('c-1')]?.hand.map(({ message }) => message);
  for (const message of [1, 2, 3]) made.fact(1, 'received', { actor: 'c-1', message, place: 'rides/0', detail: 1 });
  made.fact(1, 'received', { actor: 'c-1', message: 4, place: 'rides/1', detail: 1 });
  made.fact(2, 'begun', { actor: 'c-1', message: 1, place: 'rides/0', detail: 1 });
  made.fact(3, 'failed', { actor: 'c-1', message: 1, place: 'rides/0', detail: R['handler failed'] });
  made.fact(3, 'settled', { actor: 'c-1', message: 1, place: 'rides/0', value: 1, detail: 1 });
  expect(left('consumer')).toEqual([4]);
  expect(left('share')).toEqual([2, 3, 4]);
});

test('with its channel a RabbitMQ client forgets what it has not begun, and has the rest in hand until the work is over', () => {
  const made = queueStage();
  const scenario = (kind: string): TopologyScenario => ({
    brokers: { broker: { kind } },
    consumers: { c: { settle: 'after-processing', broker: 'broker' } },
    timeline: [],
  });
  const held = (kind: string) =>
    end(made, scenario(kind)).actors[made.actor('c-1')]?.hand.map(({ message }) => message);
  put(made, 1, 2);
  for (const message of [1, 2]) made.fact(1, 'received', { actor: 'c-1', message, place: 'jobs', detail: 1 });
  made.fact(2, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 9, detail: 1 });
  made.fact(3, 'connection-lost', { actor: 'b', peer: 'c-1' });
  expect(held('rabbitmq')).toEqual([1, 2]);
  made.fact(4, 'connection-lost', { actor: 'c-1', peer: 'b' });
  expect(held('rabbitmq')).toEqual([1]);
  expect(held('pulsar')).toEqual([1, 2]);
  made.fact(11, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 1 });
  expect(held('rabbitmq')).toEqual([]);
});

test('of a message that a consumer has twice, each copy is begun and settled by itself', () => {
  const made = queueStage();
  const steps = () => end(made).actors[made.actor('c-1')]?.hand.map(({ step }) => step);
  put(made, 1);
  for (const _ of [1, 2]) made.fact(1, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  for (const _ of [1, 2]) made.fact(2, 'begun', { actor: 'c-1', message: 1, place: 'jobs', value: 9, detail: 1 });
  expect(steps()).toEqual(['begun', 'begun']);
  made.fact(3, 'applied', { actor: 'db', message: 1, place: 'rows', peer: 'c-1', detail: 1 });
  made.fact(4, 'settled', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  expect(steps()).toEqual(['begun']);
});

test('what was acked before the work, and perhaps in vain, is not worked on and out of hand', () => {
  const made = queueStage();
  made.fact(1, 'received', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  made.fact(1, 'settled', { actor: 'c-1', message: 1, place: 'jobs', detail: 1 });
  expect(end(made, settling('before-processing')).actors[made.actor('c-1')]?.hand).toHaveLength(1);
  made.fact(9, 'skipped', { actor: 'c-1', message: 1, place: 'jobs', detail: R['outcome unknown'] });
  expect(end(made, settling('before-processing')).actors[made.actor('c-1')]?.hand).toEqual([]);
});

test('a split lasts from its line of the timeline to its healing, and a crash is no lasting fault', () => {
  const made = queueStage();
  const when = { type: 'at', atUs: 1 } as const;
  const scenario: TopologyScenario = {
    consumers: {},
    timeline: [
      { when, label: '', action: { type: 'crash', actors: ['c-1'], restartUs: null, losesDisk: false } },
      { when, label: '', action: { type: 'split', sides: [['b'], ['c-1']], oneWay: false, healUs: null } },
      { when, label: '', action: { type: 'burst', producer: 'p', perSecond: 9, forUs: 5 } },
    ],
  };
  made.fact(1, 'fault-begun', { value: 0 });
  made.fact(1, 'split', { value: 1 });
  made.fact(2, 'fault-begun', { value: 2 });
  expect(end(made, scenario).faults.map(({ entry, kind }) => [entry, kind])).toEqual([
    [1, 'split'],
    [2, 'fault'],
  ]);
  made.fact(3, 'healed', { value: 1 });
  expect(end(made, scenario).faults.map(({ entry }) => entry)).toEqual([2]);
});

test('a hop is in transit from its departure until its arrival, whether it arrives or not', () => {
  const made = queueStage();
  made.fact(10, 'sent', { actor: 'p', peer: 'b', message: 1, value: 1000, detail: 0 });
  made.fact(20, 'sent', { actor: 'b', peer: 'c-1', message: 2, value: 30, detail: 2 + 8 * 1 });
  for (let i = 0; i < 600; i++) made.fact(30 + i, 'routed', { actor: 'b' });
  const index = new TransitIndex(made.trace);
  const at = (time: number) => index.at(time).map(({ message }) => message);
  expect(at(9)).toEqual([]);
  expect(at(20)).toEqual([1, 2]);
  expect(at(50)).toEqual([1]);
  expect(at(1009)).toEqual([1]);
  expect(at(1010)).toEqual([]);
  expect(index.at(20)[1]).toMatchObject({ kind: 'delivery', fate: 'lost', departureUs: 20, arrivalUs: 50 });
});

test('what leaves a busy queue and what stays add up to what came', () => {
  const made = busyQueue(20_000, 50);
  const queue = end(made).queues[made.place('jobs')];
  const dead = end(made).queues[made.place('dead')];
  expect(queue && queue.settled + queue.deadLettered + queue.depth).toBe(queue?.appended);
  expect(dead?.depth).toBe(queue?.deadLettered);
  expect(dead?.depth).toBeGreaterThan(10);
});

test('a replicated queue has its leader and the term until it loses it, in copies too', () => {
  const made = queueStage();
  made.fact(1, 'elected', { actor: 'b', place: 'jobs', peer: 'b', value: 3 });
  const jobs = made.place('jobs');
  expect(end(made).fork().queues[jobs]).toMatchObject({ leader: made.actor('b'), term: 3 });
  made.fact(2, 'leader-lost', { actor: 'b', place: 'jobs', value: 3 });
  expect(end(made).queues[jobs]).toMatchObject({ leader: 0, term: 3 });
  // It got its majority back, and goes on in its term.
  made.fact(3, 'appended', { actor: 'b', message: 1, place: 'jobs' });
  expect(end(made).queues[jobs]).toMatchObject({ leader: made.actor('b'), term: 3 });
});
