/**
 * An SNS filter policy: which messages a subscription accepts. All keys must be met, any condition of a key is enough, and `$or` takes a list of
 * alternatives (N5). A policy is read once and matched often. Attributes are matched as a flat object, a body as the object that it is, so
 * both scopes share every rule. It knows nothing of topics, subscriptions or time. Rules: N4–N9.
 */

/** JSON as data. */
export type PolicyJson = null | boolean | number | string | readonly PolicyJson[] | PolicyTable;
export interface PolicyTable {
  readonly [name: string]: PolicyJson;
}

export type FilterScope = 'MessageAttributes' | 'MessageBody';

/** A message attribute as the API has it; `Value` is text (a number as text, an array as its JSON). */
export interface MessageAttribute {
  readonly Type: string;
  readonly Value: string;
}

export interface FilterPolicy {
  readonly keys: readonly Key[];
  /** One list for each `$or`; one alternative of each must be met. */
  readonly alternatives: readonly (readonly FilterPolicy[])[];
}

interface Key {
  readonly name: string;
  readonly conditions: readonly Condition[];
  /** Keys below this one (body scope); null where there are conditions. */
  readonly nested: FilterPolicy | null;
}

type Condition =
  | { readonly type: 'is'; readonly value: PolicyJson }
  | { readonly type: 'exists'; readonly must: boolean }
  | { readonly type: 'none-of'; readonly values: readonly PolicyJson[] }
  /** A text that does not begin, end or read so. */
  | { readonly type: 'no'; readonly of: Condition }
  | { readonly type: 'prefix' | 'suffix' | 'ignore-case'; readonly text: string }
  | { readonly type: 'numeric'; readonly limits: readonly { readonly op: string; readonly than: number }[] }
  | { readonly type: 'cidr'; readonly block: Block | null };

/** At most so many keys on the top level, combinations and bytes of a policy, and policies of a topic (N9). */
const KEYS_MAX = 5;
const COMBINATIONS_MAX = 150;
const BYTES_MAX = 262_144;
export const POLICIES_MAX = 200;

/** An attribute whose array cannot be read: whatever is asked of it, the answer is no. */
const UNREADABLE: PolicyTable = {};
const OPERATORS: readonly string[] = ['<', '<=', '=', '>', '>='];

// ── Matching ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Whether the body's JSON is accepted; a body that is no JSON object never is (N8), unless nothing is asked of it. */
export function acceptsBody(policy: FilterPolicy, body: PolicyJson | undefined): boolean {
  if (policy.keys.length + policy.alternatives.length === 0) return true;
  return isTable(body) && meets(policy, body, true);
}

/** Whether these attributes are accepted. */
export function acceptsAttributes(
  policy: FilterPolicy,
  attributes: Readonly<Record<string, MessageAttribute>>,
): boolean {
  const values: Record<string, PolicyJson> = {};
  for (const [name, attribute] of Object.entries(attributes)) {
    const value = readAttribute(attribute);
    if (value !== undefined) values[name] = value;
  }
  return meets(policy, values, false);
}

/** Whether plain values are accepted, each taken for an attribute of its own type. */
export function acceptsValues(policy: FilterPolicy, values: PolicyTable): boolean {
  return meets(policy, values, false);
}

/** What an attribute is matched as; undefined where it takes no part (Binary, or a Number that is none). */
function readAttribute({ Type, Value }: MessageAttribute): PolicyJson | undefined {
  const [type] = Type.split('.');
  if (Type === 'String.Array') {
    const list = parsed(Value);
    return isList(list) ? list : UNREADABLE;
  }
  if (type === 'String') return Value;
  if (type !== 'Number') return undefined;
  const number = Number(Value);
  return Value.trim() === '' || Number.isNaN(number) ? undefined : number;
}

