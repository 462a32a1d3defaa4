/**
 * A pen that writes SVG instead of painting: what is drawn with it becomes a file of shapes and of text that stays text. It keeps the little state that a canvas has (colours,
 * transform, clip) and nothing else; no DOM. Everything that comes from a scenario is escaped, and there is nothing in the file but shapes: no script, no link, no style.
 */
import type { Pen } from '../stage/pen.ts';

type Matrix = readonly [number, number, number, number, number, number];

interface State {
  readonly fillStyle: Pen['fillStyle'];
  readonly strokeStyle: Pen['strokeStyle'];
  readonly lineWidth: number;
  readonly lineCap: Pen['lineCap'];
  readonly lineJoin: Pen['lineJoin'];
  readonly font: string;
  readonly textAlign: Pen['textAlign'];
  readonly textBaseline: Pen['textBaseline'];
  readonly globalAlpha: number;
  readonly dash: readonly number[];
  readonly matrix: Matrix;
  /** Groups that are open because of a clip. */
  readonly groups: number;
}

const PLAIN: Matrix = [1, 0, 0, 1, 0, 0];
const FULL = Math.PI * 2;

/** How wide a text is in a font, px. */
export type Measure = (text: string, font: string) => number;

/** Where nothing can be measured: letters are a bit more than half as wide as high. */
export const roughly: Measure = (text, font) => text.length * 0.55 * fontOf(font).size;

export class SvgPen implements Pen {
  fillStyle: Pen['fillStyle'] = '#000000';
  strokeStyle: Pen['strokeStyle'] = '#000000';
  lineWidth = 1;
  lineCap: Pen['lineCap'] = 'butt';
  lineJoin: Pen['lineJoin'] = 'miter';
  font = '10px sans-serif';
  textAlign: Pen['textAlign'] = 'start';
  textBaseline: Pen['textBaseline'] = 'alphabetic';
  globalAlpha = 1;
  imageSmoothingEnabled = true;

  readonly #measure: Measure;
  readonly #out: string[] = [];
  readonly #saved: State[] = [];
  #dash: readonly number[] = [];
  #matrix: Matrix = PLAIN;
  #groups = 0;
  #clips = 0;
  #path: string[] = [];

  constructor(measure: Measure = roughly) {
    this.#measure = measure;
  }

  /** The whole file. `title` is what it shows, for those who do not see it. */
  file(width: number, height: number, title: string, background: string): string {
    const [w, h] = [round(width), round(height)];
    while (this.#groups > 0) this.#closeGroup();
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" role="img">`,
      `<title>${escapeXml(title)}</title>`,
      `<rect width="${w}" height="${h}" fill="${escapeXml(background)}"/>`,
      ...this.#out,
      '</svg>',
      '',
    ].join('\n');
  }

  save(): void {
    const { fillStyle, strokeStyle, lineWidth, lineCap, lineJoin, font, textAlign, textBaseline, globalAlpha } = this;
    const state = { fillStyle, strokeStyle, lineWidth, lineCap, lineJoin, font, textAlign, textBaseline, globalAlpha };
    this.#saved.push({ ...state, dash: this.#dash, matrix: this.#matrix, groups: this.#groups });
  }

  restore(): void {
    const state = this.#saved.pop();
    if (state === undefined) return;
    const { dash, matrix, groups, ...rest } = state;
    while (this.#groups > groups) this.#closeGroup();
    this.#dash = dash;
    this.#matrix = matrix;
    Object.assign(this, rest);
  }

  setTransform(...values: unknown[]): void {
    const [a, b, c, d, e, f] = values.map(Number);
    this.#matrix = [a ?? 1, b ?? 0, c ?? 0, d ?? 1, e ?? 0, f ?? 0];
  }

  translate(x: number, y: number): void {
    this.#multiply([1, 0, 0, 1, x, y]);
  }

  scale(x: number, y: number): void {
    this.#multiply([x, 0, 0, y, 0, 0]);
  }

  rotate(angle: number): void {
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    this.#multiply([cos, sin, -sin, cos, 0, 0]);
  }

  /** The file has no pixels to clear. */
  clearRect(): void {}

  beginPath(): void {
    this.#path = [];
  }

  closePath(): void {
    this.#path.push('Z');
  }

  moveTo(x: number, y: number): void {
    this.#path.push(`M${round(x)} ${round(y)}`);
  }

  lineTo(x: number, y: number): void {
    this.#path.push(`${this.#path.length === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`);
  }

  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void {
    this.#path.push(`C${[x1, y1, x2, y2, x, y].map(round).join(' ')}`);
  }

  rect(x: number, y: number, w: number, h: number): void {
    this.#path.push(`M${round(x)} ${round(y)}h${round(w)}v${round(h)}h${round(-w)}Z`);
  }

  roundRect(
    x: number,
    y: number,
    w: number,
    h: number,
    radii?: number | DOMPointInit | Iterable<number | DOMPointInit>,
  ): void {
    const first = typeof radii === 'number' ? radii : 0;
    const r = Math.max(0, Math.min(first, Math.abs(w) / 2, Math.abs(h) / 2));
    if (r === 0) return this.rect(x, y, w, h);
    const corner = (dx: number, dy: number): string => `a${round(r)} ${round(r)} 0 0 1 ${round(dx)} ${round(dy)}`;
    this.#path.push(
      `M${round(x + r)} ${round(y)}h${round(w - 2 * r)}${corner(r, r)}v${round(h - 2 * r)}${corner(-r, r)}h${round(2 * r - w)}${corner(-r, -r)}v${round(2 * r - h)}${corner(r, -r)}Z`,
    );
  }

