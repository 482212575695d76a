import { Actions } from "./actions.js";
import { element, setText } from "./element.js";
import { hasEnded } from "./jobs.js";
import { Preview } from "./preview.js";
import { failureNotes, problemNote } from "./problem-note.js";
import { StripMark } from "./strip.js";
import { Tile } from "./tile.js";
import {
  bytesInWords,
  count,
  durationInWords,
  jobInWords,
  sizeInWords,
  whenInWords,
} from "./words.js";

/** Of several variants, the one nearest to this stands for the photograph. */
const PREVIEW_AREA_PX = 160 * 160;

/** One photograph: its upload, then its job, with a tile per variant. */
export class Card {
  #name;
  #since;
  #planned;
  #tiles = new Map();
  #job = null;
  #objections = [];
  #state = element("p", { className: "card-state" });
  #facts = element("p", { className: "card-facts" });
  #timings = element("p", { className: "card-timings" });
  #bar = element("progress", { className: "card-bar", max: 1, value: 0 });
  #problems = element("div", { className: "problems" });
  #shelf = element("ul", { className: "shelf" });
  #previews = [new Preview(), new Preview()];
  #actions;
  #mark;

  /**
   * @param {object} looks
   * @param {string} looks.name
   * @param {number} looks.bytes Of the photograph.
   * @param {object[]} [looks.planned] The presets' variants, whose frames are there from the start.
   * @param {string} [looks.since] When the job was made, where that is not just now.
   * @param {(wish: string) => void} looks.onWish Called when the person wants something done.
   */
  constructor({ name, bytes, planned = [], since = null, onWish }) {
    this.#name = name;
    this.#since = since;
    this.#planned = new Map(planned.map((variant) => [variant.name, variant]));
    this.#actions = new Actions(name, onWish);
    const id = `photograph-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const [large, small] = this.#previews;
    this.#mark = new StripMark(name, id, small.node);
    this.node = this.#build(id, large.node);
    setText(this.#facts, bytesInWords(bytes));
    const planning = { state: "planned", attempts: 0 };
    this.#arrange(planned.map((variant) => ({ name: variant.name, ...planning })));
  }

  /** @param {string} address Of the photograph itself, for its preview. */
  picture(address) {
    for (const preview of this.#previews) preview.show(address);
  }

  /** Its upload waits for others. */
  inLine() {
    this.#problems.replaceChildren();
    this.#actions.showWithoutJob({ remove: false });
    this.#step("waiting", "Waiting to upload", "upload");
  }

  /** @param {number} sent The part sent so far, 0 to 1. */
  uploading(sent) {
    const words = sent < 1 ? `Uploading ${Math.floor(sent * 100)} %` : "Uploaded, being accepted";
    this.#step("uploading", words, "upload", sent);
  }

  /** The server is full and asked for a pause. */
  pausing(wait_s) {
    this.#step("waiting", `The server is full, next try in ${wait_s} s`, "upload");
  }

  /**
   * The upload came to nothing.
   *
   * @param {Problem} problem
   * @param {() => void} onRetry Called when the person wants another try.
   */
  refuse(problem, onRetry) {
    this.#step("refused", problem.outcome, "upload");
    this.#shelf.replaceChildren();
    this.#tiles.clear();
    const note = problemNote(problem);
    if (problem.retryable) {
      const again = element("button", { type: "button", className: "quiet" }, "Try again");
      again.addEventListener("click", onRetry);
      note.append(again);
    }
    this.#problems.replaceChildren(note);
    this.#actions.showWithoutJob({ remove: true });
  }

  /** @param {object} job The job's JSON, as it is now. */
  show(job) {
    if (job.state !== this.#job?.state) this.#objections = [];
    this.#job = job;
    this.#arrange(job.variants);
    const { made, due } = this.tally;
    this.#step(job.state, jobInWords(job), "variants", due > 0 ? made / due : 0);
    this.#tellFacts(job);
    this.#tellProblems();
    this.#actions.show(job);
    this.#pictureVariant(job);
  }

  /** Whether the server is being asked for something. */
  set busy(busy) {
    this.#actions.busy = busy;
  }

  /** @param {Problem} problem Why the server did not do what it was last asked for. */
  object(problem) {
    this.#objections = [problem];
    this.#tellProblems();
  }

  /** Its mark in the strip. */
  get mark() {
    return this.#mark.node;
  }

  /** What this photograph adds to the page's sums. */
  get tally() {
    const variants = this.#job?.variants ?? [];
    const completed = variants.filter((variant) => variant.state === "completed");
    const { state } = this.node.dataset;
    return {
      done: state === "completed" || state === "partial",
      failed: state === "failed" || state === "refused",
      cancelled: state === "cancelled",
      made: completed.length,
      settled: variants.filter(hasEnded).length,
      due: this.#job ? variants.length : this.#tiles.size,
      bytes: completed.reduce((sum, variant) => sum + variant.bytes, 0),
    };
  }

  #build(id, picture) {
    const title = element("h2", { className: "card-name" }, this.#name);
    const words = element("div", { className: "card-words" }, title, this.#facts, this.#timings);
    const side = element("div", { className: "card-side" }, this.#state, this.#actions.node);
    const head = element("header", { className: "card-head" }, picture, words, side);
    const parts = [this.#bar, head, this.#problems, this.#shelf];
    const properties = { id, className: "card", tabIndex: -1, "aria-label": this.#name };
    return element("article", properties, ...parts);
  }

  #arrange(variants) {
    const source = this.#job?.source;
    const ratio = source?.width && source?.height ? source.width / source.height : undefined;
    const names = new Set(variants.map((variant) => variant.name));
    for (const [name, tile] of this.#tiles) {
      if (names.has(name)) continue;
      tile.node.remove();
      this.#tiles.delete(name);
    }
    for (const variant of variants) {
      this.#tileOf(variant.name).show(variant, this.#planned.get(variant.name), ratio);
    }
  }

  #tileOf(name) {
    const known = this.#tiles.get(name);
    if (known) return known;
    const tile = new Tile(name, this.#name);
    this.#tiles.set(name, tile);
    this.#shelf.append(tile.node);
    return tile;
  }

  #step(state, words, what, done = 0) {
    this.node.dataset.state = state;
    setText(this.#state, words);
    this.#bar.dataset.what = what;
    this.#bar.value = done;
    this.#bar.setAttribute("aria-label", `${this.#name}: ${what}`);
    this.#mark.show(state, words, done);
  }

  #tellFacts({ source, decodes, timings_ms: times }) {
    const facts = [source.format.toUpperCase(), sizeInWords(source.width, source.height)];
    facts.push(bytesInWords(source.bytes), ...(this.#since ? [whenInWords(this.#since)] : []));
    setText(this.#facts, facts.join(" · "));
    setText(this.#timings, timingsInWords(times, decodes));
  }

  #tellProblems() {
    const { failures, variants } = this.#job;
    const objections = this.#objections.map((problem) => problemNote(problem));
    this.#problems.replaceChildren(...objections, ...failureNotes(failures, variants.length));
  }

  /** Where the file itself is not at hand, one of its variants is the preview. */
  #pictureVariant({ variants }) {
    const distance = ({ width, height }) => Math.abs(Math.log((width * height) / PREVIEW_AREA_PX));
    const made = variants.filter(({ url }) => url);
    const nearest = made.sort((one, other) => distance(one) - distance(other))[0];
    if (nearest) this.picture(nearest.url);
  }
}

function timingsInWords({ decode, total }, decodes) {
  const parts = [];
  const often = decodes === 1 ? "once" : count(decodes, "time");
  if (decode) parts.push(`decoded ${often}, ${durationInWords(decode)}`);
  if (total) parts.push(`all done in ${durationInWords(total)}`);
  return parts.join(" · ");
}
