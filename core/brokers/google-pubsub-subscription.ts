/**
 * One subscription of Google Pub/Sub as the service runs it: its settings, its backlog, whoever takes from it (streams, waiting pulls, pushes), and its timers. It says when
 * which timer is due, and decides nothing else. Rules: G3, G6, G14, G18, G19.
 */
import type { Setup, Site } from '../machine.ts';
import { booleanOf, numberOf, type OptionValues, tableOf, textOf } from '../options.ts';
import { CompetingConsumers, type Taker } from '../parts/competing-consumers.ts';
import { Fifo } from '../parts/fifo.ts';
import { type Entry, type Holder, type KeyRow, PubsubBacklog } from '../parts/pubsub-backlog.ts';
import { isFilterMistake, type PubsubFilter, parsePubsubFilter } from '../parts/pubsub-filter.ts';
import type { ActorId, FactId, Micros, PlaceId } from '../types.ts';
import type { Pull, ReceivedMessage } from './google-pubsub-verbs.ts';

const SECOND: Micros = 1_000_000;
const DAY = 86_400 * SECOND;
/** A stream whose client says nothing for so long is closed. */
const STREAM_SILENCE_US = 90 * SECOND;
/** Pushes under way at first, and the window from which it grows by one only when a whole window has succeeded. */
const PUSH_WINDOW_MIN = 1;
const PUSH_WINDOW_START = 3;
const PUSH_WINDOW_LINEAR = 3000;
/** The pause after failed pushes (G6). */
const PUSH_BACKOFF_US_MIN = 100_000;
const PUSH_BACKOFF_US_MAX = 60 * SECOND;

/** An open StreamingPull: it takes messages up to its limits. */
export class PullStream implements Taker, Holder {
  readonly actor: ActorId;
  readonly token: number;
  readonly priority = 0;
  readonly staysOpen = true;
  readonly rows = new Fifo<KeyRow>();
  readonly ackDeadlineUs: Micros;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  held = 0;
  heldBytes = 0;
  heardUs: Micros;
  /** What is handed to it in this step; null when nothing is. */
  outbox: ReceivedMessage[] | null = null;
  /** Answers sent on it. */
  sent = 0;

  constructor(
    actor: ActorId,
    token: number,
    maxMessages: number,
    maxBytes: number,
    ackDeadlineUs: Micros,
    nowUs: Micros,
  ) {
    this.actor = actor;
    this.token = token;
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
    this.ackDeadlineUs = ackDeadlineUs;
    this.heardUs = nowUs;
  }

  /** G18: the service stops at the limit, which the last message may pass. */
  canTake(): boolean {
    if (this.#maxMessages > 0 && this.held >= this.#maxMessages) return false;
    return this.#maxBytes <= 0 || this.heldBytes < this.#maxBytes;
  }

  outstanding(): number {
    return this.held;
  }

  isSilent(nowUs: Micros): boolean {
    return nowUs - this.heardUs > STREAM_SILENCE_US;
  }
}

/** A pull that waits for a message. */
export interface WaitingPull {
  readonly from: ActorId;
  readonly request: Pull;
  readonly untilUs: Micros;
  readonly cause: FactId;
}

/** One answer to a pull, or one push: what it holds was handed out at once. */
export function singleHolder(actor: ActorId): Holder {
  return { actor, staysOpen: false, held: 0, heldBytes: 0, rows: NO_ROWS };
}

/** Nobody waits here: only streams get the rest of a key. */
const NO_ROWS = new Fifo<KeyRow>();

interface PushCall {
  readonly entry: Entry;
  readonly ackId: number;
  readonly actor: ActorId;
}

/** The pace of pushes: a window that grows with success, and a pause that grows with failure (G6). */
export class PushPace {
  readonly calls = new Map<number, PushCall>();
  pausedUntilUs: Micros = 0;
  #window = PUSH_WINDOW_START;
  /** Successes towards the next step, beyond the linear mark. */
  #streak = 0;
  #backoffUs = 0;
  #tokens = 0;

  hasRoom(nowUs: Micros): boolean {
    return nowUs >= this.pausedUntilUs && this.calls.size < this.#window;
  }

