/**
 * What travels to and from a Redis server with streams: its commands under their real names, with their real arguments, and its replies by their shape.
 * Ids are read already, except where their meaning depends on the stream (`*`, `$`, `>`). Times are milliseconds, as the commands have them.
 * Only types; `redis-streams-node.ts` says what carries the commands out. Source: [C], by the name of each command.
 */
import type { Wire } from '../machine.ts';
import type { Handed, References, Trim } from '../parts/redis-stream.ts';
import type { StreamId, U64 } from '../parts/stream-id.ts';
import type { Message, PlaceId } from '../types.ts';

interface Request extends Wire {
  /** Chosen by the client; comes back in the reply. */
  readonly token: number;
}

interface OnKey extends Request {
  readonly key: string;
}

interface OnGroup extends OnKey {
  readonly group: string;
}

/** `*`; `ms-*`; or an id. */
export type NewId = '*' | { readonly ms: U64; readonly seq: '*' } | StreamId;

export interface XAdd extends OnKey {
  readonly type: 'XADD';
  readonly id: NewId;
  readonly message: Message;
  readonly nomkstream?: boolean;
  readonly trim?: Trim;
  /** IDMP or IDMPAUTO: the producer's id, and the message's (for IDMPAUTO one that is made of the content). */
  readonly idmp?: { readonly producer: string; readonly iid: string };
}

export interface XTrim extends OnKey {
  readonly type: 'XTRIM';
  readonly trim: Trim;
}

export interface XDel extends OnKey {
  readonly type: 'XDEL';
  readonly ids: readonly StreamId[];
}

export interface XDelEx extends OnKey {
  readonly type: 'XDELEX';
  readonly references: References;
  readonly ids: readonly StreamId[];
}

export interface XAckDel extends OnGroup {
  readonly type: 'XACKDEL';
  readonly references: References;
  readonly ids: readonly StreamId[];
  readonly attempt?: number;
}

export interface XLen extends OnKey {
  readonly type: 'XLEN' | 'EXISTS' | 'TYPE' | 'DEL';
}

/** A key of another type: commands on streams refuse it. */
export interface SetKey extends OnKey {
  readonly type: 'SET';
}

export interface FlushAll extends Request {
  readonly type: 'FLUSHALL';
}

export interface XRange extends OnKey {
  readonly type: 'XRANGE' | 'XREVRANGE';
  readonly start: StreamId;
  readonly end: StreamId;
  /** −1 when not given. */
  readonly count: number;
}

/** Where to read a stream from: after an id; `$`, what is new from now on; `+`, the last one; `>`, what the group has not got. */
export interface ReadFrom {
  readonly key: string;
  readonly after: StreamId | '$' | '+' | '>';
}

export interface XRead extends Request {
  readonly type: 'XREAD';
  readonly streams: readonly ReadFrom[];
  /** Per stream; 0 is no limit. */
  readonly count: number;
  /** −1: does not block; 0: for ever. */
  readonly blockMs: number;
}

export interface XReadGroup extends Request {
  readonly type: 'XREADGROUP';
  readonly group: string;
  readonly consumer: string;
  readonly streams: readonly ReadFrom[];
  readonly count: number;
  readonly blockMs: number;
  readonly noack: boolean;
  /** CLAIM min-idle-time; −1 when not given. */
  readonly claimMs: number;
}

export interface XGroupCreate extends OnGroup {
  readonly type: 'XGROUP CREATE';
  readonly id: StreamId | '$';
  readonly mkstream: boolean;
  /** ENTRIESREAD; −1 when not given. */
  readonly entriesRead: number;
}

export interface XGroupSetId extends OnGroup {
  readonly type: 'XGROUP SETID';
  readonly id: StreamId | '$';
  readonly entriesRead: number;
}

export interface XGroupDestroy extends OnGroup {
  readonly type: 'XGROUP DESTROY';
}

export interface XGroupConsumer extends OnGroup {
  readonly type: 'XGROUP CREATECONSUMER' | 'XGROUP DELCONSUMER';
  readonly consumer: string;
}

export interface XAck extends OnGroup {
  readonly type: 'XACK';
  readonly ids: readonly StreamId[];
  /** For the record: the delivery count that the client was told. */
  readonly attempt?: number;
  readonly message?: Message;
}

