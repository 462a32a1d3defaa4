/** Order as brokers promise it: along a log or queue, and within a message group. (Order of effects per key is in key-order.ts.) */
import { F } from '../../core/facts.ts';
import { booleanOf } from '../../core/options.ts';
import type { FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { type Evidence, type GroupId, inScope, witness } from './evidence.ts';
import { isQueue } from './queue-fates.ts';
import { troublesOf } from './troubles.ts';

/** First attempts follow the order of the log (or of the queue, where the broker keeps one); only a repeat may step back. */
export const partitionOrder = defineCheck<Found>({
  claim: 'partition-order',
  idle: 'nothing was handed out a second time, and no partition changed its reader or its leader',
  find(evidence, scope) {
    const { trace, logs } = evidence;
    const fronts = new Map<string, { offset: number; fact: FactId }>();
    const seen = new Map<PlaceId, Uint8Array>();
    const shared = new Map<GroupId, boolean>();
    let pairs = false;
    for (let id = evidence.first('delivered'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.delivered) continue;
      const place = trace.place(id);
      const ordered = trace.places[place]?.kind === 'partition' || keepsOrder(evidence, place);
      if (!ordered || trace.detail(id) > 1 || !inScope(evidence, place, scope)) continue;
      const group = evidence.groupAt(place, trace.peer(id));
      if (!shared.has(group)) shared.set(group, evidence.sharesPartitions(group));
      // A share group hands out records, not partitions: it promises no order. Source: K107.
      if (shared.get(group) === true) continue;
      const message = trace.messageOf(id);
      let offset: number;
      // Of a message that was stored twice, nobody can tell which copy is handed out.
      if (isQueue(trace, place)) {
        let before = seen.get(place);
        if (before === undefined) {
          before = new Uint8Array(trace.messageCount + 1);
          seen.set(place, before);
        }
        const fate = evidence.queues.byPlace.get(place);
        if (before[message] === 1 || (fate?.copies[message] ?? 0) > 1) continue;
        before[message] = 1;
        offset = fate?.stored[message] ?? 0;
      } else {
        if (logs.byPlace.get(place)?.duplicated.has(message) === true) continue;
        offset = logs.offsetOf(place, message);
      }
      // What is handed out after compaction removed it is a later copy, and where that stands is not told.
      const removed = logs.compacted[message] ?? 0;
      if (offset < 0 || (removed > 0 && removed < id)) continue;
      const name = `${place} ${group}`;
      const front = fronts.get(name);
      if (front === undefined) fronts.set(name, { offset, fact: id });
      else if (offset < front.offset) return { seen: 'broken', exercised: true, witness: [front.fact, id] };
      else {
        pairs = true;
        front.offset = offset;
        front.fact = id;
      }
    }
    const troubles = troublesOf(evidence, scope);
    const exercised =
      pairs &&
      (troubles.any('requeued', 'revoked', 'sought', 'leader-lost') ||
        troubles.crashHolding > 0 ||
        troubles.brokerCrash > 0);
    return { seen: 'sound', exercised, witness: [] };
  },
  explain(evidence, { witness: [before, after] }) {
    if (before === undefined || after === undefined)
      return 'Everything was handed out in its order first; only repeats stepped back.';
    const { trace } = evidence;
    return `${evidence.placeOf(after)} handed out message ${trace.messageOf(after)} for the first time at ${evidence.at(after)}, after message ${trace.messageOf(before)}, which stands behind it (${evidence.at(before)}).`;
  },
});

/** A group of Redis reads its stream in order (X7). RabbitMQ keeps a queue's order for first deliveries unless messages have priorities; SQS Standard keeps none, SQS FIFO per message group. */
export function keepsOrder(evidence: Evidence, place: PlaceId): boolean {
  const { parent = '' } = evidence.trace.places[place] ?? {};
  const stream = evidence.scenario.topics[parent];
  if (stream !== undefined) return evidence.scenario.brokers[stream.broker]?.kind === 'redis-streams';
  const queue = evidence.scenario.queues[evidence.trace.placeName(place)];
  if (queue === undefined || evidence.scenario.brokers[queue.broker]?.kind !== 'rabbitmq') return false;
  return queue.options['x-max-priority'] === undefined;
}

/** In a message group, nothing is handed out while an earlier message of the group is unsettled, but together with it in one receive. */
export const fifoGroupOrder = defineCheck<Found>({
  claim: 'fifo-group-order',
  idle: 'no message group of a FIFO queue had two unsettled messages at once',
  find(evidence, scope) {
    const { trace } = evidence;
    const fifo = new Set(trace.places.filter((place) => isFifo(evidence, place.id)).map((place) => place.id));
    if (fifo.size === 0) return { seen: 'sound', exercised: false, witness: [] };
    const groups = new Map<string, MessageId[]>();
    const held = new Map<string, FactId>();
    let exercised = false;
    for (let id = 1; id <= trace.count; id++) {
      const kind = trace.kind(id);
      const leaves = kind === F['dead-lettered'] || kind === F.redriven;
      const place = leaves ? evidence.queues.sourceOf(id) : trace.place(id);
      if (!fifo.has(place) || !inScope(evidence, place, scope)) continue;
      const message = trace.messageOf(id);
      if (message === 0) continue;
      const key = trace.message(message).key;
      if (key === null) continue;
      const name = `${place} ${key}`;
      const unsettled = groups.get(name) ?? [];
      switch (kind) {
        case F.appended:
          unsettled.push(message);
          groups.set(name, unsettled);
          if (unsettled.length > 1) exercised = true;
          break;
        case F.delivered: {
          for (const earlier of unsettled) {
            if (earlier === message) break;
            const holder = held.get(`${place} ${earlier}`) ?? 0;
            const together =
              holder > 0 && trace.time(holder) === trace.time(id) && trace.peer(holder) === trace.peer(id);
            if (!together)
              return {
                seen: 'broken',
                exercised: true,
                witness: witness(holder || storedIn(evidence, place, earlier), id),
              };
          }
          held.set(`${place} ${message}`, id);
          break;
        }
        case F.requeued:
        case F['lock-expired']:
          held.delete(`${place} ${message}`);
          break;
        case F.acked:
        case F['dead-lettered']:
        case F.redriven:
        case F.expired:
        case F.evicted:
        case F.lost: {
          held.delete(`${place} ${message}`);
          // One copy: what was sent again after the dedup window stands there twice.
          const at = unsettled.indexOf(message);
          if (at >= 0) unsettled.splice(at, 1);
          break;
        }
      }
    }
    return { seen: 'sound', exercised, witness: [] };
  },
  explain(evidence, { witness: [before, after] }) {
    if (before === undefined || after === undefined)
      return 'In each message group, nothing was handed out past an unsettled message.';
    const { trace } = evidence;
    const group = trace.message(trace.messageOf(after)).key;
    return `In message group ${group}, message ${trace.messageOf(after)} was handed to ${evidence.peerOf(after)} at ${evidence.at(after)} although message ${trace.messageOf(before)}, which came before it, was not settled.`;
  },
});

function isFifo(evidence: Evidence, place: PlaceId): boolean {
  if (!isQueue(evidence.trace, place)) return false;
  const name = evidence.trace.placeName(place);
  const queue = evidence.scenario.queues[name];
  return queue !== undefined && (name.endsWith('.fifo') || booleanOf(queue.options, 'FifoQueue'));
}

function storedIn(evidence: Evidence, place: PlaceId, message: MessageId): FactId {
  return evidence.queues.byPlace.get(place)?.stored[message] ?? 0;
}
