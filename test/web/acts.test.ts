/** The table of acts against the parser and the world: whatever is offered is read without complaint, and leaves all that was before it as it was. */
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { BROKERS } from '../../core/brokers/index.ts';
import { divergenceOf } from '../../sim/folds/divergence.ts';
import { topologyAt } from '../../sim/folds/topology.ts';
import { TransitIndex } from '../../sim/folds/transit.ts';
import { formatDuration } from '../../sim/scenario/duration.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { settingsOf } from '../../sim/scenario/settings.ts';
import { type Run, run } from '../../sim/world.ts';
import { type Act, problemIn } from '../../web/acts/act.ts';
import { hasDisk } from '../../web/acts/actor-acts.ts';
import { actsOf } from '../../web/acts/acts.ts';
import { type Here, momentOf, nameOf } from '../../web/acts/here.ts';
import {
  choice,
  firstValues,
  problemOf,
  problemsOf,
  seconds,
  text as textParam,
  type Values,
} from '../../web/acts/params.ts';
import { canPurge, makesSnapshots, refusesRedrive, refusesSeek } from '../../web/acts/place-acts.ts';
import { comesOf } from '../../web/acts/trial.ts';
import type { TimelineLine } from '../../web/protocol.ts';
import { readScenario } from '../../web/reading.ts';
import type { Thing } from '../../web/stage/thing.ts';
import { libraryText } from './library.ts';

/** Each broker, clusters and single nodes, stores and none, one consumer and several, exchanges, groups, dead letters, several brokers in one file. */
const NAMES = [
  'worker-crash',
  'with-dlq',
  'dlq-replay',
  'order-fan-out',
  'quorum-leader-crash',
  'rides-by-city',
  'seven-on-six',
  'key-shared-join',
  'pending-claimed',
  'late-subscription',
  'sns-filter-slip',
  'one-of-ten-workers',
  'photo-sync',
  'outrun-autoscale',
  'one-corrupt-photo',
];

/** A producer, what it sends to, and a consumer that writes into a store, under each broker. */
const PLAIN: Readonly<Record<string, string>> = {
  sqs: `
broker: sqs
queues: { orders: {} }`,
  'sqs-fifo': `
broker: sqs
queues: { orders.fifo: { FifoQueue: true, ContentBasedDeduplication: true } }`,
  sns: `
brokers: { news: sns, work: sqs }
topics: { news-of-orders: { broker: news, subscriptions: { orders: {} } } }
queues: { orders: { broker: work } }`,
  kafka: `
broker: { kind: kafka, group.initial.rebalance.delay.ms: 0 }
topics: { orders: {} }`,
  rabbitmq: `
broker: rabbitmq
queues: { orders: {} }`,
  'google-pubsub': `
broker: google-pubsub
topics: { news-of-orders: {} }
queues: { orders: { topic: news-of-orders, retain_acked_messages: true } }`,
  'redis-streams': `
broker: redis-streams
topics: { orders: {} }`,
  'redis-pubsub': `
broker: redis-pubsub
topics: { orders: {} }`,
  pulsar: `
broker: pulsar
topics: { orders: {} }`,
  direct: `
broker: direct`,
};

function plainText(name: string, latency = '5ms..20ms'): string {
  const queue = name === 'sqs-fifo' ? 'orders.fifo' : 'orders';
  const to = name === 'sns' || name === 'google-pubsub' ? 'news-of-orders' : queue;
  const [here, there] = name === 'sns' ? ['broker: news, ', 'broker: work, '] : ['', ''];
  const group = name === 'sqs-fifo' ? 'key: customer, attributes: { customer: 9 }, ' : '';
  return `title: Plain
${PLAIN[name]?.trim()}
duration: 6s
producers:
  shop: { ${here}${group}to: ${to}, rate: 6/s }
consumers:
  packer: { ${there}from: ${queue}, process: 120ms, effect: { insert: packed } }
network: { latency: ${latency} }
`;
}

