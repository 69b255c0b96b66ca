// Launch without a cookie: the proof that the platform kept opens its page here in the frame.
// Without an answer the button for a tab of its own is shown, as it is without scripts. The page is
// not drawn before this script is there: the button would be seen, and pressed, for a moment.

import { getData, putData } from "./platform_storage.js";

const PATIENCE_MS = 8_000; // A person waits, and a tab of its own is one click away.
const status = document.getElementById("resuming");
const tab = document.getElementById("tab");
const { origin, target, key, code, resume: address } = status.dataset;

async function resume() {
  const proof = await getData({ origin, target }, key);
  if (!proof) return null;
  putData({ origin, target }, key, null).catch(() => false);
  const answer = await fetch(address, {
    method: "POST",
    body: new URLSearchParams({ code, proof }),
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout?.(PATIENCE_MS),
  });
  return answer.ok ? (await answer.json()).location : null;
}

tab.hidden = true;
status.hidden = false;
const start = await resume().catch(() => null);
if (start) {
  location.replace(start);
} else {
  status.hidden = true;
  tab.hidden = false;
}
