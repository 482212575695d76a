// A worker thread: decodes uploads and makes variants of them with sharp.
'use strict';

const { parentPort } = require('node:worker_threads');

const sharp = require('sharp');

const { blurQuad } = require('./quad.js');

// No two requests have an upload in common, and the threads share the cores among variants.
sharp.cache(false);
sharp.concurrency(1);

const TASKS = { decode, variant };

parentPort.on('message', async ({ number, task }) => {
  try {
    const result = await TASKS[task.task](task);
    parentPort.postMessage({ number, result });
  } catch (error) {
    parentPort.postMessage({ number, error: String(error) });
  }
});

// sharp takes a Buffer over shared memory without copying it.
function bytesOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength);
}

// The upload as upright sRGB pixels in shared memory.
async function decode({ source, spare }) {
  const { data, info } = await sharp(bytesOf(source))
    .autoOrient()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const shared = spare?.byteLength >= data.length ? spare : new SharedArrayBuffer(data.length);
  const pixels = new Uint8Array(shared, 0, data.length);
  pixels.set(data);
  return { source: pixels, raw: rawOf(info) };
}

function rawOf({ width, height, channels }) {
  return { width, height, channels };
}

// One variant of an upload or, where `raw` says how they lie, of its pixels.
async function variant({ source, raw, spec }) {
  const input = bytesOf(source);
  const picture = raw ? sharp(input, { raw }) : sharp(input).autoOrient();
  if (spec.format === 'jpeg') picture.flatten({ background: '#ffffff' });
  if (spec.quad) return encoded(await quadrants(picture, spec), spec);
  if (spec.resize) {
    const { width, height, fit } = spec.resize;
    picture.resize(width, height, { fit, withoutEnlargement: true });
  }
  // Without the second call sharp writes gray in three channels, which takes twice as long.
  if (spec.grayscale) picture.grayscale().toColourspace('b-w');
  if (spec.blur) picture.blur(spec.blur.sigma);
  return encoded(picture, spec);
}

async function quadrants(picture, spec) {
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  await blurQuad(data, rawOf(info), spec.quad);
  return sharp(data, { raw: rawOf(info) });
}

function encoded(picture, { format, quality }) {
  return picture.toFormat(format, quality ? { quality } : {}).toBuffer();
}
