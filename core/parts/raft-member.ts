/**
 * One member of a Raft group: its log, its term, its vote, and what it knows of the others. Calls tell it what arrived; what it wants sent lies in `outbox`
 * afterwards, and `nextCommitted` gives the entries to apply, in order, once a majority has them on disk. It keeps no time: its owner says when to
 * campaign and when a write is on disk. Source: R61; Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm".
 * Simplification: no snapshots. Entries that all members have are forgotten; a member that is away keeps them in the others' logs.
 */

/** Number of a node in its cluster, from 1. */
export type MemberNumber = number;

export interface RaftEntry<C> {
  readonly term: number;
  /** Absent in the entry with which each leader begins: once it is committed, so is all before it. */
  readonly command: C | undefined;
}

export type RaftMessage<C> =
  | {
      readonly type: 'append';
      readonly term: number;
      readonly before: number;
      readonly beforeTerm: number;
      readonly entries: readonly RaftEntry<C>[];
      readonly commit: number;
      /** All members hold everything up to here. */
      readonly everywhere: number;
    }
  /** `upTo`: this member agrees with the leader up to here; on refusal, where the leader may try. */
  | { readonly type: 'appended'; readonly term: number; readonly ok: boolean; readonly upTo: number }
  | {
      readonly type: 'vote';
      readonly term: number;
      /** A question first whether anybody would: it changes no term, so a member that was away disturbs nobody. */
      readonly pre: boolean;
      readonly last: number;
      readonly lastTerm: number;
    }
  | { readonly type: 'voted'; readonly term: number; readonly pre: boolean; readonly granted: boolean };

export interface Addressed<C> {
  readonly to: MemberNumber;
  readonly message: RaftMessage<C>;
}

interface Peer {
  /** It has everything up to here on disk. */
  match: number;
  /** The next entry to send to it. */
  next: number;
}

/** So many entries at the front are forgotten together. */
const FORGET = 1024;

export class RaftMember<C> {
  readonly self: MemberNumber;
  readonly members: readonly MemberNumber[];
  term = 0;
  role: 'follower' | 'candidate' | 'leader' = 'follower';
  /** 0: not known. */
  leader: MemberNumber = 0;
  outbox: Addressed<C>[] = [];
  #votedFor: MemberNumber = 0;
  /** Entries from index `#base + 1` on. */
  #log: RaftEntry<C>[] = [];
  #base = 0;
  #baseTerm = 0;
  #commit = 0;
  #applied = 0;
  #onDisk = 0;
  #everywhere = 0;
  readonly #peers = new Map<MemberNumber, Peer>();
  readonly #votes = new Set<MemberNumber>();

  /** `leader`: who leads from the start, in this first term. */
  constructor(self: MemberNumber, members: readonly MemberNumber[], leader: MemberNumber, term = 1) {
    this.self = self;
    this.members = members;
    this.term = term;
    this.#votedFor = leader;
    this.leader = leader;
    for (const member of members) if (member !== self) this.#peers.set(member, { match: 0, next: 1 });
    if (leader === self) this.role = 'leader';
  }

  get last(): number {
    return this.#base + this.#log.length;
  }

  get commit(): number {
    return this.#commit;
  }

  /** Entries that are written and not on disk. */
  get unflushed(): number {
    return this.last - this.#onDisk;
  }

