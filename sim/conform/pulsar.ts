/**
 * Replays Pulsar cases: scripts of its clients' and administrators' verbs on a `PulsarLab`, and functions (hashes, key ranges, backoffs). A script names broker settings and
 * topics, then timed steps; messages are told apart by their values. Settings and policies are read by the option tables of a scenario, with durations in the unit
 * of each option. A later step may name a message that an earlier receive got: `$r1[0]`, or its value if its consumer is named.
 */
import { BROKER_OPTIONS, CONSUMER_OPTIONS, TOPIC_OPTIONS } from '../../core/brokers/pulsar-options.ts';
import type { PulsarSubscription } from '../../core/brokers/pulsar-subscription.ts';
import type { Position } from '../../core/brokers/pulsar-wires.ts';
import type { ReceivedMessage } from '../../core/clients/pulsar-consumer-port.ts';
import { F, R } from '../../core/facts.ts';
import type { OptionSpec, OptionTable, OptionValue, OptionValues } from '../../core/options.ts';
import {
  HashRing,
  type KeyOwner,
  type KeySelector,
  keyHash,
  keyRange,
  SplitRanges,
  StickyRanges,
} from '../../core/parts/key-ranges.ts';
import { javaStringHash } from '../../core/parts/murmur2.ts';
import { murmur3 } from '../../core/parts/murmur3.ts';
import { backoffDelayUs } from '../../core/parts/redelivery-backoff.ts';
import type { Delivery, Micros } from '../../core/types.ts';
import {
  caseOf,
  Fields,
  type Findings,
  isList,
  isTable,
  type Json,
  type JsonTable,
  type Runner,
  sameItems,
  UnknownShape,
} from './case.ts';
import { LabConsumer, LabProducer, PulsarLab, type SendResult } from './pulsar-lab.ts';

const SECOND: Micros = 1_000_000;
const UNITS: Readonly<Record<string, Micros>> = { us: 1, ms: 1000, s: SECOND, min: 60 * SECOND, h: 3600 * SECOND };
/** A receive without a number takes all that has come. */
const ALL = 1_000_000;

/** What a step stores under its name. */
interface Result {
  readonly error: string;
  readonly messages: readonly Delivery[];
  readonly sent: SendResult | null;
  readonly shown: JsonTable;
}

const DONE: Result = { error: '', messages: [], sent: null, shown: {} };

/** `pulsar script`. */
export const runScript: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const topics = Object.entries(input.table('topics')).map(([name, policies]) => ({
    name,
    options: optionsOf(isTable(policies) ? policies : {}, TOPIC_OPTIONS),
  }));
  const script = new Script(new PulsarLab(optionsOf(input.table('settings'), BROKER_OPTIONS), topics));
  const results = new Map<string, Result>();
  for (const step of input.rows('steps')) {
    script.lab.advanceTo(Math.round(step.number('t') * SECOND));
    const args = step.has('args') ? step.fields('args') : new Fields({}, 'args');
    const result = script.act(step.text('op'), args, results);
    args.end();
    const name = step.get('as');
    if (typeof name === 'string') results.set(name, result);
    step.skip('note').end();
  }
  input.end();
  const expected = row.table('expected');
  row.end();
  for (const [name, wanted] of Object.entries(expected)) {
    const result = results.get(name);
    if (result === undefined) throw new UnknownShape(`no step stores ${name}`);
    compare(script, name, new Fields(wanted, name), result, findings);
  }
};

class Script {
  readonly lab: PulsarLab;
  readonly #values = new Map<number, string>();
  readonly #consumers = new Map<string, LabConsumer>();
  readonly #producers = new Map<string, LabProducer>();
  /** The consumer that got a delivery. */
  readonly #holders = new Map<Delivery, LabConsumer>();
  /** The last delivery of each value, by consumer and value. */
  readonly #last = new Map<string, Delivery>();

  constructor(lab: PulsarLab) {
    this.lab = lab;
  }

  valueOf({ message }: Delivery): string {
    return this.#values.get(message.id) ?? '';
  }

