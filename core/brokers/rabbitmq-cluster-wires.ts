/** What the nodes of a RabbitMQ cluster say to each other, and the timers by which each of them remembers what is due. Types, and the timers' names. */
import type { Wire } from '../machine.ts';
import type { MemberNumber, RaftMessage } from '../parts/raft-member.ts';
import type { Micros } from '../types.ts';
import type { Entry, Request } from './rabbitmq-catalogue.ts';
import type { Delivered } from './rabbitmq-cluster-host.ts';
import type { Command, SessionCommand, SessionNumber } from './rabbitmq-replica.ts';

/** `group` is the number of a queue's Raft group, the same on all nodes. */
export type NodeWire = Wire &
  (
    | { readonly type: 'rabbitmq/raft'; readonly group: number; readonly message: RaftMessage<Command> }
    | { readonly type: 'rabbitmq/command'; readonly group: number; readonly command: SessionCommand }
    | {
        readonly type: 'rabbitmq/applied';
        readonly group: number;
        readonly session: SessionNumber;
        readonly number: number;
        readonly ok: boolean;
        readonly count: number;
      }
    | {
        readonly type: 'rabbitmq/delivered';
        readonly group: number;
        readonly session: SessionNumber;
        readonly consumer: number;
        readonly nth: number;
        /** What the consumer must have got before: the one before it, unless those between were taken back while its node was away. */
        readonly after: number;
        readonly delivered: Delivered;
      }
    | {
        readonly type: 'rabbitmq/resend';
        readonly group: number;
        readonly session: SessionNumber;
        readonly consumer: number;
        readonly after: number;
      }
    | { readonly type: 'rabbitmq/leader'; readonly group: number; readonly leader: MemberNumber; readonly term: number }
    | { readonly type: 'rabbitmq/catalogue'; readonly message: RaftMessage<Entry> }
    /** A change of the shared definitions that a node wants. */
    | { readonly type: 'rabbitmq/define'; readonly request: Request }
    /** `asks`: nothing was heard of the other, so it is to answer. `sent`: how many other messages went to it before this one. `isDiskFull`: of the sender's disk. */
    | {
        readonly type: 'rabbitmq/ping';
        readonly incarnation: number;
        readonly asks: boolean;
        readonly sent: number;
        readonly isDiskFull: boolean;
      }
  );

/** A wire of this type. */
export type NodeWireOf<Type extends NodeWire['type']> = Extract<NodeWire, { type: Type }>;

export type ClusterTimer =
  | { readonly type: 'rabbitmq/pulse' }
  | { readonly type: 'rabbitmq/campaign'; readonly group: number }
  | { readonly type: 'rabbitmq/tick'; readonly group: number }
  | { readonly type: 'rabbitmq/away'; readonly node: MemberNumber; readonly since: Micros }
  | { readonly type: 'rabbitmq/bury'; readonly group: number }
  /** A node misses the leader of the catalogue. */
  | { readonly type: 'rabbitmq/stand' };

export const CLUSTER_TIMERS: readonly string[] = [
  'rabbitmq/pulse',
  'rabbitmq/campaign',
  'rabbitmq/tick',
  'rabbitmq/away',
  'rabbitmq/bury',
  'rabbitmq/stand',
] satisfies readonly ClusterTimer['type'][];
