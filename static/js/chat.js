// The chat: wires the conversation, the composer, the dialogs and the keys. What is clicked in a message is found by its data attribute.
import { edit, focus, startComposer } from "./chat-composer.js";
import { call } from "./chat-api.js";
import { archive, judge, startDialogForms } from "./chat-dialogs.js";
import { rawOf } from "./chat-message.js";
import { begin, byId, isBusy, lastOf, refuse, root, startThread, stop, sync } from "./chat-thread.js";
import { copyText } from "./copy.js";

const of = (button) => button.closest("[data-message]");
const path = (message, deed) => `/messages/${message.dataset.message}/${deed}`;

async function again(message) {
  if (!message || isBusy()) return;
  try {
    await begin("POST", path(message, "regenerate"), {}, { from: message });
  } catch (error) {
    refuse(error);
  }
}

async function goOn(message) {
  if (isBusy()) return;
  try {
    await begin("POST", path(message, "continue"), {}, { node: message });
  } catch (error) {
    refuse(error);
  }
}

// Turn to another version; the message stays where the reader's eye is.
async function choose(button) {
  const message = of(button);
  const above = message.previousElementSibling;
  try {
    await call("POST", `${root.dataset.api}/messages/${button.dataset.select}/select`);
    await sync(above);
    byId(button.dataset.select)?.querySelector("[data-standing]")?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    refuse(error);
  }
}

const deeds = {
  "data-copy-message": (button) => copyText(rawOf(of(button)), button),
  "data-edit": (button) => edit(of(button)),
  "data-regenerate": (button) => again(of(button)),
  "data-continue": (button) => goOn(of(button)),
  "data-select": choose,
  "data-verdict": judge,
  "data-archive": archive,
};

function onClick(event) {
  for (const [name, deed] of Object.entries(deeds)) {
    const button = event.target.closest?.(`button[${name}]`);
    if (!button || button.disabled) continue;
    deed(button);
    return;
  }
}

const keys = {
  n: () => location.assign(root.dataset.newUrl),
  m: focus,
  c: () => lastOf("assistant")?.querySelector("[data-copy-message]")?.click(),
  r: () => again(lastOf("assistant")),
};

function onKey(event) {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && isBusy()) {
    event.preventDefault();
    stop();
    return;
  }
  if (event.target.closest?.("input, textarea, select, [contenteditable=true]")) return;
  const deed = keys[event.key];
  if (!deed) return;
  event.preventDefault();
  deed();
}

function start() {
  startComposer(); // before the first answer is heard: it shows that one can be stopped
  startDialogForms();
  startThread();
  document.querySelector(".talk__link[aria-current]")?.scrollIntoView({ block: "nearest" });
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
}

if (root) start();
