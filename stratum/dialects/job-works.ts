/** Jobs of which a share can still come; pools keep fewer than ten. */
const JOBS_MAX = 128;

/** Work per share of each recent job. A target holds for the jobs that came with or after it, so each job keeps its own. */
export class JobWorks {
  readonly #works = new Map<string, number | null>();

  set(job: string, work_hashes: number | null): void {
    this.#works.delete(job);
    this.#works.set(job, work_hashes);
    const oldest = this.#works.keys().next();
    if (this.#works.size > JOBS_MAX && oldest.done !== true) this.#works.delete(oldest.value);
  }

  /** Expected hashes per share of the job; null for a job that is not known or whose target was not. */
  get(job: string | null): number | null {
    return job === null ? null : (this.#works.get(job) ?? null);
  }
}
