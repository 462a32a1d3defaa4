/**
 * The lines of `timeline:`: a moment (`at:` or `when:`), exactly one verb, and what goes with that verb. Each line is read into the action that
 * the world carries out, and into a phrase for people. Whether the names exist is checked by resolve.ts.
 */
import { HOPS, type SeekTarget } from '../../core/machine.ts';
import { durationWords, parseDuration } from './duration.ts';
import { MOST_INSTANCES, WHEN_FIELDS } from './grammar.ts';
import {
  anything,
  boolean,
  defaulted,
  duration,
  type Field,
  type Fields,
  integer,
  keyedBy,
  list,
  naming,
  number,
  oneOf,
  oneOrMany,
  optional,
  perSecond,
  probability,
  type Record_,
  record,
  reference,
  required,
  type Shape,
  text,
  unknownKey,
} from './shapes.ts';
import type { Spot } from './source.ts';
import type { TimelineAction, When } from './types.ts';

/** One line as read. `sets` holds the settings of a `set:` line, whose paths and values resolve.ts reads; the action is null then. */
export interface Line {
  readonly spot: Spot;
  readonly when: When;
  readonly action: TimelineAction | null;
  readonly sets: readonly { readonly path: string; readonly spot: Spot }[];
  readonly label: string;
}

const actors = oneOrMany(reference('actor'));
const forWhile = optional(duration(), '30s', 'For how long; from then on when absent.');
const hops = oneOrMany(oneOf([...HOPS, 'all']));

const split: Shape<readonly (readonly string[])[]> = {
  expected: 'two or more sides: `[a, b]` or `[[a, b], [c]]`',
  schema: () => ({
    type: 'array',
    minItems: 2,
    items: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  }),
  read(spot) {
    const sides = list(actors, 100).read(spot);
    if (sides === undefined) return undefined;
    if (sides.length >= 2) return sides;
    spot.source.error(spot, 'a network splits into two sides at least.', this.expected);
    return undefined;
  },
};

/** How fast a clock may run. What is told of it in the trace has two decimals, so it has no more. */
const skewing: Shape<number> = {
  ...number(0.01, 100),
  read(spot) {
    const factor = number(0.01, 100).read(spot);
    return factor === undefined ? undefined : Math.round(factor * 100) / 100;
  },
};

type Place = SeekTarget | { readonly snapshot: string };

/** Where a group is sent; a relative time is kept as text until the moment is known. */
const seekTarget: Shape<Place | { readonly backUs: number }> = {
  expected:
    '`earliest`, `latest`, `{ offset: 100 }`, `{ time: 30s }`, `{ time: -1h }` (so long before this moment) or `{ snapshot: NAME }`',
  schema: () => ({
    anyOf: [
      { enum: ['earliest', 'latest'] },
      {
        type: 'object',
        properties: {
          offset: { type: 'integer', minimum: 0 },
          time: { type: ['string', 'number'] },
          snapshot: { type: 'string' },
        },
        additionalProperties: false,
      },
    ],
  }),
  read(spot) {
    const { source } = spot;
    const end = source.text(spot);
    if (end === 'earliest' || end === 'latest') return { end };
    const entries = source.entries(spot);
    const [only] = entries;
    if (entries.length === 1 && only?.key === 'offset') {
      const offset = integer(0).read(only.spot);
      return offset === undefined ? undefined : { offset };
    }
    if (entries.length === 1 && only?.key === 'time') {
      const time = source.text(only.spot) ?? '';
      const us = parseDuration(time.replace(/^-/, ''));
      if (us !== null) return time.startsWith('-') ? { backUs: us } : { timeUs: us };
    }
    if (entries.length === 1 && only?.key === 'snapshot') {
      const snapshot = text(64).read(only.spot);
      return snapshot === undefined ? undefined : { snapshot };
    }
    source.error(spot, 'this is no place to read from.', this.expected);
    return undefined;
  },
};

