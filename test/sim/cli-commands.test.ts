/** What commands refuse before they run or write anything, and what they leave alone. What they print is in test/transcripts. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { obey } from '../../sim/cli-commands.ts';
import { World } from '../../sim/world.ts';

const SCENARIO = `title: Two jobs
broker: sqs
duration: 10s
queues: { jobs: {} }
producers: { shop: { to: jobs, rate: 1/s, messages: 2 } }
consumers: { worker: { from: jobs } }
`;
const NEUTRAL = `title: Two jobs anywhere
under: [sqs, kafka]
duration: 10s
queues: { jobs: {} }
producers: { shop: { to: jobs, rate: 1/s, messages: 2 } }
consumers: { worker: { from: jobs } }
lanes:
  sqs: { expect: [applied() == 0] }
  kafka: { expect: [applied() == 0] }
`;
const CUT_SHORT = `title: Solved, if the run came to its end
broker: sqs
duration: 10s
limits: { facts: 30 }
queues: { jobs: {} }
producers: { shop: { to: jobs, rate: 1/s } }
consumers: { worker: { from: jobs } }
exercise:
  question: Is it?
  knobs: [{ path: queues.jobs.VisibilityTimeout, values: [20s, 30s] }]
  goals: [{ text: Nothing is dropped, expect: dropped() == 0 }]
  solution: { queues.jobs.VisibilityTimeout: 30s }
  debrief: It was.
`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'queuelab-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** What a command printed, and with which status it ended. */
function play(...words: string[]): { readonly said: string; readonly status: unknown } {
  let said = '';
  const take = (text: unknown): boolean => {
    said += String(text);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write').mockImplementation(take));
  const { exitCode } = process;
  process.exitCode = undefined;
  try {
    obey(words);
    return { said, status: process.exitCode ?? 0 };
  } finally {
    process.exitCode = exitCode;
    for (const spy of spies) spy.mockRestore();
  }
}

it.each([
  ['run', '--trace', []],
  ['export', '--out', ['--format', 'csv']],
] as const)('%s does not write over the file that it reads, by whatever name', (command, option, more) => {
  const file = fileOf('jobs.yaml', SCENARIO);
  const link = join(folder, 'link.yaml');
  symlinkSync(file, link);
  for (const target of [file, link, join(folder, '.', 'jobs.yaml')]) {
    const { said, status } = play(command, file, ...more, option, target);
    expect(status).toBe(2);
    expect(said).toContain(`${option} names the file that is read`);
    expect(readFileSync(file, 'utf8')).toBe(SCENARIO);
  }
  expect(play(command, file, ...more, option, join(folder, 'new')).status).toBe(0);
  expect(existsSync(join(folder, 'new'))).toBe(true);
});

it('a scenario is exported without being run, and never in part', () => {
  const file = fileOf('jobs.yaml', SCENARIO);
  const steps = vi.spyOn(World.prototype, 'step');
  expect(play('export', file, '--format', 'yaml')).toEqual({ said: SCENARIO, status: 0 });
  expect(steps).not.toHaveBeenCalled();
  steps.mockRestore();
  const { said, status } = play('export', file, '--format', 'yaml', '--from', '5s');
  expect(status).toBe(2);
  expect(said).toContain('--from and --to');
});

it('a file in neutral words is exported with the one broker that was asked for', () => {
  const file = fileOf('jobs.yaml', NEUTRAL);
  const { said, status } = play('export', file, '--format', 'yaml', '--under', 'kafka');
  expect(status).toBe(0);
  expect(said).toMatch(/^under: \[ ?kafka ?\]$/m);
  expect(said).not.toContain('sqs');
  expect(said).toContain('  kafka: { expect');
  expect(play('export', file, '--format', 'yaml')).toEqual({ said: NEUTRAL, status: 0 });
  expect(play('run', fileOf('one.yaml', said)).said).toContain('Two jobs anywhere');
});

it.each([
  ['why', '1'],
  ['export', '--format', 'csv'],
])('%s is of one run: it does not choose among the brokers of a file', (command, ...more) => {
  const { said, status } = play(command, fileOf('jobs.yaml', NEUTRAL), ...more);
  expect(status).toBe(2);
  expect(said).toContain(`${command} is of one run: choose a broker, such as --under sqs.`);
});

it('an option that would be passed over is refused', () => {
  const file = fileOf('jobs.yaml', NEUTRAL);
  expect(play('run', file, '--under', ',').said).toContain('--under names no broker');
  expect(play('run', fileOf('one.yaml', SCENARIO), '--log', '--json').said).toContain('--log and --json');
});

it('a scenario in braces is no trace', () => {
  const file = fileOf('jobs.json', '{ title: Nothing yet, broker: sqs, duration: 10s, queues: { jobs: {} } }\n');
  expect(play('export', file, '--format', 'csv').status).toBe(play('run', file).status);
});

it('a grade says of a run that a limit cut it short', () => {
  const { said, status } = play('grade', fileOf('cut.yaml', CUT_SHORT));
  expect(status).toBe(3);
  expect(said).toContain('it reached its fact limit');
  expect(said).toContain('not solved yet');
});
