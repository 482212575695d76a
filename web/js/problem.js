const USUAL_PAUSE_S = 2;

/**
 * What went wrong, as the server says it (RFC 9457) or as the page found out itself.
 *
 * `retryable` is true where the same upload may well succeed later, `gone` where the server does
 * not have the thing any more, `unauthorized` where it wants a key; `outcome` says in two words what it meant for the photograph.
 */
export class Problem extends Error {
  constructor({ title, detail, outcome = title, errors = [], ...meaning }) {
    super(title);
    const { retryable = false, retryAfter_s = null, gone = false, unauthorized = false } = meaning;
    this.title = title;
    this.detail = detail;
    this.outcome = outcome;
    this.errors = errors;
    this.retryable = retryable;
    this.retryAfter_s = retryAfter_s;
    this.gone = gone;
    this.unauthorized = unauthorized;
  }
}

/** The problem in a finished request's answer; a body that is none still gives a sentence. */
export function problemOfAnswer(status, body, retryAfter) {
  const told = parsed(body);
  return new Problem({
    title: told.title ?? `The server answered ${status}`,
    detail: told.detail ?? "It gave no further reason.",
    outcome: "Not accepted",
    errors: Array.isArray(told.errors) ? told.errors : [],
    retryable: status >= 500,
    retryAfter_s: status === 503 ? secondsOf(retryAfter) : null,
    gone: status === 404 || status === 410,
    unauthorized: status === 401,
  });
}

/** Give the problem back; if it is that a key is needed, the page gets to know. */
export function tellIfUnauthorized(problem) {
  if (problem.unauthorized) document.dispatchEvent(new Event("unauthorized"));
  return problem;
}

export function connectionProblem() {
  return new Problem({
    title: "The connection broke",
    detail: "The server could not be reached, or it ended the connection before it answered.",
    outcome: "Not sent",
    retryable: true,
  });
}

/** Retry-After in seconds; as a date, or missing, it is taken for the usual pause. */
function secondsOf(retryAfter) {
  return /^\d+$/.test(retryAfter ?? "") ? Number(retryAfter) : USUAL_PAUSE_S;
}

function parsed(body) {
  try {
    return JSON.parse(body) ?? {};
  } catch {
    return {};
  }
}
