/**
 * Every fact that can be recorded: its name (a verb in the past tense), what its fields mean, how loud it is, and the one plain
 * sentence made from them. A fact has a time, an actor, a message, a cause, and four small fields: `place` (where), `peer` (the other
 * actor), `value` and `detail` (unsigned integers). The log shows the sentence, captions use it, a screen reader speaks it.
 *
 * To add one: a line in FACTS. The position is its code in the trace, so add at the end of its section only before a release.
 */

import type { PlaceKind } from './types.ts';

/** Why something was refused, returned, dropped, dead-lettered or lost. The code in `detail` is the index here. */
export const REASONS = [
  'none',
  'nacked',
  'lock expired',
  'connection lost',
  'handler failed',
  'poison',
  'too many deliveries',
  'rejected by the consumer',
  'TTL passed',
  'queue full',
  'retention',
  'compaction',
  'no route',
  'kept in memory only',
  'not flushed',
  'not replicated',
  'target down',
  'by chance',
  'split',
  'cut by a rule',
  'buffer full',
  'timed out',
  'retries used up',
  'not enough replicas',
  'no leader',
  'fenced',
  'over capacity',
  'duplicate',
  'transaction aborted',
  'purged',
  'consumer gone',
  'delay over',
  'redriven',
  'fault',
  'stopped',
  'refused by the broker',
  'missing target',
  'cycle',
  'sequence gap',
  'session timeout',
  'left the group',
  'joined the group',
  'poll interval exceeded',
  'outcome unknown',
  'filtered out',
  'disk full',
  'leader moved',
  'balance too low',
  'link closed',
  'an earlier one of its key came back',
  'claimed',
  'passed over',
  'ordering key paused',
  'not subscribed',
  'circuit open',
  'too old',
  'no progress',
  'partitions added',
] as const;
export type Reason = (typeof REASONS)[number];

/** The code of a reason, for `detail`: its position in REASONS, written out for the same reason as F. */
export const R: Readonly<Record<Reason, number>> = {
  none: 0,
  nacked: 1,
  'lock expired': 2,
  'connection lost': 3,
  'handler failed': 4,
  poison: 5,
  'too many deliveries': 6,
  'rejected by the consumer': 7,
  'TTL passed': 8,
  'queue full': 9,
  retention: 10,
  compaction: 11,
  'no route': 12,
  'kept in memory only': 13,
  'not flushed': 14,
  'not replicated': 15,
  'target down': 16,
  'by chance': 17,
  split: 18,
  'cut by a rule': 19,
  'buffer full': 20,
  'timed out': 21,
  'retries used up': 22,
  'not enough replicas': 23,
  'no leader': 24,
  fenced: 25,
  'over capacity': 26,
  duplicate: 27,
  'transaction aborted': 28,
  purged: 29,
  'consumer gone': 30,
  'delay over': 31,
  redriven: 32,
  fault: 33,
  stopped: 34,
  'refused by the broker': 35,
  'missing target': 36,
  cycle: 37,
  'sequence gap': 38,
  'session timeout': 39,
  'left the group': 40,
  'joined the group': 41,
  'poll interval exceeded': 42,
  'outcome unknown': 43,
  'filtered out': 44,
  'disk full': 45,
  'leader moved': 46,
  'balance too low': 47,
  'link closed': 48,
  'an earlier one of its key came back': 49,
  claimed: 50,
  'passed over': 51,
  'ordering key paused': 52,
  'not subscribed': 53,
  'circuit open': 54,
  'too old': 55,
  'no progress': 56,
  'partitions added': 57,
};

/** Fate of a hop in `sent`: detail = hop + 8 × fate, with `hop` an index of HOPS. */
export const FATES = [
  'passed',
  'lost by chance',
  'lost in the split',
  'lost by a line of the timeline',
  'duplicated',
  'lost: link clogged',
] as const;

/** Outcome of `applied`, in detail: 1 the first time, 2 again and it changed the state again, 3 again without any change, 4 refused by the store. */
export const APPLIED = { first: 1, again: 2, unchanged: 3, refused: 4 } as const;

/** How loud a fact is. `quiet` ones are left out of the default log; `fault` ones are orange; `notable` ones are stops of "next notable fact". */
export type Tone = 'quiet' | 'normal' | 'notable' | 'fault';

