/**
 * A stretch of a run as a Mermaid sequence diagram: who takes part, hops in the order in which they arrive, with a cross where they were lost; bars while a message is
 * locked or worked on; notes for what is notable. Polls and replica fetches are left out. A sequence diagram has no scale of time, so each arrow says when it came.
 */
import { F } from '../../core/facts.ts';
import { HOPS, type HopKind } from '../../core/machine.ts';
import type { Actor, ActorId, FactId, Micros } from '../../core/types.ts';
import { HOLDINGS, holdingsOf } from '../folds/holdings.ts';
import { isLostHop, toldSentence, toneOf } from '../folds/told.ts';
import { clockTime } from '../report.ts';
import type { Scenario } from '../scenario/types.ts';
import type { Trace } from '../trace.ts';
import { factsIn, type Stretch } from './stretch.ts';

/** Arrows and notes that a diagram can hold and still be read, and that Mermaid's own bound on the length of a text allows. */
export const MERMAID_MOST = 300;
/** So many bars are drawn beside one lifeline. */
const BARS_MOST = 3;

/** What happens in the diagram, in the order of time, then fact, then `order`. */
interface Step {
  readonly timeUs: Micros;
  readonly fact: FactId;
  /** Bars end before, and begin after, the arrow of the same fact. */
  readonly order: number;
  readonly line: string;
  readonly actors: readonly ActorId[];
  /** It is an arrow or a note. */
  readonly counts: boolean;
}

const KIND_ORDER: readonly Actor['kind'][] = ['producer', 'broker', 'consumer', 'store'];

/** The lines, without line ends. After `most` arrows and notes the diagram ends, and says so. */
export function* mermaidLines(
  trace: Trace,
  scenario: Scenario,
  stretch: Stretch,
  most = MERMAID_MOST,
): Generator<string> {
  const steps = stepsOf(trace, scenario, stretch);
  let left = most;
  let end = 0;
  while (end < steps.length && (left > 0 || steps[end]?.counts === false)) {
    if (steps[end]?.counts === true) left--;
    end++;
  }
  const shown = steps.slice(0, end);
  const used = new Set(shown.flatMap(({ actors }) => actors));
  const actors = trace.actors
    .filter(({ id, kind }) => kind !== 'world' && (used.has(id) || used.size === 0))
    .sort((a, b) => KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) || a.id - b.id);
  yield '---';
  yield `title: ${JSON.stringify(plain(scenario.title))}`;
  yield '---';
  yield 'sequenceDiagram';
  for (const { id, name, kind } of actors)
    yield `  ${kind === 'producer' ? 'actor' : 'participant'} ${ref(id)} as ${label(name)}`;
  const [first, last] = [actors[0], actors.at(-1)];
  if (first === undefined || last === undefined) return;
  const everybody = first === last ? ref(first.id) : `${ref(first.id)},${ref(last.id)}`;
  const open: string[] = [];
  for (const { line } of shown) {
    yield `  ${line.replace(EVERYBODY, everybody)}`;
    if (line.startsWith('activate ')) open.push(line);
    else if (line.startsWith('deactivate ')) open.splice(open.indexOf(line.slice(2)), 1);
  }
  const more = steps.slice(end).filter(({ counts }) => counts).length;
  if (more > 0) yield `  Note over ${everybody}: The diagram ends here. ${more} more arrows and notes follow.`;
  for (const line of open) yield `  de${line}`;
}

const EVERYBODY = '{everybody}';

