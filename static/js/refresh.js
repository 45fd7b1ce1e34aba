// Re-fetches live elements: [data-topic="a b.*"], optionally [data-events="keys.key"] (prefixes of event names) and
// [data-refresh-url] (left out: this very URL). A [data-live-list] that the reader has scrolled, points at, types in or has
// selected rows of is left alone: a "n new" bar stands over it instead.
import { drawChart } from "./chart.js";
import { text } from "./texts.js";

const CALM = 300;
const PATIENCE = 2000;
const waiting = new Map();

const words = (value) => (value ?? "").split(/[\s,]+/).filter(Boolean);
const covers = (pattern, topic) => pattern === topic || topic === "*" || (pattern.endsWith("*") && topic.startsWith(pattern.slice(0, -1)));

export function topicsOf(root) {
  return new Set([...root.querySelectorAll("[data-topic]")].flatMap((node) => words(node.dataset.topic)));
}

export function isBeingRead(node) {
  if (node.matches(":hover") || node.contains(document.activeElement)) return true;
  if (node.querySelector("[name=selected]:checked, details[open], dialog[open]")) return true;
  const selection = getSelection();
  if (selection && !selection.isCollapsed && node.contains(selection.anchorNode)) return true;
  const frame = node.querySelector(".table__frame");
  return node.getBoundingClientRect().top < 0 || (frame?.scrollTop ?? 0) > 0;
}

export function showBar(node, count, act = swap) {
  let bar = node.previousElementSibling;
  if (!bar?.matches(".news")) {
    bar = Object.assign(document.createElement("div"), { className: "news" });
    bar.append(Object.assign(document.createElement("button"), { type: "button", className: "button button--small" }));
    bar.firstChild.addEventListener("click", () => {
      act(node);
      if (node.getBoundingClientRect().top < 0) node.scrollIntoView({ block: "start" });
    });
    node.before(bar);
  }
  bar.dataset.count = String(Number(bar.dataset.count ?? 0) + count);
  bar.firstChild.textContent = text("new", bar.dataset.count);
}

export async function swap(node) {
  if (!node.isConnected) return;
  if (node.matches("[data-chart-url]")) return drawChart(node);
  const url = node.dataset.refreshUrl || location.href;
  let response;
  try {
    response = await fetch(url, { headers: { "HX-Request": "true", "X-Live": "1" }, credentials: "same-origin" });
  } catch {
    return;
  }
  if (!response.ok || response.redirected || !node.isConnected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const same = node.id ? page.getElementById(node.id) : null;
  if (!same && page.getElementById("main")) return; // a whole page without this part: nothing of it belongs here
  node.previousElementSibling?.matches(".news") && node.previousElementSibling.remove();
  await window.htmx.swap({ sourceElement: node, target: node, swap: "innerMorph", text: (same ?? page.body).innerHTML });
}

function due(node) {
  const { count } = waiting.get(node);
  waiting.delete(node);
  if (node.matches("[data-live-list]") && isBeingRead(node)) showBar(node, count);
  else return swap(node);
}

function later(node) {
  const entry = waiting.get(node) ?? { count: 0, since: Date.now(), timer: 0 };
  entry.count += 1;
  clearTimeout(entry.timer);
  const wait = Math.max(0, Math.min(CALM, entry.since + PATIENCE - Date.now()));
  entry.timer = setTimeout(due, wait, node);
  waiting.set(node, entry);
}

export function refresh(topic, event) {
  for (const node of document.querySelectorAll("[data-topic]")) {
    if (!words(node.dataset.topic).some((pattern) => covers(pattern, topic))) continue;
    const prefixes = words(node.dataset.events);
    if (event && prefixes.length && !prefixes.some((prefix) => event.startsWith(prefix))) continue;
    later(node);
  }
}

export function refreshAll() {
  const nodes = [...document.querySelectorAll("[data-topic]")];
  return Promise.all(nodes.map((node) => (node.matches("[data-live-list]") && isBeingRead(node) ? showBar(node, 1) : swap(node))));
}
