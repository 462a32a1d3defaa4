/**
 * Pulsar's settings under their real names, with defaults and limits: those of `broker.conf`, the policies of a topic (as its namespace would carry them),
 * and those of the Java client's producers and consumers. Only tables, and the readings of them that several files share.
 */
import { booleanOf, numberOf, type OptionTable, type OptionValues, tableOf, textOf } from '../options.ts';
import type { LedgerRules, Retention } from '../parts/managed-ledger.ts';
import type { Micros } from '../types.ts';

const MS = 1_000;
const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const MB = 1_048_576;

export const BROKER_OPTIONS: OptionTable = {
  nodes: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 16,
    doc: 'Brokers. They hold no durable state: each topic partition is owned by one of them, and by another when that one is gone. Several have a metadata store beside them, called `controller` here.',
    source: 'P5',
  },
  bookies: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 16,
    doc: 'BookKeeper nodes, called bookie-1, bookie-2 and so on, each with a disk. 0 leaves them out of the picture: entries are then stored safely and at once.',
    source: 'P9, P10',
  },
  managedLedgerDefaultEnsembleSize: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 16,
    doc: 'E: over how many bookies a ledger is striped. At least the write quorum. (Prose pages say three copies by default; broker.conf says 2.)',
    source: 'P9',
  },
  managedLedgerDefaultWriteQuorum: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 16,
    doc: 'Qw: on how many bookies of the ensemble each entry is written.',
    source: 'P9, P10',
  },
  managedLedgerDefaultAckQuorum: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 16,
    doc: 'Qa: a publish is confirmed when so many bookies have flushed it. What is confirmed survives the loss of Qa − 1 of its bookies.',
    source: 'P9–P11',
  },
  addEntryTimeout: {
    type: 'duration',
    unit: 's',
    default: 5 * SECOND,
    min: SECOND,
    doc: 'A bookie that does not answer a write for this long counts as failed and is replaced in the ensemble.',
    source: 'P11; BookKeeper client: addEntryTimeoutSec',
  },
  metadataStoreSessionTimeoutMillis: {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: SECOND,
    doc: 'A broker that the metadata store has not heard of for this long loses its topics.',
    source: 'P5; broker.conf',
  },
  managedLedgerMaxEntriesPerLedger: {
    type: 'integer',
    default: 50_000,
    min: 1,
    doc: 'A ledger with so many entries is closed, once it has the age of managedLedgerMinLedgerRolloverTimeMinutes. What is deleted is whole closed ledgers.',
    source: 'P4',
  },
  managedLedgerMaxSizePerLedgerMbytes: {
    type: 'integer',
    default: 2048,
    min: 1,
    doc: 'The same by size, in MB.',
    source: 'P4',
  },
  managedLedgerMinLedgerRolloverTimeMinutes: {
    type: 'duration',
    unit: 'min',
    default: 10 * MINUTE,
    min: 0,
    doc: 'A full ledger stays open at least so long.',
    source: 'P4',
  },
  managedLedgerMaxLedgerRolloverTimeMinutes: {
    type: 'duration',
    unit: 'min',
    default: 240 * MINUTE,
    min: SECOND,
    doc: 'A ledger of this age is closed, full or not.',
    source: 'P4',
  },
  managedLedgerDefaultMarkDeleteRateLimit: {
    type: 'number',
    default: 1,
    min: 0.01,
    max: 1000,
    doc: 'Cursors are written down at most so often per second: after a crash of the broker, acks since then are forgotten and their messages come again.',
    source: 'P31',
  },
  managedLedgerMaxUnackedRangesToPersist: {
    type: 'integer',
    default: 10_000,
    min: 0,
    doc: 'At most so many ranges of single acks behind the mark-delete position are written down; further ones live in memory only.',
    source: 'P32',
  },
  maxMessageSize: { type: 'bytes', default: 5_242_880, min: 1, doc: 'Larger messages are refused.', source: 'P8' },
  allowAutoSubscriptionCreation: {
    type: 'boolean',
    default: true,
    doc: 'Whether a consumer that names a new subscription creates it.',
    source: 'P16, P46',
  },
  maxUnackedMessagesPerConsumer: {
    type: 'integer',
    default: 50_000,
    min: 0,
    doc: 'Shared and Key_Shared: a consumer that holds so many unacked messages gets no more until it is down to half. 0 is no limit.',
    source: 'P28',
  },
  maxUnackedMessagesPerSubscription: {
    type: 'integer',
    default: 200_000,
    min: 0,
    doc: 'The same for a whole subscription.',
    source: 'P28',
  },
  dispatcherMaxRoundRobinBatchSize: {
    type: 'integer',
    default: 20,
    min: 1,
    doc: 'Shared: how many entries one consumer gets before it is the turn of the next.',
    source: 'P20; broker.conf',
  },
  activeConsumerFailoverDelayTimeMillis: {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 0,
    doc: 'Failover: how long a new active consumer waits before it gets what is unacked, so that late acks of the former one still count.',
    source: 'P19',
  },
  subscriptionKeySharedUseConsistentHashing: {
    type: 'boolean',
    default: false,
    doc: 'Key_Shared auto-split: by points on a ring instead of by halving ranges. Later releases are said to switch it on.',
    source: 'P22, P23',
  },
  subscriptionKeySharedConsistentHashingReplicaPoints: {
    type: 'integer',
    default: 100,
    min: 1,
    max: 1000,
    doc: 'Points of each consumer on the ring.',
    source: 'P23',
  },
  subscriptionKeySharedUseClassicPersistentImplementation: {
    type: 'boolean',
    default: false,
    doc: 'Key_Shared as before 4.0: a consumer that joins gets nothing until everything that was read before it came is acked. Since 4.0 only the keys that moved and still have unacked messages wait.',
    source: 'P25',
  },
  redeliveryCountOnDisconnect: {
    type: 'boolean',
    default: true,
    doc: 'Whether a message that comes back because its consumer went away counts as redelivered for the dead-letter policy. Versions differ. (Not a real option: a choice between them.)',
    source: 'P40',
  },
  delayedDeliveryEnabled: {
    type: 'boolean',
    default: true,
    doc: 'Whether deliverAfter is honoured at all.',
    source: 'P69',
  },
  delayedDeliveryTickTimeMillis: {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 1 * MS,
    doc: 'How finely delays are kept.',
    source: 'P69',
  },
  isDelayedDeliveryDeliverAtTimeStrict: {
    type: 'boolean',
    default: false,
    doc: 'false: a delayed message may come up to one tick early. true: never early, and up to two ticks late.',
    source: 'P69',
  },
  brokerDeduplicationEnabled: {
    type: 'boolean',
    default: false,
    doc: 'Keeps the highest sequence id of each producer name, and stores nothing at or below it again. It needs a producerName that stays the same.',
    source: 'P60, P63',
  },
  brokerDeduplicationMaxNumberOfProducers: {
    type: 'integer',
    default: 10_000,
    min: 1,
    doc: 'Producer names that are remembered at most, per topic partition.',
    source: 'P62',
  },
  brokerDeduplicationProducerInactivityTimeoutMinutes: {
    type: 'duration',
    unit: 'min',
    default: 360 * MINUTE,
    min: MINUTE,
    doc: 'A producer name that is not heard of for so long is forgotten.',
    source: 'P62',
  },
  ttlDurationDefaultInSeconds: {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    doc: 'Unacked messages older than this are acked by the broker itself, per subscription. 0 is off. `messageTTL` of a topic overrides it.',
    source: 'P52',
  },
  messageExpiryCheckIntervalInMinutes: {
    type: 'duration',
    unit: 'min',
    default: 5 * MINUTE,
    min: SECOND,
    doc: 'How often TTL is looked at, so it acts so much later at the most.',
    source: 'P52',
  },
  defaultRetentionTimeInMinutes: {
    type: 'duration',
    unit: 'min',
    default: 0,
    min: 0,
    unlimited: true,
    doc: 'How long messages stay that every subscription has acked (or none wants). −1 is for ever, 0 not at all; backlog is kept in any case.',
    source: 'P49, P50',
  },
  defaultRetentionSizeInMB: {
    type: 'integer',
    default: 0,
    min: -1,
    doc: 'The same by size; with both, whatever is reached first deletes. One of the two 0 and the other above 0 is invalid.',
    source: 'P49, P50',
  },
  retentionCheckIntervalInSeconds: {
    type: 'duration',
    unit: 's',
    default: 120 * SECOND,
    min: SECOND,
    doc: 'How often ledgers that nothing holds back are deleted.',
    source: 'P51',
  },
  backlogQuotaCheckIntervalInSeconds: {
    type: 'duration',
    unit: 's',
    default: 60 * SECOND,
    min: SECOND,
    doc: 'How often backlogs are compared with their quota.',
    source: 'P54',
  },
  brokerDeleteInactiveTopicsEnabled: {
    type: 'boolean',
    default: true,
    doc: 'A topic that has had no subscription and no producer for 60 s is deleted. Topics that the file declares stay.',
    source: 'P55',
  },
  transactionCoordinatorEnabled: {
    type: 'boolean',
    default: false,
    doc: 'Whether there are transaction coordinators.',
    source: 'P64',
  },
  managedLedgerOffloadAutoTriggerSizeThresholdBytes: {
    type: 'integer',
    default: -1,
    min: -1,
    doc: 'Closed ledgers are copied to tiered storage while what is not copied exceeds this. −1 is off, 0 as soon as possible.',
    source: 'P72',
  },
  managedLedgerOffloadDeletionLagMs: {
    type: 'duration',
    unit: 'ms',
    default: 14_400 * SECOND,
    min: 0,
    doc: 'So long after the copy bookies drop theirs.',
    source: 'P72',
  },
};

