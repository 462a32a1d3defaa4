import { expect, it } from 'vitest';
import { nearest } from '../../../sim/scenario/nearest.ts';

const OPTIONS = [
  'VisibilityTimeout',
  'MessageRetentionPeriod',
  'DelaySeconds',
  'x-message-ttl',
  'ack_deadline_seconds',
];

it.each<[string, string | null, string]>([
  ['DelaySecond', 'DelaySeconds', 'a slip of the finger'],
  ['delay', 'DelaySeconds', 'its beginning'],
  ['timeout', 'VisibilityTimeout', 'its last word'],
  ['retention', 'MessageRetentionPeriod', 'a word within it'],
  ['ttl', 'x-message-ttl', 'three letters that are a word of it'],
  ['ackDeadline', 'ack_deadline_seconds', 'two words, written otherwise'],
  ['mess', 'MessageRetentionPeriod', 'the beginning of its first word'],
  ['seconds', 'DelaySeconds', 'the shorter of two that have the word'],
  ['sible', null, 'letters within a word'],
  ['de', null, 'too few letters'],
  ['priority', null, 'nothing of any'],
])('takes %s for %s: %s', (wanted, meant, _how) => {
  expect(nearest(wanted, OPTIONS)).toBe(meant);
});
