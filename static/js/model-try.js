// Trying a model: sends the form to /predict as any client would, shows the answer and the waterfall of its explanation, and keeps the
// curl line in step with the form. The form is swapped when another version is chosen, so everything is looked up when it is needed.
import { outcomeOf, post, refusal, spelt } from "./model-api.js";
import { hideWaterfall, showWaterfall } from "./waterfall.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const root = () => document.querySelector("[data-try]");
const find = (name) => root().querySelector(`[data-${name}]`);
const number = (most) => new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: most });
let running = false;
let last = null; // id of the prediction shown

// ---------------------------------------------------------------- the form

const controlOf = (field) => field.querySelector("input, select");
const fieldsOf = () => [...root().querySelectorAll("[data-feature]")];

// JSON of one field's value; "" where it is left out.
function valueOf(field) {
  const control = controlOf(field);
  const text = control.value;
  switch (field.dataset.reads) {
    case "check": return String(control.checked);
    case "json": return text;
    case "text": return text || control.required ? JSON.stringify(text) : "";
    default: return NUMBER.test(text) ? text : text && JSON.stringify(Number(text)); // digits as they were typed
  }
}

// JSON of all features; throws for a text that is none.
function features() {
  const area = find("features-text");
  if (area) {
    const value = JSON.parse(area.value);
    if (value === null || typeof value !== "object" || Array.isArray(value)) throw new SyntaxError();
    return area.value.trim();
  }
  const given = fieldsOf().map((field) => [field.dataset.feature, valueOf(field)]).filter(([, value]) => value !== "");
  return `{${given.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ")}}`;
}

function bodyOf() {
  const customer = find("customer").querySelector("input").value.trim();
  return `{"features": ${features()}${customer ? `, "customer_id": ${JSON.stringify(customer)}` : ""}}`;
}

function address() {
  const url = root().dataset.url;
  return find("explain").checked ? `${url}${url.includes("?") ? "&" : "?"}explain=true` : url;
}

function writeCurl() {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  let body;
  try { body = bodyOf(); } catch { return; }
  document.querySelector("[data-curl] code").textContent = [
    `curl -X POST ${quote(root().dataset.origin + address())}`,
    '  -H "Authorization: Bearer $SIGNALBOX_API_KEY"',
    '  -H "Content-Type: application/json"',
    `  -d ${quote(body)}`,
  ].join(" \\\n");
}

// ---------------------------------------------------------------- what is wrong

function clearErrors() {
  for (const list of root().querySelectorAll("[data-errors]")) {
    list.replaceChildren();
    list.hidden = true;
    list.closest(".field").querySelector("input, select, textarea").removeAttribute("aria-invalid");
  }
  find("problem").hidden = true;
}

// Where an error of the API belongs; null: nowhere on this form.
function placeOf(name) {
  if (name === "customer_id") return find("customer");
  return fieldsOf().find((field) => field.dataset.feature === name) ?? find("features-text")?.closest(".field") ?? null;
}

function showError({ field, message }) {
  const place = placeOf(field);
  if (!place) return false;
  const list = place.querySelector("[data-errors]");
  const text = place.dataset.feature === undefined && field !== "customer_id" ? `${field} ${message}` : message[0].toUpperCase() + message.slice(1);
  list.append(Object.assign(document.createElement("li"), { textContent: text }));
  list.hidden = false;
  place.querySelector("input, select, textarea").setAttribute("aria-invalid", "true");
  return true;
}

function problem(message, code = "") {
  find("problem-message").textContent = message;
  find("problem-code").textContent = code;
  find("problem").hidden = false;
}

function refuse(answer) {
  const words = root().dataset;
  setState("danger", answer.status === 422 ? words.refused : words.failed);
  const details = answer.status === 422 ? (answer.told.details ?? []) : [];
  const placed = details.filter(showError);
  if (placed.length && placed.length === details.length) problem(words.fieldsWrong, `422 ${answer.told.error}`);
  else problem(refusal(answer, words), `${answer.status} ${answer.told.error ?? ""}`.trim());
  root().querySelector("#try-form [aria-invalid]")?.focus();
}

// ---------------------------------------------------------------- the answer

function setState(lamp, word) {
  find("lamp").className = `lamp lamp--${lamp}`;
  find("lamp").querySelector(".lamp__word").textContent = word;
}

const read = (name, text) => { root().querySelector(`[data-reading="${name}"]`).textContent = text; };

