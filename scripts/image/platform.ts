// Platforms as images name them: os/architecture/variant, in Go's words.

export interface Platform {
  os?: string | null | undefined;
  architecture?: string | null | undefined;
  variant?: string | null | undefined;
}

/** All rented rigs are of this one. */
export const DEFAULT_PLATFORM = 'linux/amd64';

/** Takes "linux/arm64" or "linux/arm/v7" apart; null when it is neither. */
export function parsePlatform(text: string): Platform | null {
  const parts = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  return parts === null ? null : { os: parts[1], architecture: parts[2], variant: parts[3] };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return [os ?? 'unknown', architecture ?? 'unknown', variant ?? ''].filter((word) => word !== '').join('/');
}

/** Whether an image that says so is one of the wanted platform. One that says nothing is taken. */
export function isWanted(has: Platform, wanted: Platform): boolean {
  const isLike = (a: string | null | undefined, b: string | null | undefined): boolean => !a || !b || a === b;
  return (
    isLike(has.os, wanted.os) && isLike(has.architecture, wanted.architecture) && isLike(has.variant, wanted.variant)
  );
}
