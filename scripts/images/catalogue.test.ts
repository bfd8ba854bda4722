import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSizePolicy } from '../image/policy.ts';
import { chosenImages, IMAGES, imageNames } from './catalogue.ts';

const ROOT = join(import.meta.dirname, '../..');

function names(chosen: readonly string[]): string[] {
  return chosenImages(chosen).map(({ name }) => name);
}

describe('the images', () => {
  it('are all built where none is named, the worker first', () => {
    expect(names([])).toEqual(['worker', 'nvidia', 'cpu', 'debug']);
  });

  it('come with what they are made from, once', () => {
    expect(names(['debug'])).toEqual(['worker', 'debug']);
    expect(names(['cpu', 'worker', 'cpu'])).toEqual(['worker', 'cpu']);
  });

  it('each have a Dockerfile and a size policy within CCR’s limit', async () => {
    for (const { name, dockerfile, from } of IMAGES) {
      expect(existsSync(join(ROOT, dockerfile)), dockerfile).toBe(true);
      const { limit_bytes } = await readSizePolicy(join(ROOT, 'images', name, 'size.toml'));
      expect(limit_bytes).toBeLessThanOrEqual(600_000_000);
      const parent = from.image === null ? -1 : imageNames().indexOf(from.image);
      expect(parent, `${name} comes after what it is made from`).toBeLessThan(imageNames().indexOf(name));
    }
  });
});
