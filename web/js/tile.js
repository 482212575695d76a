import { element, setText } from "./element.js";
import { shape } from "./frame.js";
import { bytesInWords, durationInWords, sizeInWords, variantInWords } from "./words.js";

const REDUCED =
  "The source is too small for this size: the largest picture of that shape, never enlarged.";

const REUSED = "It was there already: made before from the same photograph.";

/** One variant: an empty frame of its shape, in which the picture appears. */
export class Tile {
  #photographName;
  #frame = element("a", { className: "frame" });
  #size = element("span", { className: "tile-size" });
  #palette = element("span", { className: "palette", ariaHidden: "true" });
  #made = element("span", { className: "tile-made" });

  constructor(name, photographName) {
    this.#photographName = photographName;
    const title = element("span", { className: "tile-name", title: name }, name);
    const parts = [this.#frame, this.#palette, title, this.#size, this.#made];
    this.node = element("li", { className: "tile", data: { name } }, ...parts);
  }

  /**
   * @param {object} variant The variant's JSON.
   * @param {object} [planned] The preset's variant of that name, for a size not yet known.
   * @param {number} [sourceRatio] Width by height of the source.
   */
  show(variant, planned, sourceRatio) {
    const width_px = variant.width ?? planned?.width;
    const height_px = variant.height ?? planned?.height;
    for (const node of [this.#frame, this.#palette]) {
      shape(node, width_px, height_px, sourceRatio);
    }
    this.#tellSize(width_px, height_px, variant.reduced && variant.state !== "failed");
    const wasCompleted = this.node.dataset.state === "completed";
    this.node.dataset.state = variant.state;
    if (variant.state !== "completed") this.#wait(variant);
    else if (!wasCompleted) this.#develop(variant);
  }

  #tellSize(width_px, height_px, reduced) {
    this.#size.replaceChildren(sizeInWords(width_px, height_px));
    if (!reduced) return;
    this.#size.append(element("span", { className: "tag", title: REDUCED }, "reduced"));
  }

  #wait(variant) {
    this.#frame.removeAttribute("href");
    this.#frame.replaceChildren();
    setText(this.#made, variantInWords(variant));
    this.#made.title = variant.error?.detail ?? "";
  }

  #develop(variant) {
    const picture = element("img", {
      alt: `${variant.name} of ${this.#photographName}`,
      decoding: "async",
      loading: "lazy",
      width: variant.width,
      height: variant.height,
    });
    // Until the picture is there its colour stands for it.
    this.#frame.style.backgroundColor = variant.dominant ?? "";
    picture.addEventListener("load", () => {
      picture.classList.add("developed");
      this.#frame.style.backgroundColor = "";
    });
    picture.src = variant.url;
    this.#frame.replaceChildren(picture);
    Object.assign(this.#frame, { href: variant.url, target: "_blank", rel: "noopener" });
    this.#palette.replaceChildren(...(variant.palette ?? []).map(swatch));
    this.#tellMaking(variant);
  }

  #tellMaking(variant) {
    const { process = 0, encode = 0 } = variant.timings_ms;
    const reused = variant.cache === "hit";
    const how = reused ? "reused" : durationInWords(process + encode);
    const steps = `processed in ${durationInWords(process)}, encoded in ${durationInWords(encode)}`;
    this.#made.title = `${variant.name}: ${reused ? REUSED : steps}`;
    this.#made.replaceChildren(`${bytesInWords(variant.bytes)} · ${how}`, this.#download(variant));
  }

  #download(variant) {
    const stem = this.#photographName.replace(/\.[^.]*$/, "");
    const name = variant.name.replace(`.${variant.format}`, "");
    const extension = variant.format === "jpeg" ? "jpg" : variant.format;
    return element("a", {
      className: "download",
      href: variant.url,
      download: `${stem}-${name}.${extension}`,
      title: `Download ${variant.name}`,
      "aria-label": `Download ${variant.name} of ${this.#photographName}`,
      textContent: "↓",
    });
  }
}

function swatch(color) {
  const node = element("i", { title: color });
  node.style.backgroundColor = color;
  return node;
}