/** Of long runs the beginning is enough, and what is not known to its end offers more. */
const SECONDS: Readonly<Record<string, number>> = { 'rides-by-city': 4, 'outrun-autoscale': 5, 'seven-on-six': 20 };

interface Opened {
  readonly text: string;
  readonly done: Run;
  readonly isWhole: boolean;
  readonly settings: Here['settings'];
  readonly isNeutral: boolean;
}

const opened = new Map<string, Opened>();

function open(name: string): Opened {
  const known = opened.get(name);
  if (known !== undefined) return known;
  const text = PLAIN[name] === undefined ? libraryText(name) : plainText(name);
  const { scenario, under, diagnostics } = parseScenario(text, { file: name });
  if (scenario === null) throw new Error(`${name} cannot be read: ${diagnostics[0]?.message}`);
  const untilUs = (SECONDS[name] ?? 0) * 1_000_000;
  const one = {
    text,
    done: run(scenario, untilUs === 0 ? {} : { untilUs }),
    isWhole: untilUs === 0,
    settings: settingsOf(under?.text ?? text, scenario),
    isNeutral: under !== null,
  };
  opened.set(name, one);
  return one;
}

function hereAt(name: string, fact: number, timeUs?: number): Here {
  const { done, settings, isNeutral, isWhole } = open(name);
  const { scenario, trace } = done;
  const topology = topologyAt(trace, scenario, fact);
  const transit = new TransitIndex(trace);
  return { scenario, trace, topology, transit, fact, timeUs: timeUs ?? trace.time(fact), settings, isNeutral, isWhole };
}

/** Everything that can be pointed at, of what is there many times two, and a few links and messages. */
function thingsOf({ trace, fact, transit, timeUs }: Here): Thing[] {
  const actors = twoOfEach(trace.actors.slice(1), ({ kind, group }) => `${kind} ${group}`);
  const things: Thing[] = actors.map(({ id }) => ({ type: 'actor', id }));
  for (const { id, kind } of twoOfEach(trace.places, (place) => `${place.kind} ${place.parent} ${place.deadLetter}`))
    if (kind !== 'none') things.push({ type: 'place', id });
  const places = trace.places.filter(({ kind }) => kind === 'queue' || kind === 'partition').slice(0, 1);
  for (const place of places)
    for (const { id } of actors.slice(0, 8))
      things.push({ type: 'link', from: `actor ${id}`, to: `place ${place.id}` });
  const message = trace.messageOf(fact);
  if (message > 0) things.push({ type: 'message', id: message, hop: 0 });
  for (const hop of transit.at(timeUs).slice(0, 2))
    if (hop.message > 0) things.push({ type: 'message', id: hop.message, hop: hop.fact });
  return things;
}

function twoOfEach<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  const seen = new Map<string, number>();
  return all.filter((one) => {
    const many = (seen.get(keyOf(one)) ?? 0) + 1;
    seen.set(keyOf(one), many);
    return many <= 2;
  });
}

/** With the first values, and with each choice once. */
function linesOf(act: Act): TimelineLine[] {
  const first = firstValues(act.params);
  const values: Values[] = [first];
  for (const { id, choices } of act.params) {
    for (const { value, fills } of choices)
      values.push({ ...first, [id]: value, ...(fills === undefined ? {} : { value: fills }) });
  }
  return values
    .filter((one) => act.params.every((param) => problemOf(param, one[param.id] ?? '') === ''))
    .map((one) => act.line(one));
}

function offered(here: Here): { readonly act: Act; readonly line: TimelineLine }[] {
  const seen = new Set<string>();
  return thingsOf(here).flatMap((thing) => {
    const { kind, acts } = actsOf(here, thing);
    expect(new Set(acts.map(({ id }) => id)).size, 'ids are unique').toBe(acts.length);
    return acts.flatMap((act) => {
      if (act.refusal !== '') return [];
      return linesOf(act).flatMap((line) => {
        const key = `${kind} ${JSON.stringify(line)}`;
        if (seen.has(key)) return [];
        seen.add(key);
        return [{ act, line }];
      });
    });
  });
}

