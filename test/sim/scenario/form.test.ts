import { describe, expect, it } from 'vitest';
import { setInText } from '../../../sim/scenario/edit.ts';
import { type Form, type FormField, formOf } from '../../../sim/scenario/form.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';

const FILE = `title: Photos
broker: sqs
duration: 3m
queues:
  photo-jobs:
    VisibilityTimeout: 45s # longer than the work
    RedrivePolicy: { deadLetterTargetArn: photo-dlq, maxReceiveCount: 5 }
  photo-dlq: {}
producers:
  upload: { to: photo-jobs, rate: 5/s }
consumers:
  resizer: { from: photo-jobs, count: 2, effect: { set: photos } }
`;

function fieldAt(form: Form, path: string): FormField {
  const field = form.groups.flatMap(({ fields }) => fields).find((one) => one.path === path);
  if (field === undefined) throw new Error(`the form has no ${path}`);
  return field;
}

describe('the form of a scenario', () => {
  const form = formOf(FILE);

  it('has a group for each thing that is declared', () => {
    expect(form.groups.map(({ title }) => title)).toEqual([
      'run',
      'queue photo-jobs',
      'queue photo-dlq',
      'producer upload',
      'consumer resizer',
      'network',
    ]);
  });

  it('shows an option as the file has it, with default, limits, source and a fitting control', () => {
    expect(fieldAt(form, 'queues.photo-jobs.VisibilityTimeout')).toMatchObject({
      value: '45s',
      otherwise: '30s',
      takes: expect.stringContaining('from 0s to 12h'),
      limits: '0s … 12h',
      source: 'S2',
      broker: 'sqs',
      control: { type: 'quantity', units: expect.arrayContaining(['s', 'min']) },
      matters: true,
    });
  });

  const controls = [
    [
      'consumers.resizer.count',
      { value: '2', limits: '1 … 1000', control: { type: 'number', min: 1, max: 1000, step: 1 } },
    ],
    ['consumers.resizer.settle', { value: null, otherwise: 'after-processing', control: { type: 'choice' } }],
    ['consumers.resizer.fail', { value: null, otherwise: '0', control: { type: 'share' } }],
    ['consumers.resizer.from', { value: 'photo-jobs', control: { type: 'text', values: ['photo-jobs', 'photo-dlq'] } }],
    ['consumers.resizer.effect', { value: '{ set: photos }', control: { type: 'text' } }],
    ['producers.upload.rate', { value: '5/s', control: { type: 'quantity' } }],
    ['queues.photo-jobs.RedrivePolicy.maxReceiveCount', { label: 'RedrivePolicy.maxReceiveCount', value: '5' }],
    ['queues.photo-jobs.FifoQueue', { value: null, otherwise: 'false', control: { type: 'switch' } }],
    ['network.latency', { value: null, otherwise: '1ms' }],
    ['duration', { value: '3m', required: true }],
    ['seed', { value: null, otherwise: '1' }],
  ] as const;

  it.each(controls)('%s', (path, expected) => {
    expect(fieldAt(form, path)).toMatchObject(expected);
  });

  it('shows nothing twice, and nothing that cannot be set', () => {
    const paths = form.groups.flatMap(({ fields }) => fields).map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const field of form.groups.flatMap(({ fields }) => fields)) {
      const value = field.value ?? (field.otherwise === '' ? null : field.otherwise);
      if (value === null) continue;
      const edited = setInText(FILE, [`${field.path}=${value}`]);
      expect([field.path, edited.diagnostics]).toEqual([field.path, []]);
      const { diagnostics } = parseScenario(edited.text, { file: 'photos.yaml' });
      expect([field.path, diagnostics.filter(({ message }) => /does not fit|not known/.test(message))]).toEqual([
        field.path,
        [],
      ]);
    }
  });

  it('has the neutral words of a file without a broker, and the options of a broker with some', () => {
    const neutral = formOf('under: [sqs, kafka]\nduration: 1m\nqueues: { jobs: { lock: 5s } }\n');
    expect(fieldAt(neutral, 'queues.jobs.lock')).toMatchObject({ value: '5s', broker: '' });
    const kafka = formOf('broker: { kind: kafka, nodes: 3 }\nduration: 1m\ntopics: { rides: { partitions: 6 } }\n');
    expect(fieldAt(kafka, 'broker.nodes')).toMatchObject({ value: '3', broker: 'kafka' });
    expect(fieldAt(kafka, 'topics.rides.partitions')).toMatchObject({ value: '6' });
  });

  it('says why there is none of a text that is no YAML', () => {
    expect(formOf('a: [')).toEqual({
      groups: [],
      problem: expect.stringMatching(/^Line 1: `\[` is opened here and not closed/),
    });
  });
});
