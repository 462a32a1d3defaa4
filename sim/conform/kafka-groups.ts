/**
 * Runs the Kafka vectors about consumer groups: which commits a group accepts in which state, under the classic protocol and the consumer protocol
 * (KIP-848), sessions that commits keep alive, the coordinator of a group, lag, and where a consumer begins. What a crash between poll and commit repeats or
 * leaves out, told in words, is in `kafka-told.ts`.
 */
import { KafkaCluster } from '../../core/brokers/kafka-cluster.ts';
import { KafkaNode } from '../../core/brokers/kafka-node.ts';
import { topicConfig } from '../../core/brokers/kafka-options.ts';
import type {
  Answer,
  OffsetCommitRequest,
  OffsetFetchAnswer,
  OffsetFetchRequest,
} from '../../core/brokers/kafka-wires.ts';
import {
  ConsumerGroup,
  type GroupAnswers,
  type GroupSnapshot,
  type GroupState,
} from '../../core/parts/consumer-group.ts';
import { EpochGroup, type EpochMember, type EpochSnapshot } from '../../core/parts/epoch-group.ts';
import { coordinatorPartition, javaStringHash } from '../../core/parts/murmur2.ts';
import { isWithin, parseOffsetReset, resetQuery } from '../../core/parts/offset-reset.ts';
import { PartitionReplica } from '../../core/parts/partition-replica.ts';
import { Fields, type Findings, isTable, type Json, type JsonTable, UnknownShape } from './case.ts';
import { told } from './kafka-told.ts';
import { MachineDriver } from './machine-driver.ts';

/** K51: the default of `session.timeout.ms`. */
const SESSION_US = 45_000_000;

const STATES: Readonly<Record<string, GroupState>> = {
  EMPTY: 'Empty',
  PREPARING_REBALANCE: 'PreparingRebalance',
  COMPLETING_REBALANCE: 'CompletingRebalance',
  STABLE: 'Stable',
  DEAD: 'Dead',
};

const NOBODY_ASKS: GroupAnswers<number> = {
  joined: () => undefined,
  synced: () => undefined,
  rebalancing: () => undefined,
  assigned: () => undefined,
  memberGone: () => undefined,
};

export function runGroups(table: JsonTable, findings: Findings): void {
  const row = new Fields(table, 'case');
  const input = row.fields('input').skip('note');
  const expected = row.fields('expected').skip('note');
  if (input.has('protocol')) epochCommits(input, expected, findings);
  else if (input.has('group')) commits(input, expected, findings);
  else if (input.has('groupId')) coordinator(input, expected, findings);
  else if (input.has('reset') || input.has('logStart')) starts(input, expected, findings);
  else if (input.has('scenario')) told(input.text('scenario'), expected, findings);
  else if (input.has('lastStable') || input.has('logEnd') || input.has('highWatermark')) lag(input, expected, findings);
  else throw new UnknownShape(`input with ${Object.keys(input.record).join(', ')}`);
  input.end();
  expected.end();
}

function commits(input: Fields, expected: Fields, findings: Findings): void {
  if (input.get('group') === null) return commitToNone(input, expected, findings);
  const group = restored(input.fields('group'), input.number('sessionTimeoutMs', SESSION_US / 1000) * 1000);
  if (!input.has('events')) {
    const commit = input.fields('commit');
    const error = commitTo(group, commit, 0);
    findings.same('error', expected.text('error'), error);
    const offset = commit.get('offset') ?? null;
    if (expected.has('committed'))
      findings.same('committed', expected.get('committed') ?? null, error === 'NONE' ? offset : null);
    commit.end();
    return;
  }
  const first = group.memberIds[0] ?? '';
  let now = 0;
  const present: Json[] = [];
  const errors: Json[] = [];
  for (const event of input.rows('events')) {
    now += event.number('advanceMs', 0) * 1000;
    group.tick(now, NOBODY_ASKS);
    if (event.has('commit')) errors.push(commitTo(group, event.fields('commit'), now));
    if (event.has('heartbeat')) {
      const beat = event.fields('heartbeat');
      errors.push(group.heartbeat(beat.text('memberId'), undefined, beat.number('generation'), now));
      beat.end();
    }
    event.end();
    present.push(group.memberIds.includes(first));
  }
  if (expected.has('memberPresent')) findings.same('memberPresent', expected.list('memberPresent'), present);
  if (expected.has('errors')) findings.same('errors', expected.list('errors'), errors);
}

/** The versions of OffsetCommit, of which a case may name one; the answer to a commit of a group that does not exist changed with the last. */
const COMMIT_VERSIONS = [8, 9] as const;

