/** `<button data-dialog="id">` opens that dialog, `[data-dialog-close]` inside closes it; Escape and focus are the browser's. */
export function listenForDialogs(root: Document): void {
  root.addEventListener("click", (event) => {
    const pressed = event.target instanceof Element ? event.target.closest("[data-dialog], [data-dialog-close]") : null;
    if (!(pressed instanceof HTMLElement)) return;
    if (pressed.dataset.dialog) {
      const dialog = root.getElementById(pressed.dataset.dialog);
      if (dialog instanceof HTMLDialogElement) dialog.showModal();
    } else {
      pressed.closest("dialog")?.close();
    }
  });
}