const interference = {
  from: optional(reference('actor'), 'resizer', 'Only hops from here.'),
  to: optional(reference('actor'), 'b1', 'Only hops to here.'),
  both: defaulted(boolean, 'false', 'true', 'Also what goes the other way between `from` and `to`.'),
  message: optional(integer(1), '7', 'Only hops that carry this message; with `when:` it narrows both.'),
  times: optional(integer(1), '3', 'The next so many; one, unless `probability` or `for` is given.'),
  probability: optional(probability, '50%', 'Each such hop with this chance.'),
  for: forWhile,
} satisfies Fields;

type WithMoment<F extends Fields> = Omit<typeof WHEN_FIELDS, keyof F> & F;

/** The line of one verb: the moment and the verb's own keys, of which the latter win. */
function verb<F extends Fields>(word: string, fields: F): Record_<WithMoment<F>> {
  return record<WithMoment<F>>(`a \`${word}\` line`, { ...WHEN_FIELDS, ...fields });
}

/** Every verb by the key that names it. */
export const VERBS = {
  crash: verb('crash', {
    crash: required(actors, 'resizer-2', 'These processes die.'),
    restart: optional(duration(), '10s', 'How long until they are up again; never when absent.'),
    disk: defaulted(oneOf(['kept', 'lost']), 'kept', 'lost', 'Whether what they had written is lost too.'),
  }),
  restart: verb('restart', { restart: required(actors, 'b1', 'These are started again.') }),
  pause: verb('pause', {
    pause: required(
      actors,
      'resizer-1',
      'These stall, and go on as if nothing had happened: whatever comes meanwhile they hear afterwards. Of several pauses the one that ends last counts.',
    ),
    for: required(duration(), '40s', 'How long.'),
  }),
  slow: verb('slow', {
    slow: required(actors, 'resizer', 'These work more slowly.'),
    factor: defaulted(
      number(0.01, 1_000_000),
      '10',
      '5',
      'Their work takes this many times as long; of broker nodes, all that they send and receive. Of several lines the one that began last counts, until it ends.',
    ),
    for: forWhile,
  }),
  skew: verb('skew', {
    skew: required(
      actors,
      'resizer-1',
      'The clocks of these run fast or slow. All that a process times itself comes early or late then: its polls, timeouts and heartbeats, the locks and limits that a broker keeps, the pace of a producer. Work and writes take as long as ever, and what a message says of when it was made is true. When the line is over, a clock runs right again, as far ahead or behind as it is by then.',
    ),
    factor: required(
      skewing,
      '0.5',
      'The clock runs this many times as fast as time, to two decimals: `2` lets a lock of 30 s end after 15 s, `0.5` after 60 s. Of several lines the one that began last counts, until it ends.',
    ),
    for: forWhile,
  }),
  fill: verb('fill', {
    fill: required(
      actors,
      'b1',
      'The disks of these broker nodes are full. A node of Kafka halts when it is to write something, and is started again when there is room; while the disk of any node of RabbitMQ is full, connections that publish are blocked, and consumers go on.',
    ),
    for: forWhile,
  }),
  free: verb('free', { free: required(actors, 'b1', 'The disks of these broker nodes have room again.') }),
  stop: verb('stop', {
    stop: required(actors, 'resizer-3', 'These are shut down in good order, and their connections are closed.'),
    for: forWhile,
  }),
  split: verb('split', {
    split: required(split, '[[b1, upload-service], [b2, b3]]', 'The network splits into these sides.'),
    heal: optional(duration(), '10s', 'How long until it heals; never when absent.'),
    'one-way': defaulted(boolean, 'false', 'true', 'Only what the first side sends to the others is cut off.'),
  }),
  isolate: verb('isolate', {
    isolate: required(actors, 'b1', 'These reach nobody else, and nobody else reaches them.'),
    heal: optional(duration(), '10s', 'How long until the network heals; never when absent.'),
  }),
  heal: verb('heal', {
    heal: required({ ...oneOf(['true']), schema: () => ({ const: true }) }, 'true', 'All splits heal.'),
  }),
  lose: verb('lose', { lose: required(hops, 'ack', 'Hops of these kinds are lost.'), ...interference }),
  duplicate: verb('duplicate', {
    duplicate: required(hops, 'request', 'Hops of these kinds arrive twice.'),
    ...interference,
  }),
  delay: verb('delay', {
    delay: required(hops, 'delivery', 'Hops of these kinds are late.'),
    ...interference,
    by: defaulted(duration(), '1s', '5s', 'How late.'),
  }),
  send: verb('send', {
    send: required(reference('producer'), 'shop', 'This producer makes a message at once, besides those of its rate.'),
    messages: defaulted(integer(1, 1_000_000), '1', '3', 'How many.'),
    key: optional(text(200), 'ana', 'Their key; drawn like those of its other messages when absent.'),
  }),
  poison: verb('poison', {
    poison: required(reference('producer'), 'upload-service', 'The next messages of this producer are poison.'),
    messages: defaulted(integer(1, 1_000_000), '1', '3', 'How many.'),
  }),
  fix: verb('fix', { fix: required(reference('consumer'), 'resizer', 'Its handler can process poison from now on.') }),
  burst: verb('burst', {
    burst: required(reference('producer'), 'upload-service', 'This producer makes messages at another rate.'),
    rate: required(perSecond, '50000/s', 'The rate; `0/s` is silence.'),
    for: required(duration(), '10s', 'How long.'),
  }),
  redrive: verb('redrive', {
    redrive: required(naming(text(64), 'queue'), 'photo-dlq', 'Messages of this dead-letter queue go back.'),
    to: optional(reference('queue'), 'photo-jobs', 'Where to; to where they came from when absent.'),
    rate: optional(perSecond, '10/s', 'How fast; as fast as it goes when absent.'),
  }),
  purge: verb('purge', {
    purge: required(
      naming(text(64), 'queue'),
      'photo-jobs',
      'This queue is emptied. RabbitMQ drops what is ready; SQS what is in flight, too, and no more than once in 60 s: a second purge before that changes nothing.',
    ),
  }),
  seek: verb('seek', {
    seek: required(reference('group'), 'billing', 'This consumer group reads on from elsewhere.'),
    to: required(seekTarget, '{ time: -1h }', 'From where.'),
  }),
  snapshot: verb('snapshot', {
    snapshot: required(
      reference('group'),
      'billing',
      'What the subscriptions of this group have not acked is kept under a name, with all that is published from now on; `seek` goes back to it. Google Pub/Sub has it.',
    ),
    name: required(text(64), 'before-the-fix', 'What the snapshot is called.'),
  }),
  scale: verb('scale', {
    scale: required(reference('consumer'), 'resizer', 'It gets another number of instances.'),
    count: required(integer(0, MOST_INSTANCES), '5', 'How many.'),
  }),
  set: verb('set', {
    set: required(
      keyedBy(anything, 'path'),
      '{ consumers.resizer.process: 2s }',
      'Settings that change: paths in this file and values. What a broker lets be changed of its queues and topics; of a producer `rate`, `poison`, `amount` and `size`, of a consumer `process`, `fail`, `on-failure` and `on-poison`, of a store `write`, `fail`, `capacity` and `concurrency`.',
    ),
  }),
};
export type Verb = keyof typeof VERBS;

