import { connectionProblem, problemOfAnswer, tellIfUnauthorized } from "./problem.js";

/** Uploads of one photograph that a full server may turn away before the page gives up. */
const PATIENCE = 20;

/** A fresh Idempotency-Key. (`crypto.randomUUID` is there on HTTPS and localhost only.) */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Upload one photograph; resolves to the accepted job.
 *
 * XMLHttpRequest, because fetch tells nothing about the progress of an upload.
 *
 * @param {{file: File, presets: string[], key: string}} order
 * @param {(sent: number) => void} onProgress Called with the part sent so far, 0 to 1.
 * @throws {Problem}
 */
function uploadOnce({ file, presets, key }, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "api/jobs");
    request.setRequestHeader("Idempotency-Key", `"${key}"`);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(connectionProblem()));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(tellIfUnauthorized(problemOf(request)));
    });
    request.send(formOf(file, presets));
  });
}

/**
 * Upload; while the server is full (503), wait as long as it asks and offer the file again.
 *
 * @param {{file: File, presets: string[], key: string}} order With the same key, however often it
 *   is sent, it makes one job.
 * @param {object} steps
 * @param {(sent: number) => void} steps.onProgress
 * @param {(wait_s: number) => void} steps.onWait Called before each wait.
 * @throws {Problem}
 */
export async function upload(order, { onProgress, onWait }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await uploadOnce(order, onProgress);
    } catch (problem) {
      if (problem.retryAfter_s === null || attempt === PATIENCE) throw problem;
      onWait(problem.retryAfter_s);
      await seconds(problem.retryAfter_s);
    }
  }
}

function formOf(file, presets) {
  const form = new FormData();
  // Before the file: the server streams, and must know what to make when the picture begins.
  form.append("preset", presets.join(","));
  form.append("file", file, file.name);
  return form;
}

function problemOf(request) {
  return problemOfAnswer(
    request.status,
    request.responseText,
    request.getResponseHeader("Retry-After"),
  );
}

function seconds(wait_s) {
  return new Promise((resolve) => {
    setTimeout(resolve, wait_s * 1000);
  });
}
