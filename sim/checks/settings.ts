/**
 * Every setting that `permits` can answer, in its words, by the claim that it lets down; `*` stands for a name or a value. What risks are asked of return is
 * held to these words by the compiler, and a test looks for a run in which each of them lets its claim down.
 */
import type { ClaimName } from './names.ts';

/** Cut off or never elected with: what a Kafka log loses below its high watermark. */
const REPLICAS = ['unclean.leader.election.enable: true', 'replication.factor: *', 'min.insync.replicas: *'] as const;
const KAFKA_STORAGE = ['acks: *', ...REPLICAS] as const;
const REDIS_STORAGE = [
  'replica-lag: what the replica has not got is lost when it takes over',
  'appendonly: no',
  'appendfsync: *',
] as const;
/** Confirmed, and lost at the broker. */
const STORAGE = [
  ...KAFKA_STORAGE,
  'delivery_mode: 1 (transient messages)',
  'durable: false of *',
  'persistent: false of *',
  'managedLedgerDefaultAckQuorum: *',
  'Redis Pub/Sub stores nothing',
  ...REDIS_STORAGE,
] as const;
/** What a reader begins behind. */
const GROUP_START = ['auto.offset.reset: *'] as const;
const STREAM_START = ['x-stream-offset: *'] as const;
/** Settled without an effect, whatever the broker. */
const LOSS_ANYWHERE = ['settle: *', 'on-failure: skip', 'shed', 'produces, on: failed (what failed is acked)'] as const;
/** And where it is an offset that is committed. */
const LOG_LOSS = [...LOSS_ANYWHERE, 'on-failure: reject', 'on-failure: * (a stream hands out nothing again)'] as const;
const LOSS = [
  ...LOG_LOSS,
  'cumulativeAck: the ack of a later message covers one that failed or is in work',
  'on-failure: reject (without a dead-letter-stream it is acked)',
  'share.acknowledgement.mode: implicit (the next poll accepts what failed, too)',
] as const;
const BURIAL = ['x-dead-letter-exchange moves a message without confirms'] as const;
const AT_LEAST_ONCE = [...STORAGE, ...BURIAL, ...LOSS, ...GROUP_START, ...STREAM_START] as const;
/** What a publisher of RabbitMQ, or a queue that buries its dead, may store twice. */
const RABBITMQ_RESEND = ['retries of the publisher', 'x-dead-letter-strategy: at-least-once'] as const;
/** What a topic that hands out entry by entry may store twice. */
const TOPIC_WRITES = [
  'deduplicationEnabled: false of *',
  'stream-idmp-maxsize and stream-idmp-duration: so long a retry is recognised',
  'retries of the producer without IDMP',
] as const;
const RESEND = [
  ...RABBITMQ_RESEND,
  ...TOPIC_WRITES,
  'retries without enable.idempotence',
  'retries of the producer: SQS Standard stores each of them',
  'retries of SNS: each of them may arrive',
  'retries of the publisher: each has a message id of its own',
  'retries of the caller',
] as const;
const REPEAT = [
  'settle: after-processing',
  'settle: * (a message whose ack is lost is handed out again)',
  'patterns: who matches twice gets a message twice',
  ...REDIS_STORAGE,
] as const;
const LOG_WRITES = ['enable.idempotence: false', ...RABBITMQ_RESEND] as const;
/** What a log, a stream or a topic lets its readers miss. */
const LOG_READS = [
  ...KAFKA_STORAGE,
  'persistent: false of *',
  'managedLedgerDefaultAckQuorum: *',
  ...REDIS_STORAGE,
  ...GROUP_START,
  ...STREAM_START,
] as const;
const EXACTLY_ONCE = ['enable_exactly_once_delivery: false of *'] as const;