/** A fact with its names looked up, as sentences need it. `peer`, `place` are '' when the fact has none. */
export interface NamedFact {
  readonly actor: string;
  readonly message: number;
  readonly place: string;
  /** What the place is: a direct call has endpoints, where nothing is stored. */
  readonly placeKind: PlaceKind;
  readonly peer: string;
  readonly value: number;
  readonly detail: number;
}

export interface FactSpec {
  readonly tone: Tone;
  /** What `value` means (with its unit), where it is used. */
  readonly value?: string;
  /** What `detail` means, where it is used; `reason` is an index of REASONS. */
  readonly detail?: string;
  readonly sentence: (fact: NamedFact) => string;
}

const why = (fact: NamedFact): string => REASONS[fact.detail] ?? 'unknown reason';
const m = (fact: NamedFact): string => (fact.message > 0 ? `message ${fact.message}` : 'nothing');
const M = (fact: NamedFact): string => `Message ${fact.message}`;
const at = (fact: NamedFact): string => (fact.place === '' ? '' : ` in ${fact.place}`);
const seconds = (ms: number): string => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);
const attempt = (n: number): string => (n <= 1 ? '' : `, ${ordinal(n)} time`);

const QUEUE_VERBS: Readonly<Record<number, string>> = { 0: 'acked', 1: 'gave back', 2: 'rejected' };
/** In a log nothing is acked one by one: what a consumer is done with, it commits past later; what it failed on, it reads again. */
const LOG_VERBS: Readonly<Record<number, string>> = { 0: 'is done with', 2: 'skipped' };

/** By `detail` of `appended`. */
const HIDDEN_UNTIL: Readonly<Record<number, string>> = {
  1: ', hidden until its delay is over',
  3: ', hidden until its transaction is committed',
};

const ABORTED = R['transaction aborted'];
const DISK_FULL = R['disk full'];
const FENCED = R.fenced;
const FILTERED = R['filtered out'];
const NO_ROUTE = R['no route'];

