// npm run lock: makes package-lock.json again, in the one form this project commits.
//
// Two things npm does not do by itself:
// - no download address is recorded, so every machine uses its own registry setting;
// - optional platform packages (a linter's macOS binary, say) that the registry at hand does not carry are dropped
//   from the lock by npm, and `npm ci` then refuses the lock as out of step. They are entered here by name and
//   version, without an integrity value, and are only ever fetched on the platform they are for.
import { readFileSync, writeFileSync, rmSync } from 'node:fs';
import { $ } from 'zx';

interface LockEntry {
  version?: string;
  resolved?: string;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const platformWords: Record<string, { os?: string; cpu?: string }> = {
  android: { os: 'android' }, darwin: { os: 'darwin' }, freebsd: { os: 'freebsd' }, linux: { os: 'linux' },
  openharmony: { os: 'openharmony' }, win32: { os: 'win32' }, win: { os: 'win32' },
  arm: { cpu: 'arm' }, arm64: { cpu: 'arm64' }, ia32: { cpu: 'ia32' }, loong64: { cpu: 'loong64' }, ppc64: { cpu: 'ppc64' },
  riscv64: { cpu: 'riscv64' }, s390x: { cpu: 's390x' }, x64: { cpu: 'x64' },
}; // prettier-ignore

rmSync('package-lock.json', { force: true });
await $({ stdio: 'inherit' })`npm install --package-lock-only --ignore-scripts`;

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, LockEntry> };
for (const entry of Object.values(lock.packages)) delete entry.resolved;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] !== undefined) continue;
    const added: LockEntry = { version, optional: true };
    for (const word of name.split(/[/-]/)) {
      const hit = platformWords[word];
      if (hit?.os !== undefined) added.os = [hit.os];
      if (hit?.cpu !== undefined) added.cpu = [hit.cpu];
    }
    if (added.os === undefined && added.cpu === undefined) continue; // not a platform package: leave npm to complain
    const libc = /linux.*-(musl|gnu)/.exec(name)?.[1];
    if (libc !== undefined) added.libc = [libc === 'gnu' ? 'glibc' : libc];
    lock.packages[key] = added;
    console.log(`entered ${name} ${version} (this registry does not carry it)`);
  }
}
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync('package-lock.json', `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
