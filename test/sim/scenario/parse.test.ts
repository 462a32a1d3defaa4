import { expect, it } from 'vitest';
import { renderDiagnostics } from '../../../sim/scenario/diagnostics.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';

const POISON = `title: A poison message and its dead-letter queue
story: One corrupt image crashes every worker that touches it.
broker: { kind: sqs }
seed: 7
duration: 3m
queues:
  photo-jobs:
    VisibilityTimeout: 30s
    RedrivePolicy: { deadLetterTargetArn: photo-dlq, maxReceiveCount: 5 }
  photo-dlq: {}
producers:
  upload-service: { to: photo-jobs, rate: 5/s, key: user }
consumers:
  resizer: { from: photo-jobs, count: 3, process: 200ms, settle: after-processing, effect: { set: photos } }
network: { latency: 1ms..5ms }
timeline:
  - { at: 20s, poison: upload-service, messages: 1 }
  - { at: 60s, crash: resizer-2, restart: 10s }
claims: [ at-least-once, poison-isolation ]
expect:
  - deadLettered(photo-dlq) == 1
  - max(depth(photo-jobs)) < 50
`;

it('reads the scenario of the design', () => {
  const { scenario, diagnostics } = parseScenario(POISON, { file: 'poison.yaml' });
  expect(renderDiagnostics(diagnostics)).toBe('');
  expect(scenario).toMatchObject({
    seed: '7',
    durationUs: 180_000_000,
    producers: { 'upload-service': { perSecond: 5, key: 'user' } },
    consumers: {
      resizer: { count: 3, process: { type: 'constant', us: 200_000 }, effect: { type: 'set', store: 'photos' } },
    },
  });
});
