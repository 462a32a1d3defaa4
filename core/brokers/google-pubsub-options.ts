/** Options of Google Pub/Sub topics, subscriptions and clients under the API's names, with its defaults and limits. Rules: G1–G20. */
import { backoffOptions } from '../clients/backoff.ts';
import { numberOf, type OptionTable, type OptionValues, tableOf, textOf } from '../options.ts';
import { isFilterMistake, parsePubsubFilter } from '../parts/pubsub-filter.ts';
import type { Micros } from '../types.ts';

const SECOND: Micros = 1_000_000;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;
/** The longest ack deadline and backoff (G3, G4, G7). */
export const DEADLINE_US_MAX: Micros = 600 * SECOND;
/** What is kept for a seek, and how long an idle subscription lives (G14, G19). */
const RETENTION_US_MIN = 10 * MINUTE;
const RETENTION_US_MAX = 31 * DAY;

export const TOPIC_OPTIONS: OptionTable = {
  message_retention_duration: {
    type: 'duration',
    unit: 's',
    min: RETENTION_US_MIN,
    max: RETENTION_US_MAX,
    doc: 'The topic keeps what was published for so long, so that any of its subscriptions can seek back to it, even one that was made later; and none of them deletes it earlier. Absent: it keeps nothing itself.',
    source: 'G14, G15',
  },
};

export const SUBSCRIPTION_OPTIONS: OptionTable = {
  topic: {
    type: 'text',
    names: 'topic',
    doc: 'The topic whose messages this subscription gets, each of those published after the subscription was made.',
    source: 'G1',
  },
  created_at: {
    type: 'duration',
    unit: 's',
    default: 0,
    min: 0,
    doc: 'When the subscription is made, counted from the start of the run (a setting of this laboratory). What was published before it does not get.',
    source: 'G1',
  },
  ack_deadline_seconds: {
    type: 'duration',
    unit: 's',
    default: 10 * SECOND,
    min: 10 * SECOND,
    max: DEADLINE_US_MAX,
    doc: 'A message that is not acked so long after it was handed out comes again, unless the client has extended the deadline. For a push it is also the timeout of the request.',
    source: 'G3',
  },
  enable_message_ordering: {
    type: 'boolean',
    default: false,
    doc: 'Messages with the same ordering key come in the order of publishing; one that comes back brings all later ones of its key along, acked ones too.',
    source: 'G10, G11',
  },
  enable_exactly_once_delivery: {
    type: 'boolean',
    default: false,
    doc: 'An ack has a result: only the ack id of the latest delivery works, and only within its deadline. What was acked with success never comes again. Not for pushes.',
    source: 'G13',
  },
  duplicates: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    doc: 'The probability that a message is there again although it was acked, as the service allows itself (a setting of this laboratory). Not with exactly-once delivery, and not for what has an ordering key here.',
    source: 'G2',
  },
  filter: {
    type: 'text',
    doc: 'Only messages whose attributes match come; all others count as acked. `attributes:k`, `attributes.k = "v"`, `!=`, `hasPrefix(attributes.k, "p")`, AND, OR, NOT, parentheses.',
    source: 'G17',
  },
  dead_letter_policy: {
    type: 'object',
    doc: 'What was nacked or ran out of time too often is published to another topic, and acked here.',
    source: 'G8',
    fields: {
      dead_letter_topic: {
        type: 'text',
        names: 'topic',
        doc: 'The topic that dead letters are published to. Without a subscription of its own they are lost there.',
        source: 'G8',
      },
      max_delivery_attempts: {
        type: 'integer',
        default: 5,
        min: 5,
        max: 100,
        doc: 'So many attempts; each nack and each expired deadline ends one.',
        source: 'G8, G9',
      },
    },
  },
  retry_policy: {
    type: 'object',
    doc: 'How long a message that was nacked or ran out of time waits before it comes again. Without it, it comes at once.',
    source: 'G7',
    fields: {
      minimum_backoff: {
        type: 'duration',
        unit: 's',
        default: 10 * SECOND,
        min: 0,
        max: DEADLINE_US_MAX,
        doc: 'The first wait. It doubles with each failure of this message.',
        source: 'G7',
      },
      maximum_backoff: {
        type: 'duration',
        unit: 's',
        default: DEADLINE_US_MAX,
        min: 0,
        max: DEADLINE_US_MAX,
        doc: 'The longest wait.',
        source: 'G7',
      },
    },
  },
  message_retention_duration: {
    type: 'duration',
    unit: 's',
    default: 7 * DAY,
    min: RETENTION_US_MIN,
    max: RETENTION_US_MAX,
    doc: 'A message is deleted so long after it was published, acked or not; later where its topic keeps it for longer.',
    source: 'G14',
  },
  retain_acked_messages: {
    type: 'boolean',
    default: false,
    doc: 'Acked messages are kept as long as others, so that a seek can bring them back.',
    source: 'G14, G15',
  },
  expiration_policy: {
    type: 'object',
    doc: 'When a subscription that nobody uses is deleted. Without it, after 31 days.',
    source: 'G19',
    fields: {
      ttl: {
        type: 'duration',
        unit: 's',
        default: 31 * DAY,
        min: DAY,
        unlimited: true,
        doc: 'After so long without a subscriber; `never` for never.',
        source: 'G19',
      },
    },
  },
  push_config: {
    type: 'object',
    doc: 'The service calls the subscriber instead of being asked: each message is an HTTP request to whoever consumes from this subscription.',
    source: 'G6',
    fields: {
      push_endpoint: {
        type: 'text',
        doc: 'The URL that is called. Here it only says that messages are pushed: the consumers of this subscription share them like servers behind one address.',
        source: 'G6',
      },
    },
  },
};

