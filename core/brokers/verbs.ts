/**
 * What can be asked of each broker, in its own words, with one sentence of what that does here: tables for the brokers' pages. The compiler sees that every
 * request of a broker has its sentence. Answers have none of their own; what brokers push by themselves stands at the end of each table.
 */

import type { PubsubRequest } from './google-pubsub-verbs.ts';
import type { ClientRequest } from './kafka-wires.ts';
import type { ClientCommand, ServerCommand } from './pulsar-wires.ts';
import type { ClientMethod, ServerMethod } from './rabbitmq-verbs.ts';
import type { PubSubRequest } from './redis-pubsub-verbs.ts';
import type { DeadLetter, StreamsRequest } from './redis-streams-verbs.ts';
import type { Notification, SnsRequest } from './sns-verbs.ts';
import type { SqsRequest } from './sqs-verbs.ts';

type Sentences<Verb extends string> = Readonly<Record<Verb, string>>;

/** Kafka's requests carry their kind before their name; the page has the name. */
type KafkaName<Type extends string> = Type extends `kafka/${infer Name}` ? Name : never;

const DIRECT: Sentences<'call' | 'health'> = {
  call: 'Hands one message to an instance, which works on it and answers whether it is done; the caller waits, and with `retries` calls again.',
  health: 'Asks an instance whether it is well; one that is not gets no calls until it says so again.',
};

const SQS: Sentences<Exclude<SqsRequest['type'], 'Hangup'>> = {
  SendMessage:
    'Stores a message and answers with its MessageId, on FIFO queues with its SequenceNumber; a repeat within the deduplication interval is answered with the id of the first (S24, S25, S29).',
  SendMessageBatch: 'Up to ten sends, each accepted or refused by itself (S19).',
  ReceiveMessage:
    'Hands out up to ten visible messages, each hidden for the visibility timeout under a new receipt handle; with a wait it is a long poll (S1–S5, S14).',
  DeleteMessage: 'Deletes the message of a receipt handle; a message that is gone already is a success (S6, S7).',
  DeleteMessageBatch: 'Up to ten deletes, each with its own outcome (S19).',
  ChangeMessageVisibility: 'Lets the timeout end so long from now; 0 makes the message visible at once (S3, S4).',
  ChangeMessageVisibilityBatch: 'Up to ten changes of visibility, each with its own outcome (S19).',
  PurgeQueue: 'Deletes all that is in the queue, in flight or not, at most once in 60 s (S18).',
  CreateQueue: 'Makes a queue with attributes; the same name with other attributes is refused.',
  DeleteQueue: 'Deletes a queue with all that is in it; its name is free again after 60 s.',
  TagQueue: 'Puts tags on a queue; they change nothing of what is delivered.',
  UntagQueue: 'Takes tags away.',
  AddPermission: 'Lets other accounts call, under a label; it changes nothing of what is delivered.',
  RemovePermission: 'Takes the permission of a label away.',
  SetQueueAttributes: 'Changes attributes, for messages that are there as well where the attribute says so (S16, S17).',
  StartMessageMoveTask:
    'Moves the messages of a dead-letter queue back to where they came from, or to another queue, at a rate (S12).',
  CancelMessageMoveTask: 'Lets a running task end at its next step (S12).',
};

const SNS: Sentences<SnsRequest['type'] | Notification['type']> = {
  Publish: 'Accepts a message and hands a copy to each subscription whose filter policy it passes (N1, N3).',
  PublishBatch: 'Up to ten publishes, each accepted or refused by itself.',
  Subscribe:
    'Makes a subscription of a queue or an endpoint, with its filter policy, raw delivery and dead-letter queue.',
  Unsubscribe: 'Ends a subscription; what was accepted for it before is still delivered.',
  SetSubscriptionAttributes: 'Changes a subscription’s filter policy, raw delivery or dead-letter queue.',
  CreateTopic: 'Makes a topic, standard or FIFO; the same again answers with the one that is there.',
  SetTopicAttributes: 'Switches a FIFO topic’s recognition by content on or off.',
  DeleteTopic: 'Deletes a topic with its subscriptions.',
  Notification:
    'One attempt to hand a copy to an HTTP/S or Lambda endpoint; what the endpoint answers decides on the next, by the delivery policy.',
};

