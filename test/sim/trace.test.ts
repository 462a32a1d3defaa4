/** The trace: what goes in comes out, however long the run and however large the numbers; and it travels in parts. */
import { describe, expect, it } from 'vitest';
import { F } from '../../core/facts.ts';
import type { TracedMessage } from '../../sim/message-table.ts';
import { CHUNK, Trace } from '../../sim/trace.ts';

const HOUR = 3_600_000_000;

describe('a trace', () => {
  it('gives back every field as it was recorded, across chunks, hours and wide details', () => {
    const trace = new Trace();
    const count = CHUNK * 2 + 10;
    for (let i = 1; i <= count; i++)
      trace.append(i * HOUR, F.delivered, i % 500, i, i % 60_000, (i * 7) % 60_000, i * 3, i % 5000, i - 1);
    for (const i of [1, 254, 255, 256, 4999, CHUNK, CHUNK + 1, count]) {
      expect(trace.fact(i)).toEqual({
        id: i,
        timeUs: i * HOUR,
        name: 'delivered',
        actor: i % 500,
        message: i,
        place: i % 60_000,
        peer: (i * 7) % 60_000,
        value: i * 3,
        detail: i % 5000,
        cause: i - 1,
      });
    }
  });

  it('finds the last fact at a time', () => {
    const trace = new Trace();
    for (const time of [10, 10, 20, 40]) trace.append(time, F.started, 1, 0, 0, 0, 0, 0, 0);
    expect([9, 10, 19, 20, 39, 40, 99].map((time) => trace.lastAt(time))).toEqual([0, 2, 2, 3, 3, 4, 4]);
  });

  it('has another digest as soon as any field differs', () => {
    const base = [5, F.started, 1, 2, 3, 4, 5, 6, 7] as const;
    const digests = new Set<string>();
    for (let field = -1; field < base.length; field++) {
      const changed = base.map((value, i) => (i === field ? value + 1 : value)) as unknown as Parameters<
        Trace['append']
      >;
      const trace = new Trace();
      trace.append(...changed);
      digests.add(trace.digest);
    }
    expect(digests.size).toBe(base.length + 1);
  });

  it('has the same digest however often it was asked for on the way, also where times are long and details wide', () => {
    const [asked, unasked] = [new Trace(), new Trace()];
    const seen = new Set<string>();
    for (let i = 1; i <= CHUNK + 50; i++) {
      for (const trace of [asked, unasked]) trace.append(i * 1e6, F.acked, 1, i, 2, 3, i, i % 400, i - 1);
      if (i % 997 === 0) seen.add(asked.digest);
    }
    expect(unasked.digest).toBe(asked.digest);
    expect(seen.size).toBe(Math.floor((CHUNK + 50) / 997));
  });

  it('arrives whole when it is handed over in parts', () => {
    const here = new Trace();
    const there = new Trace();
    let sent = 0;
    for (let i = 1; i <= CHUNK + 100; i++) {
      here.append(i, F.acked, 1, i, 0, 0, i, i % 400, i - 1);
      if (i % 5000 !== 0 && i !== CHUNK + 100) continue;
      there.give(here.take(sent, 0));
      sent = here.count;
    }
    expect(there.count).toBe(here.count);
    expect(there.digest).toBe(here.digest);
    for (const id of [1, 399, 5000, 5001, CHUNK, CHUNK + 100]) expect(there.fact(id)).toEqual(here.fact(id));
  });

  it('has the same messages when it is handed over in parts, also when a part comes again', () => {
    const here = new Trace();
    const there = new Trace();
    const made = (id: number): TracedMessage => ({
      id,
      producer: 1 + (id % 2),
      sequence: Math.ceil(id / 2),
      key: id % 3 === 0 ? null : `key ${id % 5}`,
      routingKey: id % 7 === 0 ? 'order.placed' : '',
      attributes: id % 4 === 0 ? { amount: id, urgent: true, city: 'nyc' } : {},
      amount: id % 4 === 0 ? id / 8 : 1,
      sizeBytes: 100 + id,
      poison: id % 11 === 0,
      producedAtUs: id * 5_000_000_000,
    });
    for (const [from, to, since] of [
      [1, 40, 0],
      [41, 41, 40],
      [42, 90, 20],
      [91, 200, 90],
    ] as const) {
      for (let id = from; id <= to; id++) here.addMessage(made(id));
      there.give(here.take(0, since));
      expect(there.messageCount).toBe(to);
      expect(there.message(to)).toEqual(made(to));
    }
    for (let id = 200; id >= 1; id--) expect(there.message(id)).toEqual(made(id));
    expect(there.message(7)).toBe(there.message(7));
    expect(() => there.message(201)).toThrow('no message 201; the trace has 1 … 200');
    expect(() => there.message(0)).toThrow('no message 0');
  });

  it('does not know facts that are not there', () => {
    expect(() => new Trace().name(1)).toThrow('no fact 1; the trace has 1 … 0');
  });
});
