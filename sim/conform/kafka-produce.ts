/**
 * Runs the Kafka vectors about one produce request: what the leader answers below the minimum in-sync set, what becomes of a record when replicas shrink
 * or a replica that lacks it becomes leader, and what a producer that awaits no answer knows. The replicas are the parts that a node is made of;
 * what happens next is told in words, of which those are read that name one of these happenings.
 */
import { KafkaCluster } from '../../core/brokers/kafka-cluster.ts';
import { topicConfig } from '../../core/brokers/kafka-options.ts';
import type { Answer, MetadataAnswer, ProduceAnswer, ProduceRequest } from '../../core/brokers/kafka-wires.ts';
import { KafkaProducerPort } from '../../core/clients/kafka-producer-port.ts';
import type { Machine } from '../../core/machine.ts';
import { electLeader } from '../../core/parts/leader-election.ts';
import { PartitionReplica } from '../../core/parts/partition-replica.ts';
import { ReplicaSet } from '../../core/parts/replica-set.ts';
import { Fields, type Findings, isList, type Json, UnknownShape } from './case.ts';
import { MachineDriver } from './machine-driver.ts';

type Acks = -1 | 0 | 1;

export function produced(input: Fields, expected: Fields, findings: Findings): void {
  const asked = input.get('produce') ?? [];
  const requests = (isList(asked) ? asked : [asked]).map((one) => acksOf(new Fields(one, 'produce')));
  if (!input.has('isr')) return client(requests[0] ?? -1, expected, findings);
  const partition = new ReplicatedPartition(input);
  const results = requests.map((acks) => partition.produce(acks));
  const then = input.has('then') ? input.text('then') : '';
  if (then === '') partition.replicate();
  else partition.happen(then, requests.includes(-1));
  const shown = results.map((result) => ({ ...result, error: partition.answerTo(result) }));
  const last = shown[0];
  if (last === undefined) throw new UnknownShape('no produce request');
  for (const name of ['error', 'produceError'] as const)
    if (expected.has(name)) findings.same(name, expected.get(name) ?? null, last.error);
  if (expected.has('appended')) findings.same('appended', expected.flag('appended'), last.offset >= 0);
  if (expected.has('highWatermarkAdvances'))
    findings.same('highWatermarkAdvances', expected.flag('highWatermarkAdvances'), partition.log.highWatermark > 0);
  if (expected.has('recordLost')) findings.same('recordLost', expected.flag('recordLost'), partition.lost(last.offset));
  if (!expected.has('results')) return;
  expected.rows('results').forEach((row, index) => {
    const result = shown[index];
    if (row.has('error')) findings.same(`result ${index}`, row.text('error'), result?.error ?? null);
    if (row.has('response'))
      findings.same(`result ${index}`, row.text('response'), result?.acks === 0 ? 'none' : 'an answer');
    if (row.has('appended')) findings.same(`appended ${index}`, row.flag('appended'), (result?.offset ?? -1) >= 0);
    row.skip('note').end();
  });
}

function acksOf(fields: Fields): Acks {
  const acks = String(fields.get('acks') ?? 'all');
  fields.end();
  if (acks === 'all' || acks === '-1') return -1;
  if (acks === '1') return 1;
  if (acks === '0') return 0;
  throw new UnknownShape(`acks ${acks}`);
}

interface Produced {
  readonly acks: Acks;
  /** -1: nothing was written. */
  readonly offset: number;
  readonly refused: string;
}

type Replica = PartitionReplica<string>;

/** A partition with a log on each of its brokers; the first in sync leads. */
class ReplicatedPartition {
  readonly #replicas: readonly number[];
  readonly #logs = new Map<number, Replica>();
  readonly #alive: Set<number>;
  readonly #set: ReplicaSet;
  #leader: number;
  #timedOut = false;
  #nowUs = 0;

