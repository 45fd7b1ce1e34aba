// Boots the page's behaviour. Every module listens on the document, so swapped-in fragments need no wiring; what must be
// drawn or rewritten (charts, figures, times) is done again after each swap by `enhance`.
import { cookie } from "./cookies.js";
import { drawCharts } from "./chart.js";
import { startCopy } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startDrawer } from "./drawer.js";
import { drawFigures } from "./figures.js";
import { startKeyboard } from "./keyboard.js";
import { startLive } from "./live.js";
import { startTables } from "./table.js";
import { startTimes, writeTimes } from "./time.js";
import { startToasts, toast } from "./toast.js";
import { text } from "./texts.js";

function enhance() {
  writeTimes();
  drawFigures();
  drawCharts();
}

function startHtmx() {
  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRFToken"] ??= cookie("csrftoken");
  });
  // A session that ended answers with the sign-in page: go there, do not paint it into a fragment.
  document.addEventListener("htmx:before:swap", (event) => {
    const response = event.detail.ctx?.response?.raw;
    if (response?.redirected && new URL(response.url).pathname.startsWith("/console/login")) {
      event.preventDefault();
      location.reload();
    }
  });
  document.addEventListener("htmx:response:error", (event) => {
    const response = event.detail.ctx?.response;
    if (response?.status >= 500) toast(text("refused", response.status), "danger", response.raw?.headers.get("X-Request-ID"));
  });
  document.addEventListener("htmx:error", () => toast(text("unreachable"), "danger"));
  document.addEventListener("htmx:after:swap", enhance);
}

startToasts();
startDialogs();
startDrawer();
startCopy();
startTables();
startKeyboard();
startTimes();
startHtmx();
startLive();
enhance();
document.addEventListener("content", enhance);
