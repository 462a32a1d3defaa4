/** Consumer groups and their offsets: one owner a partition, and commits that say no more than what was done. */
import { F } from '../../core/facts.ts';
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';
import { defineCheck, type Found } from './check.ts';
import { inScope, many, witness } from './evidence.ts';
import { startAt } from './log-history.ts';
import { troublesOf } from './troubles.ts';

/** At most one owner per group, partition and generation; whoever is no longer the owner cannot commit. */
export const singleOwner = defineCheck<Found>({
  claim: 'single-owner',
  idle: 'no group changed its members',
  find(evidence, scope) {
    const { trace } = evidence;
    const owners = new Map<string, { peer: ActorId; group: PlaceId; generation: number; fact: FactId }>();
    for (let id = evidence.first('assigned'); id > 0 && id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind === F.left) {
        // A group that has lost its last member may be deleted, and its generations begin anew.
        for (const owner of owners.values())
          if (owner.peer === trace.peer(id) && owner.group === trace.place(id)) owner.generation = -1;
        continue;
      }
      if (kind !== F.assigned && kind !== F.revoked && kind !== F.committed) continue;
      if (!inScope(evidence, trace.place(id), scope) && !inScope(evidence, trace.detail(id), scope)) continue;
      if (evidence.sharesPartitions(trace.detail(id))) continue;
      const name = `${trace.place(id)} ${trace.detail(id)}`;
      const owner = owners.get(name);
      const peer = trace.peer(id);
      if (kind === F.assigned) {
        if (owner !== undefined && owner.peer !== peer && owner.generation === trace.value(id)) {
          return { seen: 'broken', exercised: true, witness: [owner.fact, id] };
        }
        owners.set(name, { peer, group: trace.detail(id), generation: trace.value(id), fact: id });
      } else if (kind === F.revoked) {
        // The owner stays who it was for its commits until another is named: it may commit while it hands over.
        if (owner !== undefined && owner.peer === peer) owner.generation = -1;
      } else if (owner !== undefined && owner.peer !== peer && peer !== 0) {
        return { seen: 'broken', exercised: true, witness: [owner.fact, id] };
      }
    }
    const troubles = troublesOf(evidence, scope);
    return { seen: 'sound', exercised: troubles.count('rebalanced') > 1 && troubles.any('assigned'), witness: [] };
  },
  explain(evidence, { witness: [first, second] }) {
    if (first === undefined || second === undefined)
      return 'Each partition had one owner in its group at a time, and nobody else committed.';
    const { trace } = evidence;
    const place = evidence.placeOf(second);
    if (trace.kind(second) === F.committed) {
      return `${evidence.peerOf(second)} committed offset ${trace.value(second)} of ${place} at ${evidence.at(second)}, although ${place} had belonged to ${evidence.peerOf(first)} since ${evidence.at(first)}.`;
    }
    return `In generation ${trace.value(second)}, ${place} was assigned to ${evidence.peerOf(first)} at ${evidence.at(first)} and to ${evidence.peerOf(second)} at ${evidence.at(second)}.`;
  },
});

interface CommitAhead extends Found {
  readonly message: MessageId;
  readonly offset: number;
  readonly times: number;
}

