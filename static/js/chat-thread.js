// The conversation on the page: its messages as the server has them, and the answer being written. The server is the truth: when an
// answer ends, a branch is chosen or another tab has done something, the last messages are fetched and laid over those that stand.
import { Refusal, call, open, part, word } from "./chat-api.js";
import { dressMessage, make, makeUser, rawOf, renew, say, setRaw, shownOf } from "./chat-message.js";
import { startScroll } from "./chat-scroll.js";
import { follow } from "./chat-stream.js";
import { Writer } from "./chat-writer.js";
import { swap } from "./refresh.js";
import { toast } from "./toast.js";
import { writeTimes } from "./time.js";

export const root = document.querySelector("[data-thread]");
const list = root?.querySelector("[data-messages]");
const scroll = root && startScroll(root);
const channel = "BroadcastChannel" in window ? new BroadcastChannel("signalbox-chat") : null;
const UNTITLED = 4000; // a title that a model makes comes a little after the answer

let running = null; // the answer being heard: {node, id, stop, wantsStop}
let loading = null; // the earlier page on its way

const messages = () => [...list.querySelectorAll(":scope > [data-message]")];
export const byId = (id) => (id ? list.querySelector(`:scope > [data-message="${CSS.escape(id)}"]`) : null);
export const lastOf = (role) => messages().findLast((node) => node.dataset.role === role);
export const isBusy = () => running !== null;
export const tell = (words) => { root.querySelector("[data-said]").textContent = words; };

export function refuse(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Refusal)) throw error;
  toast(error.message, "danger", error.requestId);
}

function setBusy(isBusy) {
  root.toggleAttribute("data-busy", isBusy);
  list.setAttribute("aria-busy", String(isBusy));
  root.dispatchEvent(new CustomEvent("chat:busy", { detail: isBusy }));
}

// Not under the eyes of somebody who reads or searches in it.
export function refreshList() {
  const node = document.getElementById("chat-list");
  const isRead = !node || node.scrollTop > 100 || document.querySelector(".chat__search input:focus");
  return isRead ? undefined : swap(node);
}

const news = () => channel?.postMessage({ id: root.dataset.id });

// -- what the server has

function readHead(page) {
  const head = page.querySelector("[data-head]");
  if (!head) return;
  root.querySelector("[data-title]").textContent = head.dataset.title;
  for (const node of document.querySelectorAll("[data-title-of]")) node.textContent = head.dataset.title;
  root.querySelector("[data-about]").replaceChildren(head.content.cloneNode(true));
  document.title = document.title.replace(/^[^·]*/, `${head.dataset.title} `);
  return head.dataset.isTitled === "true";
}

// Lay the branch's last messages over those that stand. What stands above the first of them stays when it is the same branch.
function merge(page) {
  const fresh = [...page.querySelectorAll("[data-messages] > li")];
  const first = fresh.find((node) => node.dataset.message);
  const earlier = first && byId(first.dataset.message) ? messages().slice(0, messages().indexOf(byId(first.dataset.message))) : [];
  const head = earlier.length ? list.querySelector(":scope > [data-earlier]") : fresh.find((node) => node.dataset.earlier);
  const nodes = fresh.filter((node) => node.dataset.message).map((node) => {
    const old = byId(node.dataset.message);
    if (!old) return node;
    return old === running?.node || old.dataset.version === node.dataset.version ? old : renew(old, node);
  });
  const wanted = [head, ...earlier, ...nodes].filter(Boolean);
  for (const node of [...list.children]) if (!wanted.includes(node)) node.remove();
  wanted.forEach((node, index) => { if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null); });
  enhance();
}

// Code gets its frame and colours shortly before it is seen: a page of long answers is dear.
const nearby = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    dressMessage(target);
  }
}, { root: scroll?.box, rootMargin: "1200px 0px" });

export function enhance() {
  const bare = messages().filter((node) => node.dataset.dressed === undefined);
  for (const node of bare.slice(-2)) dressMessage(node);
  for (const node of bare.slice(0, -2)) nearby.observe(node);
  watchEarlier();
  writeTimes();
}

// `anchor` is a message's id after which the reader's place is found again.
export async function sync(anchor = null) {
  if (!root.dataset.parts) return;
  const page = await part(root.dataset.parts);
  scroll.hold(anchor, () => merge(page));
  const isTitled = readHead(page);
  const writing = messages().findLast((node) => node.dataset.status === "generating");
  if (writing && !running) listen(writing);
  return isTitled;
}

// A conversation has a name, and a place in the list, from its first message on.
async function nameIt() {
  try {
    if (list.dataset.isNamed === undefined) readHead(await part(root.dataset.parts));
    list.dataset.isNamed = "";
    await refreshList();
  } catch { /* when the answer has come they are read again */ }
}

// -- earlier messages

const seen = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) loadEarlier();
}, { root: scroll?.box, rootMargin: "600px 0px 0px" });

