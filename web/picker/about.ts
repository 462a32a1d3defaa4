/** What the picker tells of a scenario beside its title. Read from the library's texts while the page is built. */
import { parse } from 'yaml';

export interface About {
  readonly story: string;
  /** Its kind, or of a file in neutral words how many brokers it can be run under. */
  readonly broker: string;
}

/** The parts of a file that are told of. */
interface Told {
  readonly story?: string;
  readonly broker?: Kind;
  readonly brokers?: Readonly<Record<string, Kind>>;
  readonly under?: readonly string[];
}

type Kind = string | { readonly kind: string };

/** The text must be that of a scenario. */
export function aboutOf(text: string): About {
  const { story = '', broker, brokers = {}, under = [] } = parse(text) as Told;
  const kinds = (broker === undefined ? Object.values(brokers) : [broker]).map((one) =>
    typeof one === 'string' ? one : one.kind,
  );
  return {
    story: story.trim(),
    broker: under.length > 0 ? `${under.length} brokers` : [...new Set(kinds)].join(', '),
  };
}
