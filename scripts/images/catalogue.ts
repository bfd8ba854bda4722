// The images there are, in the order in which they are built: each after the one that it is made from.

/** What is packed into an image beside the release, as an archive whose digest is pinned. */
export type Baked = 'miner' | 'frpc';

export interface ImageRecipe {
  readonly name: string;
  /** Path of its Dockerfile in the context. */
  readonly dockerfile: string;
  /** The build argument that names what it is made from, and the image that this is; null = the base from outside. */
  readonly from: { readonly argument: string; readonly image: string | null };
  readonly baked: Baked | null;
}

export const IMAGES: readonly ImageRecipe[] = [
  { name: 'worker', dockerfile: 'Dockerfile', from: { argument: 'BASE', image: null }, baked: null },
  { ...derived('nvidia'), baked: 'miner' },
  { ...derived('cpu'), baked: null },
  { ...derived('debug'), baked: 'frpc' },
];

function derived(name: string): Omit<ImageRecipe, 'baked'> {
  return { name, dockerfile: `images/${name}/Dockerfile`, from: { argument: 'WORKER', image: 'worker' } };
}

/** Names of all images. */
export function imageNames(): string[] {
  return IMAGES.map(({ name }) => name);
}

/** These images and what they are made from, in building order; all where none is named. Names are known ones. */
export function chosenImages(names: readonly string[]): ImageRecipe[] {
  if (names.length === 0) return [...IMAGES];
  const wanted = new Set(names);
  // A parent comes before its children in the list, so one pass from the end finds all.
  for (const { name, from } of IMAGES.toReversed()) if (wanted.has(name) && from.image !== null) wanted.add(from.image);
  return IMAGES.filter(({ name }) => wanted.has(name));
}
