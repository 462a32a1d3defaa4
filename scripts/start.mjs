// `npm start`: serves the built web app to this machine, on the first free port from 4173 on, and prints where; Ctrl-C stops it. Builds
// the app first if `npm ci` did not. It is `queuelab open` without a file and without opening a browser.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(`${root}/dist/web/index.html`) || !existsSync(`${root}/dist/cli/cli.js`)) {
  const status = spawnSync('npm run build', { cwd: root, stdio: 'inherit', shell: true }).status ?? 1;
  if (status !== 0) process.exit(status);
}
process.argv = [process.execPath, 'queuelab', 'open', '--no-browser'];
await import('../bin/queuelab.js');
