/** What can be done to one message: to the hop that carries it now, to the next one, and to whoever holds it. */
import type { ActorId, FactId, MessageId } from '../../core/types.ts';
import type { Hop } from '../../sim/folds/transit.ts';
import { formatDuration } from '../../sim/scenario/duration.ts';
import type { TimelineLine } from '../protocol.ts';
import { type Act, type ActsOfThing, act, NOTHING_HERE, numberIn, spanOf } from './act.ts';
import { processActs } from './actor-acts.ts';
import { type Ahead, aheadOf, refusesCopies, refusesCopy } from './ahead.ts';
import { type Here, momentOf, nameOf } from './here.ts';
import { choice, seconds, type Values, whole } from './params.ts';

const HOWS = [
  ['lose', 'Lose'],
  ['delay', 'Delay'],
  ['duplicate', 'Duplicate'],
] as const;
/** Copies of one message on their way at once, of which the menu speaks. */
const MOST_HOPS = 2;

/** `pointed`: the fact `sent` of the copy that was meant; 0 for whichever is on its way. */
export function messageActs(here: Here, id: MessageId, pointed: FactId): ActsOfThing {
  if (id < 1 || id > here.trace.messageCount) return NOTHING_HERE;
  const hops = here.transit
    .at(Math.floor(here.timeUs))
    .filter((hop) => hop.message === id && (pointed === 0 || hop.fact === pointed))
    .slice(-MOST_HOPS);
  const holders = here.topology.actors.flatMap(({ id: actor, hand }) =>
    hand.some(({ message }) => message === id) ? [actor] : [],
  );
  return {
    kind: whereWords(here, hops.length > 0, holders),
    name: `message ${id}`,
    acts: [...hops.flatMap((hop, i) => hopActs(here, hop, i)), ...nextActs(here, id), ...holderActs(here, holders)],
  };
}

/** The line stands a microsecond before the hop was sent, so that it is the first that matches. */
function hopActs(here: Here, hop: Hop, number: number): readonly Act[] {
  const { trace } = here;
  const { kind, departureUs, message } = hop;
  const [from, to] = [nameOf(trace, hop.from), nameOf(trace, hop.to)];
  const refusal =
    hop.fate === 'lost' ? 'it is lost already' : departureUs === 0 ? 'it left before anything could be done' : '';
  const base: TimelineLine = { at: formatDuration(Math.max(0, departureUs - 1)) };
  return HOWS.map(([how, label]) =>
    act(
      `${how}-hop-${number}`,
      `${label} this ${kind.replace('-', ' ')} to ${trace.actorName(hop.to)}`,
      (values) => ({ ...base, [how]: kind, from, to, message, ...by(how, values) }),
      {
        params: how === 'delay' ? [seconds('by', 'by', 2)] : [],
        refusal: refusal === '' && how === 'duplicate' ? refusesCopyOf(here, hop) : refusal,
        remark: `It was sent at ${formatDuration(departureUs)}, so the line stands there.`,
      },
    ),
  );
}

function by(how: (typeof HOWS)[number][0], values: Values): TimelineLine {
  return how === 'delay' ? { by: spanOf(values, 'by') ?? '1s' } : {};
}

/** What is said of a message besides handing it on and acking it (a longer lock, a heartbeat) is true however often it is heard. */
function refusesCopyOf(here: Here, { from, to, kind }: Pick<Ahead, 'from' | 'to' | 'kind'>): string {
  return kind === 'control' ? 'hearing it twice changes nothing' : refusesCopy(here, from, to, kind);
}

const ANY = { value: 'all', label: 'hop' };
const GONE = 'no hop carries it any more';

function nextActs(here: Here, message: MessageId): readonly Act[] {
  const ahead = aheadOf(here, message);
  const isOver = ahead === null ? here.isWhole && !isToldOf(here, message) : ahead.length === 0;
  const copies = (ahead ?? []).filter((hop) => refusesCopyOf(here, hop) === '');
  const [vain] = ahead ?? [];
  return HOWS.map(([how, label]) => {
    const isCopy = how === 'duplicate';
    const kinds = [...new Set((isCopy ? copies : (ahead ?? [])).map(({ kind }) => kind))].map((value) => ({
      value,
      label: value.replace('-', ' '),
    }));
    const which = choice('kind', 'its next', isCopy && ahead !== null ? kinds : [ANY, ...kinds]);
    const once =
      !isCopy || copies.length > 0 ? '' : vain === undefined ? refusesCopies(here) : refusesCopyOf(here, vain);
    return act(
      `${how}-next`,
      label,
      (values) => ({
        ...momentOf(here, message),
        [how]: values['kind'] ?? 'all',
        message,
        ...(numberIn(values, 'times') > 1 ? { times: numberIn(values, 'times') } : {}),
        ...by(how, values),
      }),
      {
        params: [which, whole('times', '', 1, 'times', 1, 1_000), ...(how === 'delay' ? [seconds('by', 'by', 2)] : [])],
        refusal: isOver ? GONE : once,
      },
    );
  });
}

/** Whether the run tells anything more of it. */
function isToldOf({ trace, fact }: Here, message: MessageId): boolean {
  for (let id = fact + 1; id <= trace.count; id++) if (trace.messageOf(id) === message) return true;
  return false;
}

function whereWords({ trace }: Here, isOnItsWay: boolean, holders: readonly ActorId[]): string {
  const [holder] = holders;
  if (isOnItsWay) return 'On its way';
  return holder === undefined ? 'In nobody’s hands' : `In the hands of ${trace.actorName(holder)}`;
}

function holderActs(here: Here, holders: readonly ActorId[]): readonly Act[] {
  return holders.slice(0, MOST_HOPS).flatMap((id) =>
    processActs(here, id)
      .filter((one) => one.id === 'crash' || one.id === 'pause')
      .map((one) => ({
        ...one,
        id: `${one.id}-${id}`,
        label: `${one.label} ${here.trace.actorName(id)}, which holds it`,
      })),
  );
}
