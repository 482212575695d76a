import { element } from "./element.js";

/** A photograph in small. Not every format can be shown by every browser: then an empty frame. */
export class Preview {
  #empty = true;

  constructor() {
    this.node = element("span", { className: "preview" });
  }

  /** @param {string} address Where the picture is; the first one given is kept. */
  show(address) {
    if (!this.#empty) return;
    this.#empty = false;
    const picture = element("img", { alt: "", decoding: "async" });
    picture.addEventListener("error", () => picture.remove());
    picture.src = address;
    this.node.replaceChildren(picture);
  }
}
