// Waterfalls: figure[data-waterfall='{"base", "output", "pushes": [{feature, value, push}]}'], drawn as SVG. From the base value down to the
// output, the largest push first, what is left as one; arrows point where a push goes, so colour is never alone. The table has them all.
const SHOWN = 10;
const NARROW = 520;
const NS = "http://www.w3.org/2000/svg";
const drawn = new Map();
const pen = document.createElement("canvas").getContext("2d");

function shape(name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  if (text !== undefined) node.textContent = text;
  return node;
}

const language = () => document.documentElement.lang || "en";
const exactly = (number, sign) => new Intl.NumberFormat(language(), { maximumSignificantDigits: 6, signDisplay: sign }).format(number);

// As many digits for all numbers as three of the largest take.
function writer(numbers) {
  const largest = Math.max(...numbers.map(Math.abs), 1e-9);
  const digits = Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(largest))));
  const format = (signDisplay) => new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay });
  const [plain, signed] = [format("negative"), format("exceptZero")];
  return { plain: (number) => plain.format(number), signed: (number) => signed.format(number) };
}

// As much of a text as there is room for; of a name its end as well, for names of one model often begin alike.
function fit(text, width, tail = 0) {
  if (pen.measureText(text).width <= width) return text;
  let kept = text.length - 1;
  const cut = () => `${text.slice(0, kept - Math.floor(kept * tail))}…${tail ? text.slice(text.length - Math.floor(kept * tail)) : ""}`;
  while (kept > 1 && pen.measureText(cut()).width > width) kept -= 1;
  return cut();
}

// Base, the largest pushes, the rest together, output: each with where it begins and ends.
function steps(data, words) {
  const sorted = [...data.pushes].sort((a, b) => Math.abs(b.push) - Math.abs(a.push));
  const room = sorted.length > SHOWN ? SHOWN - 1 : SHOWN;
  const rest = sorted.slice(room);
  const shown = sorted.slice(0, room).map(({ feature, value, push }) => ({ label: feature, value, push }));
  if (rest.length) shown.push({ label: words.others.replace("%n", rest.length), value: "", push: rest.reduce((sum, each) => sum + each.push, 0) });
  let at = data.base;
  const rows = [{ kind: "base", label: words.base, from: at, to: at }];
  for (const each of shown) rows.push({ kind: each.push < 0 ? "down" : "up", ...each, from: at, to: (at += each.push) });
  const end = data.base + sorted.reduce((sum, each) => sum + each.push, 0);
  rows.push({ kind: "output", label: words[data.output] ?? data.output, from: end, to: end });
  return { rows, end, sorted };
}

function arrow(from, to, top, height) {
  const way = to < from ? -1 : 1;
  const end = Math.abs(to - from) < 2 ? from + 2 * way : to;
  const neck = end - way * Math.min(6, Math.abs(end - from));
  return `M${from} ${top}H${neck}L${end} ${top + height / 2}L${neck} ${top + height}H${from}Z`;
}

