/** The less common actions of SQS by their rule numbers: batches, attempts by id, move tasks, making queues, and what AWS leaves to chance. */
import { describe, expect, it } from 'vitest';
import { SqsBench } from './sqs-bench.ts';

const SECOND = 1_000_000;
const DLQ = { RedrivePolicy: { deadLetterTargetArn: 'dead', maxReceiveCount: 1 } };
const receipts = (received: { messages: readonly { handle: number }[] }) =>
  received.messages.map(({ handle }) => handle);

/** Three messages that were received once and dead-lettered. */
function withDead(): SqsBench {
  const sqs = new SqsBench({ jobs: DLQ, dead: {}, other: {} });
  for (const body of ['a', 'b', 'c']) sqs.send('jobs', body);
  sqs.receive('jobs', { max: 10, visibility: 0 });
  sqs.take('jobs');
  return sqs;
}

describe('S19: batches', () => {
  it('carries out each entry by itself', () => {
    const sqs = new SqsBench({ jobs: { MaximumMessageSize: 1024 } });
    expect(sqs.sendBatch('jobs', ['a', 'x'.repeat(1025), 'b'], ['1', '2', '3'])).toBe(
      '1 ok, 2 InvalidParameterValue, 3 ok',
    );
    expect(sqs.take('jobs')).toBe('a b');
  });

  it.each([
    ['EmptyBatchRequest', [], []],
    ['TooManyEntriesInBatchRequest', Array(11).fill('a'), 'a b c d e f g h i j k'.split(' ')],
    ['BatchEntryIdsNotDistinct', ['a', 'b'], ['1', '1']],
    ['InvalidBatchEntryId', ['a'], ['no spaces please']],
    ['BatchRequestTooLong', ['a'.repeat(600_000), 'b'.repeat(600_000)], ['1', '2']],
  ])('refuses all of it: %s', (code, bodies, ids) => {
    const sqs = new SqsBench({ jobs: {} });
    expect(sqs.sendBatch('jobs', bodies, ids)).toBe(code);
    expect(sqs.take('jobs')).toBe('');
  });
});

describe('S31: receive attempts', () => {
  const two = () => {
    const sqs = new SqsBench({ 'q.fifo': { VisibilityTimeout: 30 * SECOND } });
    for (const body of ['a', 'b']) sqs.send('q.fifo', body, { group: body, dedup: body });
    return sqs;
  };

  it('gets the same messages and handles again, and a visibility timeout anew', () => {
    const sqs = two();
    const once = sqs.receive('q.fifo', { attempt: 'A' });
    expect(receipts(sqs.at(20).receive('q.fifo', { attempt: 'A' }))).toEqual(receipts(once));
    expect(sqs.at(49).take('q.fifo', 1)).toBe('b');
    expect(sqs.at(50).take('q.fifo', 1)).toBe('a');
  });

  it('is a receive like any other once one of the messages was changed, or after five minutes', () => {
    const sqs = two();
    const [receipt = -1] = receipts(sqs.receive('q.fifo', { attempt: 'A' }));
    sqs.delete('q.fifo', receipt);
    expect(sqs.bodies(sqs.receive('q.fifo', { attempt: 'A' }))).toEqual(['b']);
    expect(sqs.bodies(sqs.at(301).receive('q.fifo', { attempt: 'A' }))).toEqual(['b']);
    expect(sqs.bodies(sqs.receive('q.fifo', { attempt: 'B' }))).toEqual([]);
  });
});

