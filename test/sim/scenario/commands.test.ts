/** What a line of the timeline may ask of each kind of broker: it is carried out, or refused with what to do instead, and never passed over. */
import { describe, expect, it } from 'vitest';
import { BROKERS } from '../../../core/brokers/index.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';

/** What is declared on each kind, and what a consumer takes from. */
const DECLARED: Readonly<Record<string, string>> = {
  sqs: 'queues: { dead: {}, jobs: { RedrivePolicy: { deadLetterTargetArn: dead } } }',
  rabbitmq: 'queues: { dead: {}, jobs: {} }',
  kafka: 'topics: { dead: {}, jobs: {} }',
  pulsar: 'topics: { dead: {}, jobs: {} }',
  'redis-streams': 'topics: { dead: {}, jobs: {} }',
  'redis-pubsub': 'topics: { dead: {}, jobs: {} }',
  sns: 'topics: { dead: {}, jobs: {} }',
  'google-pubsub': 'topics: { dead: {}, made: {} }\nqueues: { jobs: { topic: made } }',
  direct: '',
};

function said(kind: string, line: string): { readonly text: string; readonly hint: string } {
  const to = kind === 'google-pubsub' ? 'made' : kind === 'direct' ? 'worker' : 'jobs';
  const file = `title: One line
broker: ${kind}
duration: 1m
${DECLARED[kind]}
producers: { maker: { to: ${to}, rate: 1/s } }
consumers: { worker: { from: ${kind === 'direct' ? 'worker' : 'jobs'}, process: 1ms } }
timeline: [${line}]
`;
  const { diagnostics } = parseScenario(file, { file: 'one.yaml', brokers: BROKERS });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  expect(errors.length, JSON.stringify(errors)).toBeLessThan(2);
  return { text: errors[0]?.message ?? '', hint: errors[0]?.hint ?? '' };
}

describe.each(Object.keys(BROKERS))('%s', (kind) => {
  const commands = BROKERS[kind]?.commands ?? [];

  it('seeks, or says why there is nothing to seek in', () => {
    const { text, hint } = said(kind, '{ at: 10s, seek: worker, to: earliest }');
    if (commands.includes('seek')) expect(text).toBe('');
    else {
      expect(text).toMatch(/cannot be read again from elsewhere\.$/);
      expect(hint.length).toBeGreaterThan(20);
    }
  });

  it('makes snapshots and goes back to them, or says that it makes none', () => {
    const make = '{ at: 10s, snapshot: worker, name: before }';
    const back = '{ at: 20s, seek: worker, to: { snapshot: before } }';
    if (commands.includes('snapshot')) {
      expect(said(kind, `${make}, ${back}`).text).toBe('');
      expect(said(kind, back).text).toBe('no line makes a snapshot `before` of worker.');
      const early = back.replace('20s', '5s');
      expect(said(kind, `${early}, ${make}`).text).toBe('the snapshot `before` of worker is made later than this.');
    } else {
      expect(said(kind, make).text).toMatch(/makes no snapshots of a group\.$/);
      expect(said(kind, back).text).not.toBe('');
    }
  });

  it('moves dead letters back, or says what does', () => {
    const dead = kind === 'direct' ? 'worker' : 'dead';
    const { text, hint } = said(kind, `{ at: 10s, redrive: ${dead} }`);
    if (commands.includes('redrive')) expect(text).toBe('');
    else if (kind === 'direct') expect(text).toBe('there is no queue `worker`.');
    else {
      expect(text).toMatch(/has no redrive\.$/);
      expect(hint.length).toBeGreaterThan(20);
    }
  });

  it('empties a queue, or says what comes to the same', () => {
    const jobs = kind === 'direct' ? 'worker' : 'jobs';
    const { text, hint } = said(kind, `{ at: 10s, purge: ${jobs} }`);
    if (commands.includes('purge')) expect(text).toBe('');
    else if (kind === 'direct') expect(text).toBe('there is no queue `worker`.');
    else {
      expect(text).toMatch(/has no purge\.$/);
      expect(hint.length).toBeGreaterThan(20);
    }
  });
});

it('knows each kind of broker', () => {
  expect(Object.keys(DECLARED).sort()).toEqual(Object.keys(BROKERS).sort());
});

it.each([
  ['jobs: {}, dead: {}', '', 1],
  ['jobs: { RedrivePolicy: { deadLetterTargetArn: dead } }, dead: {}', '', 0],
  ['jobs: {}, dead: {}', '{ at: 1s, set: { queues.jobs.RedrivePolicy: { deadLetterTargetArn: dead } } },', 0],
])(
  'SQS takes a queue for a redrive only if a queue has it for its dead letters: %s, %s',
  (queues, before, expected) => {
    const file = `title: One redrive
broker: sqs
duration: 1m
queues: { ${queues} }
producers: { maker: { to: jobs, rate: 1/s } }
timeline: [${before} { at: 10s, redrive: dead, to: jobs }]
`;
    const { scenario, diagnostics } = parseScenario(file, { file: 'one.yaml' });
    expect(scenario).not.toBeNull();
    const said = diagnostics.map(({ severity, path }) => `${severity} ${path}`);
    expect(said).toEqual(Array(expected).fill('warning timeline.0.redrive'));
  },
);
