// Copying, also where the clipboard is closed to a frame: then the text is selected instead.

/** Copies text; true if the clipboard took it. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  area.setAttribute("aria-hidden", "true");
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  let taken = false;
  try {
    taken = document.execCommand("copy");
  } catch {
    taken = false;
  }
  area.remove();
  before?.focus({ preventScroll: true });
  return taken;
}

/** Says on the button itself for a moment what came of it. */
export function tellCopied(button, taken) {
  button.dataset.words ??= button.textContent;
  button.textContent = taken ? "Copied" : "Press Ctrl+C";
  clearTimeout(Number(button.dataset.timer));
  button.dataset.timer = setTimeout(() => {
    button.textContent = button.dataset.words;
  }, 2500);
}
