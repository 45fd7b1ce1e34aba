// The chat's way to the public API: with the session's cookie and the CSRF token, as any page of ours calls it.
import { cookie } from "./cookies.js";
import { text } from "./texts.js";

export const STREAM = "text/event-stream";

// The chat's own words, translated by the server in chat/templates.html. `%n` is replaced by the number.
export function word(name, number = "") {
  return (document.getElementById("chat-words").dataset[name] ?? name).replace("%n", String(number));
}

export class Refusal extends Error {
  constructor(message, { status = 0, code = "", requestId = "" } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId });
  }
}

async function refusalOf(response) {
  const told = await response.json().catch(() => ({}));
  const wait = response.headers.get("retry-after");
  const again = response.status === 429 && wait ? ` ${word("wait", wait)}` : "";
  const message = response.status === 401 ? word("signedOut") : `${told.message ?? text("refused", response.status)}${again}`;
  return new Refusal(message, { status: response.status, code: told.error, requestId: response.headers.get("x-request-id") ?? "" });
}

async function send(method, url, { body, headers = {}, signal } = {}) {
  const isForm = body instanceof FormData;
  const type = body === undefined || isForm ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: { "X-CSRFToken": cookie("csrftoken"), ...type, ...headers },
      body: body === undefined || isForm ? body : JSON.stringify(body),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(text("unreachable"));
  }
  if (!response.ok) throw await refusalOf(response);
  return response;
}

export async function call(method, url, body) {
  const response = await send(method, url, { body });
  return response.status === 204 ? null : response.json();
}

// A stream of events: a deed that begins one, or (GET) one that is under way, from after the event named.
export function open(method, url, { body, last = "", key = "", signal } = {}) {
  const names = { ...(last && { "Last-Event-ID": last }), ...(key && { "Idempotency-Key": key }) };
  return send(method, url, { body, signal, headers: { Accept: STREAM, ...names } });
}

// A part of a page, as the server renders it.
export async function part(url) {
  const response = await send("GET", url, { headers: { "HX-Request": "true" } });
  if (response.redirected) throw new Refusal(word("signedOut"), { status: 401 });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}
