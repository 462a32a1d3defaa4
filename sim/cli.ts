/** The command line as a process: it hands its words to the commands, and ends where nobody reads its output any more. */
import { complain, obey, STATUS } from './cli-commands.ts';

// A reader that has seen enough (`| head`) closes the pipe; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  complain(`the output cannot be written (${error.code ?? error.message}).`);
  process.exit(STATUS.badInput);
});
// Where complaints cannot be written either, only the status can tell.
process.stderr.on('error', () => process.exit(process.exitCode ?? STATUS.badInput));
obey(process.argv.slice(2));
