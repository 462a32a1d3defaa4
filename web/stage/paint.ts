/**
 * A scene onto a canvas. Cells and tokens are drawn once per look and size on small canvases of their own and then copied, so thousands of them fit
 * into a frame. It knows colours and pixels, nothing of messages.
 */
import { type Curve, type Path, pointOn } from './geometry.ts';
import type { Look, Shape } from './keys.ts';
import {
  type Bar,
  BREAKER_AT,
  type Dot,
  type Ink,
  type Mark,
  type Scene,
  type Stream,
  type Stroke,
  type Token,
  type Wire,
  type Word,
} from './marks.ts';
import type { Pen } from './pen.ts';

export interface Palette {
  readonly keys: readonly string[];
  readonly inks: Readonly<Record<Ink, string>>;
  readonly paper: string;
  readonly panel: string;
  readonly lane: string;
}

/** Reads the palette from the page's custom properties. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const get = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    keys: [1, 2, 3, 4, 5, 6].map((i) => get(`key-${i}`)),
    inks: {
      ink: get('ink'),
      soft: get('soft'),
      faint: get('faint'),
      line: get('line'),
      accent: get('accent'),
      fault: get('fault'),
      violated: get('violated'),
      good: get('good'),
    },
    paper: get('paper'),
    panel: get('panel'),
    lane: get('lane'),
  };
}

const TEXT = 'ui-sans-serif, system-ui, sans-serif';
const MONO = 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace';
const TOKEN = 18;
const FULL = Math.PI * 2;
/** What would have to be written smaller is left to the words of a pointer. */
const LABEL_MIN = 8.9;
/** A band is at most so wide, px. */
const BAND = 22;
/** Shapes of about 9 pixels made of upright rectangles, which are filled many times faster than curves. */
const COARSE: Readonly<Record<Shape, readonly (readonly [number, number, number, number])[]>> = {
  square: [[-4, -4, 8, 8]],
  circle: [
    [-4, -2, 8, 4],
    [-2, -4, 4, 8],
  ],
  diamond: [
    [-5, -1, 10, 2],
    [-3, -3, 6, 6],
    [-1, -5, 2, 10],
  ],
  hexagon: [
    [-5, -2, 10, 4],
    [-3, -4, 6, 8],
  ],
};
const COARSE_TICK = [[-3, -1, 6, 3]] as const;
const SPRITES_MAX = 4_000;

export class Painter {
  readonly #context: Pen;
  readonly #palette: Palette;
  readonly #ratio: number;
  /** A canvas takes copies of small canvases; any other pen gets every shape itself. */
  readonly #copies: CanvasRenderingContext2D | null;
  readonly #sprites = new Map<string, HTMLCanvasElement>();
  readonly #inksOver = new Map<string, string>();
  /** As it was last set in this picture: to set one again has the page's styles looked at. */
  #font = '';

  constructor(context: Pen | CanvasRenderingContext2D, palette: Palette, ratio: number) {
    this.#context = context;
    this.#copies = 'drawImage' in context ? context : null;
    this.#palette = palette;
    this.#ratio = ratio;
  }

  /** `selected` gets a ring; 0 for none. `x` and `y` are what of the scene is at the canvas's upper left corner, `scale` how large it is drawn. */
  paint(
    scene: Scene,
    view: {
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly scale: number;
    },
    selected: number,
  ): void {
    const context = this.#context;
    const ratio = this.#ratio;
    this.#font = '';
    context.setTransform(ratio, 0, 0, ratio, -view.x * ratio, -view.y * ratio);
    context.clearRect(view.x, view.y, view.width, view.height);
    for (const wire of scene.wires) this.#wire(wire);
    for (const stream of scene.streams) this.#stream(stream);
    for (const stroke of scene.strokes) this.#stroke(stroke);
    for (const bar of scene.bars) this.#bar(bar);
    for (const mark of scene.marks) this.#mark(mark, mark.message === selected && selected !== 0);
    for (const dot of scene.dots) this.#dot(dot);
    context.imageSmoothingEnabled = false;
    this.#dense(scene.tokens, selected);
    for (const token of scene.tokens) {
      const isSelected = token.message === selected && selected !== 0;
      if (isSelected || !token.small) this.#token(token, isSelected);
    }
    context.imageSmoothingEnabled = true;
    for (const word of scene.words) this.#word(word);
  }

