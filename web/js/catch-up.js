import { problemOfAnswer } from "./problem.js";

/**
 * Ask for every unfinished job, after the stream was opened (again).
 *
 * The stream replays what it can; what happened before its first opening, or while a server was
 * away for good, only the jobs themselves can tell.
 *
 * @param {Jobs} jobs
 */
export async function catchUp(jobs) {
  await Promise.all(jobs.unfinished().map((job) => catchUpOne(jobs, job)));
}

async function catchUpOne(jobs, { id, links }) {
  const answer = await fetch(links.self).catch(() => null);
  // No answer at all: the stream is gone as well, and its next opening asks again.
  if (answer === null) return;
  if (answer.ok) jobs.refresh(await answer.json());
  else if (answer.status < 500) jobs.lose(id, problemOfAnswer(answer.status, await answer.text()));
}
