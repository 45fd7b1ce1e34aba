// Tables: a click anywhere on a row follows its link; select all, shift-select, and the count in the bulk bar.
import { text } from "./texts.js";

let last = null;

const boxes = (region) => [...region.querySelectorAll("input[name=selected]")];

function showCount(region) {
  if (!region) return;
  const all = boxes(region);
  const count = all.filter((box) => box.checked).length;
  const head = region.querySelector("[data-select-all]");
  if (head) {
    head.checked = count > 0 && count === all.length;
    head.indeterminate = count > 0 && count < all.length;
  }
  const words = region.querySelector("[data-selected-count]");
  if (words && count) words.textContent = text("selected", count);
}

function onChange(event) {
  const region = event.target.closest?.(".table__results");
  if (!region) return;
  if (event.target.matches("[data-select-all]")) {
    for (const box of boxes(region)) box.checked = event.target.checked;
  }
  if (event.target.matches("[name=selected], [data-select-all]")) showCount(region);
}

function selectRange(event) {
  const box = event.target.closest?.("input[name=selected]");
  if (!box) return;
  const all = boxes(box.closest(".table__results"));
  if (event.shiftKey && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const between of all.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
}

function openRow(event) {
  const row = event.target.closest?.(".table__grid tbody tr");
  if (!row || event.target.closest("a, button, input, label, select, textarea, summary, form")) return;
  if (String(getSelection())) return;
  const link = row.querySelector("[data-row-link]");
  if (!link) return;
  const { ctrlKey, metaKey, shiftKey } = event;
  link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }));
}

export function startTables() {
  document.addEventListener("change", onChange);
  document.addEventListener("click", selectRange);
  document.addEventListener("click", openRow);
  document.addEventListener("reset", (event) => {
    const region = event.target.closest?.(".table__results");
    if (region) setTimeout(() => showCount(region));
  });
  document.addEventListener("htmx:after:swap", () => document.querySelectorAll(".table__results").forEach(showCount));
}
