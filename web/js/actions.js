import { element } from "./element.js";
import { hasEnded } from "./jobs.js";

const RETRYABLE = new Set(["partial", "failed"]);

/** What a person may do with a photograph: links and buttons, each while it makes sense. */
export class Actions {
  #archive;
  #json;
  #buttons;
  #busy = false;

  /**
   * @param {string} name The photograph's name.
   * @param {(wish: "cancel" | "retry" | "remove") => void} onWish
   */
  constructor(name, onWish) {
    this.#archive = link("Download all (ZIP)", `Download all (ZIP) of ${name}`);
    this.#archive.download = "";
    this.#json = link("JSON", `JSON of ${name}`);
    Object.assign(this.#json, { target: "_blank", rel: "noopener" });
    this.#buttons = new Map(
      ["cancel", "retry", "remove"].map((wish) => [wish, this.#button(wish, name, onWish)]),
    );
    const parts = [this.#archive, this.#json, ...this.#buttons.values()];
    this.node = element("div", { className: "card-actions" }, ...parts);
  }

  /** @param {object} job The job's JSON; `gone` in it says that the server has it no more. */
  show(job) {
    const { self, archive } = job.gone ? {} : job.links;
    point(this.#archive, archive);
    point(this.#json, self);
    const ended = hasEnded(job);
    this.#offer({ cancel: !ended, retry: RETRYABLE.has(job.state) && !job.gone, remove: ended });
  }

  /** There is no job: nothing can be done but to put it away, if that. */
  showWithoutJob({ remove }) {
    this.#offer({ remove });
  }

  /** While the server is asked, further wishes are not heard. */
  set busy(busy) {
    this.#busy = busy;
    // Not `disabled`, which would take the focus away.
    for (const button of this.#buttons.values()) button.setAttribute("aria-disabled", busy);
  }

  #offer(offers) {
    const focused = document.activeElement;
    for (const [wish, button] of this.#buttons) button.hidden = !offers[wish];
    // The focus goes to the card, not to the next button: a second key press must do nothing.
    if (focused?.hidden && this.node.contains(focused)) {
      this.node.closest(".card").focus({ preventScroll: true });
    }
  }

  #button(wish, name, onWish) {
    const words = wish[0].toUpperCase() + wish.slice(1);
    const properties = { type: "button", hidden: true, "aria-label": `${words} ${name}` };
    const button = element("button", { className: "quiet", ...properties }, words);
    button.addEventListener("click", (event) => {
      // The second click of a double one may meet a button that was not there at the first.
      if (!this.#busy && event.detail < 2) onWish(wish);
    });
    return button;
  }
}

function link(words, label) {
  return element("a", { hidden: true, "aria-label": label }, words);
}

function point(anchor, href) {
  anchor.hidden = !href;
  if (href) anchor.href = href;
}
