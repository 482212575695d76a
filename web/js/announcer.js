import { setText } from "./element.js";

const GATHER_MS = 1000;

/**
 * Tell a person who listens instead of looking.
 *
 * What comes within a second is told in one go: ten photographs at once would otherwise talk over
 * one another.
 */
export class Announcer {
  #region = document.getElementById("announcer");
  #news = [];

  tell(sentence) {
    this.#news.push(sentence);
    if (this.#news.length === 1) setTimeout(() => this.#speak(), GATHER_MS);
  }

  #speak() {
    setText(this.#region, this.#news.join(" "));
    this.#news = [];
  }
}