/** `paths`: a name with dots may also be a path through objects, as in a body (N8); an attribute's name is only a name. */
function meets(policy: FilterPolicy, table: PolicyTable, paths: boolean): boolean {
  for (const key of policy.keys) {
    if (key.nested === null) {
      const own = Object.hasOwn(table, key.name) ? table[key.name] : undefined;
      const value = own === undefined && paths ? valueAt(table, key.name) : own;
      if (!meetsAny(key.conditions, value)) return false;
    } else if (!meetsBelow(key.nested, Object.hasOwn(table, key.name) ? table[key.name] : below(table, key.name))) {
      return false;
    }
  }
  for (const some of policy.alternatives) if (!some.some((one) => meets(one, table, paths))) return false;
  return true;
}

/** N8: an object inside an array is searched like one that stands alone; keys are met together by one and the same object. */
function meetsBelow(policy: FilterPolicy, value: PolicyJson | undefined): boolean {
  if (isList(value) && value.length > 0) return value.some((item) => meetsBelow(policy, item));
  return meets(policy, isTable(value) ? value : NOTHING, true);
}

const NOTHING: PolicyTable = {};

/**
 * What stands under a name that is a path: `a.b` is the key `b` of the object `a`, wherever the dots of the keys are. Of objects in an array, all that
 * have it give theirs.
 */