describe('S12, S13: move tasks', () => {
  it('tells how far a task came, and cancels it at its next step', () => {
    const sqs = withDead();
    sqs.startMove('dead', 'other', 1);
    expect(sqs.cancelMove()).toBe('');
    expect(sqs.machine.moveTasks('dead')[0]).toMatchObject({ status: 'CANCELLING', moved: 1, toMove: 3 });
    sqs.at(5);
    expect(sqs.machine.moveTasks('dead')[0]?.status).toBe('CANCELLED');
    expect([sqs.take('other'), sqs.take('dead')]).toEqual(['a', 'b c']);
    expect(sqs.cancelMove()).toBe('ResourceNotFoundException');
  });

  it('fails when its destination is deleted, and keeps what is left', () => {
    const sqs = withDead();
    sqs.startMove('dead', 'other', 1);
    sqs.deleteQueue('other');
    sqs.at(2);
    const [task] = sqs.machine.moveTasks('dead');
    expect(task).toMatchObject({ status: 'FAILED', failure: 'AWS.SimpleQueueService.NonExistentQueue' });
    expect(sqs.take('dead')).toBe('b c');
  });

  it('fails on a message that was sent to the dead-letter queue itself', () => {
    const sqs = withDead();
    sqs.send('dead', 'stray');
    sqs.startMove('dead');
    expect(sqs.machine.moveTasks('dead')[0]).toMatchObject({ moved: 3, failure: 'CouldNotDetermineMessageSource' });
  });

  it('runs one at a time, at no more than 500 a second', () => {
    const sqs = withDead();
    expect(sqs.startMove('dead', '', 501)).toBe('InvalidParameterValue');
    expect(sqs.startMove('dead', '', 1)).toBe('');
    expect(sqs.startMove('dead', '', 1)).toBe('InvalidParameterValue');
  });
});

describe('making queues', () => {
  const FIFO = { FifoQueue: true };
  it.each([
    ['S24: the name of a FIFO queue', 'q', FIFO, 'InvalidParameterValue'],
    ['S24: and of no other', 'q.fifo', {}, 'InvalidParameterValue'],
    ['a name', 'no spaces', {}, 'InvalidParameterValue'],
    ['a limit', 'q', { VisibilityTimeout: 43_201 * SECOND }, 'InvalidAttributeValue'],
    ['an attribute of FIFO queues', 'q', { DeduplicationScope: 'queue' }, 'InvalidAttributeName'],
    ['S10: a dead-letter queue of the same kind', 'q.fifo', { ...FIFO, ...DLQ }, 'InvalidParameterValue'],
    ['S10: that exists', 'q', { RedrivePolicy: { deadLetterTargetArn: 'nowhere' } }, 'InvalidParameterValue'],
    ['S34', 'q.fifo', { ...FIFO, FifoThroughputLimit: 'perMessageGroupId' }, 'InvalidParameterValue'],
    ['a queue that is there, with the same attributes', 'dead', {}, ''],
    ['with others', 'dead', { DelaySeconds: SECOND }, 'QueueNameExists'],
    ['a good one', 'q.fifo', { ...FIFO, DeduplicationScope: 'messageGroup' }, ''],
  ])('checks %s', (_, name, attributes, error) => {
    expect(new SqsBench({ dead: {} }).create(name, attributes)).toBe(error);
  });

  it('deletes a queue with all that is in it, and its name for a minute', () => {
    const sqs = new SqsBench({ jobs: {} });
    const waiting = sqs.receive('jobs', { wait: 20 });
    expect(sqs.deleteQueue('jobs')).toBe('');
    expect([waiting.error, sqs.send('jobs', 'a').error]).toEqual(['QueueDoesNotExist', 'QueueDoesNotExist']);
    expect([sqs.create('jobs'), sqs.at(60).create('jobs')]).toEqual(['QueueDeletedRecently', '']);
  });

  it('S10: says whose dead-letter queue a queue is, and where a dead letter came from', () => {
    const sqs = withDead();
    expect(sqs.machine.sourcesOf('dead')).toEqual(['jobs']);
    expect(sqs.machine.deadLetterSource('dead', receipts(sqs.receive('dead'))[0] ?? -1)).toBe('jobs');
  });
});