function watchEarlier() {
  seen.disconnect();
  const link = list.querySelector(":scope > [data-earlier]");
  if (link) seen.observe(link);
}

async function loadEarlier() {
  const link = list.querySelector(":scope > [data-earlier]");
  if (!link || loading) return;
  loading = link;
  try {
    const page = await part(link.dataset.earlier);
    if (!link.isConnected) return;
    const nodes = [...page.querySelectorAll("[data-messages] > li")].filter((node) => node.dataset.earlier || !byId(node.dataset.message));
    scroll.hold(link.nextElementSibling, () => link.replaceWith(...nodes));
    enhance();
  } catch (error) {
    refuse(error);
  } finally {
    loading = null;
  }
}

// -- an answer being written

function think(node, content) {
  const thoughts = node.querySelector("[data-thoughts]");
  thoughts.hidden = false;
  thoughts.querySelector("[data-reasoning]").append(content);
}

function hearer(answer, writer, begun) {
  return {
    start(data) {
      answer.id = data.messageId ?? answer.id;
      answer.node.dataset.message = answer.node.id = answer.id;
      writer.goOn(data.offset ?? 0);
      if (!data.offset) answer.node.querySelector("[data-reasoning]").replaceChildren();
      say(answer.node, word(answer.isHeard ? "writing" : "waiting"));
      news();
      if (begun) nameIt();
      if (answer.wantsStop) stop();
    },
    token(data) {
      if (!answer.isHeard) say(answer.node, word("writing"));
      answer.isHeard = true;
      writer.add(data.content);
    },
    reasoning: (data) => think(answer.node, data.content),
  };
}

// Hear an answer to its end. `begin` asks for it; without, it is under way already.
async function listen(node, begin = null) {
  const leaving = new AbortController();
  const answer = { node, id: node.dataset.message || "", leaving, isHeard: false, wantsStop: false };
  const writer = new Writer(shownOf(node), rawOf(node));
  const deeds = hearer(answer, writer, begin !== null);
  running = answer;
  node.dataset.live = shownOf(node).dataset.live = "";
  node.dataset.dressed = "";
  setBusy(true);
  tell(word("waiting"));
  try {
    await follow(`${root.dataset.api}/messages`, (event, data) => deeds[event]?.(data), {
      begin,
      signal: leaving.signal,
      lost: () => say(node, word("again"), "caution"),
    });
  } finally {
    writer.end();
    if (writer.text) setRaw(node, writer.text);
    delete node.dataset.live;
    delete shownOf(node).dataset.live;
    running = null;
    setBusy(false);
  }
  if (leaving.signal.aborted) return;
  tell(word("ended"));
  news();
  await settle();
}

async function settle() {
  const isTitled = await sync();
  refreshList();
  if (isTitled === false) setTimeout(() => { if (!running) sync().then(refreshList, () => {}); }, UNTITLED);
}

// Plain http on another host knows no randomUUID.
const keyOf = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Whatever begins an answer: the page shows it at once, and as it was when the server refuses.
// `from` is the first message that goes, `node` an answer that is gone on with.
export async function begin(method, path, body, { user = null, from = null, node = make("answer") } = {}) {
  const before = [...list.childNodes];
  for (const old of from ? messages().slice(messages().indexOf(from)) : []) old.remove();
  if (user) list.append(makeUser(user.content, user.files));
  if (!node.isConnected) list.append(node);
  if (body.model) node.querySelector("[data-who]").textContent = body.model;
  root.querySelector("[data-begin]")?.remove();
  say(node, word("sending"));
  scroll.toEnd();
  try {
    const key = keyOf();
    await listen(node, (signal) => open(method, `${root.dataset.api}${path}`, { body, key, signal }));
  } catch (error) {
    if (!node.dataset.message) list.replaceChildren(...before);
    else sync().catch(() => {});
    throw error;
  }
}

export async function stop() {
  if (!running) return;
  if (!running.id) {
    running.wantsStop = true;
    return;
  }
  try {
    await call("POST", `${root.dataset.api}/messages/${running.id}/stop`);
  } catch (error) {
    refuse(error);
  }
}

// -- other tabs, and coming back to this one

async function catchUp() {
  if (running || document.hidden || !root.dataset.id) return;
  try {
    await sync();
  } catch { /* the next look will tell */ }
}

export function startThread() {
  enhance();
  scroll.toEnd();
  channel?.addEventListener("message", (event) => {
    if (event.data?.id === root.dataset.id && !running) sync().catch(() => {});
    refreshList();
  });
  document.addEventListener("visibilitychange", catchUp);
  addEventListener("online", catchUp);
  addEventListener("pageshow", (event) => { if (event.persisted) catchUp(); });
  addEventListener("popstate", () => location.reload()); // a conversation made here pushed its address
  addEventListener("pagehide", () => running?.leaving.abort());
  const writing = messages().findLast((node) => node.dataset.status === "generating");
  if (writing) listen(writing).catch(refuse);
}