const verbNames = Object.keys(VERBS) as Verb[];

/** What all verbs' records share, enough to read the moment. */
type Moment = Partial<Record<keyof typeof WHEN_FIELDS, unknown>> & { readonly spot: Spot };

export const line: Shape<Line> = {
  expected: 'a line such as `{ at: 60s, crash: resizer-2, restart: 10s }`',
  schema: (kinds) => ({ anyOf: verbNames.map((verb) => ({ ...VERBS[verb].schema(kinds), required: [verb] })) }),
  read(spot) {
    const { source } = spot;
    if (!source.isMap(spot)) {
      source.error(spot, 'this is no line of a timeline.', this.expected);
      return undefined;
    }
    const word = verbOf(spot);
    return word === undefined ? undefined : readVerb(word, spot);
  },
  inside(spot) {
    const keys = spot.source.entries(spot).map((entry) => entry.key);
    const verb = verbNames.find((one) => keys.includes(one));
    return (
      (verb === undefined ? undefined : VERBS[verb].inside?.(spot)) ?? {
        known: [...Object.keys(WHEN_FIELDS), ...verbNames],
        open: false,
        shapeOf: (key) => opening(key)?.shape ?? null,
        fieldOf: opening,
      }
    );
  },
};

/** What a line may begin with: its moment, or the verb. */
function opening(key: string): Field<unknown> | null {
  const fields: Fields = Object.hasOwn(WHEN_FIELDS, key)
    ? WHEN_FIELDS
    : Object.hasOwn(VERBS, key)
      ? VERBS[key as Verb].fields
      : {};
  return fields[key] ?? null;
}

