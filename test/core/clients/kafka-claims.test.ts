/** What a member of a classic group says in JoinGroup that it owned (K54, K63, K64), and under which id it comes back. */
import { describe, expect, it } from 'vitest';
import type { ClientRequest, JoinGroupRequest } from '../../../core/brokers/kafka-wires.ts';
import type { OptionValues } from '../../../core/options.ts';
import { KafkaBench } from '../brokers/kafka-bench.ts';
import { TestConsumer } from './kafka-hosts.ts';

const SECOND = 1_000_000;

/** The joins of one consumer, as its coordinator got them: id, generation and what it claims. */
function joinsOf(
  strategies: readonly string[],
  disturb: (bench: KafkaBench) => void,
  more: OptionValues = {},
): readonly string[] {
  const bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions: 2 } } });
  const options = { 'enable.auto.commit': false, 'partition.assignment.strategy': [...strategies], ...more };
  new TestConsumer(bench, 'c1', options);
  bench.start();
  bench.wait(SECOND);
  const joins: string[] = [];
  bench.watch((wire) => {
    if (wire.type !== 'kafka/JoinGroup') return;
    const { memberId, generation, owned, clientId } = wire as ClientRequest as JoinGroupRequest;
    if (clientId === 'c1') joins.push(`${memberId || 'nobody'} #${generation} [${owned.join(' ')}]`);
  });
  disturb(bench);
  bench.wait(10 * SECOND);
  return joins;
}

/** A second member joins. */
function another(bench: KafkaBench): void {
  const second = new TestConsumer(bench, 'c2', { 'partition.assignment.strategy': ['sticky', 'cooperative-sticky'] });
  second.port.start(bench.say('c2'));
}

/** The coordinator has given the member up, and it hears of that when it is back. */
function away(bench: KafkaBench): void {
  bench.cutOff('c1');
  bench.wait(60 * SECOND);
  bench.cutOff('c1', false);
}

describe('a member that joins again', () => {
  it.each([
    ['sticky', ['c1-0.1 #1 [rides-0 rides-1]']],
    ['cooperative-sticky', ['c1-0.1 #1 [rides-0 rides-1]', 'c1-0.1 #2 [rides-0]']],
  ])('claims what it has: %s', (strategy, joins) => {
    expect(joinsOf([strategy], another)).toEqual(joins);
  });

  it('claims nothing when it had to give up everything, but to the sticky assignor', () => {
    expect(joinsOf(['range', 'cooperative-sticky'], another)).toEqual(['c1-0.1 #1 []']);
  });

  it.each([
    ['range', '#-1 []'],
    ['sticky', '#1 [rides-0 rides-1]'],
    ['cooperative-sticky', '#-1 []'],
  ])('after its membership was lost: %s', (strategy, claim) => {
    expect(joinsOf([strategy], away)).toEqual([`nobody ${claim}`, `c1-2.2 ${claim}`]);
  });

  it('gives up what it kept when it is none any more by the time that it joins (K57)', () => {
    const bench = new KafkaBench({ nodes: 1, topics: { rides: { partitions: 2 } } });
    const options = { 'partition.assignment.strategy': ['cooperative-sticky'], 'max.poll.interval.ms': 10 * SECOND };
    new TestConsumer(bench, 'c1', options);
    bench.start();
    bench.wait(SECOND);
    const joins: string[] = [];
    bench.watch((wire) => {
      if (wire.type !== 'kafka/JoinGroup') return;
      const { memberId, generation, owned, clientId } = wire as ClientRequest as JoinGroupRequest;
      if (clientId !== 'c1') return;
      joins.push(`${memberId || 'nobody'} #${generation} [${owned.join(' ')}]`);
      if (joins.length === 1) bench.cutOff('c1');
    });
    const second = new TestConsumer(bench, 'c2', options);
    second.port.start(bench.say('c2'));
    bench.wait(12 * SECOND);
    bench.cutOff('c1', false);
    bench.wait(12 * SECOND);
    expect(joins.slice(0, 3)).toEqual(['c1-0.1 #1 [rides-0 rides-1]', 'c1-0.1 #1 [rides-0 rides-1]', 'nobody #-1 []']);
  });

  it('keeps its id when only its generation was too old', () => {
    const seated = {
      'group.instance.id': 'seat',
      'max.poll.interval.ms': 30 * SECOND,
      'session.timeout.ms': 120 * SECOND,
    };
    function leftBehind(bench: KafkaBench): void {
      bench.cutOff('c1');
      const second = new TestConsumer(bench, 'c2', { 'max.poll.interval.ms': 30 * SECOND });
      second.port.start(bench.say('c2'));
      bench.wait(35 * SECOND);
      bench.cutOff('c1', false);
    }
    expect(joinsOf(['range'], leftBehind, seated)).toEqual(['seat-0.1 #-1 []']);
  });
});
