/**
 * Fault schedules: what is drawn is small and independent of the system (a kind, a moment, an index), so that it shrinks well; the system's cast
 * then says whom it strikes. Every fault ends in the first minute, so that what should come about in the end can be judged.
 */
import fc from 'fast-check';
import type { Document } from './document.ts';

/** Who can be struck, by the names in the file; each list has one name at least. */
export interface Cast {
  readonly makers: readonly string[];
  readonly workers: readonly string[];
  /** Empty where there is no broker process. */
  readonly nodes: readonly string[];
  /** Their disks may be full. */
  readonly haveDisks?: boolean;
  /** Facts of a broker node at which it may die. */
  readonly nodeSteps: readonly string[];
}

type Role = 'maker' | 'worker' | 'node';

/** Whom a fault of the network concerns; `other`: the other end too. */
interface Ends {
  readonly role: Role;
  readonly which: number;
  readonly other: { readonly role: Role; readonly which: number } | null;
  /** The hops to it, not those from it. */
  readonly inwards: boolean;
  readonly both: boolean;
}

type Moment = { readonly at: number } | { readonly nth: number; readonly step: number; readonly anybody: boolean };

/** One fault, before it is known whom it strikes. Times are in ms. */
export type Fault =
  | {
      readonly type: 'crash' | 'pause' | 'stop' | 'slow' | 'fast-clock' | 'slow-clock' | 'full-disk';
      readonly role: Role;
      readonly which: number;
      readonly moment: Moment;
      readonly forMs: number;
    }
  | {
      readonly type: 'lose' | 'duplicate' | 'delay';
      readonly hop: string;
      readonly moment: Moment;
      readonly times: number;
      readonly byMs: number;
      /** Absent: of everybody. */
      readonly ends: Ends | null;
    }
  | { readonly type: 'noise'; readonly how: 'lose' | 'duplicate' | 'delay'; readonly hop: string; readonly at: number }
  | {
      readonly type: 'split';
      readonly role: Role;
      readonly which: number;
      readonly moment: Moment;
      readonly forMs: number;
      readonly oneWay: boolean;
    }
  | {
      readonly type: 'isolate';
      readonly role: Role;
      readonly which: number;
      readonly moment: Moment;
      readonly forMs: number;
      /** One more of the same role, where there is one. */
      readonly two: boolean;
    };

const HOPS = ['request', 'reply', 'delivery', 'ack', 'effect', 'effect-reply', 'replication', 'control'];
const MAKER_STEPS = ['produced', 'sent', 'confirmed'];
const WORKER_STEPS = ['received', 'begun', 'applied', 'settled'];

const moment: fc.Arbitrary<Moment> = fc.oneof(
  fc.record({ at: fc.integer({ min: 0, max: 200 }).map((n) => n * 100) }),
  fc.record({
    nth: fc.integer({ min: 1, max: 12 }),
    step: fc.nat({ max: 11 }),
    anybody: fc.boolean(),
  }),
);
const role = fc.constantFrom('worker' as const, 'node' as const, 'maker' as const);
const which = fc.nat({ max: 5 });
const ends: fc.Arbitrary<Ends | null> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  {
    weight: 1,
    arbitrary: fc.record({
      role,
      which,
      other: fc.option(fc.record({ role, which })),
      inwards: fc.boolean(),
      both: fc.boolean(),
    }),
  },
);
const forMs = fc.oneof(
  fc.integer({ min: 1, max: 50 }).map((n) => n * 100),
  fc.integer({ min: 5, max: 40 }).map((n) => n * 1000),
);

export const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('crash' as const), role, which, moment, forMs }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('pause' as const), role, which, moment, forMs }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stop' as const), role, which, moment, forMs }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('slow' as const, 'fast-clock' as const, 'slow-clock' as const, 'full-disk' as const),
      role,
      which,
      moment,
      forMs,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom('lose' as const, 'lose' as const, 'duplicate' as const, 'delay' as const),
      hop: fc.constantFrom(...HOPS),
      moment,
      times: fc.integer({ min: 1, max: 5 }),
      byMs: fc.integer({ min: 1, max: 80 }).map((n) => n * 100),
      ends,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('noise' as const),
      how: fc.constantFrom('lose' as const, 'duplicate' as const, 'delay' as const),
      hop: fc.constantFrom(...HOPS),
      at: fc.nat({ max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('split' as const), role, which, moment, forMs, oneWay: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('isolate' as const), role, which, moment, forMs, two: fc.boolean() }),
  },
);

