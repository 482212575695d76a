import { call } from "./call.js";
import { Problem } from "./problem.js";

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
  try {
    const job = await call("GET", links.self);
    if (job.deleted_at) jobs.lose(id, removedElsewhere());
    else jobs.refresh(job);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // Otherwise the server is in trouble: the stream will break as well, and its next opening asks.
    if (problem.gone) jobs.lose(id, problem);
  }
}

function removedElsewhere() {
  return new Problem({ title: "Removed", detail: "The job was removed elsewhere." });
}
