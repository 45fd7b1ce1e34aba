// What is asked in dialogs: settings, title and tags, the share link, deletion, a word about an answer.
import { call, word } from "./chat-api.js";
import { readSettings } from "./chat-settings.js";
import { refreshList, refuse, root, sync } from "./chat-thread.js";
import { toast } from "./toast.js";

// A form in a dialog: does its deed, says what is wrong with it, closes when all is well.
function onSubmit(selector, act) {
  const form = document.querySelector(selector);
  if (!form) return;
  const problem = form.querySelector("[data-problem]");
  const dialog = form.closest("dialog");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      if ((await act(form)) !== false) dialog.close();
    } catch (error) {
      if (error.name !== "Error" && !error.status) throw error;
      problem.textContent = error.message;
      problem.hidden = false;
    }
  });
  dialog.addEventListener("close", () => { problem.hidden = true; });
}

async function change(body) {
  if (!root.dataset.id) return; // it goes along with the first message
  await call("PATCH", root.dataset.api, body);
  await sync();
  refreshList();
  toast(word("saved"), "clear");
}

// The model finds a title for what was said.
function startNaming() {
  const button = document.querySelector("[data-suggest]");
  button?.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const { title } = await call("POST", `${root.dataset.api}/title`, { force: true });
      const field = button.form.elements.title;
      field.value = field.defaultValue = title; // it is kept already
      await sync();
      refreshList();
    } catch (error) {
      refuse(error);
    } finally {
      button.disabled = false;
    }
  });
}

function startShare() {
  const form = document.querySelector("[data-share]");
  if (!form) return;
  const link = form.querySelector("[data-link]");
  onSubmit("[data-share]", async () => {
    const seconds = form.elements.expires_in.value;
    const { url } = await call("POST", `${root.dataset.api}/share`, seconds ? { expires_in: Number(seconds) } : {});
    link.querySelector("[data-url]").textContent = new URL(url, location.href).href;
    link.hidden = false;
    return false;
  });
  form.querySelector("[data-unshare]").addEventListener("click", async () => {
    try {
      await call("DELETE", `${root.dataset.api}/share`);
      link.hidden = true;
      form.closest("dialog").close();
      toast(word("linkEnded"), "clear");
    } catch (error) {
      refuse(error);
    }
  });
}

let commented = null; // the message a word is asked about

export async function judge(button) {
  const message = button.closest("[data-message]");
  const value = button.dataset.verdict;
  try {
    await call("POST", `${root.dataset.api}/messages/${message.dataset.message}/feedback`, { value });
  } catch (error) {
    refuse(error);
    return;
  }
  for (const other of message.querySelectorAll("[data-verdict]")) other.setAttribute("aria-pressed", String(other === button));
  if (value !== "down") return;
  commented = message;
  const dialog = document.getElementById("chat-comment");
  dialog.querySelector("textarea").value = button.dataset.comment ?? "";
  dialog.showModal();
}

export async function archive(button) {
  const archived = button.dataset.archive === "true";
  try {
    await call("PATCH", root.dataset.api, { archived });
    toast(word(archived ? "archived" : "restored"), "clear");
    setTimeout(() => location.assign(archived ? root.dataset.newUrl : location.href), 600);
  } catch (error) {
    refuse(error);
  }
}

export function startDialogForms() {
  onSubmit("[data-settings]", () => change(readSettings()));
  onSubmit("[data-rename]", async (form) => {
    const { title, tags } = form.elements;
    const given = title.value.trim();
    const isNamed = given !== title.defaultValue; // a title that nobody gave stays what it is
    await change({ ...(isNamed && { title: given }), tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean) });
    title.defaultValue = given;
  });
  onSubmit("[data-delete]", async () => {
    await call("DELETE", root.dataset.api);
    location.assign(root.dataset.newUrl);
  });
  onSubmit("[data-comment-form]", async (form) => {
    const comment = form.elements.comment.value;
    await call("POST", `${root.dataset.api}/messages/${commented.dataset.message}/feedback`, { value: "down", comment });
    const button = commented.querySelector('[data-verdict="down"]');
    if (button) button.dataset.comment = comment;
    toast(word("thanks"), "clear");
  });
  startNaming();
  startShare();
}