export interface XNack extends OnGroup {
  readonly type: 'XNACK';
  readonly mode: 'SILENT' | 'FAIL' | 'FATAL';
  readonly ids: readonly StreamId[];
  /** RETRYCOUNT; −1 when not given. */
  readonly retryCount: number;
  readonly force: boolean;
}

export interface XPending extends OnGroup {
  readonly type: 'XPENDING';
  /** Null asks for the summary. */
  readonly range: {
    readonly minIdleMs: number;
    readonly start: StreamId;
    readonly end: StreamId;
    readonly count: number;
    readonly consumer: string | null;
  } | null;
}

export interface XClaim extends OnGroup {
  readonly type: 'XCLAIM';
  readonly consumer: string;
  readonly minIdleMs: number;
  readonly ids: readonly StreamId[];
  /** IDLE and TIME; −1 when not given. */
  readonly idleMs: number;
  readonly timeMs: number;
  readonly retryCount: number;
  readonly force: boolean;
  readonly justId: boolean;
  readonly lastId: StreamId | null;
}

export interface XAutoClaim extends OnGroup {
  readonly type: 'XAUTOCLAIM';
  readonly consumer: string;
  readonly minIdleMs: number;
  readonly start: StreamId;
  readonly count: number;
  readonly justId: boolean;
}

export interface XInfo extends OnKey {
  readonly type: 'XINFO STREAM' | 'XINFO GROUPS';
}

/** XINFO STREAM with FULL: entries, groups, consumers and what is pending, at most `count` of each list (0: all). */
export interface XInfoFull extends OnKey {
  readonly type: 'XINFO STREAM FULL';
  readonly count: number;
}

export interface XInfoConsumers extends OnGroup {
  readonly type: 'XINFO CONSUMERS';
}

export interface XSetId extends OnKey {
  readonly type: 'XSETID';
  readonly id: StreamId;
  /** −1 when not given. */
  readonly entriesAdded: number;
  readonly maxDeleted: StreamId | null;
}

export interface XCfgSet extends OnKey {
  readonly type: 'XCFGSET';
  /** Absent ones stay as they are. */
  readonly durationMs: number | null;
  readonly maxSize: number | null;
}

/** Gives a stream another key; what was there before is gone. */
export interface Rename extends OnKey {
  readonly type: 'RENAME';
  readonly to: string;
}

/** The commands since MULTI: carried out one after the other with nothing between, and none of them blocks. Each is answered by its own token. */
export interface Exec extends Wire {
  readonly type: 'EXEC';
  readonly token: number;
  readonly commands: readonly StreamsRequest[];
}

export interface ConfigSet extends Request {
  readonly type: 'CONFIG SET';
  readonly values: Readonly<Record<string, string | number>>;
}

export interface Ping extends Request {
  readonly type: 'PING';
}

/** The client's end of the connection was closed: what it waited for is over. */
export interface Quit extends Wire {
  readonly type: 'QUIT';
}

/** A script that acks an entry and adds it to another stream: `XACK key group id`, and if that found it pending, `XADD to * …` (X14). */
export interface DeadLetter extends Wire {
  readonly type: 'EVAL';
  readonly token: number;
  readonly key: string;
  readonly group: string;
  readonly id: StreamId;
  readonly to: string;
  readonly message: Message;
  /** Why, for the record: a code of R. */
  readonly reason: number;
}

export type StreamsRequest =
  | XAdd
  | XTrim
  | XDel
  | XDelEx
  | XAckDel
  | XLen
  | SetKey
  | FlushAll
  | XRange
  | XRead
  | XReadGroup
  | XGroupCreate
  | XGroupSetId
  | XGroupDestroy
  | XGroupConsumer
  | XAck
  | XNack
  | XPending
  | XClaim
  | XAutoClaim
  | XInfo
  | XInfoFull
  | XInfoConsumers
  | XSetId
  | XCfgSet
  | ConfigSet
  | Rename
  | Exec
  | Ping
  | Quit;

interface Reply extends Wire {
  readonly token: number;
}

/** An error: its first word is the code. */
export interface ErrorReply extends Reply {
  readonly type: 'error';
  readonly text: string;
}

export interface OkReply extends Reply {
  readonly type: 'ok';
}

export interface CountReply extends Reply {
  readonly type: 'count';
  readonly count: number;
}

export interface TextReply extends Reply {
  readonly type: 'text';
  readonly text: string;
}

/** The new entry's id; null when NOMKSTREAM found no stream. */
export interface IdReply extends Reply {
  readonly type: 'id';
  readonly id: StreamId | null;
}

