// The command line's entry: it reads the arguments and prints. What a run is and means lives in the modules beside it.
import { cac } from 'cac';

const cli = cac('queuelab');
cli.usage('<command> [options]');
cli.help();
cli.parse();
if (cli.options['help'] !== true) {
  cli.outputHelp();
  process.exitCode = 2;
}
