// Logs: [data-feed="/console/requests"] gets a row for each event of its topic that is of [data-feed-type]. A flood is painted a few times a
// second, some rows of it at most; the others are counted. While the reader is reading, rows wait under the "n new" bar.
import { isBeingRead, showBar, swap } from "./refresh.js";
import { text } from "./texts.js";
import { writeTimes } from "./time.js";

const ROWS = 200; // on the page
const AT_ONCE = 50; // in one painting
const BREATH = 250; // between two paintings

let waiting = []; // newest first
let leftOut = 0;
let timer = 0;

const language = document.documentElement.lang || "en";
const whole = new Intl.NumberFormat(language);
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, maximumFractionDigits: 9 });

function count(number) {
  if (number >= 1e9) return `${(number / 1e9).toFixed(2)} B`;
  return number >= 1e6 ? `${(number / 1e6).toFixed(2)} M` : whole.format(number);
}

function money(dollars) {
  if (!dollars) return "$0";
  const text = dollars >= 1 ? cents.format(dollars) : small.format(dollars);
  return `$${text.replace(/\.(\d)$/, ".$10")}`;
}

function span(ms) {
  if (ms == null) return "";
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(1)} min`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function put(cell, words) {
  cell.textContent = words || "–";
  cell.classList.toggle("muted", !words);
}

function putLink(cell, words, call, url) {
  const link = cell.querySelector("a");
  link.textContent = words;
  link.href = `${url}/${encodeURIComponent(call.id)}`;
}

function said(value, words) {
  return typeof value === "boolean" ? words[value] : String(value ?? "");
}

const fields = {
  model: (cell, call, url) => putLink(cell, call.model, call, url),
  prediction: (cell, call, url, words) => putLink(cell, said(call.prediction, words), call, url),
  probability: (cell, call) => put(cell, call.probability == null ? "" : String(Number(call.probability.toPrecision(4)))),
  customer: (cell, call) => put(cell, call.customer_id),
  version: (cell, call) => cell.replaceChildren(Object.assign(document.createElement("span"), { className: "tag", textContent: call.version })),
  outcome: (cell) => put(cell, ""),
  status: (cell, call, _, words) => {
    const [lamp, word] = words[call.status] ?? ["off", call.status];
    const node = cell.querySelector(".lamp");
    node.className = `lamp lamp--${lamp}`;
    node.title = call.error_code ?? "";
    node.querySelector(".lamp__word").textContent = word;
  },
  deployment: (cell, call) => put(cell, call.deployment),
  key_name: (cell, call) => put(cell, call.key_name),
  tokens: (cell, call) => put(cell, `${count(call.prompt_tokens)} → ${count(call.completion_tokens)}`),
  cost: (cell, call) => put(cell, money(Number(call.cost))),
  first_token: (cell, call) => put(cell, span(call.first_token_ms)),
  ms: (cell, call) => put(cell, span(call.ms)),
  at: (cell, call) => {
    const node = cell.querySelector("time");
    node.dateTime = call.at;
    node.removeAttribute("title");
  },
};

const rowId = (node, call) => `${node.id.replace(/-results$/, "")}-${call.id}`;

function makeRow(node, call, words) {
  const row = node.querySelector("[data-feed-row]").content.firstElementChild.cloneNode(true);
  row.id = rowId(node, call);
  for (const cell of row.querySelectorAll("[data-field]")) fields[cell.dataset.field](cell, call, node.dataset.feed, words);
  return row;
}

function say(node) {
  const note = node.querySelector("[data-feed-sampled]");
  if (!note || !leftOut) return;
  note.textContent = text("sampled", whole.format(leftOut));
  note.hidden = false;
}

function paint(node) {
  const body = node.querySelector("tbody");
  if (!body) return swap(node); // the first call ever: the page still says that there is none
  const words = JSON.parse(node.dataset.feedWords);
  const fresh = waiting.filter((call) => !document.getElementById(rowId(node, call)));
  waiting = [];
  leftOut += Math.max(0, fresh.length - AT_ONCE);
  body.prepend(...fresh.slice(0, AT_ONCE).map((call) => makeRow(node, call, words)));
  while (body.rows.length > ROWS) body.lastElementChild.remove();
  const bar = node.previousElementSibling;
  if (bar?.matches(".news")) bar.remove();
  writeTimes();
  say(node);
}

function due() {
  timer = 0;
  const node = document.querySelector("[data-feed]");
  if (!node || !waiting.length) return;
  const fresh = waiting.filter((call) => !call.told);
  if (!isBeingRead(node)) paint(node);
  else if (fresh.length) {
    for (const call of fresh) call.told = true;
    showBar(node, fresh.length, paint);
    say(node);
  }
}

// Whether the event is this list's to show; if not, it is a hint to fetch something again.
export function feed(frame) {
  const node = document.querySelector("[data-feed]");
  if (!node || frame.topic !== node.dataset.topic) return false;
  const call = frame.data ?? {};
  leftOut += call.left_out ?? 0;
  const wanted = Object.entries(JSON.parse(node.dataset.feedWanted));
  if (call.type === (node.dataset.feedType || "call") && wanted.every(([name, value]) => call[name] === value)) {
    waiting.unshift(call);
    if (waiting.length > ROWS) {
      waiting.pop();
      leftOut += 1;
    }
    timer ||= setTimeout(() => requestAnimationFrame(due), BREATH);
  }
  return true;
}

// What was fetched anew has what waited.
document.addEventListener("htmx:after:swap", () => { if (document.querySelector("[data-feed]")) waiting = []; });
