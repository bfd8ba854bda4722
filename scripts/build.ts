// npm run build: the release (single file, loader, artefacts, manifest) and the page.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../platform/errors.ts';
import { buildPage } from './release/page.ts';
import { buildRelease, ROOT } from './release/release.ts';

const HELP = `npm run build [-- options]: makes the release and the page.

  --out DIR   where to (default: dist)
  --no-xz     leave the xz runtime out; workers then take the gzip one, which is half as large again
  --json      print the manifest and the page's files as JSON instead of a table
  --help      this text

Mirrors and Node flags come from release.toml. The same commit and release.toml give the same bytes.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: resolve(ROOT, 'dist') },
      'no-xz': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const began = performance.now();
  const log = (line: string): void => {
    if (!values.json) console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  };
  const manifest = await buildRelease({ out: values.out, xz: values['no-xz'] ? 'off' : 'make', log });
  log('bundling the page');
  const page = await buildPage({ out: join(values.out, 'page') });
  if (values.json) {
    console.log(JSON.stringify({ ...manifest, page }, null, 2));
    return;
  }
  log(`spotrig ${manifest.version} with Node ${manifest.node} in ${values.out}`);
  console.log();
  for (const file of [...manifest.files, ...page]) {
    const name = file.name.replace(/(artifacts\/.{12}).*/, '$1…');
    console.log(`${file.size_bytes.toLocaleString('en').padStart(12)}  ${name.padEnd(24)}  ${file.what}`);
  }
}

try {
  await main();
} catch (error) {
  console.error(`build: ${messageOf(error)}`);
  process.exitCode = 1;
}
