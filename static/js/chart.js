// Chart panels: [data-chart='{"x": […], "series": […]}'] or [data-chart-url]. uPlot is loaded when a page first needs it.
import { text } from "./texts.js";

const home = new URL("../vendor/uplot-1.6.32/", import.meta.url);
const drawn = new Map();
let library = null;

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("uPlot.min.css", home) });
    const script = Object.assign(document.createElement("script"), { src: new URL("uPlot.iife.min.js", home) });
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    document.head.append(sheet, script);
  });
  return library;
}

// Custom properties with light-dark() come back unresolved; a real colour property does not.
function colours() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const found = {};
  for (const name of ["ink", "muted", "line", "accent", "clear", "caution", "danger", "moving"]) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

// Where a line has a value and none on either side: nothing would be drawn of it.
function lonely(values) {
  const isHole = (i) => values[i] == null;
  return values.flatMap((value, i) => (value != null && isHole(i - 1) && isHole(i + 1) ? [i] : []));
}

function options(node, data, paint) {
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const plain = [[paint.accent, []], [paint.ink, [6, 3]], [paint.muted, [2, 3]], [paint.muted, [8, 3, 2, 3]]];
  const language = document.documentElement.lang;
  const plainly = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
  const finely = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const shortly = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  const number = { format: (y) => (Math.abs(y) < 0.1 ? finely : plainly).format(y) };
  const short = { format: (y) => (Math.abs(y) >= 10_000 ? shortly : number).format(y) };
  const day = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
  const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
  const tick = (x, step) => (step >= 86400 || new Date(x * 1000).getHours() + new Date(x * 1000).getMinutes() === 0 ? day : hour).format(x * 1000);
  const mark = (plot, i) => ({ 0: "solid", 2: "dotted" })[plot.series[i].dash?.[0] ?? 0] ?? "dashed";
  const axis = { stroke: paint.muted, font, grid: { stroke: paint.line, width: 1 }, ticks: { show: false } };
  return {
    width: node.clientWidth,
    height: 220,
    padding: [8, 16, 0, 0],
    legend: { live: true, markers: { dash: mark, width: 2 } },
    cursor: { points: { size: 7 }, drag: { x: true, y: false } },
    axes: [
      { ...axis, grid: { show: false }, space: 72, size: 28, values: (_, ticks, __, ___, step) => ticks.map((x) => tick(x, step)) },
      { ...axis, size: (_, labels) => 20 + 7 * Math.max(4, ...(labels ?? []).map((label) => label.length)), gap: 8, values: (_, ticks) => ticks.map((y) => short.format(y)) },
    ],
    scales: data.from_zero ? { y: { range: { min: { pad: 0, soft: 0, mode: 1 }, max: { pad: 0.1, soft: 0, mode: 1 } } } } : {},
    series: [
      { label: text("chart-time"), value: (_, x) => (x == null ? "–" : moment.format(x * 1000)) },
      ...data.series.map((series, i) => {
        const [stroke, dash] = series.state ? [paint[series.state], []] : plain[i % plain.length];
        const value = (_, reading) => (reading == null ? "–" : `${number.format(reading)} ${node.dataset.unit}`.trim());
        const alone = data.x.length < 3 ? null : lonely(series.values);
        return { label: series.label, stroke, dash, width: 1.75, value, points: { show: !alone || alone.length > 0, filter: () => alone } };
      }),
    ],
  };
}

function fillTable(node, data) {
  const table = node.closest(".chart")?.querySelector("[data-chart-table]");
  if (!table || (table.rows.length && !table.dataset.made)) return;
  table.dataset.made = "true";
  const time = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });
  const line = (tag, cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell) => Object.assign(document.createElement(tag), { textContent: cell ?? "–" })));
    return row;
  };
  const head = document.createElement("thead");
  head.append(line("th", [text("chart-time"), ...data.series.map((series) => series.label)]));
  const body = document.createElement("tbody");
  body.append(...data.x.map((x, i) => line("td", [time.format(x * 1000), ...data.series.map((series) => series.values[i])])));
  table.replaceChildren(head, body);
}

export async function drawChart(node) {
  try {
    const fetched = node.dataset.chartUrl ? await fetch(node.dataset.chartUrl, { credentials: "same-origin" }) : null;
    if (fetched && !fetched.ok) throw new Error(String(fetched.status));
    const data = fetched ? await fetched.json() : JSON.parse(node.dataset.chart);
    const Plot = await loadLibrary();
    drawn.get(node)?.destroy();
    node.replaceChildren();
    drawn.set(node, new Plot(options(node, data, colours()), [data.x, ...data.series.map((series) => series.values)], node));
    node.dataset.drawn = node.dataset.chart || node.dataset.chartUrl;
    fillTable(node, data);
  } catch {
    node.textContent = text("chart-failed");
  }
}

const resizing = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const plot = drawn.get(target);
    if (plot && contentRect.width > 0 && Math.abs(plot.width - contentRect.width) > 1) plot.setSize({ width: contentRect.width, height: 220 });
  }
});

export function drawCharts() {
  for (const node of drawn.keys()) if (!node.isConnected) { drawn.get(node).destroy(); drawn.delete(node); }
  for (const node of document.querySelectorAll("[data-chart], [data-chart-url]")) {
    const source = node.dataset.chart || node.dataset.chartUrl;
    if (!source || (drawn.has(node) && node.dataset.drawn === source && node.firstElementChild)) continue;
    drawChart(node);
    resizing.observe(node);
  }
}

const redraw = () => { for (const node of [...drawn.keys()]) drawChart(node); };
document.addEventListener("preference", (event) => { if (event.detail.name === "theme") redraw(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
