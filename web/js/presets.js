import { call } from "./call.js";
import { element, setText } from "./element.js";
import { shape } from "./frame.js";
import { Problem } from "./problem.js";
import { count, sizeInWords } from "./words.js";

const USUAL = "social";

/** The choice of presets: chips to tick, a sentence and the outlines of what will be made. */
export class PresetChoice {
  #presets = [];
  #chips = document.getElementById("presets");
  #sum = document.getElementById("order-sum");
  #outlines = document.getElementById("outlines");
  #onChange;

  /** @param {() => void} onChange Called when the choice is known and whenever it changes. */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#chips.addEventListener("change", () => this.#changed());
  }

  /** Ask the server for its presets; on failure say so and offer another try. */
  async load() {
    try {
      this.#presets = (await call("GET", "api/presets")).presets;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.#showFailure(problem);
      return;
    }
    this.#chips.replaceChildren(...this.#presets.map(chip));
    this.#changed();
  }

  /** Names of the ticked presets; the usual one while the list is not there. */
  get names() {
    if (this.#presets.length === 0) return [USUAL];
    return this.#ticked().map((preset) => preset.name);
  }

  /** The variants of the ticked presets, each name once. */
  get variants() {
    const all = this.#ticked().flatMap((preset) => preset.variants);
    return [...new Map(all.map((variant) => [variant.name, variant])).values()];
  }

  #ticked() {
    const boxes = this.#chips.querySelectorAll("input:checked");
    const names = new Set([...boxes].map((box) => box.value));
    return this.#presets.filter((preset) => names.has(preset.name));
  }

  #changed() {
    const variants = this.variants;
    setText(this.#sum, sumInWords(this.#ticked(), variants));
    this.#outlines.replaceChildren(...variants.map(outline));
    this.#onChange();
  }

  #showFailure(problem) {
    const again = element("button", { type: "button", className: "quiet" }, "Try again");
    again.addEventListener("click", () => this.load());
    this.#chips.replaceChildren(`The presets could not be loaded. ${problem.message} `, again);
  }
}

function chip(preset) {
  const box = element("input", {
    type: "checkbox",
    name: "preset",
    value: preset.name,
    defaultChecked: preset.name === USUAL,
    "aria-label": `${preset.name}, ${count(preset.variants.length, "variant")}`,
  });
  const number = element("span", { className: "chip-count" }, String(preset.variants.length));
  const parts = [box, preset.name, number];
  return element("label", { className: "chip", title: preset.description }, ...parts);
}

function sumInWords(presets, variants) {
  if (presets.length === 0) return "Nothing is chosen: tick at least one preset.";
  const made = `${count(variants.length, "variant")} of each photograph.`;
  return presets.length === 1 ? `${made} ${presets[0].description}.` : made;
}

function outline({ name, width, height, note }) {
  const frame = element("span", { className: "outline" });
  shape(frame, width, height);
  const words = element(
    "span",
    { className: "outline-words" },
    element("span", { className: "tile-name" }, name),
    element("span", { className: "tile-size" }, sizeInWords(width, height)),
  );
  return element("li", { title: note ?? name }, frame, words);
}
