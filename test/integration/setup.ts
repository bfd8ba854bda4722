// Builds what the integration tests boot: the release and the page, once for all of them.
import type { TestProject } from 'vitest/node';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease } from '../../scripts/release/release.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of a fresh build, with the page in `page/`. */
    releaseDir: string;
  }
}

const OUT = '.cache/test-release';

export async function setup(project: TestProject): Promise<void> {
  await buildRelease({ out: OUT, xz: 'cached', log: () => undefined });
  await buildPage({ out: `${OUT}/page` });
  project.provide('releaseDir', OUT);
}
