/** Messages for the tests of AMQP parts: a body with a number and a size, published to the default exchange. */
import type { AmqpMessage, Properties } from '../../../core/parts/amqp-message.ts';
import { publishedMessage } from '../../../core/parts/amqp-message.ts';
import type { Message } from '../../../core/types.ts';

export function body(id: number, sizeBytes = 1): Message {
  return {
    id,
    producer: 1,
    sequence: id,
    key: null,
    routingKey: '',
    attributes: {},
    amount: 1,
    sizeBytes,
    poison: false,
    producedAtUs: 0,
    decisionKey: id,
  };
}

export function amqp(id: number, properties: Properties = {}, sizeBytes = 1): AmqpMessage {
  const message = publishedMessage(body(id, sizeBytes), '', 'q', properties);
  if (typeof message === 'string') throw new Error(message);
  return message;
}
