/**
 * Kafka's options under their real names, with the defaults of the 4.0 line, and how the few that the machines read often are kept. Only
 * tables and a little reading: behaviour is in the node, the controller and the clients' ports.
 */
import { booleanOf, numberOf, type OptionTable, type OptionValues, textOf } from '../options.ts';
import type { CompactionOptions, PartitionLogOptions } from '../parts/partition-log.ts';
import type { Micros } from '../types.ts';

const MS = 1_000;
const SECOND = 1_000_000;
const DAY = 86_400 * SECOND;
/** `segment.bytes` and the like: the largest signed 32-bit integer is the real upper bound. */
const MAX_INT = 2_147_483_647;

export const BROKER_OPTIONS: OptionTable = {
  nodes: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 9,
    doc: 'Number of broker nodes, b1, b2, … With more than one there is also a controller.',
    source: 'K14',
  },
  'num.partitions': {
    type: 'integer',
    default: 1,
    min: 1,
    max: 1000,
    doc: 'Partitions of a topic that names no number of its own.',
    source: 'K1',
  },
  'default.replication.factor': {
    type: 'integer',
    default: 1,
    min: 1,
    max: 9,
    doc: 'Replicas of each partition of a topic that names no number of its own. At most the number of nodes counts.',
    source: 'K14',
  },
  'min.insync.replicas': {
    type: 'integer',
    default: 1,
    min: 1,
    doc: 'With acks=all, a write needs so many in-sync replicas, and the high watermark stands still below it. At most the replication factor counts.',
    source: 'K16, K17',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    default: false,
    doc: 'When no in-sync replica is alive, may a replica that lags become leader? Then everything it lacks is lost, even what acks=all confirmed.',
    source: 'K23',
  },
  'unclean.leader.election.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 300 * SECOND,
    min: 1,
    doc: 'How often the controller looks for partitions without a leader for which unclean elections were allowed meanwhile.',
    source: 'K23',
  },
  'eligible.leader.replicas.version': {
    type: 'integer',
    default: 0,
    min: 0,
    max: 1,
    doc: '1: replicas that leave the in-sync set while it is below min.insync.replicas are remembered as eligible and may lead without loss; the set may become empty, and then the last known leader leads when it is back. 0 in 4.0; new clusters have 1 since 4.1.',
    source: 'K22',
  },
  'replica.lag.time.max.ms': {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 1,
    doc: 'A follower that has not caught up for so long leaves the in-sync set. Looked at every half of it.',
    source: 'K19',
  },
  'replica.fetch.wait.max.ms': {
    type: 'duration',
    unit: 'ms',
    default: 500 * MS,
    min: 0,
    doc: 'How long a leader keeps a follower’s fetch waiting when there is nothing new.',
    source: 'K18',
  },
  'replica.socket.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 1,
    doc: 'A follower asks again when its fetch has not been answered for so long. A broken connection is noticed earlier.',
    source: 'K18',
  },
  'replica.fetch.backoff.ms': {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 0,
    doc: 'Pause of a follower after a refused fetch.',
    source: 'K18',
  },
  'broker.session.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 9 * SECOND,
    min: 1,
    doc: 'A node that the controller has not heard of for so long is fenced, and its partitions get other leaders.',
    source: 'K21',
  },
  'broker.heartbeat.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 1,
    doc: 'How often each node tells the controller that it is alive.',
    source: 'K21',
  },
  'auto.leader.rebalance.enable': {
    type: 'boolean',
    default: true,
    doc: 'Every leader.imbalance.check.interval.seconds, leadership goes back to the first replica of each partition where that one is in sync.',
    source: 'K21',
  },
  'leader.imbalance.check.interval.seconds': {
    type: 'duration',
    unit: 's',
    default: 300 * SECOND,
    min: 1,
    doc: 'How often leadership may go back to the preferred replicas.',
    source: 'K21',
  },
  'group.initial.rebalance.delay.ms': {
    type: 'duration',
    unit: 'ms',
    default: 3 * SECOND,
    min: 0,
    doc: 'An empty group waits so long for more members before its first generation.',
    source: 'K50',
  },
  'group.min.session.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 6 * SECOND,
    min: 0,
    doc: 'Smallest session.timeout.ms that a consumer may ask for.',
    source: 'K51',
  },
  'group.max.session.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 1800 * SECOND,
    min: 1,
    doc: 'Largest session.timeout.ms that a consumer may ask for.',
    source: 'K51',
  },
  'group.consumer.session.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 45 * SECOND,
    min: 1,
    doc: 'A member with group.protocol consumer that was not heard of for so long is removed.',
    source: 'K59',
  },
  'group.consumer.heartbeat.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 5 * SECOND,
    min: 1,
    doc: 'How often members with group.protocol consumer are told to send their heartbeat, by which they learn what they may own.',
    source: 'K59',
  },
  'group.consumer.assignors': {
    type: 'list',
    default: ['uniform', 'range'],
    doc: 'Assignors of the coordinator for group.protocol consumer: uniform, range. The first is taken when the members name none.',
    source: 'K59',
  },
  'group.share.session.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 45 * SECOND,
    min: 1,
    doc: 'A member of a share group that was not heard of for so long is removed. What it acquired comes back when its locks end.',
    source: 'K100',
  },
  'group.share.heartbeat.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 5 * SECOND,
    min: 1,
    doc: 'How often members of a share group are told to send their heartbeat.',
    source: 'K100',
  },
  'group.share.max.size': {
    type: 'integer',
    default: 200,
    min: 1,
    max: 1000,
    doc: 'Most members of a share group.',
    source: 'K100',
  },
  'group.share.record.lock.duration.ms': {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 15 * SECOND,
    max: 60 * SECOND,
    doc: 'How long a member of a share group holds a record that it acquired: the visibility timeout. A group may have its own, share.record.lock.duration.ms.',
    source: 'K102',
  },
  'group.share.delivery.count.limit': {
    type: 'integer',
    default: 5,
    min: 2,
    max: 10,
    doc: 'A share group is handed a record so many times at most. When the last of these deliveries ends without an acceptance, the record is archived: nobody of the group gets it again.',
    source: 'K104',
  },
  'group.share.partition.max.record.locks': {
    type: 'integer',
    default: 2000,
    min: 100,
    max: 4000,
    doc: 'Most offsets between the first record of a partition that a share group is not done with and the last one it was handed. Nothing new is handed out when they are reached.',
    source: 'K106',
  },
  'offsets.topic.num.partitions': {
    type: 'integer',
    default: 50,
    min: 1,
    max: 1000,
    doc: 'Partitions of __consumer_offsets; the leader of one of them coordinates a group.',
    source: 'K48',
  },
  'offsets.topic.replication.factor': {
    type: 'integer',
    default: 3,
    min: 1,
    max: 9,
    doc: 'Replicas of __consumer_offsets. At most the number of nodes counts.',
    source: 'K48',
  },
  'offsets.retention.minutes': {
    type: 'duration',
    unit: 'min',
    default: 7 * DAY,
    min: 60 * SECOND,
    doc: 'What a group has committed is forgotten when it has had no members for so long; under the consumer protocol, and for a group that never had members, when the commit is so old and it has none. With its last offset the group itself is deleted. Where it reads on then, auto.offset.reset says.',
    source: 'K71',
  },
  'offsets.retention.check.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 600 * SECOND,
    min: 1,
    doc: 'How often a group coordinator looks for committed offsets that have expired.',
    source: 'K71',
  },
  'transaction.state.log.num.partitions': {
    type: 'integer',
    default: 50,
    min: 1,
    max: 1000,
    doc: 'Partitions of __transaction_state; the leader of one of them coordinates a transactional id.',
    source: 'K36',
  },
  'transaction.state.log.replication.factor': {
    type: 'integer',
    default: 3,
    min: 1,
    max: 9,
    doc: 'Replicas of __transaction_state. At most the number of nodes counts.',
    source: 'K36',
  },
  'transaction.state.log.min.isr': {
    type: 'integer',
    default: 2,
    min: 1,
    doc: 'min.insync.replicas of __transaction_state.',
    source: 'K36',
  },
  'transaction.max.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 900 * SECOND,
    min: 1,
    doc: 'Largest transaction.timeout.ms that a producer may ask for. Who asks for more gets INVALID_TRANSACTION_TIMEOUT and cannot send.',
    source: 'K44',
  },
  'transactional.id.expiration.ms': {
    type: 'duration',
    unit: 'ms',
    default: 7 * DAY,
    min: 1,
    doc: 'A transactional id that was not used for so long is forgotten: its producer is told INVALID_PRODUCER_ID_MAPPING, aborts, and gets another producer id.',
    source: 'K44',
  },
  'transaction.remove.expired.transaction.cleanup.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 3_600_000_000,
    min: 1000,
    doc: 'How often transactional ids are looked for that were not used for transactional.id.expiration.ms.',
    source: 'K44',
  },
  'log.retention.check.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 300 * SECOND,
    min: 1,
    doc: 'How often old segments are looked for.',
    source: 'K78',
  },
  'log.flush.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 1,
    doc: 'How often what was written is forced to disk. A crash of the process loses nothing; a crash that loses the disk’s cache loses what came after the last flush. (The real default leaves it to the operating system, which takes about as long.)',
    source: 'K24',
  },
  'log.cleaner.backoff.ms': {
    type: 'duration',
    unit: 'ms',
    default: 15 * SECOND,
    min: 1,
    doc: 'How often the log cleaner looks for compacted logs that are dirty enough.',
    source: 'K83',
  },
  'log.cleaner.dedupe.buffer.size': {
    type: 'bytes',
    default: 134_217_728,
    min: 48,
    doc: 'Memory of the log cleaner for its index of keys, 24 bytes each, filled to nine tenths. A pass goes as far as it reaches.',
    source: 'K83',
  },
  'producer.id.expiration.ms': {
    type: 'duration',
    unit: 'ms',
    default: DAY,
    min: 1,
    doc: 'A producer that was idle for so long is forgotten; its next batch may begin with any sequence number.',
    source: 'K33',
  },
};

