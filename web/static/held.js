// In a browser without cookies a link or a form means nothing until carried.js is there. What is
// pressed before that waits for it. This script alone is not put off until the page is read.

let pressed = null;

function hold(event) {
  const part = event.target.closest?.("a[href], button, [type=submit]");
  if (event.type === "click" && !part) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  pressed = event.type === "click" ? () => part.click() : () => event.target.requestSubmit();
}

for (const kind of ["click", "submit"]) document.addEventListener(kind, hold, true);

document.addEventListener(
  "carried",
  () => {
    for (const kind of ["click", "submit"]) document.removeEventListener(kind, hold, true);
    pressed?.();
  },
  { once: true },
);
