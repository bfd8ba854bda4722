import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseReleaseSettings } from './settings.ts';

const parse = (text: string) => parseReleaseSettings(text, 'release.toml');

describe('parseReleaseSettings', () => {
  it('takes the file of this repository', () => {
    const text = readFileSync(new URL('../../release.toml', import.meta.url), 'utf8');
    expect(parse(text).node_flags.length).toBeGreaterThan(0);
  });

  it('drops a trailing slash', () => {
    const text = 'mirrors = ["https://files.example.ru/spotrig/", "http://192.0.2.1:8480"]\nnode_flags = []';
    expect(parse(text).mirrors).toEqual(['https://files.example.ru/spotrig', 'http://192.0.2.1:8480']);
  });

  it.each([
    ['mirrors = ["https://x.example/$(id)"]\nnode_flags = []', 'base URL'],
    ['mirrors = ["ftp://x.example"]\nnode_flags = []', 'base URL'],
    ['mirrors = []\nnode_flags = ["--x; id"]', 'plain --flag'],
    ['mirrors = []\nnode_flags = []\nmirror = 1', 'mirror'],
    ['mirrors = ', 'not TOML'],
  ])('refuses %j', (text, complaint) => {
    expect(() => parse(text)).toThrow(complaint);
  });
});
