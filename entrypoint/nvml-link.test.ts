import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nvmlLibraryDir } from './nvml-link.ts';

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

function find(): string | null {
  return nvmlLibraryDir(join(root, 'run'), [join(root, 'absent'), lib]);
}

describe('nvmlLibraryDir', () => {
  it('gives the mounted library its plain name, again and again', async () => {
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    expect(find()).toBe(dir);
    expect(find()).toBe(dir);
    expect(await readlink(join(dir, 'libnvidia-ml.so'))).toBe(join(lib, 'libnvidia-ml.so.1'));
  });

  it('mends a link that leads elsewhere', async () => {
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    await mkdir(dir, { recursive: true });
    await symlink('/gone', join(dir, 'libnvidia-ml.so'));
    find();
    expect(await readlink(join(dir, 'libnvidia-ml.so'))).toBe(join(lib, 'libnvidia-ml.so.1'));
  });

  it('does nothing where the plain name is there', async () => {
    await writeFile(join(lib, 'libnvidia-ml.so.1'), '');
    await writeFile(join(lib, 'libnvidia-ml.so'), '');
    expect(find()).toBeNull();
  });

  it('does nothing without a driver', async () => {
    expect(find()).toBeNull();
  });
});
