import { runCollector } from '../../collector/main.ts';

export const summary = 'receive, store and show what the workers report';

/** `spotrig collector`: serves until it is told to stop. Resolves with the exit code. */
export function run(argv: string[]): Promise<number> {
  return runCollector(argv);
}