  /** Whether this leads and the other does not hold all that it does, as far as it knows. */
  lacks(member: MemberNumber): boolean {
    return this.role === 'leader' && (this.#peers.get(member)?.match ?? this.last) < this.last;
  }

  /** Whether this leads, and everything that it has is committed and applied. */
  get isDone(): boolean {
    return this.role === 'leader' && this.#applied === this.last;
  }

  /** A leader's new entry; false when this member leads nobody. */
  propose(command: C | undefined): boolean {
    if (this.role !== 'leader') return false;
    this.#log.push({ term: this.term, command });
    for (const [to, peer] of this.#peers) this.#sendTo(to, peer, false);
    return true;
  }

  /** What was written is on disk now. A follower tells its leader; a leader counts itself. */
  flushed(): void {
    if (this.#onDisk === this.last) return;
    this.#onDisk = this.last;
    if (this.role === 'leader') this.#advance();
    else if (this.leader !== 0 && this.leader !== this.self) this.#acknowledge(this.leader);
  }

  /** The next entry that may be applied; `undefined` when there is none. A leader's first entry is passed over. */
  nextCommitted(): C | undefined {
    while (this.#applied < this.#commit) {
      this.#applied += 1;
      const entry = this.#log[this.#applied - this.#base - 1];
      if (entry?.command !== undefined) {
        this.#forget();
        return entry.command;
      }
    }
    return undefined;
  }

  /** Its leader seems to be gone. */
  forgetLeader(): void {
    if (this.role === 'follower') this.leader = 0;
  }

  /** Asks the others whether they would vote for it; with their yes it stands in a new term. */
  campaign(): void {
    if (this.role === 'leader') return;
    this.role = 'candidate';
    this.leader = 0;
    this.#ask(true);
  }

  /** A leader sends another member all that it did not acknowledge, as it may be lost; or, with nothing to send, shows that it still leads. */
  remind(member: MemberNumber): void {
    const peer = this.#peers.get(member);
    if (this.role !== 'leader' || peer === undefined) return;
    peer.next = peer.match + 1;
    this.#sendTo(member, peer, true);
  }

  /** `hearsLeader`: this member has reason to believe that its leader is alive, so it lets nobody campaign. */
  receive(from: MemberNumber, message: RaftMessage<C>, hearsLeader: boolean): void {
    if (message.type === 'vote') return this.#asked(from, message, hearsLeader);
    if (message.term > this.term && !(message.type === 'voted' && message.pre && message.granted)) {
      this.#follow(message.term, 0);
    }
    switch (message.type) {
      case 'append':
        return this.#receiveEntries(from, message);
      case 'appended':
        return this.#acknowledged(from, message);
      case 'voted':
        return this.#answered(from, message);
      default:
        return message satisfies never;
    }
  }

  /** The process died: what was not on disk is gone, and who leads is forgotten. */
  crash(): void {
    this.#log.length = Math.max(this.#onDisk, this.#applied) - this.#base;
    this.#onDisk = this.last;
    this.role = this.members.length === 1 ? 'leader' : 'follower';
    this.leader = this.members.length === 1 ? this.self : 0;
    this.outbox = [];
    this.#votes.clear();
  }

  // Elections.

  #ask(pre: boolean): void {
    this.#votes.clear();
    this.#votes.add(this.self);
    if (!pre) {
      this.term += 1;
      this.#votedFor = this.self;
    }
    const term = pre ? this.term + 1 : this.term;
    const question = { type: 'vote', term, pre, last: this.last, lastTerm: this.#termAt(this.last) } as const;
    for (const to of this.#peers.keys()) this.outbox.push({ to, message: question });
    this.#count(pre);
  }

  #asked(from: MemberNumber, question: Extract<RaftMessage<C>, { type: 'vote' }>, hearsLeader: boolean): void {
    const { term, pre, last, lastTerm } = question;
    if (!pre && term > this.term) this.#follow(term, 0);
    const ownTerm = this.#termAt(this.last);
    const upToDate = lastTerm > ownTerm || (lastTerm === ownTerm && last >= this.last);
    const free = pre ? !hearsLeader && this.role !== 'leader' : this.#votedFor === 0 || this.#votedFor === from;
    const granted = term >= this.term && upToDate && free;
    if (granted && !pre) this.#votedFor = from;
    if (pre && this.role === 'leader') this.remind(from);
    this.outbox.push({ to: from, message: { type: 'voted', term: granted ? term : this.term, pre, granted } });
  }

  #answered(from: MemberNumber, { term, pre, granted }: Extract<RaftMessage<C>, { type: 'voted' }>): void {
    if (this.role !== 'candidate' || !granted) return;
    // An answer to the question of an earlier campaign elects nobody.
    const standing = this.#votedFor === this.self;
    if (pre ? term !== this.term + 1 : term !== this.term || !standing) return;
    this.#votes.add(from);
    this.#count(pre);
  }

  #count(pre: boolean): void {
    if (this.#votes.size * 2 <= this.members.length) return;
    if (pre) return this.#ask(false);
    this.role = 'leader';
    this.leader = this.self;
    for (const peer of this.#peers.values()) {
      peer.match = 0;
      peer.next = this.last + 1;
    }
    this.propose(undefined);
  }

  #follow(term: number, leader: MemberNumber): void {
    if (term > this.term) {
      this.term = term;
      this.#votedFor = 0;
    }
    this.role = 'follower';
    this.leader = leader;
  }

  // Entries.

  #sendTo(to: MemberNumber, peer: Peer, evenNothing: boolean): void {
    const before = peer.next - 1;
    if (!evenNothing && before === this.last) return;
    this.outbox.push({
      to,
      message: {
        type: 'append',
        term: this.term,
        before,
        beforeTerm: this.#termAt(before),
        entries: before === this.last ? [] : this.#log.slice(before - this.#base),
        commit: this.#commit,
        everywhere: this.#everywhere,
      },
    });
    peer.next = this.last + 1;
  }