/** A committed offset says that everything below it is done; its breach is commit-ahead, the window in which a crash loses messages. */
export const commitSafety = defineCheck<CommitAhead>({
  claim: 'commit-safety',
  idle: 'no commit was made while a message was in work, and no consumer crashed, failed or lost a partition',
  find(evidence, scope) {
    const { trace, logs } = evidence;
    const verified = new Map<string, number>();
    let first: CommitAhead | null = null;
    let times = 0;
    for (let id = evidence.first('committed'); id > 0 && id <= trace.count; id++) {
      if (trace.kind(id) !== F.committed) continue;
      const place = trace.place(id);
      const group = trace.detail(id) || evidence.groupOf(trace.peer(id));
      const log = logs.byPlace.get(place);
      const ledger = evidence.ledgers.get(group);
      // A share group's start passes what was archived, too: that is its limit of deliveries, not a commit.
      if (log === undefined || ledger === undefined || evidence.sharesPartitions(group)) continue;
      if (!inScope(evidence, place, scope) && !inScope(evidence, group, scope)) continue;
      const name = `${place} ${group}`;
      const to = trace.value(id);
      const start = startAt(log, id);
      let offset = verified.get(name) ?? log.readers.get(group)?.firstOffset ?? 0;
      for (; offset < to; offset++) {
        const message = log.messages[offset] ?? 0;
        if (message === 0 || offset < start || logs.aborted[message] !== 0) continue;
        // What stood there by then was cut off since, and another filled its place.
        if ((log.facts[offset] as number) > id) continue;
        // What compaction had removed by then, nobody could do any more.
        const removed = log.compacted.get(offset);
        if (removed !== undefined && removed < id) continue;
        const effect = ledger.effect[message] as number;
        if (effect > 0 && effect < id) continue;
        const dead = ledger.dead[message] ?? 0;
        if (dead > 0 && dead < id) continue;
        times++;
        first ??= {
          seen: 'broken',
          exercised: true,
          witness: witness(log.facts[offset] ?? 0, id),
          message,
          offset,
          times: 0,
        };
        break;
      }
      verified.set(name, Math.max(to, verified.get(name) ?? 0));
    }
    if (first !== null) return { ...first, times };
    const troubles = troublesOf(evidence, scope);
    const exercised =
      troubles.any('committed') &&
      (troubles.crashHolding > 0 || troubles.any('failed', 'revoked', 'skipped', 'stopped') || troubles.lost('ack'));
    return { seen: 'sound', exercised, witness: [], message: 0, offset: 0, times: 0 };
  },
  explain(evidence, found) {
    const commit = found.witness[found.witness.length - 1];
    if (found.message === 0 || commit === undefined)
      return 'Every committed offset had only finished messages below it.';
    const { trace } = evidence;
    const more = found.times > 1 ? ` ${many(found.times, 'commit')} ran ahead.` : '';
    return `${evidence.peerOf(commit) || evidence.actorOf(commit)} committed offset ${trace.value(commit)} of ${evidence.placeOf(commit)} at ${evidence.at(commit)}, when message ${found.message} at offset ${found.offset} had not had its effect: a crash there loses it.${more}`;
  },
});

/** A committed offset falls only by an explicit seek. */
export const commitMonotonic = defineCheck<Found>({
  claim: 'commit-monotonic',
  idle: 'no group moved a partition to another member, and no consumer crashed',
  find(evidence, scope) {
    const { trace } = evidence;
    const last = new Map<string, FactId>();
    for (let id = evidence.first('committed'); id > 0 && id <= trace.count; id++) {
      const kind = trace.kind(id);
      if (kind !== F.committed && kind !== F.sought && kind !== F['offset-expired']) continue;
      const name = `${trace.place(id)} ${trace.detail(id)}`;
      if (kind !== F.committed) {
        last.delete(name);
        continue;
      }
      if (!inScope(evidence, trace.place(id), scope) && !inScope(evidence, trace.detail(id), scope)) continue;
      const before = last.get(name) ?? 0;
      if (before > 0 && trace.value(id) < trace.value(before))
        return { seen: 'broken', exercised: true, witness: [before, id] };
      last.set(name, id);
    }
    const troubles = troublesOf(evidence, scope);
    const exercised =
      troubles.any('committed') &&
      (troubles.count('rebalanced') > 1 || troubles.any('sought', 'revoked') || troubles.crashHolding > 0);
    return { seen: 'sound', exercised, witness: [] };
  },
  explain(evidence, { witness: [before, after] }) {
    if (before === undefined || after === undefined) return 'No committed offset fell without a seek.';
    const { trace } = evidence;
    return `The offset of ${evidence.placeOf(after)} was ${trace.value(before)} since ${evidence.at(before)}, and ${evidence.peerOf(after) || evidence.actorOf(after)} committed ${trace.value(after)} at ${evidence.at(after)}, although nobody had asked to go back.`;
  },
});
