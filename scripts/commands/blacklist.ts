// `spotrig blacklist`: servers and hosts of the market that get no order any more. It works on the collector's data folder, and a
// collector that runs there sees a change at its next request.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import * as z from 'zod';
import { DATABASE_FILE } from '../../collector/main.ts';
import { MachineBoard } from '../../collector/machines/board.ts';
import type { MachineStore } from '../../collector/store/machine-store.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import { makeDir } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno, messageOf } from '../../platform/errors.ts';
import { BLACKLIST_MAX_BYTES, Blacklist } from '../../wire/blacklist.ts';
import { MACHINE_VERDICT_WORDS } from '../../wire/machine-names.ts';
import { HostId, ServerId } from '../../wire/orders.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = 'servers and hosts that get no order any more';

const HELP = `spotrig blacklist: the market's servers and hosts (their owners) that get no order any more

  blacklist add --server N [--host ID] [--reason TEXT]   both may be given again
  blacklist add --advised                                every server and host that the judge says so of
  blacklist remove --server N [--host ID]
  blacklist import FILE                                  add all of a file, as export writes it (- for standard input)
  blacklist export                                       print the whole list as JSON: what \`order --blacklist FILE\` takes
  blacklist list                                         print it for people

  --data DIR   the collector's data folder (default ./var/collector)
  --json       answer in JSON

A collector on that folder serves the list at /api/v1/blacklist, which \`order --blacklist URL\` takes too.
Exit code: 0; 1 where it failed, or where nothing of what was to be removed was there; 64 when the call was wrong.
`;

