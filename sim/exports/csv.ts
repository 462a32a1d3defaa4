/**
 * Facts as a table for spreadsheets and data frames: one line a fact, fields as RFC 4180 quotes them. A text that a spreadsheet would take for a formula gets an
 * apostrophe in front, because names come from files that anybody may have written.
 */
import { FACTS, type FactSpec, REASONS } from '../../core/facts.ts';
import { type ToldScenario, toldSentence } from '../folds/told.ts';
import type { Trace } from '../trace.ts';
import { factsIn, type Stretch } from './stretch.ts';

export const CSV_COLUMNS = [
  'id',
  'timeUs',
  'fact',
  'actor',
  'message',
  'producer',
  'sequence',
  'key',
  'place',
  'peer',
  'value',
  'detail',
  'reason',
  'cause',
  'sentence',
] as const;

/** The lines, without line ends; the first names the columns. Fields that a fact does not have are empty. */
export function* csvLines(trace: Trace, scenario: ToldScenario, stretch: Stretch): Generator<string> {
  yield CSV_COLUMNS.join(',');
  const { first, last } = factsIn(trace, stretch);
  for (let id = first; id <= last; id++) {
    const { name, timeUs, actor, message, place, peer, value, detail, cause } = trace.fact(id);
    const about = message === 0 ? null : trace.message(message);
    const spec: FactSpec = FACTS[name];
    const reason = spec.detail?.startsWith('reason') && detail !== 0 ? (REASONS[detail] ?? '') : '';
    yield [
      id,
      timeUs,
      name,
      cell(trace.actorName(actor)),
      message === 0 ? '' : message,
      about === null ? '' : cell(trace.actorName(about.producer)),
      about === null ? '' : about.sequence,
      about?.key === null || about === null ? '' : cell(about.key),
      place === 0 ? '' : cell(trace.placeName(place)),
      peer === 0 ? '' : cell(trace.actorName(peer)),
      value,
      detail,
      reason,
      cause === 0 ? '' : cause,
      cell(toldSentence(trace, scenario, id)),
    ].join(',');
  }
}

/** A text as one field. */
export function cell(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
