// `spotrig keygen`: the key pair that signs releases.
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { writeNewFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError, isErrno, messageOf } from '../../platform/errors.ts';
import { loadSigningKey, newKeyPair, publicTextOf } from '../release/signing-keys.ts';
import { EX_USAGE } from '../usage.ts';

export const summary = 'make the key that signs releases';

const HELP = `spotrig keygen: an ed25519 key pair that signs releases

  --out FILE    where the private key goes, as PEM with mode 0600 (default release.key); a file that is there is left alone
  --show FILE   make nothing: print the public key of this private key
  --json        answer in JSON

It prints the public key alone: give that to spotrig verify (--key, or SPOTRIG_RELEASE_KEY). Keep the private key off the mirrors
and out of any repository; who has it can sign releases in your name.
`;

const OPTIONS = {
  out: { type: 'string', default: 'release.key' },
  show: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** `spotrig keygen`. Resolves with the exit code: 0, 1 where the file cannot be made or read, 64 where the call was wrong. */
export async function run(argv: string[]): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS }));
  } catch (error) {
    console.error(`spotrig keygen: ${messageOf(error)}\n\n${HELP}`);
    return EX_USAGE;
  }
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  try {
    const key =
      values.show === undefined ? await make(values.out) : publicTextOf(await loadSigningKey(values.show, {}));
    if (values.json)
      console.log(
        JSON.stringify({ public_key: key, ...(values.show === undefined ? { private_key_file: values.out } : {}) }),
      );
    else {
      console.log(key);
      if (values.show === undefined)
        console.error(`the private key is in ${values.out}; the line above is the public one`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof SpotrigError)) throw error;
    console.error(`spotrig keygen: ${messageOf(error)}`);
    return 1;
  }
}

async function make(path: string): Promise<string> {
  const { privatePem, publicText } = newKeyPair();
  try {
    await writeNewFileDurable(path, privatePem, 0o600);
  } catch (error) {
    if (isErrno(error, 'EEXIST'))
      throw new SpotrigError(
        'key_exists',
        `${path} is there already, and a key is never overwritten: give another --out`,
      );
    throw new SpotrigError('key_unwritten', `cannot write ${path}`, { cause: error });
  }
  return publicText;
}