  constructor(input: Fields) {
    const isr = input.numbers('isr');
    const minInsyncReplicas = input.number('min.insync.replicas', 1);
    const factor = input.number('replicationFactor', Math.max(minInsyncReplicas, ...isr));
    this.#replicas = input.has('replicas')
      ? input.numbers('replicas')
      : Array.from({ length: factor }, (_, i) => i + 1);
    for (const replica of this.#replicas) this.#logs.set(replica, new PartitionReplica<string>(LIMITLESS));
    this.#leader = isr[0] ?? 0;
    this.#alive = new Set(isr);
    this.#set = new ReplicaSet({
      self: this.#leader,
      replicas: this.#replicas,
      isr,
      minInsyncReplicas,
      lagTimeMaxUs: LAG_US,
      epochStartOffset: 0,
      now: 0,
    });
  }

  get log() {
    return this.#of(this.#leader).log;
  }

  produce(acks: Acks): Produced {
    const refused = this.#set.appendError(acks);
    if (refused !== 'NONE') return { acks, offset: -1, refused };
    const record = { key: 'k', value: 'v', timestampUs: 0, sizeBytes: 100 };
    const plain = { producerId: -1, epoch: -1, firstSequence: -1, transactional: false };
    const result = this.#of(this.#leader).appendAsLeader({ ...plain, records: [record] }, 0, 0);
    this.#advance();
    return { acks, offset: result.type === 'refused' ? -1 : result.firstOffset, refused: 'NONE' };
  }

  /** Every live follower copies what it lacks, and says so with its next fetch. */
  replicate(): void {
    for (const replica of this.#alive) if (replica !== this.#leader) this.#follow(replica);
  }

  /** What the producer is told in the end. */
  answerTo({ acks, offset, refused }: Produced): string {
    if (refused !== 'NONE' || acks !== -1) return refused;
    if (this.#highest > offset) return this.#answered;
    return this.#timedOut ? 'REQUEST_TIMED_OUT' : 'none yet';
  }

  /** Whether a record is gone although a leader serves the partition. */
  lost(offset: number): boolean {
    return this.#leader !== 0 && offset >= 0 && this.log.endOffset <= offset;
  }

  /**
   * What happens then, clause by clause. A broker that goes takes nothing with it that its followers copied: while somebody waits for all of them they
   * copy before it goes, unless a clause says that they had not; a write that was answered at once was not waited for (K15, K24).
   */
  happen(text: string, waited: boolean): void {
    const clauses = withoutBrackets(text);
    let unclean = /unclean\.leader\.election\.enable\s*=\s*true|\bunclean election\b/.test(clauses);
    // When it happened is part of what happened, also behind a comma.
    const whole = clauses.replace(/,\s*(?=(?:before|without|while) )/g, ' ');
    for (const clause of whole.split(/,\s*(?:but |and |then )?| and then |; /)) {
      const said = clause.trim();
      const [, many, , followers] =
        /^(followers?|replicas?|brokers?) ((\d+(?:(?:, | and )\d+)*)) (?:replicates?|fetche?s|copy|copies)\b/.exec(
          said,
        ) ?? [];
      const [, isr] = /^the ISR (?:is|shrinks to|becomes|had shrunk to) \[([\d, ]*)\]/.exec(said) ?? [];
      const [, out] =
        /^(?:follower|replica|broker) (\d+) (?:drops? out of|leaves|falls? out of|is removed from|is no longer in) (?:the )?ISR\b/.exec(
          said,
        ) ?? [];
      const gone =
        /^(?:the )?(?:(leader)(?: \d+)?|(?:broker|node|leader|replica) (\d+)) (?:is lost|dies|crashes|fails|goes down|stops|is killed)\b(.*)$/.exec(
          said,
        );
      const [, back, settings] = /^broker (\d+) returns\b(.*)$/.exec(said) ?? [];
      if (many !== undefined && followers !== undefined)
        for (const [number] of followers.matchAll(/\d+/g)) this.#follow(Number(number));
      else if (
        /^(?:all|both|every)(?: the)? (?:followers?|replicas?) (?:replicates?|fetch(?:es)?|cop(?:y|ies))\b/.test(said)
      )
        this.replicate();
      else if (isr !== undefined) this.#confirm([...isr.matchAll(/\d+/g)].map(Number));
      else if (out !== undefined) this.#confirm(this.#set.isr.filter((one) => one !== Number(out)));
      else if (NOT_COPIED.test(said)) this.#timedOut ||= /\btime-?out\b|\btime\b/.test(said);
      else if (gone !== null) {
        const unseen =
          /\b(?:before|without|while no) (?:any|the|a|its|it)?\s*(?:follower|replica|broker|fetch|replicat|copy|copied)/.test(
            gone[3] ?? '',
          );
        if (waited && !unseen && this.#set.isr.length > 1) this.replicate();
        this.#alive.delete(gone[2] === undefined ? this.#leader : Number(gone[2]));
        this.#elect(unclean);
      } else if (back !== undefined) {
        if (/enable\s*=\s*false/.test(settings ?? '')) unclean = false;
        this.#alive.add(Number(back));
        this.#elect(unclean);
      } else if (/^(?:(?:an )?unclean election|(?:with )?unclean\.leader\.election\.enable\s*=\s*\w+)$/.test(said))
        this.#elect(unclean);
      else if (
        /^(?:a |the )?(?:clean )?election\b|^(?:a |another |the )?(?:new )?(?:leader|replica|follower|broker|ISR member)\b.*\b(?:is elected|takes over|becomes (?:the )?leader)\b|^leadership (?:moves|passes) to (?:broker|follower|replica) \d+\b|^(?:broker|follower|replica) \d+ (?:becomes (?:the )?leader|is elected)\b/.test(
          said,
        )
      )
        this.#elect(unclean);
      else if (/^(?:the )?request(?:\.timeout\.ms| timeout)? (?:passes|expires|times out)$/.test(said))
        this.#timedOut = true;
      else throw new UnknownShape(`what happens then: "${said}"`);
    }
    this.#settle();
  }

  /** How far a high watermark ever came, and what waiting requests were told at the last look. */
  #highest = 0;
  #answered = 'NONE';

  #follow(replica: number): void {
    const log = this.#of(replica);
    const { records } = this.#of(this.#leader).read(log.log.endOffset, this.log.endOffset, 1e9, 'read_uncommitted');
    log.appendAsFollower(records, 0);
    this.#set.fetched(replica, log.log.endOffset, this.log.endOffset, this.#nowUs);
    this.#advance();
  }

  /** Who is out of it has not caught up for `replica.lag.time.max.ms`, and holds nothing back any more. */
  #confirm(isr: readonly number[]): void {
    this.#nowUs += LAG_US + 1;
    this.#set.confirm(isr);
    this.#advance();
  }

  #advance(): void {
    const limit = this.#set.highWatermarkLimit(this.log.endOffset, this.#nowUs);
    if (limit !== undefined) this.log.advanceHighWatermark(limit);
    this.#settle();
  }

  #settle(): void {
    if (this.#leader === 0) return;
    this.#highest = Math.max(this.#highest, this.log.highWatermark);
    this.#answered = this.#set.replicatedError;
  }

  #elect(unclean: boolean): void {
    const partition = {
      replicas: this.#replicas,
      isr: this.#set.isr,
      leader: this.#leader,
      elr: [],
      lastKnownElr: [],
    };
    const { leader } = electLeader(partition, (one) => this.#alive.has(one), unclean ? 'unclean' : 'online');
    if (leader !== 0) this.#leader = leader;
  }

  #of(replica: number): Replica {
    const found = this.#logs.get(replica);
    if (found === undefined) throw new UnknownShape(`broker ${replica}, which has no replica`);
    return found;
  }
}

