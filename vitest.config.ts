import { defineConfig } from 'vitest/config';

// unit: pure logic beside its source. integration: real processes and sockets on loopback, the built file among them; one file
// at a time, because they measure and the machine may have two cores. long: the same, for what takes too long for every `npm test`,
// or needs the real frp, which Go has to build first.
// lab: with a real Docker engine or network namespaces. images: with an engine too, but nothing of it measures.
// beside: what takes minutes and does not mind what else runs. It goes on, after the images, while the long ones and the lab do.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts', '**/*.test.tsx'],
          exclude: ['node_modules/**', 'dist/**', 'test/{integration,long,beside,lab}/**'],
          testTimeout: 20_000,
        },
      },
      ...['integration', 'long', 'beside'].map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          globalSetup: ['test/integration/setup.ts'],
          fileParallelism: false,
          testTimeout: 200_000,
          hookTimeout: 120_000,
        },
      })),
      ...['lab', 'images'].map((name) => ({
        test: {
          name,
          include: name === 'lab' ? ['test/lab/**/*.test.ts'] : ['test/lab/image/*.test.ts'],
          exclude: name === 'lab' ? ['test/lab/image/**'] : [],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      })),
    ],
  },
});
