import { describe, expect, test } from 'vitest';
import { deadLettered, headersOf, publishedMessage, routingKeys } from '../../../core/parts/amqp-message.ts';
import { amqp, body } from './amqp-message-for-tests.ts';

describe('publishing', () => {
  test('CC and BCC route, but BCC is not seen (R6)', () => {
    const message = amqp(1, { headers: { CC: ['a'], BCC: ['b'], type: 'photo' } });
    expect(routingKeys(message)).toEqual(['q', 'a', 'b']);
    expect(headersOf(message, true)).toEqual({ CC: ['a'], type: 'photo' });
  });

  test('a CC that is no list is refused (R6)', () => {
    expect(publishedMessage(body(1), '', 'q', { headers: { CC: 'a' } })).toMatch(/must be lists/);
  });

  test.each(['-1', 'soon', '1.5', '315360000001'])('expiration %j is refused (R38)', (expiration) => {
    expect(publishedMessage(body(1), '', 'q', { expiration })).toMatch(/invalid expiration/);
  });
});

describe('a dead-lettered message', () => {
  const message = amqp(1, { expiration: '700', headers: { CC: ['a'], BCC: ['b'] } });

  test('keeps all its keys without a dead-letter routing key, yet tells only the visible ones (R50, R52)', () => {
    const dead = deadLettered(message, 'q', 'expired', 0, 0, { exchange: 'dlx', routingKey: undefined, keepCc: true });
    expect(routingKeys(dead)).toEqual(['q', 'a', 'b']);
    expect(dead.deaths?.entries[0]?.routingKeys).toEqual(['q', 'a']);
  });

  test('goes by the dead-letter routing key alone; its CC header stays since 3.13 (R50)', () => {
    const to = { exchange: 'dlx', routingKey: 'dead' };
    const dead = deadLettered(message, 'q', 'rejected', 0, 1, { ...to, keepCc: true });
    expect(routingKeys(dead)).toEqual(['dead']);
    expect(headersOf(dead, true)).toHaveProperty('CC');
    expect(headersOf(deadLettered(message, 'q', 'rejected', 0, 1, { ...to, keepCc: false }), true)).not.toHaveProperty(
      'CC',
    );
  });

  test('its expiration moves into the history (R52)', () => {
    const dead = deadLettered(message, 'q', 'expired', 0, 0, { exchange: '', routingKey: 'dead', keepCc: true });
    expect(dead.expiration).toBeUndefined();
    expect(dead.deaths?.entries[0]?.originalExpiration).toBe('700');
  });
});