export const FACTS = {
  // messages: producing
  produced: {
    tone: 'normal',
    value: 'size in bytes',
    detail: '1 when the message is poison',
    sentence: (f) => `${f.actor} made ${m(f)}${f.detail === 1 ? ', which is poison' : ''}.`,
  },
  sent: {
    tone: 'quiet',
    value: 'time on the way in µs',
    detail: 'hop kind + 8 × fate',
    sentence: (f) => {
      const fate = f.detail >> 3;
      const what = HOP_WORDS[f.detail & 7] ?? 'a hop';
      const about = f.message > 0 ? `${what} for message ${f.message}` : what;
      return fate === 0 || fate === 4
        ? `${f.actor} sent ${about} to ${f.peer}${fate === 4 ? ', and the network made a second copy' : ''}.`
        : `${capital(about)} from ${f.actor} to ${f.peer} was ${FATES[fate] ?? 'lost'}.`;
    },
  },
  unreachable: {
    tone: 'fault',
    detail: 'reason',
    sentence: (f) =>
      f.message > 0
        ? `What ${f.peer} sent for message ${f.message} found ${f.actor} down.`
        : `${f.peer} called on ${f.actor}, which was down.`,
  },
  confirmed: {
    tone: 'normal',
    value: 'offset, if the place has offsets',
    sentence: (f) =>
      f.placeKind === 'endpoint'
        ? `${f.actor} got the answer to ${m(f)} from ${f.place}.`
        : f.placeKind === 'exchange' && f.place !== ''
          ? `${f.actor} was told that ${f.place} has taken ${m(f)}.`
          : `${f.actor} was told that ${m(f)} is stored${at(f)}.`,
  },
  retried: {
    tone: 'notable',
    value: 'attempt, from 2',
    detail: 'reason',
    sentence: (f) => `${f.actor} sent ${m(f)} again, attempt ${f.value} (${why(f)}).`,
  },
  'gave-up': {
    tone: 'fault',
    value: '1 when it surely is not stored, 0 when the outcome is unknown',
    detail: 'reason',
    sentence: (f) =>
      f.detail === FENCED
        ? `${f.actor} gave up on ${m(f)} (${why(f)}); it does not count.`
        : f.detail === ABORTED
          ? `${f.actor} gave up on ${m(f)} (${why(f)}); read_committed never shows it.`
          : `${f.actor} gave up on ${m(f)}${f.place === '' ? '' : ` for ${f.place}`} (${why(f)}); ${f.value === 1 ? 'it was not stored' : 'whether it was stored is unknown'}.`,
  },
  shed: {
    tone: 'notable',
    detail: 'reason',
    sentence: (f) => `${f.actor} dropped ${m(f)} before sending it (${why(f)}).`,
  },
  blocked: {
    tone: 'notable',
    detail: 'reason',
    sentence: (f) => `${f.actor} waits with ${m(f)}: ${why(f)}.`,
  },

  // messages: at the broker
  routed: {
    tone: 'quiet',
    value: 'place number of the topic that routed it, where there may be several',
    detail: '1 when the place is on another broker, which is still to be sent to',
    sentence: (f) =>
      f.detail === 1 ? `${f.actor} is to hand ${m(f)} on to ${f.place}.` : `${f.actor} routed ${m(f)} to ${f.place}.`,
  },
  unroutable: {
    tone: 'notable',
    detail: 'reason',
    sentence: (f) =>
      f.detail === FILTERED
        ? `${M(f)} was wanted by no subscription of ${f.place}.`
        : f.detail === NO_ROUTE
          ? `Nobody was subscribed to ${f.place} when ${m(f)} came.`
          : `${M(f)} matched no binding of ${f.place || 'the default exchange'}.`,
  },
  returned: { tone: 'notable', sentence: (f) => `${f.actor} returned ${m(f)} to ${f.peer}: no route.` },
  appended: {
    tone: 'normal',
    value: 'offset; in a queue, how many ready messages come after it (0: it is the last)',
    detail:
      '1 when it is delayed and not yet visible; 2 when only written by a follower; 3 when it is hidden until its transaction is committed',
    sentence: (f) => `${f.place} stored ${m(f)}${HIDDEN_UNTIL[f.detail] ?? ''}.`,
  },
  replicated: {
    tone: 'quiet',
    value: 'the replica holds all offsets below this one',
    sentence: (f) => `${f.actor} copied ${f.place} up to offset ${f.value}.`,
  },
  'watermark-moved': {
    tone: 'quiet',
    value: 'the high watermark: offsets below it are committed',
    sentence: (f) => `The high watermark of ${f.place} is ${f.value}.`,
  },
  'became-visible': {
    tone: 'normal',
    detail: '1 when it was hidden until its transaction was committed',
    sentence: (f) =>
      `${M(f)} became visible${at(f)}: its ${f.detail === 1 ? 'transaction was committed' : 'delay is over'}.`,
  },
  deduplicated: {
    tone: 'notable',
    sentence: (f) => `${f.actor} recognised ${m(f)} as a duplicate${at(f)} and did not take it again.`,
  },
  rejected: {
    tone: 'fault',
    detail: 'reason',
    // Without a message it is a request of the timeline, such as a snapshot under a name that is taken.
    sentence: (f) =>
      `${f.place === '' ? f.actor : f.place} refused ${f.message > 0 ? m(f) : 'what was asked of it'}: ${why(f)}.`,
  },
  delivered: {
    tone: 'normal',
    value: 'lock in ms; 0 when the broker holds no lock by time',
    detail: 'attempt, from 1',
    sentence: (f) =>
      `${f.place} handed ${m(f)} to ${f.peer}${attempt(f.detail)}${f.value > 0 ? `, locked for ${seconds(f.value)}` : ''}.`,
  },
  extended: {
    tone: 'normal',
    value: 'the lock now ends this many ms from now',
    detail: '1 when it was ready again, and an old receipt hid it anew',
    sentence: (f) =>
      f.detail === 1
        ? `${f.peer} hid ${m(f)} again for ${seconds(f.value)}, with a receipt that was out of date.`
        : `${f.peer} extended its lock on ${m(f)}, which now ends in ${seconds(f.value)}.`,
  },
  'lock-expired': {
    tone: 'fault',
    detail: 'attempt',
    sentence: (f) => `The lock on ${m(f)} ended before ${f.peer} acked it.`,
  },
  acked: {
    tone: 'normal',
    detail: 'attempt',
    sentence: (f) =>
      f.placeKind === 'partition'
        ? `${f.peer} accepted ${m(f)} of ${f.place}.`
        : `${f.place} removed ${m(f)}: ${f.peer} acked it.`,
  },
  nacked: { tone: 'notable', detail: 'attempt', sentence: (f) => `${f.peer} gave ${m(f)} back to ${f.place}.` },
  'ack-refused': {
    tone: 'fault',
    detail: 'reason',
    sentence: (f) => `${f.place === '' ? f.actor : f.place} ignored an ack of ${m(f)} by ${f.peer}: ${why(f)}.`,
  },
  requeued: {
    tone: 'notable',
    value: 'position in the queue, 0 is the head',
    detail: 'reason',
    sentence: (f) => `${f.place} made ${m(f)} ready again (${why(f)}).`,
  },
  'dead-lettered': {
    tone: 'fault',
    value: 'deliveries so far',
    detail: 'reason',
    sentence: (f) =>
      `${M(f)} was dead-lettered to ${f.place} after ${f.value} ${f.value === 1 ? 'delivery' : 'deliveries'} (${why(f)}).`,
  },
  redriven: { tone: 'notable', sentence: (f) => `${M(f)} was moved back to ${f.place}.` },
  expired: { tone: 'notable', detail: 'reason', sentence: (f) => `${M(f)} expired${at(f)} (${why(f)}).` },
  evicted: { tone: 'notable', detail: 'reason', sentence: (f) => `${f.place} dropped ${m(f)}: ${why(f)}.` },
  lost: {
    tone: 'fault',
    detail: 'reason',
    sentence: (f) => `${f.place === '' ? f.actor : f.place} lost ${m(f)}: ${why(f)}.`,
  },

  // messages: at the consumer
  received: { tone: 'quiet', detail: 'attempt', sentence: (f) => `${f.actor} received ${m(f)}${attempt(f.detail)}.` },
  begun: {
    tone: 'normal',
    value: 'how long the work will take, in ms, rounded up',
    detail: 'attempt',
    sentence: (f) => `${f.actor} began ${m(f)}${attempt(f.detail)}.`,
  },
  applied: {
    tone: 'normal',
    value: "the row's value afterwards, as a signed 32-bit integer",
    detail: '1 first time, 2 again and changed again, 3 again without change, 4 refused by the store',
    sentence: (f) => {
      if (f.place === '') return `${f.peer} did the work of ${m(f)}${f.detail === 2 ? ' again' : ''}.`;
      if (f.detail === 3) return `${f.peer} wrote ${m(f)} to ${f.place} again; nothing changed.`;
      if (f.detail === 4) return `${f.place} refused the write of ${m(f)} by ${f.peer}.`;
      return `${f.peer} wrote ${m(f)} to ${f.place}${f.detail === 2 ? ' again' : ''}.`;
    },
  },
  failed: { tone: 'fault', detail: 'reason', sentence: (f) => `${f.actor} failed on ${m(f)}: ${why(f)}.` },
  skipped: { tone: 'notable', detail: 'reason', sentence: (f) => `${f.actor} skipped ${m(f)}: ${why(f)}.` },
  settled: {
    tone: 'normal',
    value: '0 ack, 1 requeue, 2 reject, 3 leave',
    detail: 'attempt',
    sentence: (f) => {
      const isLog = f.placeKind === 'partition';
      if (isLog && (f.value === 1 || f.value === 3)) return `${f.actor} will read ${m(f)} again.`;
      if (f.value === 3) return `${f.actor} left ${m(f)} unacked.`;
      return `${f.actor} ${(isLog ? LOG_VERBS : QUEUE_VERBS)[f.value] ?? 'settled'} ${m(f)}.`;
    },
  },

  // logs and groups
  committed: {
    tone: 'normal',
    value: 'next offset to read',
    detail: 'place number of the group',
    sentence: (f) => `${f.peer === '' ? f.actor : f.peer} committed offset ${f.value} of ${f.place}.`,
  },
  'commit-refused': {
    tone: 'fault',
    value: 'the offset asked for',
    detail: 'reason',
    sentence: (f) => `The commit of ${f.peer} for ${f.place} was refused: ${why(f)}.`,
  },
  joined: { tone: 'notable', value: 'generation', sentence: (f) => `${f.peer} asked to join group ${f.place}.` },
  left: { tone: 'notable', detail: 'reason', sentence: (f) => `${f.peer} is out of group ${f.place} (${why(f)}).` },
  'rebalance-begun': {
    tone: 'notable',
    value: 'the generation that ends',
    detail: 'reason',
    sentence: (f) => `Group ${f.place} began to rebalance (${why(f)}).`,
  },
  rebalanced: {
    tone: 'notable',
    value: 'generation',
    sentence: (f) => `Group ${f.place} is at generation ${f.value}.`,
  },
  assigned: {
    tone: 'notable',
    value: 'generation',
    detail: 'place number of the group',
    sentence: (f) => `${f.place} was assigned to ${f.peer}.`,
  },
  revoked: {
    tone: 'notable',
    value: 'generation',
    detail: 'place number of the group',
    sentence: (f) => `${f.place} was taken from ${f.peer}.`,
  },
  sought: {
    tone: 'notable',
    value: 'offset; of a subscription that keeps no offsets, the second of the run to which it was sought',
    detail: 'place number of the group, where there are groups; of a subscription, 1 when it was sought to a snapshot',
    sentence: (f) =>
      f.placeKind === 'queue' && f.detail === 1
        ? `${f.place} was sought to a snapshot: what had not been acked when it was made, and all that was published since, is unacked again.`
        : f.placeKind === 'queue'
          ? `${f.place} was sought to second ${f.value} of the run: what was published before counts as acked, the rest as unacked.`
          : `${f.place} will be read from offset ${f.value}.`,
  },
  elected: {
    tone: 'notable',
    value: 'leader epoch',
    detail: '1 when the election was unclean',
    sentence: (f) =>
      `${f.peer} became leader of ${f.place}, epoch ${f.value}${f.detail === 1 ? ', by an unclean election' : ''}.`,
  },
  'leader-lost': { tone: 'fault', value: 'leader epoch', sentence: (f) => `${f.place} has no leader.` },
  'isr-changed': {
    tone: 'notable',
    value: 'bit i is set when replica number i+1 of the cluster is in sync',
    sentence: (f) => `The in-sync replicas (ISR) of ${f.place} are now ${bits(f.value)}.`,
  },
  truncated: {
    tone: 'fault',
    value: 'the log now ends here',
    sentence: (f) => `${f.actor} cut ${f.place} back to offset ${f.value}.`,
  },
  'log-start-moved': {
    tone: 'notable',
    value: 'log start offset',
    sentence: (f) => `${f.place} now starts at offset ${f.value}.`,
  },
  fenced: {
    tone: 'fault',
    value: 'epoch',
    sentence: (f) => `${f.peer} was fenced: a newer instance has taken its place.`,
  },
  'txn-begun': { tone: 'normal', value: 'producer id', sentence: (f) => `${f.actor} began a transaction.` },
  'txn-committed': {
    tone: 'normal',
    value: 'producer id',
    sentence: (f) => `The transaction of ${f.peer} was committed.`,
  },
  'txn-aborted': {
    tone: 'notable',
    value: 'producer id',
    sentence: (f) => `The transaction of ${f.peer} was aborted.`,
  },
  subscribed: { tone: 'notable', sentence: (f) => `${f.peer} consumes from ${f.place}.` },
  cancelled: {
    tone: 'notable',
    detail: 'reason',
    sentence: (f) => `${f.peer} no longer consumes from ${f.place} (${why(f)}).`,
  },
  'channel-closed': {
    tone: 'fault',
    value: 'reply code, such as 404 or 406',
    detail: 'reason',
    sentence: (f) => `${f.actor} closed the channel of ${f.peer} with ${f.value} (${why(f)}).`,
  },

  // actors, network, timeline
  started: { tone: 'quiet', sentence: (f) => `${f.actor} started.` },
  crashed: {
    tone: 'fault',
    detail: 'reason',
    sentence: (f) =>
      f.detail === DISK_FULL ? `${f.actor} halted: it could not write to its disk.` : `${f.actor} crashed.`,
  },
  restarted: { tone: 'notable', sentence: (f) => `${f.actor} is up again.` },
  stopped: { tone: 'notable', sentence: (f) => `${f.actor} was shut down.` },
  paused: { tone: 'fault', value: 'ms', sentence: (f) => `${f.actor} stalled for ${seconds(f.value)}.` },
  resumed: { tone: 'notable', sentence: (f) => `${f.actor} goes on, believing that nothing happened.` },
  slowed: {
    tone: 'fault',
    value: 'work takes this many hundredths of its usual time',
    sentence: (f) =>
      f.value === 100
        ? `${f.actor} works at its usual speed again.`
        : `${f.actor} works ${f.value / 100} times as long.`,
  },
  fixed: { tone: 'notable', sentence: (f) => `${f.actor} runs a new version that can process poison.` },
  'connection-lost': {
    tone: 'notable',
    sentence: (f) => `${f.actor} noticed that the connection to ${f.peer} is gone.`,
  },
  split: { tone: 'fault', value: 'number of the timeline entry, from 0', sentence: () => 'The network split.' },
  healed: { tone: 'notable', value: 'number of the timeline entry, from 0', sentence: () => 'The network healed.' },
  'fault-begun': {
    tone: 'fault',
    value: 'number of the timeline entry, from 0',
    sentence: (f) => `Line ${f.value + 1} of the timeline took effect.`,
  },
  'fault-ended': {
    tone: 'notable',
    value: 'number of the timeline entry, from 0',
    sentence: (f) => `Line ${f.value + 1} of the timeline ended.`,
  },
  changed: {
    tone: 'notable',
    value: 'number of the timeline entry, from 0',
    sentence: (f) => `A setting was changed by line ${f.value + 1} of the timeline.`,
  },
  'alert-raised': {
    tone: 'fault',
    value: 'number of the alert, from 0',
    sentence: (f) => `Alert ${f.place}: the limit was passed.`,
  },
  'alert-cleared': {
    tone: 'notable',
    value: 'number of the alert, from 0',
    sentence: (f) => `Alert ${f.place}: back within its limit.`,
  },
  scaled: {
    tone: 'notable',
    value: 'number of instances',
    sentence: (f) => `${f.place} now has ${f.value} instances.`,
  },
  restored: {
    tone: 'notable',
    detail: 'reason; none when a seek asked for it',
    sentence: (f) =>
      f.detail === 0
        ? `A seek made ${m(f)} unacked in ${f.place}.`
        : `${f.place} takes ${m(f)} back, although it was acked: ${why(f)}.`,
  },

  // clients and their stores
  recorded: {
    tone: 'normal',
    value: "the row's value afterwards, as a signed 32-bit integer",
    detail: '1 when a row of the outbox was written with it, 2 when only that row was',
    sentence: (f) =>
      f.detail === 2
        ? `${f.peer} put ${m(f)} into the outbox of ${f.place}.`
        : `${f.peer} recorded ${m(f)} in ${f.place}${f.detail === 1 ? ', and put it into the outbox in the same step' : ''}.`,
  },
  marked: {
    tone: 'normal',
    sentence: (f) => `The outbox of ${f.place} has ${m(f)} as published.`,
  },
  held: {
    tone: 'notable',
    value: 'its number among the messages of its key',
    detail: 'the number whose turn it is',
    sentence: (f) =>
      `${f.actor} held ${m(f)} back: it is number ${f.value} of its key, and number ${f.detail} is missing.`,
  },
  'breaker-opened': {
    tone: 'fault',
    value: 'how long it stays open, in ms',
    detail: 'reason',
    sentence: (f) =>
      `${f.actor} stopped calling ${f.place} for ${seconds(f.value)}: its circuit breaker opened (${why(f)}).`,
  },
  'breaker-half-opened': {
    tone: 'notable',
    sentence: (f) => `${f.actor} tries whether ${f.place} is well again: its circuit breaker is half open.`,
  },
  'breaker-closed': {
    tone: 'notable',
    sentence: (f) => `${f.actor} calls ${f.place} again: its circuit breaker closed.`,
  },
  unhealthy: {
    tone: 'fault',
    value: 'failed checks in a row',
    sentence: (f) => `${f.actor} no longer calls ${f.peer} for ${f.place}: it failed ${f.value} health checks.`,
  },
  healthy: {
    tone: 'notable',
    value: 'passed checks in a row',
    sentence: (f) => `${f.actor} calls ${f.peer} for ${f.place} again: it passed ${f.value} health checks.`,
  },

  // logs and groups, after a loss
  diverged: {
    tone: 'fault',
    value: 'the offset at which they part',
    detail: 'place number of the group',
    sentence: (f) =>
      `What ${f.actor} had read of ${f.place} differs from the new leader's log from offset ${f.value} on.`,
  },
  'offset-expired': {
    tone: 'fault',
    value: 'the offset',
    detail: 'place number of the group',
    sentence: (f) =>
      `The committed offset ${f.value} of ${f.place} expired: its group has had no members for too long.`,
  },

  // actors, and what ails the machines that they run on
  skewed: {
    tone: 'fault',
    value: 'its clock runs this many hundredths as fast as time',
    sentence: (f) =>
      f.value === 100
        ? `The clock of ${f.actor} runs right again.`
        : `The clock of ${f.actor} runs too ${f.value > 100 ? 'fast' : 'slow'}: ${f.value / 100} s in a second.`,
  },
  'disk-filled': { tone: 'fault', sentence: (f) => `The disk of ${f.actor} is full.` },
  'disk-freed': { tone: 'notable', sentence: (f) => `The disk of ${f.actor} has room again.` },
  unblocked: { tone: 'notable', sentence: (f) => `${f.actor} may go on publishing.` },
} as const satisfies Record<string, FactSpec>;