export const TOPIC_OPTIONS: OptionTable = {
  partitions: {
    type: 'integer',
    default: 0,
    min: 0,
    doc: 'A partitioned topic is so many topics, each with its own order, cursors and owner. 0 is a plain topic.',
    source: 'P1, P2',
  },
  persistent: {
    type: 'boolean',
    default: true,
    doc: 'false is a non-persistent:// topic: nothing is stored, and whoever is not connected with free permits at that moment misses the message.',
    source: 'P1, P7',
  },
  subscriptions: {
    type: 'list',
    default: [],
    doc: 'Subscriptions that exist from the start, before any consumer comes: every message is kept for them.',
    source: 'P16',
  },
  messageTTL: {
    type: 'duration',
    unit: 's',
    min: 0,
    doc: 'Overrides ttlDurationDefaultInSeconds: unacked messages older than this are acked away.',
    source: 'P52',
  },
  retentionTime: {
    type: 'duration',
    unit: 'min',
    min: 0,
    unlimited: true,
    doc: 'Overrides defaultRetentionTimeInMinutes.',
    source: 'P50, P53',
  },
  retentionSizeInMB: { type: 'integer', min: -1, doc: 'Overrides defaultRetentionSizeInMB.', source: 'P50' },
  backlogQuota: {
    type: 'object',
    doc: 'What happens when the backlog of the slowest subscription is too large or too old.',
    source: 'P54',
    fields: {
      limitSize: { type: 'bytes', min: 1, doc: 'Largest backlog (destination_storage).', source: 'P54' },
      limitTime: {
        type: 'duration',
        unit: 's',
        min: SECOND,
        doc: 'Greatest age of its oldest message (message_age).',
        source: 'P54',
      },
      policy: {
        type: 'enum',
        values: ['producer_request_hold', 'producer_exception', 'consumer_backlog_eviction'],
        default: 'producer_request_hold',
        doc: 'Producers wait (until their sendTimeout), producers are refused, or the oldest unacked messages are acked away: loss.',
        source: 'P54',
      },
    },
  },
  deduplicationEnabled: {
    type: 'boolean',
    doc: 'Overrides brokerDeduplicationEnabled for this topic.',
    source: 'P60',
  },
  compactionThreshold: {
    type: 'bytes',
    min: 0,
    doc: 'After so many bytes the topic is compacted: consumers with readCompacted then see only the latest message of each key up to there. 0 is never.',
    source: 'P59',
  },
};

