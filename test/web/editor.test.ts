import { describe, expect, it } from 'vitest';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { type Change, changesBetween } from '../../web/editor/changes.ts';
import { indentAfter } from '../../web/editor/indent.ts';
import { problemsIn } from '../../web/editor/problems.ts';
import { percentOf, quantityOf } from '../../web/editor/quantity.ts';
import { sourcesOf } from '../../web/editor/sources.ts';
import { thingsNamed } from '../../web/editor/things.ts';

function applied(text: string, changes: readonly Change[]): string {
  return [...changes].reverse().reduce((so, { from, to, insert }) => so.slice(0, from) + insert + so.slice(to), text);
}

describe('the changes between two texts', () => {
  const pairs = [
    ['', 'a'],
    ['a\nb\nc', 'a\nbb\nc'],
    ['a: 1\nb: 2\n', 'a: 1\nnew: 3\nb: 2\n'],
    ['a: 1\nnew: 3\nb: 2\n', 'a: 1\nb: 2\n'],
    ['aaa', 'aa'],
    ['  a:  1\n  b:  2', 'a: 1\nb: 2'],
    ['same', 'same'],
  ] as const;

  it.each(pairs)('lead from %j to %j', (before, after) => {
    expect(applied(before, changesBetween(before, after))).toBe(after);
  });

  it('touch only the lines that differ, so that a cursor elsewhere stays', () => {
    expect(changesBetween('a:  1\nb: 2\nc:  3', 'a: 1\nb: 2\nc: 3')).toEqual([
      { from: 3, to: 4, insert: '' },
      { from: 14, to: 15, insert: '' },
    ]);
    expect(changesBetween('a\nb\n', 'a\nx\nb\n')).toEqual([{ from: 2, to: 2, insert: 'x\n' }]);
  });
});

describe('problems in a text', () => {
  const TEXT = `title: Photos
broker: sqs
duration: 30
queues:
  photo-jobs: { VisibilityTimout: 5s }
consumers:
  resizer: { from: "photo-job" }
`;
  const problems = problemsIn(TEXT, parseScenario(TEXT, { file: 'photos.yaml' }).diagnostics);
  const marked = problems.map(({ from, to }) => TEXT.slice(from, to));

  it('cover what they are about', () => {
    expect(marked).toEqual(['30', 'VisibilityTimout', 'photo-job']);
  });

  it('can be repaired where the parser knows how', () => {
    expect(problems.map(({ repairs }) => repairs.map(({ insert }) => insert))).toEqual([
      ['30s', '30ms'],
      ['VisibilityTimeout'],
      ['photo-jobs'],
    ]);
  });

  it.each([
    ['queues:\n  jobs: { DelaySeconds: 2s # soon\nb: 1\n', 'queues:\n  jobs: { DelaySeconds: 2s } # soon\nb: 1\n'],
    ['title: "Photos\nbroker: sqs\n', 'title: "Photos"\nbroker: sqs\n'],
    ['a:\n  b: 1\n\n\tc: 2\n', 'a:\n  b: 1\n\n  c: 2\n'],
    ['a:\n\tc: 2\n', 'a:\n  c: 2\n'],
    ['a: { b: 1 }}\n', 'a: { b: 1 }\n'],
    ['a: { b: 1,, c: 2 }\n', 'a: { b: 1, c: 2 }\n'],
  ])('of the layout are repaired: %j', (text, expected) => {
    const [problem] = problemsIn(text, parseScenario(text, { file: 'f' }).diagnostics);
    const [repair] = problem?.repairs ?? [];
    if (repair === undefined) throw new Error(`no repair of ${problem?.message}`);
    expect(text.slice(0, repair.from) + repair.insert + text.slice(repair.to)).toBe(expected);
  });

  it('have a place in every text, also an empty one and past its end', () => {
    const diagnostic = { severity: 'error', file: 'f', path: '', message: 'm', expected: '', hint: '' } as const;
    expect(problemsIn('', [{ ...diagnostic, line: 1, column: 1 }])[0]).toMatchObject({ from: 0, to: 0 });
    expect(problemsIn('ab\n', [{ ...diagnostic, line: 9, column: 9 }])[0]).toMatchObject({ from: 3, to: 3 });
    expect(problemsIn('ab\ncd', [{ ...diagnostic, line: 1, column: 9 }])[0]).toMatchObject({ from: 1, to: 2 });
  });
});

