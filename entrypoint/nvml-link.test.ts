import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nvmlLibraryPath } from './nvml-link.ts';

let root: string;
let dir: string;
let lib: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'spotrig-nvml-'));
  dir = join(root, 'run', 'nvml');
  lib = join(root, 'lib');
  await mkdir(lib);
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

function find(inherited = ''): Promise<string | null> {
  return nvmlLibraryPath({ dir, inherited, libraryDirs: [join(root, 'absent'), lib] });
}

describe('nvmlLibraryPath', () => {
  it('gives the mounted library its plain name, again and again', async () => {
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    expect(await find()).toBe(dir);
    expect(await find('/a::/b')).toBe(`${dir}:/a:/b`);
    expect(await readlink(join(dir, 'libnvidia-ml.so'))).toBe(join(lib, 'libnvidia-ml.so.1'));
  });

  it('mends a link that leads elsewhere', async () => {
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    await mkdir(dir, { recursive: true });
    await symlink('/gone', join(dir, 'libnvidia-ml.so'));
    await find();
    expect(await readlink(join(dir, 'libnvidia-ml.so'))).toBe(join(lib, 'libnvidia-ml.so.1'));
  });

  it('does nothing where the plain name is there', async () => {
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    await writeFile(join(lib, 'libnvidia-ml.so'), '');
    expect(await find()).toBeNull();
  });

  it('does nothing without a driver, and never takes CUDA’s stub for one', async () => {
    const stubs = join(root, 'cuda', 'stubs');
    await mkdir(stubs, { recursive: true });
    await writeFile(join(stubs, 'libnvidia-ml.so'), '');
    expect(await find(stubs)).toBeNull();
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    expect(await find(`${stubs}:/a`)).toBe(`${dir}:/a`);
  });
});
