/**
 * Scenario text to what the worker runs. The knobs and the added lines are written into the text, so that what runs is what a person can copy.
 */
import { appendLines, setInText } from '../sim/scenario/edit.ts';
import { PROFILES } from '../sim/scenario/neutral/profiles.ts';
import { type Parsed, parseScenario } from '../sim/scenario/parse.ts';
import type { LaneName, RunRequest } from './protocol.ts';

export interface Reading extends Parsed {
  /** With the knobs and the added lines. */
  readonly text: string;
  /** Why it was not read for the broker that was asked for; '' when it was. */
  readonly problem: string;
}

export function readScenario(request: Pick<RunRequest, 'file' | 'text' | 'sets' | 'lines' | 'under'>): Reading {
  const { file, sets, lines } = request;
  const edited = setInText(request.text, sets);
  if (edited.diagnostics.length > 0)
    return { text: request.text, scenario: null, diagnostics: edited.diagnostics, under: null, problem: '' };
  const text = appendLines(edited.text, lines);
  return { text, ...readUnder(text, file, request.under) };
}

/** For the broker that was asked for, where the file can be read so; else as it stands. */
function readUnder(text: string, file: string, asked: string | null): Omit<Reading, 'text'> {
  const shown = (asked ?? '').slice(0, 40);
  if (asked !== null && PROFILES.some(({ name }) => name === asked)) {
    const parsed = parseScenario(text, { file, under: asked });
    if (parsed.scenario !== null) return { ...parsed, problem: '' };
  }
  const plain = parseScenario(text, { file });
  if (asked === null || plain.scenario === null) return { ...plain, problem: '' };
  return {
    ...plain,
    problem:
      plain.under === null
        ? `This scenario names its broker; it cannot be run under "${shown}".`
        : `This scenario cannot be run under "${shown}"; it is shown under ${plain.under.profile.title}. It can be run under ${plain.under.lanes.join(', ')}.`,
  };
}

/** The lanes of a file, and the present one where the file does not name it. */
export function lanesOf({ under }: Pick<Parsed, 'under'>): readonly LaneName[] {
  if (under === null) return [];
  return [...new Set([...under.lanes, under.profile.name])].map((name) => ({
    name,
    title: PROFILES.find((profile) => profile.name === name)?.title ?? name,
  }));
}