/** The one verb of the line: `restart` beside `crash` and `heal` beside `split` only go with them. */
function verbOf(spot: Spot): Verb | undefined {
  const { source } = spot;
  const entries = source.entries(spot);
  const named = verbNames.filter((verb) => entries.some((entry) => entry.key === verb));
  const verbs = named.filter(
    (verb) => !named.some((other) => other !== verb && Object.hasOwn(VERBS[other].fields, verb)),
  );
  const [verb, second] = verbs;
  if (verb !== undefined && second === undefined) return verb;
  if (verb !== undefined) {
    source.error(spot, `this line does two things: \`${verb}\` and \`${second}\`.`, 'one thing', 'Make it two lines.');
    return undefined;
  }
  const moments = Object.keys(WHEN_FIELDS);
  const others = entries.filter((entry) => !moments.includes(entry.key));
  for (const { key, spot: child } of others) unknownKey(child, key, verbNames, null);
  if (others.length === 0) source.error(spot, 'nothing happens in this line.', `one of ${verbNames.join(', ')}`);
  return undefined;
}

/** Reads `at:` or `when:`; a line that has neither, or both, is reported and stands at 0. */
export function readWhen(entry: Moment): When {
  const { source } = entry.spot;
  const at = source.child(entry.spot, 'at');
  const when = source.child(entry.spot, 'when');
  const given = [at, when].filter((spot) => spot.keyNode !== null).length;
  if (given !== 1) {
    const message = given === 0 ? 'this does not say when.' : '`at` and `when` are both given.';
    source.error(entry.spot, message, '`at: 20s`, or `when: applied`');
  }
  if (typeof entry.when === 'string') {
    const actor = typeof entry.of === 'string' ? entry.of : typeof entry.by === 'string' ? entry.by : null;
    return {
      type: 'fact',
      fact: entry.when,
      actor,
      message: typeof entry.message === 'number' ? entry.message : 0,
      nth: typeof entry.nth === 'number' ? entry.nth : 1,
    };
  }
  for (const key of ['of', 'nth', 'by'] as const) {
    const child = source.child(entry.spot, key);
    const narrows = child.keyNode !== null && (key !== 'by' || typeof entry.by === 'string');
    if (narrows && given === 1) source.error(child, `\`${key}\` narrows \`when:\`, which is not given.`);
  }
  return { type: 'at', atUs: typeof entry.at === 'number' ? entry.at : 0 };
}

