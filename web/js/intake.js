/**
 * Take photographs in from wherever a person puts them: dropped anywhere on the page, chosen, or
 * pasted. What a file really is, the server decides by its content.
 *
 * @param {(files: File[]) => void} onFiles
 */
export function takeIn(onFiles) {
  const give = (files) => {
    if (files.length > 0) onFiles(files);
  };
  chosen(give);
  dropped(give);
  pasted(give);
}

function chosen(give) {
  const input = document.getElementById("files");
  document.getElementById("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files];
    // Emptied, so that choosing the same file again is a change again.
    input.value = "";
    give(files);
  });
}

function dropped(give) {
  let depth = 0;
  const over = (change) => {
    depth = change === null ? 0 : depth + change;
    document.body.classList.toggle("dropping", depth > 0);
  };
  // Enter and leave come for every element on the way, so they are counted.
  onFileDrag("dragenter", () => over(1));
  onFileDrag("dragleave", () => over(-1));
  onFileDrag("dragover", (transfer) => {
    transfer.dropEffect = "copy";
  });
  onFileDrag("drop", (transfer) => {
    over(null);
    give(filesOf(transfer));
  });
}

function onFileDrag(type, act) {
  document.addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    act(event.dataTransfer);
  });
}

function pasted(give) {
  document.addEventListener("paste", (event) => {
    const images = filesOf(event.clipboardData).filter((file) => file.type.startsWith("image/"));
    if (images.length > 0) event.preventDefault();
    give(images);
  });
}

/** The files among dragged things, without folders, which cannot be uploaded. */
function filesOf(transfer) {
  return [...transfer.items]
    .filter((item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory)
    .map((item) => item.getAsFile());
}
