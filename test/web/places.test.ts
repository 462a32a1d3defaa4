import { describe, expect, it } from 'vitest';
import type { PlaceKind } from '../../core/types.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { declaredAt, placeWord } from '../../web/stage/places.ts';

function scenarioOf(text: string) {
  const { scenario, diagnostics } = parseScenario(`title: Places\nduration: 1s\n${text}`, { file: 'places.yaml' });
  if (scenario === null) throw new Error(diagnostics[0]?.message);
  return scenario;
}

function place(kind: PlaceKind, name: string, parent = name, deadLetter = false) {
  return { kind, name, parent, deadLetter };
}

const pulsar = scenarioOf('broker: pulsar\ntopics: { orders: {}, dead: {} }');
const google = scenarioOf('broker: google-pubsub\ntopics: { orders: {} }\nqueues: { shipping: { topic: orders } }');
const rabbitmq = scenarioOf('broker: rabbitmq\nqueues: { jobs: {}, readings: { x-queue-type: stream } }');
const redis = scenarioOf('broker: redis-streams\ntopics: { parcels: {} }');
const kafka = scenarioOf('broker: kafka\ntopics: { rides: { partitions: 2 } }');

describe('a place is called what its broker calls it', () => {
  it.each([
    ['Queue', rabbitmq, place('queue', 'jobs')],
    ['Stream', rabbitmq, place('partition', 'readings')],
    ['Partition', kafka, place('partition', 'rides/1', 'rides')],
    ['Subscription', google, place('queue', 'shipping')],
    ['Topic', google, place('exchange', 'orders')],
    ['Topic', pulsar, place('queue', 'orders')],
    ['Subscription', pulsar, place('queue', 'orders/billing', 'orders')],
    ['Dead-letter topic', pulsar, place('queue', 'dead', 'dead', true)],
    ['Stream', redis, place('queue', 'parcels')],
    ['Consumer group', redis, place('queue', 'parcels/packer', 'parcels')],
  ])('%s', (word, scenario, which) => {
    expect(placeWord(scenario, which)).toBe(word);
  });
});

describe('the settings of a place are where the file declares it', () => {
  it.each([
    ['a queue', rabbitmq, place('queue', 'jobs'), ['queues', 'jobs']],
    ['a stream of RabbitMQ', rabbitmq, place('partition', 'readings'), ['queues', 'readings']],
    ['a partition', kafka, place('partition', 'rides/1', 'rides'), ['topics', 'rides']],
    ['a topic that hands on', google, place('exchange', 'orders'), ['topics', 'orders']],
    [
      'a subscription that its topic declares',
      pulsar,
      place('queue', 'orders/billing', 'orders'),
      ['topics', 'orders'],
    ],
    ['what the broker made by itself', rabbitmq, place('exchange', ''), null],
  ])('%s', (_, scenario, which, where) => {
    expect(declaredAt(scenario, which)).toEqual(where);
  });
});