/** A status for each id of XDELEX and XACKDEL. */
export interface CodesReply extends Reply {
  readonly type: 'codes';
  readonly codes: readonly number[];
}

export interface StreamRead {
  readonly key: string;
  /** Where this group's share of the stream is shown; 0 for a read without group. */
  readonly place: PlaceId;
  readonly entries: readonly Handed[];
  /** The reader asked by an id for its own pending entries, where CLAIM has no say; absent for a read of new ones. */
  readonly isHistory?: true;
}

export interface ReadReply extends Reply {
  readonly type: 'read';
  /** Null: nothing to read. */
  readonly streams: readonly StreamRead[] | null;
  /** CLAIM was asked for: each entry tells its idle time and count, save those of a history. */
  readonly claims: boolean;
  readonly sizeBytes: number;
}

/** Entries of a range or a claim; only their ids with JUSTID. */
export interface EntriesReply extends Reply {
  readonly type: 'entries';
  /** Null for a range of which no entry was asked for. */
  readonly entries: readonly Handed[] | null;
  readonly justId: boolean;
  readonly place: PlaceId;
  readonly sizeBytes: number;
}

export interface AutoClaimReply extends Reply {
  readonly type: 'autoclaim';
  readonly key: string;
  readonly cursor: StreamId;
  readonly entries: readonly Handed[];
  readonly deleted: readonly StreamId[];
  readonly justId: boolean;
  readonly place: PlaceId;
  readonly sizeBytes: number;
}

export interface PendingSummary extends Reply {
  readonly type: 'pending';
  readonly count: number;
  readonly min: StreamId | null;
  readonly max: StreamId | null;
  readonly consumers: readonly { readonly name: string; readonly pending: number }[];
}

export interface PendingList extends Reply {
  readonly type: 'pending-list';
  readonly rows: readonly {
    readonly id: StreamId;
    /** '' when nobody owns it. */
    readonly consumer: string;
    readonly idleMs: number;
    readonly count: number;
  }[];
}

export interface StreamInfo extends Reply {
  readonly type: 'stream-info';
  readonly length: number;
  readonly nodes: number;
  readonly lastId: StreamId;
  readonly maxDeleted: StreamId;
  readonly entriesAdded: number;
  readonly firstId: StreamId;
  readonly groups: number;
  readonly first: Handed | null;
  readonly last: Handed | null;
  readonly idmp: {
    readonly durationMs: number;
    readonly maxSize: number;
    readonly producers: number;
    readonly ids: number;
    readonly added: number;
    readonly duplicates: number;
  };
}

/** One entry on a pending list: who has it ('' nobody), since when on the server's clock, and how often it was handed out. */
export interface PendingRow {
  readonly id: StreamId;
  readonly consumer: string;
  readonly timeMs: number;
  readonly count: number;
}

export interface StreamFull extends Reply {
  readonly type: 'stream-full';
  readonly info: StreamInfo;
  readonly entries: readonly Handed[];
  readonly groups: readonly {
    readonly name: string;
    readonly lastId: StreamId;
    readonly entriesRead: number | null;
    readonly lag: number | null;
    readonly pending: number;
    readonly rows: readonly PendingRow[];
    readonly consumers: readonly {
      readonly name: string;
      readonly seenMs: number;
      readonly activeMs: number;
      readonly pending: number;
      readonly rows: readonly PendingRow[];
    }[];
  }[];
}

export interface GroupsInfo extends Reply {
  readonly type: 'groups-info';
  readonly groups: readonly {
    readonly name: string;
    readonly consumers: number;
    readonly pending: number;
    readonly lastId: StreamId;
    readonly entriesRead: number | null;
    readonly lag: number | null;
  }[];
}

export interface ConsumersInfo extends Reply {
  readonly type: 'consumers-info';
  readonly consumers: readonly {
    readonly name: string;
    readonly pending: number;
    readonly idleMs: number;
    /** −1 when it never got anything. */
    readonly inactiveMs: number;
  }[];
}

export type StreamsReply =
  | ErrorReply
  | OkReply
  | CountReply
  | TextReply
  | IdReply
  | CodesReply
  | ReadReply
  | EntriesReply
  | AutoClaimReply
  | PendingSummary
  | PendingList
  | StreamInfo
  | StreamFull
  | GroupsInfo
  | ConsumersInfo;
