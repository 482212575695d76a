import { Summary } from "./summary.js";

/** The photographs of the page, newest first: their cards, their marks in the strip, their sums. */
export class Album {
  #photographs = [];
  #cards = document.getElementById("cards");
  #strip = document.getElementById("strip");
  #summary = new Summary(() => this.#photographs.map(({ card }) => card.tally));

  /** @param {Photograph[]} photographs New ones, on top of all others. */
  prepend(photographs) {
    this.#photographs.unshift(...photographs);
    this.#cards.prepend(...photographs.map(({ card }) => card.node));
    this.#strip.prepend(...photographs.map(({ card }) => card.mark));
    this.refresh();
  }

  /** @param {Photograph[]} photographs Older ones than all others. */
  append(photographs) {
    this.#photographs.push(...photographs);
    this.#cards.append(...photographs.map(({ card }) => card.node));
    this.#strip.append(...photographs.map(({ card }) => card.mark));
    this.refresh();
  }

  /** The photograph of that job. */
  find(jobId) {
    return this.#photographs.find((photograph) => photograph.jobId === jobId);
  }

  /** Take a photograph out; whoever was at its card is led to the next one. */
  remove(photograph) {
    const { node, mark } = photograph.card;
    const next = node.nextElementSibling ?? node.previousElementSibling;
    if (node.contains(document.activeElement)) {
      (next ?? document.getElementById("photographs")).focus();
    }
    this.#photographs = this.#photographs.filter((other) => other !== photograph);
    node.remove();
    mark.remove();
    this.refresh();
  }

  /** A photograph has changed. */
  refresh() {
    this.#summary.refresh();
  }
}
