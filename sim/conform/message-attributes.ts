/** Which message attributes the APIs of SQS and SNS take. The machines do not know what attributes say, so their clients tell whether they are good. */

export interface GivenAttribute {
  readonly name: string;
  /** Its value as text. */
  readonly text: string;
  /** Null when it was given plainly: then it has no type that could be wrong. */
  readonly type: string | null;
}

/** Characters that no text may have: what XML 1.0 does not allow. */
export const UNPRINTABLE = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;

/** Letters are those of Latin scripts, with their accents. */
const NAME = /^[\w\u{c0}-\u{17f}-]+(\.[\w\u{c0}-\u{17f}-]+)*$/u;
/** Of a name, and of a type. */
const LENGTH_MAX = 256;
/** Names of the services' own. */
const RESERVED = /^(aws|amazon)\./i;
/** One of three types, and after a point whatever the sender likes. */
const TYPE = /^(String|Number|Binary)(\.\S+)?$/;

/** Whether the API takes an attribute: by its name, its type, and its value. */
export function isGood({ name, text, type }: GivenAttribute): boolean {
  if (name.length > LENGTH_MAX || !NAME.test(name) || RESERVED.test(name)) return false;
  if (type === null) return true;
  if (type.length > LENGTH_MAX || !TYPE.test(type) || text === '') return false;
  if (type.startsWith('Number')) return text.trim() !== '' && Number.isFinite(Number(text));
  return type.startsWith('Binary') || !UNPRINTABLE.test(text);
}
