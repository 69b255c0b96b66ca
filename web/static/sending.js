// Enter sends, Shift and Enter begin a new line. What is sent while chat.js is on its way waits for
// it, and goes as a plain form if it does not come. This script alone is not put off until the page
// is read.

let question = null;

// A name of its own: a function of held.js, which may be here as well, would take its place.
function holdQuestion(event) {
  if (!event.target.matches("form[data-ask]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  question = event;
}

document.addEventListener("submit", holdQuestion, true);

// The scripts that were put off have run by now, or failed.
document.addEventListener("DOMContentLoaded", () => {
  document.removeEventListener("submit", holdQuestion, true);
  question?.target.requestSubmit(question.submitter);
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "prompt") return;
  // keyCode 229: some input methods still compose although isComposing says otherwise.
  const composes = event.isComposing || event.keyCode === 229;
  if (event.key !== "Enter" || event.shiftKey || composes) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});
