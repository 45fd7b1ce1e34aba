// One message's markup: made from a template, dressed with code frames and colours, and what was said in it as it was said.
import { dress, render } from "./chat-markdown.js";

export const rawOf = (node) => node.querySelector("[data-raw]")?.content.textContent ?? "";
export const shownOf = (node) => node.querySelector("[data-shown]");

export function make(kind) {
  return document.getElementById(`chat-${kind}`).content.firstElementChild.cloneNode(true);
}

export function makeUser(content, files) {
  const node = make("user");
  setRaw(node, content);
  shownOf(node).textContent = content;
  if (files.length) {
    const list = Object.assign(document.createElement("ul"), { className: "files" });
    for (const file of files) {
      const item = Object.assign(document.createElement("li"), { className: "file" });
      item.append(Object.assign(document.createElement("span"), { className: "file__name", textContent: file.name }));
      list.append(item);
    }
    shownOf(node).before(list);
  }
  return node;
}

export function setRaw(node, content) {
  node.querySelector("[data-raw]").content.replaceChildren(content);
}

// What the server rendered gets its frames; addresses that were not written as links become some.
export function dressMessage(node) {
  if (node.dataset.dressed !== undefined || node.dataset.role !== "assistant") return;
  node.dataset.dressed = "";
  dressText(shownOf(node), rawOf(node));
}

export function dressText(shown, raw) {
  if (/https?:\/\//.test(raw)) shown.replaceChildren(render(raw));
  else dress(shown);
}

export function say(node, words, lamp = "moving") {
  const line = node.querySelector("[data-foot] .message__line");
  let mark = line.querySelector(".lamp");
  if (!mark) {
    mark = Object.assign(document.createElement("span"), { className: "lamp" });
    mark.append(Object.assign(document.createElement("span"), { className: "lamp__word" }));
    line.prepend(mark);
  }
  mark.className = `lamp lamp--${lamp}`;
  mark.firstElementChild.textContent = words;
}

// The server's newer word on a message. A text that is the same stays as it is painted, with what is selected in it.
export function renew(old, fresh) {
  if (rawOf(old) !== rawOf(fresh)) {
    old.replaceWith(fresh);
    return fresh;
  }
  const dressed = old.dataset.dressed;
  for (const name of Object.keys(old.dataset)) delete old.dataset[name];
  Object.assign(old.dataset, fresh.dataset);
  if (dressed !== undefined || old.dataset.role === "assistant") old.dataset.dressed = "";
  old.id = fresh.id;
  old.className = fresh.className;
  for (const part of ["[data-foot]", ".message__head"]) old.querySelector(part).replaceWith(fresh.querySelector(part));
  return old;
}
