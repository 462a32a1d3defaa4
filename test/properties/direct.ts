/** Systems without a broker: the maker calls the workers and waits. */
import fc from 'fast-check';
import { common, mostly, systemOf } from './clients.ts';
import type { Document } from './document.ts';

export const direct: fc.Arbitrary<Document> = fc
  .record({
    drawn: common,
    timeout: fc.constantFrom('30s', '3s', '300ms'),
    retries: mostly(0, 3),
    backlog: mostly<number | null>(null, 1, 0),
  })
  .map(({ drawn, timeout, retries, backlog }) =>
    systemOf(drawn, {
      broker: 'direct',
      places: {},
      to: 'work',
      from: 'work',
      producer: { timeout, ...(retries === 0 ? {} : { retries }) },
      consumer: backlog === null ? {} : { backlog },
      nodes: [],
      nodeSteps: [],
    }),
  );
