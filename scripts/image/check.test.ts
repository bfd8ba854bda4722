import { expect, it } from 'vitest';
import { checkImage } from './check.ts';
import { ImageReport } from './report.ts';

it('refuses a source that is not there', async () => {
  await expect(checkImage('/nowhere/image.tar')).rejects.toMatchObject({ code: 'image_source' });
});

it('has a report that refuses what it does not know', () => {
  expect(ImageReport.safeParse({ source: 'x' }).success).toBe(false);
});
