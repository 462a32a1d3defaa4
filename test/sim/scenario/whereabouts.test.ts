import { describe, expect, it } from 'vitest';
import { namedAt, placeOf } from '../../../sim/scenario/whereabouts.ts';

const FILE = `title: Photos
broker: sqs
queues:
  photo-jobs:
    VisibilityTimeout: 30s
    RedrivePolicy: { deadLetterTargetArn: photo-dlq, maxReceiveCount: 3 }
  photo-dlq: {}
producers:
  upload: { to: photo-jobs, rate: 5/s }
consumers:
  resizer:
    from: photo-jobs
    count: 2
    effect: { set: photos }

timeline:
  - { at: 2s, crash: resizer-2 }
`;

/** What stands at the place of a setting, to the end of its line. */
function found(section: string, name: string, setting = '', text = FILE): string | null {
  const place = placeOf(text, { section, name }, setting);
  return place === null ? null : (text.split('\n')[place.line - 1]?.slice(place.column - 1) ?? '');
}

describe('the place of a declaration', () => {
  it.each([
    ['queues', 'photo-jobs', '', 'photo-jobs:'],
    ['queues', 'photo-jobs', 'VisibilityTimeout', 'VisibilityTimeout: 30s'],
    ['queues', 'photo-jobs', 'RedrivePolicy.maxReceiveCount', 'maxReceiveCount: 3 }'],
    ['producers', 'upload', 'rate', 'rate: 5/s }'],
    // As by default: the thing that it is of.
    ['queues', 'photo-dlq', 'DelaySeconds', 'photo-dlq: {}'],
    ['queues', 'photo-jobs', 'RedrivePolicy.nothing', 'photo-jobs:'],
    // As soon as an effect names it.
    ['stores', 'photos', '', 'set: photos }'],
    ['stores', 'photos', 'write', 'set: photos }'],
    ['brokers', 'broker', '', 'broker: sqs'],
    ['queues', 'nowhere', '', null],
  ])('%s %s %s', (section, name, setting, expected) => {
    expect(found(section, name, setting)).toBe(expected);
  });

  it('is found in a text that is not whole, and in one of several brokers', () => {
    expect(found('queues', 'photo-dlq', '', `${FILE}consumers: [`)).toBe('photo-dlq: {}');
    const two = FILE.replace('broker: sqs', 'brokers: { log: kafka, jobs: { kind: sqs } }');
    expect(found('brokers', 'jobs', 'kind', two)).toBe('kind: sqs } }');
    expect(found('brokers', 'sqs', '', FILE.replace('broker: sqs', 'under: [sqs]'))).toBe('under: [sqs]');
  });
});

describe('what is declared at the cursor', () => {
  it.each([
    ['photo-jobs:', 'queues photo-jobs'],
    ['30s', 'queues photo-jobs'],
    ['photo-dlq, max', 'queues photo-dlq'],
    ['photo-dlq: {}', 'queues photo-dlq'],
    ['upload', 'producers upload'],
    ['photo-jobs, rate', 'queues photo-jobs'],
    ['count: 2', 'consumers resizer'],
    ['photos }', 'stores photos'],
    ['resizer-2', ' resizer-2'],
    ['sqs', 'brokers broker'],
    ['Photos', null],
    ['queues:', null],
  ])('at %s', (words, expected) => {
    const named = namedAt(FILE, FILE.indexOf(words) + 1);
    expect(named === null ? null : `${named.section} ${named.name}`).toBe(expected);
  });

  it('is nothing between the sections', () => {
    expect(namedAt(FILE, FILE.indexOf('\ntimeline'))).toBeNull();
    expect(namedAt('', 0)).toBeNull();
  });
});
