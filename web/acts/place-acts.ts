/** What can be done to a place: a queue, a partition, an exchange, a consumer group; and by it to those who fill and read it. */
import type { Place, PlaceId } from '../../core/types.ts';
import { formatDuration } from '../../sim/scenario/duration.ts';
import { F } from '../../sim/vocabulary.ts';
import { deadLetterOf } from '../stage/dead-letters.ts';
import { declaredAt, placeWord } from '../stage/places.ts';
import { type Act, type ActsOfThing, act, NOTHING_HERE, numberIn } from './act.ts';
import { consumerActs, processActs, producerActs } from './actor-acts.ts';
import { brokerOf, type Here, kindOf, momentOf } from './here.ts';
import { settingAct } from './knobs.ts';
import { amount, choice, seconds, text, whole } from './params.ts';

/** Whose groups can be sent elsewhere, by the broker's kind; else why not. */
const SEEKS: Readonly<Record<string, string>> = {
  kafka: '',
  pulsar: '',
  'google-pubsub': '',
  'redis-streams': '',
  sqs: 'SQS deletes what was acked: there is no place to go back to',
  rabbitmq: 'RabbitMQ keeps no position of a group',
  sns: 'SNS stores nothing',
  'redis-pubsub': 'Redis Pub/Sub stores nothing',
  direct: 'a direct call stores nothing',
};
const SHARED = 'a share group hands out records one by one: its members have no position to go back to';
/** Where a place can be named by its offset; elsewhere only by time and by the ends. */
const OFFSETS: ReadonlySet<string> = new Set(['kafka', 'redis-streams']);

/** Who keeps what a group has not acked under a name. */
const SNAPSHOTS: ReadonlySet<string> = new Set(['google-pubsub']);

/** Whose dead letters can be moved back, by the broker's kind; else why not. */
const REDRIVES: Readonly<Record<string, string>> = {
  sqs: '',
  rabbitmq: '',
  'redis-streams': 'Redis has no redrive: a consumer of the dead-letter stream adds them again',
  kafka: 'Kafka has no redrive: a consumer of the dead-letter topic sends them again',
  pulsar: 'Pulsar has no redrive: a consumer of the dead-letter topic sends them again',
  'google-pubsub': 'Google Pub/Sub has no redrive: a subscriber of the dead-letter topic sends them again',
  sns: 'SNS has no redrive of its own: the queue that took the dead letters has it',
  'redis-pubsub': 'Redis Pub/Sub has no dead letters',
  direct: 'a direct call has no dead letters',
};

/** Which brokers can be told to empty a queue. */
const PURGES: ReadonlySet<string> = new Set(['sqs', 'rabbitmq']);

/** Whether a kind of broker can be told to empty a queue. */
export function canPurge(kind: string): boolean {
  return PURGES.has(kind);
}

/** Why groups of a kind of broker cannot be sent elsewhere; '' when they can. */
export function refusesSeek(kind: string): string {
  return SEEKS[kind] ?? 'this broker keeps no position';
}

/** Why dead letters of a kind of broker cannot be moved back; '' when they can. */
export function refusesRedrive(kind: string): string {
  return REDRIVES[kind] ?? 'this broker has no redrive';
}

/** Whether groups of a kind of broker can be sent back to a snapshot. */
export function makesSnapshots(kind: string): boolean {
  return SNAPSHOTS.has(kind);
}

export function placeActs(here: Here, id: PlaceId): ActsOfThing {
  const place = here.trace.places[id];
  const kind = place === undefined ? '' : placeWord(here.scenario, place);
  if (place === undefined || kind === '') return NOTHING_HERE;
  return {
    kind,
    name: place.name,
    acts: place.kind === 'group' ? groupActs(here, place) : storedActs(here, place),
  };
}

function groupActs(here: Here, { name }: Place): readonly Act[] {
  const members = Object.entries(here.scenario.consumers).filter(([, { group }]) => group === name);
  return [
    ...members.flatMap(([declared], i) => named(consumerActs(here, declared), members.length > 1 ? declared : '', i)),
    ...seekActs(here, name, '', 0),
  ];
}