export const PRODUCER_OPTIONS: OptionTable = {
  producerName: {
    type: 'text',
    doc: 'A name that stays the same over restarts, for deduplication. Without one the broker makes a new one for each process. Two producers of one name on a topic: the second is refused (ProducerBusy).',
    source: 'P13, P14, P60, P63',
  },
  accessMode: {
    type: 'enum',
    values: ['Shared', 'Exclusive', 'WaitForExclusive', 'ExclusiveWithFencing'],
    default: 'Shared',
    doc: 'Shared: several may publish. Exclusive: a second one fails. WaitForExclusive: it waits. ExclusiveWithFencing: it throws the other one out.',
    source: 'P14',
  },
  sendTimeout: {
    type: 'duration',
    unit: 'ms',
    default: 30 * SECOND,
    min: 0,
    doc: 'A message that is not confirmed for this long has failed, although it may be stored. 0 is never, which order under deduplication needs.',
    source: 'P12, P63',
  },
  messageRoutingMode: {
    type: 'enum',
    values: ['RoundRobinPartition', 'SinglePartition'],
    default: 'RoundRobinPartition',
    doc: 'Where messages without a key go; those with a key go to the partition of its hash.',
    source: 'P6',
  },
  hashingScheme: {
    type: 'enum',
    values: ['JavaStringHash', 'Murmur3_32Hash'],
    default: 'JavaStringHash',
    doc: 'Hash of a key for its partition. Producers that disagree split a key over two partitions.',
    source: 'P6',
  },
  batchingEnabled: {
    type: 'boolean',
    default: true,
    doc: 'Gathers messages into one entry. Delayed messages are never batched.',
    source: 'P15',
  },
  batcherBuilder: {
    type: 'enum',
    values: ['DEFAULT', 'KEY_BASED'],
    default: 'DEFAULT',
    doc: 'KEY_BASED keeps each key in batches of its own. Key_Shared needs that (or no batching): a batch goes where its first key belongs.',
    source: 'P26',
  },
  batchingMaxPublishDelay: {
    type: 'duration',
    unit: 'ms',
    default: MS,
    min: 0,
    doc: 'How long a batch waits for more.',
    source: 'P15',
  },
  batchingMaxMessages: { type: 'integer', default: 1000, min: 1, doc: 'Messages in a batch at most.', source: 'P15' },
  batchingMaxBytes: { type: 'bytes', default: 131_072, min: 1, doc: 'Bytes in a batch at most.', source: 'P15' },
  deliverAfter: {
    type: 'duration',
    unit: 'ms',
    default: 0,
    min: 0,
    doc: 'Delays each message. Honoured by Shared and Key_Shared subscriptions; Exclusive and Failover deliver at once.',
    source: 'P69',
  },
  enableTransaction: {
    type: 'boolean',
    default: false,
    doc: 'Publishes in transactions of transactionMessages messages: all of them become visible together, or none.',
    source: 'P64–P66',
  },
  transactionMessages: {
    type: 'integer',
    default: 10,
    min: 1,
    doc: 'Messages in a transaction of this producer.',
    source: 'P65',
  },
  transactionTimeout: {
    type: 'duration',
    unit: 'ms',
    default: 60 * SECOND,
    min: SECOND,
    doc: 'A transaction that is open for longer is aborted by its coordinator, as is that of a client that died.',
    source: 'P65, P68',
  },
};

