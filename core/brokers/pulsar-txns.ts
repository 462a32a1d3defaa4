/**
 * The transaction coordinator: it numbers transactions, decides each once (by its client's word, or by its timeout), and tells every broker until each has
 * answered. Decisions are written down before anybody is told. There is no fencing by an id of the producer: what a dead client left open
 * ends by its timeout. Source: P64–P68.
 */
import { F } from '../facts.ts';
import type { Out, Wire } from '../machine.ts';
import type { ActorId, Micros } from '../types.ts';
import type { PulsarCluster } from './pulsar-cluster.ts';
import type { PulsarError, TxnOutcome } from './pulsar-wires.ts';

/** OPEN, then COMMITTING or ABORTING until every broker has answered, then COMMITTED or ABORTED, which is forgotten here. */
type TxnState = 'OPEN' | 'COMMITTING' | 'ABORTING';

interface Txn {
  readonly id: string;
  readonly client: ActorId;
  /** The client's number of the request that began it. */
  readonly request: number;
  readonly deadlineUs: Micros;
  state: TxnState;
  /** Brokers that have not said that they are done. */
  readonly waitsFor: Set<ActorId>;
  /** Requests to be answered when all are done. */
  readonly asked: { readonly answer: (error: PulsarError | '', out: Out) => void }[];
  fact: number;
}

export type TxnTimer =
  | { readonly type: 'pulsar/txn-timeout'; readonly txn: string }
  | { readonly type: 'pulsar/txn-again'; readonly txn: string };

/** A broker that does not answer is told again after this long. */
const AGAIN_US: Micros = 1_000_000;

export class TxnCoordinator {
  readonly #cluster: PulsarCluster;
  readonly #open = new Map<string, Txn>();
  #counter = 0;

  constructor(cluster: PulsarCluster) {
    this.#cluster = cluster;
  }

  /** Begins a transaction; its id is the coordinator's number and a counter (P64). */
  begin(client: ActorId, request: number, timeoutUs: Micros, out: Out): string {
    // Asked again because the answer was lost.
    for (const txn of this.#open.values()) if (txn.client === client && txn.request === request) return txn.id;
    const id = `(0,${this.#counter++})`;
    const deadlineUs = out.now + timeoutUs;
    this.#open.set(id, { id, client, request, deadlineUs, state: 'OPEN', waitsFor: new Set(), asked: [], fact: 0 });
    this.#timer({ type: 'pulsar/txn-timeout', txn: id }, timeoutUs, out);
    return id;
  }

  stateOf(id: string): TxnState | 'COMMITTED' | 'ABORTED' | 'UNKNOWN' {
    const state = this.#open.get(id)?.state;
    if (state !== undefined) return state;
    const ended = this.#cluster.ended.get(id);
    return ended === undefined ? 'UNKNOWN' : ended ? 'COMMITTED' : 'ABORTED';
  }

  /** Ends a transaction. `answer` is called once every broker has carried it out, or at once with what stands against it. */
  end(id: string, commit: boolean, answer: (error: PulsarError | '', out: Out) => void, out: Out): void {
    const txn = this.#open.get(id);
    const ended = this.#cluster.ended.get(id);
    if (txn === undefined || txn.state !== 'OPEN') {
      if (ended === undefined) return answer('TransactionNotFound', out);
      if (ended !== commit) return answer('InvalidTxnStatus', out);
      if (txn === undefined) return answer('', out);
      txn.asked.push({ answer });
      return;
    }
    txn.asked.push({ answer });
    this.#decide(txn, commit, out);
  }

  done(id: string, node: ActorId, out: Out): void {
    const txn = this.#open.get(id);
    if (txn === undefined || txn.state === 'OPEN') return;
    txn.waitsFor.delete(node);
    if (txn.waitsFor.size > 0) return;
    this.#open.delete(id);
    for (const { answer } of txn.asked) answer('', out);
  }

  timer(timer: TxnTimer, out: Out): void {
    const txn = this.#open.get(timer.txn);
    if (txn === undefined) return;
    if (timer.type === 'pulsar/txn-again') return this.#tell(txn, out);
    if (txn.state === 'OPEN' && out.now >= txn.deadlineUs) this.#decide(txn, false, out);
  }

  /** The broker of the coordinator is up again: the log says which transactions there are. */
  recover(out: Out): void {
    for (const txn of this.#open.values()) {
      txn.asked.length = 0;
      if (txn.state !== 'OPEN') this.#tell(txn, out);
      else this.#timer({ type: 'pulsar/txn-timeout', txn: txn.id }, Math.max(0, txn.deadlineUs - out.now), out);
    }
  }

  #decide(txn: Txn, commit: boolean, out: Out): void {
    txn.state = commit ? 'COMMITTING' : 'ABORTING';
    this.#cluster.ended.set(txn.id, commit);
    txn.fact = out.fact(commit ? F['txn-committed'] : F['txn-aborted'], 0, 0, txn.client);
    for (const node of this.#cluster.nodes) txn.waitsFor.add(node);
    this.#tell(txn, out);
  }

  #tell(txn: Txn, out: Out): void {
    const committed = txn.state === 'COMMITTING';
    const outcome: TxnOutcome = {
      type: 'pulsar/txn-outcome',
      txn: txn.id,
      committed,
      because: txn.fact,
    };
    for (const node of txn.waitsFor) out.send(node, 'control', outcome);
    this.#timer({ type: 'pulsar/txn-again', txn: txn.id }, AGAIN_US, out);
  }

  #timer(timer: TxnTimer, delayUs: Micros, out: Out): void {
    out.timer(delayUs, timer as Wire, 0);
  }
}
