/**
 * The stage's boxes are HTML, so that they can be focused, read and clicked. For a picture they are read from the page as it stands, element by element (frame, colour, words as
 * they are broken into lines), and drawn with a pen. What is there only to be clicked is left out.
 */
import type { Pen } from '../stage/pen.ts';

export interface Area {
  /** In px of the page. */
  readonly left: number;
  readonly top: number;
  /** So many times as large as it is drawn. */
  readonly scale: number;
}

/** Never part of a picture. */
const SKIPPED = 'canvas, script, style, .unseen, .hint, .size, [role="menu"], [data-not-drawn]';

/** Draws all that is visible in an element, with its corner at (0, 0) of the area. */
export function drawBoxes(pen: Pen, root: Element, area: Area): void {
  for (const child of root.children) drawElement(pen, child, area, 1);
}

/** From where to where there are boxes, in px from the upper edge of the area; null when there are none. */
export function heightOf(root: Element, { top, scale }: Area): { readonly from: number; readonly to: number } | null {
  let [from, to] = [Number.POSITIVE_INFINITY, 0];
  for (const child of root.children) {
    if (child.matches(SKIPPED)) continue;
    const rect = child.getBoundingClientRect();
    if (rect.height === 0) continue;
    from = Math.min(from, (rect.top - top) / scale);
    to = Math.max(to, (rect.bottom - top) / scale);
  }
  return to > from ? { from, to } : null;
}

function drawElement(pen: Pen, element: Element, area: Area, over: number): void {
  if (element.matches(SKIPPED)) return;
  const style = getComputedStyle(element);
  if (style.display === 'none' || style.visibility === 'hidden') return;
  const alpha = over * Number(style.opacity);
  if (alpha < 0.02) return;
  const rect = element.getBoundingClientRect();
  if (element instanceof SVGElement) return drawVector(pen, element, area, alpha);
  if (rect.width > 0 && rect.height > 0) drawFrame(pen, element, style, placed(rect, area), alpha);
  for (const child of element.childNodes) {
    if (child instanceof Element) drawElement(pen, child, area, alpha);
    else if (child instanceof Text) drawText(pen, child, element, style, area, alpha);
  }
}

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

function placed(rect: DOMRect, { left, top, scale }: Area): Rect {
  return { x: (rect.x - left) / scale, y: (rect.y - top) / scale, w: rect.width / scale, h: rect.height / scale };
}

function drawFrame(pen: Pen, element: Element, style: CSSStyleDeclaration, rect: Rect, alpha: number): void {
  const { x, y, w, h } = rect;
  const radius = Math.min(Number.parseFloat(style.borderTopLeftRadius) || 0, w / 2, h / 2);
  const line = Number.parseFloat(style.borderTopWidth) || 0;
  pen.globalAlpha = alpha;
  if (isSeen(style.backgroundColor)) {
    pen.fillStyle = style.backgroundColor;
    pen.beginPath();
    pen.roundRect(x, y, w, h, style.borderTopLeftRadius.endsWith('%') ? Math.min(w, h) / 2 : radius);
    pen.fill();
  }
  if (style.backgroundImage.startsWith('repeating-linear-gradient')) drawHatching(pen, style, rect, radius, alpha);
  const isFramed = style.borderLeftStyle !== 'none' && (Number.parseFloat(style.borderLeftWidth) || 0) > 0;
  if (line > 0 && style.borderTopStyle !== 'none' && isSeen(style.borderTopColor) && !isFramed) {
    pen.fillStyle = style.borderTopColor;
    pen.fillRect(x, y, w, line);
  } else if (line > 0 && style.borderTopStyle !== 'none' && isSeen(style.borderTopColor)) {
    pen.strokeStyle = style.borderTopColor;
    pen.lineWidth = line;
    pen.setLineDash(style.borderTopStyle === 'dashed' ? [4, 3] : style.borderTopStyle === 'dotted' ? [1, 2] : []);
    pen.beginPath();
    pen.roundRect(
      x + line / 2,
      y + line / 2,
      Math.max(0, w - line),
      Math.max(0, h - line),
      style.borderTopLeftRadius.endsWith('%') ? Math.min(w, h) / 2 : Math.max(0, radius - line / 2),
    );
    pen.stroke();
    pen.setLineDash([]);
  }
  // Signs that the page paints as backgrounds.
  if (style.backgroundImage !== 'none' && w < 16) drawSign(pen, element, rect);
  pen.globalAlpha = 1;
}

/** Distance of two strokes, and how much of the ink is in them, as the page has it. */
const HATCHING = { every: 10 * Math.SQRT2, share: 0.05 } as const;

