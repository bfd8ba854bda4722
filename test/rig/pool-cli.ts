// The command line that both practice pools share.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { PracticePool, PracticePoolOptions } from './practice-pool.ts';

export interface PoolCli {
  name: string;
  about: string;
  /** Names of further number flags, with their help. */
  extraFlags: Record<string, string>;
  start(options: PracticePoolOptions, extra: Record<string, number | undefined>): Promise<PracticePool>;
}

interface Parsed {
  json: boolean;
  options: PracticePoolOptions;
  extra: Record<string, number | undefined>;
}

function helpText(cli: PoolCli): string {
  const flags: Record<string, string> = {
    'host ADDRESS': 'address to listen on (default 127.0.0.1)',
    'port N': 'port, 0 = a free one (default 0)',
    'target-share-ms N': 'vardiff aims at one share per connection in this time (default 1000)',
    'job-ms N': 'time between jobs (default 15000)',
    'no-vardiff': 'keep the first difficulty',
    ...Object.fromEntries(Object.entries(cli.extraFlags).map(([name, help]) => [`${name} N`, help])),
    json: 'ready line and final books as JSON',
    help: 'this text',
  };
  const lines = Object.entries(flags).map(([name, help]) => `  --${name.padEnd(22)} ${help}`);
  return `${cli.about}\n\nusage: node test/rig/${cli.name}.ts [flags]\n${lines.join('\n')}\n`;
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text === '' || !Number.isFinite(value) || value < 0) throw new Error(`--${name}: ${text} is not a number ≥ 0`);
  return value;
}

function parse(cli: PoolCli): Parsed | null {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const extraNames = Object.keys(cli.extraFlags);
  const { values } = parseArgs({
    options: {
      host: text,
      port: text,
      'target-share-ms': text,
      'job-ms': text,
      'no-vardiff': flag,
      json: flag,
      help: flag,
      ...Object.fromEntries(extraNames.map((name) => [name, text])),
    },
  });
  if (values.help === true) return null;
  const given: Record<string, string | boolean | undefined> = values;
  return {
    json: values.json === true,
    options: {
      host: values.host ?? '127.0.0.1',
      port: numberOf('port', values.port) ?? 0,
      vardiff: values['no-vardiff'] !== true,
      targetShareMs: numberOf('target-share-ms', values['target-share-ms']) ?? 1000,
      jobMs: numberOf('job-ms', values['job-ms']) ?? 15_000,
    },
    extra: Object.fromEntries(extraNames.map((name) => [name, numberOf(name, given[name]?.toString())])),
  };
}

async function stopSignal(): Promise<void> {
  const ended = new AbortController();
  const { signal } = ended;
  await Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })]);
  ended.abort();
}

/** Runs a pool until INT or TERM: prints one ready line, and the books at the end. Exit code 2 for a wrong flag. */
export async function runPoolCli(cli: PoolCli): Promise<void> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(cli);
  } catch (error) {
    process.stderr.write(`${cli.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
    return;
  }
  if (parsed === null) {
    process.stdout.write(helpText(cli));
    return;
  }
  const stopped = stopSignal();
  const pool = await cli.start(parsed.options, parsed.extra);
  const ready = { ready: true, port: pool.port, url: pool.url };
  process.stdout.write(parsed.json ? `${JSON.stringify(ready)}\n` : `${cli.name}: ${pool.url} is ready\n`);
  await stopped;
  const stats = pool.stats();
  await pool.close();
  process.stdout.write(`${parsed.json ? JSON.stringify({ stats }) : JSON.stringify(stats, null, 2)}\n`);
}
