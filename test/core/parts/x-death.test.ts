import { describe, expect, test } from 'vitest';
import type { DeathHistory, DeathReason } from '../../../core/parts/x-death.ts';
import { closesCycle, deathHeaders, recordDeath } from '../../../core/parts/x-death.ts';

/** The history of deaths written as `queue:reason`, oldest first. */
function died(...deaths: readonly string[]): DeathHistory {
  let history: DeathHistory | undefined;
  let timeUs = 0;
  for (const death of deaths) {
    const [queue = '', reason] = death.split(':');
    timeUs += 1_000_000;
    history = recordDeath(history, {
      queue,
      reason: reason as DeathReason,
      timeUs,
      exchange: 'x',
      routingKeys: [`key-${timeUs}`],
      originalExpiration: undefined,
    });
  }
  if (history === undefined) throw new Error('a history has at least one death');
  return history;
}

const told = (history: DeathHistory) => history.entries.map((entry) => `${entry.queue}:${entry.reason}×${entry.count}`);

describe('x-death (R52, R53)', () => {
  test('lists the most recent death first', () => {
    expect(told(died('work:rejected', 'retry:expired'))).toEqual(['retry:expired×1', 'work:rejected×1']);
  });

  test('counts the same queue and reason, moves it to the front and keeps what its first time said', () => {
    const history = died('work:rejected', 'retry:expired', 'work:rejected');
    expect(told(history)).toEqual(['work:rejected×2', 'retry:expired×1']);
    expect(history.entries[0]).toMatchObject({ timeUs: 1_000_000, routingKeys: ['key-1000000'] });
  });

  test('tells one queue killing for two reasons apart', () => {
    expect(told(died('q:rejected', 'q:maxlen'))).toEqual(['q:maxlen×1', 'q:rejected×1']);
  });

  test('sets the first death once and the last each time; older servers write no last', () => {
    const history = died('work:rejected', 'retry:expired');
    expect(deathHeaders(history, true)).toMatchObject({
      'x-first-death-queue': 'work',
      'x-first-death-reason': 'rejected',
      'x-last-death-queue': 'retry',
      'x-last-death-reason': 'expired',
    });
    expect(deathHeaders(history, false)).not.toHaveProperty('x-last-death-queue');
  });

  test('a naive count over the whole past agrees with the list', () => {
    const past = ['a:expired', 'b:rejected', 'a:expired', 'a:maxlen', 'b:rejected', 'a:expired', 'b:expired'];
    const history = died(...past);
    for (const entry of history.entries) {
      expect(entry.count).toBe(past.filter((death) => death === `${entry.queue}:${entry.reason}`).length);
    }
  });
});

describe('cycle detection (R54)', () => {
  test('an automatic return to a queue of its past ends', () => {
    expect(closesCycle(died('delay:expired', 'work:maxlen'), 'delay')).toBe(true);
    expect(closesCycle(died('q:maxlen'), 'q')).toBe(true);
  });

  test('a rejection then or since keeps the message alive', () => {
    expect(closesCycle(died('work:rejected', 'retry:expired'), 'work')).toBe(false);
    expect(closesCycle(died('retry:expired', 'work:rejected'), 'retry')).toBe(false);
    expect(closesCycle(died('q:rejected'), 'q')).toBe(false);
  });

  test('an older rejection does not help', () => {
    expect(closesCycle(died('work:rejected', 'a:expired', 'b:expired'), 'a')).toBe(true);
  });

  test('a new queue is never a cycle', () => {
    expect(closesCycle(died('a:expired', 'b:expired'), 'c')).toBe(false);
  });
});
