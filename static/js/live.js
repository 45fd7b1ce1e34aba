// One socket per tab. Subscribes to the topics of the page's [data-topic] elements and has them re-fetched (refresh.js) when an event
// arrives; shows in the lamp whether what you see is live. Events are only hints: the truth is fetched, so a gap costs a refresh.
import { feed } from "./calls.js";
import { refresh, refreshAll, topicsOf } from "./refresh.js";
import { text } from "./texts.js";

const PING = 25_000;
const SILENCE = 10_000;
const LONGEST = 30_000;
const lamps = { connected: "clear", "catching-up": "moving", offline: "off", ended: "caution" };

let socket = null;
let tries = 0;
let again = 0;
let pinging = 0;
let silence = 0;
let subscribed = new Set();
let missed = true; // the page was rendered before the socket listened, or the socket was away: events may have passed unheard

function show(state) {
  const lamp = document.querySelector("[data-live-lamp]");
  if (!lamp || lamp.dataset.state === state) return;
  lamp.dataset.state = state;
  lamp.className = `top__lamp lamp lamp--${lamps[state]}`;
  lamp.querySelector(".lamp__word").textContent = text(`live-${state}`);
}

const send = (frame) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame)); };

// Fragments come and go; the subscription follows what the page now holds.
function subscribe() {
  const wanted = topicsOf(document);
  const fresh = [...wanted].filter((topic) => !subscribed.has(topic));
  const gone = [...subscribed].filter((topic) => !wanted.has(topic));
  if (fresh.length) send({ type: "subscribe", topics: fresh });
  if (gone.length) send({ type: "unsubscribe", topics: gone });
  subscribed = wanted;
  return fresh.length > 0;
}

async function caughtUp() {
  if (missed) await refreshAll();
  missed = false;
  show("connected");
}

function hear(frame) {
  if (frame.type === "event") feed(frame) || refresh(frame.topic, frame.event ?? "");
  else if (frame.type === "gap") refresh(frame.topic ?? "*", "");
  else if (frame.type === "subscribed") caughtUp();
}

function ping() {
  send({ type: "ping" });
  clearTimeout(silence);
  silence = setTimeout(() => socket?.close(), SILENCE);
}

function retry() {
  const wait = Math.min(LONGEST, 500 * 2 ** tries) * (0.5 + Math.random() / 2);
  tries += 1;
  clearTimeout(again);
  again = setTimeout(connect, wait);
}

function connect() {
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  const url = new URL(document.body.dataset.liveUrl, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const mine = new WebSocket(url);
  socket = mine;
  subscribed = new Set();
  show(tries ? "offline" : "catching-up");
  mine.onopen = () => {
    tries = 0;
    show("catching-up");
    if (!subscribe()) show("connected");
    clearInterval(pinging);
    pinging = setInterval(ping, PING);
  };
  mine.onmessage = (message) => {
    clearTimeout(silence);
    let frame = {};
    try { frame = JSON.parse(message.data); } catch { /* not ours */ }
    hear(frame);
  };
  mine.onclose = (event) => {
    if (socket !== mine) return;
    clearInterval(pinging);
    clearTimeout(silence);
    missed = true;
    show(event.code === 4401 ? "ended" : "offline");
    if (event.code !== 4401) retry();
  };
}

export function startLive() {
  if (!document.body.dataset.liveUrl || !("WebSocket" in window)) return;
  connect();
  const now = () => { tries = 0; clearTimeout(again); connect(); };
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && socket?.readyState === WebSocket.CLOSED) now(); });
  addEventListener("pageshow", (event) => { if (event.persisted) now(); });
  addEventListener("pagehide", () => { clearTimeout(again); socket?.close(); });
  document.addEventListener("htmx:after:swap", subscribe);
  document.addEventListener("content", subscribe);
}