const KAFKA: Sentences<KafkaName<ClientRequest['type']>> = {
  ApiVersions: 'The first request on each connection; nothing else is sent before it is answered.',
  Metadata: 'Tells who leads each partition, as far as the asked node knows.',
  Produce:
    'Appends batches to partitions that the node leads; answered at once, when the leader has them, or when the in-sync set has them, as `acks` says; sequence numbers keep repeats out (K31).',
  Fetch:
    'Reads records from an offset on, up to the high watermark or the last stable offset; waits until there are enough bytes or the time is over.',
  ListOffsets: 'Tells the first and last offset of partitions, or the first record at or after a time.',
  OffsetForLeaderEpoch:
    'Tells where the leader’s log ends for the epoch in which a reader has read last: what the reader has from beyond is not in it.',
  JoinGroup:
    'Asks to be a member of a classic group; answered when all members have joined, with the generation, and to the leader with all members.',
  SyncGroup: 'Brings the leader’s assignment to the coordinator, and fetches one’s own part of it.',
  Heartbeat: 'Says that a member is alive; the answer may be that a rebalance is under way.',
  LeaveGroup: 'Leaves the group at once, so that nobody waits for the session timeout.',
  OffsetCommit: 'Keeps the offsets up to which a group has read; refused of an old generation or an unknown member.',
  OffsetFetch: 'Tells the committed offsets of a group.',
  ConsumerGroupHeartbeat:
    'A member of a group whose coordinator assigns: tells what it owns, hears what it should own, and by that joins, goes on and leaves.',
  ShareGroupHeartbeat: 'The same for a member of a share group, which has partitions together with others.',
  ShareFetch: 'Settles what came before and acquires more records, each under a lock for a time.',
  ShareAcknowledge: 'Accepts, releases or rejects acquired records without asking for more.',
  InitProducerId:
    'Gives a producer its id and epoch; with a transactional id it fences those that had it before, and ends their transaction (K31, K37).',
  AddPartitionsToTxn: 'Adds partitions, or a group’s offsets, to a transaction before anything is written there.',
  EndTxn: 'Commits a transaction or aborts it; markers then go to all of its partitions.',
  TxnOffsetCommit: 'Commits offsets as a part of a transaction, which are valid when it is committed.',
};

/** Between nodes and with the controller. */
const KAFKA_NODES: Readonly<Record<string, string>> = {
  'Fetch (of a follower)':
    'Copies from the leader what comes after one’s own log, and cuts that off where the logs part; by it the leader learns who is in sync.',
  WriteTxnMarkers: 'Writes the end of a transaction into its partitions.',
  AlterPartition: 'The leader asks the controller for another in-sync set.',
  BrokerHeartbeat:
    'Says to the controller that a node is alive; without it for the session timeout the node is fenced and its partitions get other leaders.',
  ControlledShutdown: 'A node that shuts down in good order says so, and its partitions get other leaders at once.',
  'Metadata records': 'The controller tells the nodes who leads what, in which epoch and with which in-sync set.',
};

type Amqp = Exclude<ClientMethod['type'], 'heartbeat'>;

const RABBITMQ: Sentences<Amqp | 'connection.open'> = {
  'connection.open': 'Opens a connection to a node; when it breaks, what its channels held unacked is requeued.',
  'connection.close': 'Closes it in good order, with all of its channels.',
  'channel.open': 'Opens a channel; an error closes the channel with its code and leaves the connection.',
  'channel.close': 'Closes a channel; what it held unacked is requeued.',
  'confirm.select': 'Has each publish on the channel confirmed by basic.ack or basic.nack.',
  'tx.select': 'Makes the channel transactional: publishes and acks wait for tx.commit.',
  'tx.commit': 'Carries out all publishes and acks since the last end, queue by queue.',
  'tx.rollback': 'Forgets them.',
  'exchange.declare':
    'Makes an exchange of a type, or asks whether it is there as it is described; another description is a channel error 406.',
  'exchange.delete': 'Deletes an exchange with its bindings.',
  'exchange.bind': 'Lets messages of one exchange go on into another.',
  'exchange.unbind': 'Takes that back.',
  'queue.declare':
    'Makes a classic, quorum or stream queue with its arguments, or asks whether it is there as it is described.',
  'queue.bind': 'Binds a queue to an exchange by a routing key or by headers.',
  'queue.unbind': 'Takes that back.',
  'queue.purge': 'Drops what is ready in a queue; what is unacked stays.',
  'queue.delete':
    'Deletes a queue with all that is in it; with `ifUnused` or `ifEmpty` only then. Its consumers are cancelled.',
  'basic.qos':
    'Bounds how many deliveries may be unacked, for each consumer that comes after it or for the whole channel.',
  'basic.publish': 'Routes a message through an exchange; with `mandatory` it is returned when no queue takes it.',
  'basic.consume':
    'Has messages of a queue pushed, with acks or without, exclusively, with a priority, or from an offset of a stream.',
  'basic.cancel': 'Ends a consumer; what it holds unacked stays with the channel.',
  'basic.get': 'Fetches one message without a consumer.',
  'basic.ack': 'Settles one delivery, or all up to it; an unknown tag is a channel error 406.',
  'basic.nack': 'Gives one delivery, or all up to it, back to the queue, or dead-letters it.',
  'basic.reject': 'The same for one delivery.',
  'basic.recover': 'Gives all unacked deliveries of the channel back.',
};

