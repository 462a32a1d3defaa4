/** The speed of playing as people read it, on a scale of doublings. */
import { type ScaleLogarithmic, scaleLog } from 'd3';

/** Doublings that the slider offers below and above the default. */
const SLOWER = 5;
const FASTER = 12;

/** From a speed to its place on the slider: so many doublings faster (or slower, below 0) than the default. */
export function octaves(defaultSpeed: number): ScaleLogarithmic<number, number> {
  const speeds = [defaultSpeed / 2 ** SLOWER, defaultSpeed * 2 ** FASTER];
  return scaleLog(speeds, [-SLOWER, FASTER]).clamp(true);
}

/** How fast virtual time passes for who watches: "64× slower", "real time", "40× faster". Of µs in a ms of watching. */
export function speedWords(usPerMs: number): string {
  const rate = usPerMs / 1000;
  const [times, word] = rate < 1 ? [1 / rate, 'slower'] : [rate, 'faster'];
  const rounded = times >= 10 ? Math.round(times) : Math.round(times * 10) / 10;
  return rounded === 1 ? 'real time' : `${rounded}× ${word}`;
}

/** The same for ears: "64× slower than real time". */
export function speedSpoken(usPerMs: number): string {
  const words = speedWords(usPerMs);
  return words === 'real time' ? words : `${words} than real time`;
}