const SETTINGS = {
  'no-fabrication': [],
  'confirmed-durable': [...STORAGE, ...BURIAL],
  'at-most-once': [...RESEND, ...REPEAT],
  'at-least-once': AT_LEAST_ONCE,
  'exactly-once-effect': [...AT_LEAST_ONCE, 'effect: *', 'the window of dedup', 'a dedup memory that a crash forgets'],
  conservation: [],
  'replay-fidelity': [],
  'atomic-publish-and-commit': [
    'publish: * (a dual write)',
    'offsets.retention.minutes: a group that is away for longer forgets what it has committed',
  ],
  'idempotent-produce': ['enable.idempotence: false'],
  'lock-exclusivity': EXACTLY_ONCE,
  'zombie-overlap': ['a lock or session that ends by time does not stop the process that held it'],
  'stale-ack-fencing': [
    ...EXACTLY_ONCE,
    'Pulsar: an ack counts, whoever holds the message by then',
    'XACK takes an entry off the list, whoever owns it by then',
    'SQS Standard: an old receipt handle still deletes',
  ],
  'no-early-redelivery': EXACTLY_ONCE,
  'delivery-bound': [
    'dead_letter_policy is best effort',
    'deadLetterPolicy: redelivery counts are the broker’s memory',
    'x-dead-letter-strategy: at-least-once',
    ...REDIS_STORAGE,
  ],
  'dead-letter-exactness': [
    'dead_letter_policy is best effort',
    'deadLetterPolicy: the client publishes first and acks later',
    ...BURIAL,
  ],
  'poison-isolation': [
    'on-poison: hang',
    'no RedrivePolicy on *',
    'on-failure: leave (nothing ends a delivery by time)',
    'on-failure: *, without a delivery limit on *',
    'on-failure: * (from 4.3 a nack is no failed delivery)',
    'on-failure: leave (the client extends its deadline for max_lease_duration)',
    'no dead_letter_policy on *',
    'subscriptionType: * has no dead-letter policy',
    'no deadLetterPolicy',
    'on-failure: leave without ackTimeout',
    'on-poison: crash (redelivery counts are the broker’s memory)',
    'no dead-letter-stream',
    'on-failure: * (a log has no dead-letter queue of its own)',
  ],
  'partition-order': GROUP_START,
  'key-order': [
    'a producer without a key',
    'partitioner: round-robin',
    'set: topics.*.partitions (a key may go to another partition from then on)',
    'max.in.flight.requests.per.connection above 1 without enable.idempotence',
    'enable_message_ordering: false of *',
    'resume_publish: what failed before is published after what follows, or never',
    'Redis Pub/Sub keeps the order of a connection, and connections break',
    'a consumer group hands each entry to any of its consumers',
    'SNS keeps order on the way from FIFO topics to FIFO queues only',
    'a retried message may be overtaken by the next one',
    'SQS Standard keeps no order',
    'a retried send may be overtaken by the next one',
    'competing consumers keep no order of a key',
    'concurrent calls keep no order',
    'dead_letter_policy of *: what follows a forwarded message goes on',
    'max_outstanding_messages: * (what follows a failed message of its key is at the client already)',
    'max_messages: * (what follows a failed message of its key is at the client already)',
    'concurrency: *',
    'subscriptionType: Shared keeps no order',
    'allowOutOfOrderDelivery: true',
    'ackTimeout: what is asked for again comes after its successors',
    'batchingEnabled: true without KEY_BASED (a batch goes where its first key belongs)',
    'on-failure: * (what follows a failed message goes on)',
    'group.type: share keeps no order',
    'RedrivePolicy of *: what follows a dead-lettered message goes on',
    'settle: *',
    'on-failure: * (a write that fails is tried after later ones)',
    'on-failure: *',
  ],
  'fifo-group-order': [],
  'single-owner': [],
  'commit-safety': [...LOG_LOSS, ...GROUP_START, ...STREAM_START],
  'commit-monotonic': [],
  'single-leader': [],
  'committed-survives': REPLICAS,
  'inconsistent-offsets': KAFKA_STORAGE,
  duplicate: [...LOG_WRITES, ...TOPIC_WRITES],
  'aborted-read': [],
  'precommitted-read': [],
  'lost-write': LOG_READS,
  unseen: LOG_READS,
  'poll-skip': [],
  'nonmonotonic-poll': [],
  'nonmonotonic-send': [
    ...LOG_WRITES,
    'batcherBuilder: KEY_BASED sends a batch for each key',
    'nodes: * (order is per channel: what a former node held up comes after what is sent to the next)',
  ],
  g0: ['Kafka’s transactions take no locks: the writes of two producers may interleave'],
  g1c: ['isolation.level: read_uncommitted'],
  progress: ['no setting bounds the load or mends what is broken'],
  drained: ['no setting bounds the load or mends what is broken'],
  'bounded-redelivery': ['no setting makes work that fails for ever succeed'],
  'rebalance-settles': ['max.poll.interval.ms: work that takes longer leaves the group again and again'],
} as const satisfies Readonly<Record<ClaimName, readonly string[]>>;

type Listed = (typeof SETTINGS)[ClaimName][number];

type Filled<Words extends string> = Words extends `${infer Before}*${infer After}`
  ? `${Before}${string}${Filled<After>}`
  : Words;

/** A setting with its names and values in it. */
export type Setting = Filled<Listed>;

/** The settings that can let this claim down, with `*` for names and values; none when every system promises it. */
export function settingsOf(claim: ClaimName): readonly Listed[] {
  return SETTINGS[claim];
}