const RABBITMQ_PUSHED: Partial<Sentences<ServerMethod['type']>> = {
  'basic.deliver':
    'Pushed: a message for a consumer, with its delivery tag, its `redelivered` flag, its x-death history and on quorum queues its delivery count.',
  'basic.return': 'Pushed: a mandatory message that no queue took.',
};

const STREAMS: Sentences<Exclude<StreamsRequest['type'], 'QUIT'> | DeadLetter['type']> = {
  XADD: 'Adds an entry under a new or a given id, which must be greater than the last; may trim in passing, refuse to make the stream, and recognise a repeat (IDMP).',
  XTRIM: 'Cuts the stream at its old end, to a length or at an id, exactly or roughly.',
  XDEL: 'Deletes entries; pending ones stay in their lists.',
  XDELEX:
    'Deletes entries and says for each what became of it; KEEPREF, DELREF and ACKED decide about references in groups.',
  XACKDEL: 'Acks entries for a group and deletes them, by the same choice.',
  XLEN: 'Tells how many entries there are.',
  EXISTS: 'Tells whether the key is there.',
  TYPE: 'Tells the key’s type.',
  DEL: 'Deletes the whole stream with its groups; who waits for it in a group gets an error.',
  SET: 'Makes a key of another type, on which stream commands answer WRONGTYPE.',
  FLUSHALL: 'Deletes everything.',
  XRANGE: 'Reads entries between two ids.',
  XREVRANGE: 'Reads them from the newest on.',
  XREAD: 'Reads what comes after an id in one or more streams, and may block until there is something.',
  XREADGROUP:
    'Hands entries that are new to the group to one consumer and notes them as pending, or reads that consumer’s own pending entries again; may claim idle ones first (X6, X7, X20).',
  'XGROUP CREATE': 'Makes a group that begins after an id.',
  'XGROUP SETID': 'Moves a group to another id; pending entries stay.',
  'XGROUP DESTROY': 'Deletes a group with its pending entries.',
  'XGROUP CREATECONSUMER': 'Makes a consumer before it reads.',
  'XGROUP DELCONSUMER': 'Deletes a consumer, and with it what it had pending, which nobody can claim any more.',
  XACK: 'Takes entries off the pending list; the answer is how many were on it.',
  XNACK: 'Gives up pending entries: they stay pending without an owner, and whoever claims has them at once (X14).',
  XPENDING: 'Tells what is pending: a summary, or entries with owner, idle time and delivery count.',
  XCLAIM: 'Makes entries that have been idle for long enough pending with another consumer (X11).',
  XAUTOCLAIM:
    'Walks the pending list and claims what has been idle for long enough; the answer says where to go on (X12).',
  'XINFO STREAM': 'Tells about a stream.',
  'XINFO STREAM FULL': 'Tells all about a stream: its entries, its groups, and what each consumer has pending.',
  'XINFO GROUPS': 'Tells about its groups, with their lag.',
  'XINFO CONSUMERS': 'Tells about a group’s consumers.',
  XSETID: 'Sets the last id by hand.',
  XCFGSET: 'Sets for how long and for how many entries repeats are recognised.',
  'CONFIG SET': 'Changes settings of the server.',
  RENAME: 'Gives a stream another key.',
  EXEC: 'Carries out the commands since MULTI with nothing between them; readers that wait are served after the last.',
  PING: 'Answers PONG.',
  EVAL: 'A script in one step: acks a pending entry and adds it to a dead-letter stream (X14).',
};

