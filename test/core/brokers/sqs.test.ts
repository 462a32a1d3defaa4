/** SQS by its rule numbers: what a receive hands out, what a handle may still do, what becomes of those received too often. */
import { describe, expect, it } from 'vitest';
import { SqsBench } from './sqs-bench.ts';

const SECOND = 1_000_000;
const seconds = (n: number): number => n * SECOND;
const DLQ = { RedrivePolicy: { deadLetterTargetArn: 'dead', maxReceiveCount: 2 } };
const first = (received: { messages: readonly { handle: number }[] }): number => received.messages[0]?.handle ?? -1;

describe('visibility', () => {
  it('S2: hides a received message for the timeout and hands it out again afterwards', () => {
    const sqs = new SqsBench({ jobs: { VisibilityTimeout: seconds(5) } });
    sqs.send('jobs', 'a');
    sqs.receive('jobs');
    expect(sqs.at(4.9).take('jobs')).toBe('');
    expect(sqs.at(5).take('jobs')).toBe('a');
    expect(sqs.bench.story()).toEqual([
      '0.000 appended m1 jobs',
      '0.000 delivered m1 jobs → client',
      '5.000 lock-expired m1 jobs → client',
      '5.000 requeued m1 jobs (lock expired)',
      '5.000 delivered m1 jobs → client attempt 2',
    ]);
  });

  it('S2: a receive with timeout 0 hands each message out once, and leaves it visible', () => {
    const sqs = new SqsBench({ jobs: {} });
    for (const body of ['a', 'b']) sqs.send('jobs', body);
    expect(sqs.bodies(sqs.receive('jobs', { max: 10, visibility: 0 }))).toEqual(['a', 'b']);
    expect(sqs.take('jobs')).toBe('a b');
  });

  it('S4: extends a lock up to twelve hours from the receive, and not a second more', () => {
    const sqs = new SqsBench({ jobs: {} });
    sqs.send('jobs', 'a');
    const receipt = first(sqs.receive('jobs'));
    sqs.at(20);
    expect(sqs.changeVisibility('jobs', receipt, 43_200)).toBe('InvalidParameterValue');
    expect(sqs.changeVisibility('jobs', receipt, 43_180)).toBe('');
  });

  it('hands out the oldest visible message first, whether it was delayed, given back or new', () => {
    const sqs = new SqsBench({ jobs: { VisibilityTimeout: seconds(1) } });
    sqs.send('jobs', 'returned');
    sqs.take('jobs');
    sqs.send('jobs', 'new');
    sqs.send('jobs', 'delayed', { delay: 1 });
    sqs.send('jobs', 'newest');
    expect(sqs.at(1).take('jobs')).toBe('returned new delayed newest');
  });
});

describe('receipt handles', () => {
  it('S6: an expired handle of a standard queue still deletes', () => {
    const sqs = new SqsBench({ jobs: { VisibilityTimeout: seconds(1) } });
    sqs.send('jobs', 'a');
    const receipt = first(sqs.receive('jobs'));
    sqs.at(2);
    expect(sqs.delete('jobs', receipt)).toBe('');
    expect(sqs.take('jobs')).toBe('');
  });

  it('S6: a superseded handle succeeds without deleting, but ends the visibility of the new holder', () => {
    const sqs = new SqsBench({ jobs: { VisibilityTimeout: seconds(5) } });
    sqs.send('jobs', 'a');
    const old = first(sqs.receive('jobs'));
    sqs.at(5).receive('jobs');
    expect(sqs.delete('jobs', old)).toBe('');
    expect(sqs.take('jobs')).toBe('');
    expect(sqs.changeVisibility('jobs', old, 0)).toBe('');
    expect(sqs.take('jobs')).toBe('a');
  });

  it('S7: FIFO refuses a delete after the timeout, and after an extension the new time counts', () => {
    const sqs = new SqsBench({ 'jobs.fifo': { VisibilityTimeout: seconds(1) } });
    for (const body of ['a', 'b']) sqs.send('jobs.fifo', body, { group: body, dedup: body });
    const [a = -1, b = -1] = sqs.receive('jobs.fifo', { max: 2 }).messages.map(({ handle }) => handle);
    sqs.changeVisibility('jobs.fifo', b, 4);
    sqs.at(2);
    expect(sqs.delete('jobs.fifo', a)).toBe('InvalidParameterValue');
    expect(sqs.delete('jobs.fifo', b)).toBe('');
  });

  it('tells garbage from a handle that was good once', () => {
    const sqs = new SqsBench({ jobs: {} });
    sqs.send('jobs', 'a');
    const receipt = first(sqs.receive('jobs'));
    expect([sqs.delete('jobs', receipt), sqs.delete('jobs', receipt)]).toEqual(['', '']);
    expect(sqs.delete('jobs', -1)).toBe('ReceiptHandleIsInvalid');
    expect(sqs.changeVisibility('jobs', receipt, 5)).toBe('InvalidParameterValue');
  });
});

