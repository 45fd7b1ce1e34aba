// Where one writes: Enter sends, the field grows with the text, a draft outlives the page, and an edit takes the field over for a while.
import { call, word } from "./chat-api.js";
import { startFiles } from "./chat-files.js";
import { rawOf } from "./chat-message.js";
import { begin, isBusy, lastOf, refuse, root, stop, tell } from "./chat-thread.js";
import { readSettings } from "./chat-settings.js";

const form = root?.querySelector("[data-composer]");
const area = form?.querySelector("[data-text]");
const model = form?.querySelector("[data-model]");
const coarse = matchMedia("(pointer: coarse)");

let files = null;
let edited = null; // the message being edited, and what stood in the field before: {node, before}

const draftKey = () => `chat-draft:${root.dataset.id || "new"}`;

function keep(value) {
  try {
    if (value) localStorage.setItem(draftKey(), value);
    else localStorage.removeItem(draftKey());
  } catch { /* a private window keeps nothing */ }
}

function put(value) {
  area.value = value;
  fit();
}

function fit() {
  if (CSS.supports("field-sizing", "content")) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function recall() {
  try { put(localStorage.getItem(draftKey()) ?? ""); } catch { /* nothing kept */ }
}

export const focus = () => area?.focus();

export function edit(node) {
  if (!form || isBusy()) return;
  leaveEdit();
  edited = { node, before: area.value };
  node.dataset.edited = "";
  form.querySelector("[data-editing]").hidden = false;
  put(rawOf(node));
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

function leaveEdit() {
  if (!edited) return false;
  delete edited.node.dataset.edited;
  put(edited.before);
  edited = null;
  form.querySelector("[data-editing]").hidden = true;
  return true;
}

// The list, when fetched again, marks the conversation that stands here now.
function nameInList(node, attribute, id) {
  const url = new URL(node.getAttribute(attribute), location.href);
  url.searchParams.set("current", id);
  node.setAttribute(attribute, url.pathname + url.search);
}

// A new conversation is made by its first message.
async function create() {
  const { model: _, ...settings } = readSettings();
  const made = await call("POST", root.dataset.collection, { model: model.value, ...settings });
  keep("");
  root.dataset.id = made.id;
  root.dataset.api = `${root.dataset.collection}/${made.id}`;
  const url = `${root.dataset.listUrl.split("?")[0]}/${made.id}`;
  root.dataset.parts = `${url}/messages`;
  history.pushState({}, "", url);
  nameInList(document.getElementById("chat-list"), "data-refresh-url", made.id);
  nameInList(document.querySelector(".chat__search"), "hx-get", made.id);
  root.querySelector("[data-needs-id]").hidden = false;
  for (const link of root.querySelectorAll("[data-export]")) link.href = `${root.dataset.api}/export?format=${link.dataset.export}`;
}

async function send() {
  if (isBusy()) return tell(word("busy"));
  const content = area.value;
  if (files.isWaiting) return tell(word("stillUploading"));
  const attached = files.ready;
  if (!content.trim() && !attached.length) return;
  const ids = attached.map((file) => file.id);
  const target = edited;
  leaveEdit();
  if (!target) put("");
  keep(area.value);
  const body = { content, model: model.value, ...(ids.length && { attachments: ids }) };
  const shown = { content, files: attached };
  try {
    if (!root.dataset.id) await create();
    files.clear();
    if (target) await begin("PATCH", `/messages/${target.node.dataset.message}`, body, { user: shown, from: target.node });
    else await begin("POST", "/messages", body, { user: shown });
  } catch (error) {
    if (!area.value) put(content);
    keep(area.value);
    refuse(error);
  }
}

async function chooseModel() {
  if (!root.dataset.id) return;
  try {
    await call("PATCH", root.dataset.api, { model: model.value });
  } catch (error) {
    refuse(error);
  }
}

function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey && !event.altKey && !coarse.matches) {
    event.preventDefault();
    send();
  } else if (event.key === "ArrowUp" && !area.value && !edited) {
    const last = lastOf("user");
    if (!last) return;
    event.preventDefault();
    edit(last);
  } else if (event.key === "Escape") {
    if (!leaveEdit() && !isBusy()) return;
    event.preventDefault();
    event.stopPropagation(); // the page would take the focus away
    if (isBusy()) stop();
  }
}

// The keyboard of a phone covers the page; what is left of it is told to the style sheet.
function watchKeyboard() {
  const view = window.visualViewport;
  if (!view) return;
  const tellHeight = () => document.documentElement.style.setProperty("--chat-view", `${Math.round(view.height)}px`);
  view.addEventListener("resize", tellHeight);
  tellHeight();
}

export function startComposer() {
  watchKeyboard();
  if (!form) return;
  files = startFiles(form, root.dataset.upload);
  recall();
  if (!coarse.matches) area.focus({ preventScroll: true });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  area.addEventListener("keydown", onKey);
  area.addEventListener("input", () => {
    fit();
    if (!edited) keep(area.value);
  });
  model.addEventListener("change", chooseModel);
  form.querySelector("[data-cancel-edit]").addEventListener("click", () => {
    leaveEdit();
    area.focus();
  });
  const stopper = form.querySelector("[data-stop]");
  stopper.addEventListener("click", stop);
  root.addEventListener("chat:busy", (event) => {
    const hadFocus = document.activeElement === stopper || document.activeElement === form.querySelector("[data-send]");
    stopper.hidden = !event.detail;
    form.querySelector("[data-send]").hidden = event.detail;
    if (hadFocus) area.focus();
  });
}
