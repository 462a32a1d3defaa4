import { expect, it } from 'vitest';
import { publishedMessage } from '../../../core/parts/amqp-message.ts';
import { ClassicReadyList, NEVER, type QueuedMessage, QuorumReadyList } from '../../../core/parts/ready-list.ts';
import type { Message } from '../../../core/types.ts';

let made = 0;

function entry(priority: number): QueuedMessage {
  made += 1;
  const body: Message = {
    id: made,
    producer: 1,
    sequence: made,
    key: null,
    routingKey: '',
    attributes: {},
    amount: 1,
    sizeBytes: 10,
    poison: false,
    producedAtUs: 0,
    decisionKey: made,
  };
  const message = publishedMessage(body, '', 'jobs', { priority });
  if (typeof message === 'string') throw new Error(message);
  return { message, position: made, expiresAtUs: NEVER, deliveries: 0, failures: 0, stored: false, readyFact: 0 };
}

it.each([
  ['classic', () => new ClassicReadyList(9)],
  ['strict quorum', () => new QuorumReadyList('strict', true)],
])('a %s list says how many will come after a message that joins (R56, R57)', (_, list) => {
  const ready = list();
  for (const priority of [1, 5, 1, 3]) ready.add(entry(priority));
  expect([9, 5, 4, 3, 1, 0].map((priority) => ready.behind(entry(priority)))).toEqual([4, 3, 3, 2, 0, 0]);
});

it('a message that its client returned goes to the back of the default priority, where there is no delivery limit (R33, R34)', () => {
  const ready = new QuorumReadyList('strict', false);
  const returned = entry(5);
  for (const priority of [5, 4, 1, 1]) ready.add(entry(priority));
  const position = ready.giveBack(returned, false);
  expect(position).toBe(2);
  expect(ready.entries()[position]).toBe(returned);
});
