import { expect, it } from 'vitest';
import { progressBar } from './progress-bar.ts';

function drawn(isTTY: boolean): { bar: ReturnType<typeof progressBar>; lines: string[]; pass: (ms: number) => void } {
  const lines: string[] = [];
  let now = 0;
  const terminal = { isTTY, columns: 60, write: (text: string) => lines.push(text) };
  return { bar: progressBar('x:1', terminal, () => now), lines, pass: (ms) => void (now += ms) };
}

it('draws ten times a second at most, within the line, and goes away', () => {
  const { bar, lines, pass } = drawn(true);
  bar.show(50e6, 100e6);
  bar.show(60e6, 100e6);
  pass(100);
  bar.show(70e6, null);
  bar.clear();
  expect(lines).toEqual([
    `\r\u001b[Kx:1 [###############...............] 50 % 50 MB`,
    `\r\u001b[Kx:1 70 MB`,
    `\r\u001b[K`,
  ]);
});

it('is silent where there is no terminal', () => {
  const { bar, lines } = drawn(false);
  bar.show(1, 2);
  bar.clear();
  expect(lines).toEqual([]);
});
