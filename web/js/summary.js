import { setText } from "./element.js";
import { bytesInWords, count } from "./words.js";

/** The sums over all photographs, told in one line. */
export class Summary {
  #box = document.getElementById("summary");
  #words = document.getElementById("summary-words");
  #bar = document.getElementById("summary-progress");
  #tallies;
  #due = false;

  /** @param {() => object[]} tallies Gives every card's tally. */
  constructor(tallies) {
    this.#tallies = tallies;
  }

  /** Bring the line up to date, at most once a frame: events come in bursts. */
  refresh() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#show(this.#tallies());
    });
  }

  #show(tallies) {
    const sum = (key) => tallies.reduce((total, tally) => total + Number(tally[key]), 0);
    const [done, failed, cancelled, due] = ["done", "failed", "cancelled", "due"].map(sum);
    const photographs = `${done} of ${count(tallies.length, "photograph")} done`;
    const failures = failed > 0 ? `, ${failed} failed` : "";
    const cancels = cancelled > 0 ? `, ${cancelled} cancelled` : "";
    const counts = photographs + failures + cancels;
    const variants = `${sum("made")} of ${count(due, "variant")}`;
    setText(this.#words, `${counts} · ${variants} · ${bytesInWords(sum("bytes"))}`);
    this.#bar.max = Math.max(due, 1);
    // Refused photographs have no variants, so the end is told by the photographs.
    const ended = done + failed + cancelled === tallies.length;
    this.#bar.value = ended ? this.#bar.max : sum("settled");
    this.#box.hidden = tallies.length === 0;
  }
}
