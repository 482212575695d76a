import { connectionProblem, problemOfAnswer, tellIfUnauthorized } from "./problem.js";

/**
 * Call the server; resolves to the JSON of its answer, or to null where the answer is empty.
 *
 * @param {string} method
 * @param {string} address
 * @param {Record<string, string>} [headers]
 * @throws {Problem}
 */
export async function call(method, address, headers = {}) {
  const [answer, body] = await exchange(method, address, headers);
  if (!answer.ok) {
    const problem = problemOfAnswer(answer.status, body, answer.headers.get("Retry-After"));
    throw tellIfUnauthorized(problem);
  }
  return body ? JSON.parse(body) : null;
}

async function exchange(method, address, headers) {
  try {
    const answer = await fetch(address, { method, headers });
    return [answer, await answer.text()];
  } catch {
    // fetch tells a script no more than that there was no (whole) answer.
    throw connectionProblem();
  }
}
