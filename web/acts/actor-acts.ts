/** What can be done to a process: a consumer, a producer, a broker node, a store. */
import type { Actor, ActorId } from '../../core/types.ts';
import type { ActorStatus } from '../../sim/folds/topology.ts';
import type { ProducerSpec } from '../../sim/scenario/types.ts';
import { isInstant, VAIN_SLOWNESS } from '../../sim/scenario/vain.ts';
import { F } from '../../sim/vocabulary.ts';
import type { TimelineLine } from '../protocol.ts';
import { type Act, type ActsOfThing, act, NOTHING_HERE, numberIn, spanOf } from './act.ts';
import { aheadOf, usualSpan } from './ahead.ts';
import { actorOf, type Here, kindOf, momentOf, nameOf } from './here.ts';
import { settingAct } from './knobs.ts';
import { amount, choice, seconds, text, whole } from './params.ts';

const KINDS = { world: '', producer: 'Producer', consumer: 'Consumer', broker: 'Broker node', store: 'Store' } as const;
/** A crowd beyond this is written into the file, not clicked together. */
const MOST_BY_MENU = 100;
/** A burst is so many times the usual rate. */
const BURST = 10;
const FASTEST_CLOCK = 100;
const NO_MORE = 'it makes no more messages';
/** Of more there is no list. */
const MOST_KEYS = 20;
const FULL = 'the run has all the messages that it may have';

export function actorActs(here: Here, id: ActorId): ActsOfThing {
  const actor = actorOf(here, id);
  if (actor === null) return NOTHING_HERE;
  return { kind: KINDS[actor.kind], name: actor.name, acts: actsOfKind(here, actor) };
}

function actsOfKind(here: Here, actor: Actor): readonly Act[] {
  const { group, id } = actor;
  switch (actor.kind) {
    case 'consumer':
      return [...processActs(here, id), ...consumerActs(here, group), ...settingAct(here, [['consumers', group]])];
    case 'producer':
      return [
        ...processActs(here, id),
        ...producerActs(here, group),
        ...settingAct(here, [['producers', group]], isSpent(here, group) ? ['rate'] : []),
      ];
    case 'broker':
      return [...processActs(here, id), ...diskActs(here, actor), ...healActs(here)];
    default:
      return [...processActs(here, id), ...settingAct(here, [['stores', actor.name]])];
  }
}

/** What any process suffers: it dies, comes back, stalls, works slowly, has a clock that is not right, is shut down, is cut off. */
export function processActs(here: Here, id: ActorId): readonly Act[] {
  const { trace } = here;
  const name = nameOf(trace, id);
  const kind = trace.actors[id]?.kind ?? 'world';
  const status = here.topology.actors[id]?.status ?? 'unstarted';
  const gone = goneWords(status);
  const at = (): TimelineLine => momentOf(here);
  const isNode = kind === 'broker' || kind === 'store';
  const ahead = aheadOf(here)?.filter(({ from, to }) => from === id || to === id) ?? null;
  const silent =
    gone !== '' && !comesUp(here, id) ? gone : ahead?.length === 0 ? 'nothing goes from or to it any more' : '';
  return [
    act('crash', 'Crash', (values) => ({ ...at(), crash: name, ...restartOf(values), ...diskOf(values) }), {
      params: [
        seconds('restart', 'back after', 5, 'it stays down'),
        ...(kind === 'broker'
          ? [
              choice('disk', 'its disk is', [
                { value: 'kept', label: 'kept' },
                { value: 'lost', label: 'lost' },
              ]),
            ]
          : []),
      ],
      refusal: gone,
    }),
    act('restart', 'Restart', () => ({ ...at(), restart: name }), {
      refusal: status === 'down' || status === 'stopped' ? '' : status === 'unstarted' ? gone : 'it is up',
    }),
    act('pause', 'Pause', (values) => ({ ...at(), pause: name, for: spanOf(values, 'for') ?? '10s' }), {
      params: [seconds('for', 'for', 10)],
      refusal: gone !== '' ? gone : status === 'paused' ? 'it stalls already' : '',
    }),
    ...(kind === 'producer'
      ? []
      : [
          act(
            'slow',
            'Slow down',
            (values) => ({
              ...at(),
              slow: name,
              factor: numberIn(values, 'factor'),
              ...lasting(spanOf(values, 'for')),
            }),
            {
              params: [
                amount('factor', 'takes', 10, 'times as long', 1_000_000),
                seconds('for', 'for', 30, 'from now on'),
              ],
              refusal:
                gone !== '' ? gone : kind === 'broker' && isInstant(here.scenario.network) ? VAIN_SLOWNESS.instant : '',
            },
          ),
        ]),
    ...(kind === 'store'
      ? []
      : [
          act(
            'skew',
            'Skew its clock',
            (values) => ({
              ...at(),
              skew: name,
              factor: numberIn(values, 'factor'),
              ...lasting(spanOf(values, 'for')),
            }),
            {
              params: [
                amount('factor', 'runs', 0.5, 'times as fast', FASTEST_CLOCK),
                seconds('for', 'for', 60, 'from now on'),
              ],
              refusal: gone,
              remark: 'What it times itself comes early or late.',
            },
          ),
        ]),
    act(
      'isolate',
      isNode ? 'Isolate' : 'Cut off from the network',
      (values) => ({ ...at(), isolate: name, ...healOf(spanOf(values, 'heal')) }),
      { params: [seconds('heal', 'heals after', usualSpan(here, ahead), 'never')], refusal: silent },
    ),
    ...(isNode
      ? []
      : [
          act(
            'stop',
            kind === 'consumer' ? 'Remove' : 'Shut down',
            (values) => ({ ...at(), stop: name, ...lasting(spanOf(values, 'for')) }),
            {
              params: [seconds('for', 'for', '', 'from now on')],
              refusal: gone,
              remark: 'It is shut down in good order.',
            },
          ),
        ]),
  ];
}

