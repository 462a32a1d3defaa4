/** Locks of share groups lie in partitions; and what happened elsewhere puts no lock to the test. */
import { describe, expect, it } from 'vitest';
import { judge, type Verdict } from '../../../sim/checks/index.ts';
import { build, type Line } from './lines.ts';
import { consumer, scenario } from './scenario.ts';

const SHARED = { group: 'team', from: ['rides'], options: { 'group.type': 'share' } };
const stored: readonly Line[] = ['1 produced p 1 - - 100 0', '1 appended b 1 rides/0 - 0 0'];

function verdict(claim: string, lines: readonly Line[], scope = ''): Verdict & { readonly marked: readonly number[] } {
  const { made, marked } = build(lines);
  const consumers = {
    c: consumer(SHARED),
    d: consumer({ ...SHARED, group: 'd' }),
    e: consumer({ from: ['rides'], group: 'e' }),
  };
  const claims = [{ claim, scope, verdict: 'holds' as const }];
  const [judged] = judge(made.trace, scenario('kafka', { consumers, claims }));
  if (judged === undefined) throw new Error(`${claim} was not judged`);
  return { ...judged, marked };
}

describe('a share group', () => {
  it('breaks lock-exclusivity when a record is handed out while it is locked', () => {
    const judged = verdict('lock-exclusivity', [
      ...stored,
      '*2 delivered b 1 rides/0 c-1 30000 1',
      '*4 delivered b 1 rides/0 c-2 30000 2',
    ]);
    expect(judged).toMatchObject({ verdict: 'violated', witness: judged.marked });
  });

  it('keeps it when the lock ran out first', () => {
    const judged = verdict('lock-exclusivity', [
      ...stored,
      '2 delivered b 1 rides/0 c-1 30000 1',
      '32 lock-expired b 1 rides/0 c-1 0 1',
      '32 requeued b 1 rides/0 - 0 R:lock_expired',
      '33 delivered b 1 rides/0 c-2 30000 2',
    ]);
    expect(judged.verdict).toBe('holds');
  });

  it('has locks of its own: another group may have the record at the same time, and who owns a partition has none', () => {
    const lines = [
      ...stored,
      '2 delivered b 1 rides/0 c-1 30000 1',
      '3 nacked b 1 rides/0 c-1 0 1',
      '3 requeued b 1 rides/0 - 0 R:nacked',
      '4 delivered b 1 rides/0 d-1 30000 1',
      '5 delivered b 1 rides/0 c-2 30000 2',
      '6 delivered b 1 rides/0 e-1 0 1',
      '7 delivered b 1 rides/0 e-1 0 2',
    ];
    expect(verdict('lock-exclusivity', lines).verdict).toBe('holds');
    expect(verdict('no-early-redelivery', lines).verdict).toBe('holds');
    expect(verdict('no-early-redelivery', lines, 'd').verdict).toBe('not exercised');
  });

  it('may get again what was in hand when the leader of the partition moved', () => {
    const lines = ['2 delivered b 1 rides/0 c-1 30000 1', '3 requeued b2 1 rides/0 - 0 R:leader_moved'];
    const again = '4 delivered b2 1 rides/0 c-2 30000 2';
    expect(verdict('no-early-redelivery', [...stored, ...lines, again]).verdict).not.toBe('violated');
    expect(verdict('no-early-redelivery', [...stored, ...lines.slice(0, 1), again]).verdict).toBe('violated');
  });

  it('may get again at once what the broker says that it lost with a connection, and who lost it', () => {
    const lines = ['2 delivered b 1 rides/0 c-1 30000 1', '3 requeued b 1 rides/0 c-1 0 R:connection_lost'];
    const again = '4 delivered b 1 rides/0 c-2 30000 2';
    expect(verdict('no-early-redelivery', [...stored, ...lines, again]).verdict).toBe('holds');
    expect(verdict('lock-exclusivity', [...stored, ...lines, again]).verdict).toBe('holds');
    const others = ['2 delivered b 1 rides/0 d-1 30000 1', '3 requeued b 1 rides/0 d-1 0 R:connection_lost'];
    expect(verdict('lock-exclusivity', [...stored, ...lines.slice(0, 1), ...others, again]).verdict).toBe('violated');
  });

  it('breaks stale-ack-fencing when an ack counts after its lock, and counts only refusals of its own', () => {
    const ended = [
      ...stored,
      '2 delivered b 1 rides/0 c-1 30000 1',
      '*32 lock-expired b 1 rides/0 c-1 0 1',
      '32 requeued b 1 rides/0 - 0 R:lock_expired',
    ];
    const broken = verdict('stale-ack-fencing', [...ended, '*33 acked b 1 rides/0 c-1 0 1']);
    expect(broken).toMatchObject({ verdict: 'violated', witness: broken.marked });
    const refused = '33 ack-refused b 1 rides/0 c-1 0 R:lock_expired';
    expect(verdict('stale-ack-fencing', [...ended, refused]).sentence).toContain('1 ack refused');
    expect(verdict('stale-ack-fencing', [...ended, refused], 'd').verdict).toBe('not exercised');
  });
});

it('puts no lock to the test with what another queue gave back', () => {
  const lines = [
    '1 produced p 1 - - 100 0',
    '1 appended b 1 jobs',
    '2 delivered b 1 jobs c-1 3000 1',
    '3 nacked b 1 jobs c-1 0 1',
    '3 requeued b 1 jobs - 0 R:nacked',
    '4 delivered b 1 jobs c-1 3000 2',
    '5 produced p 2 - - 100 0',
    '5 appended b 2 line.fifo',
    '6 delivered b 2 line.fifo c-1 3000 1',
  ];
  expect(verdict('lock-exclusivity', lines, 'line.fifo').verdict).toBe('not exercised');
  expect(verdict('lock-exclusivity', lines, 'jobs').verdict).toBe('holds');
});
