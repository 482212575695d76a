import { element } from "./element.js";

/** A photograph's place in the strip on top: how far it is, and the way to its card. */
export class StripMark {
  #name;

  /**
   * @param {string} name The photograph's name.
   * @param {string} cardId Where the mark leads.
   * @param {Node} preview Its picture, now or later.
   */
  constructor(name, cardId, preview) {
    this.#name = name;
    this.node = element("a", { className: "mark", href: `#${cardId}` }, preview);
  }

  /**
   * @param {string} state
   * @param {string} words The state for a reader.
   * @param {number} done The part that is done, 0 to 1.
   */
  show(state, words, done) {
    this.node.dataset.state = state;
    this.node.style.setProperty("--done", done.toFixed(3));
    this.node.title = `${this.#name}: ${words}`;
    this.node.setAttribute("aria-label", this.node.title);
  }
}