function storedActs(here: Here, place: Place): readonly Act[] {
  const { scenario, topology } = here;
  const { name, kind } = place;
  const broker = brokerOf(here, place.id);
  const at = declaredAt(scenario, place);
  const declared = kind === 'partition' ? (at?.[1] ?? name) : name;
  const isRead = (from: readonly string[]): boolean => from.includes(declared) || from.includes(name);
  const groups = [
    ...new Set(Object.values(scenario.consumers).flatMap((one) => (isRead(one.from) ? [one.group] : []))),
  ];
  const makers = Object.entries(scenario.producers).filter(([, { to }]) => to.includes(declared) || to.includes(name));
  const readers = Object.entries(scenario.consumers).filter(([, { from }]) => isRead(from));
  const leader = topology.partitions[place.id]?.leader ?? 0;
  return [
    ...(place.deadLetter ? [redriveAct(here, place, kindOf(here, broker))] : []),
    ...(kind === 'queue' && canPurge(kindOf(here, broker)) ? [purgeAct(here, place, kindOf(here, broker))] : []),
    ...(leader === 0
      ? []
      : processActs(here, leader)
          .filter(({ id }) => id === 'crash' || id === 'isolate')
          .map((one) => ({
            ...one,
            id: `leader-${one.id}`,
            label: `${one.label} its leader, ${here.trace.actorName(leader)}`,
          }))),
    ...makers.flatMap(([maker], i) =>
      named(
        producerActs(here, maker).filter(({ id }) => id !== 'silence'),
        `by ${maker}`,
        i,
      ),
    ),
    ...readers.flatMap(([reader], i) => named(consumerActs(here, reader), readers.length > 1 ? reader : '', i)),
    ...(kind === 'exchange'
      ? []
      : groups.flatMap((group, i) => seekActs(here, group, groups.length > 1 ? group : '', i))),
    ...settingAct(here, at === null ? [] : [at]),
  ];
}

/** The same acts for several: told apart by a name. */
function named(acts: readonly Act[], whose: string, number: number): readonly Act[] {
  return acts.map((one) => ({
    ...one,
    id: `${one.id}-${number}`,
    label: whose === '' || one.label.includes(whose) ? one.label : `${one.label} ${whose}`,
  }));
}

function redriveAct(here: Here, { id, name }: Place, kind: string): Act {
  const depth = here.topology.queues[id]?.depth ?? 0;
  const isDeclared = here.scenario.queues[name] !== undefined;
  const cannot = refusesRedrive(kind);
  // What a topic could not deliver came from no queue, and the task that moves messages back asks for one.
  const comesFromNone =
    kind === 'sqs' && !Object.keys(here.scenario.queues).some((queue) => deadLetterOf(here.scenario, queue) === name);
  const refusal = cannot !== '' ? cannot : comesFromNone ? 'no queue has it for its dead letters' : '';
  return act(
    'redrive',
    'Redrive',
    (values) => {
      const rate = (values['rate'] ?? '').trim();
      return { ...momentOf(here), redrive: name, ...(rate === '' ? {} : { rate: `${Number(rate)}/s` }) };
    },
    {
      params: [amount('rate', 'at', '', 'a second', 100_000, 'as fast as it goes')],
      refusal:
        refusal !== '' ? refusal : !isDeclared ? 'the file does not declare it' : depth === 0 ? 'it is empty' : '',
      remark: 'Its messages go back to where they came from.',
    },
  );
}