describe('polling, delay, age', () => {
  it('S14: a long poll answers as soon as one message is there, the first of two waiting polls first', () => {
    const sqs = new SqsBench({ jobs: {} });
    const one = sqs.receive('jobs', { max: 10, wait: 20 });
    const two = sqs.receive('jobs', { max: 10, wait: 20 });
    sqs.at(3).send('jobs', 'a');
    expect([one.answeredAt, sqs.bodies(one), two.answeredAt]).toEqual([3, ['a'], -1]);
    sqs.at(21);
    expect([two.answeredAt, sqs.bodies(two)]).toEqual([20, []]);
  });

  it('S14: a poll whose client hung up is handed nothing', () => {
    const sqs = new SqsBench({ jobs: {} });
    sqs.receive('jobs', { wait: 20 });
    sqs.bench.receive(7, { type: 'Hangup' });
    sqs.send('jobs', 'a');
    expect(sqs.take('jobs')).toBe('a');
  });

  it('S16: changing the delay holds for messages already delayed on FIFO only', () => {
    const options = { DelaySeconds: seconds(10) };
    const sqs = new SqsBench({ jobs: options, 'jobs.fifo': options });
    sqs.send('jobs', 'a');
    sqs.send('jobs.fifo', 'b', { group: 'g', dedup: 'b' });
    for (const queue of ['jobs', 'jobs.fifo']) sqs.set(queue, { DelaySeconds: seconds(2) });
    expect([sqs.at(2).take('jobs'), sqs.take('jobs.fifo')]).toEqual(['', 'b']);
    expect(sqs.at(10).take('jobs')).toBe('a');
  });

  it('S17: retention takes messages in flight too, and lowering it those already there', () => {
    const sqs = new SqsBench({ jobs: { VisibilityTimeout: seconds(600) } });
    for (const body of ['a', 'b']) sqs.send('jobs', body);
    sqs.receive('jobs');
    sqs.at(90).set('jobs', { MessageRetentionPeriod: seconds(60) });
    expect(sqs.bench.story().slice(-2)).toEqual([
      '90.000 expired m1 jobs (retention)',
      '90.000 expired m2 jobs (retention)',
    ]);
  });

  it('S18: purges once a minute, and forgets deduplication ids', () => {
    const sqs = new SqsBench({ 'jobs.fifo': {} });
    sqs.send('jobs.fifo', 'a', { group: 'g', dedup: 'x' });
    expect([sqs.purge('jobs.fifo'), sqs.purge('jobs.fifo')]).toEqual(['', 'PurgeQueueInProgress']);
    sqs.send('jobs.fifo', 'b', { group: 'g', dedup: 'x' });
    expect(sqs.take('jobs.fifo')).toBe('b');
  });

  it('refuses what is out of range', () => {
    const sqs = new SqsBench({ jobs: { MaximumMessageSize: 1024 } });
    expect(sqs.send('jobs', 'a', { size: 1025 }).error).toBe('InvalidParameterValue');
    expect(sqs.send('jobs', 'a', { delay: 901 }).error).toBe('InvalidParameterValue');
    expect(sqs.receive('jobs', { max: 11 }).error).toBe('InvalidParameterValue');
    expect(sqs.receive('jobs', { wait: 21 }).error).toBe('InvalidParameterValue');
  });
});

describe('dead letters', () => {
  it('S9: the receive that would exceed the limit moves the message instead; S8: its count goes on', () => {
    const sqs = new SqsBench({ jobs: { ...DLQ, VisibilityTimeout: seconds(1) }, dead: {} });
    sqs.send('jobs', 'a');
    for (const second of [0, 1]) expect(sqs.at(second).take('jobs')).toBe('a');
    expect(sqs.at(2).take('jobs')).toBe('');
    expect(sqs.receive('dead').messages[0]?.attempt).toBe(3);
    expect(sqs.bench.story()).toContain('2.000 dead-lettered m1 dead (too many deliveries)');
  });

  it('S11: in a standard dead-letter queue the age counts from the first sending, even behind younger ones', () => {
    const limits = { MessageRetentionPeriod: seconds(100) };
    const once = { RedrivePolicy: { deadLetterTargetArn: 'dead', maxReceiveCount: 1 }, VisibilityTimeout: 0 };
    const sqs = new SqsBench({ jobs: { ...once }, dead: limits });
    sqs.send('jobs', 'old');
    sqs.at(50).send('dead', 'young');
    sqs.take('jobs', 1);
    sqs.take('jobs', 1);
    expect(sqs.at(101).take('dead')).toBe('young');
  });

  it('S12: moves messages back to where each came from, as new ones, at the rate asked for', () => {
    const sqs = new SqsBench({ jobs: { ...DLQ, VisibilityTimeout: 0 }, dead: {} });
    for (const body of ['a', 'b', 'c']) sqs.send('jobs', body);
    for (let i = 0; i < 3; i++) sqs.take('jobs');
    expect(sqs.startMove('dead', '', 1)).toBe('');
    expect(sqs.startMove('dead')).toBe('InvalidParameterValue');
    const moves = () => sqs.bench.story().filter((line) => line.includes('redriven'));
    sqs.at(10);
    expect(moves()).toEqual(['0.000 redriven m1 jobs', '1.000 redriven m2 jobs', '2.000 redriven m3 jobs']);
    expect(sqs.receive('jobs').messages[0]?.attempt).toBe(1);
  });

  it('S13: refuses a source that is no dead-letter queue, and a destination that is not there', () => {
    const sqs = new SqsBench({ jobs: DLQ, dead: {} });
    expect(sqs.startMove('jobs', 'dead')).toBe('InvalidParameterValue');
    expect(sqs.startMove('dead', 'nowhere')).toBe('ResourceNotFoundException');
    expect(sqs.cancelMove(), 'a handle that is none').toBe('InvalidParameterValue');
  });
});

