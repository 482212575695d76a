import { connectionProblem, problemOfAnswer } from "./problem.js";

/**
 * Call the server; resolves to the JSON of its answer, or to null where the answer is empty.
 *
 * @param {string} method
 * @param {string} address
 * @throws {Problem}
 */
export async function call(method, address) {
  const [answer, body] = await exchange(method, address);
  if (!answer.ok) throw problemOfAnswer(answer.status, body, answer.headers.get("Retry-After"));
  return body ? JSON.parse(body) : null;
}

async function exchange(method, address) {
  try {
    const answer = await fetch(address, { method });
    return [answer, await answer.text()];
  } catch {
    // fetch tells a script no more than that there was no (whole) answer.
    throw connectionProblem();
  }
}
