// Runs test projects and counts what ran, so that the last line says it plainly.
import { mkdir, readFile, rm } from 'node:fs/promises';
import { $ } from 'zx';

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const RESULTS = '.cache/results';

/**
 * Runs vitest for these projects and returns its counts; a run that wrote no result counts as one failure. Its output is shown as it
 * comes, or, for a run beside another one, at its end; that one also leaves the processor to the other.
 */
export async function runProjects(
  name: string,
  projects: readonly string[],
  o: { beside?: boolean; args?: readonly string[] } = {},
): Promise<Counts> {
  const { beside = false, args = [] } = o;
  const file = `${RESULTS}/${name}.json`;
  await mkdir(RESULTS, { recursive: true });
  await rm(file, { force: true });
  const wanted = projects.flatMap((p) => ['--project', p]);
  const flags = [...wanted, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args];
  const exitCode = await runShown(['vitest', 'run', ...flags], beside);
  const counts = await readCounts(name);
  // Errors outside a test (an unhandled rejection, say) fail the run and are in no test's count.
  return exitCode === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** Runs a command, shows what it says, and returns its exit code; see `runProjects` about `beside`. */
export async function runShown(argv: readonly string[], beside: boolean): Promise<number | null> {
  if (!beside) return (await $({ nothrow: true, stdio: 'inherit' })`${argv}`).exitCode;
  const { exitCode, stdout, stderr } = await $({ nothrow: true, quiet: true })`nice -n 10 ${argv}`;
  process.stdout.write(stdout + stderr);
  return exitCode;
}

/** The counts that a run left behind. */
async function readCounts(name: string): Promise<Counts> {
  try {
    const result = JSON.parse(await readFile(`${RESULTS}/${name}.json`, 'utf8')) as Record<string, unknown>;
    const count = (key: string): number => Number(result[key] ?? 0);
    return {
      passed: count('numPassedTests'),
      failed: count('numFailedTests'),
      skipped: count('numPendingTests') + count('numTodoTests'),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** The counts of several runs. */
export function sum(all: readonly Counts[]): Counts {
  const total = (key: keyof Counts): number => all.reduce((n, counts) => n + counts[key], 0);
  return { passed: total('passed'), failed: total('failed'), skipped: total('skipped') };
}

/** Prints the plain closing line and sets the exit code. */
export function close(counts: Counts): void {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}
