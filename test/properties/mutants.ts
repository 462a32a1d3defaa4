/**
 * Planted bugs: brokers that are wrong in one thing, each with the claims that fall with it. Most are what a tired programmer would write; each is put into
 * a system in which the claim holds, whatever its settings promise otherwise.
 */

import { Appending } from '../../core/brokers/kafka-appending.ts';
import { KafkaCluster } from '../../core/brokers/kafka-cluster.ts';
import { KafkaController } from '../../core/brokers/kafka-controller.ts';
import { GroupCoordinator } from '../../core/brokers/kafka-groups.ts';
import { KafkaNode } from '../../core/brokers/kafka-node.ts';
import type { FetchAnswer, MetadataUpdate, ProduceRequest } from '../../core/brokers/kafka-wires.ts';
import { PulsarBookie } from '../../core/brokers/pulsar-bookie.ts';
import { PulsarNode } from '../../core/brokers/pulsar-node.ts';
import { PulsarSubscription } from '../../core/brokers/pulsar-subscription.ts';
import type { ClientCommand, TxnOutcome } from '../../core/brokers/pulsar-wires.ts';
import { DeadLetters } from '../../core/brokers/rabbitmq-dead-letters.ts';
import { Queue } from '../../core/brokers/rabbitmq-queue.ts';
import { Disk } from '../../core/brokers/redis-streams-disk.ts';
import { RedisStreamsNode } from '../../core/brokers/redis-streams-node.ts';
import type { XAutoClaim } from '../../core/brokers/redis-streams-verbs.ts';
import { SqsQueue } from '../../core/brokers/sqs-queue.ts';
import { Sqs } from '../../core/brokers/sqs-service.ts';
import type { DeleteMessage, ReceivedMessage, ReceiveMessageResult } from '../../core/brokers/sqs-verbs.ts';
import { Consumer } from '../../core/clients/consumer.ts';
import { RabbitConsumerPort } from '../../core/clients/rabbitmq-consumer-port.ts';
import { Store, type WriteRequest } from '../../core/clients/store.ts';
import { F } from '../../core/facts.ts';
import type { Out, Wire } from '../../core/machine.ts';
import { AckCursor } from '../../core/parts/ack-cursor.ts';
import { ConsumerGroup } from '../../core/parts/consumer-group.ts';
import { DedupWindow } from '../../core/parts/dedup-window.ts';
import { Frame } from '../../core/parts/frame-order.ts';
import { PartitionReplica } from '../../core/parts/partition-replica.ts';
import { type BatchVerdict, ProducerStates } from '../../core/parts/producer-state.ts';
import { PubsubBacklog } from '../../core/parts/pubsub-backlog.ts';
import { ClassicReadyList } from '../../core/parts/ready-list.ts';
import { RedisStream } from '../../core/parts/redis-stream.ts';
import { ReplicaSet } from '../../core/parts/replica-set.ts';
import { AbortedFilter } from '../../core/parts/txn-index.ts';
import type { ActorId } from '../../core/types.ts';
import type { ClaimName } from '../../sim/checks/names.ts';
import { type Document, merged } from './document.ts';
import { type Bug, both, hearing, instead, saying } from './planted.ts';
import {
  fifo,
  googlePubsub,
  kafka,
  leaderDies,
  onlyTheLeaderHasIt,
  pulsar,
  rabbitmq,
  redisStreams,
  sqs,
  stream,
} from './systems.ts';

export interface Mutant {
  /** What the machine does. */
  readonly does: string;
  /** All claims that break with the bug and not without it. */
  readonly kills: readonly ClaimName[];
  readonly system: Document;
  readonly timeline?: readonly Document[];
  readonly bug: Bug;
}

const limited: Document = {
  queues: {
    jobs: { RedrivePolicy: { deadLetterTargetArn: 'failed', maxReceiveCount: 3 } },
    failed: {},
  },
  producers: { maker: { poison: '30%' } },
};
/** What a Pulsar client says, heard as something else. */
function commanded(wire: Wire, heard: (command: ClientCommand) => ClientCommand): Wire {
  if (!(wire instanceof Frame)) return wire;
  return new Frame(wire.connection, wire.frame, heard(wire.body as ClientCommand));
}

