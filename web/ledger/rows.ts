/** The ledger's table: which messages pass the filter, in which order, and what a row says. All sums over columns, so that 200,000 rows take a few milliseconds. */
import type { MessageId } from '../../core/types.ts';
import type { Fate } from '../../sim/folds/ledger.ts';
import type { LedgerColumns } from '../../sim/folds/ledger-rows.ts';
import type { Trace } from '../../sim/trace.ts';
import { F, REASONS } from '../../sim/vocabulary.ts';
import type { LedgerFilter, LedgerSort } from '../panels.svelte.ts';

/** In the order of their codes. */
const FATES: readonly Fate[] = ['done', 'pending', 'dead-lettered', 'dropped', 'lost'];
const LATE = 4;
/** Values and numbers of messages are packed into one number, so that sorting needs no comparing function. */
const PLACES = 2 ** 21;
const MOST = 2 ** 31 - 1;

export interface Order {
  readonly filter: LedgerFilter;
  readonly search: string;
  readonly sort: LedgerSort;
  readonly descending: boolean;
}

/** Numbers of messages, sorted; equal ones stay in the order of their numbers. */
export function orderOf(ledger: LedgerColumns, trace: Trace, { filter, search, sort, descending }: Order): Uint32Array {
  const wanted = search.trim().toLowerCase();
  const packed = new Float64Array(ledger.count);
  let n = 0;
  for (let i = 0; i < ledger.count; i++) {
    if (filter !== 'all' && !passes(ledger, i, filter)) continue;
    if (wanted !== '' && !matches(trace, i + 1, wanted)) continue;
    const value = Math.min(MOST, Math.max(0, valueFor(ledger, i, sort)));
    packed[n++] = (descending ? MOST - value : value) * PLACES + i;
  }
  const found = packed.subarray(0, n);
  // By their numbers they stand already.
  if (sort !== 'message' || descending) found.sort();
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = ((found[i] as number) % PLACES) + 1;
  return order;
}

function passes(ledger: LedgerColumns, i: number, filter: LedgerFilter): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'once':
      return ledger.fates[i] === 0 && ledger.repeats[i] === 0;
    case 'twice':
      return (ledger.repeats[i] as number) > 0;
    case 'late':
      return ((ledger.flags[i] as number) & LATE) !== 0;
    default:
      return FATES[ledger.fates[i] as number] === filter;
  }
}

function matches(trace: Trace, id: MessageId, wanted: string): boolean {
  if (String(id) === wanted) return true;
  const { key, producer } = trace.message(id);
  return key?.toLowerCase() === wanted || trace.actorName(producer).toLowerCase().includes(wanted);
}

function valueFor(ledger: LedgerColumns, i: number, sort: LedgerSort): number {
  switch (sort) {
    case 'message':
      return i;
    case 'deliveries':
      return ledger.deliveries[i] as number;
    case 'effects':
      return ledger.effects[i] as number;
    case 'took':
      // Tenths of a millisecond; what never had an effect comes last.
      return ledger.tookUs[i] === -1 ? MOST : Math.round((ledger.tookUs[i] as number) / 100);
    case 'outcome':
      return (ledger.fates[i] as number) * 10 + ((ledger.repeats[i] as number) > 0 ? 5 : isLate(ledger, i) ? 4 : 0);
    default:
      return sort satisfies never;
  }
}

export interface LedgerLine {
  readonly message: MessageId;
  readonly key: string;
  readonly producer: string;
  readonly producedUs: number;
  readonly deliveries: number;
  readonly effects: number;
  readonly settled: boolean;
  /** −1 while there was no effect. */
  readonly tookUs: number;
  readonly tone: 'good' | 'fault' | 'violated' | 'soft';
  /** "done", "twice", "dropped: TTL passed". */
  readonly outcome: string;
  /** Where a click goes: what decided its fate, else its first effect, else its making. */
  readonly fact: number;
}

export function lineOf(ledger: LedgerColumns, trace: Trace, message: MessageId): LedgerLine | null {
  const i = message - 1;
  if (i < 0 || i >= ledger.count || message > trace.messageCount) return null;
  const { key, producer, producedAtUs } = trace.message(message);
  const because = ledger.because[i] as number;
  return {
    message,
    key: key ?? '',
    producer: trace.actorName(producer),
    producedUs: producedAtUs,
    deliveries: ledger.deliveries[i] as number,
    effects: ledger.effects[i] as number,
    settled: ((ledger.flags[i] as number) & 2) !== 0,
    tookUs: ledger.tookUs[i] as number,
    ...outcomeOf(ledger, trace, i),
    fact: because > 0 ? because : (ledger.produced[i] as number),
  };
}

function outcomeOf(ledger: LedgerColumns, trace: Trace, i: number): Pick<LedgerLine, 'tone' | 'outcome'> {
  const repeats = ledger.repeats[i] as number;
  const why = reasonOf(trace, ledger.because[i] as number);
  switch (FATES[ledger.fates[i] as number]) {
    case 'done': {
      const words = [repeats === 0 ? 'once' : repeats === 1 ? 'twice' : `${repeats + 1} times`];
      if (isLate(ledger, i)) words.push('out of order');
      return { tone: repeats > 0 || isLate(ledger, i) ? 'violated' : 'good', outcome: words.join(', ') };
    }
    case 'pending':
      return { tone: 'soft', outcome: 'pending' };
    case 'dead-lettered':
      return { tone: 'fault', outcome: `dead-lettered${why}` };
    case 'dropped':
      return { tone: 'fault', outcome: `dropped${why}` };
    default:
      return { tone: 'violated', outcome: `lost${why}` };
  }
}

/** Kinds of facts whose detail is a reason. */
const WITH_REASON = new Set([
  F['dead-lettered'],
  F.expired,
  F.evicted,
  F.shed,
  F.skipped,
  F.rejected,
  F['gave-up'],
  F.lost,
  F.unreachable,
]);

/** ": TTL passed"; '' when the fact names no reason. */
function reasonOf(trace: Trace, fact: number): string {
  if (fact === 0 || fact > trace.count) return '';
  const kind = trace.kind(fact);
  if (kind === F.unreachable) return ': target down';
  if (kind === F.sent) return ': on the way';
  if (kind === F.unroutable || kind === F.returned) return ': no route';
  if (kind === F.applied) return ': refused by the store';
  return WITH_REASON.has(kind) ? `: ${REASONS[trace.detail(fact)] ?? 'unknown'}` : '';
}

function isLate(ledger: LedgerColumns, i: number): boolean {
  return ((ledger.flags[i] as number) & LATE) !== 0;
}
