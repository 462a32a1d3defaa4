/** `queuelab export`: a run, or a stretch of it, as a file for other tools. The formats of traces are in `exports/`; the scenario itself is one more. */
import type { Micros } from '../core/types.ts';
import { EXPORTS } from './exports/index.ts';
import type { TraceAbout } from './jsonl.ts';
import { parseDuration } from './scenario/duration.ts';
import { setInText, unsetInText } from './scenario/edit.ts';
import { parseScenario } from './scenario/parse.ts';

export const FORMATS: readonly string[] = [...Object.keys(EXPORTS), 'yaml'];

/** The scenario's file as it ran, without line ends. A seed that is not the file's own is written into it, and of several brokers only the one that it ran under is left. */
export function scenarioLines({ scenario = '', seed, under = null }: TraceAbout): string[] {
  const isOwn = parseScenario(scenario, { file: 'scenario' }).scenario?.seed === seed;
  const { text: seeded } = setInText(scenario, isOwn ? [] : [`seed=${JSON.stringify(seed)}`]);
  const text = under === null ? seeded : onlyUnder(seeded, under);
  return text.replace(/\n$/, '').split('\n');
}

/** A file in neutral words for one broker, without what it states of the others. */
function onlyUnder(text: string, under: string): string {
  const lanes = parseScenario(text, { file: 'scenario' }).under?.lanes ?? [];
  const others = lanes.filter((lane) => lane !== under);
  const kept = others.reduce((left, lane) => unsetInText(left, `lanes.${lane}`).text, text);
  return setInText(kept, [`under=[${under}]`]).text;
}

/** A time on the command line, such as 19.4s; or what is wrong with it. */
export function timeOf(option: '--from' | '--to', text: string | undefined, usual: Micros): Micros | string {
  if (text === undefined) return usual;
  if (text === '0') return 0;
  const us = parseDuration(text);
  return us === null || us < 0 ? `${option} wants a time such as 19.4s or 2m, not "${text}".` : us;
}
