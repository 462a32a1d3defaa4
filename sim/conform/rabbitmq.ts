/**
 * Runs RabbitMQ vectors: scripts of AMQP methods on one node, for each queue type and each server version that the case's profile names, and the
 * matchers (topic keys, headers, validation of topic bindings). Recordings of the real broker are replayed in `rabbitmq-recording.ts`.
 */
import { RABBITMQ_VERSIONS } from '../../core/brokers/rabbitmq-options.ts';
import type { Handover, ServerMethod } from '../../core/brokers/rabbitmq-verbs.ts';
import { headersOf } from '../../core/parts/amqp-message.ts';
import type { ExchangeType } from '../../core/parts/exchange-graph.ts';
import { headersMatch } from '../../core/parts/headers-match.ts';
import { topicMatches, topicWords } from '../../core/parts/topic-pattern.ts';
import {
  caseOf,
  Fields,
  Findings,
  isList,
  isTable,
  type Json,
  type JsonTable,
  type Runner,
  sameItems,
  sameJson,
  UnknownShape,
} from './case.ts';
import { answer, policyOf, RabbitClient } from './rabbitmq-client.ts';

export { runRecording } from './rabbitmq-recording.ts';

// ── Matchers ────────────────────────────────────────────────────────────────────────────────────────────────────

export const runTopicMatch: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const matches = topicMatches(topicWords(input.text('binding_key')), topicWords(input.text('routing_key')));
  findings.same('matches', row.flag('expected'), matches);
  input.end();
  row.end();
};

export const runHeadersMatch: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const matches = headersMatch(withVoids(input.table('arguments')), withVoids(input.table('headers')));
  findings.same('matches', row.flag('expected'), matches);
  input.end();
  row.end();
};

/** AMQP's void is written `{"$void": true}`, which is null here. */
function withVoids(table: JsonTable): JsonTable {
  const read = (value: Json) => (isTable(value) && value['$void'] === true ? null : value);
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, read(value)]));
}

/** A node of the newest line is asked to bind; it refuses by closing the channel. */
export const runBindingValidation: Runner = (table, findings) => {
  const row = caseOf(table);
  const input = row.fields('input');
  const expected = row.fields('expected');
  const version = newestOf(input.text('server'));
  const client = new RabbitClient(version ?? '');
  client.say('main', { type: 'queue.declare', queue: 'q', durable: true });
  const binding = { queue: 'q', exchange: 'amq.topic', routingKey: input.text('binding_key') };
  const said = client.say('main', { type: 'queue.bind', ...binding });
  findings.same('accepted', expected.flag('accepted'), refusalOf(said) === null);
  input.end();
  expected.end();
  row.end();
};

/** The newest line that these words mean: main, or what comes after a version, is the newest of all; else one before a version, or the version that is named. */
function newestOf(server: string): string | undefined {
  const [named = server] = /\d+\.\d+/.exec(server) ?? [];
  if (/^main\b|\bafter\b/.test(server)) return RABBITMQ_VERSIONS.at(-1);
  const upTo = versionsFor(`<=${named}`);
  return /\bbefore\b|\bolder than\b|<(?!=)/.test(server) ? upTo.findLast((version) => version !== named) : upTo.at(-1);
}

// ── Scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────

export const runScript: Runner = (table, findings) => {
  const row = caseOf(table);
  const profile = new Fields(row.get('profile') ?? {}, 'profile');
  const named = profile.get('queue_type') ?? 'classic';
  const types = isList(named) ? named : [named];
  const versions = versionsFor(profile.text('server', ''));
  profile.end();
  const expected = Object.entries(row.table('expected'));
  row.skip('input').end();
  for (const type of types) {
    if (type !== 'classic' && type !== 'quorum' && type !== 'stream')
      throw new UnknownShape(`the queue type ${JSON.stringify(type)}`);
    for (const version of versions) {
      const script = new Script(type, version);
      const here = new Findings();
      const input = row.fields('input');
      for (const step of input.rows('steps')) script.step(step);
      input.end();
      for (const [name, wanted] of expected) compare(name, wanted, script.result(name), here);
      if (script.refusals.length > 0) here.holds('refused', false, [], [...script.refusals]);
      findings.adopt(here, `${type}, ${version}`);
    }
  }
};

