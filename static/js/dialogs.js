// Dialogs, menus and everything with a cross: [data-dialog-open="id"], [data-close] inside a dialog or [data-closes],
// details[data-menu] (closed by Esc or a click elsewhere), input[data-must-equal] (holds its form's button until typed).
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
}

function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog?.showModal || dialog.open) return;
  closeMenus();
  dialog.showModal();
  holdButton(dialog.querySelector("[data-must-equal]"));
  const first = dialog.querySelector("textarea, input:not([type=hidden]), .dialog__foot [data-close]");
  first?.focus();
}

function holdButton(input) {
  const button = input?.form?.querySelector("button:not([type=button])");
  if (button) button.disabled = input.value.trim() !== input.dataset.mustEqual;
}

function close(cross) {
  const dialog = cross.closest("dialog");
  if (dialog) return dialog.close();
  const box = cross.closest("[data-closes]");
  if (!box) return;
  if (box.matches("[data-drawer-panel]")) box.dispatchEvent(new CustomEvent("drawer:close", { bubbles: true }));
  else if (box.matches("[data-toast]")) box.remove();
  else box.hidden = true;
}

function onClick(event) {
  const target = event.target;
  if (!(target instanceof Element)) return;
  const opener = target.closest("[data-dialog-open]");
  const cross = target.closest("[data-close]");
  if (opener) {
    event.preventDefault();
    openDialog(opener.dataset.dialogOpen);
  } else if (cross) {
    event.preventDefault();
    close(cross);
  } else if (target instanceof HTMLDialogElement && target.open) {
    const box = target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && event.detail > 0) target.close();
  }
  closeMenus(target.closest("details[data-menu]"));
}

export function startDialogs() {
  document.addEventListener("click", onClick);
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-must-equal]")) holdButton(event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === " " && event.target.matches?.("a[role=button]")) {
      event.preventDefault();
      event.target.click();
    }
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  // One press is enough: a form being sent takes no second one.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
    setTimeout(() => delete form.dataset.sent, 4000);
  });
  const named = location.hash.slice(1);
  if (named && document.getElementById(named) instanceof HTMLDialogElement) openDialog(named);
}
