// Stand-in payload for the tests of the head: what the worker would be, reduced to what a test can watch. It says
// how it was started (one JSON line), then does what STAND_IN asks for.
import { appendFileSync } from 'node:fs';

const { env } = process;
const wish = env['STAND_IN'] ?? 'end';

function note(what: Record<string, unknown>): void {
  appendFileSync(`${env['SPOTRIG_HOME'] ?? '.'}/stand-in.jsonl`, `${JSON.stringify({ ...what, pid: process.pid })}\n`);
}

note({
  event: 'start',
  boot: env['SPOTRIG_BOOT'],
  home: env['SPOTRIG_HOME'],
  payload: env['SPOTRIG_PAYLOAD_SHA256'],
  script: env['SPOTRIG_SCRIPT'],
  argv: process.argv.slice(1),
});
if (wish === 'serve') {
  // Runs until a signal comes, and ends with a code that tells which.
  for (const [signal, code] of [
    ['SIGTERM', 41],
    ['SIGINT', 42],
    ['SIGHUP', 43],
  ] as const) {
    // prettier-ignore
    process.on(signal, () => {
      note({ event: signal });
      setTimeout(() => process.exit(code), 50);
    });
  }
  setInterval(() => {}, 1000);
  note({ event: 'ready' });
} else if (wish === 'end') {
  // As a stopped container does: the head is told to end, and tells its Node, which ends well.
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 1000);
  process.kill(process.ppid, 'SIGTERM');
} else {
  process.exitCode = Number(wish.replace('exit ', ''));
}
