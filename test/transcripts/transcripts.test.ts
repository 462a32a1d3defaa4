/**
 * The command line as people see it. Each file is a row of cases: remarks that begin with #, a command line, `----`, and what it printed, with the exit
 * status where it is not 0. Some are played by the built command line, the others by the same commands without a process of their own. `UPDATE=1` (or
 * `npm run transcripts`) writes the outputs anew; read the difference like code.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { obey } from '../../sim/cli-commands.ts';

const FOLDER = 'test/transcripts';

interface Case {
  /** Remarks and the command line, as they stand. */
  readonly head: string;
  readonly command: string;
  readonly output: string;
}

/** Cases are parted by a line `====`. */
function read(file: string): Case[] {
  return readFileSync(`${FOLDER}/${file}`, 'utf8')
    .split(/^====\n/m)
    .map((text) => {
      const [head = '', output = ''] = text.split(/^----\n/m);
      const command = head.split('\n').find((line) => line.startsWith('queuelab')) ?? '';
      return { head, command, output };
    });
}

/** The words as a shell parts them. */
function wordsOf(command: string): string[] {
  const [, ...words] = command.match(/"[^"]*"|\S+/g) ?? [];
  return words.map((word) => word.replace(/^"|"$/g, ''));
}

/** By the built command line, in a process of its own. */
function playBuilt(command: string): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['bin/queuelab.js', ...wordsOf(command)], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return told(stderr, stdout, status);
}

/** By the commands themselves, here: what they print goes nowhere else, and the exit status of this process is as it was. */
function playHere(command: string): string {
  let stdout = '';
  let stderr = '';
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += text;
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += text;
      return true;
    }),
    // What `cac` prints of help.
    vi.spyOn(console, 'info').mockImplementation((text) => {
      stdout += `${text}\n`;
    }),
  ];
  const { exitCode } = process;
  process.exitCode = undefined;
  try {
    obey(wordsOf(command));
    return told(stderr, stdout, process.exitCode ?? 0);
  } finally {
    process.exitCode = exitCode;
    for (const spy of spies) spy.mockRestore();
  }
}

function told(stderr: string, stdout: string, status: unknown): string {
  return `${stderr}${stdout}${status === 0 ? '' : `exit status ${status}\n`}`;
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
  describe(file, () => {
    const cases = read(file);
    const played: string[] = [];
    it.each(cases)('$command', ({ head, command, output }) => {
      // A process takes most of a second of work. What is served in the end, and the first of each row, has one.
      const isBuilt = command === cases[0]?.command || command.startsWith('queuelab open');
      const now = isBuilt ? playBuilt(command) : playHere(command);
      played.push(`${head}----\n${now}`);
      if (process.env['UPDATE'] === undefined) expect(now).toBe(output);
      else if (played.length === cases.length) writeFileSync(`${FOLDER}/${file}`, played.join('====\n'));
    });
  });
}