const DEAD_LETTER_POLICY: OptionTable = {
  maxRedeliverCount: {
    type: 'integer',
    min: 1,
    doc: 'N: a message is shown 1 + N times; the next request to redeliver it moves it. 16 with enableRetry when nothing is said.',
    source: 'P43, P44, P48',
  },
  deadLetterTopic: { type: 'text', doc: 'Instead of TOPIC-SUBSCRIPTION-DLQ.', source: 'P43' },
  retryLetterTopic: { type: 'text', doc: 'Instead of TOPIC-SUBSCRIPTION-RETRY.', source: 'P48' },
  initialSubscriptionName: {
    type: 'text',
    doc: 'A subscription that is created with the dead-letter topic. Without one, and without retention, dead letters are deleted at once.',
    source: 'P46',
  },
};

const BACKOFF: OptionTable = {
  minDelay: { type: 'duration', unit: 'ms', default: SECOND, min: 0, doc: 'The first wait.', source: 'P41' },
  maxDelay: { type: 'duration', unit: 'ms', default: 60 * SECOND, min: 0, doc: 'The longest wait.', source: 'P41' },
  multiplier: {
    type: 'number',
    default: 2,
    min: 1,
    max: 100,
    doc: 'Each wait is so many times the last.',
    source: 'P41',
  },
};

