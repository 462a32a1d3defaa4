// Runs after `npm ci` and builds the web app and the command line. npm runs it too when somebody calls `npx queuelab` before
// anything is installed: there is nothing to build with then, and a failure would leave npx broken for good, so it does nothing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../node_modules/vite/package.json', import.meta.url))) process.exit(0);
process.exit(spawnSync('npm run build', { stdio: 'inherit', shell: true }).status ?? 1);