export const TOPIC_OPTIONS: OptionTable = {
  partitions: {
    type: 'integer',
    min: 1,
    max: 1000,
    doc: 'Number of partitions; num.partitions of the broker when left out.',
    source: 'K1',
  },
  'replication.factor': {
    type: 'integer',
    min: 1,
    max: 9,
    doc: 'Number of replicas of each partition; default.replication.factor of the broker when left out.',
    source: 'K14',
  },
  'min.insync.replicas': {
    type: 'integer',
    min: 1,
    doc: 'As the broker’s option of the same name, which counts when this is left out.',
    source: 'K16',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    doc: 'As the broker’s option of the same name, which counts when this is left out.',
    source: 'K23',
  },
  'retention.ms': {
    type: 'duration',
    unit: 'ms',
    default: 7 * DAY,
    min: 0,
    unlimited: true,
    doc: 'A closed segment whose newest record is older is removed, read or not. Looked at every log.retention.check.interval.ms.',
    source: 'K78, K79',
  },
  'retention.bytes': {
    type: 'integer',
    default: -1,
    min: -1,
    doc: 'Oldest segments are removed while what remains is at least so many bytes, per partition; -1 for no limit.',
    source: 'K78, K79',
  },
  'segment.bytes': {
    type: 'bytes',
    default: 1_073_741_824,
    min: 1,
    max: MAX_INT,
    doc: 'A segment is closed before it would grow beyond this. Only whole, closed segments are removed.',
    source: 'K79',
  },
  'segment.ms': {
    type: 'duration',
    unit: 'ms',
    default: 7 * DAY,
    min: 1,
    doc: 'A segment is closed when a record comes so long after its first one.',
    source: 'K79',
  },
  'cleanup.policy': {
    type: 'enum',
    values: ['delete', 'compact', 'compact,delete', 'delete,compact'],
    default: 'delete',
    doc: 'What becomes of old records. delete: closed segments are removed by age and size. compact: of each key only the newest record is kept, and a record without a key is refused with INVALID_RECORD. Both may hold.',
    source: 'K78, K82, K86',
  },
  'min.cleanable.dirty.ratio': {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    doc: 'With compact: the log is cleaned when a larger part of its closed segments was not looked at before.',
    source: 'K83',
  },
  'min.compaction.lag.ms': {
    type: 'duration',
    unit: 'ms',
    default: 0,
    min: 0,
    doc: 'With compact: a record is left alone for so long, so that readers who keep up see every value.',
    source: 'K83',
  },
  'max.compaction.lag.ms': {
    type: 'duration',
    unit: 'ms',
    default: -1,
    min: 1,
    unlimited: true,
    doc: 'With compact: a segment is closed after so long, and cleaned whatever min.cleanable.dirty.ratio says. -1 for no limit.',
    source: 'K83',
  },
  'delete.retention.ms': {
    type: 'duration',
    unit: 'ms',
    default: DAY,
    min: 0,
    doc: 'With compact: how long a tombstone stays, counted from the first clean that sees it. A reader that needs longer from the beginning to the end may miss it.',
    source: 'K84',
  },
  'message.timestamp.type': {
    type: 'enum',
    values: ['CreateTime', 'LogAppendTime'],
    default: 'CreateTime',
    doc: 'Whether a record carries the time of its producer or of the leader that stored it. Retention by time and seeking by time follow it.',
    source: 'K8',
  },
  'max.message.bytes': {
    type: 'bytes',
    default: 1_048_588,
    min: 0,
    doc: 'A batch larger than this is refused with MESSAGE_TOO_LARGE. Its producer sends it again in smaller parts, down to single records.',
    source: 'K26',
  },
};

