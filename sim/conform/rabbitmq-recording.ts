/**
 * Replays a recording of a real RabbitMQ on a `RabbitNode` of the recorded version and compares what each step made visible: results,
 * deliveries, confirms, returns, cancellations and closings. Each step runs to quiescence at the current virtual time, and only `wait` lets time pass, in
 * which consumers with `work` do it.
 */
import type { Handover, ServerMethod } from '../../core/brokers/rabbitmq-verbs.ts';
import { headersOf } from '../../core/parts/amqp-message.ts';
import type { ExchangeType } from '../../core/parts/exchange-graph.ts';
import type { Micros } from '../../core/types.ts';
import { asRecorded, Fields, type Json, type JsonTable, type Runner, SLACK_MS, UnknownShape } from './case.ts';
import { answer, policyOf, RabbitClient } from './rabbitmq-client.ts';

export const runRecording: Runner = (table, findings) => {
  const row = new Fields(table, 'recording').skip('id', 'system', 'title', 'notes');
  const replay = new Replay(row.text('version'));
  const observed = new Map<number, JsonTable>();
  for (const record of row.rows('observed')) {
    const { step: _, ...rest } = record.record;
    observed.set(record.number('step'), rest);
  }
  const unstable = row.list('unstable', []).map(String);
  const script = row.fields('script');
  row.end();
  script.rows('steps').forEach((step, index) => {
    const seen = replay.step(step);
    const wanted = observed.get(index) ?? {};
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(seen)])) {
      const where = `step ${index}/${key}`;
      if (unstable.includes(where)) continue;
      const [value, actual] = [wanted[key] ?? null, seen[key] ?? null];
      findings.holds(where, asRecorded(value, actual, SLACK_MS), value, actual);
    }
  });
  script.end();
};

interface Held {
  readonly msg: string;
  readonly tag: number;
}

interface RecordedConsumer {
  readonly channel: string;
  readonly noAck: boolean;
  readonly work: { readonly us: Micros; readonly settlement: string } | null;
  /** Delivery tags that wait for the consumer's hands. */
  readonly queue: number[];
  busy: { readonly tag: number; readonly untilUs: Micros } | null;
}

/** What one step made visible. */
interface Observation {
  result?: Json;
  readonly deliveries: Record<string, Json[]>;
  readonly lists: Record<string, Json[]>;
}

/** The channel of steps that name none. */
const ADMIN = 'admin';

class Replay {
  readonly #client: RabbitClient;
  readonly #connectionOf = new Map<string, string>();
  readonly #consumers = new Map<string, RecordedConsumer>();
  readonly #held = new Map<string, Held[]>();
  /** The tag settled last for a label on a channel: what a second settlement names. */
  readonly #settled = new Map<string, number>();
  /** Publishes in confirm mode that were not answered yet, by channel and tag. */
  readonly #unconfirmed = new Map<string, Map<number, string>>();
  readonly #published = new Map<string, number>();
  #seen: Observation = { deliveries: {}, lists: {} };

  constructor(version: string) {
    this.#client = new RabbitClient(version);
  }

  /** Runs one step until nothing more happens at this time. */
  step(step: Fields): JsonTable {
    this.#seen = { deliveries: {}, lists: {} };
    const result = this.#do(step.text('op'), step);
    step.end();
    this.#hear();
    this.#beginWork();
    const { deliveries, lists } = this.#seen;
    return {
      ...(result !== undefined && { result }),
      ...(Object.keys(deliveries).length > 0 && { deliveries }),
      ...lists,
    };
  }

  #do(op: string, step: Fields): Json | undefined {
    const client = this.#client;
    switch (op) {
      case 'wait':
        this.#waitUntil(client.nowUs + step.number('ms') * 1000);
        return undefined;
      case 'restartBroker':
        client.restart();
        this.#held.clear();
        for (const consumer of this.#consumers.values()) stop(consumer);
        return undefined;
      case 'closeConnection':
      case 'crash':
        this.#end(step.text('connection'));
        return undefined;
      case 'policy':
        client.setPolicy(policyOf(step));
        return undefined;
      case 'clearPolicy':
        client.clearPolicy(step.text('name'));
        return undefined;
      case 'stats': {
        const stats = client.node.stats(step.text('queue'));
        return stats === undefined ? null : { ready: stats.ready, unacked: stats.unacked, consumers: stats.consumers };
      }
      default:
        return this.#onChannel(op, this.#channel(op, step), step);
    }
  }

