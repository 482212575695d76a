import { element } from "./element.js";

/**
 * The failures of a job, each told once: what befell several variants alike names them, unless it
 * befell all.
 *
 * @param {object[]} failures Problems; `variant` says whose it is, if it is one variant's.
 * @param {number} variantCount The job's variants.
 */
export function failureNotes(failures, variantCount) {
  const alike = new Map();
  for (const failure of failures) {
    const key = JSON.stringify([failure.title, failure.detail]);
    alike.set(key, [...(alike.get(key) ?? []), failure]);
  }
  return [...alike.values()].map((group) => {
    const names = group.flatMap(({ variant }) => variant ?? []);
    return problemNote(group[0], names.length < variantCount ? names : []);
  });
}

/**
 * A problem for the eye: its title and detail, and every single mistake where it lists several.
 *
 * @param {{title: string, detail: string, errors?: object[]}} problem
 * @param {string[]} [variants] Names of the variants that it befell.
 */
export function problemNote(problem, variants = []) {
  const title = [variants.join(", "), problem.title].filter(Boolean).join(": ");
  const note = element(
    "div",
    { className: "problem" },
    element("strong", {}, title),
    element("p", {}, problem.detail ?? ""),
  );
  if (problem.errors?.length > 0) note.append(mistakes(problem.errors));
  return note;
}

function mistakes(errors) {
  const items = errors.map(({ pointer, detail }) =>
    element("li", {}, pointer ? `${pointer}: ${detail}` : detail),
  );
  return element("ul", {}, ...items);
}