export const PRODUCER_OPTIONS: OptionTable = {
  acks: {
    type: 'enum',
    values: ['all', -1, 0, 1],
    default: 'all',
    doc: '0: no answer is awaited. 1: the leader has it. all: everybody in the in-sync set has it.',
    source: 'K15',
  },
  'enable.idempotence': {
    type: 'boolean',
    doc: 'A retry of the same producer session is recognised and not stored again. On unless left out with acks other than all, with retries 0, or with more than five requests in flight. Said explicitly together with one of those it is an error.',
    source: 'K30',
  },
  retries: {
    type: 'integer',
    default: MAX_INT,
    min: 0,
    max: MAX_INT,
    doc: 'How often a failed request is sent again, within delivery.timeout.ms. Has no effect with acks=0.',
    source: 'K25',
  },
  'delivery.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 120 * SECOND,
    min: 0,
    doc: 'A record whose fate is not known so long after send() has failed, although it may be in the log.',
    source: 'K25, K28',
  },
  'request.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 1,
    doc: 'How long an answer is awaited before the request counts as failed.',
    source: 'K25',
  },
  'retry.backoff.ms': {
    type: 'duration',
    unit: 'ms',
    default: 100 * MS,
    min: 0,
    doc: 'Pause before the first retry; doubles up to retry.backoff.max.ms.',
    source: 'K25',
  },
  'retry.backoff.max.ms': {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 0,
    doc: 'Longest pause between retries.',
    source: 'K25',
  },
  'max.in.flight.requests.per.connection': {
    type: 'integer',
    default: 5,
    min: 1,
    doc: 'Unanswered requests per node. Above 1 and without idempotence, a retry may land behind its successors.',
    source: 'K27',
  },
  'linger.ms': {
    type: 'duration',
    unit: 'ms',
    default: 5 * MS,
    min: 0,
    doc: 'How long a batch waits for more records before it is sent.',
    source: 'K26',
  },
  'batch.size': {
    type: 'bytes',
    default: 16_384,
    min: 0,
    max: MAX_INT,
    doc: 'A batch is sent at this size without waiting.',
    source: 'K26',
  },
  'compression.type': {
    type: 'enum',
    values: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    default: 'none',
    doc: 'Batches are compressed before they are sent, and kept so: fewer bytes against a link’s bandwidth, in batch.size and in the log. How much smaller they get is compression.ratio, whatever the codec; the time that it takes is not modelled.',
    source: 'Producer Configs: compression.type',
  },
  'compression.ratio': {
    type: 'number',
    default: 0.5,
    min: 0.01,
    max: 1,
    doc: 'No option of Kafka: which part of its bytes is left of a message, with compression.type. It depends on what is in them.',
    source: 'simulation',
  },
  'buffer.memory': {
    type: 'bytes',
    default: 33_554_432,
    min: 0,
    doc: 'Bytes that may wait at the producer. A full buffer makes send() wait for max.block.ms.',
    source: 'K29',
  },
  'max.block.ms': {
    type: 'duration',
    unit: 'ms',
    default: 60 * SECOND,
    min: 0,
    doc: 'How long send() waits for room in the buffer or for metadata before it fails.',
    source: 'K29',
  },
  'metadata.max.age.ms': {
    type: 'duration',
    unit: 'ms',
    default: 300 * SECOND,
    min: 0,
    doc: 'Who leads which partition is asked again after so long, and at once after an answer that shows it changed.',
    source: 'K53',
  },
  partitioner: {
    type: 'enum',
    values: ['default', 'round-robin', 'crc32'],
    default: 'default',
    doc: 'For partitioner.class of the Java client and partitioner of librdkafka. default: murmur2 of the key, sticky for records without one. round-robin: keys are ignored. crc32: what librdkafka does by default.',
    source: 'K10-K13',
  },
  'partitioner.adaptive.partitioning.enable': {
    type: 'boolean',
    default: true,
    doc: 'Records without a key go more often to partitions with short queues at this producer.',
    source: 'K13',
  },
  'tombstone.attribute': {
    type: 'text',
    default: '',
    doc: 'No option of Kafka: messages in which this attribute is true go as tombstones, records without a value, which delete their key in a compacted topic.',
    source: 'K84',
  },
  'transactional.id': {
    type: 'text',
    default: '',
    doc: 'Makes the producer transactional. The name survives restarts, and a newer instance fences an older one. Instances after the first add their number.',
    source: 'K36',
  },
  'transaction.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 60 * SECOND,
    min: 1,
    doc: 'A transaction open for longer is aborted by its coordinator.',
    source: 'K44',
  },
  'transaction.size': {
    type: 'integer',
    default: 1,
    min: 1,
    doc: 'No option of Kafka: how many messages this application puts into one transaction before it commits (with a transactional.id).',
    source: 'K38',
  },
  'transaction.linger.ms': {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 0,
    doc: 'No option of Kafka: after so long this application ends a transaction although transaction.size is not reached.',
    source: 'K38',
  },
  'transaction.abort.probability': {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'No option of Kafka: chance that the application aborts a transaction instead of committing it.',
    source: 'K38',
  },
};

