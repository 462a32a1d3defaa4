import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { F } from '../../../core/facts.ts';
import { Keyframes, seekTargets } from '../../../sim/folds/keyframes.ts';
import { messageStory } from '../../../sim/folds/message-story.ts';
import { Topology, topologyAt } from '../../../sim/folds/topology.ts';
import { explainWhy } from '../../../sim/folds/why.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { type Run, run } from '../../../sim/world.ts';
import { describeTopology } from './describe-topology.ts';

/** Real runs of every broker, each with something going wrong. */
const SCENARIOS = [
  'delivery/ack-lost.yaml',
  'delivery/crash-after-effect-increment.yaml',
  'delivery/telemetry-at-most-once.yaml',
  'delivery/visibility-too-short.yaml',
  'ordering/rides-by-city.yaml',
  'poison/dlq-replay.yaml',
  'replication/leader-crash-acks-1.yaml',
  'routing/order-fan-out.yaml',
  'scaling/seven-on-six.yaml',
  'why-queues/photo-sync.yaml',
];

const runs = new Map<string, Run>();

function runOf(path: string): Run {
  const known = runs.get(path);
  if (known !== undefined) return known;
  const file = new URL(`../../../scenarios/${path}`, import.meta.url);
  const { scenario, diagnostics } = parseScenario(readFileSync(file, 'utf8'), { file: path });
  if (scenario === null) throw new Error(`${path}: ${diagnostics[0]?.message}`);
  const made = run(scenario);
  runs.set(path, made);
  return made;
}

test.each(SCENARIOS)('%s: seeking anywhere gives the stage that folding from the start gives', (path) => {
  const { trace, scenario } = runOf(path);
  const keyframes = new Keyframes(trace, scenario, { every: Math.max(10, Math.floor(trace.count / 40)) });
  for (const target of [trace.count, ...seekTargets(trace, 12)]) {
    const sought = describeTopology(keyframes.seek(target));
    expect(sought, `fact ${target}`).toEqual(describeTopology(topologyAt(trace, scenario, target)));
  }
});

test.each(SCENARIOS)('%s: what came into a queue has left it for a reason, or lies there', (path) => {
  const { trace, scenario } = runOf(path);
  const topology = new Topology(scenario);
  for (let id = 1; id <= trace.count; id++) {
    topology.apply(trace, id);
    if (id % 97 !== 0 && id !== trace.count) continue;
    for (const queue of topology.queues) {
      if (queue === undefined) continue;
      const left = queue.settled + queue.deadLettered + queue.expired + queue.evicted + queue.lost + queue.redriven;
      expect(left + queue.depth, `${trace.placeName(queue.place)} at fact ${id}`).toBe(queue.appended);
    }
  }
});

test.each(SCENARIOS)('%s: nobody who is down holds anything', (path) => {
  const { trace, scenario } = runOf(path);
  const topology = new Topology(scenario);
  for (let id = 1; id <= trace.count; id++) {
    topology.apply(trace, id);
    const actor = topology.actors[trace.actor(id)];
    if (actor === undefined || actor.hand.length === 0) continue;
    expect(['up', 'slow', 'paused'], `${trace.actorName(actor.id)} at fact ${id}`).toContain(actor.status);
  }
});

test.each(SCENARIOS)('%s: every fact is explained by a chain of older ones that a person can read', (path) => {
  const { trace, scenario } = runOf(path);
  const step = Math.max(1, Math.floor(trace.count / 300));
  for (let id = 1; id <= trace.count; id += step) {
    const chain = explainWhy(trace, scenario, id);
    chain.forEach(({ fact, sentence }, i) => {
      if (i > 0) expect(fact).toBeLessThan(chain[i - 1]?.fact ?? 0);
      expect(sentence).toMatch(/\.$/);
    });
    expect(chain.length, `fact ${id}`).toBeLessThan(150);
  }
});

test.each(SCENARIOS)('%s: a story tells of every delivery, and every ack ends one', (path) => {
  const { trace } = runOf(path);
  const step = Math.max(1, Math.floor(trace.messageCount / 100));
  for (let message = 1; message <= trace.messageCount; message += step) {
    const { facts, deliveries } = messageStory(trace, message);
    expect(deliveries).toHaveLength(facts.filter((id) => trace.kind(id) === F.delivered).length);
    for (const { end, endFact, fact } of deliveries) {
      if (end === 'open') expect(endFact).toBe(0);
      else expect(endFact).toBeGreaterThan(fact);
    }
  }
});
