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
    const [ended, made, due] = ["ended", "made", "due"].map(sum);
    const photographs = `${ended} of ${count(tallies.length, "photograph")} done`;
    const variants = `${made} of ${count(due, "variant")}`;
    setText(this.#words, `${photographs} · ${variants} · ${bytesInWords(sum("bytes"))}`);
    this.#bar.max = Math.max(due, 1);
    this.#bar.value = made;
    this.#box.hidden = false;
  }
}