export const CONSUMER_OPTIONS: OptionTable = {
  'session.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 45 * SECOND,
    min: 1,
    doc: 'A member that was not heard of for so long is removed from the group.',
    source: 'K51',
  },
  'heartbeat.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 3 * SECOND,
    min: 1,
    doc: 'How often a member tells the coordinator that it is alive. Less than session.timeout.ms.',
    source: 'K51',
  },
  'max.poll.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 300 * SECOND,
    min: 1,
    doc: 'A member that does not come back for more records within this time leaves the group. It is also how long a rebalance waits for each member.',
    source: 'K50, K52',
  },
  'max.poll.records': {
    type: 'integer',
    default: 500,
    min: 1,
    doc: 'Most records that one poll() returns. The next poll comes when all of them are done.',
    source: 'K52',
  },
  'fetch.min.bytes': {
    type: 'bytes',
    default: 1,
    min: 0,
    doc: 'A fetch waits until so many bytes are there, at most fetch.max.wait.ms.',
    source: 'K6',
  },
  'fetch.max.wait.ms': {
    type: 'duration',
    unit: 'ms',
    default: 500 * MS,
    min: 0,
    doc: 'How long the broker keeps a fetch waiting when there is nothing to return.',
    source: 'K6',
  },
  'max.partition.fetch.bytes': {
    type: 'bytes',
    default: 1_048_576,
    min: 0,
    doc: 'Most bytes that a fetch returns for one partition.',
    source: 'K6',
  },
  'enable.auto.commit': {
    type: 'boolean',
    default: true,
    doc: 'What was returned by a poll is committed by a later one, every auto.commit.interval.ms. Otherwise the application commits each message when it settles it.',
    source: 'K67, K68',
  },
  'auto.commit.interval.ms': {
    type: 'duration',
    unit: 'ms',
    default: 5 * SECOND,
    min: 0,
    doc: 'Time between automatic commits.',
    source: 'K67',
  },
  'auto.offset.reset': {
    type: 'text',
    default: 'latest',
    doc: 'Where to begin when nothing is committed, or when the position no longer exists: latest, earliest, none (the consumer stops with an error), or by_duration: and an ISO 8601 duration, such as by_duration:PT1H, to begin that far back in time.',
    source: 'K70',
  },
  'isolation.level': {
    type: 'enum',
    values: ['read_uncommitted', 'read_committed'],
    default: 'read_uncommitted',
    doc: 'read_committed hides records of open and aborted transactions, and everything behind the first open one.',
    source: 'K46',
  },
  'partition.assignment.strategy': {
    type: 'list',
    default: ['range', 'cooperative-sticky'],
    doc: 'Assignors in order of preference: range, roundrobin, sticky, cooperative-sticky. The group takes one that all support.',
    source: 'K58, K61-K65',
  },
  'group.instance.id': {
    type: 'text',
    default: '',
    doc: 'Makes the member static: a restart within session.timeout.ms gets its partitions back without a rebalance. Instances after the first add their number.',
    source: 'K66',
  },
  'group.protocol': {
    type: 'enum',
    values: ['classic', 'consumer'],
    default: 'classic',
    doc: 'classic: all members meet at a barrier and their leader assigns. consumer: the coordinator assigns and brings each member there by its heartbeats, while the others go on. Then session.timeout.ms, heartbeat.interval.ms and partition.assignment.strategy do not count; the broker has group.consumer.session.timeout.ms and its like.',
    source: 'K59',
  },
  'group.remote.assignor': {
    type: 'enum',
    values: ['uniform', 'range'],
    doc: 'With group.protocol consumer: which of the coordinator’s assignors this member wants; the first of group.consumer.assignors when left out.',
    source: 'K59',
  },
  'group.type': {
    type: 'enum',
    values: ['consumer', 'share'],
    default: 'consumer',
    doc: 'No option of Kafka, whose applications take a KafkaConsumer or a KafkaShareConsumer. consumer: each partition has one owner, and offsets are committed. share: a share group; its members share partitions, and each record is acquired, and accepted, released or rejected, on its own.',
    source: 'K100',
  },
  'share.acknowledgement.mode': {
    type: 'enum',
    values: ['implicit', 'explicit'],
    default: 'implicit',
    doc: 'With group.type share. implicit: the next poll accepts all records of the last one, also those that failed. explicit: the application accepts, releases or rejects each of them, and the next poll takes that along.',
    source: 'K107',
  },
  'share.auto.offset.reset': {
    type: 'text',
    default: 'latest',
    doc: 'Where a share group begins in a partition: latest, earliest, or by_duration: and an ISO 8601 duration. The group’s own setting; the first member to fetch brings it.',
    source: 'K100',
  },
  'share.isolation.level': {
    type: 'enum',
    values: ['read_uncommitted', 'read_committed'],
    default: 'read_uncommitted',
    doc: 'As isolation.level, for a share group.',
    source: 'K100',
  },
  'share.record.lock.duration.ms': {
    type: 'duration',
    unit: 'ms',
    min: 15 * SECOND,
    max: 60 * SECOND,
    doc: 'A share group’s own group.share.record.lock.duration.ms.',
    source: 'K102',
  },
  'forward.to': {
    type: 'text',
    names: 'topic',
    doc: 'No option of Kafka: a topic to which this application writes one message for each that it has worked on, in one transaction with the offsets it commits. Then enable.auto.commit does not count.',
    source: 'K38, K47',
  },
  'transactional.id': {
    type: 'text',
    default: '',
    doc: 'With forward.to: the name under which its transactions go; instances add their number. The name of the consumer when left out.',
    source: 'K36',
  },
  'transaction.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 60 * SECOND,
    min: 1,
    doc: 'With forward.to: a transaction open for longer is aborted by its coordinator.',
    source: 'K44',
  },
  'retry.backoff.ms': {
    type: 'duration',
    unit: 'ms',
    default: 100 * MS,
    min: 0,
    doc: 'Pause before a failed request is sent again, and before a record that failed is read again.',
    source: 'K69, K91',
  },
  'request.timeout.ms': {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 1,
    doc: 'How long an answer is awaited before the request counts as failed.',
    source: 'K69',
  },
  'metadata.max.age.ms': {
    type: 'duration',
    unit: 'ms',
    default: 300 * SECOND,
    min: 0,
    doc: 'Who leads which partition is asked again after so long.',
    source: 'K53',
  },
};

