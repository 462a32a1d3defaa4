/** A claim that is limited to a part of the run holds only when something put that part to the test. */
import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';

const verdicts = (yaml: string, scope: string, ...claims: readonly string[]): readonly string[] => {
  const scenario = scenarioOf(yaml);
  const asked = claims.map((claim) => ({ claim, scope }));
  return judge(run(scenario).trace, scenario, asked).map(({ verdict }) => verdict);
};

const queues = (timeline: string): string => `
title: Photos and mails
broker: sqs
duration: 3min
queues: { photos: { VisibilityTimeout: 10s }, mails: { VisibilityTimeout: 10s } }
producers:
  camera: { to: photos, rate: 1/s, messages: 5 }
  shop: { to: mails, rate: 1/s, messages: 5 }
consumers:
  resizer: { from: photos, process: 500ms, effect: { insert: thumbs } }
  mailer: { from: mails, process: 500ms, effect: { insert: sent } }
timeline: [${timeline}]
`;
const CLAIMS = ['exactly-once-effect', 'at-least-once', 'no-fabrication'] as const;

it.each(['photos', 'resizer', 'thumbs'])('a crash of the mailer puts nothing of %s to the test', (scope) => {
  const crash = queues('{ when: begun, of: mailer, nth: 2, crash: mailer, restart: 1s }');
  expect(verdicts(crash, scope, ...CLAIMS)).toEqual(CLAIMS.map(() => 'not exercised'));
});

it.each(['mails', 'mailer', 'sent', ''])('and all of %s', (scope) => {
  const crash = queues('{ when: begun, of: mailer, nth: 2, crash: mailer, restart: 1s }');
  expect(verdicts(crash, scope, ...CLAIMS)).toEqual(CLAIMS.map(() => 'holds'));
});

it.each([
  ['a lost request of its producer', '{ at: 1s, lose: request, from: camera, times: 1 }', 'holds'],
  ['a lost request of another', '{ at: 1s, lose: request, from: shop, times: 1 }', 'not exercised'],
  ['a crash of the broker of both', '{ at: 2s, crash: sqs, restart: 1s }', 'holds'],
])('%s: the photos are judged so', (_, line, verdict) => {
  expect(verdicts(queues(line), 'photos', 'at-least-once')).toEqual([verdict]);
});

const groups = (timeline: string): string => `
title: Two topics and their groups
broker: kafka
duration: 2min
topics: { photos: { partitions: 2 }, mails: { partitions: 2 } }
producers:
  camera: { to: photos, rate: 2/s, messages: 40 }
  shop: { to: mails, rate: 2/s, messages: 40 }
consumers:
  resizer: { from: photos, count: 2, group: resizers, process: 100ms, effect: { insert: thumbs }, auto.offset.reset: earliest }
  mailer: { from: mails, count: 2, group: mailers, process: 100ms, effect: { insert: sent }, auto.offset.reset: earliest }
timeline: [${timeline}]
`;

it.each([
  ['photos', 'holds'],
  ['resizers', 'holds'],
  ['resizer', 'holds'],
])('a group that changes its members puts its commits to the test: %s', (scope, verdict) => {
  const yaml = groups('{ at: 10s, stop: resizer-2 }').replace('stop: resizer-2', 'scale: resizer, count: 1');
  expect(verdicts(yaml, scope, 'commit-monotonic')).toEqual([verdict]);
  expect(verdicts(yaml, scope, 'single-owner')).toEqual([verdict]);
});

const stages = `
title: Thumbnails of what was transcoded
broker: sqs
duration: 2min
queues: { uploads: { VisibilityTimeout: 10s }, videos: {} }
producers: { page: { to: uploads, rate: 1/s, messages: 3 } }
consumers:
  transcoder: { from: uploads, process: 1s, produces: { to: videos } }
  notifier: { from: videos, process: 100ms, effect: { insert: notices } }
timeline: [{ when: confirmed, by: transcoder-1, nth: 1, crash: transcoder-1, restart: 2s }]
`;

it('what befalls one stage puts to the test what the next one does with its output', () => {
  expect(verdicts(stages, 'notices', 'exactly-once-effect')).toEqual(['holds']);
});

it('who dies in the moment of the effect has the message in hand, even if it was acked before', () => {
  const pushes = (step: string): string => `
title: Pushes
broker: sqs
duration: 1min
queues: { pushes: {} }
producers: { desk: { to: pushes, rate: 1/s, messages: 5 } }
consumers: { sender: { from: pushes, process: 300ms, settle: before-processing${step} } }
`;
  const dies = pushes(', crash: { probability: 100%, step: applied, restart: 500ms }');
  expect(verdicts(dies, 'pushes', 'at-most-once')).toEqual(['holds']);
  expect(verdicts(pushes(''), 'pushes', 'at-most-once')).toEqual(['not exercised']);
});