describe('quantities of the form', () => {
  it.each([
    ['30s', { number: '30', unit: 's' }],
    ['1.5 h', { number: '1.5', unit: 'h' }],
    ['2m', { number: '2', unit: 'min' }],
    ['5/s', { number: '5', unit: '/s' }],
    ['16KiB', { number: '16', unit: 'KiB' }],
    ['1h 30m', null],
    ['1ms..5ms', null],
    ['poisson 5/s', null],
    ['never', null],
  ])('%s', (text, expected) => {
    expect(quantityOf(text)).toEqual(expected);
  });

  it.each([
    ['5%', 5],
    ['0.5%', 0.5],
    ['0.07', 7],
    ['0', 0],
    ['{ ack: 5% }', null],
  ])('%s as a percentage', (text, expected) => {
    expect(percentOf(text)).toBe(expected);
  });
});

describe('sources of rules', () => {
  it('have the address of the page, where there is one', () => {
    expect(sourcesOf('sqs', 'S11, S17').map(({ name }) => name)).toEqual(['S11', 'S17']);
    expect(sourcesOf('sqs', 'S2')[0]?.address).toMatch(/^https:\/\/\S+$/);
    expect(sourcesOf('sqs', 'API CreateQueue')).toEqual([{ name: 'API CreateQueue', address: null }]);
    expect(sourcesOf('', '')).toEqual([]);
    expect(sourcesOf('toString', 'length')).toEqual([{ name: 'length', address: null }]);
  });
});

describe('a new line is indented', () => {
  it.each([
    ['title: Photos', 0],
    ['    VisibilityTimeout: 20s # longer than the work', 4],
    ['queues:', 2],
    ['  photo-jobs: # the only one', 4],
    ['  - at: 20s', 4],
    ['  - path:', 6],
    ['  - { at: 20s, crash: resizer }', 2],
    ['  - depth(photo-jobs) == 0', 2],
    ['    # a remark', 4],
    ['', 0],
    ['    ', 4],
  ])('below %j by %i', (line, indent) => {
    expect(indentAfter(line)).toBe(indent);
  });
});

describe('what a name in the text marks on the stage', () => {
  const TEXT = `title: Photos
broker: sqs
duration: 1s
queues: { jobs: {} }
producers: { upload: { to: jobs, rate: 1/s } }
consumers: { resizer: { from: jobs, count: 2, effect: { set: photos } }, mailer: { from: jobs } }
`;
  const { scenario } = parseScenario(TEXT, { file: 'photos.yaml' });
  if (scenario === null) throw new Error('it cannot be read');
  const { trace } = run(scenario);
  const names = (section: string, name: string): readonly string[] =>
    thingsNamed(trace, { section, name }).map(({ type, id }) =>
      type === 'actor' ? trace.actorName(id) : trace.placeName(id),
    );

  it.each([
    ['consumers', 'resizer', ['resizer-1', 'resizer-2']],
    ['producers', 'upload', ['upload']],
    ['stores', 'photos', ['photos']],
    ['queues', 'jobs', ['jobs']],
    ['brokers', 'broker', ['sqs']],
    // As a line of the timeline has it.
    ['', 'resizer-2', ['resizer-2']],
    ['', 'resizer', ['resizer-1', 'resizer-2']],
    ['', 'mailer-1', ['mailer']],
    ['', 'nobody', []],
  ])('%s %s', (section, name, expected) => {
    expect(names(section, name)).toEqual(expected);
  });
});
