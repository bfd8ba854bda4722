// What git says of the source that a release is made from.
import { execa } from 'execa';
import { SpotrigError } from '../../platform/errors.ts';

export interface SourceFacts {
  /** 40 hex digits, with `-dirty` behind them where files of the commit are changed. */
  commit: string;
  /** When the commit was made; Unix seconds. */
  commit_s: number;
}

/** Looks at the repository `root`. Throws `source_unknown` where git or the repository is missing. */
export async function sourceFacts(root: string): Promise<SourceFacts> {
  const git = async (...args: string[]): Promise<string> => {
    try {
      // An index refreshed by somebody else's status is no concern of ours.
      return (await execa('git', ['--no-optional-locks', ...args], { cwd: root, stdin: 'ignore' })).stdout;
    } catch (error) {
      throw new SpotrigError(
        'source_unknown',
        `git does not tell which commit ${root} is: a release needs a checkout and git`,
        {
          cause: error,
        },
      );
    }
  };
  const [id = '', seconds = ''] = (await git('log', '-1', '--format=%H %ct')).split(' ');
  const changed = await git('status', '--porcelain', '--untracked-files=no');
  return { commit: changed === '' ? id : `${id}-dirty`, commit_s: Number(seconds) };
}
