/**
 * A stretch of a run as a moving picture. The playhead walks over it, and after each step the stage is drawn onto a canvas as it stands on the page; the frames go into a GIF,
 * one after the other, or are recorded by the browser while they are shown. Afterwards the playhead is where it was.
 */
import { flushSync } from 'svelte';
import type { Micros } from '../../core/types.ts';
import type { Lab } from '../lab.svelte.ts';
import { clock } from '../stage/describe.ts';
import { Painter } from '../stage/paint.ts';
import { drawBoxes } from './boxes.ts';
import { cardOf, drawCard } from './card.ts';
import { GifWriter } from './gif.ts';
import type { Pictures } from './offers.ts';
import { cutOf, drawFoot, FOOT, ruler } from './pictures.ts';

export interface Film {
  readonly fromUs: Micros;
  readonly toUs: Micros;
  /** How long it plays. */
  readonly lastsMs: number;
  /** Pixels. */
  readonly width: number;
}

/** Hears how much is done, 0 … 1; false gives it up. */
export type Going = (share: number) => boolean;

/** Of a GIF; browsers draw faster ones no faster. */
const GIF_FRAME_MS = 80;
const VIDEO_FRAMES_PER_SECOND = 30;
const VIDEO_BITS_PER_SECOND = 4_000_000;
/** Those that browsers can record, the best first. */
const VIDEO_TYPES = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm', 'video/mp4'];

/** What this browser can record; '' when it can record nothing. */
export function videoType(): string {
  if (typeof MediaRecorder === 'undefined') return '';
  return VIDEO_TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? '';
}

/** Null when it was given up, or there is nothing to draw. */
export async function gifOf(lab: Lab, pictures: Pictures, film: Film, going: Going): Promise<Blob | null> {
  return filmed(lab, pictures, film, async (camera) => {
    const { canvas, context } = camera;
    const writer = new GifWriter(canvas.width, canvas.height, GIF_FRAME_MS);
    const frames = Math.max(2, Math.round(film.lastsMs / GIF_FRAME_MS));
    for (let i = 0; i < frames; i++) {
      camera.shoot(i / (frames - 1));
      writer.frame(context.getImageData(0, 0, canvas.width, canvas.height).data);
      if (!going((i + 1) / frames)) return null;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return new Blob([writer.end()], { type: 'image/gif' });
  });
}

/** Takes as long as the film lasts. Null when it was given up, or there is nothing to draw. */
export async function videoOf(lab: Lab, pictures: Pictures, film: Film, going: Going): Promise<Blob | null> {
  return filmed(lab, pictures, film, async (camera) => {
    camera.shoot(0);
    const mimeType = videoType();
    const options = { mimeType, videoBitsPerSecond: VIDEO_BITS_PER_SECOND };
    const recorder = new MediaRecorder(camera.canvas.captureStream(VIDEO_FRAMES_PER_SECOND), options);
    const parts: Blob[] = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((resolve, reject) => {
      recorder.onstop = resolve;
      recorder.onerror = () => reject(new Error('the browser could not record it'));
    });
    recorder.start();
    const begun = performance.now();
    let isWanted = true;
    for (let share = 0; share < 1 && isWanted; ) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      share = Math.min(1, (performance.now() - begun) / film.lastsMs);
      camera.shoot(share);
      isWanted = going(share);
    }
    recorder.stop();
    await ended;
    return isWanted ? new Blob(parts, { type: mimeType.split(';')[0] ?? '' }) : null;
  });
}

interface Camera {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  /** Draws the moment at this share of the stretch. */
  readonly shoot: (share: number) => void;
}

async function filmed(
  lab: Lab,
  pictures: Pictures,
  { fromUs, toUs, width }: Film,
  take: (camera: Camera) => Promise<Blob | null>,
): Promise<Blob | null> {
  const first = pictures.stage;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (first === null || context === null) return null;
  const ratio = width / first.width;
  const cut = cutOf(first);
  const measure = ruler();
  // As high as the highest card of the stretch, so that nothing moves when one comes.
  const head = Math.max(
    0,
    ...first.captionsBetween(fromUs, toUs).map((one) => cardOf(one, first.width, measure).height),
  );
  const whole = head + cut.height + FOOT;
  canvas.width = width;
  // Recorders want even numbers.
  canvas.height = 2 * Math.round((whole * ratio) / 2);
  // The messages have a paper of their own, because the painter clears its paper.
  const sheet = document.createElement('canvas');
  const onSheet = sheet.getContext('2d');
  if (onSheet === null) return null;
  sheet.width = width;
  sheet.height = Math.round(cut.height * ratio);
  const painter = new Painter(onSheet, first.palette, ratio);
  const { timeUs, fact } = lab;
  const title = lab.scenario?.title ?? '';
  const shoot = (share: number): void => {
    lab.goToTime(Math.round(fromUs + (toUs - fromUs) * share));
    flushSync();
    const shown = pictures.stage;
    if (shown === null) return;
    const { palette, floor, scene, selected, caption } = shown;
    // What fades on the page would be seen between two colours, since the film goes faster or slower than the page's clock.
    for (const change of floor.getAnimations({ subtree: true })) if (change instanceof CSSTransition) change.finish();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = palette.paper;
    context.fillRect(0, 0, shown.width, whole);
    if (caption !== null) drawCard(context, cardOf(caption, shown.width, measure), palette, shown.width, head);
    context.translate(0, head);
    const { left, top } = floor.getBoundingClientRect();
    drawBoxes(context, floor, { left, top: top + cut.top * shown.scale, scale: shown.scale });
    const view = { x: 0, y: cut.top, width: shown.width, height: cut.height, scale: 1 };
    painter.paint(scene, view, selected);
    context.drawImage(sheet, 0, 0, shown.width, cut.height);
    drawFoot(context, `${clock(lab.timeUs)}  ${title}`, palette, shown.width, cut.height);
  };
  try {
    return await take({ canvas, context, shoot });
  } finally {
    lab.timeUs = timeUs;
    lab.fact = fact;
  }
}