  act(op: string, args: Fields, results: ReadonlyMap<string, Result>): Result {
    switch (op) {
      case 'wait':
        return DONE;
      case 'createProducer': {
        const mode = args.text('accessMode', 'Shared') as LabProducer['mode'];
        const name = args.text('producer', args.text('producerName', ''));
        const producer = new LabProducer(this.lab, args.text('topic'), args.text('producerName', ''), mode);
        this.#producers.set(name, producer);
        return { ...DONE, error: producer.error, shown: { ready: producer.isReady } };
      }
      case 'producerState': {
        const producer = this.#producers.get(args.text('producer'));
        return { ...DONE, error: producer?.error ?? '', shown: { ready: producer?.isReady ?? false } };
      }
      case 'send':
        return this.#send(args, results);
      case 'subscribe':
        return this.#subscribe(args);
      case 'receive': {
        const consumer = this.#consumer(args.text('consumer'));
        const messages = consumer.receive(args.number('max', ALL));
        for (const message of messages) {
          this.#holders.set(message, consumer);
          this.#last.set(`${args.text('consumer')} ${this.valueOf(message)}`, message);
        }
        return { ...DONE, messages };
      }
      case 'acknowledge':
      case 'acknowledgeCumulative': {
        const txn = args.has('txn') ? txnOf(args, results) : '';
        return this.#settle(args, results, (consumer, delivery) =>
          consumer.say((port, out) => port.acknowledge(delivery, op === 'acknowledgeCumulative', txn, out)),
        );
      }
      case 'negativeAcknowledge':
        return this.#settle(args, results, (consumer, delivery) =>
          consumer.say((port, out) => port.negativeAcknowledge(delivery, out)),
        );
      case 'reconsumeLater': {
        const delayUs = Math.round(args.number('delay') * SECOND);
        return this.#settle(args, results, (consumer, delivery) =>
          consumer.say((port, out) => port.reconsumeLater(delivery, delayUs, out)),
        );
      }
      case 'redeliverUnacknowledgedMessages':
        this.#consumer(args.text('consumer')).say((port, out) => port.redeliverUnacknowledgedMessages(out));
        return DONE;
      case 'closeConsumer':
      case 'crashConsumer': {
        const name = args.text('consumer');
        const consumer = this.#consumer(name);
        if (op === 'closeConsumer') consumer.say((port, out) => port.stop(out));
        this.lab.kill(consumer.id);
        this.#consumers.delete(name);
        return DONE;
      }
      case 'closeProducer': {
        const name = args.text('producer', '');
        const producer = this.#producers.get(name);
        if (producer !== undefined) this.lab.kill(producer.id);
        this.#producers.delete(name);
        return DONE;
      }
      case 'unsubscribe':
        this.#consumer(args.text('consumer')).say((port, out) => port.unsubscribe(out));
        return DONE;
      case 'seek':
      case 'reset-cursor': {
        const to = positionOf(args, results);
        if (args.has('consumer')) this.#consumer(args.text('consumer')).say((port, out) => port.seek(to, out));
        else this.#topic(args).seek(args.text('subscription'), to, this.#out);
        this.lab.settle();
        return DONE;
      }
      case 'skip': {
        const subscription = this.#subscription(args);
        // What is acked already is none of them (P58).
        let last = subscription.firstOwed - 1;
        for (let left = args.number('n'); left > 0; left--) {
          last++;
          while (subscription.record.cursor.isAcked(last)) last++;
        }
        subscription.passUpTo(Math.min(last, subscription.host.info.ledger.end - 1), F.evicted, R.purged, this.#out);
        return this.#settled();
      }
      case 'clear-backlog':
      case 'skip-all': {
        const subscription = this.#subscription(args);
        subscription.passUpTo(subscription.host.info.ledger.end - 1, F.evicted, R.purged, this.#out);
        return this.#settled();
      }
      case 'expire-messages': {
        const subscription = this.#subscription(args);
        const before = this.lab.nowUs - Math.round(args.number('olderThan') * SECOND);
        subscription.passUpTo(
          subscription.host.info.ledger.firstAt(before + 1) - 1,
          F.expired,
          R['TTL passed'],
          this.#out,
        );
        return this.#settled();
      }
      case 'compact':
        this.#topic(args).compact();
        return DONE;
      case 'trim':
        this.#topic(args).trim(this.#out);
        return DONE;
      case 'restartBroker':
        this.lab.restartBroker();
        return DONE;
      case 'newTransaction': {
        const producer = this.#producer(args);
        const txn = producer.begin(Math.round(args.number('timeout', 60) * SECOND));
        return { ...DONE, error: txn === '' ? 'TransactionCoordinatorNotFound' : '', shown: { txn } };
      }
      case 'commit':
      case 'abort': {
        const error = this.#producer(args).end(txnOf(args, results), op === 'commit');
        return { ...DONE, error };
      }
      case 'stats':
        return this.#stats(args);
      case 'topicStats': {
        const { ledger } = this.#topic(args).info;
        return { ...DONE, shown: { stored: ledger.end - ledger.start, ledgers: ledger.ledgers.length } };
      }
      default:
        throw new UnknownShape(`the op ${op}`);
    }
  }

  get #out() {
    return this.lab.out(1);
  }

  #settled(): Result {
    this.lab.settle();
    return DONE;
  }

  #consumer(name: string): LabConsumer {
    const consumer = this.#consumers.get(name);
    if (consumer === undefined) throw new UnknownShape(`the consumer ${name}`);
    return consumer;
  }

  /** The named producer; without a name one that is made for the topic. */
  #producer(args: Fields): LabProducer {
    const name = args.text('producer', '');
    const topic = args.text('topic', '');
    const key = name === '' ? `for ${topic}` : name;
    let producer = this.#producers.get(key);
    if (producer === undefined) {
      producer = new LabProducer(this.lab, topic, name, 'Shared');
      this.#producers.set(key, producer);
    }
    return producer;
  }

  #send(args: Fields, results: ReadonlyMap<string, Result>): Result {
    const producer = this.#producer(args);
    const value = args.text('value', '');
    const key = args.get('key') ?? null;
    const sizeBytes = args.number('size', value.length);
    const message = this.lab.message(typeof key === 'string' ? key : null, sizeBytes);
    this.#values.set(message.id, value);
    const after = args.number('deliverAfter', 0);
    const sent = producer.send(message, {
      sequence: args.number('sequenceId', -1),
      partition: args.number('partition', 0),
      deliverAtUs: args.has('deliverAt')
        ? Math.round(args.number('deliverAt') * SECOND)
        : after > 0
          ? this.lab.nowUs + Math.round(after * SECOND)
          : 0,
      txn: args.has('txn') ? txnOf(args, results) : '',
    });
    const error = sent.answered || producer.error === '' ? sent.error : producer.error;
    return { ...DONE, sent, error };
  }

  #subscribe(args: Fields): Result {
    const name = args.text('consumer');
    const topics = args.has('topics') ? args.texts('topics') : [args.text('topic')];
    const given: Record<string, Json> = {};
    for (const option of Object.keys(CONSUMER_OPTIONS)) {
      const value = args.get(option);
      if (value !== undefined) given[option] = value;
    }
    const subscription = args.text('subscription', name);
    const consumer = new LabConsumer(this.lab, name, topics, subscription, optionsOf(given, CONSUMER_OPTIONS));
    this.#consumers.set(name, consumer);
    return { ...DONE, error: consumer.error };
  }

  #settle(
    args: Fields,
    results: ReadonlyMap<string, Result>,
    how: (consumer: LabConsumer, delivery: Delivery) => void,
  ): Result {
    const named = args.text('message');
    const delivery = this.#delivery(named, args.text('consumer', ''), results);
    const consumer = this.#holders.get(delivery);
    if (consumer === undefined) throw new Error(`nobody holds ${named}`);
    consumer.port.ackError = '';
    how(consumer, delivery);
    return { ...DONE, error: consumer.port.ackError };
  }

  #delivery(named: string, consumer: string, results: ReadonlyMap<string, Result>): Delivery {
    const [, name = '', index = ''] = /^\$(.+)\[(\d+)\]$/.exec(named) ?? [];
    const found = name === '' ? this.#last.get(`${consumer} ${named}`) : results.get(name)?.messages[Number(index)];
    if (found === undefined) throw new Error(`${named} was never received`);
    return found;
  }

  #topic(args: Fields) {
    return this.lab.topic(args.text('topic'), args.number('partition', 0));
  }

  #subscription(args: Fields): PulsarSubscription {
    const name = args.text('subscription');
    const subscription = this.#topic(args).subscriptions.get(name);
    if (subscription === undefined) throw new UnknownShape(`the subscription ${name}`);
    return subscription;
  }

  /** What `topics stats-internal` shows of a subscription; positions count from 0 over all ledgers. */
  #stats(args: Fields): Result {
    const topic = this.#topic(args);
    const subscription = topic.subscriptions.get(args.text('subscription'));
    if (subscription === undefined) return { ...DONE, error: 'SubscriptionNotFound' };
    const { cursor } = subscription.record;
    return {
      ...DONE,
      shown: {
        backlog: subscription.backlog,
        markDelete: cursor.markDelete,
        holes: cursor.individuallyAcked(),
        unacked: subscription.unacked,
        delayed: subscription.delayedCount,
        consumers: subscription.consumers.map(({ name }) => name),
      },
    };
  }
}

