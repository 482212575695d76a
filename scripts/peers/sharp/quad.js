// The quad edge-blur: a picture cut in four, and in each part the bands along its two inner edges
// blurred from that part's own pixels.
'use strict';

const sharp = require('sharp');

// sharp cuts its Gaussian where it falls below a fifth of its height, at 1.8 sigma: pixels further
// away do not count.
const REACH_SIGMAS = 2;

// Blurs the bands of raw pixels in place. Only the bands are written, row by row: laying them over
// the picture with composite() would convert all of it, there and back.
async function blurQuad(pixels, raw, { band_px: bandPx, sigma }) {
  const open = () => sharp(pixels, { raw });
  const reach = Math.ceil(REACH_SIGMAS * sigma);
  const blurred = await Promise.all(
    bandsOf(raw, bandPx).map(({ band, part }) => blurBand(open(), band, part, { reach, sigma })),
  );
  for (const each of blurred) copyBand(each, pixels, raw);
}

// Two bands in each part: the one along the horizontal cut and what the one along the vertical cut
// has beside it. Sides as [first, end).
function bandsOf({ width, height }, bandPx) {
  const [middle, centre] = [width >> 1, height >> 1];
  const sidesX = [
    { part: [0, middle], band: [Math.max(0, middle - bandPx), middle] },
    { part: [middle, width], band: [middle, Math.min(width, middle + bandPx)] },
  ];
  const sidesY = [
    { part: [0, centre], band: [Math.max(0, centre - bandPx), centre], rest: [0, centre - bandPx] },
    {
      part: [centre, height],
      band: [centre, Math.min(height, centre + bandPx)],
      rest: [centre + bandPx, height],
    },
  ];
  const bands = sidesX.flatMap((x) =>
    sidesY.flatMap((y) => {
      const part = { x: x.part, y: y.part };
      return [
        { part, band: { x: x.part, y: y.band } },
        { part, band: { x: x.band, y: y.rest } },
      ];
    }),
  );
  return bands.filter(({ band }) => band.y[0] < band.y[1]);
}

async function blurBand(picture, band, part, { reach, sigma }) {
  const read = { x: widened(band.x, part.x, reach), y: widened(band.y, part.y, reach) };
  const region = { left: read.x[0], top: read.y[0], width: span(read.x), height: span(read.y) };
  const data = await picture.extract(region).blur(sigma).raw().toBuffer();
  return { data, read, band };
}

function widened([first, end], [least, most], reach) {
  return [Math.max(least, first - reach), Math.min(most, end + reach)];
}

function span([first, end]) {
  return end - first;
}

function copyBand({ data, read, band }, pixels, { width, channels }) {
  for (let y = band.y[0]; y < band.y[1]; y++) {
    const from = ((y - read.y[0]) * span(read.x) + band.x[0] - read.x[0]) * channels;
    const to = (y * width + band.x[0]) * channels;
    data.copy(pixels, to, from, from + span(band.x) * channels);
  }
}

module.exports = { blurQuad };
