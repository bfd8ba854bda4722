// npm run sweep: every cut, empty tail, flipped bit and planted command of the script, started as the contract starts it.
import { availableParallelism } from 'node:os';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { FORMS, type Form } from './damage.ts';
import { runSweep } from './sweep.ts';

const HELP = `npm run sweep -- [options]: damages the script at each byte, starts it as the contract's next start does, and
checks that it boots to a stand-in runtime without running one byte that was not verified

  --step N         every Nth byte of the head, from a random one on, and all the edges (default 1: all; about 25,000
                   boots, 20 minutes on two cores)
  --forms LIST     of ${FORMS.join(',')} (default: all of them)
  --payload N      how many random bytes of the payload (default 500)
  --parallel N     boots at once (default: two for each core)
  --seed S         a number; the same seed takes the same bytes (default: a new one, which is printed)
  --only FORM:N    one case alone: ${FORMS.join(', ')}, at byte N
  --help           this text

cut: the file ends there. zeros: it goes on with zeros. flip: one bit differs. poison: commands that would leave a mark.
A cut inside part one must do nothing: no command run, nothing fetched, nothing written.
The last line is "N boots, N violations". Exit code 1 on any violation.`;

const { values } = parseArgs({
  options: {
    step: { type: 'string', default: '1' },
    forms: { type: 'string', default: FORMS.join() },
    payload: { type: 'string', default: '500' },
    parallel: { type: 'string', default: String(2 * availableParallelism()) },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** One case as it is printed, `flip:1234`. */
function caseOf(text: string): { form: Form; offset: number } {
  const [word, offset] = text.split(':');
  const form = FORMS.find((known) => known === word);
  if (form === undefined || !/^\d+$/.test(offset ?? '')) throw new TypeError(`--only takes e.g. cut:700, not ${text}`);
  return { form, offset: Number(offset) };
}

if (values.help) {
  console.log(HELP);
} else {
  console.log(`seed ${values.seed}`);
  const result = await runSweep({
    forms: FORMS.filter((form) => values.forms.split(',').includes(form)),
    step: Number(values.step),
    payload: Number(values.payload),
    parallel: Number(values.parallel),
    seed: Number(values.seed),
    ...(values.only === undefined ? {} : { only: caseOf(values.only) }),
    onProgress: (done, all) => {
      if (done % 1000 === 0) console.log(`${done} of ${all}`);
    },
  });
  for (const { form, offset, what } of result.violations) console.log(`${form}:${offset}  ${what}`);
  const rows = Object.entries(result.byForm).map(([form, count]) => `${form.padEnd(8)}${String(count).padStart(7)}`);
  console.log(
    ['form      boots', ...rows, `silent  ${String(result.silent).padStart(7)}  (cuts inside part one)`].join('\n'),
  );
  console.log(`${result.took_s.toFixed(0)} s, ${(result.cases / result.took_s).toFixed(0)} a second`);
  console.log(`${result.cases} boots, ${result.violations.length} violations`);
  if (result.violations.length > 0) process.exitCode = 1;
}