function compare(script: Script, name: string, expected: Fields, result: Result, findings: Findings): void {
  for (const [field, wanted] of Object.entries(expected.record)) {
    const where = `${name}.${field}`;
    switch (field) {
      case 'ok':
        findings.same(where, wanted, result.error === '');
        break;
      case 'error':
        findings.same(where, wanted, typeof wanted === 'boolean' ? result.error !== '' : result.error);
        break;
      case 'duplicate':
        findings.same(where, wanted, result.sent?.duplicate ?? false);
        break;
      case 'stored':
        findings.same(
          where,
          wanted,
          result.shown['stored'] ?? (result.sent?.answered === true && !result.sent.duplicate && result.error === ''),
        );
        break;
      case 'messageId':
        findings.same(where, wanted, result.sent === null ? null : [result.sent.ledgerId, result.sent.entryId]);
        break;
      case 'values':
        findings.same(
          where,
          wanted,
          result.messages.map((one) => script.valueOf(one)),
        );
        break;
      case 'values_any_order': {
        const values = result.messages.map((one) => script.valueOf(one));
        findings.holds(where, isList(wanted) && sameItems(wanted, values), wanted, values);
        break;
      }
      case 'count':
        findings.same(where, wanted, result.messages.length);
        break;
      case 'redeliveryCounts':
        findings.same(where, wanted, result.messages.map(redeliveriesOf));
        break;
      case 'properties':
        findings.same(where, wanted, result.messages.map(propertiesOf));
        break;
      default: {
        const shown = result.shown[field];
        if (shown === undefined) throw new UnknownShape(`${where} is expected of such a step`);
        findings.same(where, wanted, shown);
      }
    }
  }
}

