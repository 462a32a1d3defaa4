/**
 * What must be true of any run of any scenario. `brokenLaw` runs a file and answers the first law that it breaks. The claims that the settings promise
 * are judged in every run; what should come about in the end, where the faults ended early enough; the laws about the record itself cost more
 * than the run, and are asked for apart.
 */
import { F, R } from '../../core/facts.ts';
import { booleanOf, numberOf, textOf } from '../../core/options.ts';
import type { Distribution } from '../../core/parts/distribution.ts';
import { type Asked, judge, type Verdict } from '../../sim/checks/index.ts';
import type { ClaimName } from '../../sim/checks/names.ts';
import { promises } from '../../sim/checks/promises.ts';
import { Keyframes } from '../../sim/folds/keyframes.ts';
import { topologyAt } from '../../sim/folds/topology.ts';
import { readTrace, traceLines } from '../../sim/jsonl.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import type { ConsumerSpec, Scenario } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { type Run, run } from '../../sim/world.ts';
import { describeTopology } from '../sim/folds/describe-topology.ts';
import { falseHand } from '../sim/folds/in-hand.ts';

export interface Broken {
  readonly law: string;
  readonly sentence: string;
}

/** Claims about the end of a run, which no setting promises of every load and every fault; of these systems they are expected. */
const IN_THE_END = ['progress', 'drained', 'bounded-redelivery', 'rebalance-settles'];

/** The scenario of a generated file. An error here is a mistake of the arbitraries. */
export function scenarioOf(yaml: string): Scenario {
  const { scenario, diagnostics } = parseScenario(yaml, { file: 'generated.yaml' });
  if (scenario !== null) return scenario;
  throw new Error(diagnostics.map(({ line, message, expected }) => `line ${line}: ${message} ${expected}`).join('\n'));
}

/** The first law that this run breaks, of those that are cheap to judge; null when it keeps them. */
export function brokenLaw(yaml: string): Broken | null {
  const scenario = scenarioOf(yaml);
  const done = run(scenario);
  return endsWithinLimits(done) ?? causesComeFirst(done.trace) ?? promisesHold(done) ?? allIsDoneInTheEnd(done);
}

/** The first law of the record that this run breaks: that it can be repeated, read aloud, written, read back, and sought in, and tells who holds what. */
export function brokenRecord(yaml: string): Broken | null {
  const scenario = scenarioOf(yaml);
  const { trace } = run(scenario);
  return (
    repeats(scenario, trace) ??
    speaks(trace) ??
    survivesWriting(scenario, trace) ??
    seeksWhereItFolds(scenario, trace) ??
    tellsWhatIsInHand(scenario)
  );
}

function endsWithinLimits({ ending }: Run): Broken | null {
  return ending === 'duration' ? null : { law: 'ends within its limits', sentence: `The run ended by its ${ending}.` };
}

function causesComeFirst(trace: Trace): Broken | null {
  for (let id = 1; id <= trace.count; id++) {
    if (trace.cause(id) < id) continue;
    return {
      law: 'causes come first',
      sentence: `Fact ${id} ("${trace.sentence(id)}") is caused by fact ${trace.cause(id)}.`,
    };
  }
  return null;
}

/** No claim that the settings promise is violated, whatever was lost, crashed or split. */
function promisesHold({ scenario, trace }: Run): Broken | null {
  return violated(judge(trace, scenario, promises(scenario).map(everywhere)));
}

function everywhere(claim: string): Asked {
  return { claim, scope: '' };
}

function violated(verdicts: readonly Verdict[]): Broken | null {
  const found = verdicts.find(({ verdict }) => verdict === 'violated');
  return found === undefined ? null : { law: `promised: ${found.claim}`, sentence: found.sentence };
}

/** Where nothing stands in the way any more for long enough, everything is done, and repeats and rebalances stop. */
function allIsDoneInTheEnd({ scenario, trace }: Run): Broken | null {
  if (!canFinish(scenario) || trace.endedAtUs - lastTrouble(trace) < ENOUGH_US || hasGivenUp(trace) || isFlooded(trace))
    return null;
  for (const { claim, verdict, sentence } of judge(trace, scenario, [...IN_THE_END, 'at-least-once'].map(everywhere))) {
    if (verdict === 'holds' || verdict === 'not exercised') continue;
    if (claim === 'at-least-once' && verdict !== 'undecided') continue;
    return { law: `in the end: ${claim}`, sentence };
  }
  return null;
}

/** Whether a consumer stopped for an error that it cannot bear, such as a transaction that its coordinator ended: an operator's matter then. */
function hasGivenUp(trace: Trace): boolean {
  for (let id = 1; id <= trace.count; id++)
    if (trace.kind(id) === F.cancelled && trace.detail(id) === R['refused by the broker']) return true;
  return false;
}

/**
 * Whether retries brought more copies to one place than its workers can do in the time: where answers come later than they are waited for, each of a handful of
 * messages is stored dozens of times.
 */