const transactional: Document = {
  broker: { transactionCoordinatorEnabled: true },
  producers: { maker: { enableTransaction: true, transactionMessages: 4, transactionTimeout: '5s' } },
};
/** Two messages of its second transaction are stored by then. */
const makerDiesInside: readonly Document[] = [{ when: 'appended', nth: 6, crash: 'maker', restart: '1s' }];
const TAKEN: BatchVerdict = { type: 'append' };
const workerDies: readonly Document[] = [{ when: 'begun', nth: 3, of: 'worker-1', crash: 'worker-1', restart: '3s' }];
const replyLost: readonly Document[] = [{ at: '5s', lose: 'reply', to: 'maker', for: '3s' }];

export const MUTANTS: readonly Mutant[] = [
  {
    does: 'SQS FIFO forgets its deduplication ids at once',
    kills: ['at-most-once'],
    system: fifo({ producers: { maker: { 'request-timeout': '1s' } } }),
    timeline: replyLost,
    bug: instead(DedupWindow, 'find', () => undefined),
  },
  {
    does: 'SQS ends every lock at half its time',
    kills: ['no-early-redelivery'],
    system: sqs({}),
    timeline: workerDies,
    bug: instead(SqsQueue, 'postpone', (right, [entry, untilUs, now]) =>
      right(entry, now + Math.floor((untilUs - now) / 2), now),
    ),
  },
  {
    does: 'SQS hands out what is locked',
    kills: [
      'at-most-once',
      'conservation',
      'lock-exclusivity',
      'zombie-overlap',
      'no-early-redelivery',
      'progress',
      'drained',
    ],
    system: sqs({}),
    bug: instead(SqsQueue, 'postpone', (right, [entry, untilUs, now], self) => {
      right(entry, untilUs, now);
      if (entry.receives === 1 && entry.sequence % 3 === 0) self.makeVisible(entry);
    }),
  },
  {
    does: 'SQS FIFO takes every receipt handle for the last one',
    kills: ['stale-ack-fencing'],
    system: fifo({ consumers: { worker: { process: '6s' } } }),
    bug: instead(SqsQueue, 'isCurrent', () => true),
  },
  {
    does: 'SQS FIFO makes a group of each message',
    kills: ['fifo-group-order', 'key-order'],
    system: fifo({ producers: { maker: { retries: 0 } } }),
    bug: instead(SqsQueue, 'add', (right, [message, id, sent, visible, now, group, source, receives]) =>
      right(message, id, sent, visible, now, `${group}/${id}`, source, receives),
    ),
  },
  {
    does: 'SQS counts a receive too few',
    kills: ['delivery-bound'],
    system: sqs(limited),
    bug: instead(SqsQueue, 'add', (right, [message, id, sent, visible, now, group, source, receives]) =>
      right(message, id, sent, visible, now, group, source, receives - 1),
    ),
  },
  {
    does: 'SQS counts a receive too many',
    kills: ['dead-letter-exactness'],
    system: sqs(limited),
    bug: instead(SqsQueue, 'add', (right, [message, id, sent, visible, now, group, source, receives]) =>
      right(message, id, sent, visible, now, group, source, receives + 1),
    ),
  },
  {
    does: 'SQS forgets what it has confirmed',
    kills: ['drained', 'progress'],
    system: sqs({}),
    bug: instead(SqsQueue, 'add', (right, args, self) => {
      const entry = right(...args);
      if (entry.sequence === 7) self.remove(entry);
      return entry;
    }),
  },
  {
    does: 'SQS ignores every third delete',
    kills: ['at-most-once', 'bounded-redelivery'],
    system: sqs({}),
    bug: hearing(Sqs, (wire) =>
      wire.type === 'DeleteMessage' && (wire as DeleteMessage).message.id % 3 === 0 ? null : wire,
    ),
  },
  {
    does: 'SQS says of another message that it hands it out',
    kills: ['no-fabrication', 'conservation', 'progress', 'drained'],
    system: sqs({}),
    bug: saying(Sqs, (out) => ({
      fact: (kind, message, ...rest) => out.fact(kind, kind === F.delivered ? message + 1 : message, ...rest),
    })),
  },
  {
    does: 'A store adds where it should insert if absent',
    kills: ['exactly-once-effect'],
    system: sqs({}),
    timeline: [{ when: 'applied', nth: 3, crash: 'worker', restart: '3s' }],
    bug: hearing(Store, (wire) =>
      wire.type === 'store/write' ? ({ ...wire, effect: 'increment' } as WriteRequest) : wire,
    ),
  },
  {
    does: 'RabbitMQ keeps persistent messages in memory only',
    kills: ['confirmed-durable', 'at-least-once', 'exactly-once-effect'],
    system: rabbitmq({}),
    timeline: [{ at: '5700ms', crash: 'rabbitmq', restart: '3s' }],
    bug: instead(Queue, 'writes', () => false),
  },
  {
    does: 'RabbitMQ hands out the last message of a queue first',
    kills: ['partition-order', 'key-order'],
    system: rabbitmq({ consumers: { worker: { count: 1, prefetch: 1 } } }),
    timeline: workerDies,
    bug: instead(ClassicReadyList, 'take', (right, _args, self) => {
      const waiting: Parameters<ClassicReadyList['add']>[0][] = [];
      for (let one = right(); one !== undefined; one = right()) waiting.push(one);
      const last = waiting.pop();
      for (const one of waiting) self.add(one);
      return last;
    }),
  },
  {
    does: 'RabbitMQ dead-letters a message twice',
    kills: ['delivery-bound', 'conservation'],
    system: rabbitmq({
      queues: {
        jobs: {
          'x-queue-type': 'quorum',
          'x-delivery-limit': 2,
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': 'failed',
        },
        failed: {},
      },
      producers: { maker: { poison: '30%' } },
    }),
    bug: instead(DeadLetters, 'deadLetter', (right, args) => {
      right(...args);
      right(...args);
    }),
  },
  {
    does: 'Kafka appends a batch that it has already',
    kills: ['at-most-once', 'idempotent-produce', 'duplicate'],
    system: kafka({}),
    timeline: replyLost,
    bug: instead(ProducerStates, 'check', () => TAKEN),
  },
  {
    does: 'Kafka commits what its followers have not got',
    kills: [
      'confirmed-durable',
      'at-least-once',
      'exactly-once-effect',
      'single-leader',
      'committed-survives',
      'inconsistent-offsets',
      'lost-write',
      'unseen',
    ],
    system: kafka({ network: { links: [{ from: 'b1', latency: '80ms..160ms' }] } }),
    timeline: leaderDies,
    bug: instead(ReplicaSet, 'highWatermarkLimit', (_right, [leaderEnd]) => leaderEnd),
  },
  {
    does: 'A controller of Kafka does not count its elections',
    kills: ['single-leader'],
    system: kafka({}),
    timeline: leaderDies,
    bug: saying(KafkaController, (out) => ({
      fact: (kind, message, place, peer, value, detail, because) =>
        out.fact(kind, message, place, peer, kind === F.elected ? 0 : value, detail, because),
      send: (to, hop, wire, messages, because) =>
        out.send(
          to,
          hop,
          wire.type === 'kafka/MetadataUpdate'
            ? ({
                ...(wire as MetadataUpdate),
                partitions: (wire as MetadataUpdate).partitions.map((state) => ({ ...state, leaderEpoch: 0 })),
              } as MetadataUpdate)
            : wire,
          messages,
          because,
        ),
    })),
  },
  {
    does: 'Kafka assigns every partition to every member',
    kills: ['at-most-once', 'zombie-overlap', 'single-owner', 'commit-monotonic'],
    system: kafka({}),
    bug: instead(ConsumerGroup, 'sync', (right, [member, instance, generation, assignment, ticket, now, answers]) => {
      const all = [...(assignment?.values() ?? [])].flat();
      const everybody = assignment && new Map([...assignment.keys()].map((id) => [id, all]));
      right(member, instance, generation, everybody, ticket, now, answers);
    }),
  },
  {
    does: 'Kafka sets an offset back by two now and then',
    kills: ['commit-monotonic'],
    system: kafka({}),
    bug: instead(GroupCoordinator, 'commit', (right, [from, request, out]) => {
      const offsets = request.offsets.map(({ partition, offset }) => ({
        partition,
        offset: offset > 2 && offset % 3 === 0 ? offset - 2 : offset,
      }));
      right(from, { ...request, offsets }, out);
    }),
  },
  {
    does: 'Kafka commits one further than it was told',
    kills: ['commit-safety'],
    system: kafka({}),
    bug: instead(GroupCoordinator, 'commit', (right, [from, request, out]) => {
      const offsets = request.offsets.map(({ partition, offset }) => ({ partition, offset: offset + 1 }));
      right(from, { ...request, offsets }, out);
    }),
  },
  {
    does: 'Kafka passes over a record that is read',
    kills: ['at-least-once', 'exactly-once-effect', 'commit-safety', 'lost-write', 'unseen', 'poll-skip'],
    system: kafka({}),
    bug: instead(PartitionReplica, 'visit', (right, [from, below, isolation, visit]) =>
      right(from, below, isolation, (record, isSeen) => record.offset === 3 || visit(record, isSeen)),
    ),
  },
  {
    does: 'Kafka reads what lies before the offset that was asked for',
    kills: ['at-most-once', 'nonmonotonic-poll', 'bounded-redelivery'],
    system: kafka({}),
    bug: instead(PartitionReplica, 'visit', (right, [offset, ...rest]) => right(Math.max(0, offset - 1), ...rest)),
  },
  {
    does: 'Kafka shows aborted records to readers of committed ones',
    kills: ['aborted-read', 'precommitted-read'],
    system: kafka({
      producers: { maker: { 'transactional.id': 'shop', 'transaction.size': 3, 'transaction.abort.probability': 0.5 } },
      consumers: { worker: { 'isolation.level': 'read_committed' } },
    }),
    bug: instead(AbortedFilter, 'passes', (_right, [{ control }]) => control === 'none'),
  },
  {
    does: 'Kafka lets readers of committed records read to the high watermark',
    kills: ['precommitted-read'],
    system: kafka({
      producers: { maker: { start: '12s', 'transactional.id': 'shop', 'transaction.size': 3 } },
      consumers: { worker: { 'isolation.level': 'read_committed' } },
    }),
    bug: instead(PartitionReplica, 'readableEnd', (_right, _args, self) => self.log.highWatermark),
  },
  {
    does: 'Kafka takes the requests of a connection in another order, and asks for no sequence',
    kills: ['nonmonotonic-send', 'idempotent-produce', 'key-order'],
    system: kafka({ producers: { maker: { rate: '100/s', messages: 40, attributes: { user: 1 } } } }),
    bug: () => {
      let produced = 0;
      let held: ProduceRequest | null = null;
      return both(
        instead(ProducerStates, 'check', () => TAKEN),
        instead(Appending, 'produce', (right, [from, request, out]) => {
          produced++;
          if (produced === 3) held = request;
          else right(from, request, out);
          if (produced !== 4 || held === null) return;
          right(from, held, out);
          held = null;
        }),
      )();
    },
  },
  {
    does: 'Kafka leaves a record out of its first answer',
    kills: ['replay-fidelity', 'poll-skip', 'at-least-once', 'exactly-once-effect', 'commit-safety'],
    system: kafka({ topics: { jobs: { partitions: 1 } }, consumers: { worker: { count: 1 } } }),
    timeline: [{ when: 'received', nth: 4, of: 'worker', crash: 'worker', restart: '200ms' }],
    bug: () => {
      let answered = false;
      return saying(KafkaNode, (out) => ({
        send: (to, hop, wire, messages, because) => {
          const [read] = wire.type === 'kafka/Fetch.answer' ? (wire as FetchAnswer).partitions : [];
          if (answered || read === undefined || read.records.length < 3)
            return out.send(to, hop, wire, messages, because);
          answered = true;
          const all = <T>(list: readonly T[]): readonly T[] => list.filter((_, i) => i !== 1);
          const partitions = [{ ...read, records: all(read.records), attempts: all(read.attempts) }];
          out.send(to, hop, { ...(wire as FetchAnswer), partitions } as FetchAnswer, messages, because);
        },
      }))();
    },
  },
  {
    does: 'Kafka throws every member out every twenty seconds',
    kills: ['rebalance-settles'],
    system: kafka({}),
    bug: instead(ConsumerGroup, 'heartbeat', (right, [member, instance, generation, now]) =>
      now % 20_000_000 < 3_000_000 ? 'UNKNOWN_MEMBER_ID' : right(member, instance, generation, now),
    ),
  },
  {
    does: 'Kafka forgets the offsets of a transaction when it is committed',
    kills: ['atomic-publish-and-commit'],
    system: kafka({
      topics: { done: { partitions: 1, 'replication.factor': 3, 'min.insync.replicas': 2 } },
      consumers: {
        worker: { 'forward.to': 'done', 'transaction.timeout.ms': '10s' },
        reader: {
          from: 'done',
          'isolation.level': 'read_committed',
          'auto.offset.reset': 'earliest',
          process: '10ms',
          effect: { insert: 'read' },
        },
      },
    }),
    bug: instead(GroupCoordinator, 'txnEnded', () => {}),
  },
  {
    does: 'Kafka counts the copy of one follower for all',
    kills: [
      'confirmed-durable',
      'at-most-once',
      'at-least-once',
      'exactly-once-effect',
      'committed-survives',
      'progress',
      'drained',
      'unseen',
    ],
    system: kafka({ topics: { jobs: { partitions: 1 } } }),
    timeline: [
      { at: '5500ms', lose: 'replication', to: 'b3', for: '3s' },
      { at: '6300ms', crash: ['b1', 'b2'], restart: '30s' },
    ],
    bug: instead(ReplicaSet, 'fetched', (right, [, ...rest], self) => {
      for (const replica of self.isr) right(replica, ...rest);
    }),
  },
  {
    does: 'A controller of Kafka elects who is not in sync, and says nothing of it',
    kills: ['confirmed-durable', 'at-most-once', 'single-leader', 'committed-survives', 'inconsistent-offsets'],
    system: kafka({
      topics: { jobs: { partitions: 1, 'min.insync.replicas': 1 } },
      producers: { maker: { rate: '1/s', messages: 25 } },
    }),
    timeline: onlyTheLeaderHasIt,
    bug: both(
      instead(KafkaCluster, 'partition', (right, [index]) => {
        const info = right(index);
        return { ...info, config: { ...info.config, unclean: true } };
      }),
      saying(KafkaController, (out) => ({
        fact: (kind, message, place, peer, value, detail, because) =>
          out.fact(kind, message, place, peer, value, kind === F.elected ? 0 : detail, because),
      })),
    ),
  },
  {
    does: 'Kafka lets the later of two transactions pass in one partition',
    kills: ['g0'],
    system: kafka({
      producers: {
        maker: { rate: '100/s', attributes: { user: 8 }, 'transactional.id': 'shop', 'transaction.size': 12 },
        other: {
          to: 'jobs',
          rate: '100/s',
          messages: 12,
          start: '5600ms',
          key: 'user',
          attributes: { user: 8 },
          'transactional.id': 'mill',
          'transaction.size': 12,
        },
      },
    }),
    bug: instead(Appending, 'append', (right, args, self) => {
      const [index, batch, acks, timeoutUs, from, out, done] = args;
      if (index !== 1 || batch.producerId < 0) return right(...args);
      const first = overtaken.get(self) ?? { producer: batch.producerId, held: [] };
      overtaken.set(self, first);
      if (first.held !== null && batch.producerId === first.producer) {
        first.held.push((later) => right(index, batch, acks, timeoutUs, from, later, done));
        return;
      }
      right(...args);
      for (const append of first.held ?? []) append(out);
      first.held = null;
    }),
  },
  {
    does: 'Kafka lets who forwards read what is not committed',
    kills: ['g1c', 'precommitted-read'],
    system: kafka({
      topics: {
        jobs: { partitions: 1 },
        done: { partitions: 1, 'replication.factor': 3, 'min.insync.replicas': 2 },
      },
      producers: {
        maker: {
          to: ['jobs', 'done'],
          rate: '10/s',
          start: '12s',
          messages: 24,
          'transactional.id': 'shop',
          'transaction.size': 12,
        },
      },
      consumers: {
        worker: {
          count: 1,
          process: '10ms',
          'forward.to': 'done',
          'isolation.level': 'read_committed',
          'transaction.timeout.ms': '10s',
          effect: null,
        },
      },
    }),
    bug: instead(PartitionReplica, 'readableEnd', (_right, _args, self) => self.log.highWatermark),
  },
  {
    does: 'SQS FIFO takes no message out of the way',
    kills: ['delivery-bound', 'poison-isolation', 'progress', 'drained'],
    system: fifo({
      queues: {
        'jobs.fifo': { RedrivePolicy: { deadLetterTargetArn: 'failed.fifo', maxReceiveCount: 2 } },
        'failed.fifo': {},
      },
      producers: { maker: { poison: '20%', attributes: { user: 1 } } },
    }),
    bug: instead(SqsQueue, 'receive', (right, [entry, holder, now]) => {
      const receipt = right(entry, holder, now);
      entry.receives = 1;
      return receipt;
    }),
  },
  {
    does: 'SQS loses what it moves to a dead-letter queue',
    kills: ['dead-letter-exactness'],
    system: sqs(limited),
    bug: both(
      instead(SqsQueue, 'add', (right, args, self) => {
        const entry = right(...args);
        if (entry.source !== 0) self.remove(entry);
        return entry;
      }),
      saying(Sqs, (out) => ({
        fact: (kind, message, place, peer, value, detail, because) =>
          kind === F.appended && because !== undefined
            ? 0
            : out.fact(kind, message, place, peer, value, detail, because),
      })),
    ),
  },
  {
    does: 'SQS dead-letters a message and keeps it',
    kills: ['conservation', 'delivery-bound', 'bounded-redelivery'],
    system: sqs(limited),
    bug: instead(SqsQueue, 'remove', (right, [entry], self) => {
      if (entry.receives < 3 || entry.state !== 'visible') return right(entry);
      entry.receives = 0;
      self.postpone(entry, entry.receivedAtUs + 20_000_000, entry.receivedAtUs);
    }),
  },
  {
    does: 'SQS deletes what another consumer holds',
    kills: ['at-least-once', 'exactly-once-effect', 'stale-ack-fencing', 'bounded-redelivery'],
    system: sqs({ consumers: { worker: { process: '1s' } } }),
    timeline: [{ when: 'begun', nth: 6, of: 'worker-2', crash: 'worker-2', restart: '3s' }],
    bug: () => {
      const last = new Map<ActorId, ReceivedMessage>();
      return both(
        saying(Sqs, (out) => ({
          send: (to, hop, wire, ...rest) => {
            const [received] = wire.type === 'ReceiveMessageResult' ? (wire as ReceiveMessageResult).messages : [];
            if (received !== undefined) last.set(to, received);
            out.send(to, hop, wire, ...rest);
          },
        })),
        hearing(Sqs, (wire, from) => {
          const other = [...last].find(([consumer]) => consumer !== from)?.[1];
          if (wire.type !== 'DeleteMessage' || other === undefined) return wire;
          return { ...wire, message: other.message, receipt: other.handle } as DeleteMessage;
        }),
      )();
    },
  },
  {
    does: 'Pub/Sub takes every ack id for the last one',
    kills: ['stale-ack-fencing'],
    system: googlePubsub({
      queues: { jobs: { enable_exactly_once_delivery: true, enable_message_ordering: false } },
      consumers: { worker: { process: '70s', max_lease_duration: '0s' } },
    }),
    bug: instead(PubsubBacklog, 'isCurrent', () => true),
  },
  {
    does: 'Pub/Sub forgets ordering keys',
    kills: ['key-order'],
    system: googlePubsub({ consumers: { worker: { max_outstanding_messages: 1 } } }),
    bug: instead(PubsubBacklog, 'add', (right, [published]) => right({ ...published, key: '' })),
  },
  {
    does: 'Redis claims what is not idle',
    kills: ['at-most-once', 'stale-ack-fencing'],
    system: redisStreams({ consumers: { worker: { process: '1500ms' } } }),
    bug: hearing(RedisStreamsNode, (wire) =>
      wire.type === 'XAUTOCLAIM' ? ({ ...wire, minIdleMs: 0 } as XAutoClaim) : wire,
    ),
  },
  {
    does: 'Redis forgets the idempotency ids of its producers',
    kills: ['at-most-once', 'duplicate'],
    system: redisStreams({ producers: { maker: { IDMP: true } } }),
    timeline: replyLost,
    bug: instead(RedisStream, 'known', () => undefined),
  },
  {
    does: 'Redis leaves on the pending list what was acked',
    kills: ['at-most-once', 'conservation', 'bounded-redelivery'],
    system: redisStreams({}),
    bug: instead(RedisStream, 'unpend', () => {}),
  },
  {
    does: 'Pulsar forgets acks',
    kills: ['conservation'],
    system: pulsar({}),
    timeline: [{ at: '8s', crash: 'b1', restart: '1s' }],
    bug: instead(AckCursor, 'ack', () => true),
  },
  {
    does: 'Pulsar takes a Key_Shared subscription for a shared one',
    kills: ['key-order'],
    system: pulsar({}),
    bug: hearing(PulsarNode, (wire) =>
      commanded(wire, (command) =>
        command.type === 'Subscribe' ? { ...command, subscriptionType: 'Shared' } : command,
      ),
    ),
  },
  {
    does: 'Pulsar takes what is published in a transaction for what is not',
    kills: ['precommitted-read'],
    system: pulsar(transactional),
    bug: hearing(PulsarNode, (wire) =>
      commanded(wire, (command) => (command.type === 'Send' ? { ...command, txn: '' } : command)),
    ),
  },
  {
    does: 'Brokers of Pulsar take each decision for a commit',
    kills: ['aborted-read', 'precommitted-read'],
    system: pulsar(transactional),
    timeline: makerDiesInside,
    bug: hearing(PulsarNode, (wire) =>
      wire.type === 'pulsar/txn-outcome' ? ({ ...wire, committed: true } as TxnOutcome) : wire,
    ),
  },
  {
    does: 'One broker of Pulsar hears of no decision',
    kills: ['atomic-publish-and-commit', 'drained', 'progress'],
    system: pulsar(merged(transactional, { broker: { nodes: 2 }, topics: { jobs: { partitions: 2 } } })),
    bug: hearing(PulsarNode, (wire, from, out) =>
      wire.type === 'pulsar/txn-outcome' && from !== out.self ? null : wire,
    ),
  },
  {
    does: 'Pulsar gives back what was acked in a transaction that is committed',
    kills: ['at-most-once', 'atomic-publish-and-commit', 'bounded-redelivery'],
    system: pulsar({
      broker: { transactionCoordinatorEnabled: true },
      topics: { done: { subscriptions: ['reader'] } },
      consumers: {
        worker: { 'forward.to': 'done', transactionTimeout: '10s' },
        reader: { from: 'done', process: '10ms', effect: { insert: 'read' } },
      },
    }),
    bug: instead(PulsarSubscription, 'endTxn', (right, [txn, , out]) => right(txn, false, out)),
  },
  {
    does: 'Bookies of Pulsar write nothing down',
    kills: ['at-least-once', 'confirmed-durable', 'exactly-once-effect', 'lost-write', 'unseen'],
    system: pulsar({ broker: { bookies: 3 }, consumers: { worker: { process: '1s', receiverQueueSize: 1 } } }),
    timeline: [{ when: 'appended', nth: 6, crash: ['b1', 'bookie-1', 'bookie-2', 'bookie-3'], restart: '3s' }],
    bug: instead(PulsarBookie, 'crash', (right, [out]) => right(out, true)),
  },
  {
    does: 'Redis writes nothing down',
    kills: ['at-least-once', 'confirmed-durable', 'exactly-once-effect', 'lost-write', 'unseen'],
    system: redisStreams({}),
    timeline: [{ when: 'appended', nth: 6, crash: 'redis-streams', restart: '3s' }],
    bug: instead(Disk, 'crash', (right, [out]) => right(out, true)),
  },
  {
    does: 'A group of Redis passes over an entry where another follows',
    kills: ['drained', 'lost-write', 'progress', 'unseen'],
    system: redisStreams({ producers: { maker: { rate: '50/s' } } }),
    bug: instead(RedisStream, 'next', (right, [group], self) => {
      const entry = right(group);
      return entry !== undefined && entry.message.id % 4 === 0 ? (self.entries.after(entry.id) ?? entry) : entry;
    }),
  },
  {
    does: 'A reader of a stream writes down that it is done with what it left',
    kills: ['at-least-once', 'commit-safety', 'exactly-once-effect'],
    system: stream({
      consumers: { worker: { 'offset-tracking': 'stored', 'on-failure': 'leave', fail: '20%', prefetch: 20 } },
    }),
    timeline: [{ when: 'begun', nth: 10, crash: 'worker', restart: '2s' }],
    bug: instead(RabbitConsumerPort, 'settle', (right, [delivery, how, out]) =>
      right(delivery, how === 'leave' ? 'ack' : how, out),
    ),
  },
  {
    does: 'A reader of a stream writes an older place down now and then',
    kills: ['commit-monotonic'],
    system: stream({ consumers: { worker: { 'offset-tracking': 'stored' } } }),
    timeline: [{ when: 'begun', nth: 10, crash: 'worker', restart: '2s' }],
    bug: saying(Consumer, (out) => ({
      fact: (kind, message, place, peer, value = 0, ...rest) =>
        out.fact(kind, message, place, peer, kind === F.committed && value % 3 === 0 ? value - 2 : value, ...rest),
    })),
  },
];

const overtaken = new WeakMap<Appending, { readonly producer: number; held: ((out: Out) => void)[] | null }>();
