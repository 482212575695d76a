/** The shape in which a picture is shown: true to its ratio, all of about the same area. */

const AREA_PX = 132 * 132;
const RATIO_LIMITS = [1 / 3, 8];
/** Where neither the preset nor the source has said it yet. */
const USUAL_RATIO = 3 / 2;

/**
 * Give an element the shape of a picture; the style sheet does the rest.
 *
 * A picture is never shown larger than it is, so an icon of 32 px stays one.
 *
 * @param {number | null} width_px Null where it follows from the source.
 * @param {number | null} height_px
 * @param {number} [sourceRatio] Width by height of the source.
 */
export function shape(node, width_px, height_px, sourceRatio = USUAL_RATIO) {
  const ratio = clamp(width_px && height_px ? width_px / height_px : sourceRatio);
  const shown_px = Math.min(Math.sqrt(AREA_PX * ratio), width_px ?? Infinity);
  node.style.setProperty("--ratio", ratio.toFixed(4));
  node.style.setProperty("--shown", shown_px.toFixed(1));
}

function clamp(ratio) {
  return Math.min(Math.max(ratio, RATIO_LIMITS[0]), RATIO_LIMITS[1]);
}
