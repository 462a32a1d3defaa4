/**
 * The commands in a Lua script of a case, as far as scripts of cases go: calls of redis.call or redis.pcall, one after the other, whose arguments are texts, numbers,
 * KEYS and ARGV; one of them may be returned. Anything else of Lua makes the case unknown.
 */
import { UnknownShape } from './case.ts';

export interface Script {
  readonly commands: readonly (readonly string[])[];
  /** Which of the commands' replies is the script's; −1 for none: it replies nil. */
  readonly returns: number;
}

const CALL = /^\s*(?:local\s+\w+\s*=\s*)?(return\s+)?redis\.p?call\(((?:[^()'"]|'[^']*'|"[^"]*")*)\)\s*;?/;
const ARGUMENT = /^\s*(?:'([^']*)'|"([^"]*)"|(-?\d+)|(KEYS|ARGV)\[(\d+)\])\s*(?:,|$)/;

/** `words`: EVAL script numkeys key … argument …, without the first. */
export function readScript([text = '', keys = '0', ...given]: readonly string[]): Script {
  const many = Number(keys);
  const commands: string[][] = [];
  let returns = -1;
  for (let left = text; left.trim() !== ''; ) {
    const call = CALL.exec(left);
    if (call === null) throw new UnknownShape('a script of more than calls');
    if (call[1] !== undefined) returns = commands.length;
    commands.push(argumentsOf(call[2] ?? '', given.slice(0, many), given.slice(many)));
    left = left.slice(call[0].length);
  }
  return { commands, returns };
}

function argumentsOf(text: string, keys: readonly string[], argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let left = text; left.trim() !== ''; ) {
    const argument = ARGUMENT.exec(left);
    if (argument === null) throw new UnknownShape('an argument of a script’s call');
    const [whole, single, double, number, table, at] = argument;
    const list = table === 'KEYS' ? keys : argv;
    words.push(single ?? double ?? number ?? list[Number(at) - 1] ?? '');
    left = left.slice(whole.length);
  }
  return words;
}
