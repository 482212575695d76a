import { call } from "./call.js";
import { Card } from "./card.js";
import { hasEnded } from "./jobs.js";
import { Problem } from "./problem.js";
import { newKey, upload } from "./upload.js";
import { jobInWords } from "./words.js";

/**
 * One photograph from its upload, or from where the server has it, until it is removed.
 *
 * What all of them share is the desk: `album`, `announcer`, `jobs` and the `slots` of uploads.
 */
export class Photograph {
  #desk;
  #name;
  #address = null;
  #job = null;

  /** A file that is to be uploaded; `planned` are the presets' variants. */
  static ofFile(desk, file, planned) {
    const photograph = new Photograph(desk, { name: file.name, bytes: file.size, planned });
    photograph.#address = URL.createObjectURL(file);
    photograph.card.picture(photograph.#address);
    return photograph;
  }

  /** A job that the server had when the page came. */
  static ofJob(desk, job) {
    const { source, created_at: since } = job;
    const photograph = new Photograph(desk, { name: source.name, bytes: source.bytes, since });
    // So that an end of yesterday is not told as news.
    photograph.#job = job;
    photograph.#adopt(job);
    return photograph;
  }

  constructor(desk, looks) {
    this.#desk = desk;
    this.#name = looks.name;
    this.card = new Card({ ...looks, onWish: (wish) => this.#act(wish) });
  }

  /** Its job's id, once there is one. */
  get jobId() {
    return this.#job?.id ?? null;
  }

  /**
   * Upload it, and follow its job.
   *
   * @param {string} [key] The same for every try, so that all of them together make one job, also
   *   when a connection broke after the server had accepted the photograph.
   */
  async send(file, presets, key = newKey()) {
    const { album, announcer, slots } = this.#desk;
    this.card.inLine();
    album.refresh();
    const steps = {
      onProgress: (sent) => this.card.uploading(sent),
      onWait: (wait_s) => this.card.pausing(wait_s),
    };
    try {
      const job = await slots.run(() => upload({ file, presets, key }, steps));
      // The list of recent jobs may have brought it before this answer came.
      album.find(job.id)?.leave();
      this.#adopt(job);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.card.refuse(problem, () => this.send(file, presets, key));
      announcer.tell(`${this.#name} was ${problem.outcome.toLowerCase()}: ${problem.title}.`);
    }
    album.refresh();
  }

  /** Take it off the page. */
  leave() {
    this.#desk.album.remove(this);
    if (this.#address) URL.revokeObjectURL(this.#address);
  }

  #adopt(job) {
    this.#desk.jobs.adopt(job, (now) => this.#show(now));
  }

  #show(job) {
    const news = hasEnded(job) && !(this.#job && hasEnded(this.#job));
    this.#job = job;
    this.card.show(job);
    this.#desk.album.refresh();
    if (news) this.#desk.announcer.tell(`${this.#name}: ${jobInWords(job)} variants.`);
  }

  async #act(wish) {
    this.card.busy = true;
    try {
      if (wish === "retry") await this.#retry();
      else await this.#withdraw();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#object(problem);
    } finally {
      this.card.busy = false;
    }
  }

  async #retry() {
    const take = this.#desk.jobs.awaitAnswer(this.#job.id);
    take(await call("POST", `${this.#job.links.self}/retry`));
  }

  /** One call cancels what has not ended and removes what has; the server knows which it is. */
  async #withdraw() {
    if (this.#job && !this.#job.gone) {
      const take = this.#desk.jobs.awaitAnswer(this.#job.id);
      const cancelled = await call("DELETE", this.#job.links.self);
      if (cancelled) {
        take(cancelled);
        return;
      }
    }
    if (this.#job) this.#desk.jobs.forget(this.#job.id);
    this.leave();
    this.#desk.announcer.tell(`${this.#name} was removed.`);
  }

  #object(problem) {
    if (problem.gone) this.#desk.jobs.lose(this.#job.id, problem);
    else this.card.object(problem);
    this.#desk.announcer.tell(`${this.#name}: ${problem.title}. ${problem.detail}`);
  }
}