function redeliveriesOf(delivery: Delivery): number {
  return (delivery as ReceivedMessage).handle.redeliveryCount;
}

function propertiesOf(delivery: Delivery): JsonTable {
  return (delivery as ReceivedMessage).handle.entry.properties ?? {};
}

function positionOf(args: Fields, results: ReadonlyMap<string, Result>): Position {
  if (args.has('time')) return { type: 'time', timeUs: Math.round(args.number('time') * SECOND) };
  const to = args.text('to');
  if (to === 'earliest' || to === 'latest') return { type: to };
  const [, name = ''] = /^\$(.+)$/.exec(to) ?? [];
  const sent = results.get(name)?.sent;
  if (sent === undefined || sent === null) throw new UnknownShape(`the position ${to}`);
  const inclusive = args.flag('inclusive');
  return { type: 'message', index: sent.index, inclusive };
}

function txnOf(args: Fields, results: ReadonlyMap<string, Result>): string {
  const named = args.text('txn');
  const shown = results.get(named.replace(/^\$/, ''))?.shown['txn'];
  return typeof shown === 'string' ? shown : named;
}

// ── Settings ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Settings in their own units as options; an unknown one is an unknown shape. */
function optionsOf(settings: JsonTable, table: OptionTable): OptionValues {
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(settings)) {
    const spec = table[name];
    if (spec === undefined) throw new UnknownShape(`the setting ${name}`);
    options[name] = optionOf(name, spec, value);
  }
  return options;
}