function purgeAct(here: Here, { id, name }: Place, kind: string): Act {
  const queue = here.topology.queues[id];
  // RabbitMQ leaves what consumers hold.
  const goes = (kind === 'rabbitmq' ? queue?.ready : queue?.depth) ?? 0;
  const declared = here.scenario.queues[name];
  const isStream = declared?.options['x-queue-type'] === 'stream';
  return act('purge', 'Purge', () => ({ ...momentOf(here), purge: name }), {
    refusal:
      declared === undefined
        ? 'the file does not declare it'
        : isStream
          ? 'a stream cannot be purged'
          : goes === 0
            ? 'there is nothing that it would drop'
            : '',
    remark: 'What is in it is gone for good.',
  });
}

/** `whose` tells the group where there are several. */
function seekActs(here: Here, group: string, whose: string, number: number): readonly Act[] {
  const spec = Object.values(here.scenario.consumers).find((one) => one.group === group);
  const kind = kindOf(here, spec?.broker ?? '');
  const refusal = spec?.options['group.type'] === 'share' ? SHARED : refusesSeek(kind);
  const seek: Seek = (id, label, line, params = [], more = {}) =>
    act(`${id}-${number}`, whose === '' ? label : `${label}: ${whose}`, line, { params, refusal, ...more });
  const now = Math.floor(here.timeUs);
  const earliest = seek('seek-start', 'Read again from the start', () => ({
    ...momentOf(here),
    seek: group,
    to: 'earliest',
  }));
  if (refusal !== '') return [{ ...earliest, label: whose === '' ? 'Seek' : `Seek: ${whose}` }];
  return [
    earliest,
    seek('seek-end', 'Skip to the end', () => ({ ...momentOf(here), seek: group, to: 'latest' })),
    seek(
      'seek-time',
      'Go back in time',
      (values) => ({
        ...momentOf(here),
        seek: group,
        to: { time: formatDuration(Math.max(0, now - Math.round(numberIn(values, 'back') * 1_000_000))) },
      }),
      [seconds('back', 'by', 10)],
    ),
    ...(makesSnapshots(kind) ? snapshotActs(here, group, seek) : []),
    ...(OFFSETS.has(kind)
      ? [
          seek(
            'seek-offset',
            'Go to an offset',
            (values) => ({ ...momentOf(here), seek: group, to: { offset: numberIn(values, 'offset') } }),
            [whole('offset', '', 0, '', 0, 1_000_000_000)],
          ),
        ]
      : []),
  ];
}

/** Makes an act of one group. */
type Seek = (
  id: string,
  label: string,
  line: Act['line'],
  params?: Act['params'],
  more?: Partial<Pick<Act, 'refusal' | 'vain'>>,
) => Act;

/** A snapshot is made, and gone back to by its name as long as the run has made it by now. */
function snapshotActs(here: Here, group: string, seek: Seek): readonly Act[] {
  const { scenario, trace, fact, timeUs } = here;
  const begun = new Set<number>();
  for (let id = 1; id <= fact; id++) if (trace.kind(id) === F['fault-begun']) begun.add(trace.value(id));
  const all = scenario.timeline.flatMap(({ action, when }, i) =>
    action.type === 'snapshot' && action.group === group
      ? [{ name: action.name, made: begun.has(i) || (when.type === 'at' && when.atUs < timeUs) }]
      : [],
  );
  const made = all.filter((one) => one.made).map(({ name }) => ({ value: name, label: name }));
  let next = all.length + 1;
  while (all.some(({ name }) => name === `snapshot-${next}`)) next++;
  return [
    seek(
      'snapshot',
      'Make a snapshot',
      (values) => ({ ...momentOf(here), snapshot: group, name: (values['name'] ?? '').trim() }),
      [text('name', 'called', `snapshot-${next}`, { max: 64 })],
      { vain: ({ name = '' }) => (all.some((one) => one.name === name.trim()) ? 'there is one of that name' : '') },
    ),
    seek(
      'seek-snapshot',
      'Go back to a snapshot',
      (values) => ({ ...momentOf(here), seek: group, to: { snapshot: values['to'] ?? '' } }),
      [choice('to', '', made)],
      { refusal: made.length === 0 ? 'none has been made yet' : '' },
    ),
  ];
}
