/** What the page knows of its jobs, kept in step by answers and events. No DOM, no network. */

const ENDS = new Set(["completed", "partial", "failed", "cancelled"]);
const EARLY_LIMIT = 2000;

export function hasEnded(thing) {
  return ENDS.has(thing.state);
}

/**
 * The jobs of this page by id.
 *
 * Events and the answer to an upload travel on two connections, so a job's first events may come
 * before its id is known. Events of unknown jobs are therefore kept (the newest EARLY_LIMIT of
 * them: most belong to other clients) until a job is adopted. Within a job the order is `seq`.
 */
export class Jobs {
  #entries = new Map();
  #early = [];

  /**
   * Take in the job that an answer names. One that is known already stays as it is, and only its
   * listener changes.
   *
   * @param {object} job The job's JSON.
   * @param {(job: object) => void} onChange Called now and after every change.
   */
  adopt(job, onChange) {
    const entry = this.#entries.get(job.id) ?? { job, seq: -1 };
    entry.onChange = onChange;
    this.#entries.set(job.id, entry);
    const early = this.#early.filter(({ data }) => data.job === job.id);
    this.#early = this.#early.filter(({ data }) => data.job !== job.id);
    for (const { type, data } of early) advance(entry, type, data);
    onChange(entry.job);
  }

  /** Apply one event of the stream. */
  apply(type, data) {
    const entry = this.#entries.get(data.job);
    if (!entry) this.#keep({ type, data });
    else if (advance(entry, type, data)) entry.onChange(entry.job);
  }

  /** The jobs that have not ended, to be asked for after a gap in the stream. */
  unfinished() {
    return [...this.#entries.values()].map(({ job }) => job).filter((job) => !hasEnded(job));
  }

  /**
   * Take in a job as `GET` gave it.
   *
   * The answer carries no seq and may be older than events already applied, so it never takes back
   * an end.
   */
  refresh(job) {
    const entry = this.#entries.get(job.id);
    if (!entry || hasEnded(entry.job)) return;
    const known = byName(entry.job.variants);
    const variants = job.variants.map((variant) => {
      const mine = known.get(variant.name);
      return mine && hasEnded(mine) && !hasEnded(variant) ? mine : variant;
    });
    entry.job = { ...job, variants };
    entry.onChange(entry.job);
  }

  /**
   * The server is being asked to change a job; gives what takes its answer in.
   *
   * The answer and the events of the change travel on two connections: once an event has come, the
   * answer is old, and the events say the rest.
   *
   * @returns {(job: object) => void}
   */
  awaitAnswer(id) {
    const entry = this.#entries.get(id);
    const { seq } = entry;
    return (job) => {
      if (entry.seq !== seq) return;
      entry.job = job;
      entry.onChange(job);
    };
  }

  /** The page has no place for the job any more. */
  forget(id) {
    this.#entries.delete(id);
  }

  /** The server does not have the job any more; one that had not ended will not be made. */
  lose(id, problem) {
    const entry = this.#entries.get(id);
    const state = hasEnded(entry.job) ? entry.job.state : "failed";
    const variants = entry.job.variants.map((variant) =>
      hasEnded(variant) ? variant : { ...variant, state: "failed" },
    );
    entry.job = { ...entry.job, state, variants, failures: [problem], gone: true };
    entry.onChange(entry.job);
  }

  #keep(event) {
    this.#early.push(event);
    if (this.#early.length > EARLY_LIMIT) this.#early.shift();
  }
}

function advance(entry, type, data) {
  if (data.seq <= entry.seq) return false;
  entry.seq = data.seq;
  // The upload's answer already said it, and may know more by now.
  if (type === "job.accepted") return false;
  const { job: _id, seq: _seq, ...thing } = data;
  entry.job = type.startsWith("variant.") ? withVariant(entry.job, thing) : thing;
  return true;
}

function withVariant(job, variant) {
  const variants = job.variants.map((mine) => (mine.name === variant.name ? variant : mine));
  return { ...job, variants };
}

function byName(variants) {
  return new Map(variants.map((variant) => [variant.name, variant]));
}