describe('FIFO', () => {
  const fifo = (sent: string, options = {}) => {
    const sqs = new SqsBench({ q: { FifoQueue: true, ...options } });
    for (const body of sent.split(' ')) sqs.send('q', body, { group: body.slice(0, 1), dedup: body });
    return sqs;
  };

  it('S26: hands out as many of one group as it can, then other groups', () => {
    expect(fifo('a1 b1 a2 a3').take('q')).toBe('a1 a2 a3 b1');
  });

  it('S26: while a message of a group is in flight, no later one is handed out', () => {
    const sqs = fifo('a1 a2 b1');
    const receipt = first(sqs.receive('q'));
    expect(sqs.take('q')).toBe('b1');
    sqs.delete('q', receipt);
    expect(sqs.take('q')).toBe('a2');
  });

  it('S27: deleting one of two in flight keeps the group closed', () => {
    const sqs = fifo('a1 a2 a3 b1');
    const receipt = first(sqs.receive('q', { max: 2 }));
    sqs.delete('q', receipt);
    expect(sqs.take('q')).toBe('b1');
  });

  it('S27: extending the second of three frees only the first', () => {
    const sqs = fifo('a1 a2 a3', { VisibilityTimeout: seconds(1) });
    const { messages } = sqs.receive('q', { max: 3 });
    sqs.changeVisibility('q', messages[1]?.handle ?? -1, 10);
    expect(sqs.at(2).take('q')).toBe('a1');
  });

  it('S28: after a timeout a group comes again in order, behind the groups that waited', () => {
    const sqs = fifo('a1 a2 b1', { VisibilityTimeout: seconds(1) });
    sqs.receive('q', { max: 2 });
    expect(sqs.at(1).take('q')).toBe('b1 a1 a2');
  });

  it('S29: recognises an id for five minutes from its first acceptance, also after the delete', () => {
    const sqs = fifo('a1');
    const { messageId } = sqs.send('q', 'again', { group: 'a', dedup: 'a1' });
    sqs.delete('q', first(sqs.receive('q')));
    sqs.at(299);
    expect(sqs.send('q', 'late', { group: 'b', dedup: 'a1' }).messageId).toBe(messageId);
    expect(sqs.at(300).take('q')).toBe('');
    sqs.send('q', 'new', { group: 'a', dedup: 'a1' });
    expect(sqs.take('q')).toBe('new');
  });

  it('S29: without an id the content tells, and an explicit id beats it', () => {
    const sqs = new SqsBench({ q: { FifoQueue: true, ContentBasedDeduplication: true } });
    for (const dedup of [undefined, undefined, '1', '2']) {
      sqs.send('q', 'same', { group: 'g', ...(dedup === undefined ? {} : { dedup }) });
    }
    expect(sqs.take('q')).toBe('same same same');
  });

  it('S29: with the scope of a message group, another group may use the id again', () => {
    const sqs = new SqsBench({ q: { FifoQueue: true, DeduplicationScope: 'messageGroup' } });
    for (const group of ['a', 'b', 'a']) sqs.send('q', group, { group, dedup: 'x' });
    expect(sqs.take('q')).toBe('a b');
  });

  it.each([
    ['no group', {}, 'MissingParameter'],
    ['no id and no ContentBasedDeduplication', { group: 'g' }, 'InvalidParameterValue'],
    ['an empty id', { group: 'g', dedup: '' }, 'InvalidParameterValue'],
    ['a message timer', { group: 'g', dedup: 'x', delay: 1 }, 'InvalidParameterValue'],
    ['a space in the group', { group: 'a b', dedup: 'x' }, 'InvalidParameterValue'],
  ])('S16, S24: refuses %s', (_, how, error) => {
    const sqs = new SqsBench({ q: { FifoQueue: true } });
    expect(sqs.send('q', 'a', how).error).toBe(error);
  });

  it('S32: a message that goes to the dead-letter queue lets its successors pass', () => {
    const sqs = new SqsBench({
      q: {
        FifoQueue: true,
        ...DLQ,
        RedrivePolicy: { deadLetterTargetArn: 'dead', maxReceiveCount: 1 },
        VisibilityTimeout: 0,
      },
      dead: { FifoQueue: true },
    });
    for (const body of ['a1', 'a2']) sqs.send('q', body, { group: 'a', dedup: body });
    sqs.take('q', 1);
    expect(sqs.take('q')).toBe('a2');
    expect(sqs.take('dead')).toBe('a1');
  });
});
