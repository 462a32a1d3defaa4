/** What a file is, told by its beginning: a scenario, a trace, or something that cannot be opened, in which case a sentence says why and what to do. */
import { LONGEST_FILE } from '../../sim/scenario/size.ts';

export type OpenedFile =
  | { readonly type: 'scenario'; readonly text: string }
  | { readonly type: 'trace'; readonly file: File }
  | { readonly type: 'refused'; readonly problem: string };

/** A trace may have so many bytes: about 150,000 facts. */
export const TRACE_MOST = 32_000_000;
/** Looked at to tell what a file is. */
const HEAD = 4_096;

/** Never rejects. */
export async function readFile(files: readonly File[]): Promise<OpenedFile> {
  const [file, ...others] = files;
  if (file === undefined)
    return refused('There is no file in what was dropped. Drop a scenario (.yaml) or a trace (.jsonl).');
  if (others.length > 0) return refused(`These are ${files.length} files. Drop one: a scenario or a trace.`);
  const name = `"${file.name.slice(0, 60)}"`;
  try {
    const head = await file.slice(0, HEAD).text();
    if (head.includes('\0')) return neither(name);
    if (/^\s*\{/.test(head) && head.includes('"queuelab/trace@')) return traceOf(file, name);
    if (file.name.endsWith('.jsonl')) return neither(name);
    if (file.size > LONGEST_FILE)
      return refused(
        `${name} has ${megabytes(file.size)}; a scenario has at most ${megabytes(LONGEST_FILE)}, and a trace it is not. It was not opened.`,
      );
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
    return text.includes('\0') ? neither(name) : { type: 'scenario', text };
  } catch (error) {
    return error instanceof TypeError
      ? neither(name)
      : refused(`${name} cannot be read: the browser does not allow it.`);
  }
}

function traceOf(file: File, name: string): OpenedFile {
  if (file.size <= TRACE_MOST) return { type: 'trace', file };
  return refused(
    `${name} has ${megabytes(file.size)}; a trace that the page opens has at most ${megabytes(TRACE_MOST)}. Cut it: \`queuelab export FILE --format jsonl --to 30s\`.`,
  );
}

function neither(name: string): OpenedFile {
  return refused(`${name} is neither a scenario (YAML text) nor a trace (JSON Lines of queuelab). It was not opened.`);
}

function refused(problem: string): OpenedFile {
  return { type: 'refused', problem };
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 100_000) / 10} MB`;
}
