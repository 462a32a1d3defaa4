/**
 * What a `set` line of the timeline can change while a scenario runs: the clients' own words, and what brokers let be changed of their queues and topics. All
 * else a process, a queue or a network was made with, and a line that sets it anew would do nothing. The parser refuses such a line, and the page offers none.
 */
import type { BrokerKind } from '../../core/brokers/kind.ts';
import { CONSUMER_CHANGES, PRODUCER_CHANGES, STORE_CHANGES } from '../../core/clients/changes.ts';
import { shown } from './shown.ts';

const CLIENT_WORDS: Readonly<Record<string, readonly string[]>> = {
  producers: ['rate', ...Object.keys(PRODUCER_CHANGES)],
  consumers: Object.keys(CONSUMER_CHANGES),
  stores: Object.keys(STORE_CHANGES),
};

/** Settings of one thing of a section that can change; an option of a broker with its tables before it, and `*` for any name. `kind` is the thing's broker. */
export function changeableOf(section: string, kind: BrokerKind | null): readonly string[] {
  if (section === 'queues' || section === 'topics') return kind?.changeable ?? [];
  return CLIENT_WORDS[section] ?? [];
}

/** Why a path of the file cannot be set by a line of the timeline; null when it can. `kind` is the broker of the thing that it leads into. */
export function whyFixed(
  path: readonly string[],
  kind: BrokerKind | null,
): { readonly message: string; readonly expected: string; readonly hint: string } | null {
  const [section = '', name = '', ...setting] = path;
  const changeable = changeableOf(section, kind);
  if (setting.length > 0 && changeable.some((one) => leadsTo(one, setting.join('.')))) return null;
  return {
    message: `\`${shown(path.join('.'))}\` cannot change while the scenario runs.`,
    expected: changeable.length === 0 ? '' : `of \`${shown(`${section}.${name}`)}\`: ${changeable.join(', ')}`,
    hint: instead(section, name, setting[0] ?? '') ?? '',
  };
}

function leadsTo(changeable: string, setting: string): boolean {
  const [before = '', after] = changeable.split('.*.');
  if (after === undefined) return changeable === setting;
  return setting.startsWith(`${before}.`) && setting.endsWith(`.${after}`);
}

/** The verb that does what such a line was meant to do. */
function instead(section: string, name: string, setting: string): string | undefined {
  if (section === 'network') return 'Verbs do: `lose`, `duplicate`, `delay` and `split`.';
  if (section !== 'consumers' || setting !== 'count') return undefined;
  return `Say how many instances there are from then on with \`scale: ${shown(name)}\` and \`count:\`.`;
}
