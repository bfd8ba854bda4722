// `npx spotrig <command>`: the list of commands, and nothing else. Each command is a file under scripts/commands.
import packageJson from '../package.json' with { type: 'json' };
import { messageOf } from '../platform/errors.ts';
import { EX_USAGE } from './usage.ts';

interface Command {
  /** One line for the list. */
  summary: string;
  /** Runs with the words after the command's name; resolves to the exit code. */
  run(argv: string[]): Promise<number>;
}

const COMMANDS: Record<string, () => Promise<Command>> = {
  collector: () => import('./commands/collector.ts'),
  token: () => import('./commands/token.ts'),
  pin: () => import('./commands/pin.ts'),
  keygen: () => import('./commands/keygen.ts'),
  release: () => import('./commands/release.ts'),
  verify: () => import('./commands/verify.ts'),
  order: () => import('./commands/order.ts'),
  ccr: () => import('./commands/ccr.ts'),
  probe: () => import('./commands/probe.ts'),
  'frps-config': () => import('./commands/frps-config.ts'),
  doctor: () => import('./commands/doctor.ts'),
  connect: () => import('./commands/connect.ts'),
  blacklist: () => import('./commands/blacklist.ts'),
  image: () => import('./commands/image.ts'),
};

/** Runs one command; prints the list for `--help` or a name it does not know. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    console.error(await listOfCommands());
    return EX_USAGE;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    console.log(await listOfCommands());
    return 0;
  }
  if (name === '--version') {
    console.log(packageJson.version);
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    console.error(`spotrig has no command "${name}".\n\n${await listOfCommands()}`);
    return EX_USAGE;
  }
  try {
    const command = await load();
    return await command.run(rest);
  } catch (error) {
    console.error(`spotrig ${name}: ${messageOf(error)}`);
    return 1;
  }
}

async function listOfCommands(): Promise<string> {
  const lines = [
    'spotrig: workers for the GigaSPOT market',
    '',
    'Usage: npx spotrig <command> [options]',
    '',
    'Commands:',
  ];
  for (const [name, load] of Object.entries(COMMANDS)) lines.push(`  ${name.padEnd(12)} ${(await load()).summary}`);
  lines.push(
    '',
    'npx spotrig <command> --help tells more; --version prints ours. `npm start` shows everything at work on this machine.',
  );
  return lines.join('\n');
}