describe('what is left to chance, when it is asked for', () => {
  it('S22: a message may overtake some that came before it, and none is lost or had twice by that', () => {
    const sqs = new SqsBench({ jobs: { 'out-of-order': 1 } });
    sqs.bench.decide = (_, n) => Math.min(1, n - 1);
    for (const body of ['a', 'b', 'c', 'd']) sqs.send('jobs', body);
    expect([sqs.take('jobs', 1), sqs.take('jobs', 1), sqs.take('jobs'), sqs.take('jobs')]).toEqual([
      'c',
      'd',
      'b a',
      '',
    ]);
  });

  it('S22: what was overtaken and came back is handed out once more, not twice', () => {
    const sqs = new SqsBench({ jobs: { 'out-of-order': 1, VisibilityTimeout: SECOND } });
    for (const body of ['a', 'b']) sqs.send('jobs', body);
    expect(sqs.take('jobs', 1)).toBe('b');
    expect([sqs.at(2).take('jobs', 10), sqs.take('jobs', 10)]).toEqual(['b a', '']);
  });

  it('S15: a short poll may miss what a long poll finds', () => {
    const sqs = new SqsBench({ jobs: { 'short-poll-misses': 1 } });
    sqs.send('jobs', 'a');
    expect(sqs.take('jobs')).toBe('');
    expect(sqs.bodies(sqs.receive('jobs', { wait: 1 }))).toEqual(['a']);
  });

  it('S21: a message may come again after it was deleted', () => {
    const sqs = new SqsBench({ jobs: { duplicates: 1 } });
    sqs.send('jobs', 'a');
    sqs.delete('jobs', receipts(sqs.receive('jobs'))[0] ?? -1);
    expect(sqs.receive('jobs').messages[0]?.attempt).toBe(2);
  });

  it('S6: an old handle may delete', () => {
    const sqs = new SqsBench({ jobs: { VisibilityTimeout: SECOND, 'stale-deletes': 1 } });
    sqs.send('jobs', 'a');
    const [old = -1] = receipts(sqs.receive('jobs'));
    sqs.at(1).receive('jobs');
    sqs.delete('jobs', old);
    expect(sqs.at(3).take('jobs')).toBe('');
  });
});

describe('the quota of a FIFO queue (S34)', () => {
  const throttled = (sqs: SqsBench, sends: number, group: (i: number) => string): number => {
    let refused = 0;
    for (let i = 0; i < sends; i++) {
      const { error } = sqs.send('jobs.fifo', `m${i}`, { group: group(i), dedup: `d${i}` });
      if (error === 'RequestThrottled') refused++;
    }
    return refused;
  };

  it('is 300 calls a second of each action, and a batch is one', () => {
    const sqs = new SqsBench({ 'jobs.fifo': {} });
    expect(throttled(sqs, 310, (i) => `g${i}`)).toBe(10);
    expect(sqs.receive('jobs.fifo').error).toBe('');
    expect(throttled(sqs.at(0.1), 40, () => 'g')).toBe(10);
    expect(sqs.sendBatch('jobs.fifo', ['x', 'y'])).toBe('RequestThrottled');
    expect(throttled(sqs.at(5), 301, () => 'g')).toBe(1);
  });

  it('of high throughput is that of each message group', () => {
    const sqs = new SqsBench({
      'jobs.fifo': { DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' },
    });
    expect(throttled(sqs, 600, (i) => `g${i % 2}`)).toBe(0);
    expect(throttled(sqs, 5, () => 'g0')).toBe(5);
    expect(throttled(sqs, 5, () => 'g2')).toBe(0);
    for (let i = 0; i < 301; i++) expect(sqs.receive('jobs.fifo').error).toBe('');
  });

  it('is not of standard queues', () => {
    const sqs = new SqsBench({ jobs: {} });
    for (let i = 0; i < 400; i++) expect(sqs.send('jobs', `m${i}`).error).toBe('');
  });
});

describe('what emulators answer otherwise', () => {
  it('tells a deduplicated send the id of the first (S29)', () => {
    const sqs = new SqsBench({ 'jobs.fifo': { FifoQueue: true } });
    const first = sqs.send('jobs.fifo', 'a', { group: 'g', dedup: 'x' }).messageId;
    expect(sqs.send('jobs.fifo', 'b', { group: 'g', dedup: 'x' }).messageId).toBe(first);
    expect(sqs.take('jobs.fifo')).toBe('a');
  });

  it('knows the handle of a deleted message as one that was (S6)', () => {
    const sqs = new SqsBench({ jobs: {} });
    sqs.send('jobs', 'a');
    const handle = sqs.receive('jobs').messages[0]?.handle ?? 0;
    sqs.delete('jobs', handle);
    expect(sqs.changeVisibility('jobs', handle, 5)).toBe('InvalidParameterValue');
  });
});
