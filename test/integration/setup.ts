// Builds what the tests of a project boot: the release and the page, once for all of them.
import type { TestProject } from 'vitest/node';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease } from '../../scripts/release/release.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of a fresh build, with the page in `page/`. */
    releaseDir: string;
  }
}

export async function setup(project: TestProject): Promise<void> {
  // A folder for each project: one may run beside another.
  const out = `.cache/test-release/${project.name}`;
  await buildRelease({ out, xz: 'cached', log: () => undefined });
  await buildPage({ out: `${out}/page` });
  project.provide('releaseDir', out);
}