export const PRODUCER_OPTIONS: OptionTable = {
  enable_message_ordering: {
    type: 'boolean',
    default: false,
    doc: 'Publishes with the ordering key that `key:` names, one request of a key at a time. A request that fails pauses its key: what follows fails at once.',
    source: 'G10, G12',
  },
  resume_publish: {
    type: 'duration',
    unit: 's',
    default: -1,
    min: 0,
    unlimited: true,
    doc: 'The program calls resume_publish for a paused ordering key so long after the failure; `never` if it does not.',
    source: 'G12',
  },
  max_messages: {
    type: 'integer',
    default: 100,
    min: 1,
    max: 1000,
    doc: 'A batch is published when it has so many messages.',
    source: 'client library: BatchSettings; G20',
  },
  max_bytes: {
    type: 'bytes',
    default: 1_000_000,
    min: 1,
    max: 10_000_000,
    doc: 'A batch is published when it has so many bytes.',
    source: 'client library: BatchSettings; G20',
  },
  max_latency: {
    type: 'duration',
    unit: 's',
    default: 10_000,
    min: 0,
    doc: 'A batch is published so long after its first message at the latest; 0 sends each message at once.',
    source: 'client library: BatchSettings',
  },
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 5 * SECOND,
    min: 1000,
    doc: 'How long the client waits for the answer to a publish request before it tries again.',
    source: 'client library: retry settings of Publish',
  },
  'total-timeout': {
    type: 'duration',
    unit: 's',
    default: MINUTE,
    min: 0,
    doc: 'After so long the client gives up; 0 tries only once.',
    source: 'client library: retry settings of Publish',
  },
  'retry-delay': {
    type: 'duration',
    unit: 'ms',
    default: 100_000,
    min: 0,
    doc: 'Wait before the first retry.',
    source: 'client library: retry settings of Publish',
  },
  ...backoffOptions('retry-', 'exponential', 60_000_000, 'retry-delay'),
};

