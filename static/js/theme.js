// How this browser likes to look: theme (light, dark, auto), rail (open, closed), density (comfortable, compact).
// A classic script in <head>, so that the page never shows first in the wrong dress. The theme's key is the one Django's admin uses.
(() => {
  "use strict";
  const root = document.documentElement;
  const defaults = { theme: "auto", rail: "open", density: "comfortable" };
  const allowed = { theme: ["auto", "light", "dark"], rail: ["open", "closed"], density: ["comfortable", "compact"] };

  const read = (name) => {
    try {
      const value = localStorage.getItem(name);
      return allowed[name].includes(value) ? value : defaults[name];
    } catch {
      return root.dataset[name] || defaults[name];
    }
  };

  const apply = (name, value) => {
    root.dataset[name] = value;
    for (const button of document.querySelectorAll(`[data-preference="${name}"]`)) {
      const pressed = button.dataset.value ? button.dataset.value === value : value !== defaults[name];
      button.setAttribute("aria-pressed", String(pressed));
    }
  };

  const set = (name, value) => {
    try { localStorage.setItem(name, value); } catch { /* a private window: it lasts as long as the page */ }
    apply(name, value);
    document.dispatchEvent(new CustomEvent("preference", { detail: { name, value } }));
  };

  root.dataset.script = "";
  for (const name of Object.keys(defaults)) apply(name, read(name));

  document.addEventListener("DOMContentLoaded", () => {
    for (const name of Object.keys(defaults)) apply(name, read(name));
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-preference]");
    if (!button) return;
    const { preference, value, values } = button.dataset;
    const options = (values || "").split(" ");
    set(preference, value || options[(options.indexOf(read(preference)) + 1) % options.length]);
  });

  addEventListener("storage", (event) => {
    if (event.key in defaults) apply(event.key, read(event.key));
  });
})();
