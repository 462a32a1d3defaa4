/**
 * One partition as one Kafka share group sees it (KIP-932): which records between the group's start offset and its end offset are available, acquired by
 * whom and until when, acknowledged or archived. Records are handed out one by one, not partition by partition. It holds no records and sends
 * nothing: the leader's share manager (`kafka-shares.ts`) says what was fetched, and asks whose locks have ended.
 */
import type { Micros } from '../types.ts';

export type ShareState = 'AVAILABLE' | 'ACQUIRED' | 'ACKNOWLEDGED' | 'ARCHIVED';

/** The states that may follow each; every other step is an error. Source: K101. */
export const SHARE_TRANSITIONS: Readonly<Record<ShareState, readonly ShareState[]>> = {
  AVAILABLE: ['ACQUIRED'],
  ACQUIRED: ['AVAILABLE', 'ACKNOWLEDGED', 'ARCHIVED'],
  ACKNOWLEDGED: [],
  ARCHIVED: [],
};

/** What a consumer says of an acquired offset. `GAP`: there is no record at it. `RENEW`: it needs more time. Source: K103. */
export type AcknowledgeType = 'ACCEPT' | 'RELEASE' | 'REJECT' | 'GAP' | 'RENEW';

export type ShareError = 'NONE' | 'INVALID_RECORD_STATE' | 'INVALID_REQUEST';

export interface ShareOptions {
  /** `group.share.delivery.count.limit`: so many deliveries at most, looked at when one ends. Source: K104. */
  readonly deliveryCountLimit: number;
  /** `group.share.partition.max.record.locks`: nothing new is acquired while so many offsets lie between start and end. Source: K106. */
  readonly maxRecordLocks: number;
  /** `group.share.record.lock.duration.ms`. Source: K102. */
  readonly lockUs: Micros;
}

/** One offset in the window. */
export interface ShareRecord {
  readonly offset: number;
  state: ShareState;
  deliveryCount: number;
  /** '' when nobody has it. */
  owner: string;
  lockedUntilUs: Micros;
}

/** What a new leader needs to go on: the start, and each offset from there on that is not simply fresh. Source: K100. */
export interface ShareSnapshot {
  readonly start: number;
  readonly records: readonly { readonly offset: number; readonly state: ShareState; readonly deliveryCount: number }[];
}

/** What became of an offset when its delivery ended. */
export interface ShareEnd {
  readonly offset: number;
  readonly state: ShareState;
  readonly deliveryCount: number;
  readonly owner: string;
}

export class SharePartition {
  readonly #options: ShareOptions;
  /** By offset, ascending; nothing below the start. */
  readonly #records = new Map<number, ShareRecord>();
  #start: number;
  /** One past the last offset that was ever acquired. */
  #end: number;
  /** Offsets that were given back, so that they are looked for only when there are some, and below which of all there is none. */
  #available = 0;
  #availableFrom = 0;
  #acquired = 0;

  /** Begins empty: the first acquisition may be at `start` or anywhere above. Source: K100. */
  constructor(start: number, options: ShareOptions) {
    this.#options = options;
    this.#start = start;
    this.#end = start;
  }

  /** Share-partition start offset: everything below is done with. Source: K107. */
  get startOffset(): number {
    return this.#start;
  }

  /** One past the last offset of the window. */
  get endOffset(): number {
    return this.#end;
  }