/** A commit to a group that nobody knows, asked of a node. Where no version is named, the answer must be that of some version. Source: K55. */
function commitToNone(input: Fields, expected: Fields, findings: Findings): void {
  const commit = input.fields('commit');
  const memberId = commit.text('memberId', '');
  const instanceId = commit.has('instanceId') ? commit.text('instanceId') : undefined;
  const generation = commit.number('generation', -1);
  const offset = commit.number('offset', 0);
  const from = input.has('version') ? input : commit;
  const versions = from.has('version') ? [from.number('version')] : COMMIT_VERSIONS;
  commit.end();
  const seen = versions.map((version) => {
    const driver = new MachineDriver();
    const cluster = new KafkaCluster({ nodes: 1 }, driver.setup);
    cluster.nodes.push(driver.out.self);
    cluster.addTopic('t', 1, 1, topicConfig({}, {}));
    cluster.groupPartition('group');
    driver.start(new KafkaNode(cluster, 1));
    const commitRequest: OffsetCommitRequest = {
      type: 'kafka/OffsetCommit',
      id: 1,
      version,
      group: 'group',
      memberId,
      instanceId,
      generation,
      offsets: [{ partition: 0, offset }],
    };
    const question: OffsetFetchRequest = {
      type: 'kafka/OffsetFetch',
      id: 2,
      group: 'group',
      partitions: [0],
      requireStable: false,
    };
    driver.receive(CLIENT, commitRequest);
    driver.receive(CLIENT, question);
    const answers = driver.take().map(({ wire }) => wire as Answer);
    const found = answers.find(({ id }) => id === 2) as OffsetFetchAnswer | undefined;
    const committed = found?.offsets[0]?.offset ?? -1;
    return {
      error: answers.find(({ id }) => id === 1)?.error ?? null,
      committed: committed < 0 ? null : committed,
    };
  });
  const wanted = expected.text('error');
  const errors = seen.map(({ error }) => error);
  findings.holds('error', errors.includes(wanted as (typeof errors)[number]), wanted, errors);
  if (expected.has('committed'))
    findings.same('committed', expected.get('committed') ?? null, seen[0]?.committed ?? null);
}

const CLIENT = 2;

function restored(fields: Fields, sessionTimeoutUs: number): ConsumerGroup<number> {
  const state = STATES[fields.text('state')];
  if (state === undefined) throw new UnknownShape(`the group state ${fields.text('state')}`);
  const members = fields.rows('members').map((member) => {
    const memberId = member.text('id');
    const instanceId = member.has('instanceId') ? member.text('instanceId') : undefined;
    member.end();
    return {
      memberId,
      instanceId,
      clientId: memberId,
      sessionTimeoutUs,
      rebalanceTimeoutUs: 300_000_000,
      assignors: ['range'],
      topics: [],
      assignment: [],
    };
  });
  const snapshot: GroupSnapshot = {
    generation: fields.number('generation', 0),
    assignor: 'range',
    leader: members[0]?.memberId ?? '',
    members,
  };
  fields.end();
  const limits = { initialRebalanceDelayUs: 0, minSessionTimeoutUs: 0, maxSessionTimeoutUs: Number.MAX_SAFE_INTEGER };
  const group = new ConsumerGroup<number>('group', limits);
  group.restore(snapshot, 0, state);
  return group;
}

function commitTo(group: ConsumerGroup<number>, commit: Fields, now: number): string {
  const instanceId = commit.has('instanceId') ? commit.text('instanceId') : undefined;
  const error = group.commitError(commit.text('memberId', ''), instanceId, commit.number('generation', -1), false, now);
  commit.skip('offset').end();
  return error;
}

function coordinator(input: Fields, expected: Fields, findings: Findings): void {
  const id = input.text('groupId');
  const partition = coordinatorPartition(id, input.number('offsets.topic.num.partitions', 50));
  if (expected.has('javaHash')) findings.same('javaHash', expected.number('javaHash'), javaStringHash(id));
  if (expected.has('offsetsPartition'))
    findings.same('offsetsPartition', expected.number('offsetsPartition'), partition);
}

