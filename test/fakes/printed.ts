import { vi } from 'vitest';

/** What was printed since `capturePrinted`; a test may empty it. */
export interface Printed {
  out: string;
  err: string;
}

/** Takes in what a command prints, on standard output and by the console. `vi.restoreAllMocks` ends it. */
export function capturePrinted(printed: Printed = { out: '', err: '' }): Printed {
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.out += String(text);
    return true;
  });
  vi.spyOn(console, 'log').mockImplementation((text) => {
    printed.out += `${String(text)}\n`;
  });
  vi.spyOn(console, 'error').mockImplementation((text) => {
    printed.err += `${String(text)}\n`;
  });
  return printed;
}