/** What is down is hatched. */
function drawHatching(pen: Pen, style: CSSStyleDeclaration, { x, y, w, h }: Rect, radius: number, alpha: number): void {
  pen.save();
  pen.fillStyle = style.getPropertyValue('--panel').trim();
  pen.beginPath();
  pen.roundRect(x, y, w, h, radius);
  pen.fill();
  pen.clip();
  pen.strokeStyle = style.getPropertyValue('--fault').trim();
  pen.lineWidth = 1;
  pen.globalAlpha = alpha * HATCHING.share;
  pen.beginPath();
  for (let from = x - h; from < x + w; from += HATCHING.every) {
    pen.moveTo(from, y + h);
    pen.lineTo(from + h, y);
  }
  pen.stroke();
  pen.restore();
}

/** A cross for what is down, two bars for what is paused. */
function drawSign(pen: Pen, element: Element, { x, y, w, h }: Rect): void {
  pen.strokeStyle = getComputedStyle(element).getPropertyValue('--fault').trim();
  pen.lineWidth = 2;
  pen.beginPath();
  if (element.closest('.paused') !== null) {
    pen.moveTo(x + w * 0.2, y);
    pen.lineTo(x + w * 0.2, y + h);
    pen.moveTo(x + w * 0.8, y);
    pen.lineTo(x + w * 0.8, y + h);
  } else {
    pen.moveTo(x + 1, y + 1);
    pen.lineTo(x + w - 1, y + h - 1);
    pen.moveTo(x + w - 1, y + 1);
    pen.lineTo(x + 1, y + h - 1);
  }
  pen.stroke();
}

/** Polygons and paths of straight lines are all that the boxes have. */
function drawVector(pen: Pen, element: SVGElement, area: Area, alpha: number): void {
  const svg = element.getBoundingClientRect();
  const { x, y } = placed(svg, area);
  for (const polygon of element.querySelectorAll('polygon')) {
    const style = getComputedStyle(polygon);
    pen.globalAlpha = alpha;
    pen.beginPath();
    for (let i = 0; i < polygon.points.numberOfItems; i++) {
      const point = polygon.points.getItem(i);
      if (i === 0) pen.moveTo(x + point.x, y + point.y);
      else pen.lineTo(x + point.x, y + point.y);
    }
    pen.closePath();
    if (isSeen(style.fill)) {
      pen.fillStyle = style.fill;
      pen.fill();
    }
    if (isSeen(style.stroke)) {
      pen.strokeStyle = style.stroke;
      pen.lineWidth = 1;
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }
}

function drawText(pen: Pen, node: Text, parent: Element, style: CSSStyleDeclaration, area: Area, alpha: number): void {
  if (node.data.trim() === '') return;
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  pen.fillStyle = style.color;
  pen.globalAlpha = alpha;
  pen.textAlign = 'left';
  pen.textBaseline = 'middle';
  const room = placed(parent.getBoundingClientRect(), area);
  const isCut = style.textOverflow === 'ellipsis' && style.overflowX === 'hidden';
  for (const { text, rect } of linesOf(node)) {
    const { x, y, h } = placed(rect, area);
    pen.fillText(isCut ? shortened(pen, text, room.x + room.w - x + 1) : text, x, y + h / 2);
  }
  pen.textBaseline = 'alphabetic';
  pen.globalAlpha = 1;
}

interface Line {
  readonly text: string;
  readonly rect: DOMRect;
}

/** A text as it is broken into lines on the page: words that stand at one height. */
function linesOf(node: Text): Line[] {
  const lines: { text: string; rect: DOMRect }[] = [];
  const range = document.createRange();
  for (const match of node.data.matchAll(/\S+/g)) {
    range.setStart(node, match.index);
    range.setEnd(node, match.index + match[0].length);
    const rect = range.getBoundingClientRect();
    if (rect.width === 0) continue;
    const last = lines.at(-1);
    if (last !== undefined && Math.abs(last.rect.y - rect.y) < rect.height / 2) last.text += ` ${match[0]}`;
    else lines.push({ text: match[0], rect });
  }
  return lines;
}

/** The text, or as much of its beginning as there is room for. */
export function shortened(pen: Pen, text: string, width: number): string {
  if (pen.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 0 && pen.measureText(`${text.slice(0, end)}…`).width > width) end--;
  return `${text.slice(0, end)}…`;
}

function isSeen(colour: string): boolean {
  return colour !== 'transparent' && colour !== 'none' && !/^rgba\(.*, 0\)$/.test(colour);
}
