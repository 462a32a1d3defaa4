/**
 * Every setting of everything that a scenario declares: as the file has it, else its default, with the documentation and the source of the table that it
 * is read by. For whoever asks "what is this thing set to, and who says so?"; what a value means to a run is the parser's business.
 */
import { parse } from 'yaml';
import { BROKERS } from '../../core/brokers/index.ts';
import type { BrokerKind } from '../../core/brokers/kind.ts';
import type { OptionTable } from '../../core/options.ts';
import { changeableOf } from './changeable.ts';
import { BROKER, CONSUMER_FIELDS, PRODUCER_FIELDS, QUEUE_FIELDS, STORE_FIELDS, TOPIC_FIELDS } from './grammar.ts';
import { defaultText } from './options.ts';
import type { Fields } from './shapes.ts';
import type { Scenario } from './types.ts';

export interface Setting {
  /** `RedrivePolicy.maxReceiveCount`. */
  readonly name: string;
  /** As the file has it; the default where the file says nothing; '' for neither. */
  readonly value: string;
  /** '' where there is none. */
  readonly otherwise: string;
  /** The file sets it. */
  readonly isSet: boolean;
  /** A `set` line of the timeline can change it while the scenario runs. */
  readonly canChange: boolean;
  /** What such a line might set it to, to begin with: what it is, or where the broker would refuse that a value that it takes; '' for nothing. */
  readonly next: string;
  readonly doc: string;
  /** Numbers of the rules that say so, such as `S2`; '' for words of the file itself. */
  readonly source: string;
}

/** The settings of one thing that the scenario declares. */
export interface SettingsOf {
  /** Section of the file: `queues`, `producers`, … */
  readonly section: Section;
  readonly name: string;
  /** The broker that its own options are from, as people write it; '' for none. */
  readonly broker: string;
  readonly settings: readonly Setting[];
}

export type Section = 'brokers' | 'queues' | 'topics' | 'exchanges' | 'producers' | 'consumers' | 'stores';

const FIELDS: Readonly<Record<Section, Fields>> = {
  brokers: BROKER.fields,
  queues: QUEUE_FIELDS,
  topics: TOPIC_FIELDS,
  exchanges: QUEUE_FIELDS,
  producers: PRODUCER_FIELDS,
  consumers: CONSUMER_FIELDS,
  stores: STORE_FIELDS,
};
const SECTIONS = Object.keys(FIELDS) as readonly Section[];

type Written = Readonly<Record<string, unknown>>;

/** `text` is what `scenario` was read from. The broker's options come before the file's own words. */
export function settingsOf(text: string, scenario: Scenario): readonly SettingsOf[] {
  const file = recordOf(parse(text, { maxAliasCount: 100 }));
  return SECTIONS.flatMap((section) =>
    Object.entries(scenario[section]).map(([name, declared]): SettingsOf => {
      const broker = brokerOf(section, name, declared, scenario);
      const written = writtenOf(file, section, name);
      const table = broker === null ? {} : tableOf(broker, section);
      const changeable = changeableOf(section, broker);
      return {
        section,
        name,
        broker: broker?.title ?? '',
        settings: [
          ...optionSettings(table, written, '', changeable),
          ...fieldSettings(FIELDS[section], written, changeable),
        ].map((one) => ({ ...one, next: insteadOf(one, section, name, broker, scenario) ?? one.next })),
      };
    }),
  );
}

/** What a line may set a setting to that the broker would not be given as it is; undefined where it would. */
function insteadOf(
  { name: option, canChange, value }: Setting,
  section: Section,
  name: string,
  broker: BrokerKind | null,
  { queues, topics, brokers, timeline }: Scenario,
): string | undefined {
  const declared = section === 'queues' ? queues[name] : section === 'topics' ? topics[name] : undefined;
  if (!canChange || declared === undefined) return undefined;
  const before = timeline.flatMap(({ action }) =>
    action.type === 'set' && action.path.join('.') === `${section}.${name}.${option}` ? [action.value] : [],
  );
  const { options } = declared;
  const brokerOptions = brokers[declared.broker]?.options ?? {};
  const change = { name, option, value: Number(value), before, options, brokerOptions };
  return broker?.refusesChange?.(change)?.instead.toString();
}

function brokerOf(section: Section, name: string, declared: object, { brokers }: Scenario): BrokerKind | null {
  const own = 'broker' in declared && typeof declared.broker === 'string' ? declared.broker : '';
  const kind = brokers[section === 'brokers' ? name : own]?.kind ?? '';
  return Object.hasOwn(BROKERS, kind) ? (BROKERS[kind] ?? null) : null;
}

function tableOf(broker: BrokerKind, section: Section): OptionTable {
  if (section === 'stores') return {};
  return broker[section === 'brokers' ? 'options' : section] ?? {};
}

/** What the file has under a name; `broker: sqs` is a broker called `broker` without options. */
function writtenOf(file: Written, section: Section, name: string): Written {
  const here = section === 'brokers' && 'broker' in file ? file['broker'] : recordOf(file[section])[name];
  return section === 'brokers' && typeof here === 'string' ? { kind: here } : recordOf(here);
}

function optionSettings(
  table: OptionTable,
  written: Written,
  prefix: string,
  changeable: readonly string[],
): readonly Setting[] {
  return Object.entries(table).flatMap(([name, spec]): readonly Setting[] => {
    const otherwise = defaultText(spec) ?? '';
    const full = `${prefix}${name}`;
    const one = setting(full, written[name], otherwise, changeable.includes(full), spec.doc, spec.source);
    if (spec.type !== 'object') return [one];
    // What can be given anew as a whole takes more than the one value of a setting.
    if (!one.isSet) return [{ ...one, value: 'none', next: '', canChange: false }];
    return optionSettings(spec.fields, recordOf(written[name]), `${full}.`, changeable);
  });
}

function fieldSettings(fields: Fields, written: Written, changeable: readonly string[]): readonly Setting[] {
  return Object.entries(fields).map(([name, { doc, otherwise }]) =>
    setting(name, written[name], otherwise ?? '', changeable.includes(name), doc, ''),
  );
}

function setting(
  name: string,
  written: unknown,
  otherwise: string,
  canChange: boolean,
  doc: string,
  source: string,
): Setting {
  const isSet = written !== undefined;
  const value = isSet ? flow(written) : otherwise;
  return { name, value, otherwise, isSet, canChange, next: value === 'none' ? '' : value, doc, source };
}

/** A value on one line, as YAML's flow style has it. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, one]) => `${key}: ${flow(one)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  return value === '' ? '""' : String(value);
}

function recordOf(value: unknown): Written {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Written) : {};
}
