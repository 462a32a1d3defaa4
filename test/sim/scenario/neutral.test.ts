/** Files in neutral words: what each word becomes under each broker, that places survive the translation, and what is refused. */
import { describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { compareLanes, type Lane, lanesLines } from '../../../sim/lanes.ts';
import { report } from '../../../sim/report.ts';
import { setInText } from '../../../sim/scenario/edit.ts';
import { PROFILES } from '../../../sim/scenario/neutral/profiles.ts';
import { PRODUCER_WORDS, QUEUE_WORDS } from '../../../sim/scenario/neutral/words.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { run } from '../../../sim/world.ts';

const ALL_WORDS = `
title: Every word at once
under: [${PROFILES.map(({ name }) => name).join(', ')}]
duration: 30s
queues:
  jobs:
    lock: 20s
    max-deliveries: 6
    dead-letter: jobs-dead
    retention: 2h
    delay: 2s
    max-length: 1000
    partitions: 3
    order-by: user
    replicas: 3
  jobs-dead:
producers:
  shop: { to: jobs, rate: 1/s, attributes: { user: 3 }, confirm: all, retries: 5 }
consumers:
  worker: { from: jobs, process: 100ms }
`;

const read = (text: string, under?: string) =>
  parseScenario(text, { file: 'neutral.yaml', ...(under === undefined ? {} : { under }) });

function laneOf(text: string, under: string): Lane {
  const parsed = read(text, under);
  if (parsed.scenario === null || parsed.under === null) throw new Error(JSON.stringify(parsed.diagnostics));
  const { profile, mapped } = parsed.under;
  return { under, title: profile.title, mapping: mapped, note: '', run: report(run(parsed.scenario), '1') };
}

describe.each(PROFILES.map(({ name }) => name))('under %s', (under) => {
  it('every word becomes an option that the broker really has, or is told what it has instead', () => {
    const { scenario, diagnostics, under: found } = read(ALL_WORDS, under);
    expect(diagnostics).toEqual([]);
    expect(scenario).not.toBeNull();
    const words = found?.mapped.map(({ word }) => word.split('.').at(-1));
    expect(words).toEqual([...Object.keys(QUEUE_WORDS), ...Object.keys(PRODUCER_WORDS)]);
    for (const { can, becomes, note } of found?.mapped ?? []) {
      if (can) expect(becomes.length > 0 || note !== '').toBe(true);
      else expect([becomes, note]).toEqual([[], expect.stringMatching(/\w.*\.$/)]);
    }
  });

  it('the system runs: what is sent is worked on', () => {
    const { scenario } = read(ALL_WORDS, under);
    if (scenario === null) throw new Error('unreadable');
    expect(report(run(scenario), '1').messages.effects).toBeGreaterThan(15);
  });
});

describe('translation', () => {
  it('gives the real names and values', () => {
    const { scenario } = read(ALL_WORDS, 'sqs');
    expect(scenario?.queues['jobs']?.options).toMatchObject({
      VisibilityTimeout: 20_000_000,
      MessageRetentionPeriod: 7_200_000_000,
      RedrivePolicy: { deadLetterTargetArn: 'jobs-dead', maxReceiveCount: 6 },
    });
    const kafka = read(ALL_WORDS, 'kafka').scenario;
    expect(kafka?.topics['jobs']?.options).toMatchObject({ partitions: 3, 'retention.ms': 7_200_000_000 });
    expect(kafka?.producers['shop']).toMatchObject({ key: 'user', options: { acks: 'all' } });
    expect(kafka?.consumers['worker']?.group).toBe('jobs');
  });

  it('can be read as a file in the words of that broker', () => {
    for (const { name } of PROFILES) {
      const { under, scenario } = read(ALL_WORDS, name);
      const file = parseDocument(under?.text ?? '');
      file.delete('under');
      expect(read(String(file))).toMatchObject({ diagnostics: [], scenario });
    }
  });

  it('keeps within what the real option allows, and says so', () => {
    const text = ALL_WORDS.replace('lock: 20s', 'lock: 1s').replace('max-deliveries: 6', 'max-deliveries: 2');
    const mapped = read(text, 'google-pubsub').under?.mapped ?? [];
    expect(mapped[0]).toMatchObject({ becomes: ['ack_deadline_seconds: 10s'], note: 'at least 10s here' });
    expect(mapped[1]?.note).toContain('at least 5 here');
  });

  it('points to the neutral word for what is wrong with it in one lane only', () => {
    const text = ALL_WORDS.replace('consumers:', 'expect:\n  - lag(jobs) == 0\nconsumers:');
    const [only, ...more] = read(text, 'sqs').diagnostics;
    expect(more).toEqual([]);
    expect(only).toMatchObject({ path: 'expect.0', line: 20 });
  });

  it('reads settings, and writes them into the text, in neutral words', () => {
    const parsed = parseScenario(ALL_WORDS, { file: 'x', sets: ['queues.jobs.lock=40s'], under: 'sqs' });
    expect(parsed.scenario?.queues['jobs']?.options['VisibilityTimeout']).toBe(40_000_000);
    const edited = setInText(ALL_WORDS, ['queues.jobs.lock=40s']);
    expect(edited.diagnostics).toEqual([]);
    expect(edited.text).toContain('    lock: 40s\n');
  });

  it('states of one lane what holds only there', () => {
    const text = ALL_WORDS.replace(
      'consumers:',
      'claims: [at-least-once]\nlanes: { kafka: { claims: [{ violated: at-least-once }], expect: [lost() == 0] } }\nconsumers:',
    );
    const claims = (under: string) => read(text, under).scenario?.claims.map(({ verdict }) => verdict);
    expect([claims('sqs'), claims('kafka')]).toEqual([['holds'], ['violated']]);
    expect(read(text, 'kafka').scenario?.expect).toEqual([{ text: 'lost() == 0' }]);
  });
});

describe('what is refused', () => {
  const refused = (text: string, under?: string) => read(text, under).diagnostics.map(({ message }) => message);

  it('a real name among neutral words, with the neutral one', () => {
    const { diagnostics } = read(ALL_WORDS.replace('lock: 20s', 'VisibilityTimeout: 20s'));
    expect(diagnostics[0]?.hint).toBe('In neutral words that is `lock`.');
  });

  it('both a broker and `under:`; `lanes:` beside a broker; lanes that are not there; no lane at all', () => {
    expect(refused(ALL_WORDS.replace('duration:', 'broker: sqs\nduration:'))).toContain('the file names a broker too.');
    const named = 'title: x\nbroker: sqs\nduration: 1s\n';
    expect(refused(`${named}lanes: {}\n`)).toEqual(['the file names a broker too.']);
    expect(refused(ALL_WORDS.replace('duration:', 'lanes: { rabbit: {} }\nduration:'))).toEqual([
      'there is no lane `rabbit`.',
    ]);
    expect(refused(ALL_WORDS.replace(/under: .*/, 'under: []'))).toEqual(['`under:` names no broker.']);
  });

  it('another profile than there are, and any at all for a file that names its broker', () => {
    expect(refused(ALL_WORDS, 'carrier-pigeon')).toEqual(['there is no profile `carrier-pigeon`.']);
    expect(refused('title: x\nbroker: sqs\nduration: 1s\n', 'kafka')).toEqual(['this file names its broker.']);
  });
});

describe('lanes side by side', () => {
  it('tell what differs, what does not, and what each word became', () => {
    const compared = compareLanes([laneOf(ALL_WORDS, 'sqs'), laneOf(ALL_WORDS, 'kafka')]);
    expect(compared.same.map(({ what }) => what)).toContain('sent');
    const lines = [...lanesLines(compared)].join('\n');
    expect(lines).toContain('queues.jobs.lock: 20s\n  sqs    VisibilityTimeout: 20s\n  kafka  cannot. ');
  });
});
