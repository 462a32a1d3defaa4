/** A Redis stream by its rule numbers: ids, trimming, groups, what is pending, and steps taken back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdList } from '../../../core/parts/id-list.ts';
import { type Change, type Entry, type Group, type Pending, RedisStream } from '../../../core/parts/redis-stream.ts';
import {
  compareIds,
  idAfter,
  idBefore,
  idText,
  LEAST_ID,
  nextId,
  nextInMs,
  parseId,
  type StreamId,
} from '../../../core/parts/stream-id.ts';
import { plainMessage } from '../message.ts';

const id = (text: string): StreamId => parseId(text, 0) as StreamId;
const TOP = '18446744073709551615';

/** A stream that keeps its own journal. */
function bench(): { stream: RedisStream; changes: Change[]; add(text: string): void } {
  const changes: Change[] = [];
  const stream = new RedisStream('s', { note: (change) => void changes.push(change) });
  let messages = 0;
  return { stream, changes, add: (text) => void stream.add(id(text), plainMessage(++messages, 0, {}), 100) };
}

const read = (stream: RedisStream, group: Group, consumer: string, now = 0): string[] => {
  const got: string[] = [];
  for (let entry = stream.next(group); entry !== undefined; entry = stream.next(group)) {
    stream.read(group, entry, stream.consumer(group, consumer, now), false, now);
    got.push(idText(entry.id));
  }
  return got;
};

describe('ids', () => {
  it('X1: take the clock, or the next sequence when the clock is not ahead', () => {
    expect(idText(nextId(id('5-7'), 9) as StreamId)).toBe('9-0');
    expect(idText(nextId(id('5-7'), 5) as StreamId)).toBe('5-8');
    expect(idText(nextInMs(LEAST_ID, 0) as StreamId)).toBe('0-1');
    expect(nextInMs(id('5-7'), 4)).toBeNull();
  });

  it('X1: are two exact 64-bit numbers', () => {
    const last = id(`1-${TOP}`);
    expect(idText(last)).toBe(`1-${TOP}`);
    expect(idText(idAfter(last) as StreamId)).toBe('2-0');
    expect(idText(idBefore(id('2-0')) as StreamId)).toBe(`1-${TOP}`);
    expect(idAfter(id(`${TOP}-${TOP}`))).toBeNull();
    expect(parseId('18446744073709551616-0', 0)).toBeNull();
    expect(compareIds(id('9007199254740993-0'), id('9007199254740992-0'))).toBeGreaterThan(0);
  });

  it('stay in order in a list, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ at: fc.nat(20), add: fc.boolean() })), (steps) => {
        const list = new IdList<{ id: StreamId; gone: boolean }>();
        const model = new Set<number>();
        for (const { at, add } of steps) {
          const there = list.get({ ms: at, seq: 0 });
          if (add && there === undefined) list.add({ id: { ms: at, seq: 0 }, gone: false });
          else if (!add && there !== undefined) list.remove(there);
          if (add) model.add(at);
          else model.delete(at);
        }
        const sorted = [...model].sort((a, b) => a - b);
        expect(list.all().map((one) => Number(one.id.ms))).toEqual(sorted);
        expect([list.size, list.first?.id.ms, list.last?.id.ms]).toEqual([sorted.length, sorted[0], sorted.at(-1)]);
        expect(list.after({ ms: 10, seq: 0 })?.id.ms).toBe(sorted.find((ms) => ms > 10));
      }),
    );
  });
});

describe('trimming', () => {
  it('X3: exactly to MAXLEN, and by whole nodes with ~', () => {
    const { stream, add } = bench();
    for (let i = 1; i <= 1000; i++) {
      add(`${i}-0`);
      for (const entry of stream.trimmed({ maxlen: 555, approx: true, limit: -1, references: 'KEEPREF' }, 100))
        stream.remove(entry, false);
    }
    expect(stream.length).toBe(600);
    for (const entry of stream.trimmed({ maxlen: 10, approx: false, limit: -1, references: 'KEEPREF' }, 100))
      stream.remove(entry, false);
    expect([stream.length, idText(stream.firstId)]).toEqual([10, '991-0']);
  });

  it('X4: ACKED spares what a group has not acked', () => {
    const { stream, add } = bench();
    for (const one of ['1-0', '2-0', '3-0']) add(one);
    const group = stream.createGroup('g', LEAST_ID, -1);
    read(stream, group, 'c');
    stream.unpend(group, group.pel.get(id('1-0')) as Pending);
    const gone = stream.trimmed({ maxlen: 0, approx: false, limit: -1, references: 'ACKED' }, 100);
    expect(gone.map((entry) => idText(entry.id))).toEqual(['1-0']);
  });
});

