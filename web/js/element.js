/**
 * Build one element.
 *
 * Properties are set on the object (`className`, `href`), `data` on its dataset, and names with a
 * hyphen (`aria-label`) as attributes. Text is only ever set as text, so nothing a file or the
 * server says is read as markup.
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name.includes("-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** Set text only when it differs: live regions and selections are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