/** All lines in one file: what is wrong with one of them is wrong beside the others. */
function withLines(text: string, lines: readonly TimelineLine[]): string {
  const file = parse(text) as { timeline?: unknown[] };
  file.timeline = [...(file.timeline ?? []), ...lines];
  return stringify(file);
}

describe.each(NAMES)('in %s', (name) => {
  const { text, done } = open(name);
  const { trace } = done;
  const moments = [0.2, 0.6].map((share) => Math.max(1, Math.floor(trace.count * share)));

  it('whatever is offered is a line that the parser takes', () => {
    for (const fact of moments) {
      const lines = offered(hereAt(name, fact)).map(({ line }) => line);
      expect(lines.length).toBeGreaterThan(4);
      const bursts = lines.filter((line) => !('burst' in line));
      const { diagnostics } = parseScenario(withLines(text, bursts), { file: name });
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      const [burst] = lines.filter((line) => 'burst' in line);
      if (burst !== undefined) {
        const read = readScenario({ file: name, text, sets: [], lines: [burst], under: null });
        expect(read.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      }
    }
  });

  it('an act leaves all that was before it as it was', () => {
    const fact = moments[1] ?? 1;
    const here = hereAt(name, fact);
    const all = offered(here).filter(({ act }) => !act.id.includes('-hop'));
    // A few of them, spread over the table.
    for (const pick of [0.1, 0.75]) {
      const one = all[Math.floor(all.length * pick)];
      if (one === undefined) continue;
      const read = readScenario({ file: name, text, sets: [], lines: [one.line], under: null });
      expect(read.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      if (read.scenario === null) throw new Error('it cannot be read');
      const { fact: parts } = divergenceOf(trace, run(read.scenario, { untilUs: here.timeUs + 5_000_000 }).trace);
      expect(parts === 0 || parts > fact, JSON.stringify(one.line)).toBe(true);
    }
  });
});

/** They change what is to come, if it comes; a group may be at the end already, by a clock somebody must wait for something, and of a snapshot nothing comes by itself. */
const CONDITIONAL = /^(set|fix|skew|seek-end|snapshot)/;

describe.each(Object.keys(PLAIN))('under %s', (name) => {
  const { text, done } = open(name);
  const { trace } = done;
  const here = hereAt(name, trace.lastAt(1_500_000));
  const actor = (kind: string): number => trace.actors.find((one) => one.kind === kind)?.id ?? 0;
  const key = (kind: string): string => {
    const place = trace.places.find((one) => one.kind === 'queue' || one.kind === 'partition');
    return kind === 'place' && place !== undefined ? `place ${place.id}` : `actor ${actor(kind)}`;
  };
  const [reads, writes]: Thing[] = [
    { type: 'link', from: name === 'direct' ? key('producer') : key('place'), to: key('consumer') },
    { type: 'link', from: key('consumer'), to: key('store') },
  ];

  it('each act that is offered does something', () => {
    const message = trace.messageOf(nthOf(open(name), 'received', 6));
    const things: Thing[] = [
      ...trace.actors.slice(1).map(({ id }) => ({ type: 'actor', id }) as const),
      ...trace.places.map(({ id }) => ({ type: 'place', id }) as const),
      ...(reads === undefined || writes === undefined ? [] : [reads, writes]),
      { type: 'link', from: key('producer'), to: name === 'direct' ? key('consumer') : key('place') },
      { type: 'message', id: message, hop: 0 },
    ];
    const seen = new Set<string>();
    const vain: string[] = [];
    for (const { id, refusal, params, line } of things.flatMap((thing) => actsOf(here, thing).acts)) {
      const first = line({ ...firstValues(params), share: '100' });
      if (refusal !== '' || CONDITIONAL.test(id) || seen.has(JSON.stringify(first))) continue;
      seen.add(JSON.stringify(first));
      const { seed } = done.scenario;
      if (comesOf({ trace, text, seed }, first, () => true) !== true) vain.push(JSON.stringify(first));
    }
    expect(seen.size).toBeGreaterThan(15);
    expect(vain).toEqual([]);
  });

  it('copies of hops are offered where the other end takes them, and nowhere else', () => {
    const takes = ['sqs', 'sqs-fifo', 'sns', 'google-pubsub'].includes(name);
    if (reads === undefined || writes === undefined) throw new Error('there are no links');
    expect(actOf(here, reads, 'duplicate').refusal).toMatch(takes ? /^$/ : /once/);
    expect(actOf(here, writes, 'duplicate').refusal).toMatch(/^a store takes each write once/);
    const kinds = actOf(here, reads, 'duplicate').params.find(({ id }) => id === 'kind')?.choices ?? [];
    expect(kinds.map(({ value }) => value)).toEqual(takes ? ['all', 'ack'] : ['all']);
  });

  it('no act is offered for what has come to its end', () => {
    const { acts } = actsOf(hereAt(name, trace.count, done.scenario.durationUs), writes as Thing);
    expect(acts.map(({ refusal }) => refusal)).toEqual(acts.map(() => 'the run ends here'));
  });
});

describe('what would do nothing', () => {
  it('is told by the run itself, also where hops take no time', () => {
    const text = plainText('sqs', '0s');
    const { scenario } = parseScenario(text, { file: 'ideal' });
    if (scenario === null) throw new Error('it cannot be read');
    const tried = { trace: run(scenario).trace, text, seed: scenario.seed };
    const comes = (line: TimelineLine): boolean | null => comesOf(tried, line, () => true);
    expect(comes({ at: '2s', set: { 'consumers.packer.on-poison': 'crash' } })).toBe(false);
    expect(comes({ at: '2s', lose: 'effect', for: '1s' })).toBe(true);
    expect(comes({ at: '2s', set: { 'producers.shop.size': '9kB' } })).toBe(true);
    expect(comes({ at: '2s', fix: 'packer' })).toBe(false);
    expect(comes({ at: '2s', crash: 'nobody' })).toBe(null);
    expect(comesOf(tried, { at: '2s', crash: 'packer' }, () => false)).toBe(null);
  });

  it('is told of a producer that is down, of one that is spent, and of a process that stays down', () => {
    const { trace } = open('worker-crash').done;
    const producer = trace.actors.find(({ kind }) => kind === 'producer')?.id ?? 0;
    const late = hereAt('with-dlq', open('with-dlq').done.trace.count - 1);
    const spent = late.trace.actors.find(({ kind }) => kind === 'producer')?.id ?? 0;
    expect(actOf(late, { type: 'actor', id: spent }, 'burst').refusal).toBe('it makes no more messages');
    const here = hereAt('worker-crash', 20);
    const actors = here.topology.actors.map((one) => (one.id === producer ? { ...one, status: 'down' as const } : one));
    const down = { ...here, topology: { ...here.topology, actors } } as Here;
    for (const id of ['send', 'poison', 'burst', 'isolate'])
      expect(actOf(down, { type: 'actor', id: producer }, id).refusal, id).toBe('it is down already');
  });

  it('is told of a share group’s position, and of dead letters that no queue handed over', () => {
    const { trace } = open('share-group').done;
    const group = trace.places.find(({ kind, name }) => kind === 'group' && name === 'shared')?.id ?? 0;
    const share = hereAt('share-group', 100);
    expect(actOf(share, { type: 'place', id: group }, 'seek-start-0').refusal).toMatch(/^a share group/);
    const dead = open('sns-locked-door').done.trace.places.find(({ deadLetter }) => deadLetter)?.id ?? 0;
    const door = hereAt('sns-locked-door', open('sns-locked-door').done.trace.count - 1);
    expect(actOf(door, { type: 'place', id: dead }, 'redrive').refusal).toBe('no queue has it for its dead letters');
  });

  it('is told of values that meet nothing, and of a slow node on a network that takes no time', () => {
    const here = hereAt('sqs', open('sqs').done.trace.lastAt(1_500_000));
    const { trace } = here;
    const id = (kind: string): number => trace.actors.find((one) => one.kind === kind)?.id ?? 0;
    const lose = actOf(here, { type: 'link', from: `actor ${id('consumer')}`, to: `actor ${id('store')}` }, 'lose');
    const values = { ...firstValues(lose.params), kind: 'effect' };
    expect([problemIn(lose, values), problemIn(lose, { ...values, way: 'there' })]).toEqual(['', '']);
    expect(problemIn(lose, { ...values, way: 'back' })).toMatch(/^nothing that it would change/);
    expect(problemIn(lose, { ...values, for: '0.000001' })).toMatch(/^nothing that it would change/);
    const ideal = hereAt('share-group', 100);
    const node = ideal.trace.actors.find(({ kind }) => kind === 'broker')?.id ?? 0;
    expect(actOf(ideal, { type: 'actor', id: node }, 'slow').refusal).toMatch(/^hops take no time/);
  });
});

/** The act of that id; an error when there is none. */
function actOf(here: Here, thing: Thing, id: string): Act {
  const found = actsOf(here, thing).acts.find((one) => one.id === id);
  if (found === undefined) throw new Error(`there is no act ${id}`);
  return found;
}

const nthOf = ({ done: { trace } }: Opened, name: string, nth: number): number => {
  let left = nth;
  for (let id = 1; id <= trace.count; id++) if (trace.name(id) === name && --left === 0) return id;
  throw new Error(`no ${name}`);
};

describe('the moment of a line', () => {
  const photo = open('photo-sync');

  it('is the time of the playhead where nothing happens, and just after what has happened there', () => {
    const fact = nthOf(photo, 'applied', 1);
    const time = photo.done.trace.time(fact);
    expect(momentOf(hereAt('photo-sync', fact, time + 500))).toEqual({ at: formatDuration(time + 500) });
    const last = photo.done.trace.lastAt(time);
    expect(momentOf(hereAt('photo-sync', last))).toEqual({ at: formatDuration(time + 1) });
  });

  it('is the fact itself where others follow in the same instant', () => {
    const crash = open('worker-crash');
    const { trace } = crash.done;
    const fact = nthOf(crash, 'applied', 2);
    expect(trace.time(fact + 1), 'the test needs one that follows').toBe(trace.time(fact));
    const line = momentOf(hereAt('worker-crash', fact));
    expect(line).toMatchObject({ when: 'applied' });
    const of = String(line['of']);
    const read = readScenario({
      file: 'test',
      text: crash.text,
      sets: [],
      lines: [{ ...line, crash: nameOf(trace, trace.actor(fact)) }],
      under: null,
    });
    if (read.scenario === null) throw new Error(`${of}: it cannot be read`);
    const other = run(read.scenario).trace;
    const parts = divergenceOf(trace, other).fact;
    expect(parts).toBe(fact + 1);
    expect(other.name(parts)).toBe('fault-begun');
  });
});

describe('a hop that is on its way', () => {
  const crash = open('worker-crash');
  const { trace, scenario } = crash.done;

  it('is the very one that is lost, late or twice', () => {
    const sent: number[] = [];
    for (let id = 1; id <= trace.count && sent.length < 40; id++)
      if (trace.name(id) === 'sent' && trace.messageOf(id) > 0 && trace.value(id) > 1) sent.push(id);
    expect(sent.length).toBeGreaterThan(6);
    for (const fact of [sent[2], sent[5]]) {
      if (fact === undefined) throw new Error('too few hops');
      const here = hereAt('worker-crash', trace.lastAt(trace.time(fact) + 1), trace.time(fact) + 1);
      const line = actOf(here, { type: 'message', id: trace.messageOf(fact), hop: fact }, 'lose-hop-0').line({});
      const read = readScenario({ file: 'test', text: crash.text, sets: [], lines: [line], under: null });
      if (read.scenario === null) throw new Error('it cannot be read');
      const other = run(read.scenario).trace;
      expect(other.name(fact + 1), 'one fact later: the line itself').toBe('sent');
      expect([other.messageOf(fact + 1), other.detail(fact + 1) >> 3]).toEqual([trace.messageOf(fact), 3]);
    }
  });

  it('cannot be taken when it is lost already, and no later one when there is none', () => {
    const here = hereAt('worker-crash', trace.count - 1, scenario.durationUs - 1);
    expect(actOf(here, { type: 'message', id: 1, hop: 0 }, 'lose-next').refusal).toBe('no hop carries it any more');
  });
});

describe('an instance', () => {
  it('that is one of several is meant alone, and a first one that has got others too', () => {
    const crash = open('worker-crash');
    const read = readScenario({
      file: 'test',
      text: crash.text,
      sets: [],
      lines: [{ at: '1s', scale: Object.keys(crash.done.scenario.consumers)[0] ?? '', count: 3 }],
      under: null,
    });
    if (read.scenario === null) throw new Error('it cannot be read');
    const { trace } = run(read.scenario);
    const names = trace.actors.flatMap(({ id, kind }) => (kind === 'consumer' ? [nameOf(trace, id)] : []));
    expect(new Set(names).size).toBe(3);
    expect(names.every((name) => /-\d$/.test(name))).toBe(true);
  });

  it('that is down can only be restarted; at the end of the run nothing can be done', () => {
    const crash = open('worker-crash');
    const fact = nthOf(crash, 'crashed', 1);
    const id = crash.done.trace.actor(fact);
    const here = hereAt('worker-crash', fact);
    expect(actOf(here, { type: 'actor', id }, 'crash').refusal).toBe('it is down already');
    expect(actOf(here, { type: 'actor', id }, 'restart').refusal).toBe('');
    const over = hereAt('worker-crash', crash.done.trace.count, crash.done.scenario.durationUs);
    for (const { refusal } of actsOf(over, { type: 'actor', id }).acts) expect(refusal).toBe('the run ends here');
  });
});

describe('a producer that has made its last message', () => {
  const { done } = open('with-dlq');
  const producer = done.trace.actors.find(({ kind }) => kind === 'producer')?.id ?? 0;
  const refusals = (here: Here): readonly string[] =>
    ['poison', 'silence'].map((id) => actOf(here, { type: 'actor', id: producer }, id).refusal);
  const early = hereAt('with-dlq', 5);
  const late = hereAt('with-dlq', done.trace.count - 1, done.trace.endedAtUs - 1);

  it('can be neither poisoned nor silenced', () => {
    expect(refusals(early)).toEqual(['', '']);
    expect(refusals(late)).toEqual(['it makes no more messages', 'it makes no more messages']);
  });

  it('may go on as long as the run is not known to its end', () => {
    expect(refusals({ ...late, isWhole: false })).toEqual(['', '']);
    expect(actOf({ ...late, isWhole: false }, { type: 'message', id: 1, hop: 0 }, 'lose-next').refusal).toBe('');
  });
});

describe('a store', () => {
  it('takes each write once, so none can be doubled on its way', () => {
    const { trace } = open('with-dlq').done;
    const applied = nthOf(open('with-dlq'), 'applied', 5);
    const ends = { from: `actor ${trace.peer(applied)}`, to: `actor ${trace.actor(applied)}` };
    const here = hereAt('with-dlq', nthOf(open('with-dlq'), 'applied', 1));
    expect(actOf(here, { type: 'link', ...ends }, 'duplicate').refusal).toMatch(/^a store takes each write once/);
    expect(actOf(here, { type: 'link', ...ends }, 'lose').refusal).toBe('');
  });
});

describe('a message that is asked for', () => {
  it('has the key that is said, of those that the producer knows or another', () => {
    const { trace } = open('rides-by-city').done;
    const producer = trace.actors.find(({ kind }) => kind === 'producer')?.id ?? 0;
    const send = actOf(hereAt('rides-by-city', 50), { type: 'actor', id: producer }, 'send');
    const key = send.params.find(({ id }) => id === 'key');
    expect(key?.choices.map(({ value }) => value)).toContain('austin');
    const first = firstValues(send.params);
    expect(problemIn(send, first)).toBe('');
    expect(send.line(first)).not.toHaveProperty('key');
    expect(send.line({ ...first, key: ' rome ' })).toMatchObject({ messages: 1, key: 'rome' });
    expect(problemIn(send, { ...first, key: 'x'.repeat(201) })).toMatch(/200 letters/);
  });
});

describe('a snapshot', () => {
  it('is made under a name of its own, and can be gone back to when it has been made', () => {
    const here = hereAt('google-pubsub', open('google-pubsub').done.trace.lastAt(1_500_000));
    const group = here.trace.places.find(({ kind }) => kind === 'queue')?.id ?? 0;
    const acts = (at: Here) => (id: string) => actOf(at, { type: 'place', id: group }, `${id}-0`);
    const make = acts(here)('snapshot');
    expect(make.line(firstValues(make.params))).toMatchObject({ snapshot: 'packer', name: 'snapshot-1' });
    expect(acts(here)('seek-snapshot').refusal).toBe('none has been made yet');
    const action = { type: 'snapshot', group: 'packer', name: 'snapshot-1' } as const;
    const made = { action, when: { type: 'at', atUs: 1_000_000 }, label: '' } as const;
    const later = { ...here, scenario: { ...here.scenario, timeline: [made] } };
    const back = acts(later)('seek-snapshot');
    expect([back.refusal, back.line(firstValues(back.params))['to']]).toEqual(['', { snapshot: 'snapshot-1' }]);
    const again = acts(later)('snapshot');
    expect(firstValues(again.params)).toEqual({ name: 'snapshot-2' });
    expect(problemIn(again, { name: 'snapshot-1' })).toBe('there is one of that name');
  });
});

describe('what a broker cannot do', () => {
  it('is said by name for each kind of broker', () => {
    for (const kind of Object.keys(BROKERS)) {
      const { commands = [] } = BROKERS[kind] ?? {};
      expect(refusesSeek(kind) === '', `seek of ${kind}`).toBe(commands.includes('seek'));
      expect(makesSnapshots(kind), `snapshot of ${kind}`).toBe(commands.includes('snapshot'));
      for (const node of ['b1', 'controller'])
        expect(hasDisk(kind, node), `disk of ${kind}`).toBe(BROKERS[kind]?.hasDisk?.(node) === true);
      expect(canPurge(kind), `purge of ${kind}`).toBe(commands.includes('purge'));
      expect(refusesRedrive(kind) === '', `redrive of ${kind}`).toBe(commands.includes('redrive'));
    }
  });
});

describe('what is written into the fields', () => {
  it('is a number within its limits, or nothing where nothing means something', () => {
    const params = [seconds('for', 'for', 10), seconds('heal', 'heals after', 5, 'never')];
    expect(problemsOf(params, { for: '10', heal: '' })).toBe('');
    expect(problemsOf(params, { for: '', heal: '5' })).toBe('"for" is empty');
    expect(problemsOf(params, { for: 'soon', heal: '5' })).toMatch(/^"for" must be from/);
    expect(problemsOf(params, { for: '-1', heal: '5' })).toMatch(/^"for" must be from/);
  });

  it('is another value of a setting than the one that it has', () => {
    const params = [
      choice('path', '', [
        { value: 'a', label: 'a', fills: '5s' },
        { value: 'b', label: 'b', fills: '' },
      ]),
      textParam('value', 'to', '5s'),
    ];
    expect(problemsOf(params, firstValues(params))).toBe('it is that already');
    expect(problemsOf(params, { path: 'a', value: '6s' })).toBe('');
    expect(problemsOf(params, { path: 'b', value: '' })).toBe('say what it should be');
  });
});
