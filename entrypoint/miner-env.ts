// The environment of the miner: chosen, not inherited, so that no setting or secret of ours reaches a closed program.

/** What a miner needs of the container's own environment. */
const PASSED_ON = /^(?:PATH|HOME|LANG|LC_ALL|TZ|LD_LIBRARY_PATH|(?:NVIDIA|CUDA|GPU|OCL)_[A-Z0-9_]+)$/;

/** Builds the miner's environment; `libraryDir` (see nvml-link.ts) comes first in LD_LIBRARY_PATH. */
export function minerEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  adapterEnv: Readonly<Record<string, string>>,
  libraryDir: string | null,
): Record<string, string> {
  const env: Record<string, string> = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  for (const [name, value] of Object.entries(own)) if (value !== undefined && PASSED_ON.test(name)) env[name] = value;
  const paths = [libraryDir, env['LD_LIBRARY_PATH']].filter((p) => p !== null && p !== undefined && p !== '');
  if (paths.length > 0) env['LD_LIBRARY_PATH'] = paths.join(':');
  return { ...env, ...adapterEnv };
}