/** "4.0+", "<=4.2", "4.0-4.2", a single version, or '' for all. */
function versionsFor(server: string): readonly string[] {
  const rank = (version: string) => {
    const [major = '', minor = ''] = version.split('.');
    return Number(major) * 1000 + Number(minor);
  };
  const [, least, upTo, from, to] = /^(?:(\d+\.\d+)\+|<=(\d+\.\d+)|(\d+\.\d+)(?:-(\d+\.\d+))?)$/.exec(server) ?? [];
  if (server !== '' && (least ?? upTo ?? from) === undefined) throw new UnknownShape(`the server ${server}`);
  const low = rank(least ?? from ?? '0.0');
  const high = rank(upTo ?? to ?? from ?? '999.0');
  return RABBITMQ_VERSIONS.filter((version) => rank(version) >= low && rank(version) <= high);
}

/** A refused method as the vectors write it; null when it was accepted. */
function refusalOf(said: readonly ServerMethod[]): JsonTable | null {
  const channel = answer(said, 'channel.close');
  if (channel !== undefined) return { channel_closed: channel.code, channel: channel.channel };
  const connection = answer(said, 'connection.close');
  return connection === undefined ? null : { connection_closed: connection.code };
}

/** One handing-over as a test sees it. */
interface Seen {
  readonly tag: number;
  readonly channel: string;
  readonly shown: JsonTable;
}

/** The channel of steps that name none. */
const MAIN = 'main';

type QueueType = 'classic' | 'quorum' | 'stream';

class Script {
  /** Refusals that no step asked to see. */
  readonly refusals: JsonTable[] = [];
  readonly #client: RabbitClient;
  readonly #type: QueueType;
  /** x-last-death-* is written since 3.13 (R53). */
  readonly #withLast: boolean;
  readonly #results = new Map<string, Json>();
  readonly #fetched = new Map<string, Seen>();
  readonly #pushed = new Map<string, Seen[]>();
  readonly #lookedAt = new Map<string, number>();
  readonly #channelOf = new Map<string, string>();
  /** Bodies published on each channel in confirm mode: the n-th has delivery tag n. */
  readonly #confirming = new Map<string, string[]>();
  readonly #returned: string[] = [];
  readonly #events: string[] = [];

  constructor(type: QueueType, version: string) {
    this.#client = new RabbitClient(version);
    this.#type = type;
    this.#withLast = versionsFor('3.13+').includes(version);
  }

  result(name: string): Json | undefined {
    return this.#results.get(name);
  }

