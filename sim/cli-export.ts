/** `queuelab export`: a run, or a stretch of it, as a file for other tools. The formats of traces are in `exports/`; the scenario itself is one more. */
import type { Micros } from '../core/types.ts';
import { EXPORTS, type Exported, type ExportFormat } from './exports/index.ts';
import { parseDuration } from './scenario/duration.ts';

export type Format = ExportFormat | 'yaml';

export const FORMATS: readonly string[] = [...Object.keys(EXPORTS), 'yaml'];

/** The lines of a file in this format, without line ends. */
export function exportLines(format: Format, what: Exported): Iterable<string> {
  if (format === 'yaml') return (what.about.scenario ?? '').replace(/\n$/, '').split('\n');
  return EXPORTS[format].lines(what);
}

/** A time on the command line, such as 19.4s; or what is wrong with it. */
export function timeOf(option: '--from' | '--to', text: string | number | undefined, usual: Micros): Micros | string {
  if (text === undefined) return usual;
  if (String(text) === '0') return 0;
  const us = parseDuration(String(text));
  return us === null || us < 0 ? `${option} wants a time such as 19.4s or 2m, not "${text}".` : us;
}
