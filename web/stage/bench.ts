/** How long a frame takes with many messages in transit: the painter's own work on a canvas of the size of a usual stage. */
import { pointOn } from './geometry.ts';
import { Painter, readPalette } from './paint.ts';
import type { Scene, Token } from './scene.ts';

const FRAMES = 120;
const WIDTH = 1040;
const HEIGHT = 690;

/** The 95th percentile over 120 frames of the time to draw so many tokens, in ms. */
export async function benchFrames(tokens: number): Promise<number> {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  canvas.className = 'unseen';
  document.body.append(canvas);
  // Drawn by the processor and at once, as where there is no graphics card: the slowest case, and one that can be timed.
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) return Number.POSITIVE_INFINITY;
  const painter = new Painter(context, readPalette(document.body), 1);
  const times: number[] = [];
  for (let frame = 0; frame < FRAMES; frame++) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const before = performance.now();
    painter.paint(sceneOf(tokens, frame), WIDTH, HEIGHT, 0);
    // Reading a pixel waits for the drawing to be done.
    context.getImageData(0, 0, 1, 1);
    times.push(performance.now() - before);
  }
  canvas.remove();
  times.sort((a, b) => a - b);
  return times[Math.floor(FRAMES * 0.95)] ?? 0;
}

/** Tokens spread over twelve links, moving on by a frame. */
function sceneOf(count: number, frame: number): Scene {
  const curves = Array.from({ length: 12 }, (_, i) => {
    const y = 40 + i * 50;
    return { x0: 60, y0: HEIGHT / 2, x1: 400, y1: HEIGHT / 2, x2: 600, y2: y, x3: 980, y3: y };
  });
  const tokens: Token[] = [];
  for (let i = 0; i < count; i++) {
    const curve = curves[i % curves.length];
    if (curve === undefined) continue;
    const { x, y } = pointOn(curve, (((i * 0.618 + frame / FRAMES) % 1) + 1) % 1);
    const shape = (['square', 'circle', 'diamond', 'hexagon'] as const)[i % 4] ?? 'square';
    const kind = i % 3 === 2 ? 'tick' : 'message';
    tokens.push({
      message: i + 1,
      fact: i + 1,
      x,
      y,
      look: { colour: i % 6, shape },
      kind,
      alpha: 1,
      label: '',
      hint: '',
    });
  }
  const wires = curves.map((curve) => ({ curve, dashed: false, ink: 'line' as const, cut: false, load: count / 12 }));
  return { wires, marks: [], tokens, words: [], strokes: [], bars: [], dots: [] };
}
