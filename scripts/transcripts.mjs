// `npm run transcripts`: builds the command line and writes the outputs in test/transcripts anew. Read the difference like code.
import { spawnSync } from 'node:child_process';

const env = { ...process.env, UPDATE: '1' };
for (const args of [
  ['vite', 'build', '-c', 'vite.cli.config.ts', '--logLevel', 'warn'],
  ['vitest', 'run', '--project', 'unit', 'test/transcripts'],
]) {
  const { status } = spawnSync('npx', args, { stdio: 'inherit', env, shell: process.platform === 'win32' });
  if (status !== 0) process.exit(status ?? 1);
}
