// Copy buttons: data-copy="text", or data-copy-from="selector" inside the nearest [data-copy-scope].
// Also remembers the language chosen in "as code" (data-remember).
import { text } from "./texts.js";
import { toast } from "./toast.js";

async function write(words) {
  if (navigator.clipboard) return navigator.clipboard.writeText(words);
  // Plain http on another host has no clipboard API; the old way still works there.
  const area = document.createElement("textarea");
  area.value = words;
  area.className = "visually-hidden";
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
}

function copy(button) {
  const source = button.dataset.copyFrom;
  return copyText(source ? button.closest("[data-copy-scope]").querySelector(source).textContent : button.dataset.copy, button);
}

// Copy words; the button says that it is done.
export async function copyText(words, button) {
  try {
    await write(words);
  } catch {
    toast(text("copy-failed"), "caution");
    return;
  }
  const use = button.querySelector("use");
  const label = button.getAttribute("aria-label");
  const drawing = use?.getAttribute("href");
  if (button.dataset.copied !== undefined) return;
  button.dataset.copied = "";
  use?.setAttribute("href", drawing.replace(/#.*/, "#check"));
  if (label) button.setAttribute("aria-label", text("copied"));
  setTimeout(() => {
    delete button.dataset.copied;
    use?.setAttribute("href", drawing);
    if (label) button.setAttribute("aria-label", label);
  }, 1600);
}

function recall() {
  for (const group of document.querySelectorAll("[data-remember]")) {
    let value = null;
    try { value = localStorage.getItem(group.dataset.remember); } catch { /* nothing kept */ }
    for (const input of group.querySelectorAll("input[type=radio]")) if (input.value === value) input.checked = true;
  }
}

export function startCopy() {
  recall();
  document.addEventListener("htmx:after:swap", recall);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy], [data-copy-from]");
    if (!button) return;
    event.preventDefault();
    event.stopPropagation();
    copy(button);
  });
  document.addEventListener("change", (event) => {
    const group = event.target.closest?.("[data-remember]");
    if (!group) return;
    try { localStorage.setItem(group.dataset.remember, event.target.value); } catch { /* nothing kept */ }
    recall();
  });
}