/** Lag is what a reader of the isolation level has still before it. */
function lag(input: Fields, expected: Fields, findings: Findings): void {
  const committed = input.get('committed') ?? null;
  if (committed !== null && typeof committed !== 'number') throw new UnknownShape('the committed offset');
  // Nobody reads beyond the high watermark. Source: K73.
  const logEnd = input.has('logEnd') ? input.number('logEnd') : input.number('highWatermark');
  const end = Math.min(logEnd, input.number('highWatermark', logEnd));
  const ends = {
    lag: end,
    lagReadUncommitted: end,
    lagReadCommitted: Math.min(end, input.number('lastStable', end)),
  };
  for (const [name, end] of Object.entries(ends)) {
    // Without a commit there is nothing that a lag could be counted from.
    if (expected.has(name))
      findings.same(name, expected.get(name) ?? null, committed === null ? null : Math.max(0, end - committed));
  }
}

// ── The consumer protocol (KIP-848) ─────────────────────────────────────────────────────────────────────────────────

function epochCommits(input: Fields, expected: Fields, findings: Findings): void {
  const protocol = input.text('protocol');
  if (!/^consumer\b/.test(protocol)) throw new UnknownShape(`the protocol ${protocol}`);
  const epoch = input.number('memberEpoch', 0);
  const commit = input.fields('commit');
  const memberId = commit.text('memberId', 'member');
  const members = input.has('members')
    ? input.list('members').map((one): EpochMember => {
        const row = new Fields(isTable(one) ? one : { id: one }, 'member');
        const at = row.number('memberEpoch', epoch);
        const instanceId = row.has('instanceId') ? row.text('instanceId') : undefined;
        const member = memberAt(row.text('id'), instanceId, at);
        row.end();
        return member;
      })
    : [memberAt(memberId, undefined, epoch)];
  const group = new EpochGroup(
    { kind: 'consumer', sessionTimeoutUs: SESSION_US, assignor: 'uniform', maxSize: Number.MAX_SAFE_INTEGER },
    new Map(),
  );
  const newest = Math.max(epoch, ...members.map((member) => member.epoch));
  const topics = new Map<string, number>();
  const snapshot: EpochSnapshot = { kind: 'consumer', epoch: newest, topics, target: new Map(), members };
  group.restore(snapshot, 0);
  const error = group.commitError(memberId, commit.number('memberEpoch', -1));
  findings.same('error', expected.text('error'), error);
  const offset = commit.get('offset') ?? null;
  if (expected.has('committed'))
    findings.same('committed', expected.get('committed') ?? null, error === 'NONE' ? offset : null);
  commit.end();
}

function memberAt(memberId: string, instanceId: string | undefined, epoch: number): EpochMember {
  return {
    memberId,
    instanceId,
    topics: [],
    rebalanceTimeoutUs: 300_000_000,
    assignor: undefined,
    epoch,
    previousEpoch: epoch - 1,
    assigned: [],
    revoking: [],
  };
}

// ── Where a consumer begins ─────────────────────────────────────────────────────────────────────────────────────────

/** A log that begins at `start` and ends at `end`. */
function logOf(start: number, end: number): PartitionReplica<string> {
  const limitless = Number.MAX_SAFE_INTEGER;
  const replica = new PartitionReplica<string>({
    segmentBytes: limitless,
    segmentUs: limitless,
    retentionUs: -1,
    retentionBytes: -1,
    deletes: true,
  });
  const record = { key: null, value: 'v', timestampUs: 0, sizeBytes: 100 };
  const plain = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };
  for (let offset = 0; offset < end; offset++) replica.appendAsLeader({ ...plain, records: [record] }, 0, 0);
  replica.log.setHighWatermark(end);
  replica.log.deleteRecordsBefore(start);
  return replica;
}

/** Where a consumer begins: its committed offset, what the reset finds, or the exception that its user gets. Source: K70. */
function startAt(replica: PartitionReplica<string>, committed: number | null, reset: string): Json {
  const { startOffset, endOffset } = replica.log;
  if (isWithin(committed, startOffset, endOffset)) return committed;
  const wish = parseOffsetReset(reset);
  if (wish === undefined) throw new UnknownShape(`the reset ${reset}`);
  const query = resetQuery(wish, 0);
  if (query === undefined) return committed === null ? 'NoOffsetForPartitionException' : 'OffsetOutOfRangeException';
  return replica.offsetFor(query, 'read_uncommitted', 0) ?? endOffset;
}

function starts(input: Fields, expected: Fields, findings: Findings): void {
  const committed = input.get('committed') ?? null;
  if (committed !== null && typeof committed !== 'number') throw new UnknownShape('the committed offset');
  const replica = logOf(input.number('logStart', 0), input.number('logEnd'));
  const asked = input.get('reset') ?? 'latest';
  const all = [asked].flat().map((reset) => startAt(replica, committed, String(reset)));
  findings.same('startAt', expected.get('startAt') ?? null, Array.isArray(asked) ? all : (all[0] ?? null));
}
