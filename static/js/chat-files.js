// Files on their way into a message: chosen, dropped or pasted, uploaded at once, named beside the text.
import { call, word } from "./chat-api.js";

export function startFiles(composer, url) {
  const list = composer.querySelector("[data-files]");
  let kept = [];

  function forget(file) {
    kept = kept.filter((other) => other !== file);
    file.node.remove();
  }

  async function add(blob) {
    const node = document.getElementById("chat-file").content.firstElementChild.cloneNode(true);
    const file = { name: blob.name || "file", id: "", isFailed: false, node };
    node.querySelector("[data-name]").textContent = file.name;
    const note = node.querySelector("[data-note]");
    note.textContent = word("uploading");
    node.querySelector("[data-remove]").addEventListener("click", () => forget(file));
    kept.push(file);
    list.append(node);
    const form = new FormData();
    form.append("file", blob, file.name);
    try {
      const told = await call("POST", url, form);
      file.id = told.id;
      note.textContent = `${new Intl.NumberFormat().format(Math.ceil(told.size / 1024))} KB`;
    } catch (error) {
      file.isFailed = true;
      node.classList.add("file--failed");
      note.textContent = `${word("uploadFailed")}: ${error.message}`;
    }
  }

  composer.querySelector("[data-attach]").addEventListener("change", (event) => {
    [...event.target.files].forEach(add);
    event.target.value = "";
  });
  composer.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    files.forEach(add);
  });
  const zone = composer.closest("[data-thread]") ?? composer;
  const box = composer.querySelector("[data-drop]");
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  zone.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    box.dataset.over = "";
  });
  zone.addEventListener("dragleave", (event) => { if (!zone.contains(event.relatedTarget)) delete box.dataset.over; });
  zone.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    delete box.dataset.over;
    [...event.dataTransfer.files].forEach(add);
  });

  return {
    get ready() { return kept.filter((file) => file.id).map(({ id, name }) => ({ id, name })); },
    get isWaiting() { return kept.some((file) => !file.id && !file.isFailed); },
    clear() { [...kept].forEach(forget); },
  };
}