export const faults: fc.Arbitrary<readonly Fault[]> = fc.array(fault, { maxLength: 5, size: 'max' });

/** The fault as a line of the timeline. */
export function lineOf(fault: Fault, cast: Cast): Document {
  switch (fault.type) {
    case 'crash': {
      const { who, when } = struck(fault, cast);
      return { ...when, crash: who, restart: ms(fault.forMs) };
    }
    case 'pause': {
      const { who, when } = struck(fault, cast);
      return { ...when, pause: who, for: ms(fault.forMs) };
    }
    case 'stop': {
      const { who, when, isNode } = struck(fault, cast);
      // A node that is shut down is a node that crashes in good order; workers that leave are the lesson here.
      return isNode ? { ...when, pause: who, for: ms(fault.forMs) } : { ...when, stop: who, for: ms(fault.forMs) };
    }
    case 'slow': {
      const { who, when } = struck(fault, cast);
      return { ...when, slow: who, factor: 8, for: ms(fault.forMs) };
    }
    case 'fast-clock':
    case 'slow-clock': {
      const { who, when } = struck(fault, cast);
      return { ...when, skew: who, factor: fault.type === 'fast-clock' ? 2 : 0.5, for: ms(fault.forMs) };
    }
    case 'full-disk': {
      // Clients have no disk that matters, and not every broker has one.
      const { who, when, isNode } = struck({ ...fault, role: 'node' }, cast);
      const hit = isNode && cast.haveDisks === true ? { fill: who } : { slow: who, factor: 8 };
      return { ...when, ...hit, for: ms(fault.forMs) };
    }
    case 'split': {
      const { who, when } = struck(fault, cast);
      const others = [...cast.makers, ...cast.workers, ...cast.nodes].filter((name) => name !== who);
      return {
        ...when,
        split: [[who], others],
        heal: ms(fault.forMs),
        ...(fault.oneWay ? { 'one-way': true } : {}),
      };
    }
    case 'isolate': {
      const { who, when } = struck(fault, cast);
      const next = struck({ ...fault, which: fault.which + 1 }, cast).who;
      return { ...when, isolate: fault.two && next !== who ? [who, next] : who, heal: ms(fault.forMs) };
    }
    case 'lose':
    case 'duplicate':
    case 'delay': {
      const when = momentOf(fault.moment, [...WORKER_STEPS, ...MAKER_STEPS, ...cast.nodeSteps], null);
      const by = fault.type === 'delay' ? { by: ms(fault.byMs) } : {};
      // `for` ends it even where no such hop comes any more.
      return { ...when, [fault.type]: fault.hop, ...between(fault.ends, cast), times: fault.times, for: '20s', ...by };
    }
    case 'noise':
      return { at: `${fault.at}s`, [fault.how]: fault.hop, probability: '30%', for: '10s' };
  }
}

/** `from:`, `to:` and `both:` of a line about hops. */
function between(ends: Ends | null, cast: Cast): Document {
  if (ends === null) return {};
  const here = nameOf(ends, cast);
  const there = ends.other === null ? here : nameOf(ends.other, cast);
  const [near, far] = ends.inwards ? ['to', 'from'] : ['from', 'to'];
  return { [near]: here, ...(there === here ? {} : { [far]: there }), ...(ends.both ? { both: true } : {}) };
}

function nameOf({ role, which }: { readonly role: Role; readonly which: number }, cast: Cast): string {
  const isNode = role === 'node' && cast.nodes.length > 0;
  const names = isNode ? cast.nodes : role === 'maker' ? cast.makers : cast.workers;
  return names[which % names.length] ?? '';
}

function struck(
  fault: { readonly role: Role; readonly which: number; readonly moment: Moment },
  cast: Cast,
): { readonly who: string; readonly when: Document; readonly isNode: boolean } {
  const isNode = fault.role === 'node' && cast.nodes.length > 0;
  const steps = isNode ? cast.nodeSteps : fault.role === 'maker' ? MAKER_STEPS : WORKER_STEPS;
  const who = nameOf(fault, cast);
  return { who, when: momentOf(fault.moment, steps, who), isNode };
}

function momentOf(moment: Moment, steps: readonly string[], who: string | null): Document {
  if ('at' in moment) return { at: ms(moment.at) };
  const step = steps[moment.step % steps.length] ?? 'produced';
  return {
    when: step,
    nth: moment.nth,
    ...(who === null || moment.anybody ? {} : { of: who }),
  };
}

export function ms(n: number): string {
  return n % 1000 === 0 ? `${n / 1000}s` : `${n}ms`;
}
