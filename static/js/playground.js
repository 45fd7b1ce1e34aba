// The playground: streams a call to /v1/chat/completions as any client would, shows its tokens as plain text, and says what
// it came to. Without this script the form's own POST brings the whole answer with the page.
import { cookie } from "./cookies.js";
import { readEvents } from "./sse.js";

const root = document.querySelector("[data-playground]");
const form = document.getElementById("playground-form");
const find = (name) => root.querySelector(`[data-${name}]`);
const words = root?.dataset ?? {};
const MILLION = 1_000_000n;
const NANO = 1_000_000_000n;
const number = new Intl.NumberFormat();

let running = null; // the AbortController of the call under way

function setState(name, lamp, word) {
  root.dataset.state = name;
  find("lamp").className = `lamp lamp--${lamp}`;
  find("lamp").querySelector(".lamp__word").textContent = word;
  find("stop").disabled = name !== "waiting" && name !== "streaming";
  find("send").disabled = !find("stop").disabled;
  find("text").setAttribute("aria-busy", String(!find("stop").disabled));
}

const read = (name, text) => { root.querySelector(`[data-reading="${name}"]`).textContent = text; };

function note(text) {
  find("note").hidden = !text;
  find("note").textContent = text ?? "";
}

function clear() {
  find("text").replaceChildren(document.createTextNode(""));
  for (const name of ["first", "total", "tokens", "pace", "cost", "deployment"]) read(name, "–");
  read("provider", "");
  note("");
  find("problem").hidden = true;
  find("request").hidden = true;
}

function problem(title, message, code = "") {
  find("problem-title").textContent = title;
  find("problem-message").textContent = message;
  find("problem-code").textContent = code;
  find("problem").hidden = false;
}

// What the form holds, as the API takes it; empty fields are left out, and the model's own default holds.
function body() {
  const data = new FormData(form);
  const given = (name) => (data.get(name) ?? "").trim();
  const messages = [];
  if (given("system")) messages.push({ role: "system", content: data.get("system") });
  messages.push({ role: "user", content: data.get("message") });
  const numbers = ["temperature", "max_tokens", "seed"].filter(given).map((name) => [name, Number(given(name))]);
  return {
    model: data.get("model"),
    messages,
    ...Object.fromEntries(numbers),
    stream: true,
    stream_options: { include_usage: true },
  };
}

function readHeaders(headers) {
  const id = headers.get("x-request-id");
  find("request").hidden = !id;
  find("request-id").textContent = id ?? "";
  const deployment = headers.get("x-signalbox-deployment");
  if (!deployment) return;
  read("deployment", deployment);
  read("provider", headers.get("x-signalbox-provider") ?? "");
}

// The same sum as the ledger's: billionths of a dollar, rounded up once.
function costOf(usage, deployment) {
  const price = JSON.parse(words.prices)[deployment];
  if (!price) return null;
  const [input, output, cachedInput] = price.map((part) => (part === null ? null : BigInt(part)));
  const cached = cachedInput === null ? 0n : BigInt(usage.prompt_tokens_details?.cached_tokens ?? 0);
  const total = (BigInt(usage.prompt_tokens) - cached) * input + cached * (cachedInput ?? 0n) + BigInt(usage.completion_tokens) * output;
  return (total + MILLION - 1n) / MILLION;
}

function dollars(nano) {
  const rest = (nano % NANO).toString().padStart(9, "0").replace(/0+$/, "");
  return rest ? `${nano / NANO}.${rest}` : String(nano / NANO);
}

function readUsage(usage, call) {
  read("tokens", `${number.format(usage.prompt_tokens)} + ${number.format(usage.completion_tokens)}`);
  const seconds = (performance.now() - call.firstAt) / 1000;
  if (call.firstAt && usage.completion_tokens > 1 && seconds > 0) read("pace", number.format(Math.round(usage.completion_tokens / seconds)));
  const nano = costOf(usage, root.querySelector('[data-reading="deployment"]').textContent);
  if (nano !== null) read("cost", dollars(nano));
}

// A text node that grows once a frame, however fast tokens come; the reader who scrolled up is left in peace.
function writer() {
  const box = find("text");
  let waiting = "";
  let frame = 0;
  const flush = () => {
    frame = 0;
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    box.firstChild.appendData(waiting);
    waiting = "";
    if (follows) box.scrollTop = box.scrollHeight;
  };
  return {
    add(text) {
      waiting += text;
      frame ||= requestAnimationFrame(flush);
    },
    end() {
      cancelAnimationFrame(frame);
      flush();
    },
  };
}

function hear(data, call) {
  if (data.error) {
    call.error = data.error;
    return;
  }
  const choice = data.choices?.[0];
  const text = choice?.delta?.content;
  if (text) {
    if (!call.firstAt) {
      call.firstAt = performance.now();
      read("first", number.format(Math.round(call.firstAt - call.began)));
      setState("streaming", "moving", words.streaming);
    }
    call.writer.add(text);
  }
  call.finish = choice?.finish_reason ?? call.finish;
  if (data.usage) call.usage = data.usage;
}

async function refuse(response) {
  setState("failed", "danger", words.failed);
  if (response.status === 401) return problem(words.failure, words.signedOut, "401");
  const told = await response.json().catch(() => ({}));
  const wait = response.headers.get("retry-after");
  const again = wait && response.headers.get("x-should-retry") !== "false" ? ` ${words.tooFast.replace("%n", wait)}` : "";
  problem(words.failure, `${told.error?.message ?? response.statusText}${again}`, `${response.status} ${told.error?.code ?? ""}`.trim());
}

async function stream(call) {
  const response = await fetch(words.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": cookie("csrftoken") },
    body: JSON.stringify(body()),
    credentials: "same-origin",
    signal: running.signal,
  });
  readHeaders(response.headers);
  if (!response.ok) return refuse(response);
  let isWhole = false;
  for await (const data of readEvents(response.body)) {
    if (data === "[DONE]") isWhole = true;
    else hear(JSON.parse(data), call);
  }
  if (call.usage) readUsage(call.usage, call);
  if (call.error || !isWhole) {
    setState("cut", "danger", words.cut);
    return problem(words.broken, call.error?.message ?? words.unreachable, call.error?.code ?? "");
  }
  setState("whole", "clear", words.whole);
  if (!call.usage) read("tokens", words.estimated);
  note({ length: words.shortNote, content_filter: words.filteredNote }[call.finish]);
}

async function send() {
  if (running || !form.reportValidity()) return;
  const call = { began: performance.now(), firstAt: 0, writer: null, error: null, usage: null, finish: null };
  running = new AbortController();
  clear();
  call.writer = writer();
  find("text").closest("section").scrollIntoView({ block: "nearest" }); // on a phone it stands below
  setState("waiting", "moving", words.waiting);
  try {
    await stream(call);
  } catch (error) {
    if (error.name === "AbortError") {
      setState("stopped", "caution", words.stopped);
      note(words.stoppedNote);
    } else {
      setState("failed", "danger", words.failed);
      problem(words.failure, words.unreachable);
    }
  } finally {
    call.writer.end();
    read("total", number.format(Math.round(performance.now() - call.began)));
    running = null;
  }
}

function start() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey)) return;
    event.preventDefault();
    send();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") running?.abort();
  });
  find("stop").addEventListener("click", () => running?.abort());
  // The address says which route, so that a link or a reload leads back to it.
  form.elements.model.addEventListener("change", () => {
    history.replaceState(history.state, "", `?route=${encodeURIComponent(form.elements.model.value)}`);
  });
  addEventListener("pagehide", () => running?.abort());
}

if (root && form) start();
