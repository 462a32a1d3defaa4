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

  it('keeps that order when far more are pending than its list holds, and come and go', () => {
    const steps = fc.array(fc.record({ delays: fc.array(fc.nat(12), { maxLength: 4 }), far: fc.boolean() }), {
      minLength: 1000,
      maxLength: 1500,
    });
    fc.assert(
      fc.property(steps, (script) => {
        const agenda = new Agenda();
        const model: { time: number; i: number }[] = [];
        let made = 0;
        const schedule = (time: number) => {
          add(agenda, time, made);
          model.push({ time, i: made++ });
        };
        for (const { delays, far } of script) {
          for (const delay of delays) schedule(agenda.now + (far ? 40 * delay : delay));
          if (!agenda.next(NEVER)) continue;
          let least = 0;
          model.forEach((one, at) => {
            const first = model[least];
            if (first !== undefined && (one.time < first.time || (one.time === first.time && one.i < first.i)))
              least = at;
          });
          expect(agenda.taken.actor).toBe(model[least]?.i);
          model.splice(least, 1);
        }
        const rest = [...model].sort((a, b) => a.time - b.time || a.i - b.i).map(({ i }) => i);
        expect(drain(agenda)).toEqual(rest);
      }),
      { numRuns: 20 },
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
    expect([agenda.now, agenda.pending]).toEqual([20, 1]);
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

  it('rings alarms at the last time that they were set to, after all else of that time', () => {
    const steps = fc.array(fc.record({ delay: fc.nat(6), alarm: fc.nat(3), at: fc.option(fc.nat(6)) }), {
      minLength: 1,
      maxLength: 100,
    });
    fc.assert(
      fc.property(steps, (script) => {
        const agenda = new Agenda();
        const alarms = [0, 1, 2, 3].map((alarm) => agenda.newAlarm(-1 - alarm, { type: 'alarm' }));
        const set = alarms.map(() => NEVER);
        // The model: a plain list of what is to come, and the time of each alarm.
        let model: { time: number; i: number }[] = [];
        let made = 0;
        const schedule = () => {
          const i = made++;
          const time = agenda.now + (script[i]?.delay ?? 0);
          add(agenda, time, i);
          model.push({ time, i });
        };
        schedule();
        while (agenda.next(NEVER)) {
          const [least] = [...model].sort((a, b) => a.time - b.time || a.i - b.i);
          const earliest = Math.min(...set);
          const { actor } = agenda.taken;
          if (earliest < (least?.time ?? NEVER)) {
            expect([agenda.now, actor]).toEqual([earliest, -1 - set.indexOf(earliest)]);
            set[-1 - actor] = NEVER;
            continue;
          }
          expect([agenda.now, actor]).toEqual([least?.time, least?.i]);
          model = model.filter((one) => one !== least);
          const { alarm, at } = script[actor] as (typeof script)[number];
          set[alarm] = at === null ? NEVER : agenda.now + at;
          if (at === null) agenda.silenceAlarm(alarm);
          else agenda.setAlarm(alarm, agenda.now + at, 0, 0);
          for (let k = 0; k < 2 && made < script.length; k++) schedule();
        }
        expect([model, Math.min(...set)]).toEqual([[], NEVER]);
      }),
    );
  });

  it('rings no alarm after the time that it is given, and remembers it', () => {
    const agenda = new Agenda();
    const alarm = agenda.newAlarm(7, { type: 'alarm' });
    agenda.setAlarm(alarm, 30, 4, 9);
    expect(agenda.next(29)).toBe(false);
    expect(agenda.next(30)).toBe(true);
    expect(agenda.taken).toEqual({
      kind: EVENT.timer,
      actor: 7,
      from: 0,
      incarnation: 4,
      cause: 9,
      wire: { type: 'alarm' },
    });
    expect(agenda.next(NEVER)).toBe(false);
  });
});