/** What is said when somebody asks Kafka for something that it does not have: no count of deliveries, no nack, no dead letters in a consumer group. Source: K90. */
export const LACKS: Readonly<Record<string, string>> = {
  redrive:
    'Dead letters are records of a topic like any other: a consumer of that topic with `produces` to the first one sends them again.',
  VisibilityTimeout:
    'A consumer group has no lock per message. A partition has one owner; a stalled one loses it after session.timeout.ms or max.poll.interval.ms. A share group (group.type: share) has share.record.lock.duration.ms.',
  lock: 'A consumer group has no lock per message. Set session.timeout.ms and max.poll.interval.ms of the consumer instead; a share group (group.type: share) has share.record.lock.duration.ms.',
  'max-deliveries':
    'A consumer group counts no deliveries. A record that fails is read again until the application seeks past it. A share group (group.type: share) has group.share.delivery.count.limit.',
  maxReceiveCount:
    'A consumer group counts no deliveries. A record that fails is read again until the application seeks past it.',
  'dead-letter': 'A consumer group has no dead-letter queue. Applications publish failures to a topic of their own.',
  RedrivePolicy: 'A consumer group has no dead-letter queue. Applications publish failures to a topic of their own.',
  prefetch:
    'A Kafka consumer works on what a poll returned before it polls again. Set max.poll.records to bound how much that is.',
  DelaySeconds: 'Kafka has no delayed delivery. Consumers pause a partition until a record is due.',
  ttl: 'Records do not expire one by one. Set retention.ms of the topic.',
  queues: 'Kafka has topics; a queue is a topic that one consumer group reads.',
  exchanges: 'Kafka routes nothing: a producer names the topic, and the key picks the partition.',
  priority: 'A partition is read in order; there are no priorities. Use a topic for each.',
};