  #wire({ path, dashed, ink, cut, breaker }: Wire): void {
    const context = this.#context;
    context.strokeStyle = this.#palette.inks[ink];
    context.lineWidth = dashed ? 1.5 : 1.25;
    context.setLineDash(dashed ? [2, 4] : []);
    this.#path(path);
    context.setLineDash([]);
    const last = path.pieces.at(-1);
    if (last !== undefined) this.#arrow(last);
    if (!cut && breaker === '') return;
    const { x, y } = pointOn(path, cut ? 0.5 : BREAKER_AT);
    context.fillStyle = this.#palette.paper;
    if (cut) {
      // A gap, with the two ends of the cut.
      context.fillRect(x - 9, y - 14, 18, 28);
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x - 11, y + 10);
      context.lineTo(x - 5, y - 10);
      context.moveTo(x + 5, y + 10);
      context.lineTo(x + 11, y - 10);
      context.stroke();
    } else this.#breaker(x, y, breaker === 'open');
  }

  /** A switch between two contacts: lifted while it is open, dashed while it is tried. */
  #breaker(x: number, y: number, isOpen: boolean): void {
    const context = this.#context;
    context.fillRect(x - 13, y - 10, 26, 20);
    context.lineWidth = 2;
    context.setLineDash(isOpen ? [] : [3, 3]);
    context.beginPath();
    context.moveTo(x - 11, y);
    context.lineTo(x + (isOpen ? 7 : 11), y - (isOpen ? 9 : 0));
    context.stroke();
    context.setLineDash([]);
    for (const at of [x - 11, x + 11]) {
      context.beginPath();
      context.arc(at, y, 2.5, 0, FULL);
      context.fillStyle = this.#palette.inks.fault;
      context.fill();
    }
  }

  /** As wide as the messages are dense there; a piece of the way at a time. */
  #stream({ path, parts, colour, kind }: Stream): void {
    const context = this.#context;
    const isAnswers = kind === 'answers';
    const ink = isAnswers ? this.#palette.inks.good : (this.#palette.keys[colour] ?? this.#palette.inks.soft);
    context.fillStyle = ink;
    context.globalAlpha = isAnswers ? 0.4 : 0.6;
    const n = parts.length;
    const halves = parts.map((count) => (count === 0 ? 0.5 : Math.min(BAND, 2 + 3 * Math.sqrt(count)) / 2));
    const shift = isAnswers ? 9 : 0;
    const up: [number, number][] = [];
    const down: [number, number][] = [];
    for (let i = 0; i <= n; i++) {
      const at = pointOn(path, i / n);
      const next = pointOn(path, Math.min(1, i / n + 0.01));
      const before = pointOn(path, Math.max(0, i / n - 0.01));
      const [dx, dy] = [next.x - before.x, next.y - before.y];
      const length = Math.hypot(dx, dy) || 1;
      const [nx, ny] = [-dy / length, dx / length];
      const half = ((halves[Math.max(0, i - 1)] ?? 0) + (halves[Math.min(n - 1, i)] ?? 0)) / 2;
      up.push([at.x + nx * (shift + half), at.y + ny * (shift + half)]);
      down.push([at.x + nx * (shift - half), at.y + ny * (shift - half)]);
    }
    context.beginPath();
    for (const [x, y] of up) context.lineTo(x, y);
    for (const [x, y] of down.reverse()) context.lineTo(x, y);
    context.closePath();
    context.fill();
    context.globalAlpha = 1;
  }

  #path({ pieces }: Path): void {
    const context = this.#context;
    context.beginPath();
    const first = pieces[0];
    if (first !== undefined) context.moveTo(first.x0, first.y0);
    for (const { x1, y1, x2, y2, x3, y3 } of pieces) context.bezierCurveTo(x1, y1, x2, y2, x3, y3);
    context.stroke();
  }

  #arrow({ x0, y0, x2, y2, x3, y3 }: Curve): void {
    const dx = x3 - x2 || (x3 - x0) * 0.1;
    const dy = y3 - y2 || (y3 - y0) * 0.1;
    const length = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [dx / length, dy / length];
    const context = this.#context;
    context.beginPath();
    context.moveTo(x3 - 7 * ux - 4 * uy, y3 - 7 * uy + 4 * ux);
    context.lineTo(x3, y3);
    context.lineTo(x3 - 7 * ux + 4 * uy, y3 - 7 * uy - 4 * ux);
    context.stroke();
  }

  #stroke({ x0, y0, x1, y1, ink, width, dashed }: Stroke): void {
    const context = this.#context;
    context.strokeStyle = this.#palette.inks[ink];
    context.lineWidth = width;
    context.setLineDash(dashed ? [3, 3] : []);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
    context.stroke();
    context.setLineDash([]);
  }

  #bar({ x, y, w, h, ink, alpha }: Bar): void {
    if (w <= 0) return;
    const context = this.#context;
    context.globalAlpha = alpha;
    context.fillStyle = this.#palette.inks[ink];
    context.beginPath();
    context.roundRect(x, y, w, h, Math.min(h / 2, w / 2));
    context.fill();
    context.globalAlpha = 1;
  }

  #dot({ x, y, r, ink, filled }: Dot): void {
    const context = this.#context;
    context.beginPath();
    context.arc(x, y, r - (filled ? 0 : 0.5), 0, FULL);
    context.fillStyle = filled ? this.#palette.inks[ink] : this.#palette.panel;
    context.fill();
    if (filled) return;
    context.strokeStyle = this.#palette.inks[ink];
    context.lineWidth = 1.2;
    context.stroke();
  }

  #mark(mark: Mark, selected: boolean): void {
    const { x, y, size, state, look } = mark;
    const context = this.#context;
    if (selected) this.#halo(x, y, size / 2 + 4);
    const held = state === 'held';
    const cell = held && mark.ring >= 0 ? size * 0.86 : size;
    context.globalAlpha = mark.alpha;
    const key = `${state} ${look.shape} ${look.colour} ${cell} ${mark.poison}`;
    this.#stamp(key, x - (cell + 4) / 2, y - (cell + 4) / 2, cell + 4, (on) => this.#drawCell(on, cell, mark));
    // Not in the copy: in a busy run each message would need one of its own, for a frame or two.
    if (mark.label !== '') this.#label(mark, cell);
    context.globalAlpha = 1;
    if (mark.ring >= 0) this.#ring(mark);
    if (mark.attempt > 1 && size >= 18) this.#attempt(x + size / 2, y - size / 2, mark.attempt);
  }

  /** What is left of a lock, in its key's colour and at last in orange; of a delay, of which no harm comes, calm and close. */
  #ring({ x, y, size, ring, look, state }: Mark): void {
    const context = this.#context;
    const isDelay = state === 'delayed';
    const r = size * 0.5 + (size < 20 || isDelay ? 4 : 7);
    context.lineWidth = isDelay ? 1.75 : 2.5;
    context.strokeStyle = this.#palette.inks.line;
    context.globalAlpha = 0.6;
    context.beginPath();
    context.arc(x, y, r, 0, FULL);
    context.stroke();
    context.globalAlpha = 1;
    const { inks, keys } = this.#palette;
    context.strokeStyle = isDelay ? inks.soft : ring < 0.1 ? inks.fault : (keys[look.colour] ?? '');
    context.beginPath();
    context.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + FULL * ring);
    context.stroke();
  }

  /** Small tokens, a colour at a time. */
  #dense(tokens: readonly Token[], selected: number): void {
    const context = this.#context;
    const groups = new Map<string, Token[]>();
    for (const token of tokens) {
      if (!token.small || (token.message === selected && selected !== 0)) continue;
      const colour = this.#colourOf(token);
      const group = groups.get(colour);
      if (group === undefined) groups.set(colour, [token]);
      else group.push(token);
    }
    for (const [colour, group] of groups) {
      context.fillStyle = colour;
      for (const { x, y, kind, look, alpha } of group) {
        context.globalAlpha = alpha;
        const left = Math.round(x);
        const top = Math.round(y);
        for (const [dx, dy, w, h] of kind === 'message' || kind === 'delivery' ? COARSE[look.shape] : COARSE_TICK) {
          context.fillRect(left + dx, top + dy, w, h);
        }
      }
    }
    context.globalAlpha = 1;
  }

  #colourOf({ kind, look }: Token): string {
    const { inks, keys } = this.#palette;
    if (kind === 'tick') return inks.good;
    return kind === 'cross' || kind === 'refusal' ? inks.fault : (keys[look.colour] ?? '');
  }

  /** To whole pixels of the screen: a copy without interpolation takes a third of the time. */
  #snap(at: number): number {
    return Math.round(at * this.#ratio) / this.#ratio;
  }

  #attempt(x: number, y: number, attempt: number): void {
    const context = this.#context;
    context.beginPath();
    context.arc(x, y, 7.5, 0, FULL);
    context.fillStyle = this.#palette.panel;
    context.fill();
    context.strokeStyle = this.#palette.inks.fault;
    context.lineWidth = 1.25;
    context.stroke();
    context.fillStyle = this.#palette.inks.fault;
    this.#write(`600 11px ${TEXT}`);
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(attempt > 9 ? '9+' : String(attempt), x, y + 0.5);
    context.textBaseline = 'alphabetic';
  }

  #halo(x: number, y: number, r: number): void {
    const context = this.#context;
    context.strokeStyle = this.#palette.inks.accent;
    context.lineWidth = 2;
    context.beginPath();
    context.roundRect(x - r, y - r, 2 * r, 2 * r, 9);
    context.stroke();
  }

  #drawCell(on: Pen, size: number, { state, look, poison }: Mark): void {
    const colour = this.#palette.keys[look.colour] ?? '';
    const middle = size / 2 + 2;
    on.translate(middle, middle);
    path(on, look.shape, size);
    if (state === 'solid') {
      on.fillStyle = colour;
      on.fill();
    } else if (state === 'gone') {
      on.fillStyle = this.#palette.paper;
      on.fill();
      on.strokeStyle = this.#palette.inks.fault;
      on.lineWidth = 1.25;
      path(on, look.shape, size - 1.5);
      on.stroke();
    } else if (state === 'faded') {
      on.globalAlpha = 0.34;
      on.fillStyle = colour;
      on.fill();
      on.globalAlpha = 1;
    } else if (state === 'void') {
      on.globalAlpha = 0.55;
      on.strokeStyle = colour;
      on.lineWidth = 1.25;
      path(on, look.shape, size - 1.5);
      on.stroke();
      on.globalAlpha = 1;
      on.lineWidth = 1;
      on.strokeStyle = this.#palette.inks.soft;
      on.beginPath();
      on.moveTo(-size / 2, size / 2);
      on.lineTo(size / 2, -size / 2);
      on.stroke();
    } else {
      on.fillStyle = state === 'outline' || state === 'delayed' ? this.#palette.panel : this.#palette.lane;
      on.fill();
      on.strokeStyle = colour;
      on.lineWidth = 1.5;
      on.setLineDash(state === 'held' ? [3, 2] : state === 'delayed' ? [1.5, 2.5] : []);
      path(on, look.shape, size - 1.5);
      on.stroke();
      on.setLineDash([]);
    }
    if (poison) this.#hatch(on, look.shape, size, state === 'solid' ? this.#over(colour) : this.#palette.inks.fault);
  }

  #write(font: string): void {
    if (font === this.#font) return;
    this.#font = font;
    this.#context.font = font;
  }

  /** The ink of words over a colour. */
  #over(colour: string): string {
    let ink = this.#inksOver.get(colour);
    if (ink === undefined) {
      ink = readable(colour);
      this.#inksOver.set(colour, ink);
    }
    return ink;
  }

  #label({ x, y, state, look, poison, label }: Mark, size: number): void {
    const broad = look.shape === 'square' || look.shape === 'circle' ? 1.5 : 1.25;
    const most = Math.min(12, size * 0.5, (size * broad) / label.length + 1);
    if (most < LABEL_MIN) return;
    // In halves, so that there are few fonts.
    const font = Math.floor(2 * most) / 2;
    const colour = this.#palette.keys[look.colour] ?? '';
    const { inks, panel } = this.#palette;
    const context = this.#context;
    this.#write(`600 ${font}px ${TEXT}`);
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    if (poison) {
      // Words stay readable on the hatching.
      context.lineWidth = 3.5;
      context.strokeStyle = state === 'solid' ? colour : panel;
      context.strokeText(label, x, y + 0.5);
    }
    context.fillStyle = state === 'solid' ? this.#over(colour) : state === 'gone' ? inks.fault : inks.ink;
    context.fillText(label, x, y + 0.5);
    context.textBaseline = 'alphabetic';
  }

  #hatch(on: Pen, shape: Shape, size: number, ink: string): void {
    on.save();
    path(on, shape, size);
    on.clip();
    on.globalAlpha = 0.5;
    on.strokeStyle = ink;
    on.lineWidth = 2;
    for (let at = -size; at <= size; at += Math.max(5, size / 4)) {
      on.beginPath();
      on.moveTo(at - size / 2, size / 2);
      on.lineTo(at + size / 2, -size / 2);
      on.stroke();
    }
    on.restore();
  }

  #token(token: Token, selected: boolean): void {
    const { x, y, look, kind } = token;
    const context = this.#context;
    if (selected) this.#halo(x, y, 13);
    context.globalAlpha = token.alpha;
    const [left, top] = [this.#snap(x - (TOKEN + 4) / 2), this.#snap(y - (TOKEN + 4) / 2)];
    this.#stamp(`token ${kind} ${look.shape} ${look.colour}`, left, top, TOKEN + 4, (on) =>
      this.#drawToken(on, kind, look),
    );
    if (token.label !== '') {
      const inside = kind === 'message' || kind === 'delivery' || kind === 'effect';
      const font = inside ? Math.max(7, Math.min(kind === 'delivery' ? 8.5 : 9.5, 17 / token.label.length + 2)) : 11;
      this.#write(`600 ${font}px ${TEXT}`);
      context.textAlign = inside ? 'center' : 'left';
      context.fillStyle = inside ? this.#over(this.#palette.keys[look.colour] ?? '') : this.#palette.inks.soft;
      if (kind === 'message' || kind === 'delivery') context.fillText(token.label, x, y + font * 0.36);
      else if (kind === 'tick') {
        this.#write(`400 11px ${TEXT}`);
        context.textAlign = 'center';
        context.fillText(token.label, x, y - 10);
      }
    }
    context.globalAlpha = 1;
  }

  #drawToken(on: Pen, kind: Token['kind'], look: Look): void {
    on.translate(TOKEN / 2 + 2, TOKEN / 2 + 2);
    const colour = this.#palette.keys[look.colour] ?? '';
    on.lineCap = 'round';
    on.lineJoin = 'round';
    switch (kind) {
      case 'message':
        path(on, look.shape === 'square' ? 'circle' : look.shape, TOKEN - 1);
        on.fillStyle = colour;
        on.fill();
        return;
      case 'delivery':
        // A copy: the message within a frame, while its place in the queue is kept.
        path(on, look.shape === 'square' ? 'circle' : look.shape, TOKEN - 6);
        on.fillStyle = colour;
        on.fill();
        on.strokeStyle = colour;
        on.lineWidth = 1.5;
        path(on, look.shape === 'square' ? 'circle' : look.shape, TOKEN);
        on.stroke();
        return;
      case 'effect':
        on.fillStyle = colour;
        path(on, 'diamond', 11);
        on.fill();
        return;
      case 'reply':
        on.strokeStyle = colour;
        on.fillStyle = this.#palette.paper;
        on.lineWidth = 2;
        on.beginPath();
        on.arc(0, 0, 4, 0, FULL);
        on.fill();
        on.stroke();
        return;
      case 'tick':
        on.strokeStyle = this.#palette.inks.good;
        on.lineWidth = 2.4;
        on.beginPath();
        on.moveTo(-6, 0);
        on.lineTo(-2, 4.5);
        on.lineTo(6.5, -5);
        on.stroke();
        return;
      case 'refusal':
      case 'cross': {
        const r = kind === 'cross' ? 4 : 5;
        on.strokeStyle = this.#palette.inks.fault;
        on.lineWidth = 2.4;
        on.beginPath();
        on.moveTo(-r, -r);
        on.lineTo(r, r);
        on.moveTo(r, -r);
        on.lineTo(-r, r);
        on.stroke();
        return;
      }
      default:
        kind satisfies never;
    }
  }

  #word({ x, y, text, ink, align, bold, mono }: Word): void {
    const context = this.#context;
    this.#write(`${bold ? 600 : 400} ${mono ? 11 : 11.5}px ${mono ? MONO : TEXT}`);
    context.textAlign = align;
    if (mono) {
      // Keys on links: the link does not run through the letters.
      context.lineWidth = 4;
      context.lineJoin = 'round';
      context.strokeStyle = this.#palette.paper;
      context.strokeText(text, x, y);
    }
    context.fillStyle = this.#palette.inks[ink];
    context.fillText(text, x, y);
  }

  /** Something that looks alike in many places, with this corner. */
  #stamp(key: string, left: number, top: number, size: number, draw: (on: Pen) => void): void {
    if (this.#copies !== null) {
      this.#copies.drawImage(this.#sprite(key, size, draw), left, top, size, size);
      return;
    }
    const context = this.#context;
    context.save();
    context.translate(left, top);
    draw(context);
    context.restore();
  }

  #sprite(key: string, size: number, draw: (on: Pen) => void): HTMLCanvasElement {
    const known = this.#sprites.get(key);
    if (known !== undefined) return known;
    if (this.#sprites.size > SPRITES_MAX) this.#sprites.clear();
    const canvas = document.createElement('canvas');
    canvas.width = Math.ceil(size * this.#ratio);
    canvas.height = canvas.width;
    const on = canvas.getContext('2d');
    if (on !== null) {
      on.scale(this.#ratio, this.#ratio);
      draw(on);
    }
    this.#sprites.set(key, canvas);
    return canvas;
  }
}

/** The outline of a shape of this size around the origin. */
function path(on: Pen, shape: Shape, size: number): void {
  const r = size / 2;
  on.beginPath();
  switch (shape) {
    case 'square':
      on.roundRect(-r, -r, size, size, size * 0.2);
      return;
    case 'circle':
      on.arc(0, 0, r, 0, FULL);
      return;
    case 'diamond':
      on.moveTo(0, -r * 1.12);
      on.lineTo(r * 1.12, 0);
      on.lineTo(0, r * 1.12);
      on.lineTo(-r * 1.12, 0);
      on.closePath();
      return;
    case 'hexagon':
      on.moveTo(-r, 0);
      on.lineTo(-r * 0.55, -r * 0.95);
      on.lineTo(r * 0.55, -r * 0.95);
      on.lineTo(r, 0);
      on.lineTo(r * 0.55, r * 0.95);
      on.lineTo(-r * 0.55, r * 0.95);
      on.closePath();
      return;
    default:
      shape satisfies never;
  }
}

/** White or near black, whichever is read better on a colour such as `#0072b2`. */
export function readable(colour: string): string {
  const n = Number.parseInt(colour.slice(1), 16);
  const light = [n >> 16, (n >> 8) & 255, n & 255].map((value) => {
    const c = value / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * (light[0] ?? 0) + 0.7152 * (light[1] ?? 0) + 0.0722 * (light[2] ?? 0);
  return luminance > 0.2 ? '#14171b' : '#ffffff';
}