export const CONSUMER_OPTIONS: OptionTable = {
  method: {
    type: 'enum',
    values: ['streaming-pull', 'pull'],
    default: 'streaming-pull',
    doc: 'How messages are fetched. `streaming-pull` is what the high-level client libraries do: a stream stays open, and deadlines are extended by themselves. `pull` asks again and again, and extends nothing. A subscription with push_config pushes, whatever is said here.',
    source: 'G4, G18',
  },
  max_outstanding_messages: {
    type: 'integer',
    default: 1000,
    max: 1_000_000,
    min: 0,
    doc: 'streaming-pull: the service stops when the client holds so many unacked messages; 0 is no limit.',
    source: 'G18',
  },
  max_outstanding_bytes: {
    type: 'bytes',
    default: 100_000_000,
    min: 0,
    doc: 'streaming-pull: the same in bytes; 0 is no limit.',
    source: 'G18',
  },
  stream_ack_deadline_seconds: {
    type: 'duration',
    unit: 's',
    min: 10 * SECOND,
    max: DEADLINE_US_MAX,
    doc: "streaming-pull: ack deadline of what comes on the stream, and how far it is extended each time. Absent: the subscription's, at least 60 s with exactly-once delivery.",
    source: 'G4, G13',
  },
  max_lease_duration: {
    type: 'duration',
    unit: 's',
    default: 60 * MINUTE,
    min: 0,
    doc: 'streaming-pull: the client extends the deadline of what it holds for so long in all; 0 extends nothing.',
    source: 'G4',
  },
  max_messages: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 1000,
    doc: 'pull: at most so many messages in one answer, and never more than the consumer has room for.',
    source: 'RPC PullRequest',
  },
  'pull-wait': {
    type: 'duration',
    unit: 's',
    default: 10 * SECOND,
    min: 0,
    max: 90 * SECOND,
    doc: 'pull: how long the service waits for a message before it answers with none.',
    source: 'RPC PullRequest: a bounded time',
  },
  'request-timeout': {
    type: 'duration',
    unit: 'ms',
    default: 5 * SECOND,
    min: 1000,
    doc: 'How long the client waits for an answer (beyond `pull-wait`) before it tries again.',
    source: 'client library: retry settings',
  },
  retries: {
    type: 'integer',
    default: 5,
    min: 0,
    max: 1_000_000,
    doc: 'How often an ack or nack is sent again when no answer came, or when it failed for now.',
    source: 'client library: retry settings',
  },
};

/** What is wrong with a subscription's settings that are each in range; `option` is where. */
export function subscriptionMistake(options: OptionValues): { readonly option: string; readonly text: string } | null {
  const filter = textOf(options, 'filter');
  if (filter !== '') {
    const parsed = parsePubsubFilter(filter);
    if (isFilterMistake(parsed))
      return {
        option: 'filter',
        text: `the filter is refused (G17): ${parsed.mistake}, at character ${parsed.at + 1}`,
      };
  }
  const retry = tableOf(options, 'retry_policy') ?? {};
  const { minimum_backoff: least, maximum_backoff: most } = retry;
  if (typeof least === 'number' && typeof most === 'number' && least > most)
    return { option: 'retry_policy', text: 'minimum_backoff is above maximum_backoff (G7)' };
  const deadLetter = tableOf(options, 'dead_letter_policy');
  if (deadLetter !== undefined && textOf(deadLetter, 'dead_letter_topic') === '')
    return { option: 'dead_letter_policy', text: 'a dead_letter_policy names its dead_letter_topic (G8)' };
  if (tableOf(options, 'push_config') !== undefined && options['enable_exactly_once_delivery'] === true)
    return { option: 'push_config', text: 'exactly-once delivery is for pull subscriptions only (G13)' };
  return null;
}

/** How long a message waits after so many failures, from 1 (G7). From a minimum of 0 it grows from one second on. */
export function backoffUs(options: OptionValues, failures: number): Micros {
  const policy = tableOf(options, 'retry_policy');
  if (policy === undefined) return 0;
  const most = numberOf(policy, 'maximum_backoff', DEADLINE_US_MAX);
  let wait = Math.min(numberOf(policy, 'minimum_backoff', 10 * SECOND), most);
  for (let i = 1; i < failures && wait < most; i++) wait = Math.min(most, wait === 0 ? SECOND : 2 * wait);
  return wait;
}