  #onChannel(op: string, channel: string, step: Fields): Json | undefined {
    const say = (method: Parameters<RabbitClient['say']>[1]) => this.#client.say(channel, method);
    switch (op) {
      case 'open':
        this.#client.open(channel, this.#connection(channel));
        if (step.flag('confirm')) {
          this.#unconfirmed.set(channel, new Map());
          this.#published.set(channel, 0);
          say({ type: 'confirm.select' });
        }
        return undefined;
      case 'closeChannel':
        say({ type: 'channel.close' });
        this.#closed(channel);
        return undefined;
      case 'exchange':
        say({
          type: 'exchange.declare',
          exchange: step.text('name'),
          exchangeType: step.text('type') as ExchangeType,
          durable: step.get('durable') !== false,
          autoDelete: step.flag('autoDelete'),
          internal: step.flag('internal'),
          arguments: step.has('alternate') ? { 'alternate-exchange': step.text('alternate') } : {},
        });
        return undefined;
      case 'queue': {
        const said = say({
          type: 'queue.declare',
          queue: step.text('name'),
          durable: step.get('durable') !== false,
          exclusive: step.flag('exclusive'),
          autoDelete: step.flag('autoDelete'),
          arguments: step.table('arguments'),
        });
        return step.flag('report') ? declared(said) : undefined;
      }
      case 'bind':
      case 'unbind':
        say({
          type: op === 'bind' ? 'queue.bind' : 'queue.unbind',
          queue: step.text('queue'),
          exchange: step.text('exchange'),
          routingKey: step.text('key', ''),
          arguments: step.table('arguments'),
        });
        return undefined;
      case 'bindExchange':
      case 'unbindExchange': {
        const ends = { source: step.text('source'), destination: step.text('destination') };
        const type = op === 'bindExchange' ? 'exchange.bind' : 'exchange.unbind';
        say({ type, ...ends, routingKey: step.text('key', ''), arguments: step.table('arguments') });
        return undefined;
      }
      case 'deleteExchange':
        say({ type: 'exchange.delete', exchange: step.text('name'), ifUnused: step.flag('ifUnused') });
        return undefined;
      case 'publish':
        this.#publish(channel, step);
        return undefined;
      case 'consume':
        this.#consume(channel, step);
        return undefined;
      case 'cancel':
        say({ type: 'basic.cancel', consumerTag: step.text('consumer') });
        return undefined;
      case 'qos':
        say({ type: 'basic.qos', prefetchCount: step.number('count'), global: step.flag('global') });
        return undefined;
      case 'get': {
        const noAck = step.flag('noAck');
        const said = say({ type: 'basic.get', queue: step.text('queue'), noAck });
        const got = answer(said, 'basic.get-ok');
        if (got === undefined) return answer(said, 'basic.get-empty') && null;
        if (!noAck) this.#hold(channel, got);
        return { ...this.#delivery(got), remaining: got.messageCount };
      }
      case 'ack': {
        const multiple = step.flag('multiple');
        say({ type: 'basic.ack', deliveryTag: this.#release(channel, step.text('msg'), multiple), multiple });
        return undefined;
      }
      case 'nack': {
        const multiple = step.flag('multiple');
        const deliveryTag = this.#release(channel, step.text('msg'), multiple);
        say({ type: 'basic.nack', deliveryTag, multiple, requeue: step.flag('requeue') });
        return undefined;
      }
      case 'reject': {
        const deliveryTag = this.#release(channel, step.text('msg'), false);
        say({ type: 'basic.reject', deliveryTag, requeue: step.flag('requeue') });
        return undefined;
      }
      case 'recover':
        say({ type: 'basic.recover', requeue: true });
        return undefined;
      case 'purge': {
        const purged = answer(say({ type: 'queue.purge', queue: step.text('queue') }), 'queue.purge-ok');
        return purged === undefined ? undefined : { purged: purged.messageCount };
      }
      case 'deleteQueue': {
        const flags = { ifUnused: step.flag('ifUnused'), ifEmpty: step.flag('ifEmpty') };
        const deleted = answer(say({ type: 'queue.delete', queue: step.text('queue'), ...flags }), 'queue.delete-ok');
        return deleted === undefined ? undefined : { deleted: deleted.messageCount };
      }
      case 'depth':
        return declared(say({ type: 'queue.declare', queue: step.text('queue'), passive: true }));
      default:
        throw new UnknownShape(`the step ${op}`);
    }
  }

  /** A consumer has a channel of its own name unless told otherwise. */
  #channel(op: string, step: Fields): string {
    const consumer = step.text('consumer', '');
    const otherwise = op === 'cancel' ? this.#consumers.get(consumer)?.channel : op === 'consume' ? consumer : ADMIN;
    const channel = step.text('channel', otherwise ?? ADMIN);
    const connection = step.text('connection', this.#connectionOf.get(channel) ?? channel);
    this.#connectionOf.set(channel, connection);
    if (op !== 'open' && this.#client.connectionOf(channel) !== connection) this.#client.open(channel, connection);
    return channel;
  }

  #connection(channel: string): string {
    return this.#connectionOf.get(channel) ?? channel;
  }

  #end(connection: string): void {
    this.#client.drop(connection);
    this.#gone(connection);
  }

  /** A connection is over, and so are its channels. */
  #gone(connection: string): void {
    for (const [channel, of] of this.#connectionOf) if (of === connection) this.#closed(channel);
  }

  /** A channel is over: nothing is held there any more, and its consumers have nothing to work on. */
  #closed(channel: string): void {
    this.#held.delete(channel);
    for (const consumer of this.#consumers.values()) if (consumer.channel === channel) stop(consumer);
  }

  #publish(channel: string, step: Fields): void {
    const headers: Record<string, Json> = { ...step.table('headers') };
    if (step.has('cc')) headers['CC'] = step.list('cc');
    if (step.has('bcc')) headers['BCC'] = step.list('bcc');
    const to = {
      exchange: step.text('exchange', ''),
      routingKey: step.text('key'),
      mandatory: step.flag('mandatory'),
    };
    const properties = {
      persistent: step.flag('persistent'),
      ...(step.has('priority') && { priority: step.number('priority') }),
      ...(step.has('expiration') && { expiration: step.text('expiration') }),
      ...(Object.keys(headers).length > 0 && { headers }),
    };
    for (const msg of step.texts('msgs')) {
      const unconfirmed = this.#unconfirmed.get(channel);
      if (unconfirmed !== undefined) {
        const number = (this.#published.get(channel) ?? 0) + 1;
        this.#published.set(channel, number);
        unconfirmed.set(number, msg);
      }
      this.#client.publish(channel, msg, to, properties);
      this.#hear();
    }
  }

  #consume(channel: string, step: Fields): void {
    const work = step.has('work') ? step.fields('work') : null;
    const noAck = step.flag('noAck');
    const consumerTag = step.text('consumer');
    this.#consumers.set(consumerTag, {
      channel,
      noAck,
      work: work && { us: work.number('ms') * 1000, settlement: work.text('then') },
      queue: [],
      busy: null,
    });
    work?.end();
    if (step.has('prefetch')) {
      this.#client.say(channel, { type: 'basic.qos', prefetchCount: step.number('prefetch') });
    }
    this.#client.say(channel, {
      type: 'basic.consume',
      queue: step.text('queue'),
      consumerTag,
      noAck,
      exclusive: step.flag('exclusive'),
      arguments: {
        ...step.table('arguments'),
        ...(step.has('priority') && { 'x-priority': step.number('priority') }),
      },
    });
  }

  #hold(channel: string, { message, deliveryTag }: Handover): void {
    const held = this.#held.get(channel) ?? [];
    held.push({ msg: this.#client.label(message.body), tag: deliveryTag });
    this.#held.set(channel, held);
  }

  /** The tag of the latest unsettled delivery of a label, which is settled thereby; else that of the last settlement. */
  #release(channel: string, msg: string, multiple: boolean): number {
    const held = this.#held.get(channel) ?? [];
    const found = held.findLast((one) => one.msg === msg);
    if (found === undefined) return this.#settled.get(`${channel} ${msg}`) ?? NO_TAG;
    const left = held.filter(({ tag }) => (multiple ? tag > found.tag : tag !== found.tag));
    this.#held.set(channel, left);
    this.#settled.set(`${channel} ${msg}`, found.tag);
    return found.tag;
  }

  // ── Work ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #waitUntil(untilUs: Micros): void {
    for (;;) {
      this.#hear();
      this.#beginWork();
      let next: RecordedConsumer | null = null;
      for (const consumer of this.#consumers.values()) {
        const endsUs = consumer.busy?.untilUs ?? Number.POSITIVE_INFINITY;
        if (endsUs <= untilUs && endsUs < (next?.busy?.untilUs ?? Number.POSITIVE_INFINITY)) next = consumer;
      }
      if (next?.busy == null) break;
      this.#client.advanceTo(next.busy.untilUs);
      this.#finish(next, next.busy.tag);
    }
    this.#client.advanceTo(untilUs);
  }

  #beginWork(): void {
    for (const consumer of this.#consumers.values()) {
      if (consumer.work === null || consumer.busy !== null) continue;
      const tag = consumer.queue.shift();
      if (tag !== undefined) consumer.busy = { tag, untilUs: this.#client.nowUs + consumer.work.us };
    }
  }

  #finish(consumer: RecordedConsumer, deliveryTag: number): void {
    const { channel, work, noAck } = consumer;
    consumer.busy = null;
    // What was settled as it was handed out is only worked on.
    if (noAck) return;
    if (work?.settlement === 'ack') this.#client.say(channel, { type: 'basic.ack', deliveryTag });
    else this.#client.say(channel, { type: 'basic.reject', deliveryTag, requeue: work?.settlement === 'requeue' });
  }

  // ── What the node says ──────────────────────────────────────────────────────────────────────────────────────────

  #hear(): void {
    for (const { connection, said } of this.#client.take()) {
      switch (said.type) {
        case 'basic.deliver': {
          pushTo(this.#seen.deliveries, said.consumerTag, this.#delivery(said));
          const consumer = this.#consumers.get(said.consumerTag);
          if (consumer?.noAck !== true) this.#hold(said.channel, said);
          if (consumer?.work != null) consumer.queue.push(said.deliveryTag);
          break;
        }
        case 'basic.ack':
        case 'basic.nack':
          this.#confirmed(said);
          break;
        case 'basic.return': {
          const { code, name, exchange, routingKey: key } = said;
          this.#note('returned', { msg: this.#client.label(said.body), code, name, exchange, key });
          break;
        }
        case 'basic.cancel':
          this.#note('cancelled', said.consumerTag);
          break;
        case 'channel.close':
          this.#note('channelClosed', { channel: said.channel, code: said.code, name: dashed(said.name) });
          this.#closed(said.channel);
          break;
        case 'connection.close':
          this.#note('connectionClosed', { connection, code: said.code, name: dashed(said.name) });
          this.#gone(connection);
          break;
        default:
          break;
      }
    }
  }

  #confirmed(said: Extract<ServerMethod, { type: 'basic.ack' | 'basic.nack' }>): void {
    const unconfirmed = this.#unconfirmed.get(said.channel) ?? new Map<number, string>();
    for (const [tag, msg] of [...unconfirmed]) {
      if (said.multiple ? tag > said.deliveryTag : tag !== said.deliveryTag) continue;
      unconfirmed.delete(tag);
      this.#note(said.type === 'basic.ack' ? 'confirmed' : 'refused', msg);
    }
  }

  #note(list: string, item: Json): void {
    pushTo(this.#seen.lists, list, item);
  }

  #delivery({ message, redelivered, deliveryCount, offset }: Handover): JsonTable {
    const { exchange, keys, priority, expiration, deaths } = message;
    const own: JsonTable = { ...headersOf(message, false), ...(offset !== undefined && { 'x-stream-offset': offset }) };
    const headers = Object.fromEntries(Object.entries(own).filter(([name]) => !DEATH_HEADERS.test(name)));
    const death = deaths?.entries.map(
      ({ queue, reason, count, originalExpiration, ...entry }): JsonTable => ({
        queue,
        reason,
        count,
        exchange: entry.exchange,
        keys: entry.routingKeys,
        ...(originalExpiration !== undefined && { originalExpiration }),
      }),
    );
    return {
      msg: this.#client.label(message.body),
      redelivered,
      exchange,
      key: keys[0] ?? '',
      ...(priority !== undefined && { priority }),
      ...(expiration !== undefined && { expiration }),
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(deliveryCount !== undefined && { deliveryCount }),
      ...(death !== undefined && { death }),
      ...(deaths !== undefined && { firstDeath: { ...deaths.first } }),
    };
  }
}

/** Headers that a recording tells apart from the message's own. */
const DEATH_HEADERS = /^x-(?:death$|(?:first|last)-death-)/;
const NO_TAG = Number.MAX_SAFE_INTEGER;

/** Reply names are written with dashes in recordings, with underscores in the protocol. */
function dashed(name: string): string {
  return name.replaceAll('_', '-');
}

function declared(said: readonly ServerMethod[]): Json | undefined {
  const ok = answer(said, 'queue.declare-ok');
  return ok && { ready: ok.messageCount, consumers: ok.consumerCount };
}

function stop(consumer: RecordedConsumer): void {
  consumer.busy = null;
  consumer.queue.length = 0;
}

function pushTo(lists: Record<string, Json[]>, name: string, item: Json): void {
  const list = lists[name];
  if (list === undefined) lists[name] = [item];
  else list.push(item);
}
