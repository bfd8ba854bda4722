// The environment of the miner: chosen, not inherited, so that no setting or secret of ours reaches a closed program.

/** What a miner needs of the container's own environment. */
const PASSED_ON = /^(?:PATH|HOME|LANG|LC_ALL|TZ|LD_LIBRARY_PATH|(?:NVIDIA|CUDA|GPU|OCL)_[A-Z0-9_]+)$/;

/** Builds the miner's environment; `libraryPath` (see nvml-link.ts) replaces LD_LIBRARY_PATH where it is not null. */
export function minerEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  adapterEnv: Readonly<Record<string, string>>,
  libraryPath: string | null,
): Record<string, string> {
  const env: Record<string, string> = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  for (const [name, value] of Object.entries(own)) if (value !== undefined && PASSED_ON.test(name)) env[name] = value;
  if (libraryPath !== null) env['LD_LIBRARY_PATH'] = libraryPath;
  return { ...env, ...adapterEnv };
}
