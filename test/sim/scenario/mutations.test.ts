/**
 * Valid files, damaged at random: by bytes, by words, by keys, by values. Whatever comes of it, the parser answers with a scenario or with
 * errors that have a place, and never throws or takes long.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { setInText } from '../../../sim/scenario/edit.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { KINDS } from './kinds.ts';
import { VALID } from './valid.ts';

const awkward = fc.constantFrom(
  '',
  ' ',
  '\n',
  '\t',
  ':',
  ': ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!!binary ',
  '|\n',
  '>',
  '%',
  '@',
  '`',
  '\u0000',
  '\uFEFF',
  '---\n',
  '...\n',
  '<<: ',
  '~',
  'null',
  'true',
  '.inf',
  '.nan',
  '-1',
  '0',
  '1e999',
  '0x1F',
  '99999999999999999999',
  '1h 30m',
  '5%',
  '..',
  '1ms..',
  'a..b',
  'exponential',
  'poisson',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\ud800',
  '🐇',
  '<b>',
  '{a: b}',
  '[1, 2]',
  '2024-01-01',
);
const token = fc.oneof(
  awkward,
  fc.constantFrom(...VALID.flatMap((text) => text.split(/[^A-Za-z0-9.-]+/))),
  fc.string({ maxLength: 12 }),
);
const position = fc.nat({ max: 4_000 });

/** Changes of the text as such. */
const byBytes = fc.array(fc.tuple(position, fc.nat({ max: 6 }), fc.oneof(awkward, fc.string({ maxLength: 3 }))), {
  minLength: 1,
  maxLength: 4,
});
/** Replaces words, so that most of the file stays YAML. */
const byTokens = fc.array(fc.tuple(position, token), { minLength: 1, maxLength: 3 });
/** Moves, repeats and drops lines. */
const byLines = fc.array(fc.tuple(position, position, fc.constantFrom('drop', 'repeat', 'swap', 'indent')), {
  minLength: 1,
  maxLength: 3,
});

function damageBytes(text: string, cuts: readonly (readonly [number, number, string])[]): string {
  return cuts.reduce((damaged, [at, length, put]) => {
    const from = at % (damaged.length + 1);
    return damaged.slice(0, from) + put + damaged.slice(from + length);
  }, text);
}

function damageTokens(text: string, changes: readonly (readonly [number, string])[]): string {
  return changes.reduce((damaged, [at, put]) => {
    const words = [...damaged.matchAll(/[A-Za-z0-9.%/-]+/g)];
    const word = words[at % Math.max(1, words.length)];
    if (word === undefined) return damaged;
    return damaged.slice(0, word.index) + put + damaged.slice(word.index + word[0].length);
  }, text);
}

function damageLines(text: string, changes: readonly (readonly [number, number, string])[]): string {
  const lines = text.split('\n');
  for (const [a, b, how] of changes) {
    const i = a % lines.length;
    const j = b % lines.length;
    const line = lines[i] ?? '';
    if (how === 'drop') lines.splice(i, 1);
    else if (how === 'repeat') lines.splice(j, 0, line);
    else if (how === 'indent') lines[i] = `${' '.repeat(b % 5)}${line.trimStart()}`;
    else [lines[i], lines[j]] = [lines[j] ?? '', line];
    if (lines.length === 0) lines.push('');
  }
  return lines.join('\n');
}

function answers(text: string, sets: readonly string[] = []): void {
  const { scenario, diagnostics } = parseScenario(text, { file: 'damaged.yaml', sets, brokers: KINDS });
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  expect(scenario === null).toBe(errors.length > 0);
  for (const diagnostic of diagnostics) {
    expect(diagnostic.line).toBeGreaterThanOrEqual(1);
    expect(diagnostic.column).toBeGreaterThanOrEqual(1);
    expect(diagnostic.message).not.toBe('');
    expect(JSON.stringify(diagnostic)).not.toMatch(/\[object|undefined|NaN/);
  }
  // Everything that was accepted is plain, finite data.
  if (scenario !== null) {
    expect(JSON.parse(JSON.stringify(scenario))).toEqual(scenario);
    expect(Number.isSafeInteger(scenario.durationUs)).toBe(true);
  }
}

const valid = fc.constantFrom(...VALID);

describe('a valid file', () => {
  it.each(VALID.map((text) => [/title: (.*)/.exec(text)?.[1] ?? '', text]))('%s is accepted', (_, text) => {
    expect(parseScenario(text, { file: 'valid.yaml', brokers: KINDS })).toMatchObject({ diagnostics: [] });
  });

  it('damaged in its bytes is answered', () => {
    fc.assert(
      fc.property(valid, byBytes, (text, cuts) => answers(damageBytes(text, cuts))),
      { numRuns: 1_500 },
    );
  });

  it('damaged in its words is answered', () => {
    fc.assert(
      fc.property(valid, byTokens, (text, changes) => answers(damageTokens(text, changes))),
      { numRuns: 1_500 },
    );
  });

  it('damaged in its lines is answered', () => {
    fc.assert(
      fc.property(valid, byLines, (text, changes) => answers(damageLines(text, changes))),
      { numRuns: 1_500 },
    );
  });

  it('with senseless settings is answered, and so is the edit of its text', () => {
    const paths = fc.array(token, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.'));
    const known = fc.constantFrom(
      'broker.kind',
      'broker',
      'duration',
      'seed',
      'queues',
      'queues.photo-jobs',
      'producers.upload-service.rate',
      'producers.upload-service.send.0.at',
      'consumers.resizer.count',
      'consumers.resizer.effect',
      'consumers.resizer.crash.step',
      'timeline',
      'timeline.0',
      'timeline.0.at',
      'timeline.3',
      'network',
      'network.loss',
      'network.loss.ack',
      'claims.0',
      'exercise.knobs.0.values',
      'limits.messages',
      'topics.rides.replication.factor',
    );
    const set = fc
      .tuple(
        fc.oneof(known, paths),
        fc.oneof(
          token,
          fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
        ),
      )
      .map((parts) => parts.join('='));
    fc.assert(
      fc.property(valid, set, (text, one) => {
        answers(text, [one]);
        const edited = setInText(text, [one], KINDS);
        if (edited.diagnostics.length > 0) expect(edited.text).toBe(text);
        else {
          answers(edited.text);
          const read = (from: string, sets: readonly string[]) =>
            parseScenario(from, { file: 'x', sets, brokers: KINDS }).scenario;
          expect(read(edited.text, [])).toEqual(read(text, [one]));
        }
      }),
      { numRuns: 500 },
    );
  });
});
