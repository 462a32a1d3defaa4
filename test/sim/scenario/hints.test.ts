import { describe, expect, it } from 'vitest';
import { completionsAt, hoverAt } from '../../../sim/scenario/hints.ts';

const FILE = `title: Photos
broker: sqs
duration: 3m
queues:
  photo-jobs:
    VisibilityTimeout: 30s
  photo-dlq: {}
producers:
  upload: { to: photo-jobs, rate: 5/s, key: user, attributes: { city: 3 } }
consumers:
  resizer:
    from: photo-jobs
    count: 2
    effect: { set: photos }
`;

/** Labels that are offered at the bar, which is taken out of the text first. */
function offered(text: string): readonly string[] {
  const offset = text.indexOf('|');
  return completionsAt(text.replace('|', ''), offset)?.options.map(({ label }) => label) ?? [];
}

/** What the text is when the offer of that label has been taken. */
function taken(text: string, label: string): string {
  const offset = text.indexOf('|');
  const plain = text.replace('|', '');
  const found = completionsAt(plain, offset);
  const one = found?.options.find((option) => option.label === label);
  if (found === null || one === undefined) return `no ${label}`;
  return plain.slice(0, found.from) + one.insert + plain.slice(found.to);
}

describe('what is offered', () => {
  const cases: readonly (readonly [name: string, text: string, has: readonly string[], lacks: readonly string[]])[] = [
    [
      'sections of the file',
      `${FILE}|`,
      ['network', 'timeline', 'claims', 'stores'],
      ['queues', 'title', 'VisibilityTimeout'],
    ],
    ['sections by their beginning', `${FILE}time|`, ['timeline'], []],
    ['an empty file', '|', ['title', 'broker', 'duration'], []],
    ['kinds of broker', 'broker: |', ['sqs', 'kafka', 'rabbitmq', 'redis-streams'], []],
    ['kinds in brackets', 'broker: { kind: | }', ['sqs', 'kafka'], []],
    [
      'options of the broker at hand',
      FILE.replace('30s', '30s\n    |'),
      ['RedrivePolicy', 'FifoQueue', 'bindings'],
      ['VisibilityTimeout', 'partitions'],
    ],
    [
      'options of a queue without any yet',
      FILE.replace('photo-dlq: {}', 'photo-dlq:\n    |'),
      ['VisibilityTimeout', 'DelaySeconds'],
      ['count'],
    ],
    ['options in brackets', FILE.replace('photo-dlq: {}', 'photo-dlq: { | }'), ['VisibilityTimeout'], []],
    [
      'options behind others in brackets',
      FILE.replace('photo-dlq: {}', 'photo-dlq: { DelaySeconds: 1s, | }'),
      ['VisibilityTimeout'],
      ['DelaySeconds'],
    ],
    [
      'options of another broker',
      'broker: kafka\ntopics:\n  rides:\n    |',
      ['partitions', 'retention.ms'],
      ['VisibilityTimeout'],
    ],
    [
      'nested options',
      FILE.replace('30s', '30s\n    RedrivePolicy: { | }'),
      ['deadLetterTargetArn', 'maxReceiveCount'],
      ['VisibilityTimeout'],
    ],
    ['options before a broken line', FILE.replace('30s', '30s\n    |\n   : ]'), ['RedrivePolicy'], []],
    ['keys inside an open bracket', FILE.replace('{ set: photos }', '{ |'), ['set', 'increment', 'insert'], []],
    ['keys of a consumer', `${FILE}    |`, ['settle', 'process', 'prefetch', 'WaitTimeSeconds'], ['count', 'rate']],
    ['words of a value', `${FILE}    settle: |`, ['after-processing', 'before-processing', 'on-delivery'], []],
    ['words of a value by their beginning', `${FILE}    on-failure: re|`, ['requeue', 'reject'], []],
    ['truth', FILE.replace('30s', '30s\n    FifoQueue: |'), ['true', 'false'], []],
    ['a default and an example', `${FILE}    process: |`, ['10ms', '200ms'], []],
    ['units behind a number', `${FILE}    process: 30|`, ['30ms', '30s', '30min'], ['10ms']],
    ['units of a rate', FILE.replace('rate: 5/s', 'rate: 5|'), ['5/s', '5/min'], []],
    [
      'queues of the file',
      FILE.replace('from: photo-jobs', 'from: |'),
      ['photo-jobs', 'photo-dlq'],
      ['upload', 'photos'],
    ],
    ['queues in a list', FILE.replace('from: photo-jobs', 'from: [photo-jobs, |]'), ['photo-dlq'], []],
    [
      'a queue that an option names',
      FILE.replace('30s', '30s\n    RedrivePolicy: { deadLetterTargetArn: | }'),
      ['photo-dlq'],
      ['upload'],
    ],
    [
      'stores that effects name',
      FILE.replace('set: photos', 'set: |').concat('stores:\n  images:\n'),
      ['images'],
      ['photo-jobs'],
    ],
    ['names of stores to declare', `${FILE}stores:\n  |`, ['photos'], ['upload']],
    ['attributes', FILE.replace('key: user', 'key: |'), ['city'], ['photo-jobs']],
    ['verbs and moments of a line', `${FILE}timeline:\n  - { | }`, ['at', 'when', 'crash', 'seek', 'poison'], []],
    ['verbs of a line in block style', `${FILE}timeline:\n  - at: 20s\n    |`, ['crash', 'split', 'burst'], ['at']],
    ['verbs of a line that is being opened', `${FILE}timeline:\n  - |`, ['at', 'crash'], []],
    [
      'what goes with a verb',
      `${FILE}timeline:\n  - { at: 20s, crash: resizer-1, | }`,
      ['restart', 'disk'],
      ['crash', 'seek'],
    ],
    [
      'what goes with a verb behind the cursor',
      `${FILE}timeline:\n  - { |, crash: resizer-1 }`,
      ['at', 'restart'],
      ['seek'],
    ],
    [
      'instances of a consumer',
      `${FILE}timeline:\n  - { at: 20s, crash: | }`,
      ['resizer', 'resizer-1', 'resizer-2', 'upload', 'photos'],
      ['resizer-3'],
    ],
    ['an actor in an unclosed bracket', `${FILE}timeline:\n  - { at: 20s, crash: resi|\n`, ['resizer-1'], []],
    [
      'nodes of a cluster',
      `broker: { kind: kafka, nodes: 3 }\ntimeline:\n  - { at: 1s, crash: | }`,
      ['b1', 'b2', 'b3'],
      ['b4'],
    ],
    ['kinds of hop', `${FILE}timeline:\n  - { at: 20s, lose: | }`, ['ack', 'delivery', 'all'], []],
    ['producers only', `${FILE}timeline:\n  - { at: 20s, poison: | }`, ['upload'], ['resizer']],
    ['facts', `${FILE}exercised: [|]`, ['crashed', 'lock-expired'], []],
    ['claims in a list', `${FILE}claims:\n  - at-|`, ['at-least-once', 'violated'], []],
    ['claims with a verdict', `${FILE}claims:\n  - violated: |`, ['at-most-once'], ['violated']],
    ['functions of a condition', `${FILE}expect:\n  - |`, ['depth', 'max', 'applied', 'claim'], []],
    ['names of a function', `${FILE}expect:\n  - max(depth(|)) < 50`, ['photo-jobs', 'photo-dlq'], ['resizer']],
    ['stores of a function', `${FILE}expect:\n  - applied(|`, ['photos'], ['photo-jobs']],
    ['names in quotes', `${FILE}alerts:\n  deep: { when: "depth(|) > 5" }`, ['photo-jobs'], []],
    ['what a claim may come to', `${FILE}expect:\n  - verdict(at-least-once) == |`, ['holds', 'violated'], []],
    [
      'paths into the file',
      `${FILE}exercise:\n  knobs:\n    - path: queues.photo-jobs.|`,
      ['queues.photo-jobs.VisibilityTimeout'],
      [],
    ],
    [
      'values of a path that is set',
      `${FILE}timeline:\n  - { at: 1s, set: { consumers.resizer.settle: | } }`,
      ['before-processing'],
      [],
    ],
    ['neutral words', 'under: [sqs, kafka]\nqueues:\n  jobs: { | }', ['lock', 'max-deliveries'], ['VisibilityTimeout']],
    ['profiles', 'under: [|]', ['sqs', 'rabbitmq-quorum'], []],
    ['lanes of the file', 'under: [sqs, kafka]\nlanes:\n  |', ['sqs', 'kafka'], ['rabbitmq-quorum']],
    ['nothing in a remark', `${FILE}# see |`, [], ['timeline', 'network']],
    ['nothing in a title', 'title: |', [], ['broker']],
    ['nothing inside a story', 'story: >\n  Once |\nbroker: sqs', [], ['title', 'duration']],
  ];

  it.each(cases)('%s', (_, text, has, lacks) => {
    const labels = offered(text);
    expect(labels).toEqual(expect.arrayContaining([...has]));
    expect(labels.filter((label) => lacks.includes(label))).toEqual([]);
  });

  it('takes the place of the word at hand, and a key brings its colon or the line below', () => {
    expect(taken('broker: sq|', 'sqs')).toBe('broker: sqs');
    expect(taken('broker: k|afka', 'sqs')).toBe('broker: sqs');
    expect(taken('dur|', 'duration')).toBe('duration: ');
    expect(taken('dur|: 3m', 'duration')).toBe('duration: 3m');
    expect(taken('que|', 'queues')).toBe('queues:\n  ');
    expect(taken('exp|', 'expect')).toBe('expect:\n  - ');
    expect(taken('timeline:\n  - { at: 1s, cra| }', 'crash')).toBe('timeline:\n  - { at: 1s, crash:  }');
    expect(taken('expect: [dep|]', 'depth')).toBe('expect: [depth()]');
  });

  it('says the default and whether a key is required', () => {
    const { options = [] } = completionsAt(`${FILE}    `, FILE.length + 4) ?? {};
    const details = new Map(options.map(({ label, detail }) => [label, detail]));
    expect(details.get('settle')).toBe('default after-processing');
    const alert = completionsAt(`${FILE}alerts: { deep: {  } }`, FILE.length + 17)?.options ?? [];
    expect(alert.map(({ label, detail }) => [label, detail])).toEqual([
      ['when', 'required'],
      ['for', 'default 0'],
    ]);
  });

  it('answers for every beginning of a file, whatever is left open in it', () => {
    const whole = `${FILE}timeline:\n  - { at: 20s, crash: resizer-1, restart: 5s } # once\nexpect: ["max(depth(photo-jobs)) < 50"]\n`;
    for (let end = 0; end <= whole.length; end += 3) {
      expect(() => completionsAt(whole.slice(0, end), end)).not.toThrow();
      expect(() => hoverAt(whole.slice(0, end), end)).not.toThrow();
    }
  });
});