function readVerb(verb: Verb, spot: Spot): Line | undefined {
  const plain = (entry: Moment, action: TimelineAction, label: string): Line => ({
    spot,
    when: readWhen(entry),
    action,
    sets: [],
    label,
  });
  switch (verb) {
    case 'crash': {
      const entry = VERBS.crash.read(spot);
      if (entry?.crash === undefined) return undefined;
      const restartUs = entry.restart ?? null;
      const lost = entry.disk === 'lost';
      const back = restartUs === null ? '' : `, back after ${durationWords(restartUs)}`;
      const action = { type: 'crash', actors: entry.crash, restartUs, losesDisk: lost } as const;
      return plain(entry, action, `${some(entry.crash, 'crashes', 'crash')}${lost ? ', disk lost' : ''}${back}`);
    }
    case 'restart': {
      const entry = VERBS.restart.read(spot);
      if (entry?.restart === undefined) return undefined;
      return plain(entry, { type: 'restart', actors: entry.restart }, some(entry.restart, 'restarts', 'restart'));
    }
    case 'pause': {
      const entry = VERBS.pause.read(spot);
      if (entry?.pause === undefined || entry.for === undefined) return undefined;
      const action = { type: 'pause', actors: entry.pause, forUs: entry.for } as const;
      return plain(entry, action, `${some(entry.pause, 'stalls', 'stall')} for ${durationWords(entry.for)}`);
    }
    case 'slow': {
      const entry = VERBS.slow.read(spot);
      if (entry?.slow === undefined) return undefined;
      const action = { type: 'slow', actors: entry.slow, factor: entry.factor, forUs: entry.for ?? null } as const;
      return plain(
        entry,
        action,
        `${some(entry.slow, 'works', 'work')} ${entry.factor} times as long${span(entry.for)}`,
      );
    }
    case 'skew': {
      const entry = VERBS.skew.read(spot);
      if (entry?.skew === undefined || entry.factor === undefined) return undefined;
      const action = { type: 'skew', actors: entry.skew, factor: entry.factor, forUs: entry.for ?? null } as const;
      return plain(
        entry,
        action,
        `${ofAll('clock', entry.skew, 'runs', 'run')} ${entry.factor} times as fast${span(entry.for)}`,
      );
    }
    case 'fill': {
      const entry = VERBS.fill.read(spot);
      if (entry?.fill === undefined) return undefined;
      const action = { type: 'fill', actors: entry.fill, forUs: entry.for ?? null } as const;
      return plain(entry, action, `${ofAll('disk', entry.fill, 'is', 'are')} full${span(entry.for)}`);
    }
    case 'free': {
      const entry = VERBS.free.read(spot);
      if (entry?.free === undefined) return undefined;
      const action = { type: 'free', actors: entry.free } as const;
      return plain(entry, action, `${ofAll('disk', entry.free, 'has', 'have')} room again`);
    }
    case 'stop': {
      const entry = VERBS.stop.read(spot);
      if (entry?.stop === undefined) return undefined;
      const action = { type: 'stop', actors: entry.stop, forUs: entry.for ?? null } as const;
      return plain(entry, action, `${some(entry.stop, 'is', 'are')} shut down${span(entry.for)}`);
    }
    case 'split': {
      const entry = VERBS.split.read(spot);
      if (entry?.split === undefined) return undefined;
      const healUs = entry.heal ?? null;
      const sides = entry.split.map((side) => side.join(', ')).join(' | ');
      const action = { type: 'split', sides: entry.split, oneWay: entry['one-way'], healUs } as const;
      return plain(
        entry,
        action,
        `the network splits${entry['one-way'] ? ' one way' : ''}: ${sides}${span(entry.heal)}`,
      );
    }
    case 'isolate': {
      const entry = VERBS.isolate.read(spot);
      if (entry?.isolate === undefined) return undefined;
      const healUs = entry.heal ?? null;
      const action = { type: 'split', sides: [entry.isolate], oneWay: false, healUs } as const;
      return plain(entry, action, `${some(entry.isolate, 'is', 'are')} cut off from everybody else${span(entry.heal)}`);
    }
    case 'heal': {
      const entry = VERBS.heal.read(spot);
      return entry === undefined ? undefined : plain(entry, { type: 'heal' }, 'the network heals');
    }
    case 'lose': {
      const entry = VERBS.lose.read(spot);
      return entry?.lose === undefined ? undefined : plain(entry, ...interfere('lose', entry.lose, entry, 0));
    }
    case 'duplicate': {
      const entry = VERBS.duplicate.read(spot);
      return entry?.duplicate === undefined
        ? undefined
        : plain(entry, ...interfere('duplicate', entry.duplicate, entry, 0));
    }
    case 'delay': {
      const entry = VERBS.delay.read(spot);
      return entry?.delay === undefined ? undefined : plain(entry, ...interfere('delay', entry.delay, entry, entry.by));
    }
    case 'send': {
      const entry = VERBS.send.read(spot);
      if (entry?.send === undefined) return undefined;
      const { send: producer, messages, key = null } = entry;
      const keyed = key === null ? '' : ` with the key ${key}`;
      return plain(
        entry,
        { type: 'send', producer, messages, key },
        `${producer} sends ${messages === 1 ? 'a message' : `${messages} messages`}${keyed}`,
      );
    }
    case 'poison': {
      const entry = VERBS.poison.read(spot);
      if (entry?.poison === undefined) return undefined;
      const count = entry.messages === 1 ? 'a poison message' : `${entry.messages} poison messages`;
      return plain(
        entry,
        { type: 'poison', producer: entry.poison, messages: entry.messages },
        `${count} from ${entry.poison}`,
      );
    }
    case 'fix': {
      const entry = VERBS.fix.read(spot);
      return entry?.fix === undefined
        ? undefined
        : plain(entry, { type: 'fix', consumer: entry.fix }, `${entry.fix} is fixed`);
    }
    case 'burst': {
      const entry = VERBS.burst.read(spot);
      if (entry?.burst === undefined || entry.rate === undefined || entry.for === undefined) return undefined;
      const action = { type: 'burst', producer: entry.burst, perSecond: entry.rate, forUs: entry.for } as const;
      const label = entry.rate === 0 ? `${entry.burst} is silent` : `${entry.burst} makes ${entry.rate}/s`;
      return plain(entry, action, `${label} for ${durationWords(entry.for)}`);
    }
    case 'redrive': {
      const entry = VERBS.redrive.read(spot);
      if (entry?.redrive === undefined) return undefined;
      if (entry.rate === 0) {
        const { source } = spot;
        source.error(
          source.child(spot, 'rate'),
          'nothing would be moved back.',
          'a rate above 0',
          'Leave it out to move all at once.',
        );
      }
      const to = entry.to ?? null;
      const action = { type: 'redrive', queue: entry.redrive, to, perSecond: entry.rate ?? 0 } as const;
      return plain(entry, action, `${entry.redrive} is moved back${to === null ? '' : ` to ${to}`}`);
    }
    case 'purge': {
      const entry = VERBS.purge.read(spot);
      return entry?.purge === undefined
        ? undefined
        : plain(entry, { type: 'purge', queue: entry.purge }, `${entry.purge} is purged`);
    }
    case 'seek': {
      const entry = VERBS.seek.read(spot);
      if (entry?.seek === undefined || entry.to === undefined) return undefined;
      const to = target(entry.to, entry, spot);
      return plain(entry, { type: 'seek', group: entry.seek, to }, `${entry.seek} reads on from ${targetWords(to)}`);
    }
    case 'snapshot': {
      const entry = VERBS.snapshot.read(spot);
      if (entry?.snapshot === undefined || entry.name === undefined) return undefined;
      const { snapshot: group, name } = entry;
      return plain(entry, { type: 'snapshot', group, name }, `a snapshot of ${group} is made: ${name}`);
    }
    case 'scale': {
      const entry = VERBS.scale.read(spot);
      if (entry?.scale === undefined || entry.count === undefined) return undefined;
      const action = { type: 'scale', consumer: entry.scale, count: entry.count } as const;
      return plain(entry, action, `${entry.scale} has ${entry.count} ${entry.count === 1 ? 'instance' : 'instances'}`);
    }
    case 'set': {
      const entry = VERBS.set.read(spot);
      if (entry === undefined) return undefined;
      const child = spot.source.child(spot, 'set');
      const sets = spot.source.entries(child).map((one) => ({ path: one.key, spot: one.spot }));
      if (sets.length === 0)
        spot.source.error(
          child,
          'this sets nothing.',
          'a map of paths and values',
          'For example `set: { consumers.resizer.process: 2s }`.',
        );
      const label = sets.map((one) => `${one.path} = ${JSON.stringify(spot.source.plain(one.spot))}`).join(', ');
      return { spot, when: readWhen(entry), action: null, sets, label };
    }
    default:
      return unknownVerb(verb);
  }
}