const OPTIONS = {
  server: { type: 'string', multiple: true, default: [] },
  host: { type: 'string', multiple: true, default: [] },
  advised: { type: 'boolean', default: false },
  reason: { type: 'string', default: 'by hand' },
  data: { type: 'string', default: './var/collector' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];
interface Outcome {
  text: string;
  json: unknown;
  failed?: boolean;
}

/** `spotrig blacklist …`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    const [name, ...rest] = positionals;
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const act = actionOf(name, rest, values);
    const outcome = await withStore(values.data, act);
    console.log(values.json ? JSON.stringify(outcome.json) : outcome.text);
    return outcome.failed === true ? 1 : 0;
  } catch (error) {
    console.error(`spotrig blacklist: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

function parsed(argv: readonly string[]) {
  return readArgs(argv, OPTIONS);
}

function actionOf(
  name: string | undefined,
  rest: readonly string[],
  flags: Flags,
): (machines: MachineStore) => Promise<Outcome> {
  const [file] = rest;
  if (rest.length > (name === 'import' ? 1 : 0))
    throw new UsageError(`${rest.at(-1) ?? ''}: not understood; see --help`);
  switch (name) {
    case 'add':
      if (flags.advised) return addAdvised;
      return (machines) => add(machines, namedIn(flags), flags.reason);
    case 'remove':
      return (machines) => remove(machines, namedIn(flags));
    case 'import':
      if (file === undefined) throw new UsageError('import: give a file, or - for standard input');
      return async (machines) => importAll(machines, await readList(file));
    case 'export':
      return async (machines) => {
        const list = await machines.blacklist();
        return { text: JSON.stringify(list, null, 2), json: list };
      };
    case 'list':
      return async (machines) => {
        const list = await machines.blacklist();
        return { text: shown(list), json: list };
      };
    case undefined:
    default:
      throw new UsageError('give one of add, remove, import, export, list; see --help');
  }
}

function namedIn(flags: Flags): { servers: number[]; hosts: string[] } {
  const servers = flags.server.map((text) => {
    const id = /^\d{1,12}$/.test(text) ? ServerId.safeParse(Number(text)) : null;
    if (id?.success !== true)
      throw new UsageError(`--server: the market's number of a server, not ${JSON.stringify(text)}`);
    return id.data;
  });
  for (const text of flags.host) {
    if (!HostId.safeParse(text).success)
      throw new UsageError(`--host: the market's id of an owner, not ${JSON.stringify(text)}`);
  }
  if (servers.length + flags.host.length === 0) throw new UsageError('give --server or --host');
  return { servers, hosts: flags.host };
}

async function add(
  machines: MachineStore,
  named: { servers: number[]; hosts: string[] },
  reason: string,
): Promise<Outcome> {
  const at = new Date().toISOString();
  const entries = {
    servers: named.servers.map((id) => ({ id, reason, at })),
    hosts: named.hosts.map((id) => ({ id, reason, at })),
  };
  checked({ v: 1, ...entries }, '--reason');
  await machines.addToBlacklist(entries);
  return { text: `added ${countOf(entries)}`, json: entries };
}

/** Those that are to be had no more by the last finding, with the words of what led to it. */
async function addAdvised(machines: MachineStore): Promise<Outcome> {
  const { machines: rows, hosts } = (await MachineBoard.load(machines)).answer(true);
  const known = await machines.blacklist();
  const at = new Date().toISOString();
  const entries = {
    servers: rows.flatMap(({ advice, server, because }) => {
      if (advice !== 'blacklist' || server === null || known.servers.some(({ id }) => id === server)) return [];
      return [
        { id: server, reason: `by the judge: ${because.map((name) => MACHINE_VERDICT_WORDS[name]).join('; ')}`, at },
      ];
    }),
    hosts: hosts.flatMap(({ advice, host, bad, judged }) => {
      if (advice !== 'blacklist' || known.hosts.some(({ id }) => id === host)) return [];
      return [{ id: host, reason: `by the judge: ${bad} of ${judged} judged servers count against it`, at }];
    }),
  };
  await machines.addToBlacklist(entries);
  return { text: `added ${countOf(entries)}`, json: entries };
}

async function remove(machines: MachineStore, named: { servers: number[]; hosts: string[] }): Promise<Outcome> {
  const removed = await machines.dropFromBlacklist(named);
  return { text: `removed ${removed}`, json: { removed }, failed: removed === 0 };
}

async function importAll(machines: MachineStore, list: Blacklist): Promise<Outcome> {
  await machines.addToBlacklist(list);
  return {
    text: `added ${countOf(list)}`,
    json: { servers: list.servers.length, hosts: list.hosts.length },
  };
}

async function readList(file: string): Promise<Blacklist> {
  const bytes = file === '-' ? await standardInput() : await readFile(file);
  if (bytes.length > BLACKLIST_MAX_BYTES)
    throw new SpotrigError('blacklist_file', `${file}: more than ${BLACKLIST_MAX_BYTES} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new SpotrigError('blacklist_file', `${file}: not JSON`, { cause });
  }
  return checked(json, file);
}

function checked(json: unknown, source: string): Blacklist {
  const read = z.safeParse(Blacklist, json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new SpotrigError('blacklist_file', `${source}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong'}`);
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > BLACKLIST_MAX_BYTES) break;
  }
  return Buffer.concat(chunks);
}

async function withStore(data: string, act: (machines: MachineStore) => Promise<Outcome>): Promise<Outcome> {
  const dir = resolve(data);
  try {
    if (!existsSync(dir)) await makeDir(dir);
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'ENOTDIR', 'EROFS')) throw error;
    throw new SpotrigError('blacklist_data', `--data ${dir}: cannot be made`, { cause: error });
  }
  const store = openSqliteStore(join(dir, DATABASE_FILE));
  try {
    return await act(store.machines);
  } finally {
    await store.close();
  }
}

function shown(list: Blacklist): string {
  const rows = [
    ...list.servers.map(({ id, reason, at }) => `server ${String(id).padEnd(12)} ${at.slice(0, 10)}  ${reason}`),
    ...list.hosts.map(({ id, reason, at }) => `host   ${id.padEnd(12)} ${at.slice(0, 10)}  ${reason}`),
  ];
  return rows.length === 0 ? 'the list is empty' : rows.join('\n');
}

function countOf({ servers, hosts }: Pick<Blacklist, 'servers' | 'hosts'>): string {
  return `${servers.length} server${servers.length === 1 ? '' : 's'} and ${hosts.length} host${hosts.length === 1 ? '' : 's'}`;
}