export type FactName = keyof typeof FACTS;
/** The code of a kind in the trace: its position in FACTS, from 1. */
export type FactKind = number;

/** Names by code; index 0 is no fact. */
export const FACT_NAMES: readonly (FactName | '')[] = ['', ...(Object.keys(FACTS) as FactName[])];

/**
 * Codes by name: `F.appended`. Written out, because an object literal is what engines read fastest, and this is read at every fact; a test holds it
 * against FACTS.
 */
export const F: Readonly<Record<FactName, FactKind>> = {
  produced: 1,
  sent: 2,
  unreachable: 3,
  confirmed: 4,
  retried: 5,
  'gave-up': 6,
  shed: 7,
  blocked: 8,
  routed: 9,
  unroutable: 10,
  returned: 11,
  appended: 12,
  replicated: 13,
  'watermark-moved': 14,
  'became-visible': 15,
  deduplicated: 16,
  rejected: 17,
  delivered: 18,
  extended: 19,
  'lock-expired': 20,
  acked: 21,
  nacked: 22,
  'ack-refused': 23,
  requeued: 24,
  'dead-lettered': 25,
  redriven: 26,
  expired: 27,
  evicted: 28,
  lost: 29,
  received: 30,
  begun: 31,
  applied: 32,
  failed: 33,
  skipped: 34,
  settled: 35,
  committed: 36,
  'commit-refused': 37,
  joined: 38,
  left: 39,
  'rebalance-begun': 40,
  rebalanced: 41,
  assigned: 42,
  revoked: 43,
  sought: 44,
  elected: 45,
  'leader-lost': 46,
  'isr-changed': 47,
  truncated: 48,
  'log-start-moved': 49,
  fenced: 50,
  'txn-begun': 51,
  'txn-committed': 52,
  'txn-aborted': 53,
  subscribed: 54,
  cancelled: 55,
  'channel-closed': 56,
  started: 57,
  crashed: 58,
  restarted: 59,
  stopped: 60,
  paused: 61,
  resumed: 62,
  slowed: 63,
  fixed: 64,
  'connection-lost': 65,
  split: 66,
  healed: 67,
  'fault-begun': 68,
  'fault-ended': 69,
  changed: 70,
  'alert-raised': 71,
  'alert-cleared': 72,
  scaled: 73,
  restored: 74,
  recorded: 75,
  marked: 76,
  held: 77,
  'breaker-opened': 78,
  'breaker-half-opened': 79,
  'breaker-closed': 80,
  unhealthy: 81,
  healthy: 82,
  diverged: 83,
  'offset-expired': 84,
  skewed: 85,
  'disk-filled': 86,
  'disk-freed': 87,
  unblocked: 88,
};

/** What the page and the log say of a hop, by index of HOPS. */
const HOP_WORDS = [
  'a request',
  'a reply',
  'a delivery',
  'an ack',
  'a write',
  "a write's answer",
  'a replica fetch',
  'a control message',
];

/** "1st", "2nd", "3rd", "11th". */
export function ordinal(n: number): string {
  const tens = n % 100;
  const suffix = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}

function bits(mask: number): string {
  const names: string[] = [];
  for (let i = 0; i < 32; i++) if ((mask >>> i) & 1) names.push(`b${i + 1}`);
  return names.length === 0 ? 'none' : names.join(', ');
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
