/** An export in blocks of text, for a thread that wants to breathe between two of them. */
import { EXPORTS, type Exported, type ExportFormat } from '../../sim/exports/index.ts';

/** Letters of a block, about. */
const BLOCK = 250_000;

/** The file in blocks of whole lines. */
export function* blocksOf(format: ExportFormat, what: Exported): Generator<string> {
  let lines: string[] = [];
  let size = 0;
  for (const line of EXPORTS[format].lines(what)) {
    lines.push(line);
    size += line.length + 1;
    if (size < BLOCK) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
    size = 0;
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}