  step(step: Fields): void {
    const op = step.text('op');
    if (op === 'repeat') {
      for (let time = step.number('times'); time > 0; time--) for (const inner of step.rows('steps')) this.step(inner);
      step.end();
      return;
    }
    const client = this.#client;
    if (step.has('t')) client.advanceTo(step.number('t') * 1000);
    this.#absorb();
    const settled = this.#settled(step);
    const channel = step.text('channel', settled?.channel ?? this.#channelOf.get(step.text('consumer', '')) ?? MAIN);
    let said: ServerMethod[] = [];
    let result: Json = null;
    switch (op) {
      case 'queue.declare': {
        const args = step.table('arguments');
        const typed = this.#type !== 'classic' && args['x-queue-type'] === undefined && !step.flag('passive');
        said = client.say(channel, {
          type: 'queue.declare',
          queue: step.text('queue', ''),
          durable: step.get('durable') !== false,
          exclusive: step.flag('exclusive'),
          autoDelete: step.flag('auto_delete'),
          passive: step.flag('passive'),
          arguments: typed ? { ...args, 'x-queue-type': this.#type } : args,
        });
        const declared = answer(said, 'queue.declare-ok');
        if (declared !== undefined) {
          const { queue, messageCount: ready, consumerCount: consumers } = declared;
          result = { queue, ready, consumers };
        }
        break;
      }
      case 'queue.purge':
        said = client.say(channel, { type: 'queue.purge', queue: step.text('queue') });
        result = countOf(answer(said, 'queue.purge-ok'));
        break;
      case 'queue.delete': {
        const flags = { ifUnused: step.flag('if_unused'), ifEmpty: step.flag('if_empty') };
        said = client.say(channel, { type: 'queue.delete', queue: step.text('queue'), ...flags });
        result = countOf(answer(said, 'queue.delete-ok'));
        break;
      }
      case 'exchange.declare':
        said = client.say(channel, {
          type: 'exchange.declare',
          exchange: step.text('exchange'),
          exchangeType: step.text('type') as ExchangeType,
          durable: step.get('durable') !== false,
          autoDelete: step.flag('auto_delete'),
          internal: step.flag('internal'),
          passive: step.flag('passive'),
          arguments: step.table('arguments'),
        });
        break;
      case 'exchange.delete':
        said = client.say(channel, {
          type: 'exchange.delete',
          exchange: step.text('exchange'),
          ifUnused: step.flag('if_unused'),
        });
        break;
      case 'queue.bind':
      case 'queue.unbind':
        said = client.say(channel, {
          type: op,
          queue: step.text('queue'),
          exchange: step.text('exchange'),
          routingKey: step.text('routing_key', ''),
          arguments: withVoids(step.table('arguments')),
        });
        break;
      case 'exchange.bind':
      case 'exchange.unbind':
        said = client.say(channel, {
          type: op,
          source: step.text('source'),
          destination: step.text('destination'),
          routingKey: step.text('routing_key', ''),
          arguments: withVoids(step.table('arguments')),
        });
        break;
      case 'confirm.select':
        this.#confirming.set(channel, []);
        said = client.say(channel, { type: 'confirm.select' });
        break;
      case 'tx.select':
      case 'tx.commit':
      case 'tx.rollback':
        said = client.say(channel, { type: op });
        break;
      case 'basic.publish': {
        const body = step.text('body');
        this.#confirming.get(channel)?.push(body);
        // The applications' own, which the broker hands on and does not look at.
        step.skip(
          'message_id',
          'correlation_id',
          'reply_to',
          'type',
          'content_type',
          'content_encoding',
          'timestamp',
          'app_id',
        );
        said = client.publish(
          channel,
          body,
          {
            exchange: step.text('exchange', ''),
            routingKey: step.text('routing_key'),
            mandatory: step.flag('mandatory'),
          },
          {
            persistent: step.number('delivery_mode', 2) === 2 && step.get('persistent') !== false,
            ...(step.has('priority') && { priority: step.number('priority') }),
            ...(step.has('expiration') && { expiration: step.text('expiration') }),
            ...(step.has('headers') && { headers: withVoids(step.table('headers')) }),
          },
        );
        if (answer(said, 'basic.ack') !== undefined) result = 'ack';
        else if (answer(said, 'basic.nack') !== undefined) result = 'nack';
        break;
      }
      case 'basic.get': {
        said = client.say(channel, { type: 'basic.get', queue: step.text('queue'), noAck: step.flag('no_ack') });
        const got = answer(said, 'basic.get-ok');
        if (got !== undefined) {
          const seen = this.#seen(got, channel);
          this.#fetched.set(step.text('as', ''), seen);
          result = seen.shown;
        }
        break;
      }
      case 'basic.consume':
        this.#channelOf.set(step.text('consumer'), channel);
        if (step.has('prefetch')) client.say(channel, { type: 'basic.qos', prefetchCount: step.number('prefetch') });
        said = client.say(channel, {
          type: 'basic.consume',
          queue: step.text('queue'),
          consumerTag: step.text('consumer'),
          noAck: step.flag('no_ack'),
          exclusive: step.flag('exclusive'),
          arguments: step.table('arguments'),
        });
        break;
      case 'basic.cancel':
        said = client.say(channel, { type: 'basic.cancel', consumerTag: step.text('consumer') });
        break;
      case 'basic.qos': {
        const qos = { prefetchCount: step.number('prefetch'), global: step.flag('global') };
        said = client.say(channel, { type: 'basic.qos', ...qos });
        break;
      }
      case 'basic.ack': {
        const multiple = step.flag('multiple');
        said = client.say(channel, { type: 'basic.ack', deliveryTag: this.#tagOf(settled), multiple });
        break;
      }
      case 'basic.nack': {
        const how = { multiple: step.flag('multiple'), requeue: step.flag('requeue') };
        said = client.say(channel, { type: 'basic.nack', deliveryTag: this.#tagOf(settled), ...how });
        break;
      }
      case 'basic.reject': {
        const requeue = step.flag('requeue');
        said = client.say(channel, { type: 'basic.reject', deliveryTag: this.#tagOf(settled), requeue });
        break;
      }
      case 'basic.recover':
        said = client.say(channel, { type: 'basic.recover', requeue: step.flag('requeue') });
        break;
      case 'channel.open':
        client.open(channel);
        break;
      case 'channel.close':
        said = client.say(channel, { type: 'channel.close' });
        break;
      case 'connection.drop':
        client.drop(client.connectionOf(channel));
        break;
      case 'set-policy':
        result = client.setPolicy(policyOf(step)) ? 'ok' : 'refused';
        break;
      case 'clear-policy':
        result = client.clearPolicy(step.text('name')) ? 'ok' : 'refused';
        break;
      case 'settle':
        break;
      case 'returned':
        result = [...this.#returned];
        break;
      case 'publisher-events':
        result = [...this.#events];
        break;
      case 'queue-state': {
        const stats = client.node.stats(step.text('queue'));
        result =
          stats === undefined ? null : { ready: stats.ready, unacked: stats.unacked, consumers: stats.consumers };
        break;
      }
      case 'drain':
        result = this.#drain(channel, step.text('queue'));
        break;
      case 'deliveries': {
        const consumer = step.text('consumer');
        const pushed = this.#pushed.get(consumer) ?? [];
        result = pushed.slice(this.#lookedAt.get(consumer) ?? 0).map(({ shown }) => shown['body'] ?? null);
        this.#lookedAt.set(consumer, pushed.length);
        break;
      }
      case 'active-consumer':
        result = client.node.stats(step.text('queue'))?.active ?? null;
        break;
      default:
        throw new UnknownShape(`the step ${op}`);
    }
    this.#absorb();
    const refusal = refusalOf(said);
    if (step.has('as')) this.#results.set(step.text('as'), refusal ?? result);
    else if (refusal !== null) this.refusals.push(refusal);
    step.skip('note').end();
  }

  /** What a settling step settles: the delivery that it names, or all outstanding ones of the channel (tag 0). */
  #settled(step: Fields): { readonly tag: number; readonly channel: string | undefined } | undefined {
    if (step.has('delivery_tag')) return { tag: step.number('delivery_tag'), channel: undefined };
    if (!step.has('delivery')) return undefined;
    const delivery = step.fields('delivery');
    const tag = delivery.get('$tag');
    const body = delivery.get('$body');
    const found =
      typeof tag === 'string'
        ? this.#fetched.get(tag)
        : this.#pushed.get(delivery.text('consumer'))?.findLast(({ shown }) => shown['body'] === body);
    delivery.end();
    // A delivery that never came cannot be settled: the case fails, as the script of a real client would.
    if (found === undefined) this.refusals.push({ missing: delivery.record });
    return found ?? { tag: NO_TAG, channel: undefined };
  }

  #tagOf(settled: { readonly tag: number } | undefined): number {
    if (settled === undefined) throw new UnknownShape('a settlement of nothing');
    return settled.tag;
  }

  #drain(channel: string, queue: string): Json {
    const bodies: string[] = [];
    for (;;) {
      const said = this.#client.say(channel, { type: 'basic.get', queue, noAck: true });
      const got = answer(said, 'basic.get-ok');
      if (got === undefined) return refusalOf(said) ?? bodies;
      bodies.push(this.#client.label(got.message.body));
    }
  }

  /** Notes what came without being asked for. */
  #absorb(): void {
    for (const { said } of this.#client.take()) {
      switch (said.type) {
        case 'basic.deliver': {
          const pushed = this.#pushed.get(said.consumerTag) ?? [];
          pushed.push(this.#seen(said, said.channel));
          this.#pushed.set(said.consumerTag, pushed);
          break;
        }
        case 'basic.return': {
          const body = this.#client.label(said.body);
          this.#returned.push(body);
          this.#events.push(`basic.return ${body}`);
          break;
        }
        case 'basic.ack':
        case 'basic.nack': {
          const published = this.#confirming.get(said.channel) ?? [];
          this.#events.push(`${said.type} ${published[said.deliveryTag - 1] ?? ''}`);
          break;
        }
        default:
          break;
      }
    }
  }

  #seen(handover: Handover, channel: string): Seen {
    const { message, redelivered, deliveryTag, deliveryCount, acquiredCount, offset } = handover;
    const headers = {
      ...headersOf(message, this.#withLast),
      ...(deliveryCount !== undefined && { 'x-delivery-count': deliveryCount }),
      ...(acquiredCount !== undefined && { 'x-acquired-count': acquiredCount }),
      ...(offset !== undefined && { 'x-stream-offset': offset }),
    };
    const { exchange, keys, priority, expiration } = message;
    return {
      tag: deliveryTag,
      channel,
      shown: {
        body: this.#client.label(message.body),
        redelivered,
        headers,
        exchange,
        routing_key: keys[0] ?? '',
        ...(priority !== undefined && { priority }),
        ...(expiration !== undefined && { expiration }),
      },
    };
  }
}

function countOf(counted: { readonly messageCount: number } | undefined): Json {
  return counted?.messageCount ?? null;
}

/** No delivery has this tag. */
const NO_TAG = Number.MAX_SAFE_INTEGER;

function compare(name: string, wanted: Json, seen: Json | undefined, findings: Findings): void {
  if (seen === undefined) throw new UnknownShape(`no step stores ${name}`);
  if (!isTable(wanted)) {
    findings.same(name, wanted, seen);
    return;
  }
  if (wanted['error'] === true) {
    const refused = isTable(seen) && ('channel_closed' in seen || 'connection_closed' in seen);
    findings.holds(name, refused, 'refused', seen);
    return;
  }
  if (!isTable(seen)) {
    findings.holds(name, false, wanted, seen);
    return;
  }
  const headers = isTable(seen['headers']) ? seen['headers'] : {};
  const deaths = isList(headers['x-death']) ? headers['x-death'].filter(isTable) : [];
  for (const [field, value] of Object.entries(wanted)) {
    const where = `${name}.${field}`;
    const names = isList(value) ? value.map(String) : [];
    switch (field) {
      case 'headers':
        for (const [header, content] of Object.entries(isTable(value) ? value : {})) {
          findings.same(`${where}.${header}`, content, headers[header] ?? null);
        }
        break;
      case 'headers_present':
        findings.holds(
          where,
          names.every((header) => header in headers),
          value,
          Object.keys(headers),
        );
        break;
      case 'headers_absent':
        findings.holds(where, !names.some((header) => header in headers), value, Object.keys(headers));
        break;
      case 'properties_absent':
        findings.holds(where, !names.some((property) => property in seen), value, Object.keys(seen));
        break;
      case 'x_death': {
        const entries = isList(value) ? value.filter(isTable) : [];
        const agrees = (entry: JsonTable, index: number) =>
          Object.entries(entry).every(([key, content]) => sameJson(content, deaths[index]?.[key] ?? null));
        findings.holds(where, entries.length === deaths.length && entries.every(agrees), value, deaths);
        break;
      }
      case 'x_death_absent_keys':
        findings.holds(where, !deaths.some((death) => names.some((key) => key in death)), value, deaths);
        break;
      case 'x_death_routing_keys_set': {
        const keys = deaths[0]?.['routing-keys'];
        findings.holds(where, isList(keys) && sameItems(keys, names), value, keys ?? null);
        break;
      }
      case 'body':
      case 'redelivered':
      case 'exchange':
      case 'routing_key':
      case 'priority':
      case 'expiration':
      case 'queue':
      case 'ready':
      case 'unacked':
      case 'consumers':
      case 'channel_closed':
      case 'connection_closed':
      case 'channel':
        findings.same(where, value, seen[field] ?? null);
        break;
      default:
        throw new UnknownShape(where);
    }
  }
}
