/** A message that is nothing special, for the benches: what a test cares about is given in `fields`. */
import type { Message, Micros } from '../../core/types.ts';

export function plainMessage(id: number, producedAtUs: Micros, fields: Partial<Message>): Message {
  return {
    producer: 0,
    sequence: id,
    key: null,
    routingKey: '',
    attributes: {},
    amount: 1,
    sizeBytes: 100,
    poison: false,
    producedAtUs,
    decisionKey: id,
    ...fields,
    id,
  };
}
