/** Numbers and states as a person reads them. */

const BYTE_UNITS = ["kB", "MB", "GB"];

export function bytesInWords(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  let amount = bytes;
  let unit = -1;
  // 999.5 and more would round to "1000 kB".
  do {
    amount /= 1000;
    unit += 1;
  } while (amount >= 999.5 && unit < BYTE_UNITS.length - 1);
  return `${short(amount)} ${BYTE_UNITS[unit]}`;
}

export function durationInWords(duration_ms) {
  if (duration_ms >= 999.5) return `${short(duration_ms / 1000)} s`;
  return `${short(duration_ms)} ms`;
}

/** Null stands for what follows from the source. */
export function sizeInWords(width_px, height_px) {
  if (width_px && height_px) return `${width_px} × ${height_px}`;
  if (width_px) return `${width_px} wide`;
  if (height_px) return `${height_px} high`;
  return "as the source";
}

/** @param {string} moment As the server writes it. */
export function whenInWords(moment) {
  return new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

const JOB_STATES = {
  queued: "Queued",
  running: "Running",
  completed: "Completed",
  partial: "Partial",
  failed: "Failed",
  cancelled: "Cancelled",
};

const VARIANT_STATES = {
  planned: "Planned",
  queued: "Queued",
  running: "Making",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

export function jobInWords(job) {
  const words = JOB_STATES[job.state] ?? job.state;
  const made = job.variants.filter((variant) => variant.state === "completed").length;
  return `${words}: ${made} of ${job.variants.length}`;
}

export function variantInWords(variant) {
  if (variant.state === "queued" && variant.attempts > 0) return "Trying again";
  if (variant.state === "failed" && variant.error) return variant.error.title;
  return VARIANT_STATES[variant.state] ?? variant.state;
}

function short(amount) {
  return amount.toFixed(amount < 9.95 ? 1 : 0);
}
