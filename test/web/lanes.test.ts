import { expect, it } from 'vitest';
import { compareLanes, type Lane } from '../../sim/lanes.ts';
import { report } from '../../sim/report.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { axisOf, depthAt, queueIn, queuesOf, summaryOf } from '../../web/lanes/plot.ts';
import { stripOf } from '../../web/lanes/strip.ts';
import { type RunLane, viewOf } from '../../web/lanes/view.ts';
import { lanesOf, readScenario } from '../../web/reading.ts';
import { libraryText } from './library.ts';

const TEXT = libraryText('one-corrupt-photo');

function runLane(under: string): RunLane {
  const parsed = parseScenario(TEXT, { file: 'photo.yaml', under });
  if (parsed.scenario === null || parsed.under === null) throw new Error(`no lane ${under}`);
  const done = run(parsed.scenario);
  const { title, always } = parsed.under.profile;
  const lane: Lane = { under, title, mapping: parsed.under.mapped, note: always.note, run: report(done, '1') };
  return { lane, strip: stripOf(done.trace, parsed.scenario) };
}

const LANES = ['sqs', 'kafka', 'rabbitmq-classic', 'rabbitmq-quorum', 'redis-streams'].map(runLane);
const VIEW = viewOf(LANES);

function lane(name: string): (typeof VIEW.lanes)[number] {
  const found = VIEW.lanes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no lane ${name}`);
  return found;
}

it('at the end a queue holds what was neither settled nor given up, in every kind of broker', () => {
  for (const { lane, strip } of LANES) {
    const { sent, settled, deadLettered } = lane.run.messages;
    const depth = depthAt(queueIn(strip, 'photo-jobs'), strip, strip.endUs);
    expect(depth, lane.under).toBe(sent - settled - deadLettered);
    expect(depthAt(queueIn(strip, 'photo-dead'), strip, strip.endUs), lane.under).toBe(deadLettered);
    expect(strip.deadLetteredUs.length, lane.under).toBe(deadLettered);
    expect(strip.bands.map(({ label }) => label).join(), lane.under).toContain('resizer-1 crashed');
  }
});

it('before the first message every queue is empty', () => {
  for (const { strip } of LANES) {
    for (const queue of strip.queues) expect(depthAt(queue, strip, 0)).toBe(queue.depth[0]);
    expect(depthAt(queueIn(strip, 'photo-dead'), strip, 0)).toBe(0);
  }
});

it('all strips have one axis, which ends soon after the last change of any of them', () => {
  const axis = axisOf(VIEW.lanes, 400);
  const last = Math.max(...VIEW.lanes.map(({ strip }) => strip.lastChangeUs));
  expect(axis.isCut).toBe(true);
  expect(axis.untilUs).toBeGreaterThan(last);
  expect(axis.untilUs).toBeLessThan(last * 1.1);
  expect(axis.x(axis.untilUs)).toBe(400);
  expect(queuesOf(VIEW.lanes).map(({ name }) => name)).toEqual(['photo-jobs', 'photo-dead']);
  expect(queuesOf(VIEW.lanes)[1]?.most).toBe(1);
  expect(summaryOf(lane('kafka'), ['photo-jobs'])).toContain('No dead letters.');
  expect(summaryOf(lane('sqs'), ['photo-jobs'])).toMatch(/The first dead letter at \d+:\d\d/);
});

it('outcomes are those of the command line, and lanes where a word became the same stand together', () => {
  const { differs, same } = compareLanes(LANES.map((one) => one.lane));
  expect(VIEW.differs).toEqual(differs);
  expect(VIEW.same).toEqual(same);
  const lock = VIEW.words.find(({ word }) => word === 'queues.photo-jobs.lock');
  expect(lock?.became.find(({ lanes }) => lanes.includes('rabbitmq-classic'))).toMatchObject({
    lanes: ['rabbitmq-classic', 'rabbitmq-quorum'],
    can: false,
  });
  expect(lock?.became[0]).toEqual({ lanes: ['sqs'], can: true, text: 'VisibilityTimeout: 10s' });
  expect(lock?.became.flatMap(({ lanes }) => lanes).sort()).toEqual(VIEW.lanes.map(({ name }) => name).sort());
});

it('a broker that was asked for and cannot be is said, and the file is read as it stands', () => {
  const read = (text: string, under: string | null): ReturnType<typeof readScenario> =>
    readScenario({ file: 'photo.yaml', text, sets: [], lines: [], under });
  expect(read(TEXT, 'kafka')).toMatchObject({ problem: '', under: { profile: { name: 'kafka' } } });
  expect(read(TEXT, null).under?.profile.name).toBe('sqs');
  const unknown = read(TEXT, 'zeromq');
  expect(unknown.problem).toContain('cannot be run under "zeromq"; it is shown under SQS standard.');
  expect(unknown.under?.profile.name).toBe('sqs');
  expect(lanesOf(unknown).map(({ name }) => name)).toEqual(unknown.under?.lanes);
  const named = read(libraryText('photo-queue'), 'kafka');
  expect(named.scenario).not.toBe(null);
  expect(named.problem).toBe('This scenario names its broker; it cannot be run under "kafka".');
});