export const CONSUMER_OPTIONS: OptionTable = {
  subscriptionName: {
    type: 'text',
    doc: 'The subscription; its consumers share it. By default the group, which by default is the name of the consumer here.',
    source: 'P16',
  },
  subscriptionType: {
    type: 'enum',
    values: ['Exclusive', 'Failover', 'Shared', 'Key_Shared'],
    default: 'Exclusive',
    doc: 'Exclusive: one consumer. Failover: one at a time, the others stand by. Shared: round-robin. Key_Shared: shared, one consumer per key. All consumers of a subscription must say the same.',
    source: 'P17–P21',
  },
  subscriptionInitialPosition: {
    type: 'enum',
    values: ['Latest', 'Earliest'],
    default: 'Latest',
    doc: 'Where a new subscription begins. Latest misses what was published before.',
    source: 'P16',
  },
  subscriptionMode: {
    type: 'enum',
    values: ['Durable', 'NonDurable'],
    default: 'Durable',
    doc: 'NonDurable is a Reader: its cursor lives in the broker’s memory and holds nothing back.',
    source: 'P16, P58',
  },
  receiverQueueSize: {
    type: 'integer',
    default: 1000,
    min: 0,
    doc: 'How many messages the client prefetches per topic partition; they count as delivered. Permits go back to the broker when half is used. 0 fetches each message when it is asked for.',
    source: 'P27',
  },
  priorityLevel: {
    type: 'integer',
    default: 0,
    min: 0,
    doc: 'Smaller goes first: in Shared while it has permits, in Failover for being active.',
    source: 'P19, P20',
  },
  acknowledgmentGroupTime: {
    type: 'duration',
    unit: 'ms',
    default: 100 * MS,
    min: 0,
    doc: 'Acks are gathered for so long; a crash loses those that were not sent. 0 sends each at once.',
    source: 'P31',
  },
  ackReceiptEnabled: {
    type: 'boolean',
    default: false,
    doc: 'Waits for the broker’s answer to an ack.',
    source: 'P31',
  },
  cumulativeAck: {
    type: 'boolean',
    default: false,
    doc: 'Acks everything up to the message that is done. Exclusive and Failover only: it is an error on the others.',
    source: 'P30',
  },
  acknowledgmentAtBatchIndexLevelEnabled: {
    type: 'boolean',
    default: false,
    doc: 'Acks single messages of a batch; otherwise a batch is acked when all of it is, and comes again whole. On by default from 4.1.',
    source: 'P33',
  },
  negativeAckRedeliveryDelay: {
    type: 'duration',
    unit: 'ms',
    default: 60 * SECOND,
    min: 0,
    doc: 'How long the client waits after a negative ack before it asks for the message again. The wait lives in its memory: a crash redelivers at once.',
    source: 'P37',
  },
  negativeAckRedeliveryBackoff: {
    type: 'object',
    doc: 'MultiplierRedeliveryBackoff: the wait after a negative ack grows with each redelivery, instead of negativeAckRedeliveryDelay.',
    source: 'P41',
    fields: BACKOFF,
  },
  ackTimeout: {
    type: 'duration',
    unit: 'ms',
    default: 0,
    min: 0,
    doc: 'A message that the application has had for so long without acking it is asked for again. 0 is off, at least 1 s.',
    source: 'P38',
  },
  ackTimeoutTickTime: {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 100 * MS,
    doc: 'How often that is looked at.',
    source: 'P38',
  },
  ackTimeoutRedeliveryBackoff: {
    type: 'object',
    doc: 'A growing wait after each ackTimeout.',
    source: 'P41',
    fields: BACKOFF,
  },
  deadLetterPolicy: {
    type: 'object',
    doc: 'Where messages go that were redelivered too often. Shared and Key_Shared only; it is the client that moves them.',
    source: 'P43–P47',
    fields: DEAD_LETTER_POLICY,
  },
  enableRetry: {
    type: 'boolean',
    default: false,
    doc: 'A message that failed is published to a retry-letter topic with a delay (reconsumeLater) and acked. Unlike a negative ack that survives a crash; the copy has a new place in the order.',
    source: 'P48',
  },
  reconsumeLaterDelay: {
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 0,
    doc: 'The delay that the application asks for with reconsumeLater.',
    source: 'P48',
  },
  keySharedMode: {
    type: 'enum',
    values: ['AUTO_SPLIT', 'STICKY'],
    default: 'AUTO_SPLIT',
    doc: 'AUTO_SPLIT divides the hashes among who is there; STICKY takes keySharedRanges.',
    source: 'P22–P24',
  },
  keySharedRanges: {
    type: 'list',
    default: [],
    doc: 'STICKY: hash ranges such as `0..32767`, both ends included. The k-th instance takes the k-th range, or all when there is one instance.',
    source: 'P24',
  },
  allowOutOfOrderDelivery: {
    type: 'boolean',
    default: false,
    doc: 'Key_Shared: a key that moves need not wait until its former consumer is done with it.',
    source: 'P25',
  },
  'forward.to': {
    type: 'text',
    names: 'topic',
    doc: 'A topic to which this application writes one message for each that it has worked on, in one transaction with the ack of the input: newMessage(txn) and acknowledge(id, txn), then commit. Of a consumer that settles after processing.',
    source: 'P64, P66, P67',
  },
  transactionTimeout: {
    type: 'duration',
    unit: 'ms',
    default: 60 * SECOND,
    min: SECOND,
    doc: 'With forward.to: a transaction that is open for longer is aborted by its coordinator, as is that of a process that died; until then nobody is handed what it had acked.',
    source: 'P65, P67, P68',
  },
  readCompacted: {
    type: 'boolean',
    default: false,
    doc: 'Sees only the latest message of each key of what is compacted. Exclusive and Failover only.',
    source: 'P59',
  },
};

