/**
 * Runs Kafka vectors that are plain functions (hashes, the partitioner, the assignors) and recordings of a real client's partitioning, and lists the
 * runners of the other areas, which have a file each. Areas that no part here covers yet are left out of the list, and so unknown.
 */
import type { Assignment, GroupSubscription } from '../../core/parts/assignment.ts';
import { partitionName, topicOf } from '../../core/parts/assignment.ts';
import { assignors } from '../../core/parts/assignors.ts';
import { murmur2, toPositive, utf8Bytes } from '../../core/parts/murmur2.ts';
import {
  cumulativeWeights,
  partitionForKey,
  partitionForKeyCrc32,
  pickByWeight,
  StickyPartitioner,
} from '../../core/parts/partitioner.ts';
import { assignCooperativeSticky } from '../../core/parts/sticky-assignor.ts';
import {
  Fields,
  type Findings,
  isList,
  isTable,
  type JsonTable,
  ordinalOf,
  type Runner,
  sameItems,
  sameJson,
  UnknownShape,
} from './case.ts';
import { runCompaction } from './kafka-compaction.ts';
import { runGroups } from './kafka-groups.ts';
import { runIdempotence, runRetention, runTransactions } from './kafka-log.ts';
import { runReplication } from './kafka-replication.ts';
import { runShares } from './kafka-shares.ts';

export const VECTORS: Readonly<Record<string, Runner>> = {
  'kafka murmur2': runMurmur2,
  'kafka partitioner': runPartitioner,
  'kafka assignors': runAssignors,
  'kafka idempotence': runIdempotence,
  'kafka transactions': runTransactions,
  'kafka retention': runRetention,
  'kafka compaction': runCompaction,
  'kafka groups': runGroups,
  'kafka replication': runReplication,
  'kafka share-groups': runShares,
};

// ── Hashes and partitions of keys ───────────────────────────────────────────────────────────────────────────────

