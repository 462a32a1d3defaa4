/** The card of a caption, as a picture has it: a strip over the stage with what it says and its question, broken into lines. */
import type { ShownCaption } from '../stage/captions.ts';
import type { Palette } from '../stage/paint.ts';
import type { Pen } from '../stage/pen.ts';
import type { Measure } from './svg.ts';

export const TEXT = 'ui-sans-serif, system-ui, sans-serif';

const SAYS = { font: `400 14px ${TEXT}`, line: 20 } as const;
const ASKS = { font: `400 13px ${TEXT}`, line: 19 } as const;
/** Around the words; the dot stands before them. */
const ROOM = { left: 34, right: 16, above: 11, below: 11 } as const;

export interface Card {
  readonly says: readonly string[];
  readonly asks: readonly string[];
  /** Of all of it, px. */
  readonly height: number;
}

/** How a caption stands on a strip so wide. */
export function cardOf({ text, question }: ShownCaption, width: number, measure: Measure): Card {
  const inside = width - ROOM.left - ROOM.right;
  const says = linesIn(text, SAYS.font, inside, measure);
  const asks = linesIn(question, ASKS.font, inside, measure);
  return { says, asks, height: ROOM.above + says.length * SAYS.line + asks.length * ASKS.line + ROOM.below };
}

/** Draws a card at the upper edge, on a strip that may be higher than it needs. */
export function drawCard(pen: Pen, { says, asks }: Card, palette: Palette, width: number, height: number): void {
  pen.fillStyle = palette.panel;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = palette.inks.line;
  pen.fillRect(0, height - 1, width, 1);
  pen.fillStyle = palette.inks.fault;
  pen.beginPath();
  pen.arc(18, ROOM.above + SAYS.line / 2, 4.5, 0, 2 * Math.PI);
  pen.fill();
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  let y = ROOM.above;
  for (const [lines, { font, line }, ink] of [
    [says, SAYS, palette.inks.ink],
    [asks, ASKS, palette.inks.soft],
  ] as const) {
    pen.font = font;
    pen.fillStyle = ink;
    for (const words of lines) {
      pen.fillText(words, ROOM.left, y + line / 2);
      y += line;
    }
  }
  pen.textBaseline = 'alphabetic';
}

/** As many words a line as fit; a word that fits on none has one for itself. */
function linesIn(text: string, font: string, width: number, measure: Measure): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && measure(longer, font) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === '' ? lines : [...lines, line];
}