  arc(x: number, y: number, radius: number, start: number, end: number): void {
    const r = round(Math.max(0, radius));
    const at = (angle: number): string =>
      `${round(x + radius * Math.cos(angle))} ${round(y + radius * Math.sin(angle))}`;
    const to = this.#path.length === 0 || this.#path.at(-1) === 'Z' ? 'M' : 'L';
    if (Math.abs(end - start) >= FULL - 1e-6) {
      this.#path.push(`M${at(start)}A${r} ${r} 0 1 1 ${at(start + Math.PI)}A${r} ${r} 0 1 1 ${at(start)}Z`);
      return;
    }
    const span = (((end - start) % FULL) + FULL) % FULL;
    this.#path.push(`${to}${at(start)}A${r} ${r} 0 ${span > Math.PI ? 1 : 0} 1 ${at(end)}`);
  }

  setLineDash(dash: Iterable<number>): void {
    this.#dash = [...dash];
  }

  fill(): void {
    this.#shape(`<path d="${this.#path.join('')}"`, this.#filled());
  }

  stroke(): void {
    this.#shape(`<path d="${this.#path.join('')}"`, this.#stroked());
  }

  fillRect(x: number, y: number, w: number, h: number): void {
    this.#shape(`<rect ${box(x, y, w, h)}`, this.#filled());
  }

  strokeRect(x: number, y: number, w: number, h: number): void {
    this.#shape(`<rect ${box(x, y, w, h)}`, this.#stroked());
  }

  fillText(text: string, x: number, y: number): void {
    this.#text(text, x, y, this.#filled());
  }

  strokeText(text: string, x: number, y: number): void {
    this.#text(text, x, y, this.#stroked());
  }

  measureText(text: string): { readonly width: number } {
    return { width: this.#measure(text, this.font) };
  }

  clip(): void {
    this.#clips++;
    const id = `clip-${this.#clips}`;
    this.#out.push(
      `<clipPath id="${id}"><path d="${this.#path.join('')}"${this.#transform()}/></clipPath><g clip-path="url(#${id})">`,
    );
    this.#groups++;
  }

  #closeGroup(): void {
    this.#out.push('</g>');
    this.#groups--;
  }

  #multiply([a, b, c, d, e, f]: Matrix): void {
    const [A, B, C, D, E, F] = this.#matrix;
    this.#matrix = [A * a + C * b, B * a + D * b, A * c + C * d, B * c + D * d, A * e + C * f + E, B * e + D * f + F];
  }

  #transform(): string {
    if (this.#matrix.every((value, i) => value === PLAIN[i])) return '';
    return ` transform="matrix(${this.#matrix.map((value) => Math.round(value * 10_000) / 10_000).join(' ')})"`;
  }

  #filled(): string {
    return ` fill="${escapeXml(String(this.fillStyle))}"${this.#alpha('fill')}`;
  }

  #stroked(): string {
    const dash = this.#dash.length === 0 ? '' : ` stroke-dasharray="${this.#dash.map(round).join(' ')}"`;
    const cap = this.lineCap === 'butt' ? '' : ` stroke-linecap="${this.lineCap}"`;
    const join = this.lineJoin === 'miter' ? '' : ` stroke-linejoin="${this.lineJoin}"`;
    return ` fill="none" stroke="${escapeXml(String(this.strokeStyle))}" stroke-width="${round(this.lineWidth)}"${dash}${cap}${join}${this.#alpha('stroke')}`;
  }

  #alpha(what: string): string {
    return this.globalAlpha >= 1 ? '' : ` ${what}-opacity="${round(Math.max(0, this.globalAlpha))}"`;
  }

  #shape(start: string, look: string): void {
    this.#out.push(`${start}${look}${this.#transform()}/>`);
  }

  #text(text: string, x: number, y: number, look: string): void {
    const { size, weight, family } = fontOf(this.font);
    const anchor = { center: ' text-anchor="middle"', right: ' text-anchor="end"', end: ' text-anchor="end"' };
    const align = this.textAlign in anchor ? anchor[this.textAlign as keyof typeof anchor] : '';
    const baseline = this.textBaseline === 'middle' ? ' dominant-baseline="central"' : '';
    const font = ` font-family="${escapeXml(family)}" font-size="${round(size)}"${weight === '400' ? '' : ` font-weight="${weight}"`}`;
    this.#out.push(
      `<text x="${round(x)}" y="${round(y)}"${font}${align}${baseline}${look}${this.#transform()}>${escapeXml(text)}</text>`,
    );
  }
}

/** In text and in attributes; characters that XML cannot hold are left out. */
export function escapeXml(text: string): string {
  return [...text]
    .filter((letter) => {
      const code = letter.codePointAt(0) ?? 0;
      return code >= 32
        ? code < 0xd800 || (code > 0xdfff && code < 0xfffe) || code > 0xffff
        : code === 9 || code === 10;
    })
    .join('')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Of a font as a canvas has it: `600 11px sans-serif`. */
function fontOf(font: string): { readonly size: number; readonly weight: string; readonly family: string } {
  const [, weight, size, family] = /^(?:(\d{3}|bold|normal)\s+)?([\d.]+)px\s+(.+)$/.exec(font) ?? [];
  const heavy = weight === 'bold' ? '700' : weight === undefined || weight === 'normal' ? '400' : weight;
  return { size: Number(size ?? 10), weight: heavy, family: family ?? 'sans-serif' };
}

function box(x: number, y: number, w: number, h: number): string {
  return `x="${round(w < 0 ? x + w : x)}" y="${round(h < 0 ? y + h : y)}" width="${round(Math.abs(w))}" height="${round(Math.abs(h))}"`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