function isFlooded(trace: Trace): boolean {
  const stored = new Uint32Array(trace.places.length);
  for (let id = 1; id <= trace.count; id++) {
    if (trace.kind(id) !== F.appended || trace.detail(id) === 2) continue;
    const place = trace.place(id);
    stored[place] = (stored[place] as number) + 1;
  }
  return stored.some((copies) => copies > COPIES_MOST);
}

/** With a second for the way there and back of each. Producers make thirty messages at most. */
const COPIES_MOST = 120;

/** Longer than every timeout and backoff of these systems, and than the patience of the checks. */
const ENOUGH_US = 150_000_000;

const TROUBLE: ReadonlySet<number> = new Set([
  F.crashed,
  F.restarted,
  F.paused,
  F.resumed,
  F.split,
  F.healed,
  F['fault-begun'],
  F['fault-ended'],
  F.stopped,
  F.started,
  F.slowed,
  F.skewed,
  F['disk-filled'],
  F['disk-freed'],
  F.changed,
  F.fixed,
  F.produced,
]);

function lastTrouble(trace: Trace): number {
  for (let id = trace.count; id >= 1; id--) if (TROUBLE.has(trace.kind(id))) return trace.time(id);
  return 0;
}

/** Whether every worker settles what it holds before its lock or its turn runs out, and what it loses now and then comes back soon enough. */
function canFinish(scenario: Scenario): boolean {
  const messages = Object.values(scenario.producers).reduce((sum, { count, messages }) => sum + count * messages, 0);
  return Object.values(scenario.consumers).every((consumer) => {
    const kind = scenario.brokers[consumer.broker]?.kind;
    // RabbitMQ waits for the ack of what is left for as long as the connection lives.
    if (kind === 'rabbitmq' && consumer.onFailure === 'leave') return false;
    if (kind === 'pulsar' && (!comesAgain(scenario, consumer, messages) || comesAsAWhole(scenario, consumer)))
      return false;
    // What a Redis consumer leaves stays pending until somebody claims it (X8).
    if (kind === 'redis-streams' && !claims(consumer)) return false;
    // A group without a commit begins at the end again, and what it passes over waits for nobody.
    if (kind === 'kafka' && textOf(consumer.options, 'auto.offset.reset', 'latest') !== 'earliest') return false;
    if (kind === 'google-pubsub' && !keepsItsDeadlines(scenario, consumer, messages)) return false;
    const work = longestWork(consumer) * Math.ceil(consumer.prefetch / consumer.concurrency);
    const lock = longestLock(scenario, consumer);
    if (kind === 'sqs' && work * 3 > lock) return false;
    const records = numberOf(consumer.options, 'max.poll.records', 500);
    const turn = (longestWork(consumer) + forwarding(scenario, consumer)) * Math.min(records, messages);
    if (kind === 'kafka' && turn * 3 > numberOf(consumer.options, 'max.poll.interval.ms', 300_000_000)) return false;
    // Each failure or crash may hold up everything behind it for as long as a lock or a session lasts.
    const failures = kind === 'sqs' || kind === 'google-pubsub' ? consumer.failProbability : 0;
    const stalls = 2 + 2 * messages * (failures + (consumer.crash?.probability ?? 0));
    return stalls * lock + messages * longestWork(consumer) < ENOUGH_US;
  });
}

/** Whether a consumer of a Redis stream takes over what is pending, and only what nobody works on any more. */
function claims({ options, ...consumer }: ConsumerSpec): boolean {
  const idleUs = numberOf(options, 'min-idle-time', numberOf(options, 'CLAIM', -1));
  return idleUs >= longestWork({ options, ...consumer }) * 3 * Math.ceil(consumer.prefetch / consumer.concurrency);
}

/** Whether a Pulsar client asks again for what it leaves, and not for what it is still at work on; a batch is waited for as a whole, from the first of its messages on (P33). */
function comesAgain(scenario: Scenario, consumer: ConsumerSpec, messages: number): boolean {
  const timeout = numberOf(consumer.options, 'ackTimeout');
  if (timeout === 0) return consumer.onFailure !== 'leave';
  return longestWork(consumer) * Math.max(3, acksWholeBatches(scenario, consumer) ? messages : 1) <= timeout;
}

/** Whether all messages of a Pulsar batch come again when one of them fails: a large one is then never done, as another fails the next time (P33). */
function comesAsAWhole(scenario: Scenario, consumer: ConsumerSpec): boolean {
  return consumer.failProbability > 0 && acksWholeBatches(scenario, consumer);
}

function acksWholeBatches({ producers }: Scenario, { options }: ConsumerSpec): boolean {
  if (booleanOf(options, 'acknowledgmentAtBatchIndexLevelEnabled')) return false;
  return Object.values(producers).some((producer) => booleanOf(producer.options, 'batchingEnabled', true));
}

/** Whether a Pub/Sub client settles what it holds before ack deadlines run out, because it extends them or holds little enough. What it leaves it holds for an hour. */
function keepsItsDeadlines(scenario: Scenario, consumer: ConsumerSpec, messages: number): boolean {
  if (consumer.onFailure === 'leave') return false;
  const pushed = consumer.from.some((name) => scenario.queues[name]?.options['push_config'] !== undefined);
  const pulled = textOf(consumer.options, 'method') === 'pull';
  const lease = pushed || pulled ? 0 : numberOf(consumer.options, 'max_lease_duration', 3_600_000_000);
  const held = pushed ? messages : pulled ? consumer.prefetch : numberOf(consumer.options, 'max_outstanding_messages');
  const work = longestWork(consumer) * Math.ceil(Math.min(messages, held) / consumer.concurrency);
  return work * 3 <= Math.max(lease, longestLock(scenario, consumer));
}

