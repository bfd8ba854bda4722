// npm run docs: writes what is generated from the code (docs/settings.md, docs/envelope.schema.json). `--check` fails when a
// committed file is not what the code says.
import { readFileSync, writeFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { HEAD_VARIABLES, SETTINGS, type Setting } from '../entrypoint/settings.ts';
import { Envelope } from '../wire/envelope.ts';

function settingsTable(): string {
  const rows = Object.values(SETTINGS).map((s: Setting<unknown>) => {
    const fallback =
      s.fallback === undefined
        ? '**must be set**'
        : (s.fallbackText ?? `\`${typeof s.fallback === 'string' ? s.fallback : JSON.stringify(s.fallback)}\``);
    return `| \`${s.env}\` | ${s.syntax.replaceAll('|', '\\|')} | ${fallback} | ${s.secret === true ? 'yes' : ''} | ${s.about} |`;
  });
  return [
    '# Settings of the worker',
    '',
    'All come from the order’s env (12,288 characters in all, 1,536 a value). Everything that is wrong is listed at once; the',
    'worker then ends with code 78, and tells its collector where it can. A name that begins with `SPOTRIG_` and is not here is',
    'refused: it is a typing error. Generated from `entrypoint/settings.ts` by `npm run docs`.',
    '',
    '| variable | syntax | default | secret | what it is |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    `\`DELEGATED_ENTRYPOINT\` is CLORE’s: its folder is a mirror too. ${HEAD_VARIABLES.map((v) => `\`${v}\``).join(', ')} are made by the`,
    'head for Node and are not for an order.',
    '',
  ].join('\n');
}

function envelopeSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(Envelope, { target: 'draft-2020-12' }), null, 2)}\n`;
}

const files: Record<string, () => string> = {
  'docs/settings.md': settingsTable,
  'docs/envelope.schema.json': envelopeSchema,
};

const check = process.argv.includes('--check');
for (const [path, make] of Object.entries(files)) {
  const url = new URL(`../${path}`, import.meta.url);
  if (!check) {
    writeFileSync(url, make());
    console.log(`wrote ${path}`);
  } else if (readFileSync(url, 'utf8') !== make()) {
    console.error(`${path} is not what the code says: run \`npm run docs\` and commit it`);
    process.exitCode = 1;
  }
}
