// Calls of a page to the doors that programs use, and values in the reader's words.
import { cookie } from "./cookies.js";

// {ok, status, told, headers}; rejects where nobody answers.
export function post(url, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") };
  return call(url, { method: "POST", headers, body });
}

export function get(url) {
  return call(url, {});
}

async function call(url, how) {
  const response = await fetch(url, { ...how, credentials: "same-origin" });
  const told = await response.json().catch(() => ({}));
  return { ok: response.ok, status: response.status, told, headers: response.headers };
}

// Why it was refused, in a sentence; `words` is a dataset with `signedOut` and `tooFast`.
export function refusal({ status, told, headers }, words) {
  if (status === 401) return words.signedOut;
  const wait = headers.get("retry-after");
  const message = told.message ?? told.error?.message ?? String(status);
  return wait ? `${message} ${words.tooFast.replace("%n", wait)}` : message;
}

// A feature's value or a class as people read it; `words` has `yes`, `no` and `leftOut`.
export function spelt(value, words) {
  if (value === undefined || value === null) return words.leftOut ?? "–";
  if (value === true || value === false) return value ? words.yes : words.no;
  return typeof value === "number" ? new Intl.NumberFormat(document.documentElement.lang || "en", { maximumSignificantDigits: 8 }).format(value) : String(value);
}

// What a control of models/outcome.html holds, as JSON text.
export function outcomeOf(control) {
  if (control.matches("select")) return control.value;
  if (control.type === "number") return control.value === "" ? "null" : String(Number(control.value));
  return JSON.stringify(control.value);
}
