/** The top of a scenario file: its sections, in the order in which they are read aloud. */
import {
  ALERT_FIELDS,
  AUTOSCALE_FIELDS,
  BROKER_OR_KIND,
  CAPTION_FIELDS,
  CONSUMER,
  claim,
  EXCHANGE,
  EXERCISE_FIELDS,
  fact,
  LANE_FIELDS,
  LIMITS_FIELDS,
  LONGEST_TEXT,
  NETWORK,
  PRODUCER,
  QUEUE,
  STORE,
  TOPIC,
} from './grammar.ts';
import { PROFILES } from './neutral/profiles.ts';
import {
  defaulted,
  duration,
  type Entry,
  type Fields,
  keyedBy,
  list,
  mapOf,
  naming,
  oneOf,
  optional,
  record,
  required,
  text,
} from './shapes.ts';
import { line } from './timeline.ts';

export const SCENARIO_FIELDS = {
  title: required(text(300), 'A poison message and its dead-letter queue', 'One line that says what is shown.'),
  story: defaulted(
    text(LONGEST_TEXT, 'or empty'),
    '""',
    'One corrupt image crashes every worker that touches it.',
    'What happens and why it matters.',
  ),
  broker: optional(BROKER_OR_KIND, 'sqs', 'The only broker: its kind, or its kind and options.'),
  brokers: optional(
    mapOf('brokers', BROKER_OR_KIND, false, 20),
    '{ events: kafka, tasks: sqs }',
    'Several brokers by name, instead of `broker:`.',
  ),
  under: optional(
    list(oneOf(PROFILES.map(({ name }) => name)), 20),
    '[sqs, rabbitmq-quorum, kafka-share]',
    'Instead of `broker:`, for a file in neutral words: under which brokers it runs, one lane each.',
  ),
  lanes: defaulted(
    keyedBy(
      mapOf('lanes', record('what is stated of one lane: `{ claims: […], expect: […] }`', LANE_FIELDS), false, 20),
      'lane',
    ),
    '{}',
    '{ kafka: { claims: [{ violated: poison-isolation }] } }',
    'With `under:`, what is stated of single lanes beside `claims:` and `expect:`, which are of all.',
  ),
  seed: defaulted(text(100), '1', '7', 'Whatever chance decides follows from it.'),
  duration: required(duration({ min: 1 }), '3m', 'The run ends here.'),
  queues: defaulted(
    mapOf('queues', QUEUE),
    '{}',
    '{ photo-jobs: { VisibilityTimeout: 30s } }',
    'Queues by name, each with its broker’s options.',
  ),
  topics: defaulted(
    mapOf('topics', TOPIC),
    '{}',
    '{ rides: { partitions: 6 } }',
    'Topics by name, each with its broker’s options.',
  ),
  exchanges: defaulted(
    mapOf('exchanges', EXCHANGE),
    '{}',
    '{ orders: { type: topic } }',
    'Exchanges by name, each with its broker’s options.',
  ),
  producers: defaulted(
    mapOf('producers', PRODUCER),
    '{}',
    '{ upload-service: { to: photo-jobs, rate: 5/s } }',
    'Who makes messages.',
  ),
  consumers: defaulted(
    mapOf('consumers', CONSUMER),
    '{}',
    '{ resizer: { from: photo-jobs, count: 3 } }',
    'Who processes them.',
  ),
  stores: defaulted(
    keyedBy(mapOf('stores', STORE, true), 'store'),
    '{}',
    '{ photos: { write: 5ms } }',
    'Databases that effects go to; those that effects name exist without being listed.',
  ),
  network: defaulted(
    NETWORK,
    '{}',
    '{ latency: 1ms..5ms, loss: { ack: 5% } }',
    'How hops between actors fare; `ideal` is no latency and no faults.',
  ),
  timeline: defaulted(
    list(line, 1_000),
    '[]',
    '[{ at: 60s, crash: resizer-2, restart: 10s }]',
    'What goes wrong, and when.',
  ),
  claims: defaulted(
    list(claim, 100),
    '[]',
    '[at-least-once, { violated: at-most-once }]',
    'Guarantees, and what should come out of each.',
  ),
  expect: defaulted(
    list(naming(text(1_000), 'condition'), 200),
    '[]',
    '[deadLettered(photo-dlq) == 1]',
    'Conditions over metrics that must hold.',
  ),
  exercised: defaulted(
    list(fact, 100),
    '[]',
    '[crashed, lock-expired]',
    'Facts that must happen, else the run shows nothing.',
  ),
  alerts: defaulted(
    mapOf('alerts', record('an alert: `{ when: …, for: … }`', ALERT_FIELDS), false, 100),
    '{}',
    '{ queue-too-deep: { when: "depth(photo-jobs) > 100", for: 10s } }',
    'Conditions that are watched during the run.',
  ),
  autoscale: defaulted(
    keyedBy(
      mapOf('autoscale rules', record('a rule: `{ on: …, target: …, max: … }`', AUTOSCALE_FIELDS), false, 100),
      'consumer',
    ),
    '{}',
    '{ resizer: { on: "depth(jobs)", target: 50, max: 10 } }',
    'Consumers whose number of instances follows a metric.',
  ),
  captions: defaulted(
    list(record('a caption: `{ at: …, text: … }`', CAPTION_FIELDS), 200),
    '[]',
    '[{ at: 20s, text: Here comes the poison. }]',
    'What is said at certain moments.',
  ),
  limits: defaulted(
    record('limits: `{ messages: …, facts: … }`', LIMITS_FIELDS),
    '{}',
    '{ messages: 10000 }',
    'Where a runaway run is stopped.',
  ),
  exercise: optional(
    record('an exercise', EXERCISE_FIELDS),
    '{ question: How many?, knobs: [{ path: consumers.resizer.count, values: [1, 3] }], goals: [{ text: All is done, expect: claim at-least-once }], solution: { consumers.resizer.count: 3 }, debrief: One could not keep up. }',
    'Makes the scenario an exercise.',
  ),
} satisfies Fields;

export const SCENARIO = record('a scenario: `title:`, `broker:`, `duration:` and so on', SCENARIO_FIELDS);
export type ScenarioEntry = Entry<typeof SCENARIO_FIELDS>;