function optionOf(name: string, spec: OptionSpec, value: Json): OptionValue {
  if (spec.type === 'object' && isTable(value)) return optionsOf(value, spec.fields);
  if (spec.type === 'list' && isList(value)) return value.map(String);
  if (spec.type === 'duration' && typeof value === 'number')
    return value < 0 ? -1 : Math.round(value * (UNITS[spec.unit] ?? 1));
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value;
  throw new UnknownShape(`the value of ${name}`);
}

// ── Functions ───────────────────────────────────────────────────────────────────────────────────────────────────

/** `pulsar hash`: a key's hashes (P6, P21). */
export const runHash: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const key = input.get('key') ?? null;
  const text = typeof key === 'string' ? key : null;
  const partitions = input.number('partitions', 1);
  input.end();
  const expected = row.fields('expected');
  for (const [field, wanted] of Object.entries(expected.record)) {
    if (field === 'murmur3') findings.same(field, wanted, murmur3(text ?? 'NONE'));
    else if (field === 'slot') findings.same(field, wanted, keyHash(text));
    else if (field === 'java') findings.same(field, wanted, javaStringHash(text ?? ''));
    else if (field === 'partition')
      findings.same(field, wanted, (javaStringHash(text ?? '') & 0x7fffffff) % partitions);
    else if (field === 'murmurPartition') findings.same(field, wanted, (murmur3(text ?? '') & 0x7fffffff) % partitions);
    else throw new UnknownShape(`expected.${field}`);
  }
  row.end();
};

/** `pulsar key-ranges`: who owns which hashes after consumers joined and left (P22–P24). */
export const runKeyRanges: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const mode = input.text('mode', 'AUTO_SPLIT');
  const points = input.number('points', 100);
  const selector: KeySelector<KeyOwner> =
    mode === 'STICKY' ? new StickyRanges() : mode === 'HASH_RING' ? new HashRing(points) : new SplitRanges();
  const consumers = new Map<string, KeyOwner>();
  const accepted: boolean[] = [];
  for (const step of input.rows('steps')) {
    const name = step.text('join', step.text('leave', ''));
    if (step.has('join')) {
      const ranges = step.list('ranges', []).flatMap((text) => keyRange(String(text)) ?? []);
      const consumer: KeyOwner = { name, ranges };
      const added = selector.add(consumer);
      accepted.push(added);
      if (added) consumers.set(name, consumer);
    } else {
      const consumer = consumers.get(name);
      if (consumer !== undefined) selector.remove(consumer);
      consumers.delete(name);
    }
    step.end();
  }
  input.end();
  const expected = row.fields('expected');
  if (expected.has('ranges')) {
    const actual: Record<string, Json> = {};
    for (const [name, consumer] of consumers)
      actual[name] = selector.rangesOf(consumer).map(({ start, end }) => [start, end]);
    findings.same('ranges', expected.table('ranges'), actual);
  }
  for (const [key, owner] of Object.entries(expected.table('owners')))
    findings.same(key, owner, selector.select(keyHash(key))?.name ?? null);
  if (expected.has('accepted')) findings.same('accepted', expected.list('accepted'), accepted);
  expected.end();
  row.end();
};

/** `pulsar backoff`: the waits of MultiplierRedeliveryBackoff in ms (P41). */
export const runBackoff: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const backoff = {
    minDelayUs: input.number('minDelay', 1000) * 1000,
    maxDelayUs: input.number('maxDelay', 60_000) * 1000,
    multiplier: input.number('multiplier', 2),
  };
  input.end();
  const wanted = row.list('expected');
  row.end();
  findings.same(
    'delays',
    wanted,
    wanted.map((_, i) => backoffDelayUs(backoff, i + 1) / 1000),
  );
};
