// The documents of an image, as far as they are needed: foreign bytes are checked here. Docker Image Specification v1.3, OCI image-spec.
import * as z from 'zod';
import { messageOf } from '../../platform/errors.ts';
import { ImageFault, shown } from './fault.ts';

/** An engine stops at 125 layers; this is where the check stops. */
const LAYERS_MAX = 512;
const DESCRIPTORS_MAX = 512;
const TEXT_MAX = 4096;

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'is no sha256 digest');
const Annotations = z.record(z.string(), z.string().max(TEXT_MAX * 16)).nullish();

export const Descriptor = z.object({
  mediaType: z.string().max(255).nullish(),
  digest: Digest,
  size: z.int().nonnegative(),
  urls: z.array(z.string()).nullish(),
  annotations: Annotations,
  platform: z.object({ os: z.string(), architecture: z.string(), variant: z.string().nullish() }).nullish(),
});
export type Descriptor = z.infer<typeof Descriptor>;

export const ImageIndex = z.object({ manifests: z.array(Descriptor).max(DESCRIPTORS_MAX) });
export const ImageManifest = z.object({ config: Descriptor, layers: z.array(Descriptor).max(LAYERS_MAX) });
export type ImageManifest = z.infer<typeof ImageManifest>;

export const ImageConfig = z.object({
  os: z.string().max(255).nullish(),
  architecture: z.string().max(255).nullish(),
  variant: z.string().max(255).nullish(),
  rootfs: z.object({ diff_ids: z.array(Digest).max(LAYERS_MAX).nullish() }),
  history: z
    .array(
      z.object({
        created_by: z.string().nullish(),
        comment: z.string().nullish(),
        empty_layer: z.boolean().nullish(),
      }),
    )
    .nullish(),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

/** manifest.json of a `docker save` archive. */
export const SavedImages = z
  .array(
    z.object({
      Config: z.string().max(TEXT_MAX),
      RepoTags: z.array(z.string().max(TEXT_MAX)).nullish(),
      Layers: z.array(z.string().max(TEXT_MAX)).max(LAYERS_MAX).nullish(),
    }),
  )
  .max(DESCRIPTORS_MAX);

const LINES_MAX = 3;

/** Takes a document apart. `name` is for the message. Throws json. */
export function parseDocument<T>(schema: z.ZodType<T>, text: string, name: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ImageFault('json', `${name} is not JSON: ${shown(messageOf(error))}`);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const complaints = checked.error.issues
    .slice(0, LINES_MAX)
    .map(({ path, message }) => `${shown(path.join('.')) || 'the document'}: ${shown(message)}`);
  throw new ImageFault('json', `${name} is not what it should be: ${complaints.join('; ')}`);
}