/** What the three kinds of interference share. */
interface Interference {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly both: boolean;
  readonly message: number | undefined;
  readonly times: number | undefined;
  readonly probability: number | undefined;
  readonly for: number | undefined;
}

function interfere(
  how: 'lose' | 'duplicate' | 'delay',
  kinds: readonly string[],
  entry: Interference,
  byUs: number,
): [TimelineAction, string] {
  const lasting = entry.probability !== undefined || entry.for !== undefined;
  const times = entry.times ?? (lasting ? 0 : 1);
  const chosen = kinds.includes('all') ? [] : kinds;
  const action: TimelineAction = {
    type: 'interfere',
    how,
    hops: chosen,
    from: entry.from ?? null,
    to: entry.to ?? null,
    bothWays: entry.both,
    message: entry.message ?? 0,
    times,
    probability: entry.probability ?? 1,
    byUs,
    forUs: entry.for ?? null,
  };
  const chance = entry.probability === undefined ? '' : `${Math.round(entry.probability * 10_000) / 100} % of `;
  const which = times === 0 ? 'each' : times === 1 ? 'the next' : `the next ${times}`;
  const several = times > 1;
  const kindsOfHop = chosen.length === 0 ? ['hop'] : chosen;
  const what = kindsOfHop.map((kind) => (several ? plural(kind) : kind)).join(' or ');
  const about = entry.message === undefined ? '' : ` of message ${entry.message}`;
  const between = betweenWords(entry);
  const is = several ? 'are' : 'is';
  const comes = several ? 'come' : 'comes';
  const fate = { lose: `${is} lost`, duplicate: `${comes} twice`, delay: `${is} ${durationWords(byUs)} late` }[how];
  return [action, `${chance}${which} ${what}${about}${between} ${fate}${span(entry.for)}`];
}

