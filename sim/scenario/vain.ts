/**
 * Lines of the timeline that would be told as faults and change nothing: what is slowed has no work that could take longer, what comes twice is taken once. The parser warns
 * of them, and the page does not offer them.
 */
import type { HopKind } from '../../core/machine.ts';
import type { NetworkSpec } from './types.ts';

/** Why a copy makes no difference, by who hears it. */
export const VAIN_COPY = {
  store: 'a store takes each write once, whatever the network copies',
  asker: 'whoever hears it takes it once, whatever the network copies',
  connection: 'a connection hands on each frame once, whatever the network copies',
} as const;

/** Why slowing makes no difference; a slow node of a broker is one whose hops take longer. */
export const VAIN_SLOWNESS = {
  producer: 'a producer makes its messages by the clock, and no work of its own takes longer',
  instant: 'hops take no time here, and so none takes longer',
} as const;

const TO_STORES: readonly HopKind[] = ['effect', 'effect-reply'];
const ANSWERS: readonly HopKind[] = ['reply', ...TO_STORES];
const TAKES_COPIES: ReadonlySet<string> = new Set(['sqs', 'sns', 'google-pubsub']);

/** Whether a kind of broker is a service that takes whatever comes as another request; all others are spoken to by connections that hand on each frame once. */
export function takesCopies(kind: string): boolean {
  return TAKES_COPIES.has(kind);
}

/** Why it makes no difference that hops of these kinds (none: of any) come twice where there are brokers of these kinds; '' where it may make one. */
export function whyCopiesAreVain(hops: readonly string[], brokers: readonly string[]): string {
  const all = (kinds: readonly string[]): boolean => hops.length > 0 && hops.every((hop) => kinds.includes(hop));
  if (all(TO_STORES)) return VAIN_COPY.store;
  if (all(ANSWERS)) return VAIN_COPY.asker;
  const isReplicated = brokers.includes('pulsar') && (hops.length === 0 || hops.includes('replication'));
  return isReplicated || brokers.some(takesCopies) ? '' : VAIN_COPY.connection;
}

/** No hop takes any time. */
export function isInstant({ latency, links }: NetworkSpec): boolean {
  return takesNone(latency) && links.every((link) => link.latency === undefined || takesNone(link.latency));
}

export function takesNone(latency: NetworkSpec['latency'] | undefined): boolean {
  return latency?.type === 'constant' && latency.us === 0;
}
