// `npm start`: serves the built web app to this machine, on the first free port from 4173 on, and prints where; Ctrl-C stops it. Builds
// the app first if `npm ci` did not.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { preview } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}/dist/web/index.html`)) {
  const status = spawnSync('npm run build', { cwd: root, stdio: 'inherit', shell: true }).status ?? 1;
  if (status !== 0) process.exit(status);
}

const server = await preview({
  configFile: `${root}/vite.config.ts`,
  root: `${root}/web`,
  logLevel: 'warn',
  preview: { host: '127.0.0.1' },
});
console.log(
  `\n  queuelab is running at  ${server.resolvedUrls?.local[0]}\n\n  Open it in a browser. Ctrl-C stops it.\n`,
);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
