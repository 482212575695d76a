import { connectionProblem, problemOfAnswer } from "./problem.js";

/** Uploads of one photograph that a full server may turn away before the page gives up. */
const PATIENCE = 20;

/**
 * Upload one photograph; resolves to the accepted job.
 *
 * XMLHttpRequest, because fetch tells nothing about the progress of an upload.
 *
 * @param {File} file
 * @param {string[]} presets
 * @param {(sent: number) => void} onProgress Called with the part sent so far, 0 to 1.
 * @throws {Problem}
 */
function uploadOnce(file, presets, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "api/jobs");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(connectionProblem()));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(problemOf(request));
    });
    request.send(formOf(file, presets));
  });
}

/**
 * Upload; while the server is full (503), wait as long as it asks and offer the file again.
 *
 * @param {(wait_s: number) => void} onWait Called before each wait.
 */
export async function upload(file, presets, { onProgress, onWait }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await uploadOnce(file, presets, onProgress);
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
