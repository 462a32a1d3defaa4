import { describe, expect, it } from 'vitest';
import { renderDiagnostics } from '../../../sim/scenario/diagnostics.ts';
import { appendLines, appendTimeline, setInText, unsetInText } from '../../../sim/scenario/edit.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';

const PHOTOS = `# how photos are resized
title: Photos
broker: sqs # the simple one
duration: 3m
queues:
  photo-jobs:
    # longer than the work
    VisibilityTimeout: 30s
  photo-dlq:
producers:
  upload: { to: photo-jobs, rate: 5/s } # steady
consumers:
  resizer:
    from: photo-jobs
    count: 2
# what goes wrong
timeline:
  - { at: 20s, poison: upload } # the bad one
`;

function scenarioOf(text: string, sets: readonly string[] = []) {
  const { scenario, diagnostics } = parseScenario(text, { file: 'photos.yaml', sets });
  expect(renderDiagnostics(diagnostics)).toBe('');
  return scenario;
}

describe('a setting', () => {
  const settings = [
    'queues.photo-jobs.VisibilityTimeout=5s',
    'queues.photo-jobs.RedrivePolicy.maxReceiveCount=3',
    'queues.photo-dlq.VisibilityTimeout=1m',
    'queues.late={}',
    'producers.upload.rate=poisson 4.5/s',
    'producers.upload.key=user',
    'producers.upload.attributes.city={nyc: 77, boise: 3}',
    'consumers.resizer.count=3',
    'consumers.resizer.crash.probability=5%',
    'consumers.resizer.from=[photo-jobs, photo-dlq]',
    'stores.photos.write=5ms',
    'network.latency=1ms..5ms',
    'network=ideal',
    'timeline.0.at=30s',
    'timeline.1={at: 40s, heal: true}',
    'timeline=[]',
    'title="a: b, [c] # d"',
    'seed=99',
  ];

  it.each(settings)('%s means the same in the text as beside it', (set) => {
    const sets = set.includes('RedrivePolicy')
      ? [set, 'queues.photo-jobs.RedrivePolicy.deadLetterTargetArn=photo-dlq']
      : [set];
    const edited = setInText(PHOTOS, sets);
    expect(edited.diagnostics).toEqual([]);
    expect(edited.text).not.toBe(PHOTOS);
    expect(scenarioOf(edited.text)).toEqual(scenarioOf(PHOTOS, sets));
  });

  it.each(settings.filter((set) => !/^timeline=|Visibility/.test(set)))('%s keeps every comment', (set) => {
    const comments = [...PHOTOS.matchAll(/# .*/g)].map(([comment]) => comment);
    const { text } = setInText(PHOTOS, [set]);
    for (const comment of comments) expect(text).toContain(comment);
  });

  it('changes one line and no other', () => {
    const { text } = setInText(PHOTOS, ['consumers.resizer.count=3']);
    expect(text).toBe(PHOTOS.replace('count: 2', 'count: 3'));
  });

  it('is found although its key holds dots', () => {
    const { text } = setInText('a: 1\n', ['network.reorder-delay=5ms']);
    expect(text).toBe('a: 1\nnetwork: { reorder-delay: 5ms }\n');
  });

  it('that leads nowhere is refused with the nearest name', () => {
    const { text, diagnostics } = setInText(PHOTOS, ['consumers.resizr.count=3']);
    expect(text).toBe(PHOTOS);
    expect(renderDiagnostics(diagnostics)).toBe(
      '--set consumers.resizr.count=3:1:1: error: `consumers` has no `resizr`.\n    expected: the path of a setting in the file\n    hint: Did you mean `resizer`?',
    );
  });

  it('that does not fit is blamed on the setting, not on the file', () => {
    const { scenario, diagnostics } = parseScenario(PHOTOS, {
      file: 'photos.yaml',
      sets: ['consumers.resizer.count=many'],
    });
    expect(scenario).toBeNull();
    expect(diagnostics[0]).toMatchObject({
      file: '--set consumers.resizer.count=many',
      line: 1,
      column: 25,
      path: 'consumers.resizer.count',
    });
  });

  it('of the kind of broker turns the short form into a map', () => {
    const { text } = setInText(PHOTOS, ['broker.kind=sqs']);
    expect(scenarioOf(text)).toEqual(scenarioOf(PHOTOS));
  });
});

describe('a line added to the timeline', () => {
  it('comes last and keeps what is there', () => {
    const text = appendTimeline(PHOTOS, { at: '60s', crash: 'resizer-2', restart: '10s' });
    expect(text).toBe(`${PHOTOS}  - { at: 60s, crash: resizer-2, restart: 10s }\n`);
    expect(scenarioOf(text)?.timeline.map((entry) => entry.label)).toEqual([
      'a poison message from upload',
      'resizer-2 crashes, back after 10 s',
    ]);
  });

  it('makes the timeline where there is none', () => {
    const bare = PHOTOS.slice(0, PHOTOS.indexOf('# what goes wrong'));
    const text = appendTimeline(bare, { at: '60s', crash: 'resizer-2' });
    expect(text).toBe(`${bare}timeline:\n  - { at: 60s, crash: resizer-2 }\n`);
    expect(scenarioOf(text)?.timeline).toHaveLength(1);
  });

  it('goes into a list in brackets too', () => {
    const text = appendTimeline('title: a\ntimeline: []\nseed: 1\n', { at: '1s', heal: true });
    expect(text).toBe('title: a\ntimeline: [ { at: 1s, heal: true } ]\nseed: 1\n');
  });

  it('goes before a remark that ends such a list', () => {
    const text = appendTimeline('timeline: [\n  { at: 1s, heal: true } # once\n]\n', { at: '2s', heal: true });
    expect(text).toBe('timeline: [\n  { at: 1s, heal: true }, { at: 2s, heal: true } # once\n]\n');
  });

  it('stands before the sections that follow', () => {
    const text = appendTimeline('timeline:\n- { at: 1s, heal: true }\n# end\nseed: 1', { at: '2s', heal: true });
    expect(text).toBe('timeline:\n- { at: 1s, heal: true }\n- { at: 2s, heal: true }\n# end\nseed: 1');
  });
});

describe('a setting that is taken back', () => {
  const cases = [
    ['queues.photo-jobs.VisibilityTimeout', '    VisibilityTimeout: 30s\n', ''],
    ['consumers.resizer.count', '    count: 2\n', ''],
    ['producers.upload.rate', '{ to: photo-jobs, rate: 5/s }', '{ to: photo-jobs }'],
    ['producers.upload.to', '{ to: photo-jobs, rate: 5/s }', '{ rate: 5/s }'],
    ['broker', 'broker: sqs # the simple one\n', '# the simple one\n'],
    ['title', 'title: Photos\n', ''],
  ] as const;

  it.each(cases)('%s leaves everything else as it was', (path, before, after) => {
    expect(PHOTOS).toContain(before);
    expect(unsetInText(PHOTOS, path)).toEqual({ text: PHOTOS.replace(before, after), diagnostics: [] });
  });

  it('may be the first of a list item', () => {
    const text = `${PHOTOS.slice(0, PHOTOS.indexOf('  - {'))}  - at: 20s # soon\n    poison: upload\n`;
    const { text: edited } = unsetInText(text, 'timeline.0.at');
    expect(edited).toMatch(/timeline:\n {4}# soon\n {2}- poison: upload\n$/);
    expect(unsetInText('network: { latency: 5ms }\n', 'network.latency').text).toBe('network: { }\n');
  });

  it('means the default again, and is no mistake where there is none', () => {
    const set = setInText(PHOTOS, ['consumers.resizer.process=2s']).text;
    expect(unsetInText(set, 'consumers.resizer.process').text).toBe(PHOTOS);
    expect(unsetInText(PHOTOS, 'consumers.resizer.process')).toEqual({ text: PHOTOS, diagnostics: [] });
    expect(unsetInText('a: [', 'a').diagnostics).not.toEqual([]);
  });
});

it.each([
  ['none', 'title: a\nseed: 1\n'],
  ['none, and no line end', 'title: a'],
  ['an empty one', 'title: a\ntimeline:\nseed: 1\n'],
  ['an empty list', 'title: a\ntimeline: []\nseed: 1\n'],
  ['a list in brackets', 'timeline: [\n  { at: 1s, heal: true } # once\n]\n'],
  ['a list with a remark after it', 'timeline:\n- { at: 1s, heal: true }\n# end\nseed: 1'],
  ['a list at the end', 'seed: 1\ntimeline:\n  - { at: 1s, heal: true }'],
  ['a list before an empty line', 'timeline:\n  - { at: 1s, heal: true }\n\nseed: 1'],
  ['what is no list', 'timeline: 7\n'],
  ['what cannot be read', 'a: [\n'],
])('lines that are added together stand as when they are added one by one: to %s', (_, text) => {
  const lines = [
    { at: '2s', heal: true },
    { at: '2s', heal: true },
    { at: '3s', crash: 'resizer-$&', restart: '1s' },
    { at: '2s', heal: true },
    { when: 'begun', message: 2, split: [['b1', 'b2'], ['b3']] },
  ];
  for (let count = 0; count <= lines.length; count++) {
    const some = lines.slice(0, count);
    expect(appendLines(text, some)).toBe(some.reduce<string>((all, line) => appendTimeline(all, line), text));
  }
});

it('a thousand lines are added in one pass: one by one they take minutes', () => {
  const lines = Array.from({ length: 1_000 }, (_, i) => ({ at: `${i}ms`, crash: 'resizer-2', restart: '1ms' }));
  const text = appendLines(PHOTOS, lines);
  expect(text.match(/crash: resizer-2, restart: 1ms/g)).toHaveLength(1_000);
});
