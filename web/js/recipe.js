/** The panel that says how a program does the same. */

const PLAIN_NAME = /^[\w.,-]+$/;

/**
 * @param {string[]} presets The presets that the commands shall name.
 * @param {boolean} keyed Whether the server needs a key.
 */
export function showRecipe(presets, keyed = false) {
  const jobs = new URL("api/jobs", document.baseURI).href;
  const events = new URL("api/events", document.baseURI).href;
  const names = presets.join(",");
  const key = keyed ? '-H "Authorization: Bearer $PIXELPIPE_KEY" ' : "";
  const upload = `curl ${key}-H 'Prefer: wait=60' -F preset=${quoted(names)} -F file=@photo.jpg ${jobs}`;
  document.getElementById("recipe-upload").textContent = upload;
  document.getElementById("recipe-watch").textContent = `curl ${key}-N ${events}`;
}

/** Make the copy buttons work. */
export function offerCopies() {
  for (const button of document.querySelectorAll("[data-copies]")) {
    const words = button.textContent;
    button.addEventListener("click", async () => {
      button.textContent = await copy(document.getElementById(button.dataset.copies));
      setTimeout(() => {
        button.textContent = words;
      }, 2000);
    });
  }
}

/** Outside HTTPS and localhost there is no clipboard to write to: then the text is selected. */
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    return "Selected";
  }
}

function quoted(text) {
  return PLAIN_NAME.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
