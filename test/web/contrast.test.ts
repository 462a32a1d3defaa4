import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LOOKS } from '../../web/stage/keys.ts';
import { readable } from '../../web/stage/paint.ts';

type Colour = readonly [number, number, number];

const css = readFileSync('web/ui/tokens.css', 'utf8');
const light = tokens(/^:root,\s*\.queuelab \{(.*?)\}/ms);
const dark = { ...light, ...tokens(/^\[data-theme="dark"\] \{(.*?)\}/ms) };
const THEMES = [
  ['light', light],
  ['dark', dark],
] as const;

/** Inks that texts are written in, and what they are written on. */
const TEXTS = ['ink', 'soft', 'accent', 'fault', 'violated', 'good'];
const GROUNDS = ['paper', 'panel', 'lane', 'present'];

/** What eyes without one kind of cone see of a colour in linear light. Source: Machado, Oliveira and Fernandes, 2009, severity 1. */
const EYES: Readonly<Record<string, readonly Colour[]>> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
/** Distance in CIELAB below which two colours that are not beside each other may be taken for one. */
const ALIKE = 20;

function tokens(block: RegExp): Readonly<Record<string, string>> {
  const found = block.exec(css)?.[1] ?? '';
  return Object.fromEntries(
    [...found.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  );
}

function linear(hex: string): Colour {
  const n = Number.parseInt(hex.slice(1), 16);
  const part = (value: number): number => {
    const c = value / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return [part(n >> 16), part((n >> 8) & 255), part(n & 255)];
}

function luminance(hex: string): number {
  const [r, g, b] = linear(hex);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG 2's contrast ratio, 1 … 21. */
function contrast(a = '', b = ''): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function dot(a: Colour, b: Colour): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** CIELAB of a colour as these eyes see it. */
function seen(hex: string, eyes: readonly Colour[]): Colour {
  const light = linear(hex);
  const [r = 0, g = 0, b = 0] = eyes.map((row) => Math.max(0, Math.min(1, dot(row, light))));
  const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function apart(a: string, b: string, eyes: readonly Colour[]): number {
  const [p, q] = [seen(a, eyes), seen(b, eyes)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

describe.each(THEMES)('in %s', (_, theme) => {
  it.each(TEXTS)('%s is read on every ground (AA, 4.5 to 1)', (text) => {
    for (const ground of GROUNDS) expect(contrast(theme[text], theme[ground]), ground).toBeGreaterThanOrEqual(4.5);
  });

  it('the number on a message is read on every key’s colour', () => {
    for (let key = 1; key <= 6; key++) {
      const colour = theme[`key-${key}`] ?? '';
      expect(contrast(readable(colour), colour), `key ${key}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it.each(Object.entries(EYES))('two keys that look alike to %s eyes differ in shape', (_, eyes) => {
    const first = LOOKS.slice(0, 6);
    for (const [i, a] of first.entries()) {
      for (const b of first.slice(i + 1)) {
        if (a.shape !== b.shape) continue;
        const [one = '', other = ''] = [theme[`key-${a.colour + 1}`], theme[`key-${b.colour + 1}`]];
        expect(apart(one, other, eyes), `keys ${a.colour + 1} and ${b.colour + 1}`).toBeGreaterThan(ALIKE);
      }
    }
  });
});

it('no two keys have the same look until there are more keys than looks', () => {
  expect(new Set(LOOKS.map(({ colour, shape }) => `${colour} ${shape}`)).size).toBe(LOOKS.length);
});