/** What befalls a broker node's disk, where it has one that may be full. */
function diskActs(here: Here, { id, name, group }: Actor): readonly Act[] {
  const broker = here.scenario.brokers[group] === undefined ? 'broker' : group;
  if (!hasDisk(kindOf(here, broker), name)) return [];
  const isFull = here.topology.actors[id]?.isFull === true;
  const at = (): TimelineLine => momentOf(here);
  return [
    act('fill', 'Fill its disk', (values) => ({ ...at(), fill: name, ...lasting(spanOf(values, 'for')) }), {
      params: [seconds('for', 'for', 30, 'from now on')],
      refusal: isFull ? 'it is full' : '',
    }),
    act('free', 'Free its disk', () => ({ ...at(), free: name }), { refusal: isFull ? '' : 'it is not full' }),
  ];
}

/** Whether a node of a kind of broker has a disk that may be full. */
export function hasDisk(kind: string, node: string): boolean {
  return kind === 'rabbitmq' || (kind === 'kafka' && !node.endsWith('controller'));
}

function goneWords(status: ActorStatus, unstarted = 'it has not started'): string {
  if (status === 'down') return 'it is down already';
  if (status === 'stopped') return 'it is shut down';
  return status === 'unstarted' ? unstarted : '';
}

/** It is started again later, as far as the run is known. */
function comesUp({ trace, fact, isWhole }: Here, id: ActorId): boolean {
  for (let later = fact + 1; later <= trace.count; later++) {
    if (trace.actor(later) !== id) continue;
    if (trace.kind(later) === F.started || trace.kind(later) === F.restarted) return true;
  }
  return !isWhole;
}

/** What concerns all instances of a declared consumer. */
export function consumerActs(here: Here, declared: string): readonly Act[] {
  const { trace, topology, scenario } = here;
  const instances = trace.actors.filter(({ kind, group }) => kind === 'consumer' && group === declared);
  const there = instances.filter(({ id }) => {
    const status = topology.actors[id]?.status ?? 'unstarted';
    return status !== 'stopped' && status !== 'unstarted';
  }).length;
  const isAutoscaled = scenario.autoscale.some(({ consumer }) => consumer === declared);
  return [
    act(
      'add',
      `Add ${declared}`,
      (values) => ({ ...momentOf(here), scale: declared, count: there + numberIn(values, 'more') }),
      {
        params: [whole('more', '', 1, 'more', 1, MOST_BY_MENU)],
        refusal: there >= MOST_BY_MENU ? `there are ${there} already` : '',
        remark: isAutoscaled ? 'Its scaling rule may undo it.' : '',
      },
    ),
    act('fix', 'Deploy a fixed handler', () => ({ ...momentOf(here), fix: declared }), {
      remark: 'Poison does it no harm any more.',
    }),
  ];
}

