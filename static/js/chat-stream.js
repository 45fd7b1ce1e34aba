// One answer, heard to its end: over lost connections, sleeping laptops and restarted servers. The server numbers what it sends, so
// every word is heard once; `start` says at which character it goes on.
import { open } from "./chat-api.js";
import { readFrames } from "./sse.js";

const LONGEST = 10_000;
const SILENCE = 40_000; // the server says something every fifteen seconds, if only that it is there

const TRIES = 3; // of a deed that does not reach the server
const LAST = new Set(["done", "error"]);

function pause(tries, signal) {
  const wait = tries ? Math.min(LONGEST, 250 * 2 ** tries) * (0.5 + Math.random() / 2) : 0;
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, wait);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}

// What the server refuses is refused. A deed that never reached it is tried again a few times, under the same key.
function isFinal(error, begin, tries) {
  if (begin) return error.status !== 0 || tries >= TRIES;
  return error.status >= 400 && error.status < 500 && error.status !== 429;
}

async function hearOne(response, hear, connection, state) {
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => connection.abort(), SILENCE);
  };
  heard();
  try {
    for await (const { event, id, data } of readFrames(response.body, heard)) {
      hear(event, JSON.parse(data));
      if (id) state.last = id;
      state.tries = 0;
      if (LAST.has(event)) return true;
    }
  } finally {
    clearTimeout(timer);
  }
  return false;
}

// `response` is the stream of the deed that began the answer; without one it is the answer under way at `url`. Ends with the answer
// (or when `signal` says so); throws what the server refuses.
export async function follow(url, hear, { begin = null, lost = () => {}, signal }) {
  const state = { last: "", tries: 0 };
  for (;;) {
    const connection = new AbortController();
    const leave = () => connection.abort();
    signal.addEventListener("abort", leave);
    try {
      const response = begin ? await begin(connection.signal) : await open("GET", url, { last: state.last, signal: connection.signal });
      begin = null;
      if (response.status === 204 || (await hearOne(response, hear, connection, state))) return;
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error, begin, state.tries)) throw error;
    } finally {
      signal.removeEventListener("abort", leave);
    }
    if (signal.aborted) return;
    state.tries += 1;
    lost(state.tries);
    await pause(state.tries, signal);
  }
}