export const LACKS: Readonly<Record<string, string>> = {
  fill: 'A bookie whose disk is full takes no more writes, and ledgers go on with other bookies; that is not modelled. A bookie that crashes shows as much.',
  redrive:
    'Dead letters are messages of a topic like any other: a consumer of that topic with `produces` to the first one sends them again.',
  queues:
    'Pulsar has topics; what a queue is elsewhere is a subscription, which consumers name by `group:` or `subscriptionName`.',
  exchanges: 'Pulsar has no exchanges: each subscription of a topic gets every message.',
  prefetch: 'Pulsar has receiverQueueSize: how many messages the client holds, per topic partition.',
  acks: 'Pulsar confirms a publish when managedLedgerDefaultAckQuorum bookies have flushed it; that is a setting of the broker.',
  VisibilityTimeout:
    'Pulsar has no lock by time at the broker: an unacked message comes back when its consumer goes away, by a negative ack, or by the client’s own ackTimeout.',
  lock: 'Pulsar has no lock by time; see ackTimeout.',
  'max.poll.interval.ms': 'Pulsar pushes, and nothing is asked of a slow consumer; ackTimeout is the client’s own.',
  'auto.offset.reset': 'Pulsar has subscriptionInitialPosition.',
  RedrivePolicy: 'Pulsar has deadLetterPolicy, a setting of the consumer.',
  'x-message-ttl': 'Pulsar has messageTTL.',
  'max-deliveries': 'Pulsar has deadLetterPolicy.maxRedeliverCount.',
  'enable.idempotence': 'Pulsar has brokerDeduplicationEnabled together with producerName.',
  'replication.factor': 'Pulsar has managedLedgerDefaultWriteQuorum.',
  'min.insync.replicas': 'Pulsar has managedLedgerDefaultAckQuorum.',
};

