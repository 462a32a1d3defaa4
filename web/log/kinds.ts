/** Kinds of facts as people ask for them, each a set of names. */
import type { FactName } from '../../core/facts.ts';
import { FACTS } from '../../sim/vocabulary.ts';

export interface Kind {
  readonly name: string;
  readonly has: (name: FactName) => boolean;
}

function among(...names: readonly FactName[]): (name: FactName) => boolean {
  const set = new Set<FactName>(names);
  return (name) => set.has(name);
}

export const KINDS: readonly Kind[] = [
  { name: 'faults and refusals', has: (name) => FACTS[name].tone === 'fault' },
  { name: 'notable', has: (name) => FACTS[name].tone === 'fault' || FACTS[name].tone === 'notable' },
  {
    name: 'producing',
    has: among('produced', 'confirmed', 'retried', 'gave-up', 'shed', 'blocked', 'unblocked', 'returned'),
  },
  { name: 'storing', has: among('routed', 'unroutable', 'appended', 'became-visible', 'deduplicated', 'rejected') },
  { name: 'delivering', has: among('delivered', 'received', 'extended', 'lock-expired', 'requeued', 'nacked') },
  { name: 'working', has: among('begun', 'applied', 'failed', 'skipped') },
  { name: 'settling', has: among('settled', 'acked', 'ack-refused', 'committed', 'commit-refused') },
  { name: 'leaving', has: among('dead-lettered', 'redriven', 'expired', 'evicted', 'lost') },
  { name: 'hops', has: among('sent', 'unreachable') },
  {
    name: 'groups and leaders',
    has: among(
      'joined',
      'left',
      'rebalance-begun',
      'rebalanced',
      'assigned',
      'revoked',
      'sought',
      'diverged',
      'offset-expired',
      'elected',
      'leader-lost',
      'isr-changed',
      'truncated',
      'fenced',
      'replicated',
      'watermark-moved',
      'log-start-moved',
    ),
  },
];

/** Whether a fact is of one of the kinds, given by their names or by names of facts; of any when there are none. */
export function isOf(name: FactName, kinds: readonly string[]): boolean {
  return (
    kinds.length === 0 ||
    kinds.some((kind) => kind === name || KINDS.find((one) => one.name === kind)?.has(name) === true)
  );
}
