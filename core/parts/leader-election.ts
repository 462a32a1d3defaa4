/**
 * Who leads a Kafka partition, and what the controller notes about replicas that could: the in-sync set and the eligible leader replicas
 * (ELR, KIP-966). Pure functions of the controller's metadata; liveness comes in as a list, and nothing is sent or stored.
 */
import type { BrokerNumber } from './replica-set.ts';

/** `preferred`: only back to the first replica. `online`: only from the in-sync set or the ELR. `unclean`: any live replica as the last resort. */
export type ElectionKind = 'preferred' | 'online' | 'unclean';

export interface PartitionMetadata {
  /** In list order; the first is the preferred leader. */
  readonly replicas: readonly BrokerNumber[];
  readonly isr: readonly BrokerNumber[];
  /** 0: none. */
  readonly leader: BrokerNumber;
  /** Eligible leader replicas; empty where the feature is off. Source: K22. */
  readonly elr: readonly BrokerNumber[];
  /** Last known leader, kept when in-sync set and ELR became empty: it may lead again when it is the only one here. Source: K22. */
  readonly lastKnownElr: readonly BrokerNumber[];
}

export interface Election {
  /** 0: nobody can lead; the partition is offline. */
  readonly leader: BrokerNumber;
  /** The leader was taken from outside the in-sync set and the ELR: records it lacks are lost. */
  readonly unclean: boolean;
  /** The in-sync set that goes with the election. */
  readonly isr: readonly BrokerNumber[];
  /** The leader may lack committed records (`RECOVERING`). */
  readonly recovering: boolean;
}

/** Elects a leader. Source: K21, K22, K23. */
export function electLeader(
  partition: PartitionMetadata,
  alive: (broker: BrokerNumber) => boolean,
  kind: ElectionKind,
): Election {
  const { replicas, isr, elr, leader } = partition;
  const clean = (broker: BrokerNumber) => alive(broker) && (isr.includes(broker) || elr.includes(broker));
  const chosen = (broker: BrokerNumber): Election => ({
    leader: broker,
    unclean: false,
    isr: isr.includes(broker) ? isr : [broker],
    recovering: false,
  });
  const preferred = replicas[0] ?? 0;
  if (kind === 'preferred' && clean(preferred)) return chosen(preferred);
  if (clean(leader)) return chosen(leader);
  const inSync = replicas.find((broker) => alive(broker) && isr.includes(broker));
  if (inSync !== undefined) return chosen(inSync);
  const eligible = replicas.find((broker) => alive(broker) && elr.includes(broker));
  if (eligible !== undefined) return chosen(eligible);
  if (isr.length === 0 && elr.length === 0) {
    const [lastKnown, other] = partition.lastKnownElr;
    if (lastKnown !== undefined && other === undefined && alive(lastKnown))
      return { leader: lastKnown, unclean: true, isr: [lastKnown], recovering: true };
  }
  if (kind === 'unclean') {
    const any = replicas.find(alive);
    if (any !== undefined) return { leader: any, unclean: true, isr: [any], recovering: true };
  }
  return { leader: 0, unclean: false, isr, recovering: false };
}

/** What becomes of the ELR when the in-sync set changes to `isr`. Members that leave it while it is below the minimum stay
 *  eligible; at or above the minimum the ELR is cleared. Source: K22. */
export function elrAfter(
  partition: PartitionMetadata,
  isr: readonly BrokerNumber[],
  minInsyncReplicas: number,
  uncleanShutdown: readonly BrokerNumber[] = [],
): Pick<PartitionMetadata, 'elr' | 'lastKnownElr'> {
  if (isr.length >= Math.min(minInsyncReplicas, partition.replicas.length)) return { elr: [], lastKnownElr: [] };
  const once = (brokers: readonly BrokerNumber[]) =>
    brokers.filter((broker, index) => brokers.indexOf(broker) === index);
  const candidates = once([...partition.elr, ...partition.isr]).filter((broker) => !isr.includes(broker));
  const elr = candidates.filter((broker) => !uncleanShutdown.includes(broker));
  const lastKnownElr = once([...partition.lastKnownElr, ...candidates]).filter(
    (broker) => !isr.includes(broker) && !elr.includes(broker),
  );
  return { elr, lastKnownElr };
}
