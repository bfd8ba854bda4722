// What README and docs tell people to type is there: commands, their flags, npm scripts, settings, and the files that are linked.
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, vi } from 'vitest';
import { HEAD_VARIABLES, SETTINGS } from '../entrypoint/settings.ts';
import packageJson from '../package.json' with { type: 'json' };
import { main } from './cli.ts';

const names = (await readdir('docs')).filter((name) => /\.(md|example)$/.test(name)).map((name) => `docs/${name}`);
const pages = await Promise.all(
  ['README.md', ...names].map(async (name) => ({ name, text: (await readFile(name, 'utf8')).replaceAll('\\\n', ' ') })),
);

/** The calls that match, each with what follows it up to the end of the line, of the code, or of the command. */
function calls(pattern: RegExp): { page: string; name: string; flags: string[] }[] {
  return pages.flatMap(({ name: page, text }) =>
    [...text.matchAll(pattern)].map(([, name = '', rest = '']) => {
      const own = rest.split(/ -- (?=-o |-i )|&&|\||(?<=\s)#/)[0] ?? '';
      return { page, name, flags: flagsIn(own) };
    }),
  );
}

function flagsIn(text: string): string[] {
  return text.match(/(?<![\w-])--[a-z][a-z-]*/g) ?? [];
}

const helps = new Map<string, Promise<string>>();

/** What `npx spotrig NAME --help` says; empty where there is no such command. */
function helpOf(command: string): Promise<string> {
  const help = helps.get(command) ?? askForHelp(command);
  helps.set(command, help);
  return help;
}

async function askForHelp(command: string): Promise<string> {
  let text = '';
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void (text += `${String(line)}\n`));
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const code = await main([command, '--help']);
  log.mockRestore();
  write.mockRestore();
  return code === 0 ? text : '';
}

/** What `npm run NAME -- --help` says; only scripts that the pages give flags to are asked. */
function helpOfScript(name: string): Promise<string> {
  const key = `npm run ${name}`;
  const [program = '', ...words] = (scripts[name] ?? '').split(' ');
  const help = helps.get(key) ?? execa(program, [...words, '--help'], { preferLocal: true }).then((run) => run.stdout);
  helps.set(key, help);
  return help;
}

const scripts: Record<string, string> = packageJson.scripts;
const commandCalls = calls(/npx spotrig ([a-z][a-z-]*)([^`\n]*)/g);
const scriptCalls = calls(/npm run ([a-z][a-z:-]*)([^`\n]*)/g);

// Each command is loaded for its help, which takes a loaded machine seconds.
describe('README and docs', { timeout: 120_000 }, () => {
  it('name commands of spotrig that there are, with flags that they have', async () => {
    expect(commandCalls.length).toBeGreaterThan(10);
    for (const { page, name, flags } of commandCalls) {
      const help = await helpOf(name);
      expect(help, `${page}: npx spotrig ${name}`).not.toBe('');
      for (const flag of flags) expect(flagsIn(help), `${page}: npx spotrig ${name} ${flag}`).toContain(flag);
    }
  });

  it('name npm scripts that there are, with flags that they have', async () => {
    for (const { page, name, flags } of scriptCalls) {
      expect(Object.keys(scripts), page).toContain(name);
      for (const flag of flags) expect(flagsIn(await helpOfScript(name)), `${page}: npm run ${name}`).toContain(flag);
    }
  });

  it('name no flag that no command on any page has', async () => {
    for (const { name } of commandCalls) await helpOf(name);
    for (const { name, flags } of scriptCalls) if (flags.length > 0) await helpOfScript(name);
    const all = (await Promise.all(helps.values())).flatMap(flagsIn);
    for (const { name, text } of pages)
      for (const [, flag = ''] of text.matchAll(/`(--[a-z][a-z-]*)[^`\n]*`/g)) expect(all, name).toContain(flag);
  });

  it('name settings that there are', async () => {
    const known = new Set([...Object.values(SETTINGS).map(({ env }) => env), ...HEAD_VARIABLES]);
    const ofCommands = new Set<string>();
    for (const name of new Set(commandCalls.map((call) => call.name)))
      for (const [variable] of (await helpOf(name)).matchAll(/SPOTRIG_[A-Z_]+/g)) ofCommands.add(variable);
    for (const { name, text } of pages) {
      // A message about a typing error quotes one.
      const said = text.replaceAll(/SPOTRIG_\w+ is not a setting/g, '');
      for (const [variable] of said.matchAll(/SPOTRIG_[A-Z0-9_]*[A-Z0-9]/g))
        expect(known.has(variable) || ofCommands.has(variable), `${name}: ${variable}`).toBe(true);
    }
  });

  it('link files that there are', () => {
    for (const { name, text } of pages)
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#\s]+)/g))
        expect(existsSync(join(dirname(name), target)), `${name}: ${target}`).toBe(true);
  });
});