export const SIMPLIFICATIONS: readonly string[] = [
  'A consumer asks a new leader whether its log holds what was read (KIP-320) only where it could differ: a record read in the leader’s own epoch says enough (K24).',
  'Committed offsets of a topic to which no member subscribes any more expire only when the whole group is without members (K71); Kafka looks at each topic.',
  'Consumers fetch from leaders only (K77): from a follower they would read the same records in the same order, no further than its own high watermark.',
  'Nothing is moved to tiered storage (K87): what retention lets go is gone.',
  'There is no dead-letter topic: a consumer group has none (K90), Kafka Connect and Streams are left out (K92), and so is that of a share group (K93).',
  'The controller quorum is one actor that never loses its metadata; with a single node there is none.',
  'FindCoordinator is part of Metadata: clients learn the leaders of the internal partitions with all others.',
  'A restarted node is fenced when it registers again, even if its former session had not yet ended.',
  'The high watermark is checkpointed at every change, not every 5 s.',
  'A fetch brings at most max.poll.records, and while the application works none is begun, unless the consumer hears anew who leads. The real client fetches ahead.',
  'Producer ids are unique by node, not handed out in blocks.',
  'The minimum of 1 MiB for segment.bytes is not enforced, so that small logs can show retention.',
  'Only leaders clean a compacted log, and a pass of the cleaner takes no time. A follower’s copy keeps what it got until that node leads.',
  'What the share coordinator keeps of share groups is one table that survives everything and that each leader reaches at once. Deliveries that had begun stand in it; Kafka writes them down when they end, so that one that a failing leader cut short does not count there (K104).',
  'A share consumer does not give up on records that it was told to leave; their locks end. Share groups have no dead-letter queue (KIP-1191, K93).',
  'Kafka Connect, its dead-letter queue, and Kafka Streams are not there; forward.to writes on as a Streams application does (K92, K93).',
  'Producers’ clocks are right, so no timestamp is refused (K8).',
  'Topics are declared, none is made by being named (auto.create.topics.enable), and they keep their number of partitions for a whole run (K1).',
  'Transactions follow version 1 of their protocol: partitions are added by AddPartitionsToTxn before they are written to, and the epoch rises with InitProducerId and with fencing. With transaction.version 2 (KIP-890), which new clusters have since 4.0, the first write adds a partition, and the epoch rises with the end of each transaction (K38, K47).',
  'With idempotence, after one batch of a partition has failed, its later ones wait until its fate is known, and in the next epoch the numbers of all partitions begin anew, once nothing sent before is in doubt (K35).',
  'With group.protocol consumer, a static member whose former self has not been given up yet asks again and again, as if its process were restarted each time; the real client stops with UNRELEASED_INSTANCE_ID (K66).',
  'Fetch sessions save bytes and change no answer: each fetch names all its partitions. What a share consumer fetches is limited by records and not by bytes.',
  'A consumer that pauses partitions while it goes on polling is not there (K76): it polls when it is done with everything.',
  'A replica fetch or answer that the network loses is not sent again by the transport: the follower asks anew after replica.socket.timeout.ms.',
  'Quotas and racks are not there.',
];