const PUBSUB: Sentences<Exclude<PubSubRequest['type'], 'WINDOW'>> = {
  SUBSCRIBE: 'Subscribes to channels: what is published from now on comes, what was before does not (B1).',
  PSUBSCRIBE: 'Subscribes to patterns; a message that matches several comes several times.',
  SSUBSCRIBE: 'Subscribes to shard channels.',
  UNSUBSCRIBE: 'Ends subscriptions to channels, or to all.',
  PUNSUBSCRIBE: 'Ends subscriptions to patterns, or to all.',
  SUNSUBSCRIBE: 'Ends subscriptions to shard channels, or to all.',
  PUBLISH: 'Hands a message to all who are subscribed now, and answers how many deliveries that makes (B2).',
  SPUBLISH: 'The same on a shard channel.',
  PUBSUB: 'Tells channels and numbers of subscribers: CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS, SHARDNUMSUB.',
  PING: 'Answers PONG, to a subscriber in the form of a push.',
  RESET: 'Takes the connection back to how it began.',
  SELECT: 'Chooses a database; channels know nothing of it (B7).',
  GET: 'Reads a key of the chosen database.',
  SET: 'Writes a key of the chosen database.',
  DEL: 'Deletes keys of the chosen database.',
  EXISTS: 'Counts keys of the chosen database.',
  HELLO: 'Chooses protocol 2, in which a subscriber may ask for little else, or 3.',
  QUIT: 'Closes the connection.',
};

const GOOGLE: Sentences<Exclude<PubsubRequest['type'], 'StreamKeepAlive' | 'PushResponse'> | 'PushRequest'> = {
  Publish:
    'Stores messages for every subscription that is there by then and whose filter they pass, and answers with their ids.',
  StreamingPull: 'Opens a stream on which messages come, up to the flow control’s bounds, until it is closed.',
  StreamClose: 'Closes it; what was handed out on it keeps its ack deadline.',
  Pull: 'Asks once for up to so many messages.',
  Acknowledge: 'Settles by ack ids; under exactly-once delivery each has an outcome of its own (G13).',
  ModifyAckDeadline: 'Lets the deadline end so long from now; 0 gives the message back.',
  CreateSnapshot: 'Keeps what of a subscription is unacked now, to seek back to; refused where the name is taken.',
  Seek: 'Moves a subscription to a time or a snapshot: what comes after is unacked again, what comes before is acked.',
  DeleteSubscription: 'Deletes a subscription with all that is in it.',
  UpdateSubscription: 'Gives some settings of a subscription other values, messages or not.',
  PushRequest: 'Pushed: one message for an endpoint; its HTTP status acks it or gives it back.',
};

const PULSAR: Sentences<ClientCommand['type']> = {
  Ping: 'Asks whether the other end is alive.',
  Pong: 'Says so.',
  Close: 'Ends the connection with all of its producers and consumers.',
  Lookup: 'Asks which broker owns a topic partition (P5).',
  Producer: 'Opens a producer on a topic partition, under its access mode; a name that is taken is refused (P14).',
  CloseProducer: 'Closes a producer.',
  Send: 'Publishes an entry, which is a message or a batch; stored when enough bookies have it (P2, P3).',
  Subscribe:
    'Opens a consumer on a subscription of a topic partition, which is made if need be: Exclusive, Failover, Shared or Key_Shared (P16, P17).',
  Flow: 'Gives the broker leave to push so many messages more (P27).',
  Ack: 'Acks entries, or messages of batches, one by one or all up to a place, and within a transaction if it says so (P30, P67).',
  RedeliverUnacknowledgedMessages:
    'Asks for messages again, after a negative ack or an ack timeout, or for all that is unacked (P36–P39).',
  CloseConsumer: 'Closes a consumer; what it held goes to the others.',
  Unsubscribe: 'Deletes the subscription with all that it is owed.',
  Seek: 'Moves the whole subscription to another message or time (P57).',
  NewTxn: 'Asks the coordinator for a transaction (P64).',
  EndTxn: 'Commits a transaction or aborts it (P65).',
};

const PULSAR_PUSHED: Partial<Sentences<ServerCommand['type']>> = {
  Message: 'Pushed: entries for a consumer, as far as it has given leave (P27).',
  ActiveConsumerChange: 'Pushed: whether the consumer of a Failover subscription is the active one (P19).',
};

/** By kind of broker: verb and sentence. */
export const VERBS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  direct: DIRECT,
  sqs: SQS,
  sns: SNS,
  kafka: { ...KAFKA, ...KAFKA_NODES },
  rabbitmq: { ...RABBITMQ, ...RABBITMQ_PUSHED },
  'redis-streams': STREAMS,
  'redis-pubsub': PUBSUB,
  'google-pubsub': GOOGLE,
  pulsar: { ...PULSAR, ...PULSAR_PUSHED },
};
