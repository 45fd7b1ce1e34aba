// Keys: j k (rows), x (select), / (filter), ⌘K or Ctrl K (search), [ (rail), ? (help sheet). Enter on a row is the link's own.
const typing = (node) => node.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]");

function rows() {
  const scope = document.querySelector("dialog[open]") ?? document;
  return [...scope.querySelectorAll("[data-row-link]")].filter((link) => link.offsetParent);
}

function step(by) {
  const links = rows();
  if (!links.length) return;
  const row = document.activeElement?.closest?.("tr, li");
  const here = links.findIndex((link) => row?.contains(link));
  const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + by, 0), links.length - 1);
  links[next].focus({ preventScroll: true });
  links[next].closest("tr, li")?.scrollIntoView({ block: "nearest" });
}

function select() {
  document.activeElement?.closest?.("tr")?.querySelector("input[name=selected]")?.click();
}

const deeds = {
  j: () => step(1),
  k: () => step(-1),
  x: select,
  "/": () => {
    const filter = document.querySelector("[data-filter-input]") ?? document.querySelector("[data-search]");
    filter?.focus();
    filter?.select();
  },
  "[": () => document.querySelector("[data-preference=rail]")?.click(),
  "?": () => {
    const sheet = document.getElementById("keyboard-help");
    if (sheet && !sheet.open) sheet.showModal();
  },
};

export function startKeyboard() {
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      const search = document.querySelector("[data-search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape" && typing(event.target)) event.target.blur();
    if (typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const deed = deeds[event.key];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}
