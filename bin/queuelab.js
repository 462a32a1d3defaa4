#!/usr/bin/env node
// Starts the built command line. Its source is sim/cli.ts; `npm run build` (which `npm ci` does too) makes the built file.
import { existsSync } from 'node:fs';

const built = new URL('../dist/cli/cli.js', import.meta.url);
if (existsSync(built)) {
  await import(built.href);
} else {
  console.error('queuelab: not built yet - run `npm ci` (or `npm run build`) in its folder first.');
  process.exitCode = 2;
}