  #receiveEntries(from: MemberNumber, message: Extract<RaftMessage<C>, { type: 'append' }>): void {
    const { term, before, beforeTerm, entries, commit, everywhere } = message;
    if (term < this.term) return this.#refuse(from, 0);
    this.#follow(term, from);
    if (before > this.last) return this.#refuse(from, this.last);
    if (before > this.#base && this.#termAt(before) !== beforeTerm) return this.#refuse(from, before - 1);
    entries.forEach((entry, at) => {
      const index = before + 1 + at;
      if (index <= this.#base || (index <= this.last && this.#termAt(index) === entry.term)) return;
      // Entries of another leader that were never committed give way.
      if (index <= this.last) {
        this.#log.length = index - 1 - this.#base;
        this.#onDisk = Math.min(this.#onDisk, index - 1);
      }
      this.#log.push(entry);
    });
    this.#commit = Math.max(this.#commit, Math.min(commit, before + entries.length));
    this.#everywhere = Math.max(this.#everywhere, everywhere);
    if (this.#onDisk === this.last) this.#acknowledge(from);
  }

  #acknowledge(leader: MemberNumber): void {
    this.outbox.push({ to: leader, message: { type: 'appended', term: this.term, ok: true, upTo: this.#onDisk } });
  }

  #refuse(to: MemberNumber, upTo: number): void {
    this.outbox.push({ to, message: { type: 'appended', term: this.term, ok: false, upTo } });
  }

  #acknowledged(from: MemberNumber, { term, ok, upTo }: Extract<RaftMessage<C>, { type: 'appended' }>): void {
    const peer = this.#peers.get(from);
    if (this.role !== 'leader' || term !== this.term || peer === undefined) return;
    if (!ok) {
      peer.next = Math.max(this.#base + 1, Math.min(peer.next, upTo + 1));
      return this.#sendTo(from, peer, true);
    }
    peer.match = Math.max(peer.match, Math.min(upTo, this.last));
    peer.next = Math.max(peer.next, peer.match + 1);
    this.#advance();
  }

  /** Commits what a majority has, if it is of this leader's term: then all before it is committed too. */
  #advance(): void {
    const matches = [this.#onDisk];
    for (const { match } of this.#peers.values()) matches.push(match);
    matches.sort((one, other) => one - other);
    this.#everywhere = Math.max(this.#everywhere, matches[0] ?? 0);
    const majority = matches[(matches.length - 1) >> 1] ?? 0;
    if (majority > this.#commit && this.#termAt(majority) === this.term) this.#commit = majority;
  }

  #termAt(index: number): number {
    return index <= this.#base ? this.#baseTerm : (this.#log[index - this.#base - 1]?.term ?? 0);
  }

  /** Entries that all members have and this one has applied are of no more use. */
  #forget(): void {
    const upTo = Math.min(this.#everywhere, this.#applied - 1);
    if (upTo - this.#base < FORGET) return;
    this.#baseTerm = this.#termAt(upTo);
    this.#log.splice(0, upTo - this.#base);
    this.#base = upTo;
  }
}