  /** Where the next fetch has to look: at the first offset that was given back, else beyond the window. */
  get nextFetchOffset(): number {
    if (this.#available === 0) return this.#end;
    let offset = Math.max(this.#availableFrom, this.#start);
    while (offset < this.#end && this.#records.get(offset)?.state !== 'AVAILABLE') offset++;
    this.#availableFrom = offset;
    return offset;
  }

  /** Offsets of the window that are not final. */
  get inFlight(): number {
    return this.#available + this.#acquired;
  }

  /** Whether a fetch may acquire anything: what was given back always, new offsets while the window is not full. Source: K106. */
  get canAcquire(): boolean {
    return this.#available > 0 || this.hasRoom;
  }

  /** Whether offsets beyond the window may be acquired. What is final counts until the start has moved past it. Source: K106. */
  get hasRoom(): boolean {
    return this.#end - this.#start < this.#options.maxRecordLocks;
  }

  record(offset: number): Readonly<ShareRecord> | undefined {
    return this.#records.get(offset);
  }

  /**
   * Hands one offset to a member: it is locked, and this delivery counts. Undefined when somebody has it or it is final. One that was left out of the window's
   * acquisitions so far can be handed out like any other. Source: K102.
   */
  acquireOne(owner: string, offset: number, now: Micros): Readonly<ShareRecord> | undefined {
    if (offset < this.#start) return undefined;
    let record = this.#records.get(offset);
    if (record === undefined) {
      if (this.#records.size === 0) this.#start = offset;
      record = { offset, state: 'AVAILABLE', deliveryCount: 0, owner: '', lockedUntilUs: 0 };
      this.#records.set(offset, record);
      if (offset < this.#end) this.#sort();
      else this.#end = offset + 1;
    } else if (record.state !== 'AVAILABLE') return undefined;
    else this.#available--;
    record.state = 'ACQUIRED';
    record.deliveryCount++;
    record.owner = owner;
    record.lockedUntilUs = now + this.#options.lockUs;
    this.#acquired++;
    return record;
  }

  /** Hands a member what is available of the offsets [from, to]. */
  acquire(owner: string, from: number, to: number, now: Micros): readonly Readonly<ShareRecord>[] {
    const acquired: Readonly<ShareRecord>[] = [];
    for (let offset = from; offset <= to; offset++) {
      const record = this.acquireOne(owner, offset, now);
      if (record !== undefined) acquired.push(record);
    }
    return acquired;
  }

  /** Offsets of the window in [from, below) whose records compaction has removed since: nobody can be handed them any more. Source: K107. */
  archiveMissing(from: number, below: number): void {
    this.#archiveAvailable(from, below);
    this.#moveStart();
  }

  /** Offsets that hold no record (compaction, transaction markers) are passed over: they are archived unseen, or after they were given back if compaction has emptied them since. */
  skip(from: number, below: number): void {
    this.#archiveAvailable(from, below);
    for (let offset = Math.max(from, this.#end); offset < below; offset++) {
      this.#records.set(offset, { offset, state: 'ARCHIVED', deliveryCount: 0, owner: '', lockedUntilUs: 0 });
      this.#end = offset + 1;
    }
    this.#moveStart();
  }

  #archiveAvailable(from: number, below: number): void {
    if (this.#available === 0) return;
    for (let offset = Math.max(from, this.#start); offset < Math.min(below, this.#end); offset++) {
      const record = this.#records.get(offset);
      if (record?.state !== 'AVAILABLE') continue;
      this.#available--;
      record.state = 'ARCHIVED';
    }
  }

  /**
   * Whether a member holds all of [from, to], so that it may speak of them. Below the start all is done with: what is said of that is passed over, and takes nothing else
   * with it. Source: K105, K107; apache/kafka: SharePartition.java#acknowledge.
   */
  isHeld(owner: string, from: number, to: number, now: Micros): boolean {
    for (let offset = Math.max(from, this.#start); offset <= to; offset++) {
      const record = this.#records.get(offset);
      if (record?.state !== 'ACQUIRED' || record.owner !== owner || record.lockedUntilUs <= now) return false;
    }
    return true;
  }

  /**
   * A member acknowledges [from, to], all of them alike or each offset as a function says. It must hold all of them; if it does not, nothing changes. Offsets below the start
   * are done with already and not looked at, no more than offsets that nobody was ever handed. An empty window knows of nothing that could be
   * acknowledged, and a range may not end where nothing was acquired. `ended` hears of each delivery that ends. Source: K103, K105.
   */
  acknowledge(
    owner: string,
    from: number,
    to: number,
    types: AcknowledgeType | ((offset: number) => AcknowledgeType),
    now: Micros,
    ended: (end: ShareEnd) => void,
  ): ShareError {
    if (to < from) return 'INVALID_REQUEST';
    if (to < this.#start) return 'NONE';
    if (this.#records.size === 0) return 'INVALID_RECORD_STATE';
    if (!this.#records.has(to)) return 'INVALID_REQUEST';
    const first = Math.max(from, this.#start);
    for (let offset = first; offset <= to; offset++) {
      const record = this.#records.get(offset);
      if (record === undefined || record.deliveryCount === 0) continue;
      if (record.state !== 'ACQUIRED' || record.owner !== owner || record.lockedUntilUs <= now)
        return 'INVALID_RECORD_STATE';
    }
    for (let offset = first; offset <= to; offset++) {
      const record = this.#records.get(offset);
      if (record?.state !== 'ACQUIRED') continue;
      switch (typeof types === 'string' ? types : types(offset)) {
        case 'ACCEPT':
          this.#finish(record, 'ACKNOWLEDGED', ended);
          break;
        case 'RELEASE':
          this.#release(record, ended);
          break;
        case 'REJECT':
        case 'GAP':
          this.#finish(record, 'ARCHIVED', ended);
          break;
        case 'RENEW':
          record.lockedUntilUs = now + this.#options.lockUs;
      }
    }
    this.#moveStart();
    return 'NONE';
  }

  /** Locks whose time is over end like a release. Source: K103. */
  expire(now: Micros, ended: (end: ShareEnd) => void): void {
    if (this.#acquired === 0) return;
    for (const record of this.#records.values())
      if (record.state === 'ACQUIRED' && record.lockedUntilUs <= now) this.#release(record, ended);
    this.#moveStart();
  }

  /** A member is gone: what it holds is released. Source: K103. */
  memberGone(owner: string, ended: (end: ShareEnd) => void): void {
    if (this.#acquired === 0) return;
    for (const record of this.#records.values())
      if (record.state === 'ACQUIRED' && record.owner === owner) this.#release(record, ended);
    this.#moveStart();
  }

  /** The log begins later than the window: what lies below is archived. Source: K107. */
  logStartMoved(logStart: number): void {
    if (logStart <= this.#start) return;
    for (const record of [...this.#records.values()]) {
      if (record.offset >= logStart) break;
      this.#count(record.state, -1);
      this.#records.delete(record.offset);
    }
    this.#start = logStart;
    this.#end = Math.max(this.#end, logStart);
    this.#moveStart();
  }

  /** When the earliest lock ends; MAX_SAFE_INTEGER when nothing is locked. */
  nextExpiryUs(): Micros {
    let next = Number.MAX_SAFE_INTEGER;
    if (this.#acquired > 0)
      for (const { state, lockedUntilUs } of this.#records.values())
        if (state === 'ACQUIRED' && lockedUntilUs < next) next = lockedUntilUs;
    return next;
  }

  /** As it would be read back: what is acquired now counts as available then, with the deliveries that it had. */
  snapshot(): ShareSnapshot {
    const records = [...this.#records.values()].map(({ offset, state, deliveryCount }) => ({
      offset,
      state: state === 'ACQUIRED' ? 'AVAILABLE' : state,
      deliveryCount,
    }));
    return { start: this.#start, records };
  }

  restore({ start, records }: ShareSnapshot): void {
    this.#records.clear();
    this.#start = start;
    this.#end = start;
    this.#available = 0;
    this.#availableFrom = start;
    this.#acquired = 0;
    for (const { offset, state, deliveryCount } of records) {
      this.#records.set(offset, { offset, state, deliveryCount, owner: '', lockedUntilUs: 0 });
      this.#count(state, 1);
      this.#end = offset + 1;
    }
    this.#moveStart();
  }

  /** Available again, unless it was delivered as often as it may be. Source: K103, K104. */
  #release(record: ShareRecord, ended: (end: ShareEnd) => void): void {
    const spent = record.deliveryCount >= this.#options.deliveryCountLimit;
    this.#finish(record, spent ? 'ARCHIVED' : 'AVAILABLE', ended);
  }

  #finish(record: ShareRecord, state: ShareState, ended: (end: ShareEnd) => void): void {
    if (!SHARE_TRANSITIONS[record.state].includes(state))
      throw new Error(`invariant: offset ${record.offset} goes from ${record.state} to ${state}`);
    const { offset, deliveryCount, owner } = record;
    this.#count(record.state, -1);
    this.#count(state, 1);
    if (state === 'AVAILABLE' && (this.#available === 1 || offset < this.#availableFrom)) this.#availableFrom = offset;
    record.state = state;
    record.owner = '';
    record.lockedUntilUs = 0;
    ended({ offset, state, deliveryCount, owner });
  }

  /** Puts the offsets in their order again, as one came between. */
  #sort(): void {
    const ordered = [...this.#records].sort(([a], [b]) => a - b);
    this.#records.clear();
    for (const [offset, record] of ordered) this.#records.set(offset, record);
  }

  #count(state: ShareState, by: number): void {
    if (state === 'AVAILABLE') this.#available += by;
    else if (state === 'ACQUIRED') this.#acquired += by;
  }

  /** The start passes everything that is final from the beginning on. Source: K107. */
  #moveStart(): void {
    for (const record of this.#records.values()) {
      if (record.state !== 'ACKNOWLEDGED' && record.state !== 'ARCHIVED') {
        this.#start = record.offset;
        return;
      }
      this.#records.delete(record.offset);
    }
    this.#start = this.#end;
  }
}