  begun(call: PushCall): number {
    this.#tokens++;
    this.calls.set(this.#tokens, call);
    return this.#tokens;
  }

  /** The service is down: whatever was under way or held back begins anew. */
  forget(): void {
    this.calls.clear();
    this.pausedUntilUs = 0;
  }

  succeeded(): void {
    this.#backoffUs = 0;
    this.#streak++;
    if (this.#window >= PUSH_WINDOW_LINEAR && this.#streak < this.#window) return;
    this.#streak = 0;
    this.#window++;
  }

  failed(nowUs: Micros): void {
    this.#streak = 0;
    this.#window = Math.max(PUSH_WINDOW_MIN, this.#window >> 1);
    if (nowUs < this.pausedUntilUs) return;
    this.#backoffUs = Math.min(PUSH_BACKOFF_US_MAX, Math.max(PUSH_BACKOFF_US_MIN, 2 * this.#backoffUs));
    this.pausedUntilUs = nowUs + this.#backoffUs;
  }
}

export class PubsubSubscription {
  readonly name: string;
  readonly place: PlaceId;
  readonly topic: string;
  readonly createdAtUs: Micros;
  readonly filter: PubsubFilter | null;
  readonly ordered: boolean;
  readonly duplicates: Site;
  readonly backlog: PubsubBacklog;
  readonly streams = new CompetingConsumers<PullStream>('competing');
  /** By client: the stream that it asked for last. An older one that the network held back is not opened any more. */
  readonly lastStreams = new Map<ActorId, number>();
  readonly pulls = new Fifo<WaitingPull>();
  /** It pushes, instead of being asked. */
  pushes = false;
  /** Of pushes now, and of those that are still to be answered; null while there was none yet. */
  push: PushPace | null = null;
  #options: OptionValues;
  exactlyOnce = false;
  duplicateProbability = 0;
  ackDeadlineUs: Micros = 0;
  /** A message goes so long after it was published: its own duration or that of its topic, whichever is longer (G14). */
  retentionUs: Micros = 0;
  readonly #topicRetentionUs: Micros;
  ttlUs: Micros = 0;
  deadLetterTopic = '';
  maxAttempts = 0;
  /** It takes part in its topic: made, and not deleted. */
  exists = false;
  wasMade = false;
  activeAtUs: Micros = 0;
  /** When it is to be looked at next whether anybody uses it. */
  expiresAtUs: Micros = Number.POSITIVE_INFINITY;
  /** When the timers that are set will fire; Infinity when none is. */
  dueAtUs: Micros = Number.POSITIVE_INFINITY;
  retentionAtUs: Micros = Number.POSITIVE_INFINITY;
  pullsAtUs: Micros = Number.POSITIVE_INFINITY;

  /** `topicRetentionUs`: message_retention_duration of its topic; 0 for none. */
  constructor(name: string, options: OptionValues, topicRetentionUs: Micros, setup: Setup) {
    this.name = name;
    this.#topicRetentionUs = topicRetentionUs;
    this.place = setup.place(name, 'queue');
    this.duplicates = setup.site(`${name}/duplicates`);
    this.#options = options;
    this.topic = textOf(options, 'topic');
    this.createdAtUs = numberOf(options, 'created_at');
    const filter = textOf(options, 'filter');
    const parsed = filter === '' ? null : parsePubsubFilter(filter);
    if (parsed !== null && isFilterMistake(parsed)) throw new Error(`invariant: the filter of ${name} was checked`);
    this.filter = parsed;
    this.ordered = booleanOf(options, 'enable_message_ordering');
    this.backlog = new PubsubBacklog(
      this.ordered,
      booleanOf(options, 'enable_exactly_once_delivery'),
      booleanOf(options, 'retain_acked_messages'),
    );
    this.#read();
  }

  get options(): OptionValues {
    return this.#options;
  }

  /** The timeline changed an option, or one of a nested table. What belongs to the making of a subscription stays as it was. */
  change(path: readonly string[], value: unknown): void {
    const [name = '', part] = path;
    if (isFixed(name)) return;
    const given = value as OptionValues[string];
    this.update({ [name]: part === undefined ? given : { ...(tableOf(this.#options, name) ?? {}), [part]: given } });
  }

  /** Takes over new values of these settings; undefined for the default. */
  update(settings: OptionValues): void {
    this.#options = { ...this.#options, ...settings };
    this.#read();
  }

  #read(): void {
    const options = this.#options;
    this.pushes = tableOf(options, 'push_config') !== undefined;
    if (this.pushes) this.push ??= new PushPace();
    this.exactlyOnce = booleanOf(options, 'enable_exactly_once_delivery');
    this.backlog.keep(this.exactlyOnce, booleanOf(options, 'retain_acked_messages'));
    this.duplicateProbability = this.exactlyOnce ? 0 : numberOf(options, 'duplicates');
    this.ackDeadlineUs = numberOf(options, 'ack_deadline_seconds') || 10 * SECOND;
    this.retentionUs = Math.max(numberOf(options, 'message_retention_duration', 7 * DAY), this.#topicRetentionUs);
    this.ttlUs = numberOf(tableOf(options, 'expiration_policy') ?? {}, 'ttl', 31 * DAY);
    const deadLetter = tableOf(options, 'dead_letter_policy');
    this.deadLetterTopic = deadLetter === undefined ? '' : textOf(deadLetter, 'dead_letter_topic');
    this.maxAttempts = deadLetter === undefined ? 0 : numberOf(deadLetter, 'max_delivery_attempts') || 5;
  }
}

/** Whether a setting of a subscription stays as it was made. */
export function isFixed(name: string): boolean {
  return FIXED.includes(name);
}

/** Set when a subscription is made and never again (G10, G17). */
const FIXED: readonly string[] = ['topic', 'created_at', 'filter', 'enable_message_ordering'];
