/**
 * Publishing to RabbitMQ over one connection and channel. With publisher confirms each publish is kept until the node acks it, and sent again
 * after a nack, a timeout or a lost connection: so it may arrive twice. Without confirms it is forgotten as soon as it is sent.
 * While there is no connection, messages wait in the client's memory. Source: rules R7, R17–R20.
 */
import type { ClientMethod, ServerMethod } from '../brokers/rabbitmq-verbs.ts';
import { F, R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import { booleanOf, numberOf, textOf } from '../options.ts';
import type { Properties } from '../parts/amqp-message.ts';
import type { ActorId, Message, Micros, PlaceId } from '../types.ts';
import { type BackoffSettings, backoffOf, backoffUs } from './backoff.ts';
import { Destinations } from './destinations.ts';
import { OpenRequests } from './open-requests.ts';
import type { ProducerHost, ProducerPort, ProducerPortSpec } from './ports.ts';
import { type LinkHost, RabbitLink, Recovery } from './rabbitmq-link.ts';

/** Where a name in `to:` leads: an exchange with the message's own routing key, or a queue by way of the default exchange. */
export interface PublishTarget {
  readonly exchange: string;
  /** Absent: the message's own. */
  readonly routingKey: string | undefined;
  readonly place: PlaceId;
}

/** A message on its way to one target. */
interface Sending {
  readonly message: Message;
  readonly target: number;
  readonly attempt: number;
  /** Why it is sent again; 0 the first time. */
  readonly reason: number;
  /** An earlier attempt may have been stored. */
  readonly uncertain: boolean;
  returned: boolean;
}

interface RetryTimer extends Wire {
  readonly type: 'rabbitmq/retry';
  readonly sending: Sending;
}

const CHANNEL = 'publish';

export class RabbitProducerPort implements ProducerPort, LinkHost {
  readonly #host: ProducerHost;
  readonly #targets: readonly PublishTarget[];
  readonly #declarations: readonly ClientMethod[];
  readonly #link: RabbitLink;
  readonly #confirms: boolean;
  readonly #mandatory: boolean;
  readonly #properties: Properties;
  /** Name of the attribute that holds the priority; '' when every message has the same or none. */
  readonly #priorityFrom: string;
  readonly #timeoutUs: Micros;
  readonly #retries: number;
  readonly #backoff: BackoffSettings;
  readonly #jitter: Site;
  /** Of the channel, when the node closes it. */
  readonly #recovery: Recovery;
  /** Publishes that the node has not answered, in order of publishing. */
  readonly #unanswered = new OpenRequests<Sending>('rabbitmq/confirm-late');
  /** Token of the publish that the current channel numbers 0, and of the last that is surely answered. */
  #base = 0;
  #answered = 0;
  #published = 0;
  /** What waits for a connection. */
  #waiting: Sending[] = [];
  #channelOpen = false;
  /** The node takes nothing that is published; what waits meanwhile is told of once. */
  #isBlocked = false;
  #toldOfBlock = false;
  readonly #destinations: Destinations;

  /** `declarations`: what the client declares on each connection, because a restart of the node may have removed it. */
  constructor(
    nodes: readonly ActorId[],
    spec: ProducerPortSpec,
    targets: readonly PublishTarget[],
    declarations: readonly ClientMethod[],
    host: ProducerHost,
    setup: Setup,
  ) {
    const { options } = spec;
    this.#host = host;
    this.#targets = targets;
    this.#destinations = new Destinations(targets.length);
    this.#declarations = declarations;
    const recovery = setup.site(`${spec.name}/recovery-jitter`);
    this.#recovery = new Recovery(options, recovery);
    this.#link = new RabbitLink(nodes, numberOf(options, 'node', 1), new Recovery(options, recovery), this);
    this.#confirms = booleanOf(options, 'confirms');
    this.#mandatory = booleanOf(options, 'mandatory');
    this.#timeoutUs = numberOf(options, 'confirm_timeout', 5_000_000);
    this.#retries = numberOf(options, 'retries', -1);
    this.#backoff = backoffOf(options, 'retry_', 100_000, 10_000_000);
    this.#jitter = setup.site(`${spec.name}/retry-jitter`);
    const priority = textOf(options, 'priority');
    const fixed = /^[0-9]+$/.test(priority);
    this.#priorityFrom = fixed ? '' : priority;
    const expirationUs = options['expiration'];
    this.#properties = {
      persistent: textOf(options, 'delivery_mode', '1') === '2',
      ...(fixed ? { priority: Number(priority) } : {}),
      ...(typeof expirationUs === 'number' ? { expiration: String(Math.floor(expirationUs / 1000)) } : {}),
    };
  }

  start(out: Out): void {
    this.#link.start(out);
  }

  publish(message: Message, out: Out): void {
    this.#destinations.begin(message.id);
    for (let target = 0; target < this.#targets.length; target += 1) {
      this.#send({ message, target, attempt: 1, reason: 0, uncertain: false, returned: false }, out);
    }
  }

  receive(_from: ActorId, wire: Wire, out: Out): void {
    this.#link.receive(wire, out);
  }

  timer(wire: Wire, out: Out): void {
    switch (wire.type) {
      case 'rabbitmq/retry':
        return this.#send((wire as RetryTimer).sending, out);
      case 'rabbitmq/reopen':
        if (this.#link.isOpen && !this.#channelOpen) this.opened(out);
        return;
      case 'rabbitmq/confirm-late':
        for (const sending of this.#unanswered.due(out)) this.#again(sending, R['timed out'], true, 0, out);
        return;
      default:
        this.#link.timer(wire, out);
    }
  }

  peerLost(peer: ActorId, out: Out): void {
    this.#link.peerLost(peer, out);
  }

  stop(out: Out): void {
    this.#link.close(out);
  }

  crash(): void {
    this.#link.crash();
    this.#isBlocked = false;
    this.#unanswered.clear();
    this.#waiting = [];
    this.#channelOpen = false;
    this.#destinations.clear();
  }

  opened(out: Out): void {
    this.#link.say({ type: 'channel.open', channel: CHANNEL }, 'control', out);
    if (this.#confirms) this.#link.say({ type: 'confirm.select', channel: CHANNEL }, 'control', out);
    for (const declaration of this.#declarations) this.#link.say(declaration, 'control', out);
    this.#channelOpen = true;
    this.#recovery.works(out);
    this.#base = this.#published;
    this.#answered = this.#published;
    this.#sendWaiting(out);
  }

  #sendWaiting(out: Out): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const sending of waiting) this.#send(sending, out);
  }

  /** A message is held up by a full disk: the first of those that are. */
  #tellOfBlock({ id }: Message, out: Out): void {
    if (this.#toldOfBlock) return;
    this.#toldOfBlock = true;
    out.fact(F.blocked, id, 0, 0, 0, R['disk full']);
  }

  said(method: ServerMethod, out: Out): void {
    switch (method.type) {
      case 'basic.ack':
        return this.#answer(method.deliveryTag, method.multiple, true, out);
      case 'basic.nack':
        return this.#answer(method.deliveryTag, method.multiple, false, out);
      case 'basic.return':
        for (const sending of this.#unanswered.items()) {
          if (sending.message.id !== method.body.id || this.#targets[sending.target]?.exchange !== method.exchange)
            continue;
          sending.returned = true;
          return;
        }
        return;
      case 'connection.blocked': {
        const [first] = this.#unanswered.items();
        this.#isBlocked = true;
        this.#toldOfBlock = false;
        if (first !== undefined) this.#tellOfBlock(first.message, out);
        return;
      }
      case 'connection.unblocked':
        this.#isBlocked = false;
        if (this.#toldOfBlock) out.fact(F.unblocked, 0);
        return this.#sendWaiting(out);
      case 'channel.close':
        this.#channelOpen = false;
        this.#recall(out);
        out.timer(this.#recovery.next(out), { type: 'rabbitmq/reopen' });
        return;
      default:
        return;
    }
  }

  lost(out: Out): void {
    this.#channelOpen = false;
    this.#isBlocked = false;
    this.#recall(out);
  }

  /** What was unanswered waits for the next channel, in its order and before all newer messages. */
  #recall(out: Out): void {
    const unanswered = [...this.#unanswered.items()];
    this.#unanswered.clear();
    const later = this.#waiting;
    this.#waiting = [];
    for (const sending of unanswered) this.#again(sending, R['connection lost'], true, 0, out);
    this.#waiting.push(...later);
  }

  #send(sending: Sending, out: Out): void {
    if (!this.#channelOpen || this.#isBlocked) {
      if (this.#isBlocked) this.#tellOfBlock(sending.message, out);
      this.#waiting.push(sending);
      return;
    }
    const { message, attempt, reason } = sending;
    const target = this.#targets[sending.target];
    if (target === undefined) throw new Error('a sending has a target of its port');
    if (attempt > 1) this.#host.retrying(message, attempt, reason, out);
    if (this.#confirms) this.#published = this.#unanswered.open(sending, this.#timeoutUs, out);
    this.#link.say(
      {
        type: 'basic.publish',
        channel: CHANNEL,
        exchange: target.exchange,
        routingKey: target.routingKey ?? message.routingKey,
        mandatory: this.#mandatory,
        properties: this.#propertiesOf(message),
        body: message,
        sizeBytes: message.sizeBytes,
      },
      'request',
      out,
      message.id,
    );
    if (!this.#confirms) this.#done(sending, false, out);
  }

  #propertiesOf(message: Message): Properties {
    const { attributes } = message;
    // Most messages have no attributes, and one set of properties serves them all.
    let empty = true;
    for (const _ in attributes) {
      empty = false;
      break;
    }
    if (empty) return this.#properties;
    const priority = Number(attributes[this.#priorityFrom] ?? Number.NaN);
    const isPriority = Number.isInteger(priority) && priority >= 0 && priority <= 255;
    return { ...this.#properties, headers: attributes, ...(isPriority ? { priority } : {}) };
  }

  #answer(tag: number, multiple: boolean, ok: boolean, out: Out): void {
    const token = this.#base + tag;
    if (multiple) {
      for (let each = this.#answered + 1; each < token; each += 1) this.#answerOne(each, ok, out);
    }
    this.#answerOne(token, ok, out);
    // A later single answer leaves earlier ones open, so only answers in order move the mark.
    if (multiple || token === this.#answered + 1) this.#answered = Math.max(this.#answered, token);
  }

  #answerOne(token: number, ok: boolean, out: Out): void {
    const sending = this.#unanswered.close(token, out);
    if (sending === undefined) return;
    if (!ok) {
      const waitUs = backoffUs(this.#backoff, sending.attempt, out, this.#jitter, sending.message.decisionKey);
      return this.#again(sending, R.nacked, sending.uncertain, waitUs, out);
    }
    if (sending.returned) return this.#fail(sending, R['no route'], !sending.uncertain, out);
    this.#done(sending, true, out);
  }

  /** Sends again, now or after a backoff, unless the retries are used up. */
  #again(sending: Sending, reason: number, uncertain: boolean, waitUs: Micros, out: Out): void {
    if (this.#retries >= 0 && sending.attempt > this.#retries) return this.#fail(sending, reason, !uncertain, out);
    const next: Sending = { ...sending, attempt: sending.attempt + 1, reason, uncertain, returned: false };
    const retry: RetryTimer = { type: 'rabbitmq/retry', sending: next };
    if (waitUs > 0) out.timer(waitUs, retry);
    else this.#send(next, out);
  }

  #fail(sending: Sending, reason: number, definite: boolean, out: Out): void {
    const { message } = sending;
    if (this.#destinations.fails(message.id)) this.#host.failed(message, reason, definite, out);
  }

  #done(sending: Sending, told: boolean, out: Out): void {
    const { message } = sending;
    if (!this.#destinations.confirms(message.id)) return;
    this.#host.confirmed(message, this.#targets[sending.target]?.place ?? 0, 0, told, out);
  }
}