function runMurmur2(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input');
  const expected = row.fields('expected').skip('note');
  const bytes = input.has('hex') ? bytesOf(input.text('hex')) : utf8Bytes(input.text('utf8'));
  const hash = murmur2(bytes);
  if (expected.has('hash')) findings.same('hash', expected.number('hash'), hash);
  if (expected.has('hashHex'))
    findings.same('hashHex', expected.text('hashHex'), `0x${(hash >>> 0).toString(16).padStart(8, '0')}`);
  for (const [count, partition] of Object.entries(expected.table('partition'))) {
    findings.same(`partition of ${count}`, partition, toPositive(hash) % Number(count));
  }
  input.skip('note').end();
  expected.end();
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export const runRecording: Runner = (table, findings) => {
  const row = new Fields(table, 'recording');
  const observed = new Map(row.rows('observed').map((record) => [record.number('step'), record]));
  row
    .fields('script')
    .rows('steps')
    .forEach((step, index) => {
      if (step.text('op') !== 'partition') throw new UnknownShape(`the step ${step.text('op')}`);
      const place = PARTITIONERS[step.text('partitioner')];
      if (place === undefined) throw new UnknownShape(`the partitioner ${step.text('partitioner')}`);
      const partitions = step.number('partitions');
      const seen = Object.fromEntries(step.texts('keys').map((key) => [key, place(key, partitions)]));
      step.end();
      findings.same(`step ${index}`, observed.get(index)?.table('result') ?? null, seen);
    });
};

const PARTITIONERS: Readonly<Record<string, (key: string, partitions: number) => number>> = {
  murmur2_random: partitionForKey,
  murmur2: partitionForKey,
  consistent_random: partitionForKeyCrc32,
  consistent: partitionForKeyCrc32,
};

// ── The partitioner of records without a key ────────────────────────────────────────────────────────────────────

function runPartitioner(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('injectedRandom', 'note');
  const expected = row.fields('expected').skip('rule', 'note');
  if (input.has('queueSizes')) weights(input, expected, findings);
  else sticky(input, expected, findings);
  input.end();
  expected.end();
}

/** Adaptive choice by the lengths of the queues; without it all lengths are as good as equal. The queues are those of the partitions that are named, in order. */
function weights(input: Fields, expected: Fields, findings: Findings): void {
  const sizes = input.numbers('queueSizes');
  const sums = cumulativeWeights(input.get('adaptive') === false ? sizes.map(() => 0) : sizes);
  const ids = partitionsOf(input, sizes.length).map(({ id }) => id);
  if (input.has('stickyBatchSize') && refusesBatchSize(input.number('stickyBatchSize'), expected, findings)) return;
  const total = sums.at(-1) ?? 0;
  if (expected.has('weights')) {
    const single = sums.map((sum, index) => sum - (sums[index - 1] ?? 0));
    findings.same('weights', expected.numbers('weights'), single);
  }
  if (expected.has('cumulative')) findings.same('cumulative', expected.numbers('cumulative'), sums);
  for (const [draw, partition] of Object.entries(expected.table('drawToPartition'))) {
    findings.same(`draw ${draw}`, partition, ids[pickByWeight(sums, Number(draw) % total)] ?? null);
  }
  if (expected.has('countsOverTwoFullCycles')) {
    const counts = sums.map(() => 0);
    for (let draw = 0; draw < 2 * total; draw++) {
      const chosen = pickByWeight(sums, draw % total);
      counts[chosen] = (counts[chosen] ?? 0) + 1;
    }
    findings.same('counts', expected.numbers('countsOverTwoFullCycles'), counts);
  }
}

/** Whether the producer refuses to start with this size of a batch, which is the whole case then. */
function refusesBatchSize(stickyBatchSize: number, expected: Fields, findings: Findings): boolean {
  let error: string | null = null;
  try {
    new StickyPartitioner({ stickyBatchSize, adaptive: true }, () => 0);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    error = 'IllegalArgument';
  }
  if (error !== null || expected.has('error')) findings.same('error', expected.get('error') ?? null, error);
  return error !== null;
}

/** The partitions of a topic; so many from 0 on where none are named. */
function partitionsOf(input: Fields, count: number): { readonly id: number; readonly hasLeader: boolean }[] {
  const otherwise = Array.from({ length: count }, (_, index) => index);
  return input
    .list('partitions', otherwise)
    .map((one) =>
      isTable(one)
        ? { id: Number(one['id']), hasLeader: one['hasLeader'] !== false }
        : { id: Number(one), hasLeader: true },
    );
}

function sticky(input: Fields, expected: Fields, findings: Findings): void {
  const listed = partitionsOf(input, 3);
  const ids = listed.map(({ id }) => id);
  const withLeader = listed.filter(({ hasLeader }) => hasLeader).map(({ id }) => id);
  const mayLeave = input.get('enableSwitch') !== false;
  const options = { stickyBatchSize: input.number('stickyBatchSize'), adaptive: input.flag('adaptive') };
  const appends = input.has('appends') ? input.numbers('appends') : [];
  const draws = input.number('draws', 0);
  let next = 0;
  let partitioner: StickyPartitioner;
  try {
    partitioner = new StickyPartitioner(options, (n) => next++ % n);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    findings.same('error', expected.get('error') ?? null, error.message.split(':')[0] ?? '');
    return;
  }
  if (expected.has('error')) findings.same('error', expected.text('error'), null);
  const before: number[] = [];
  let switchedAfter: number | null = null;
  appends.forEach((bytes, index) => {
    const current = partitioner.current(ids.length, withLeader);
    before.push(current);
    partitioner.appended(bytes, mayLeave, ids.length, withLeader);
    if (switchedAfter === null && partitioner.current(ids.length, withLeader) !== current) switchedAfter = index;
  });
  if (expected.has('partitionBeforeEachAppend')) {
    findings.same('partitions', expected.numbers('partitionBeforeEachAppend'), before);
  }
  for (const name of Object.keys(expected.record)) {
    const [, ordinal] = /^partitionAfter([A-Z][a-z]+)Append$/.exec(name) ?? [];
    const at = ordinal === undefined ? -1 : ordinalOf(ordinal);
    if (at < 0) continue;
    const after = at === appends.length - 1 ? partitioner.current(ids.length, withLeader) : (before[at + 1] ?? null);
    findings.same(name, expected.number(name), after);
  }
  if (expected.has('switchAfterAppendIndex')) {
    findings.same('switch', expected.get('switchAfterAppendIndex') ?? null, switchedAfter);
  }
  if (draws === 0) return;
  const chosen = new Set<number>();
  for (let draw = 0; draw < draws; draw++) {
    chosen.add(partitioner.current(ids.length, withLeader));
    partitioner.appended(options.stickyBatchSize * 2, true, ids.length, withLeader);
  }
  const all = [...chosen];
  if (expected.has('neverChosen')) {
    const never = [expected.get('neverChosen') ?? []].flat();
    findings.holds('neverChosen', !all.some((one) => never.includes(one)), never, all);
  }
  if (expected.has('alwaysChosen')) {
    const always = [expected.get('alwaysChosen') ?? []].flat();
    findings.holds('alwaysChosen', sameItems(always, all), always, all);
  }
}

// ── Assignors ───────────────────────────────────────────────────────────────────────────────────────────────────

function runAssignors(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const assignor = row.text('assignor');
  if (!assignors.has(assignor)) throw new UnknownShape(`the assignor ${assignor}`);
  const rounds = row.has('steps') ? row.rows('steps') : [row];
  for (const round of rounds) {
    const input = round.fields('input');
    const expected = round.fields('expected').skip(...EXPLAINING);
    if (input.has('memberSequence')) sequenceOfRounds(assignor, input, expected, findings);
    else oneRound(assignor, input, expected, findings);
    input.skip('note').end();
    expected.end();
  }
}

/** What a case says to people only. */
const EXPLAINING = ['documented', 'currentAlgorithm', 'algorithm', 'invariants', 'hashOrderSensitive', 'note'] as const;

function oneRound(assignor: string, input: Fields, expected: Fields, findings: Findings): void {
  const topics = topicsOf(input);
  const members = input.rows('members').map(memberOf);
  const shuffles = input.has('alsoForAllPermutationsOfGenerations')
    ? permutations(input.numbers('alsoForAllPermutationsOfGenerations'))
    : [];
  judgeRound(assignor, topics, members, expected, findings);
  for (const generations of shuffles) {
    const renumbered = members.map((member, index) => {
      const generation = generations[index];
      return generation === undefined ? member : { ...member, generation };
    });
    judgeRound(assignor, topics, renumbered, expected, findings);
  }
}

function topicsOf(input: Fields): Map<string, number> {
  return new Map(Object.entries(input.table('topics')).map(([topic, count]) => [topic, Number(count)]));
}

function memberOf(row: Fields): GroupSubscription {
  const member: GroupSubscription = {
    memberId: row.text('id'),
    topics: row.texts('topics'),
    ...(row.has('instanceId') && { instanceId: row.text('instanceId') }),
    ...(row.has('owned') && { owned: row.texts('owned') }),
    ...(row.has('generation') && { generation: row.number('generation') }),
  };
  row.end();
  return member;
}

interface Round {
  readonly assignment: Assignment;
  /** Partitions withheld for a following rebalance, with their future owners. */
  readonly transferring: ReadonlyMap<string, string>;
}

function assign(assignor: string, topics: Map<string, number>, members: readonly GroupSubscription[]): Round {
  if (assignor === 'cooperative-sticky') return assignCooperativeSticky(topics, members);
  const run = assignors.get(assignor);
  if (run === undefined) throw new UnknownShape(`the assignor ${assignor}`);
  return { assignment: run(topics, members), transferring: new Map() };
}

function judgeRound(
  assignor: string,
  topics: Map<string, number>,
  members: readonly GroupSubscription[],
  expected: Fields,
  findings: Findings,
): void {
  const round = assign(assignor, topics, members);
  const shown = Object.fromEntries(round.assignment);
  validRound(topics, members, round, findings);
  if (expected.has('assignment')) {
    const accepted = [expected.table('assignment'), ...expected.list('alternatives', []).filter(isTable)];
    const ordered = expected.flag('ordered');
    findings.holds(
      'assignment',
      accepted.some((one) => sameAssignment(one, shown, ordered)),
      accepted[0] ?? null,
      shown,
    );
  }
  for (const [member, kept] of Object.entries(expected.table('mustKeep'))) {
    const owned = round.assignment.get(member) ?? [];
    findings.holds(`${member} keeps`, isList(kept) && kept.every((one) => owned.includes(String(one))), kept, owned);
  }
  for (const [member, size] of Object.entries(expected.table('sizes'))) {
    findings.same(`size of ${member}`, size, round.assignment.get(member)?.length ?? 0);
  }
  if (expected.has('noPartitionAssignedTwice')) {
    const all = [...round.assignment.values()].flat();
    findings.same('no partition twice', expected.flag('noPartitionAssignedTwice'), new Set(all).size === all.length);
  }
  if (expected.has('eachMemberSizeBetween')) {
    const [least = 0, most = 0] = expected.numbers('eachMemberSizeBetween');
    const sizes = [...round.assignment.values()].map((partitions) => partitions.length);
    findings.holds(
      'sizes',
      sizes.every((size) => size >= least && size <= most),
      [least, most],
      sizes,
    );
  }
  if (expected.has('followUpRebalanceNeeded')) {
    findings.same('follow-up', expected.flag('followUpRebalanceNeeded'), revokes(members, round));
  }
  for (const [partition, member] of Object.entries(expected.table('partitionsTransferringOwnership'))) {
    const owned = round.assignment.get(String(member)) ?? [];
    const before = members.find(({ owned: had }) => had?.includes(partition));
    const moves =
      before?.memberId !== member && (owned.includes(partition) || round.transferring.get(partition) === member);
    findings.holds(`transfer of ${partition}`, moves, member, shown);
  }
}

/** Whether somebody has to give up what it owns by its newest claim, so that another rebalance follows (K54). */
function revokes(members: readonly GroupSubscription[], { assignment, transferring }: Round): boolean {
  if (transferring.size > 0) return true;
  const newest = new Map<string, number>();
  for (const { owned = [], generation = -1 } of members)
    for (const one of owned) newest.set(one, Math.max(generation, newest.get(one) ?? -1));
  return members.some(({ memberId, owned = [], generation = -1 }) =>
    owned.some((one) => generation === newest.get(one) && assignment.get(memberId)?.includes(one) !== true),
  );
}

function sameAssignment(wanted: JsonTable, got: JsonTable, ordered: boolean): boolean {
  const members = Object.keys(wanted);
  if (!sameItems(members, Object.keys(got))) return false;
  return members.every((member) => {
    const [one, other] = [wanted[member], got[member]];
    if (!isList(one) || !isList(other)) return false;
    return ordered ? sameJson(one, other) : sameItems(one, other);
  });
}

/** Each partition of a subscribed topic goes to exactly one subscriber, or is on its way to one. */
function validRound(
  topics: Map<string, number>,
  members: readonly GroupSubscription[],
  { assignment, transferring }: Round,
  findings: Findings,
): void {
  const owners = new Map<string, string[]>();
  for (const [member, partitions] of [...assignment, ...[...transferring].map(([p, m]) => [m, [p]] as const)]) {
    for (const partition of partitions) owners.set(partition, [...(owners.get(partition) ?? []), member]);
  }
  const subscribes = (member: string, topic: string) =>
    members.find(({ memberId }) => memberId === member)?.topics.includes(topic) === true;
  for (const [topic, count] of topics) {
    if (!members.some((member) => member.topics.includes(topic))) continue;
    for (let number = 0; number < count; number++) {
      const name = partitionName(topic, number);
      const here = owners.get(name) ?? [];
      findings.holds(`owner of ${name}`, here.length === 1 && subscribes(here[0] ?? '', topic), 'one subscriber', here);
    }
  }
}

/** Consecutive rebalances of members that own what the round before gave them. */
function sequenceOfRounds(assignor: string, input: Fields, expected: Fields, findings: Findings): void {
  const topics = topicsOf(input);
  const subscribed = input.texts('subscribe');
  const counts = expected.numbers('perMemberPerTopicCount');
  let before: Assignment = new Map();
  input.list('memberSequence').forEach((ids, round) => {
    if (!isList(ids)) throw new UnknownShape('memberSequence');
    const members = ids.map((id): GroupSubscription => {
      const memberId = String(id);
      const owned = before.get(memberId);
      return { memberId, topics: subscribed, ...(owned !== undefined && { owned, generation: round }) };
    });
    const result = assign(assignor, topics, members);
    validRound(topics, members, result, findings);
    for (const [member, partitions] of result.assignment) {
      for (const topic of subscribed) {
        const count = partitions.filter((partition) => topicOf(partition) === topic).length;
        findings.same(`round ${round}, ${member}, ${topic}`, counts[round] ?? null, count);
      }
    }
    before = result.assignment;
  });
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}
