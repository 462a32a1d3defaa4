/** Where a broker's rules come from: the pages of its makers, by the numbers that option tables name. */
import rules from '../../docs/brokers/rules.json';

export interface RuleSource {
  /** `S2`, or other words where no rule is named. */
  readonly name: string;
  /** Null where there is none to go to. */
  readonly address: string | null;
}

const ADDRESSES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = rules;

/** `source` as the tables have it: `S11, S17`. */
export function sourcesOf(broker: string, source: string): readonly RuleSource[] {
  if (source === '') return [];
  const own = Object.hasOwn(ADDRESSES, broker) ? ADDRESSES[broker] : undefined;
  return source.split(/,\s*/).map((name) => {
    const first = own !== undefined && Object.hasOwn(own, name) ? own[name]?.[0] : undefined;
    return { name, address: first?.startsWith('https://') ? first : null };
  });
}
