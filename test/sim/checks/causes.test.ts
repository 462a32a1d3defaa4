/** Why something came twice, as the sentence of a finding tells it: the event of its own place and group, in the words of its broker. */
import { expect, it } from 'vitest';
import { judge } from '../../../sim/checks/index.ts';
import { run } from '../../../sim/world.ts';
import { scenarioOf } from '../runs.ts';
import { build, type Line } from './lines.ts';
import { consumer, scenario } from './scenario.ts';

const parts = { consumers: { c: consumer({ group: 'team', from: ['rides'] }) } };
/** Message 1 stands at offset 3 and comes to c-1 twice; between the two it crashes, and somebody seeks. */
const twice = (sought: string) => {
  const lines: readonly Line[] = [
    '0 joined b - team c-1 1',
    '1 produced p 1 - - 100 0',
    '1 appended b 1 rides/0 - 3 0',
    '2 delivered b 1 rides/0 c-1 0 1',
    '3 crashed c-1',
    sought,
    '9 delivered b 1 rides/0 c-1 0 2',
  ];
  return judge(build(lines, 20).made.trace, scenario('kafka', parts), [{ claim: 'at-most-once', scope: '' }])[0]
    ?.sentence;
};

it('a seek of the group in the partition is why a record came again', () => {
  expect(twice('5 sought b - rides/0 - 2 team')).toContain('because rides/0 was set back to offset 2 at 5.000 s');
});

it.each([
  ['another group', '5 sought b - rides/0 - 2 99'],
  ['another partition', '5 sought b - done/0 - 2 team'],
  ['a later offset', '5 sought b - rides/0 - 4 team'],
])('a seek of %s is not', (_, sought) => {
  expect(twice(sought)).toContain('because c-1 crashed at 3.000 s');
});

it('a subscription is sought to a time, not to an offset', () => {
  const parsed = scenarioOf(`
title: Once more from the second second
broker: google-pubsub
duration: 60s
topics: { photos: { message_retention_duration: 10min } }
queues: { thumbs: { topic: photos, retain_acked_messages: true } }
producers: { app: { to: photos, rate: 1/s, messages: 5 } }
consumers: { worker: { from: thumbs, effect: { increment: done } } }
timeline: [{ at: 30s, seek: worker, to: { time: 2s } }]
`);
  const { trace } = run(parsed);
  const [judged] = judge(trace, parsed, [{ claim: 'at-most-once', scope: '' }]);
  expect(judged?.sentence).toMatch(/because thumbs was sought to second \d+ of the run at 30\.\d+ s/);
});