export const SIMPLIFICATIONS: readonly string[] = [
  'Topics move between brokers one by one, not in bundles, and load does not move them (P5).',
  'A broker that has lost a topic stops dispatching it at once; the real one may go on until it notices. Its writes are fenced as they are there (P5).',
  'Cursors, deduplication snapshots and transaction logs are kept safely with the metadata store, not in ledgers of their own (P31, P62).',
  'The owner of a topic copies what a lost bookie held to another one; the real auditor runs on the bookies (P11).',
  'Ledgers on bookies are told apart by topic partition, and an ensemble change holds for what follows it (P10, P11).',
  'What the metadata store does takes no time beyond its hops; it does not crash unless the scenario makes it (P5).',
  'Chunking, schemas, geo-replication, subscription expiry and readers that start in the middle of a batch are left out: one that lost its connection there gets the batch whole (P8, P16, P57).',
  'Key_Shared reads ahead over at most 20,000 entries of keys that wait (P21).',
  'A compacted batch is kept whole when one of its messages is the latest of its key. What is compacted lies where it was published, and is deleted with its ledger: the real compacted ledger outlives that (P59).',
  'The first consumer of a Failover subscription is served at once; the real broker lets it wait activeConsumerFailoverDelayTimeMillis like one that takes over (P19).',
  'Every dead letter tells by RECONSUMETIMES how often it was redelivered; the real client adds that to messages that went through the retry topic only (P47).',
  'Custom message routers and the consistent-hash choice of a Failover consumer (PIP-392) are left out (P6, P19).',
  'A dead letter is told to have left its subscription when its copy is stored; if the ack that follows is lost and the original is handed out again, it is told to be taken back (P45).',
  'All read what is committed: transactionIsolationLevel is not there (P66).',
  'Consumers ack one by one within their transactions, though the broker carries out a cumulative ack as well; a batch of which one message is acked in an open transaction is not handed out again before its end (P67).',
  'The log of pending acks is kept safely beside the cursor, which is written down when a transaction with acks is committed (P31, P67).',
  'One transaction coordinator per cluster, on the first broker, which remembers its transactions over a crash (P64).',
];

export interface BrokerSettings {
  readonly nodes: number;
  readonly bookies: number;
  readonly ensemble: number;
  readonly writeQuorum: number;
  readonly ackQuorum: number;
  readonly addEntryTimeoutUs: Micros;
  readonly sessionTimeoutUs: Micros;
  readonly ledger: LedgerRules;
  readonly markDeleteEveryUs: Micros;
  readonly maxRangesToPersist: number;
  readonly maxMessageSize: number;
  readonly autoSubscription: boolean;
  readonly maxUnackedPerConsumer: number;
  readonly maxUnackedPerSubscription: number;
  readonly roundRobinBatch: number;
  readonly failoverDelayUs: Micros;
  readonly consistentHashing: boolean;
  readonly ringPoints: number;
  readonly classicKeyShared: boolean;
  readonly countDisconnects: boolean;
  readonly delayedDelivery: boolean;
  readonly delayTickUs: Micros;
  readonly delayStrict: boolean;
  readonly dedup: boolean;
  readonly dedupProducers: number;
  readonly dedupInactiveUs: Micros;
  readonly ttlUs: Micros;
  readonly expiryCheckUs: Micros;
  readonly retention: Retention;
  readonly retentionCheckUs: Micros;
  readonly quotaCheckUs: Micros;
  readonly deleteInactive: boolean;
  readonly transactions: boolean;
  readonly offloadThreshold: number;
  readonly offloadLagUs: Micros;
}

