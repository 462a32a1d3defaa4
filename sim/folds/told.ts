/** A fact's sentence as people are told it: what a line of the timeline did is said in the words of that line, everything else as the fact says it. */
import { F, FACTS, type Tone } from '../../core/facts.ts';
import type { FactId } from '../../core/types.ts';
import type { Scenario, TimelineAction } from '../scenario/types.ts';
import { RIGHT } from '../skew.ts';
import type { Trace } from '../trace.ts';

export type ToldScenario = Pick<Scenario, 'timeline' | 'consumers' | 'brokers'>;

export function toldSentence(trace: Trace, scenario: ToldScenario, id: FactId): string {
  const kind = trace.kind(id);
  if (kind === F.rebalanced) {
    const group = trace.placeName(trace.place(id));
    return `Group ${group} is at ${epochWord(scenario, group)} ${trace.value(id)}.`;
  }
  if (kind === F.acked) return ackedSentence(trace, scenario, id);
  if (kind === F.committed && isShareGroup(scenario, trace.placeName(trace.detail(id))))
    return `Share group ${trace.placeName(trace.detail(id))} is done with ${trace.placeName(trace.place(id))} below offset ${trace.value(id)}.`;
  const { timeline } = scenario;
  const label = OF_A_LINE.has(kind) ? (timeline[trace.value(id)]?.label ?? '') : '';
  if (label === '') return trace.sentence(id);
  return kind === F['fault-ended'] || kind === F.healed ? `Over: ${label}.` : `Timeline: ${label}.`;
}

/** Where no ack is awaited, nobody acked; and from a stream of Redis an ack removes nothing. */
function ackedSentence(trace: Trace, { consumers, brokers }: ToldScenario, id: FactId): string {
  const message = trace.messageOf(id);
  const place = trace.placeName(trace.place(id));
  const cause = trace.cause(id);
  if (cause > 0 && trace.kind(cause) === F.delivered && trace.messageOf(cause) === message)
    return `${place} forgot message ${message} as soon as it had handed it out.`;
  const consumer = trace.actors[trace.peer(id)];
  const broker = consumers[consumer?.group ?? '']?.broker ?? '';
  return brokers[broker]?.kind === 'redis-streams' && trace.places[trace.place(id)]?.kind === 'queue'
    ? `${consumer?.name} acked message ${message}: it is no longer pending in ${place}.`
    : trace.sentence(id);
}

function isShareGroup({ consumers }: Pick<Scenario, 'consumers'>, group: string): boolean {
  return Object.values(consumers).some((one) => one.group === group && one.options['group.type'] === 'share');
}

/** What the number is called by which a group's assignments are told apart: those that the coordinator makes (of KIP-848 and of share groups) have epochs, those on which members agree at a barrier generations. */
export function epochWord({ consumers }: Pick<Scenario, 'consumers'>, group: string): 'generation' | 'epoch' {
  const spec = Object.values(consumers).find((one) => one.group === group);
  return isShareGroup({ consumers }, group) || spec?.options['group.protocol'] === 'consumer' ? 'epoch' : 'generation';
}

/** How loud a fact is told: as its kind says, but a hop that was lost is a fault although hops are quiet, and a line of the timeline that harms nobody is none. */
export function toneOf(trace: Trace, { timeline }: Pick<Scenario, 'timeline'>, id: FactId): Tone {
  const { tone } = FACTS[trace.name(id)];
  const kind = trace.kind(id);
  if (kind === F['fault-begun']) {
    const line = timeline[trace.value(id)];
    return line === undefined || harms(line.action) ? tone : 'notable';
  }
  // Who is as fast as usual again, or has a clock that is right again, is well.
  if ((kind === F.slowed || kind === F.skewed) && trace.value(id) === RIGHT) return 'notable';
  return kind === F.sent && isLostHop(trace, id) ? 'fault' : tone;
}

/** Whether a `sent` fact is of a hop that never arrives. */
export function isLostHop(trace: Trace, id: FactId): boolean {
  const fate = trace.detail(id) >> 3;
  return fate !== 0 && fate !== DUPLICATED;
}

/** Whether a line of the timeline does harm; what is sent, started, set, scaled, moved or mended is no fault. */
export function harms({ type }: TimelineAction): boolean {
  switch (type) {
    case 'crash':
    case 'pause':
    case 'slow':
    case 'skew':
    case 'fill':
    case 'split':
    case 'interfere':
    case 'poison':
    case 'burst':
    case 'purge':
      return true;
    case 'send':
    case 'restart':
    case 'free':
    case 'stop':
    case 'heal':
    case 'fix':
    case 'redrive':
    case 'seek':
    case 'snapshot':
    case 'scale':
    case 'set':
      return false;
    default:
      return type satisfies never;
  }
}

/** Its place in FATES. */
const DUPLICATED = 4;

/** Facts whose `value` is the number of a line of the timeline. */
const OF_A_LINE: ReadonlySet<number> = new Set([F['fault-begun'], F['fault-ended'], F.split, F.healed, F.changed]);
