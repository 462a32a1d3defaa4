/**
 * The stage and the diagram as pictures. The same painters that draw them on the page draw them with another pen: onto a canvas, or into
 * a file of vectors. Under each picture stands what it shows.
 */
import { draw } from '../diagram/draw.ts';
import { Painter, type Palette } from '../stage/paint.ts';
import type { Pen } from '../stage/pen.ts';
import { drawBoxes, heightOf, shortened } from './boxes.ts';
import { cardOf, drawCard, TEXT } from './card.ts';
import type { DiagramPicture, StagePicture } from './offers.ts';
import { type Measure, roughly, SvgPen } from './svg.ts';

/** Height of the line under a picture. */
export const FOOT = 30;
/** Height of the names over the diagram. */
const HEAD = 34;

/** Something with a size that can be drawn with any pen. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly background: string;
  readonly draw: (pen: Pen) => void;
}

/** `foot` says what it shows. What is empty above and below the boxes is cut off, and over it stands the caption of the moment. */
export function stagePicture(picture: StagePicture, foot: string): Picture {
  const { floor, scene, palette, width, scale, selected, caption } = picture;
  const { top: cut, height } = cutOf(picture);
  const card = caption === null ? null : cardOf(caption, width, ruler());
  const head = card?.height ?? 0;
  return {
    width,
    height: head + height + FOOT,
    background: palette.paper,
    draw: (pen) => {
      const { left, top } = floor.getBoundingClientRect();
      if (card !== null) drawCard(pen, card, palette, width, head);
      pen.save();
      pen.translate(0, head - cut);
      drawBoxes(pen, floor, { left, top, scale });
      new Painter(onto(pen), palette, 1).paint(scene, { x: 0, y: 0, width, height: cut + height, scale: 1 }, selected);
      pen.restore();
      drawFoot(pen, foot, palette, width, head + height);
    },
  };
}

/** Words and marks that are drawn around the boxes reach so far. */
const MARGIN = 56;

/** Which part of the stage has something in it. */
export function cutOf({ floor, height, scale }: StagePicture): { readonly top: number; readonly height: number } {
  const { left, top } = floor.getBoundingClientRect();
  const filled = heightOf(floor, { left, top, scale });
  if (filled === null) return { top: 0, height };
  const from = Math.max(0, Math.round(filled.from - MARGIN));
  return { top: from, height: Math.min(height, Math.round(filled.to + MARGIN)) - from };
}

export function diagramPicture({ paper, drawing, present }: DiagramPicture, foot: string): Picture {
  const { width, height, palette, left } = paper;
  return {
    width,
    height: HEAD + height + FOOT,
    background: palette.panel,
    draw: (pen) => {
      pen.save();
      pen.translate(0, HEAD);
      draw({ ...paper, context: onto(pen), ratio: 1 }, drawing, present);
      pen.restore();
      pen.font = `600 12px ${TEXT}`;
      pen.textAlign = 'center';
      pen.fillStyle = palette.inks.ink;
      for (const { name, x } of drawing.columns) pen.fillText(name, x - left, 22);
      drawFoot(pen, foot, palette, width, HEAD + height);
    },
  };
}

export function drawFoot(pen: Pen, foot: string, palette: Palette, width: number, top: number): void {
  pen.fillStyle = palette.panel;
  pen.fillRect(0, top, width, FOOT);
  pen.fillStyle = palette.inks.line;
  pen.fillRect(0, top, width, 1);
  pen.font = `400 12px ${TEXT}`;
  pen.textAlign = 'left';
  pen.fillStyle = palette.inks.soft;
  pen.fillText(shortened(pen, foot, width - 24), 12, top + 19);
}

/**
 * A pen whose owner has placed it already: who draws with it does not set its transform anew and clears nothing, but draws over what is there.
 */
function onto(pen: Pen): Pen {
  return new Proxy(pen, {
    get: (target, name) => {
      if (name === 'setTransform' || name === 'clearRect') return () => undefined;
      // A canvas would copy small canvases; drawn shape by shape they are sharp at any size.
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
    has: (target, name) => name !== 'drawImage' && Reflect.has(target, name),
  });
}

/** Measures as the browser draws. */
export function ruler(): Measure {
  const context = document.createElement('canvas').getContext('2d');
  if (context === null) return roughly;
  return (text, font) => {
    context.font = font;
    return context.measureText(text).width;
  };
}

/** A file of vectors. */
export function svgOf(picture: Picture, title: string): Blob {
  const pen = new SvgPen(ruler());
  picture.draw(pen);
  const { width, height, background } = picture;
  return new Blob([pen.file(width, height, title, background)], { type: 'image/svg+xml' });
}

/** A file of pixels, so many for each px. Rejects when the browser cannot make one so large. */
export async function pngOf(picture: Picture, ratio: number): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(picture.width * ratio);
  canvas.height = Math.round(picture.height * ratio);
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('the browser has no canvas for it');
  context.scale(ratio, ratio);
  context.fillStyle = picture.background;
  context.fillRect(0, 0, picture.width, picture.height);
  picture.draw(context);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob === null) throw new Error('the browser cannot make a picture so large');
  return blob;
}
