/** `queuelab open`: serves the built page with one local file, opens the browser on it, and goes on until it is stopped. */
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Served, serve } from './cli-serve.ts';

export interface OpenOptions {
  readonly port?: string;
  /** False: the address is only printed. */
  readonly browser?: boolean;
}

/** The built page, seen from the built command line. */
const PAGE = fileURLToPath(new URL('../web', import.meta.url));

/** Answers when it listens: with '', or with why it cannot. */
export async function openPage(
  file: string | null,
  { port, browser = true }: OpenOptions,
  print: (line: string) => void,
): Promise<string> {
  const problem = problemOf(file, port);
  if (problem !== '') return problem;
  let served: Served;
  try {
    served = await serve(PAGE, file, port === undefined ? null : Number(port));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EADDRINUSE'
      ? `port ${port} is taken; leave --port out to take a free one.`
      : `the page cannot be served (${code ?? String(error)}).`;
  }
  const url = file === null ? served.url : `${served.url}#open=local`;
  print(file === null ? `queuelab is at ${url}` : `${file} is at ${url} and is followed as it changes.`);
  print('Ctrl-C ends it.');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void served.close());
  if (browser) show(url, () => print('No browser could be started; open the address by hand.'));
  return '';
}

function problemOf(file: string | null, port: OpenOptions['port']): string {
  if (port !== undefined && !(Number.isInteger(Number(port)) && Number(port) >= 0 && Number(port) < 65_536))
    return `--port wants a number from 0 to 65535, not "${port}".`;
  if (file !== null && !existsSync(file)) return `there is no file ${file}; the library is in scenarios/.`;
  if (file !== null && statSync(file).isDirectory()) return `${file} is a folder; name one file in it.`;
  return existsSync(PAGE) ? '' : 'the page is not built; run `npm run build` in the folder of queuelab first.';
}

/** With what the system opens an address. */
function show(url: string, onfail: () => void): void {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '""', url]
        : ['xdg-open', url];
  const child = spawn(command ?? '', args, { stdio: 'ignore', detached: true });
  child.on('error', onfail);
  child.unref();
}