describe('what is said of', () => {
  function said(text: string, word: string) {
    return hoverAt(text, text.indexOf(word) + 1)?.doc;
  }

  it('a claim, wherever one can be named: what it says', () => {
    const text = `${FILE}claims: [drained, { violated: at-most-once }, { key-order: user }]\nexpect: [claim at-least-once]\n`;
    expect(said(text, 'drained')?.text).toBe('In the end nothing is ready or in flight.');
    expect(said(text, 'at-most-once')?.text).toMatch(/^In each group no message is handed out twice/);
    expect(said(text, 'key-order')?.text).toMatch(/^Messages of one key/);
    expect(said(text, 'at-least-once')?.text).toMatch(/^Each confirmed message/);
    const offset = text.indexOf('drained') + 3;
    const offer = completionsAt(text, offset)?.options.find(({ label }) => label === 'drained');
    expect(offer?.doc?.text).toBe('In the end nothing is ready or in flight.');
  });

  it('an option: the real default, its limits, the rule and whose it is', () => {
    expect(said(FILE, 'VisibilityTimeout')).toMatchObject({
      title: 'VisibilityTimeout',
      otherwise: '30s',
      takes: expect.stringContaining('from 0s to 12h'),
      source: 'S2',
      broker: 'sqs',
    });
  });

  it('a word of the file: its meaning, default and example, and no broker', () => {
    expect(said(FILE, 'count')).toMatchObject({ otherwise: '1', example: 'count: 3', source: '', broker: '' });
    expect(said(FILE, 'duration')).toMatchObject({ otherwise: 'required' });
  });

  it('a nested option: the same', () => {
    const text = FILE.replace('30s', '30s\n    RedrivePolicy: { maxReceiveCount: 5, deadLetterTargetArn: photo-dlq }');
    expect(said(text, 'maxReceiveCount')).toMatchObject({ source: expect.stringMatching(/^S/), broker: 'sqs' });
  });

  it('a verb of the timeline and what goes with it', () => {
    const text = `${FILE}timeline:\n  - { at: 20s, crash: resizer-1, restart: 5s }\n`;
    expect(said(text, 'crash')?.text).toBe('These processes die.');
    expect(said(text, 'restart')?.text).toMatch(/How long until they are up again/);
  });

  it('values: the kind of broker, a name, a fact, a function', () => {
    const text = `${FILE}exercised: [crashed]\nexpect: [applied(photos) == 3]\n`;
    expect(said(text, 'sqs')?.title).toBe('SQS');
    expect(said(text, 'photo-jobs, rate')?.text).toBe('Queue.');
    expect(said(text, 'crashed]')?.text).toMatch(/crashed/);
    expect(said(text, 'applied(')?.title).toMatch(/^applied\(/);
    expect(said(text, '30s')?.title).toBe('VisibilityTimeout');
  });

  it('a file that is broken elsewhere', () => {
    expect(said(`${FILE}timeline: [ { at\n`, 'VisibilityTimeout')?.source).toBe('S2');
  });

  it('neutral words: no broker stands behind them', () => {
    expect(said('under: [sqs]\nqueues: { jobs: { lock: 5s } }', 'lock')).toMatchObject({ source: '', broker: '' });
  });

  it('nothing where nothing is known', () => {
    expect(hoverAt(FILE, 0)?.doc.title).toBe('title');
    expect(hoverAt('# title', 3)).toBeNull();
    expect(hoverAt('nonsense: 3', 2)).toBeNull();
    expect(hoverAt('', 0)).toBeNull();
  });
});
