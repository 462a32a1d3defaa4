import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../../core/parts/fifo.ts';
import { type Entry, type Holder, PubsubBacklog } from '../../../core/parts/pubsub-backlog.ts';
import { plainMessage } from '../message.ts';

function holder(staysOpen = true): Holder {
  return { actor: 1, staysOpen, held: 0, heldBytes: 0, rows: new Fifo() };
}

function filled(backlog: PubsubBacklog, keys: readonly string[]): Entry[] {
  return keys.map((key, i) =>
    backlog.add({ message: plainMessage(i + 1, 0, {}), messageId: i + 1, publishedAtUs: i, key, attributes: {} }),
  );
}

const idsOf = (entries: readonly (Entry | undefined)[]) => entries.map((entry) => entry?.published.messageId);

describe('a backlog', () => {
  it('hands out what came back before what is newer (G5)', () => {
    const backlog = new PubsubBacklog(false, false, false);
    const [first] = filled(backlog, ['', '']);
    if (first === undefined) throw new Error('nothing was added');
    backlog.lease(first, holder(), 10);
    backlog.release(first, 0, 1);
    expect(idsOf([backlog.peek()])).toEqual([1]);
  });

  it('knows the latest ack id from older ones (G13)', () => {
    const backlog = new PubsubBacklog(false, true, false);
    const [entry] = filled(backlog, ['']);
    if (entry === undefined) throw new Error('nothing was added');
    const old = backlog.lease(entry, holder(), 10);
    backlog.release(entry, 0, 1);
    const latest = backlog.lease(entry, holder(), 20);
    expect([backlog.isCurrent(entry, old), backlog.isCurrent(entry, latest)]).toEqual([false, true]);
  });

  it('names what comes again behind a message of a key, acked or held, unless acks are final (G11, G13)', () => {
    const behindFirst = (exactlyOnce: boolean) => {
      const backlog = new PubsubBacklog(true, exactlyOnce, false);
      const [first, second, third, other] = filled(backlog, ['k', 'k', 'k', 'l']) as [Entry, Entry, Entry, Entry];
      for (const entry of [first, second, third, other]) backlog.lease(entry, holder(), 10);
      backlog.ack(second);
      return idsOf(backlog.behind(first));
    };
    expect([behindFirst(false), behindFirst(true)]).toEqual([[2, 3], [3]]);
  });

  it('keeps what is acked for a seek only if it was told to (G14, G15)', () => {
    const kept = (retains: boolean) => {
      const backlog = new PubsubBacklog(true, false, retains);
      for (const entry of filled(backlog, ['k', ''])) {
        backlog.lease(entry, holder(), 10);
        backlog.ack(entry);
      }
      return backlog.entries().length;
    };
    expect([kept(true), kept(false)]).toEqual([2, 0]);
  });

  it('forgets what is acked once it is told not to retain it, save behind an earlier one of its key (G11, G14)', () => {
    const backlog = new PubsubBacklog(true, false, true);
    const [, second, other] = filled(backlog, ['k', 'k', '']) as [Entry, Entry, Entry];
    for (const entry of backlog.entries()) backlog.lease(entry, holder(), 10);
    backlog.ack(second);
    backlog.ack(other);
    backlog.keep(false, false);
    expect(idsOf(backlog.entries())).toEqual([1, 2]);
  });
});

type Step =
  | { readonly type: 'add' | 'take' | 'takeMore' | 'ack' | 'nack' | 'backoff' | 'remove'; readonly which: number }
  | { readonly type: 'time'; readonly us: number };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constantFrom('add' as const, 'take' as const, 'takeMore' as const, 'ack' as const, 'nack' as const),
      which: fc.nat({ max: 9 }),
    }),
    fc.record({ type: fc.constantFrom('backoff' as const, 'remove' as const), which: fc.nat({ max: 9 }) }),
    fc.record({ type: fc.constant('time' as const), us: fc.integer({ min: 1, max: 12 }) }),
  ),
  { maxLength: 60 },
);

/** Why this run of an ordered backlog is not what a list per key would do; '' when it is. */
function fault(run: readonly Step[]): string {
  const backlog = new PubsubBacklog(true, false, false);
  const holders = [holder(), holder()];
  const all: Entry[] = [];
  let now = 0;
  const comesBack = (entry: Entry, readyAtUs: number): void => {
    const behind = backlog.behind(entry);
    backlog.release(entry, readyAtUs, now);
    for (const other of behind) backlog.restore(other);
  };
  for (const step of run) {
    if (step.type === 'time') {
      now += step.us;
      for (let due = backlog.takeDue(now); due !== undefined; due = backlog.takeDue(now)) {
        if (due.state === 'backing off') backlog.endBackoff(due);
        else comesBack(due, 0);
      }
    } else if (step.type === 'add') {
      const id = all.length + 1;
      const key = ['k', 'l', ''][step.which % 3] ?? '';
      all.push(
        backlog.add({ message: plainMessage(id, 0, {}), messageId: id, publishedAtUs: now, key, attributes: {} }),
      );
    } else if (step.type === 'take' || step.type === 'takeMore') {
      const who = holders[step.which % 2] as Holder;
      const entry = step.type === 'take' ? backlog.peek() : backlog.peekFor(who);
      if (entry === undefined) continue;
      const { key, messageId } = entry.published;
      const before = all.filter(
        ({ published }) => key !== '' && published.key === key && published.messageId < messageId,
      );
      if (before.some(({ state }) => state === 'ready' || state === 'backing off'))
        return `${messageId} overtakes its key`;
      const holds = before.filter(({ state }) => state === 'outstanding');
      if (step.type === 'take' && holds.length > 0) return `${messageId} goes to anybody while its key is held`;
      if (holds.some((other) => other.holder !== who)) return `${messageId} goes to another holder of its key`;
      backlog.lease(entry, who, now + 10);
    } else {
      const held = all.filter(({ state }) => state === 'outstanding');
      const entry = held[step.which % Math.max(1, held.length)];
      if (entry === undefined) continue;
      if (step.type === 'ack') backlog.ack(entry);
      else if (step.type === 'remove') backlog.remove(entry);
      else comesBack(entry, step.type === 'backoff' ? now + 5 : 0);
    }
    const counted = (state: Entry['state']): number => all.filter((entry) => entry.state === state).length;
    if (backlog.ready !== counted('ready')) return `${backlog.ready} are said to be ready`;
    if (backlog.outstanding !== counted('outstanding')) return `${backlog.outstanding} are said to be outstanding`;
    if (holders.reduce((sum, { held }) => sum + held, 0) !== counted('outstanding')) return 'holders miscount';
  }
  // Whoever takes whatever is offered, and acks it, empties the backlog.
  for (let turns = 0; turns < 2000; turns++) {
    for (const entry of all) if (entry.state === 'outstanding') backlog.ack(entry);
    now += 20;
    for (let due = backlog.takeDue(now); due !== undefined; due = backlog.takeDue(now)) backlog.endBackoff(due);
    const next = backlog.peek();
    if (next === undefined) break;
    backlog.lease(next, holders[0] as Holder, now + 10);
  }
  return backlog.entries().length === 0 ? '' : `${backlog.entries().length} are never handed out`;
}

it('an ordered backlog keeps the order of each key, gives it to one holder at a time, counts right and forgets nothing (G10, G11)', () => {
  fc.assert(
    fc.property(steps, (run) => {
      expect(fault(run)).toBe('');
    }),
    { numRuns: 400, seed: 12 },
  );
});