export function brokerSettings(given: OptionValues): BrokerSettings {
  const options = { ...defaults(BROKER_OPTIONS), ...given };
  const n = (name: string): number => numberOf(options, name);
  return {
    nodes: n('nodes'),
    bookies: n('bookies'),
    ensemble: n('managedLedgerDefaultEnsembleSize'),
    writeQuorum: n('managedLedgerDefaultWriteQuorum'),
    ackQuorum: n('managedLedgerDefaultAckQuorum'),
    addEntryTimeoutUs: n('addEntryTimeout'),
    sessionTimeoutUs: n('metadataStoreSessionTimeoutMillis'),
    ledger: {
      maxEntries: n('managedLedgerMaxEntriesPerLedger'),
      maxBytes: n('managedLedgerMaxSizePerLedgerMbytes') * MB,
      minRolloverUs: n('managedLedgerMinLedgerRolloverTimeMinutes'),
      maxRolloverUs: n('managedLedgerMaxLedgerRolloverTimeMinutes'),
    },
    markDeleteEveryUs: Math.floor(SECOND / n('managedLedgerDefaultMarkDeleteRateLimit')),
    maxRangesToPersist: n('managedLedgerMaxUnackedRangesToPersist'),
    maxMessageSize: n('maxMessageSize'),
    autoSubscription: booleanOf(options, 'allowAutoSubscriptionCreation'),
    maxUnackedPerConsumer: n('maxUnackedMessagesPerConsumer'),
    maxUnackedPerSubscription: n('maxUnackedMessagesPerSubscription'),
    roundRobinBatch: n('dispatcherMaxRoundRobinBatchSize'),
    failoverDelayUs: n('activeConsumerFailoverDelayTimeMillis'),
    consistentHashing: booleanOf(options, 'subscriptionKeySharedUseConsistentHashing'),
    ringPoints: n('subscriptionKeySharedConsistentHashingReplicaPoints'),
    classicKeyShared: booleanOf(options, 'subscriptionKeySharedUseClassicPersistentImplementation'),
    countDisconnects: booleanOf(options, 'redeliveryCountOnDisconnect'),
    delayedDelivery: booleanOf(options, 'delayedDeliveryEnabled'),
    delayTickUs: n('delayedDeliveryTickTimeMillis'),
    delayStrict: booleanOf(options, 'isDelayedDeliveryDeliverAtTimeStrict'),
    dedup: booleanOf(options, 'brokerDeduplicationEnabled'),
    dedupProducers: n('brokerDeduplicationMaxNumberOfProducers'),
    dedupInactiveUs: n('brokerDeduplicationProducerInactivityTimeoutMinutes'),
    ttlUs: n('ttlDurationDefaultInSeconds'),
    expiryCheckUs: n('messageExpiryCheckIntervalInMinutes'),
    retention: {
      timeUs: n('defaultRetentionTimeInMinutes'),
      sizeBytes: sizeOf(n('defaultRetentionSizeInMB')),
    },
    retentionCheckUs: n('retentionCheckIntervalInSeconds'),
    quotaCheckUs: n('backlogQuotaCheckIntervalInSeconds'),
    deleteInactive: booleanOf(options, 'brokerDeleteInactiveTopicsEnabled'),
    transactions: booleanOf(options, 'transactionCoordinatorEnabled'),
    offloadThreshold: n('managedLedgerOffloadAutoTriggerSizeThresholdBytes'),
    offloadLagUs: n('managedLedgerOffloadDeletionLagMs'),
  };
}

/** A topic's policies in force; they can change during a run. */
export interface TopicPolicies {
  readonly persistent: boolean;
  ttlUs: Micros;
  retention: Retention;
  /** 0: no quota by size, or by age. */
  quotaBytes: number;
  quotaAgeUs: Micros;
  quotaPolicy: string;
  dedup: boolean;
  compactionBytes: number;
}

export function topicPolicies(options: OptionValues, broker: BrokerSettings): TopicPolicies {
  const quota = tableOf(options, 'backlogQuota') ?? {};
  const size = options['retentionSizeInMB'];
  return {
    persistent: booleanOf(options, 'persistent', true),
    ttlUs: numberOf(options, 'messageTTL', broker.ttlUs),
    retention: {
      timeUs: numberOf(options, 'retentionTime', broker.retention.timeUs),
      sizeBytes: typeof size === 'number' ? sizeOf(size) : broker.retention.sizeBytes,
    },
    quotaBytes: numberOf(quota, 'limitSize'),
    quotaAgeUs: numberOf(quota, 'limitTime'),
    quotaPolicy: textOf(quota, 'policy', 'producer_request_hold'),
    dedup: booleanOf(options, 'deduplicationEnabled', broker.dedup),
    compactionBytes: numberOf(options, 'compactionThreshold'),
  };
}

/** Whether the two limits of retention go together (P50): off together, or neither 0. */
export function isRetention({ timeUs, sizeBytes }: Retention): boolean {
  return (timeUs === 0) === (sizeBytes === 0);
}

function sizeOf(megabytes: number): number {
  return megabytes < 0 ? -1 : megabytes * MB;
}

function defaults(table: OptionTable): OptionValues {
  const values: Record<string, OptionValues[string]> = {};
  for (const [name, spec] of Object.entries(table)) {
    if (spec.type !== 'object' && spec.default !== undefined) values[name] = spec.default;
  }
  return values;
}
