// Toasts: good news leaves after eight seconds (never while read or focused), bad news stays until closed.
const STAY = 8000;

export function toast(message, state = "off", requestId = "") {
  const region = document.getElementById("toasts");
  const template = document.getElementById("toast-template");
  if (!region || !template) return;
  const node = template.content.firstElementChild.cloneNode(true);
  node.querySelector("[data-toast-text]").textContent = message;
  node.querySelector("[data-toast-lamp]").className = `lamp lamp--${state}`;
  node.dataset.closes = state === "danger" || state === "caution" ? "never" : "later";
  if (requestId) {
    const note = document.createElement("small");
    note.textContent = requestId;
    node.querySelector(".toast__text").append(note);
  }
  for (const old of region.querySelectorAll("[data-toast]")) {
    if (old.querySelector("[data-toast-text]").textContent === message) old.remove();
  }
  region.append(node);
}

function leaveLater(node) {
  if (node.dataset.closes !== "later" || node.dataset.leaving) return;
  node.dataset.leaving = "true";
  const leave = () => {
    if (node.matches(":hover, :focus-within")) setTimeout(leave, 1500);
    else node.remove();
  };
  setTimeout(leave, STAY);
}

export function startToasts() {
  const region = document.getElementById("toasts");
  if (!region) return;
  const watch = () => region.querySelectorAll("[data-toast]").forEach(leaveLater);
  new MutationObserver(watch).observe(region, { childList: true });
  watch();
}