describe('groups', () => {
  it('X7: reading the own history counts and begins the idle time anew', () => {
    const { stream, add } = bench();
    add('1-0');
    const group = stream.createGroup('g', LEAST_ID, -1);
    read(stream, group, 'c', 100);
    const [again] = stream.history(group, stream.consumer(group, 'c', 0), LEAST_ID, 10, 500);
    expect([again?.idleMs, again?.before, again?.count]).toEqual([400, 1, 2]);
    expect(stream.history(group, stream.consumer(group, 'other', 0), LEAST_ID, 10, 500)).toEqual([]);
  });

  it('X14: what was given back is nobody’s and idle for ever', () => {
    const { stream, add } = bench();
    for (const one of ['1-0', '2-0']) add(one);
    const group = stream.createGroup('g', LEAST_ID, -1);
    read(stream, group, 'c', 100);
    stream.release(group, group.pel.get(id('2-0')) as Pending, 1);
    expect(stream.idle(group, 1000, 100).map((one) => idText(one.id))).toEqual(['2-0']);
    expect(group.consumers.get('c')?.pending).toBe(1);
  });

  it('X17: lag is unknown behind a deletion and known again at the end', () => {
    const { stream, add } = bench();
    for (const one of ['1-0', '2-0', '3-0']) add(one);
    const group = stream.createGroup('g', LEAST_ID, -1);
    const first = stream.next(group) as Entry;
    stream.read(group, first, stream.consumer(group, 'c', 0), false, 0);
    expect(stream.lag(group)).toBe(2);
    stream.remove(stream.entries.get(id('2-0')) as Entry, true);
    expect(stream.lag(group)).toBeNull();
    read(stream, group, 'c');
    expect([group.entriesRead, stream.lag(group)]).toEqual([3, 0]);
  });

  it('X18: every step can be taken back', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('add', 'read', 'ack', 'delete', 'claim', 'trim', 'history')), (steps) => {
        const { stream, changes, add } = bench();
        const group = stream.createGroup('g', LEAST_ID, -1);
        const seen = [told(stream, group)];
        const marks = [changes.length];
        let now = 1;
        for (const step of steps) {
          now++;
          const pending = group.pel.first;
          const entry = stream.entries.first;
          const consumer = stream.consumer(group, now % 2 === 0 ? 'a' : 'b', now);
          if (step === 'add') add(`${now}-0`);
          else if (step === 'read') read(stream, group, consumer.name, now);
          else if (step === 'ack' && pending !== undefined) stream.unpend(group, pending);
          else if (step === 'delete' && entry !== undefined) stream.remove(entry, true);
          else if (step === 'trim' && entry !== undefined) stream.remove(entry, false);
          else if (step === 'history') stream.history(group, consumer, LEAST_ID, 10, now);
          else if (step === 'claim' && pending !== undefined)
            stream.claim(group, pending, consumer, { timeMs: now, count: -1, justId: false }, now);
          seen.push(told(stream, group));
          marks.push(changes.length);
        }
        for (let i = marks.length - 1; i >= 0; i--) {
          while (changes.length > (marks[i] as number)) stream.undo(changes.pop() as Change);
          expect(told(stream, group)).toEqual(seen[i]);
        }
      }),
    );
  });
});

/** All that a client could see of it. */
function told(stream: RedisStream, group: Group): unknown {
  return {
    entries: stream.entries.all().map((one) => idText(one.id)),
    last: idText(stream.lastId),
    deleted: idText(stream.maxDeleted),
    added: stream.entriesAdded,
    group: [idText(group.lastId), group.entriesRead, stream.lag(group)],
    pending: group.pel.all().map((one) => [idText(one.id), one.owner?.name, one.timeMs, one.count]),
    consumers: [...group.consumers.values()].filter((one) => one.pending > 0).map((one) => [one.name, one.pending]),
  };
}
