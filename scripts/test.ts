// npm test: checks, unit tests, integration tests. Under five minutes on two cores and without Docker; the lab is `npm run lab`.
import { $ } from 'zx';

const show = $({ nothrow: true, stdio: 'inherit' });
for (const step of [() => show`node scripts/check.ts`, () => show`vitest run --project unit --project integration`]) {
  const { exitCode } = await step();
  if (exitCode !== 0) process.exit(exitCode ?? 1);
}
