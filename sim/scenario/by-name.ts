/**
 * Tables whose keys are names that a file chose. They have no prototype, so that a name like `toString` finds what was declared under it and nothing else, whoever looks it up.
 */
import type { Scenario } from './types.ts';

export function emptyTable<Value>(): Record<string, Value> {
  return Object.create(null) as Record<string, Value>;
}

/** Takes the prototypes off again that the tables of a scenario got on their way between threads. */
export function withBareTables(scenario: Scenario): Scenario {
  const { brokers, queues, topics, exchanges, producers, consumers, stores } = scenario;
  for (const table of [brokers, queues, topics, exchanges, producers, consumers, stores])
    Object.setPrototypeOf(table, null);
  return scenario;
}
