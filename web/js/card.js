import { element, setText } from "./element.js";
import { hasEnded } from "./jobs.js";
import { failureNotes, problemNote } from "./problem-note.js";
import { StripMark } from "./strip.js";
import { Tile } from "./tile.js";
import { bytesInWords, count, durationInWords, jobInWords, sizeInWords } from "./words.js";

/** One photograph: its upload, then its job, with a tile per variant. */
export class Card {
  #file;
  #planned;
  #tiles = new Map();
  #job = null;
  #state = element("p", { className: "card-state" });
  #facts = element("p", { className: "card-facts" });
  #timings = element("p", { className: "card-timings" });
  #links = element("p", { className: "card-links" });
  #bar = element("progress", { className: "card-bar", max: 1, value: 0 });
  #problems = element("div", { className: "problems" });
  #shelf = element("ul", { className: "shelf" });
  #mark;

  /**
   * @param {File} file
   * @param {object[]} planned The presets' variants: their frames stand there from the start.
   */
  constructor(file, planned) {
    this.#file = file;
    this.#planned = new Map(planned.map((variant) => [variant.name, variant]));
    const id = `photograph-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    // Kept as long as the card: the page removes neither.
    const address = URL.createObjectURL(file);
    this.#mark = new StripMark(file.name, id, preview(address));
    this.node = this.#build(id, preview(address));
    this.#arrange(planned.map(({ name }) => ({ name, state: "planned", attempts: 0 })));
    this.inLine();
  }

  /** Its upload waits for others. */
  inLine() {
    this.#problems.replaceChildren();
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
  }

  /** @param {object} job The job's JSON, as it is now. */
  show(job) {
    this.#job = job;
    this.#arrange(job.variants);
    const { made, due } = this.tally;
    this.#step(job.state, jobInWords(job), "variants", due > 0 ? made / due : 0);
    this.#tellFacts(job);
    this.#problems.replaceChildren(...failureNotes(job.failures, job.variants.length));
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
      failed: state === "failed" || state === "cancelled" || state === "refused",
      made: completed.length,
      settled: variants.filter(hasEnded).length,
      due: this.#job ? variants.length : this.#tiles.size,
      bytes: completed.reduce((sum, variant) => sum + variant.bytes, 0),
    };
  }

  #build(id, picture) {
    const title = element("h2", { className: "card-name" }, this.#file.name);
    const words = element("div", { className: "card-words" }, title, this.#facts, this.#timings);
    const side = element("div", { className: "card-side" }, this.#state, this.#links);
    setText(this.#facts, bytesInWords(this.#file.size));
    const head = element("header", { className: "card-head" }, picture, words, side);
    const parts = [this.#bar, head, this.#problems, this.#shelf];
    return element("article", { id, className: "card", "aria-label": this.#file.name }, ...parts);
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
    const tile = new Tile(name, this.#file.name);
    this.#tiles.set(name, tile);
    this.#shelf.append(tile.node);
    return tile;
  }

  #step(state, words, what, done = 0) {
    this.node.dataset.state = state;
    setText(this.#state, words);
    this.#bar.dataset.what = what;
    this.#bar.value = done;
    this.#bar.setAttribute("aria-label", `${this.#file.name}: ${what}`);
    this.#mark.show(state, words, done);
  }

  #tellFacts({ source, decodes, timings_ms: times, links }) {
    const facts = [source.format.toUpperCase(), sizeInWords(source.width, source.height)];
    setText(this.#facts, [...facts, bytesInWords(source.bytes)].join(" · "));
    setText(this.#timings, timingsInWords(times, decodes));
    if (this.#links.childElementCount > 0) return;
    this.#links.append(link(links.self, "JSON"));
  }
}

function timingsInWords({ decode, total }, decodes) {
  const parts = [];
  const often = decodes === 1 ? "once" : count(decodes, "time");
  if (decode) parts.push(`decoded ${often}, ${durationInWords(decode)}`);
  if (total) parts.push(`all done in ${durationInWords(total)}`);
  return parts.join(" · ");
}

/** Not every accepted format can be shown by every browser; an empty frame says enough. */
function preview(address) {
  const picture = element("img", { className: "preview", alt: "", decoding: "async" });
  picture.addEventListener("error", () => {
    picture.replaceWith(element("span", { className: "preview" }));
  });
  picture.src = address;
  return picture;
}

function link(href, words) {
  return element("a", { href, target: "_blank", rel: "noopener" }, words);
}
