// Times: <time datetime data-relative> reads "3 min ago"; the absolute stays in its title.
const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "narrow" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
const units = [["second", 60], ["minute", 60], ["hour", 24], ["day", 14]];

function words(moment) {
  let amount = (moment - Date.now()) / 1000;
  if (Math.abs(amount) < 5) amount = 0;
  for (const [unit, size] of units) {
    if (Math.abs(amount) < size) return relative.format(Math.trunc(amount), unit);
    amount /= size;
  }
  return day.format(moment);
}

export function writeTimes() {
  for (const node of document.querySelectorAll("time[data-relative]")) {
    const moment = new Date(node.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const now = words(moment);
    if (node.textContent !== now) node.textContent = now;
    if (!node.dataset.told) {
      node.title = full.format(moment);
      node.dataset.told = "true";
    }
  }
}

export function startTimes() {
  setInterval(() => { if (!document.hidden) writeTimes(); }, 15000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) writeTimes(); });
}