function valueAt(value: PolicyJson | undefined, path: string): PolicyJson | undefined {
  if (isList(value)) {
    const found = value.map((item) => valueAt(item, path)).filter((item) => item !== undefined);
    return found.length === 0 ? undefined : found;
  }
  if (!isTable(value)) return undefined;
  if (Object.hasOwn(value, path)) return value[path];
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    const name = path.slice(0, dot);
    const found = Object.hasOwn(value, name) ? valueAt(value[name], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The object that keys like `a.b` make up for the name `a`; undefined when there are none. */
function below(table: PolicyTable, name: string): PolicyTable | undefined {
  const keys = Object.entries(table).filter(([key]) => key.startsWith(`${name}.`));
  return keys.length === 0
    ? undefined
    : Object.fromEntries(keys.map(([key, value]) => [key.slice(name.length + 1), value]));
}

/** N7: of an array one element is enough, for `anything-but` as well. */
function meetsAny(conditions: readonly Condition[], value: PolicyJson | undefined): boolean {
  if (value === UNREADABLE) return false;
  if (isList(value) && value.length > 0) return value.some((item) => meetsAny(conditions, item));
  // Conditions are about leaves: where an object or an empty array stands, this key has no value (N5).
  const leaf = value === undefined || typeof value !== 'object' || value === null ? value : undefined;
  for (const condition of conditions) if (meetsOne(condition, leaf as Leaf)) return true;
  return false;
}

type Leaf = null | boolean | number | string | undefined;

function meetsOne(condition: Condition, value: Leaf): boolean {
  if (condition.type === 'exists') return condition.must === (value !== undefined);
  if (value === undefined) return false;
  switch (condition.type) {
    case 'is':
      return value === condition.value;
    case 'none-of':
      return value !== null && !condition.values.includes(value);
    case 'no':
      return typeof value === 'string' && !meetsOne(condition.of, value);
    case 'prefix':
      return typeof value === 'string' && value.startsWith(condition.text);
    case 'suffix':
      return typeof value === 'string' && value.endsWith(condition.text);
    case 'ignore-case':
      return typeof value === 'string' && value.toLowerCase() === condition.text;
    case 'numeric':
      return typeof value === 'number' && condition.limits.every(({ op, than }) => compares(value, op, than));
    case 'cidr':
      return typeof value === 'string' && condition.block !== null && isWithin(value, condition.block);
    default:
      return condition satisfies never;
  }
}

function compares(value: number, op: string, than: number): boolean {
  switch (op) {
    case '<':
      return value < than;
    case '<=':
      return value <= than;
    case '>':
      return value > than;
    case '>=':
      return value >= than;
    default:
      return value === than;
  }
}

// ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Makes a policy ready for matching. What `whyRefused` would refuse matches nothing. */
export function readPolicy(policy: PolicyTable): FilterPolicy {
  const keys: Key[] = [];
  const alternatives: FilterPolicy[][] = [];
  for (const [name, value] of Object.entries(policy)) {
    if (isOr(name, value)) alternatives.push(value.map(readPolicy));
    else if (isTable(value)) keys.push({ name, conditions: [], nested: readPolicy(value) });
    else keys.push({ name, conditions: (isList(value) ? value : [value]).map(readCondition), nested: null });
  }
  return { keys, alternatives };
}

function readCondition(rule: PolicyJson): Condition {
  const [name, value] = isTable(rule) ? (Object.entries(rule)[0] ?? []) : [];
  if (name === undefined || value === undefined) return { type: 'is', value: rule };
  const text = typeof value === 'string' ? value : '';
  switch (name) {
    case 'exists':
      return { type: 'exists', must: value === true };
    case 'anything-but':
      if (isTable(value)) return { type: 'no', of: readCondition(value) };
      return { type: 'none-of', values: isList(value) ? value : [value] };
    case 'prefix':
    case 'suffix':
      return { type: name, text };
    case 'equals-ignore-case':
      return { type: 'ignore-case', text: text.toLowerCase() };
    case 'cidr':
      return { type: 'cidr', block: readBlock(text) };
    case 'numeric':
      return { type: 'numeric', limits: readLimits(isList(value) ? value : []) };
    default:
      return { type: 'is', value: rule };
  }
}

function readLimits(list: readonly PolicyJson[]): { op: string; than: number }[] {
  const limits: { op: string; than: number }[] = [];
  for (let i = 0; i + 1 < list.length; i += 2) limits.push({ op: String(list[i]), than: Number(list[i + 1]) });
  return limits;
}

/** `$or` with a list of objects holds alternatives; with anything else it is a key like others. */
function isOr(name: string, value: PolicyJson): value is readonly PolicyTable[] {
  return name === '$or' && isList(value) && value.length > 0 && value.every(isTable);
}

// ── Refusing ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Why a policy is refused, in the service's manner; '' when it is accepted (N6, N8, N9). */
export function whyRefused(policy: PolicyJson, scope: FilterScope): string {
  if (!isTable(policy)) return 'a filter policy must be an object';
  if (JSON.stringify(policy).length > BYTES_MAX) return 'the filter policy is larger than 256 KB';
  if (Object.keys(policy).length > KEYS_MAX) return `a filter policy can have at most ${KEYS_MAX} keys`;
  const faults: string[] = [];
  const combinations = survey(policy, scope, 1, 1, faults);
  const [fault] = faults;
  if (fault !== undefined) return fault;
  return combinations > COMBINATIONS_MAX ? 'the filter policy is too complex' : '';
}

/**
 * Collects what is wrong, and returns how many combinations of values the policy has: the values of each key multiply, times the depth at which the key
 * lies; alternatives of `$or` add up (N9).
 */
function survey(policy: PolicyTable, scope: FilterScope, depth: number, before: number, faults: string[]): number {
  let combinations = before;
  for (const [name, value] of Object.entries(policy)) {
    if (isOr(name, value)) {
      let sum = 0;
      for (const one of value) sum += survey(one, scope, depth, combinations, faults);
      combinations = sum;
    } else if (isTable(value)) {
      combinations = survey(value, scope, depth + 1, combinations, faults);
    } else if (!isList(value)) {
      faults.push(`"${name}" must be an object or an array`);
    } else {
      if (value.length === 0) faults.push('empty arrays are not allowed');
      combinations *= value.length * depth;
      for (const rule of value) {
        const fault = faultOf(rule);
        if (fault !== '') faults.push(fault);
      }
    }
  }
  if (depth > 1 && scope === 'MessageAttributes') {
    faults.push('a filter policy of scope MessageAttributes cannot be nested');
  }
  return combinations;
}

/** What is wrong with one condition; '' when nothing is. */
function faultOf(rule: PolicyJson): string {
  if (isList(rule)) return 'a value to match must be text, a number, true, false or null';
  if (!isTable(rule)) return '';
  const [[name, value] = ['', null], more] = Object.entries(rule);
  if (name === '' && value === null) return 'a match expression must name its operator';
  if (more !== undefined) return 'only one key is allowed in a match expression';
  switch (name) {
    case 'prefix':
    case 'suffix':
    case 'equals-ignore-case':
      return typeof value === 'string' ? '' : `the pattern of ${name} must be text`;
    case 'cidr':
      return typeof value === 'string' && readBlock(value) !== null ? '' : 'malformed CIDR';
    case 'exists':
      return typeof value === 'boolean' ? '' : 'exists must be either true or false';
    case 'numeric':
      return faultOfNumeric(isList(value) ? value : []);
    case 'anything-but':
      return faultOfAnythingBut(value);
    default:
      return `unrecognized match type ${name}`;
  }
}

/** Contested: `suffix` is refused as the real service did when asked, although newer pages list it. */
function faultOfAnythingBut(value: PolicyJson): string {
  if (isTable(value)) {
    const stranger = Object.keys(value).find((name) => name !== 'prefix');
    if (stranger !== undefined) return `unsupported anything-but pattern: ${stranger}`;
    return typeof value['prefix'] === 'string' ? '' : 'the pattern of prefix must be text';
  }
  const values = isList(value) ? value : [value];
  if (values.length === 0) return 'empty arrays are not allowed';
  return values.some((one) => typeof one === 'object' && one !== null)
    ? 'a value of anything-but must be text or a number'
    : '';
}

function faultOfNumeric([first, low, second, high, ...more]: readonly PolicyJson[]): string {
  if (typeof first !== 'string') return `invalid member in numeric match: ${first ?? ']'}`;
  if (!OPERATORS.includes(first)) return `unrecognized numeric range operator: ${first}`;
  if (typeof low !== 'number') return `the value of ${first} must be numeric`;
  if (second === undefined) return '';
  if (first !== '>' && first !== '>=') return 'too many elements in numeric expression';
  if (typeof second !== 'string') return 'bad value in numeric range';
  if (second !== '<' && second !== '<=') return `bad numeric range operator: ${second}`;
  if (typeof high !== 'number') return `the value of ${second} must be numeric`;
  if (high <= low) return 'the bottom of a range must be less than its top';
  return more.length > 0 ? 'too many terms in numeric range expression' : '';
}

// ── Addresses ───────────────────────────────────────────────────────────────────────────────────────────────────

/** An address block: the bits of the address that count, as text of 0 and 1. */
interface Block {
  readonly bits: string;
  readonly length: number;
}

function readBlock(text: string): Block | null {
  const [address = '', prefix = ''] = text.split('/');
  const bits = bitsOf(address);
  const counts = Number(prefix);
  if (bits === null || !/^\d{1,3}$/.test(prefix) || counts > bits.length) return null;
  return { bits: bits.slice(0, counts), length: bits.length };
}

function isWithin(address: string, block: Block): boolean {
  const bits = bitsOf(address);
  return bits !== null && bits.length === block.length && bits.startsWith(block.bits);
}

/** 32 bits of an IPv4 address, 128 of an IPv6 one; null when it is neither. */
function bitsOf(address: string): string | null {
  if (!address.includes(':')) {
    const parts = address.split('.');
    const good = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
    return good ? parts.map((part) => Number(part).toString(2).padStart(8, '0')).join('') : null;
  }
  const [head = '', tail, ...more] = address.split('::');
  if (more.length > 0) return null;
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...front, ...Array<string>(missing).fill('0'), ...back];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}

/** The JSON of a text; undefined when it is none. */
export function parsed(text: string): PolicyJson | undefined {
  try {
    return JSON.parse(text) as PolicyJson;
  } catch {
    return undefined;
  }
}

function isList(value: PolicyJson | undefined): value is readonly PolicyJson[] {
  return Array.isArray(value);
}

export function isTable(value: PolicyJson | undefined): value is PolicyTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
