// Small drawings beside numbers: svg[data-sparkline="3 4 5"] and svg[data-interval="low value high" data-threshold="t"].
function shape(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

function sparkline(svg) {
  const values = svg.dataset.sparkline.split(" ").map(Number).filter(Number.isFinite);
  if (values.length < 2) return;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((value, i) => `${((i / (values.length - 1)) * 72).toFixed(1)} ${(22 - ((value - low) / span) * 20).toFixed(1)}`);
  svg.replaceChildren(shape("path", { d: `M${points.join("L")}` }));
}

function interval(svg) {
  const [low, value, high] = svg.dataset.interval.split(" ").map(Number);
  const threshold = svg.dataset.threshold ? Number(svg.dataset.threshold) : NaN;
  if (![low, value, high].every(Number.isFinite)) return;
  const marks = [low, high, value].concat(Number.isFinite(threshold) ? threshold : []);
  const room = (Math.max(...marks) - Math.min(...marks)) * 0.2 || Math.abs(value) * 0.1 || 1;
  const from = Math.min(...marks) - room;
  const span = Math.max(...marks) + room - from;
  const x = (mark) => `${(((mark - from) / span) * 100).toFixed(2)}%`;
  const parts = [
    shape("line", { class: "interval__axis", x1: 0, x2: "100%", y1: 14, y2: 14 }),
    shape("line", { class: "interval__range", x1: x(low), x2: x(high), y1: 14, y2: 14 }),
  ];
  if (Number.isFinite(threshold)) parts.push(shape("line", { class: "interval__threshold", x1: x(threshold), x2: x(threshold), y1: 2, y2: 26 }));
  parts.push(shape("circle", { class: "interval__point", cx: x(value), cy: 14, r: 5 }));
  svg.replaceChildren(...parts);
}

export function drawFigures() {
  document.querySelectorAll("svg[data-sparkline]").forEach(sparkline);
  document.querySelectorAll("svg[data-interval]").forEach(interval);
}