function longestLock(scenario: Scenario, consumer: ConsumerSpec): number {
  const locks = consumer.from.map((name) => {
    const options = scenario.queues[name]?.options ?? {};
    const streamed = booleanOf(options, 'enable_exactly_once_delivery') ? 60_000_000 : 0;
    // After failures a push endpoint is left alone for up to a minute (G6).
    const pushed = options['push_config'] === undefined ? 0 : 60_000_000;
    return Math.max(
      numberOf(options, 'VisibilityTimeout'),
      numberOf(options, 'ack_deadline_seconds'),
      streamed,
      pushed,
    );
  });
  const kind = scenario.brokers[consumer.broker]?.kind;
  const session = kind === 'kafka' ? 45_000_000 : 0;
  // What a dead process had acked in an open transaction waits for its timeout.
  const transaction =
    kind === 'pulsar' && consumer.options['forward.to'] !== undefined
      ? numberOf(consumer.options, 'transactionTimeout', 60_000_000)
      : 0;
  return Math.max(
    transaction,
    consumer.heartbeat?.byUs ?? 0,
    consumer.crash?.restartUs ?? 0,
    numberOf(consumer.options, 'session.timeout.ms', session),
    ...locks,
  );
}

/** In µs. These systems draw no exponential work. */
function longestWork({ process }: ConsumerSpec): number {
  return longest(process);
}

/** How long a Kafka consumer may take for the transaction in which it writes on what it made of one record, in µs. */
function forwarding({ network }: Scenario, { options }: ConsumerSpec): number {
  return textOf(options, 'forward.to') === '' ? 0 : FORWARDING_HOPS * longest(network.latency);
}

/** To begin it, write, commit the offset and end it, each there and back and to the replicas. */
const FORWARDING_HOPS = 16;

function longest(time: Distribution): number {
  return time.type === 'constant' ? time.us : time.type === 'uniform' ? time.maxUs : Number.POSITIVE_INFINITY;
}

function repeats(scenario: Scenario, trace: Trace): Broken | null {
  const again = run(scenario).trace.digest;
  return again === trace.digest
    ? null
    : { law: 'the same run twice', sentence: `The digests are ${trace.digest} and ${again}.` };
}

/** A capital or a name to begin with, a full stop at the end, and nothing between that only a program would say. */
function speaks(trace: Trace): Broken | null {
  for (let id = 1; id <= trace.count; id++) {
    const sentence = trace.sentence(id);
    if (/^[A-Za-z]\S* .*[^. ]\.$/.test(sentence) && !/undefined|NaN|null|\[object| {2}|unknown reason/.test(sentence))
      continue;
    return { law: 'every fact is a sentence', sentence: `Fact ${id} (${trace.name(id)}) says "${sentence}".` };
  }
  return null;
}

function survivesWriting(scenario: Scenario, trace: Trace): Broken | null {
  const read = readTrace(traceLines(trace, { title: scenario.title, seed: scenario.seed }));
  const law = 'written and read back';
  if ('error' in read) return { law, sentence: read.error };
  if (read.trace.messageCount !== trace.messageCount)
    return { law, sentence: `${trace.messageCount} messages became ${read.trace.messageCount}.` };
  return null;
}

function seeksWhereItFolds(scenario: Scenario, trace: Trace): Broken | null {
  const keyframes = new Keyframes(trace, scenario, { every: 200 });
  for (const part of [0.9, 0.3, 0.31, 1, 0]) {
    const id = Math.floor(trace.count * part);
    const sought = JSON.stringify(describeTopology(keyframes.seek(id)));
    const folded = JSON.stringify(describeTopology(topologyAt(trace, scenario, id)));
    if (sought !== folded) return { law: 'a seek is a fold', sentence: `After fact ${id} the stage is another one.` };
  }
  return null;
}

/** The hands of the stage are what the consumers have, down to the last copy, at every moment: so a hand is empty after a crash, and holds nothing twice that its consumer does not. */
function tellsWhatIsInHand(scenario: Scenario): Broken | null {
  const { told } = falseHand(scenario);
  return told === '' ? null : { law: 'a hand is what its consumer has', sentence: told };
}

/** Which of these claims this run breaks: the setting that each verdict blames, or '' when nothing broke. */
export function blamed(yaml: string, claims: readonly ClaimName[], scope: string): ReadonlyMap<string, string> {
  const scenario = scenarioOf(yaml);
  const verdicts = judge(
    run(scenario).trace,
    scenario,
    claims.map((claim) => ({ claim, scope })),
  );
  return new Map(
    verdicts.map(({ claim, verdict, setting }) => [
      claim,
      verdict === 'allowed' || verdict === 'violated' ? (setting ?? 'promised') : '',
    ]),
  );
}
