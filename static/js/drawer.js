// The drawer: on wide screens a[data-drawer], or the link of a tr[data-opens-drawer], shows its page's #content beside the list.
// The address becomes the detail's own, so a reload or a shared link shows the whole page; Back closes the drawer.
const wide = matchMedia("(min-width: 1121px)");
let opener = null;

const panel = () => document.querySelector("[data-drawer-panel]");

async function load(url) {
  const response = await fetch(url, { headers: { "X-Drawer": "1" }, credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function open(url, push) {
  const drawer = panel();
  drawer.setAttribute("aria-busy", "true");
  try {
    const page = await load(url);
    const content = page.getElementById("content");
    if (!content) throw new Error("no content");
    drawer.querySelector(".drawer__head h2").textContent = page.querySelector("h1")?.textContent.trim() ?? "";
    drawer.querySelector("[data-drawer-page]").href = url;
    const body = drawer.querySelector(".drawer__body");
    const actions = [...page.querySelectorAll(".page__actions:has(*)")];
    const dialogs = [...page.querySelectorAll("body > dialog")].filter((dialog) => !document.getElementById(dialog.id));
    body.replaceChildren(...content.childNodes, ...actions, ...dialogs);
    drawer.hidden = false;
    drawer.scrollTop = 0;
    if (push) history.pushState({ drawer: true }, "", url);
    window.htmx?.process(body);
    document.dispatchEvent(new CustomEvent("content"));
    drawer.querySelector("h2").focus({ preventScroll: true });
  } catch {
    location.assign(url);
  } finally {
    drawer.removeAttribute("aria-busy");
  }
}

function hide() {
  const drawer = panel();
  if (!drawer || drawer.hidden) return false;
  drawer.hidden = true;
  drawer.querySelector(".drawer__body").replaceChildren();
  opener?.focus({ preventScroll: true });
  return true;
}

export function startDrawer() {
  if (!panel()) return;
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || !wide.matches) return;
    const link = event.target.closest?.("a[data-drawer], tr[data-opens-drawer] a[data-row-link]");
    if (!link) return;
    event.preventDefault();
    const first = panel().hidden;
    opener = link;
    open(link.href, first);
    if (!first) history.replaceState({ drawer: true }, "", link.href);
  });
  document.addEventListener("drawer:close", () => history.back());
  document.addEventListener("keydown", (event) => {
    const busy = document.querySelector("dialog[open], details[data-menu][open]");
    if (event.key === "Escape" && !busy && !panel().hidden) history.back();
  });
  let closing = false;
  addEventListener("popstate", (event) => {
    closing = false;
    if (event.state?.drawer) open(location.href, false);
    else closing = hide();
  });
  // Closing the drawer leaves the list as it was: nothing to restore.
  document.addEventListener("htmx:before:history:restore", (event) => {
    if (closing) event.preventDefault();
  });
}
