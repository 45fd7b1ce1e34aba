// Side by side: one prompt to two models, both answers as they come, and which was the better one.
import { Refusal, call, word } from "./chat-api.js";
import { dressText, rawOf, shownOf } from "./chat-message.js";
import { follow } from "./chat-stream.js";
import { Writer } from "./chat-writer.js";
import { toast } from "./toast.js";

const root = document.querySelector("[data-duel]");
const sides = [...(root?.querySelectorAll("[data-side]") ?? [])];
const find = (side, name) => side.querySelector(`[data-${name}]`);
const lamps = { complete: "clear", stopped: "caution", interrupted: "caution", failed: "danger" };
const number = new Intl.NumberFormat(document.documentElement.lang || "en");

function refuse(error) {
  if (!(error instanceof Refusal)) throw error;
  toast(error.message, "danger", error.requestId);
}

function light(side, state, words) {
  const lamp = Object.assign(document.createElement("span"), { className: `lamp lamp--${state}` });
  lamp.append(Object.assign(document.createElement("span"), { className: "lamp__word", textContent: words }));
  find(side, "lamp").replaceChildren(lamp);
}

function facts(usage) {
  const parts = [`${number.format(usage.prompt)} → ${number.format(usage.completion)} ${word("tokens")}`];
  if (usage.cost) parts.push(`$${Number(usage.cost.toPrecision(3))}`);
  return parts.join(" · ");
}

async function listen(side) {
  const shown = shownOf(side);
  const writer = new Writer(shown, rawOf(side));
  const end = (data) => {
    light(side, lamps[data.status] ?? "clear", word(data.status ?? "complete"));
    find(side, "error").textContent = data.code ? data.message : "";
  };
  const deeds = {
    start: (data) => writer.goOn(data.offset ?? 0),
    token(data) {
      light(side, "moving", word("writing"));
      writer.add(data.content);
    },
    usage: (data) => { find(side, "facts").textContent = facts(data); },
    done: end,
    error: end,
  };
  light(side, "moving", word("waiting"));
  shown.dataset.live = "";
  try {
    await follow(`${root.dataset.conversations}/${side.dataset.conversation}/messages`, (event, data) => deeds[event]?.(data), {
      lost: () => light(side, "caution", word("again")),
      signal: leaving.signal,
    });
  } finally {
    writer.end();
    delete shown.dataset.live;
  }
}

const leaving = new AbortController();

async function listenAll() {
  const running = sides.filter((side) => side.dataset.conversation && side.dataset.status === "generating");
  if (!running.length) return;
  try {
    await Promise.all(running.map(listen));
    root.querySelector("[data-choice]").hidden = false;
    root.querySelector("[data-said]").textContent = word("ended");
  } catch (error) {
    refuse(error);
  }
}

function stand(told) {
  root.dataset.duel = told.id;
  history.pushState({}, "", `${root.dataset.url}?id=${told.id}`);
  root.querySelector("[data-asked]").textContent = told.prompt;
  for (const node of root.querySelectorAll("[data-asked], [data-again]")) node.hidden = false;
  told.contenders.forEach((contender, index) => {
    const side = sides[index];
    Object.assign(side.dataset, { model: contender.model, conversation: contender.conversation_id, status: contender.status });
    find(side, "pick").remove();
    find(side, "name").textContent = contender.model;
    find(side, "name").hidden = false;
    find(side, "open").href = `${root.dataset.url.replace(/compare$/, "")}${contender.conversation_id}`;
    find(side, "open").hidden = false;
    root.querySelector(`[data-key="${side.dataset.side}"]`).dataset.choose = contender.model;
    side.dataset.status = "generating"; // whatever it is by now, its stream tells it from the beginning
  });
  root.querySelector("[data-ask]").remove();
}

async function ask(event) {
  event.preventDefault();
  const form = event.target;
  const prompt = form.querySelector("[data-text]").value;
  const models = sides.map((side) => find(side, "pick").value);
  if (!prompt.trim()) return;
  if (models[0] === models[1]) return toast(word("modelSame"), "caution");
  const button = form.querySelector("[data-send]");
  button.disabled = true;
  try {
    stand(await call("POST", root.dataset.collection, { prompt, models }));
  } catch (error) {
    refuse(error);
    return;
  } finally {
    button.disabled = false;
  }
  await listenAll();
}

async function choose(button) {
  try {
    await call("POST", `${root.dataset.collection}/${root.dataset.duel}/choose`, { model: button.dataset.choose });
  } catch (error) {
    refuse(error);
    return;
  }
  for (const other of root.querySelectorAll("[data-choose]")) other.setAttribute("aria-pressed", String(other === button));
  for (const side of sides) side.toggleAttribute("data-chosen", side.dataset.model === button.dataset.choose);
  root.querySelector("[data-kept]").textContent = word("chosen");
}

function onKey(event) {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest?.("input, textarea, select")) return;
  if (event.key === "n") return location.assign(root.dataset.url);
  const button = root.querySelector(`[data-choice]:not([hidden]) [data-key="${CSS.escape(event.key)}"]`);
  if (!button) return;
  event.preventDefault();
  choose(button);
}

function start() {
  for (const side of sides) dressText(shownOf(side), rawOf(side));
  const form = root.querySelector("[data-ask]");
  form?.addEventListener("submit", ask);
  form?.querySelector("[data-text]").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form?.querySelector("[data-text]").focus();
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-choose]");
    if (button) choose(button);
  });
  document.addEventListener("keydown", onKey);
  addEventListener("popstate", () => location.reload());
  addEventListener("pagehide", () => leaving.abort());
  listenAll();
}

if (root) start();
