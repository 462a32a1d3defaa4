/** The agenda: what comes next, by (time, sequence), whatever the order of scheduling. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Agenda, EVENT } from '../../sim/clock.ts';

const NEVER = Number.POSITIVE_INFINITY;
const add = (agenda: Agenda, time: number, actor: number) =>
  agenda.schedule(time, EVENT.timer, actor, 0, 0, 0, { type: 't' });

/** Actors of all events, in the order in which they come out. */
function drain(agenda: Agenda, until = NEVER): number[] {
  const actors: number[] = [];
  while (agenda.next(until)) actors.push(agenda.taken.actor);
  return actors;
}

describe('the agenda', () => {
  it('gives events in the order of time, and those of one time in the order of scheduling', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 300 }), (times) => {
        const agenda = new Agenda();
        times.forEach((time, i) => {
          add(agenda, time, i);
        });
        const sorted = times.map((time, i) => ({ time, i })).sort((a, b) => a.time - b.time || a.i - b.i);
        expect(drain(agenda)).toEqual(sorted.map(({ i }) => i));
      }),
    );
  });

  it('keeps that order when events schedule and cancel others on the way', () => {
    const script = fc.array(fc.record({ delay: fc.nat(5), cancels: fc.option(fc.nat(200)) }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(script, (steps) => {
        const agenda = new Agenda();
        // The model: a plain list, searched for the least (time, sequence).
        let model: { time: number; i: number; ticket: number }[] = [];
        const tickets: number[] = [];
        const schedule = (i: number) => {
          const time = agenda.now + (steps[i]?.delay ?? 0);
          const ticket = add(agenda, time, i);
          tickets.push(ticket);
          model.push({ time, i, ticket });
        };
        let made = 0;
        while (made < Math.min(3, steps.length)) schedule(made++);
        while (agenda.next(NEVER)) {
          const [least] = [...model].sort((a, b) => a.time - b.time || a.i - b.i);
          expect(agenda.taken.actor).toBe(least?.i);
          model = model.filter((one) => one !== least);
          const cancelled = tickets[steps[agenda.taken.actor]?.cancels ?? -1];
          if (cancelled !== undefined) {
            agenda.cancel(cancelled);
            model = model.filter(({ ticket }) => ticket !== cancelled);
          }
          for (let k = 0; k < 2 && made < steps.length; k++) schedule(made++);
        }
        expect(model).toEqual([]);
      }),
    );
  });

  it('stops at the time that it is given, and goes on from there', () => {
    const agenda = new Agenda();
    for (const time of [30, 10, 20]) add(agenda, time, time);
    expect(drain(agenda, 20)).toEqual([10, 20]);
    expect([agenda.now, agenda.peek(), agenda.pending]).toEqual([20, 30, 1]);
    expect(drain(agenda)).toEqual([30]);
  });

  it('does not let an old ticket cancel the event that took over its slot', () => {
    const agenda = new Agenda();
    const old = add(agenda, 1, 1);
    drain(agenda);
    add(agenda, 2, 2);
    agenda.cancel(old);
    expect(drain(agenda)).toEqual([2]);
  });

  it('holds more than fits into its first arrays, both now and later', () => {
    const agenda = new Agenda();
    for (let i = 0; i < 3000; i++) add(agenda, i % 2 === 0 ? 0 : 5000 - i, i);
    const out = drain(agenda);
    expect(out.slice(0, 3)).toEqual([0, 2, 4]);
    expect(out.slice(-2)).toEqual([3, 1]);
    expect(new Set(out).size).toBe(3000);
  });
});