/** What a topic's partitions go by, with the broker's defaults filled in. Changed in place when the timeline sets an option. */
export interface TopicConfig {
  minInsyncReplicas: number;
  unclean: boolean;
  log: PartitionLogOptions;
  logAppendTime: boolean;
  maxMessageBytes: number;
}

/** Reads a topic's options. */
export function topicConfig(topic: OptionValues, broker: OptionValues): TopicConfig {
  const policies = textOf(topic, 'cleanup.policy', 'delete').split(',');
  return {
    minInsyncReplicas: numberOf(topic, 'min.insync.replicas', numberOf(broker, 'min.insync.replicas', 1)),
    unclean: booleanOf(topic, 'unclean.leader.election.enable', booleanOf(broker, 'unclean.leader.election.enable')),
    log: {
      segmentBytes: numberOf(topic, 'segment.bytes', 1_073_741_824),
      segmentUs: numberOf(topic, 'segment.ms', 7 * DAY),
      retentionUs: numberOf(topic, 'retention.ms', 7 * DAY),
      retentionBytes: numberOf(topic, 'retention.bytes', -1),
      deletes: policies.includes('delete'),
      ...(policies.includes('compact') && { compaction: compactionOf(topic) }),
    },
    logAppendTime: textOf(topic, 'message.timestamp.type', 'CreateTime') === 'LogAppendTime',
    maxMessageBytes: numberOf(topic, 'max.message.bytes', 1_048_588),
  };
}