/** What concerns all instances of a declared producer. */
export function producerActs(here: Here, declared: string): readonly Act[] {
  const spec = here.scenario.producers[declared];
  if (spec === undefined) return [];
  const gone = allGone(here, declared);
  const done = gone !== '' ? gone : isDone(here, declared) ? NO_MORE : '';
  const spent = gone !== '' ? gone : isSpent(here, declared) ? NO_MORE : '';
  const room = roomFor(here);
  const rate = Math.max(10, Math.round(spec.perSecond * BURST));
  const most = room / (spec.count * 10);
  return [
    act(
      'send',
      'Send',
      (values) => ({ ...momentOf(here), send: declared, messages: numberIn(values, 'messages'), ...keyOf(values) }),
      {
        params: [
          whole('messages', '', 1, 'messages', 1, Math.max(1, Math.floor(room / spec.count))),
          ...(spec.key === null
            ? []
            : [text('key', spec.key, '', { empty: 'drawn', max: 200, known: keysOf(spec, spec.key) })]),
        ],
        refusal: gone !== '' ? gone : room < spec.count ? FULL : '',
      },
    ),
    act(
      'poison',
      'Poison',
      (values) => ({ ...momentOf(here), poison: declared, messages: numberIn(values, 'messages') }),
      {
        params: [whole('messages', 'the next', 1, 'messages', 1, 1_000_000)],
        refusal: done,
        remark: 'An unfixed handler fails on them each time.',
      },
    ),
    act(
      'burst',
      'Burst',
      (values) => ({
        ...momentOf(here),
        burst: declared,
        rate: `${numberIn(values, 'rate')}/s`,
        for: spanOf(values, 'for') ?? '10s',
      }),
      {
        params: [
          amount('rate', '', Math.min(rate, Math.max(1, Math.floor(most))), 'a second', 100_000),
          seconds('for', 'for', 10),
        ],
        refusal: spent !== '' ? spent : most < 1 ? FULL : '',
      },
    ),
    act(
      'silence',
      'Silence',
      (values) => ({ ...momentOf(here), burst: declared, rate: '0/s', for: spanOf(values, 'for') ?? '10s' }),
      {
        params: [seconds('for', 'for', 10)],
        refusal: done !== '' ? done : spec.perSecond === 0 ? 'it sends at set times, not at a rate' : '',
      },
    ),
  ];
}

/** Keys that its messages may well have: those that it draws from, and those that the file lists. */
function keysOf({ attributes, send }: ProducerSpec, key: string): readonly string[] {
  const drawn = attributes[key];
  const listed = send.flatMap((one) => (one.attributes[key] === undefined ? [] : [String(one.attributes[key])]));
  return [...new Set([...(drawn?.type === 'weighted' ? drawn.values : []), ...listed])].slice(0, MOST_KEYS);
}

function keyOf({ key = '' }: Readonly<Record<string, string>>): TimelineLine {
  return key.trim() === '' ? {} : { key: key.trim() };
}

/** Why none of its instances hears what it is told; '' when one does. */
function allGone({ trace, topology }: Here, declared: string): string {
  const words = trace.actors
    .filter(({ kind, group }) => kind === 'producer' && group === declared)
    // Whoever has not started does so before a line of this moment.
    .map(({ id }) => goneWords(topology.actors[id]?.status ?? 'up', ''));
  return words.includes('') ? '' : (words[0] ?? '');
}

/** It may make no more messages at any rate: all that the file lets it make are made, or its time is over. */
function isSpent({ trace, scenario, fact, timeUs }: Here, declared: string): boolean {
  const spec = scenario.producers[declared];
  if (spec === undefined) return false;
  if (timeUs >= spec.stopUs) return true;
  if (spec.messages === 0) return false;
  let made = 0;
  for (let id = 1; id <= fact; id++)
    if (trace.kind(id) === F.produced && trace.actors[trace.actor(id)]?.group === declared) made++;
  return made >= spec.messages * spec.count;
}

/** It has made its last message, as far as the run is known. */
function isDone({ trace, fact, isWhole }: Here, declared: string): boolean {
  if (!isWhole) return false;
  for (let id = fact + 1; id <= trace.count; id++)
    if (trace.kind(id) === F.produced && trace.actors[trace.actor(id)]?.group === declared) return false;
  return true;
}

/** How many messages more the limits let the file make. */
function roomFor({ scenario }: Here): number {
  let made = 0;
  for (const { perSecond, messages, startUs, stopUs, send, count } of Object.values(scenario.producers)) {
    const byRate = (perSecond * Math.max(0, Math.min(stopUs, scenario.durationUs) - startUs)) / 1_000_000;
    made +=
      count * ((messages > 0 ? Math.min(byRate, messages) : byRate) + send.reduce((all, { times }) => all + times, 0));
  }
  for (const { action } of scenario.timeline) {
    if (action.type !== 'burst' && action.type !== 'send') continue;
    const count = scenario.producers[action.producer]?.count ?? 1;
    const each =
      action.type === 'send'
        ? action.messages
        : (action.perSecond * Math.min(action.forUs, scenario.durationUs)) / 1_000_000;
    made += count * each;
  }
  return scenario.limits.messages - made;
}

/** Only while a split lasts. */
export function healActs(here: Here): readonly Act[] {
  return here.topology.faults.some(({ kind }) => kind === 'split')
    ? [act('heal', 'Heal the network', () => ({ ...momentOf(here), heal: true }))]
    : [];
}

function restartOf(values: Readonly<Record<string, string>>): TimelineLine {
  const restart = spanOf(values, 'restart');
  return restart === undefined ? {} : { restart };
}

function diskOf({ disk = 'kept' }: Readonly<Record<string, string>>): TimelineLine {
  return disk === 'kept' ? {} : { disk };
}

export function lasting(span: string | undefined): TimelineLine {
  return span === undefined ? {} : { for: span };
}

export function healOf(span: string | undefined): TimelineLine {
  return span === undefined ? {} : { heal: span };
}