function picture(width, { rows }, summary) {
  const style = getComputedStyle(document.body);
  pen.font = `14px ${style.fontFamily}`;
  const isNarrow = width < NARROW;
  const number = writer(rows.flatMap(({ from, to, push }) => [from, to, push ?? 0]));
  const said = rows.map((row) => (row.push === undefined ? number.plain(row.to) : number.signed(row.push)));
  const figures = Math.max(...said.map((text) => pen.measureText(text).width)) + 12;
  const names = isNarrow ? 0 : Math.min(width * 0.4, 280);
  const [left, right] = [names + 8, width - figures - 8];
  const [high, bar, above] = isNarrow ? [48, 14, 26] : [30, 16, 7];
  const low = Math.min(...rows.map((row) => Math.min(row.from, row.to)));
  const span = Math.max(...rows.map((row) => Math.max(row.from, row.to))) - low || 1;
  const x = (value) => Math.round((left + ((value - low) / span) * (right - left)) * 10) / 10;
  const svg = shape("svg", { width, height: rows.length * high, viewBox: `0 0 ${width} ${rows.length * high}`, role: "img", "aria-label": summary });
  const base = x(rows[0].to);
  svg.append(shape("line", { class: "waterfall__ground", x1: base, x2: base, y1: above, y2: rows.length * high - 4 }));
  const texts = []; // over all lines
  rows.forEach((row, i) => {
    const top = i * high;
    const [from, to] = [x(row.from), x(row.to)];
    const middle = top + above + bar / 2;
    if (i && !isNarrow) svg.append(shape("line", { class: "waterfall__link", x1: from, x2: from, y1: top - high + above + bar, y2: top + above }));
    if (row.push === undefined) svg.append(shape("circle", { class: "waterfall__point", cx: to, cy: middle, r: 5 }));
    else if (row.push) svg.append(shape("path", { class: `waterfall__bar waterfall__bar--${row.kind}`, d: arrow(from, to, top + above, bar) }));
    const room = isNarrow ? width - figures : names;
    const label = shape("text", { class: "waterfall__label", x: 0, y: isNarrow ? top + 13 : middle });
    const name = fit(row.label, row.value ? room * 0.62 : room, 0.4);
    label.append(shape("tspan", { class: row.push === undefined ? "waterfall__end" : "" }, name));
    if (row.value) label.append(shape("tspan", { class: "waterfall__value", dx: 6 }, fit(row.value, room - pen.measureText(name).width - 8)));
    label.append(shape("title", {}, row.value ? `${row.label}: ${row.value}` : row.label));
    texts.push(label, shape("text", { class: `waterfall__number${row.push === undefined ? " waterfall__end" : ""}`, x: width, y: isNarrow ? top + 13 : middle }, said[i]));
  });
  svg.append(...texts);
  return svg;
}

function fillTable(node, { sorted, end }, data, words) {
  const line = (tag, cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell, i) => Object.assign(document.createElement(i ? "td" : tag), { textContent: cell })));
    return row;
  };
  node.querySelector("[data-waterfall-rows]").replaceChildren(
    line("th", [words.base, "", exactly(data.base, "auto")]),
    ...sorted.map(({ feature, value, push }) => line("td", [feature, value, exactly(push, "exceptZero")])),
    line("th", [words[data.output] ?? data.output, "", exactly(end, "auto")]),
  );
}

function draw(node) {
  const data = JSON.parse(node.dataset.waterfall);
  const words = node.dataset;
  const found = steps(data, words);
  const plot = node.querySelector("[data-waterfall-plot]");
  const summary = words.summary.replace("%b", exactly(data.base, "auto")).replace("%o", exactly(found.end, "auto"));
  plot.replaceChildren(picture(Math.max(240, plot.clientWidth), found, summary));
  node.querySelector("[data-waterfall-unit]").textContent = words[data.output] ?? data.output;
  node.querySelector("[data-waterfall-note]").textContent = words[`of${data.output[0].toUpperCase()}${data.output.slice(1)}`] ?? "";
  fillTable(node, found, data, words);
  drawn.set(plot, plot.clientWidth);
}

const resizing = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    if (contentRect.width > 0 && Math.abs((drawn.get(target) ?? 0) - contentRect.width) > 1) draw(target.closest("[data-waterfall]"));
  }
});

function show(node) {
  node.hidden = false;
  draw(node);
  resizing.observe(node.querySelector("[data-waterfall-plot]"));
}

// Show an explanation as the API tells it. `names` are the features in the schema's order, `values` their words.
export function showWaterfall(node, explanation, names, values) {
  const pushes = explanation.shap_values.map((push, i) => ({ feature: names[i], value: values(names[i]), push }));
  node.dataset.waterfall = JSON.stringify({ base: explanation.base_value, output: explanation.output, pushes });
  show(node);
}

export function hideWaterfall(node) {
  node.hidden = true;
  resizing.unobserve(node.querySelector("[data-waterfall-plot]"));
}

// Those that came with the page.
document.querySelectorAll("figure[data-waterfall]:not([data-waterfall=''])").forEach(show);