function compactionOf(topic: OptionValues): CompactionOptions {
  return {
    minDirtyRatio: numberOf(topic, 'min.cleanable.dirty.ratio', 0.5),
    minLagUs: numberOf(topic, 'min.compaction.lag.ms', 0),
    maxLagUs: numberOf(topic, 'max.compaction.lag.ms', -1),
    deleteRetentionUs: numberOf(topic, 'delete.retention.ms', DAY),
  };
}

/** An internal topic keeps everything: its records are small, and the newest of each name is what counts. */
export function internalTopicConfig(minInsyncReplicas: number): TopicConfig {
  return {
    minInsyncReplicas,
    unclean: false,
    log: { segmentBytes: 104_857_600, segmentUs: 7 * DAY, retentionUs: -1, retentionBytes: -1, deletes: false },
    logAppendTime: false,
    maxMessageBytes: MAX_INT,
  };
}

/** A broker's option in µs, as the node and the controller read it. */
export function durationOf(values: OptionValues, name: string): Micros {
  const spec = BROKER_OPTIONS[name];
  const otherwise = spec?.type === 'duration' ? (spec.default ?? 0) : 0;
  return numberOf(values, name, otherwise);
}

/** An integer option of the broker, or a size in bytes. */
export function integerOf(values: OptionValues, name: string): number {
  const spec = BROKER_OPTIONS[name];
  const otherwise = spec?.type === 'integer' || spec?.type === 'bytes' ? (spec.default ?? 0) : 0;
  return numberOf(values, name, otherwise);
}
