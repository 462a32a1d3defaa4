/**
 * The words of the command line. `cac` parts them into a command, arguments and options; here is what it does not do: what stands there is taken as it was written (a seed
 * `007` is no 7), `help` and `version` are understood, and what is wrong is said with what there is instead.
 */
import type { CAC, Command } from 'cac';
import { nearest } from './scenario/nearest.ts';

/** The words as `cac` takes them for what was meant: `help run` asks for the help of `run`, and `--log FILE` leaves the file alone. */
export function meantWords(words: readonly string[]): string[] {
  const [first, ...rest] = words;
  if (first === 'help') return [...rest, '--help'];
  if (first === 'version' && rest.length === 0) return ['--version'];
  const end = words.indexOf('--');
  return words.map((word, i) =>
    word === '--log' && words[i + 1] !== 'all' && (end < 0 || i < end) ? '--log=notable' : word,
  );
}

/** What was written after an option, each time that it is given. */
export function valuesOf(words: readonly string[], option: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < words.length && words[i] !== '--'; i++) {
    const word = words[i] ?? '';
    const next = words[i + 1];
    if (word === option && next !== undefined && !next.startsWith('-')) values.push(next);
    else if (word.startsWith(`${option}=`)) values.push(word.slice(option.length + 1));
  }
  return values;
}

/** Gives the values of a command's options back as they were written, and what stands after `--` as arguments. */
export function restoreWords(cli: CAC, words: readonly string[]): void {
  const { matchedCommand: command, options } = cli;
  for (const { name, required } of command?.options ?? []) {
    const written = valuesOf(words, `--${name}`);
    const [only] = written;
    if (required === true && only !== undefined && typeof options[name] !== 'object')
      options[name] = written.length > 1 ? written : only;
  }
  const after = words.indexOf('--');
  if (after >= 0) cli.args = [...cli.args, ...words.slice(after + 1)];
}

/** What is wrong with a command's words; '' when nothing is. Only `--set` may be given several times: of another option the last would win, or both would run together. */
export function wrongWords(command: Command, { args, options, globalCommand }: CAC): string {
  const { name, rawName } = command;
  for (const { name: option, required, rawName: form } of command.options) {
    const value: unknown = options[option];
    if (required === true && (value === true || value === false || value === ''))
      return `${form.split(' ')[0]} wants a value: ${form}.`;
    if (option !== 'set' && Array.isArray(value)) return `--${option} is given twice.`;
  }
  for (const [option, value] of Object.entries(options)) {
    const isKnown = command.hasOption(option) !== undefined || globalCommand.hasOption(option) !== undefined;
    const isText = typeof value !== 'object' || Array.isArray(value);
    if (option === '--' || (isKnown && isText)) continue;
    const known = command.options.map(({ rawName: form }) => form.split(' ')[0] ?? '');
    const written = `${option.length > 1 ? '--' : '-'}${option}`;
    return `${name} has no option ${written}${isKnown ? '.…' : ''}. ${insteadOf(written, known, 'it has')}`;
  }
  const wanted = command.args.filter(({ required }) => required);
  if (args.length < wanted.length) {
    const missing = wanted.slice(args.length).map(({ value, variadic }) => `<${variadic ? '...' : ''}${value}>`);
    return `${name} wants ${missing.join(' and ')}, such as: ${String(command.examples[0]).trim()}`;
  }
  const most = command.args.some(({ variadic }) => variadic) ? Number.POSITIVE_INFINITY : command.args.length;
  if (args.length <= most) return '';
  const surplus = args.slice(most).map((arg) => `"${arg}"`);
  return `${name} takes no more than ${wanted.length === 0 ? 'a file' : rawName.slice(name.length + 1)}; ${surplus.join(', ')} ${surplus.length === 1 ? 'is' : 'are'} too much.`;
}

/** The nearest name, else all there are. */
export function insteadOf(written: string, names: readonly string[], there: string): string {
  const like = nearest(written, names);
  if (like !== null) return `Did you mean ${like}?`;
  return names.length === 0 ? '' : `${there[0]?.toUpperCase()}${there.slice(1)}: ${names.join(', ')}.`;
}

/** A word as a shell takes it for one, and for nothing else: it may come from a scenario that somebody else wrote. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return /[$`"\\!]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : `"${word}"`;
}

/**
 * A text for the terminal: what would steer it, or turn the direction in which it is read, is shown as its number. Only our own colours pass (those of picocolors that are used).
 */
export function visible(text: string): string {
  return text.replace(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (letter, at: number) => {
    const isOurs =
      letter === '\n' ||
      letter === '\t' ||
      (letter === ESCAPE && /^\[(1|2|22|31|32|33|39)m/.test(text.slice(at + 1, at + 5)));
    return isOurs ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const ESCAPE = '\u001b';