/** Somebody is said not to copy the record, perhaps for as long as the producer waits. */
const NOT_COPIED =
  /^(?:no (?:follower|replica|broker)s?\b|(?:the )?(?:followers?|replicas?|brokers?)\b.*\b(?:never|does not|do not|doesn['’]t|don['’]t|did not)\b)/;

/** `replica.lag.time.max.ms` (K19). */
const LAG_US = 30_000_000;

const LIMITLESS = {
  segmentBytes: Number.MAX_SAFE_INTEGER,
  segmentUs: Number.MAX_SAFE_INTEGER,
  retentionUs: -1,
  retentionBytes: -1,
  deletes: true,
};

function withoutBrackets(text: string): string {
  return text.replace(/\s*\([^)]*\)/g, '');
}

// ── What the producer knows ─────────────────────────────────────────────────────────────────────────────────────────

/** What offset a producer reports when its leader has the record, and whether it sends again when nobody answers. */
function client(acks: Acks, expected: Fields, findings: Findings): void {
  if (expected.has('offsetReturned'))
    findings.same('offsetReturned', expected.get('offsetReturned') ?? null, sends(acks, true).offset);
  if (expected.has('retriesEffective'))
    findings.same('retriesEffective', expected.flag('retriesEffective'), sends(acks, false).requests > 1);
}

/** A producer with one record, and a leader that stores it at offset 0 and says so where it is asked to, or is not heard of. */
function sends(acks: Acks, answers: boolean): { readonly offset: Json; readonly requests: number } {
  const driver = new MachineDriver();
  const cluster = new KafkaCluster({ nodes: 1 }, driver.setup);
  cluster.nodes.push(NODE);
  cluster.addTopic('t', 1, 1, topicConfig({}, {}));
  const told: { offset: Json } = { offset: null };
  const host = {
    confirmed: (_message: unknown, _place: unknown, offset: number) => {
      told.offset = offset;
    },
    failed: () => undefined,
    retrying: () => undefined,
  };
  const options = { acks: acks === -1 ? 'all' : acks, 'enable.idempotence': false };
  const spec = { name: 'p1', declared: 'p', instance: 1, options, to: ['t'] };
  const port = new KafkaProducerPort(spec, host, cluster, driver.setup);
  const machine: Machine = {
    start: (out) => port.start(out),
    receive: (from, wire, out) => port.receive(from, wire, out),
    timer: (wire, out) => port.timer(wire, out),
    crash: () => port.crash(),
    restart: (out) => port.start(out),
  };
  driver.start(machine);
  let requests = 0;
  const answer = (): void => {
    for (const { wire } of driver.take()) {
      const { type, id, batches } = wire as ProduceRequest;
      if (type === 'kafka/Produce') {
        requests++;
        if (!answers || acks === 0) continue;
        const results = batches.map(({ partition }) => ({ partition, error: 'NONE' as const, baseOffset: 0 }));
        const stored: ProduceAnswer = { type: 'kafka/Produce.answer', id, error: 'NONE', results };
        driver.receive(NODE, stored);
      } else if (String(type) === 'kafka/Metadata') {
        const metadata: MetadataAnswer = {
          type: 'kafka/Metadata.answer',
          id,
          error: 'NONE',
          leaders: [NODE],
          leaderEpochs: [0],
        };
        driver.receive(NODE, metadata);
      } else driver.receive(NODE, { type: 'kafka/answer', id, error: 'NONE' } as Answer);
    }
  };
  answer();
  port.publish(driver.message(100), driver.out);
  // Long enough for the request's timeout and many retries within delivery.timeout.ms.
  for (let second = 1; second <= 130; second++) {
    answer();
    driver.advanceTo(second * 1_000_000);
  }
  return { offset: told.offset, requests };
}

const NODE = 9;