/** Which links: ` from a to b`, ` between a and b`, or nothing for all. */
function betweenWords({ from, to, both }: Interference): string {
  if (both && from !== undefined && to !== undefined) return ` between ${from} and ${to}`;
  if (both && (from ?? to) !== undefined) return ` from or to ${from ?? to}`;
  return `${from === undefined ? '' : ` from ${from}`}${to === undefined ? '' : ` to ${to}`}`;
}

/** Of the names of hops: deliveries, replies, acks. */
function plural(kind: string): string {
  return kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}

function target(to: Place | { readonly backUs: number }, entry: Moment, spot: Spot): Place {
  if (!('backUs' in to)) return to;
  if (typeof entry.at !== 'number') {
    spot.source.error(
      spot.source.child(spot, 'to'),
      'a time before this moment needs `at:`.',
      '`at:` with a time',
      'Or name an offset, or `earliest`.',
    );
    return { timeUs: 0 };
  }
  return { timeUs: Math.max(0, entry.at - to.backUs) };
}

function targetWords(to: Place): string {
  if ('snapshot' in to) return `the snapshot ${to.snapshot}`;
  if ('end' in to) return `the ${to.end} offset`;
  return 'offset' in to ? `offset ${to.offset}` : durationWords(to.timeUs);
}

function some(names: readonly string[], one: string, many: string): string {
  const last = names[names.length - 1] ?? '';
  return names.length === 1 ? `${last} ${one}` : `${names.slice(0, -1).join(', ')} and ${last} ${many}`;
}

/** "the clock of b1 runs", "the disks of b1 and b2 are". */
function ofAll(thing: string, names: readonly string[], one: string, many: string): string {
  const last = names[names.length - 1] ?? '';
  return names.length === 1
    ? `the ${thing} of ${last} ${one}`
    : `the ${thing}s of ${names.slice(0, -1).join(', ')} and ${last} ${many}`;
}

function span(us: number | undefined): string {
  return us === undefined ? '' : ` for ${durationWords(us)}`;
}

function unknownVerb(verb: never): never {
  throw new Error(`invariant: unknown verb ${JSON.stringify(verb)}`);
}
