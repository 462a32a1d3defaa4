/** Traces written by hand: facts by name, with names for actors and places, for tests of what is folded over them. */
import { F, type FactName } from '../../../core/facts.ts';
import type { ActorKind, FactId, MessageId, Micros, PlaceKind } from '../../../core/types.ts';
import { Trace } from '../../../sim/trace.ts';

interface Fields {
  readonly actor?: string;
  readonly message?: MessageId;
  readonly place?: string;
  readonly peer?: string;
  readonly value?: number;
  readonly detail?: number;
  readonly cause?: FactId;
}

export interface Stage {
  readonly trace: Trace;
  actor(name: string): number;
  place(name: string): number;
  /** Records a fact. By default it is caused by the fact before. `produced` makes the message if it is new. */
  fact(timeUs: Micros, name: FactName, fields?: Fields): FactId;
  message(id: MessageId, parts: { key?: string; attributes?: Record<string, string | number | boolean> }): void;
}

/** `actors`: name → kind; an instance `c-2` belongs to the declared name `c`. `places`: name → kind; `t/0` is a partition of topic `t`. */
export function stage(
  actors: Readonly<Record<string, ActorKind>>,
  places: Readonly<Record<string, PlaceKind>>,
  deadLetters: readonly string[] = [],
): Stage {
  const trace = new Trace();
  const actorIds = new Map<string, number>([['', 0]]);
  const placeIds = new Map<string, number>([['', 0]]);
  for (const [name, kind] of Object.entries(actors)) {
    actorIds.set(name, trace.actors.length);
    trace.addActor({ id: trace.actors.length, name, kind, group: name.replace(/-\d+$/, '') });
  }
  for (const [name, kind] of Object.entries(places)) {
    placeIds.set(name, trace.places.length);
    trace.addPlace({
      id: trace.places.length,
      name,
      kind,
      parent: name.split('/')[0] ?? name,
      deadLetter: deadLetters.includes(name),
    });
  }
  const find = (ids: Map<string, number>, name: string): number => {
    const id = ids.get(name);
    if (id === undefined) throw new Error(`the test names ${name}, which it did not declare`);
    return id;
  };
  const made = new Map<MessageId, { key?: string; attributes?: Record<string, string | number | boolean> }>();
  return {
    trace,
    actor: (name) => find(actorIds, name),
    place: (name) => find(placeIds, name),
    message: (id, parts) => {
      made.set(id, parts);
    },
    fact: (timeUs, name, fields = {}) => {
      const message = fields.message ?? 0;
      if (name === 'produced' && message === trace.messageCount + 1) {
        trace.addMessage({
          id: message,
          producer: find(actorIds, fields.actor ?? ''),
          sequence: message,
          key: made.get(message)?.key ?? null,
          routingKey: '',
          attributes: made.get(message)?.attributes ?? {},
          amount: 1,
          sizeBytes: fields.value ?? 100,
          poison: fields.detail === 1,
          producedAtUs: timeUs,
        });
      }
      trace.endedAtUs = timeUs;
      return trace.append(
        timeUs,
        F[name],
        find(actorIds, fields.actor ?? ''),
        message,
        find(placeIds, fields.place ?? ''),
        find(actorIds, fields.peer ?? ''),
        fields.value ?? 0,
        fields.detail ?? 0,
        fields.cause ?? trace.count,
      );
    },
  };
}

/**
 * A busy queue with a dead-letter queue, drawn by integer arithmetic: messages come and are delivered from near the head, acked, given back or lost
 * with their lock. `backlog`: how many come before the consumers begin.
 */
export function busyQueue(facts: number, backlog: number, seed = 1): Stage {
  const made = stage(
    { p: 'producer', b: 'broker', 'c-1': 'consumer', 'c-2': 'consumer', 'c-3': 'consumer', db: 'store' },
    { jobs: 'queue', dead: 'queue', rows: 'store' },
    ['dead'],
  );
  const { trace, fact } = made;
  let state = seed >>> 0;
  const draw = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * n);
  };
  const ready: { message: number; attempt: number }[] = [];
  const held: { message: number; attempt: number; peer: string }[] = [];
  let now = 0;
  const produce = (): void => {
    const message = trace.messageCount + 1;
    fact(now, 'produced', { actor: 'p', message, value: 100, cause: 0 });
    fact(now, 'sent', { actor: 'p', peer: 'b', message, value: 700 });
    fact(now + 700, 'appended', { actor: 'b', message, place: 'jobs' });
    ready.push({ message, attempt: 0 });
    now += 700;
  };
  while (trace.messageCount < backlog && trace.count < facts) produce();
  while (trace.count < facts) {
    now += draw(2000);
    const what = draw(10);
    if (what < 3 || (ready.length === 0 && held.length === 0)) produce();
    else if (what < 7 && ready.length > 0 && held.length < 30) {
      const at = draw(Math.min(8, ready.length));
      const { message, attempt } = ready.splice(at, 1)[0] as { message: number; attempt: number };
      const peer = `c-${1 + draw(3)}`;
      const lock = draw(3) === 0 ? 0 : 5000;
      fact(now, 'delivered', { actor: 'b', message, place: 'jobs', peer, value: lock, detail: attempt + 1 });
      fact(now, 'received', { actor: peer, message, place: 'jobs', detail: attempt + 1 });
      fact(now, 'begun', { actor: peer, message, place: 'jobs', value: 800, detail: attempt + 1 });
      held.push({ message, attempt: attempt + 1, peer });
    } else if (held.length > 0) {
      const { message, attempt, peer } = held.splice(draw(held.length), 1)[0] as (typeof held)[number];
      const fate = draw(8);
      if (fate < 5) {
        const again = attempt > 1 ? 2 : 1;
        fact(now, 'applied', { actor: 'db', message, place: 'rows', peer, value: trace.count, detail: again });
        fact(now, 'settled', { actor: peer, message, place: 'jobs', value: 0, detail: attempt });
        fact(now, 'acked', { actor: 'b', message, place: 'jobs', peer, detail: attempt });
      } else {
        fact(now, 'lock-expired', { actor: 'b', message, place: 'jobs', peer, detail: attempt });
        if (attempt >= 4) {
          fact(now, 'dead-lettered', { actor: 'b', message, place: 'dead', value: attempt, detail: 6 });
          fact(now, 'appended', { actor: 'b', message, place: 'dead' });
        } else {
          const position = fate === 5 ? 0 : draw(Math.min(64, ready.length) + 1);
          fact(now, 'requeued', { actor: 'b', message, place: 'jobs', peer, value: position, detail: 2 });
          ready.splice(position, 0, { message, attempt });
        }
      }
    }
    if (draw(200) === 0) {
      const actor = `c-${1 + draw(3)}`;
      fact(now, 'crashed', { actor, cause: 0 });
      fact(now, 'restarted', { actor });
    }
  }
  return made;
}