function stepsOf(trace: Trace, scenario: Scenario, stretch: Stretch): Step[] {
  const { first, last } = factsIn(trace, stretch);
  const steps: Step[] = [];
  const drawn = new Set<string>();
  for (let id = first; id <= last; id++) {
    const actor = trace.actor(id);
    if (trace.kind(id) === F.sent) {
      const hop = hopStep(trace, id);
      if (hop !== null) steps.push(hop);
      continue;
    }
    const timeUs = trace.time(id);
    // On an ideal link nothing is sent that could be seen: the next fact names the cause over there.
    const cause = trace.cause(id);
    const from = cause === 0 || trace.kind(cause) === F.sent ? 0 : trace.actor(cause);
    if (from !== 0 && actor !== 0 && from !== actor && trace.messageOf(id) !== 0 && !drawn.has(`${cause} ${actor}`)) {
      drawn.add(`${cause} ${actor}`);
      const line = `${ref(from)}->>${ref(actor)}: ${clockTime(timeUs)} message ${trace.messageOf(id)}`;
      steps.push({ timeUs, fact: id, order: 1, line, actors: [from, actor], counts: true });
    }
    const tone = toneOf(trace, scenario, id);
    if (tone === 'fault' || tone === 'notable') {
      const over = actor === 0 ? EVERYBODY : ref(actor);
      const line = `Note over ${over}: ${clockTime(timeUs)} ${label(toldSentence(trace, scenario, id))}`;
      steps.push({ timeUs, fact: id, order: 2, line, actors: actor === 0 ? [] : [actor], counts: true });
    }
  }
  addBars(steps, trace, scenario, first, last);
  return steps.sort((a, b) => a.timeUs - b.timeUs || a.fact - b.fact || a.order - b.order);
}

/** Null for what is routine and arrived. */
function hopStep(trace: Trace, id: FactId): Step | null {
  const detail = trace.detail(id);
  const kind = HOPS[detail & 7] as HopKind;
  const isLost = isLostHop(trace, id);
  const message = trace.messageOf(id);
  if (!isLost && (message === 0 || kind === 'replication')) return null;
  const [from, to] = [trace.actor(id), trace.peer(id)];
  const departureUs = trace.time(id);
  const timeUs = isLost ? departureUs : departureUs + trace.value(id);
  const isAnswer = kind === 'reply' || kind === 'effect-reply';
  const arrow = `${isAnswer ? '--' : '-'}${isLost ? 'x' : '>>'}`;
  const words = `${kind}${message === 0 ? '' : `, message ${message}`}${isLost ? ', lost' : ''}`;
  const line = `${ref(from)}${arrow}${ref(to)}: ${clockTime(timeUs)} ${words}`;
  return { timeUs, fact: id, order: 1, line, actors: [from, to], counts: true };
}

/** Bars that begin in the stretch or last into it: hundreds of thousands in a long run. */
function addBars(steps: Step[], trace: Trace, scenario: Scenario, first: FactId, last: FactId): void {
  const { count, kinds, actors, facts, ends, slots } = holdingsOf(trace, scenario);
  const add = (fact: FactId, order: number, verb: string, actor: ActorId): void => {
    const timeUs = trace.time(fact);
    steps.push({ timeUs, fact, order, line: `${verb} ${ref(actor)}`, actors: [actor], counts: false });
  };
  for (let i = 0; i < count; i++) {
    const [begin, end, actor] = [facts[i] as FactId, ends[i] as FactId, actors[i] as ActorId];
    const isOver = end !== 0 && (end <= Math.max(begin, first) || trace.time(end) === trace.time(begin));
    if (kinds[i] === HOLDINGS.waiting || (slots[i] as number) >= BARS_MOST || begin > last || isOver) continue;
    add(Math.max(begin, first), 3, 'activate', actor);
    if (end !== 0 && end <= last) add(end, 0, 'deactivate', actor);
  }
}

function ref(actor: ActorId): string {
  return `a${actor}`;
}

/** A text that Mermaid takes for nothing but text: what could be syntax or markup becomes a numbered character, and so does the first letter of the word that ends a block. */
export function label(text: string): string {
  return plain(text)
    .replace(/[^\p{L}\p{N} .,:()'_/+=!?-]/gu, (letter) => `#${letter.codePointAt(0)};`)
    .replace(/\bend\b/gi, (word) => `#${word.charCodeAt(0)};${word.slice(1)}`);
}

/** On one line. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
