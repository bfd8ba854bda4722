// What an image says of its making: OCI labels, and the time that stands in it.
import { execa } from 'execa';
import { SpotrigError } from '../../platform/errors.ts';

export interface Making {
  /** Address of the source, without a login; empty where it is not known. */
  readonly source: string;
  /** The commit, with -dirty where files differ from it; empty outside of git. */
  readonly revision: string;
  readonly version: string;
  /** Seconds since 1970, from SOURCE_DATE_EPOCH, else the commit's time: the same commit makes the same image. */
  readonly epoch_s: number;
}

/** Reads it from the environment and from git; throws `image_epoch` where neither tells a time. */
export async function readMaking(o: {
  root: string;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
}): Promise<Making> {
  const git = async (...args: string[]): Promise<string> => {
    const { stdout, failed } = await execa('git', ['-C', o.root, ...args], { reject: false });
    return failed ? '' : stdout.trim();
  };
  const told = o.env['SOURCE_DATE_EPOCH'];
  const epoch = told ?? (await git('log', '-1', '--format=%ct'));
  if (!/^[0-9]{1,11}$/.test(epoch)) {
    const why = told === undefined ? 'is not set and there is no git commit here' : `is ${JSON.stringify(told)}`;
    throw new SpotrigError('image_epoch', `SOURCE_DATE_EPOCH ${why}: set it to seconds since 1970`);
  }
  const commit = await git('rev-parse', 'HEAD');
  const isDirty = commit !== '' && (await git('status', '--porcelain', '--untracked-files=no')) !== '';
  return {
    source: publicAddress(await git('config', '--get', 'remote.origin.url')),
    revision: commit === '' ? '' : `${commit}${isDirty ? '-dirty' : ''}`,
    version: o.version,
    epoch_s: Number(epoch),
  };
}

/** An https address without its login; empty for anything else, such as a folder of this machine. */
export function publicAddress(remote: string): string {
  const url = URL.parse(remote);
  return url?.protocol === 'https:' ? `https://${url.host}${url.pathname}` : '';
}

/** The build arguments that fill the labels in. */
export function makingArguments(making: Making): Record<string, string> {
  return {
    SOURCE: making.source,
    REVISION: making.revision,
    VERSION: making.version,
    CREATED: new Date(making.epoch_s * 1000).toISOString().replace('.000Z', 'Z'),
    SOURCE_DATE_EPOCH: String(making.epoch_s),
  };
}