function clear() {
  for (const name of ["prediction", "probability", "confidence", "version", "took", "cached"]) read(name, "–");
  find("probabilities").hidden = true;
  find("outcome").hidden = true;
  find("request").hidden = true;
  hideWaterfall(find("waterfall"));
}

// By class where there are more than two, the likeliest first.
function showProbabilities(probabilities) {
  const rows = Object.entries(probabilities ?? {}).sort((a, b) => b[1] - a[1]);
  find("probabilities").hidden = !rows.length;
  find("probabilities").replaceChildren(...rows.flatMap(([name, share]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: number(4).format(share) }),
  ]));
}

function show({ told, headers }, took, sent) {
  const words = root().dataset;
  setState("clear", words.answered);
  read("prediction", spelt(told.prediction, words));
  read("probability", told.probability === undefined ? "–" : number(4).format(told.probability));
  read("confidence", words[told.confidence] ?? "–");
  read("version", told.model_version);
  read("took", number(took < 10 ? 1 : 0).format(took));
  read("cached", headers.get("x-signalbox-cache") === "hit" ? words.cached : new Date(told.timestamp).toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" }));
  showProbabilities(told.probabilities);
  if (told.explanation) {
    const values = { ...JSON.parse(words.defaults), ...sent };
    const say = { ...words, leftOut: find("waterfall").dataset.leftOut };
    showWaterfall(find("waterfall"), told.explanation, JSON.parse(words.names), (name) => spelt(values[name], say));
  }
  last = told.prediction_id;
  find("prediction-id").textContent = last;
  find("log-link").href = `${words.logUrl}/${last}`;
  find("request").hidden = false;
  find("outcome").hidden = false;
  find("outcome-note").textContent = "";
}

async function send() {
  if (running) return;
  clearErrors();
  clear();
  const words = root().dataset;
  let body;
  try {
    body = bodyOf();
  } catch {
    showError({ field: "", message: words.notJson });
    return;
  }
  running = true;
  find("send").disabled = true;
  setState("moving", words.asking);
  const began = performance.now();
  try {
    const answer = await post(address(), body);
    const took = performance.now() - began;
    if (answer.ok) show(answer, took, JSON.parse(body).features);
    else refuse(answer);
  } catch {
    setState("danger", words.failed);
    problem(words.unreachable);
  } finally {
    running = false;
    find("send").disabled = false;
    if (matchMedia("(max-width: 999px)").matches && find("problem").hidden) find("lamp").closest("section").scrollIntoView({ block: "start" });
  }
}

// ---------------------------------------------------------------- what it turned out to be

async function noteOutcome(form) {
  const [words, note, id] = [root().dataset, find("outcome-note"), last];
  const body = `{"actual": ${outcomeOf(form.elements.actual)}}`;
  form.querySelector("button").disabled = true;
  note.className = "small";
  try {
    const answer = await post(`/api/v1/predictions/${id}/outcome`, body);
    if (id !== last) return;
    note.textContent = answer.ok ? words.noted : answer.status === 404 ? words.notLogged : refusal(answer, words);
    note.classList.add(answer.ok ? "state-clear" : "state-danger");
  } catch {
    note.textContent = words.unreachable;
    note.classList.add("state-danger");
  } finally {
    form.querySelector("button").disabled = false;
  }
}

// ---------------------------------------------------------------- another version: what was written stays where it has a place

let kept = {};

function keep() {
  if (!root()) return;
  kept = Object.fromEntries(fieldsOf().map((field) => [field.dataset.feature, { value: controlOf(field).value, checked: controlOf(field).checked }]));
}

function restore() {
  if (!root() || !Object.keys(kept).length) return;
  for (const field of fieldsOf()) {
    const [control, was] = [controlOf(field), kept[field.dataset.feature]];
    if (!was || (control.matches("select") && ![...control.options].some((option) => option.value === was.value))) continue;
    control.value = control.type === "checkbox" ? control.value : was.value;
    control.checked = was.checked;
  }
  kept = {};
  writeCurl();
}

document.addEventListener("submit", (event) => {
  if (event.target.id === "try-form") {
    event.preventDefault();
    send();
  } else if (event.target.matches("[data-outcome]")) {
    event.preventDefault();
    noteOutcome(event.target);
  }
});
document.addEventListener("input", (event) => { if (event.target.form?.id === "try-form") writeCurl(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey) || event.target.form?.id !== "try-form") return;
  event.preventDefault();
  send();
});
document.addEventListener("htmx:before:swap", keep);
document.addEventListener("htmx:after:swap", restore);
