// The conversation. Every form works without this script; here answers arrive as they are made.
// What is sent before it is there waits for it (sending.js).
// The words shown while an answer grows are plain text. Its HTML is made by the server alone.

import { call } from "./calls.js";
import { copyText, tellCopied } from "./copy.js";
import { explainBreak, explainFailure, explainRefusal } from "./problems.js";
import { readEvents } from "./events.js";
import { openSource } from "./sources.js";

const log = document.getElementById("log");
const form = document.getElementById("ask");
const box = document.getElementById("prompt");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const latest = document.getElementById("latest");
const status = document.getElementById("status");
const problem = document.getElementById("problem");
const conversation = document.getElementById("conversation");
const mentor = log.dataset.mentor;
const base = new URL(form.action).pathname.replace(/turns$/, "");
const drafts = `draft ${base}`;
const limit = Number(form.dataset.limit);

let answering = null;

// --- asking -------------------------------------------------------------------------------

async function ask(prompt) {
  if (answering) return;
  if ([...prompt].length > limit) {
    showProblem(`Your message is too long: at most ${limit.toLocaleString()} characters, please.`);
    return;
  }
  hideProblem();
  const turn = addTurn(prompt);
  const control = new AbortController();
  answering = { control, turn, stopped: false, started: null };
  showAnswering(true);
  try {
    await receive(await post(prompt, control.signal), turn);
  } catch (error) {
    await handleBreak(error, turn, prompt);
  } finally {
    answering = null;
    showAnswering(false);
  }
}

function post(prompt, signal) {
  const body = new URLSearchParams({ prompt, session_id: conversation.value });
  return call(form.action, {
    method: "POST",
    body,
    signal,
    headers: {
      Accept: "text/event-stream",
      "X-CSRFToken": document.querySelector("meta[name=csrf-token]").content,
    },
  });
}

async function receive(response, turn) {
  if (!response.ok) throw await explainRefusal(response);
  clearDraft();
  document.getElementById("suggested")?.remove();
  document.body.classList.remove("fresh");
  const grown = turn.querySelector(".growing");
  let ended = false;
  let reply = "";
  for await (const { name, data } of readEvents(response)) {
    if (name === "start") {
      answering.started = data;
      conversation.value = data.session_id;
    } else if (name === "token") {
      reply += data.data;
      follow(() => {
        grown.textContent = withoutQuoteMarks(reply);
      });
    } else if (name === "error") {
      throw explainBreak(data);
    } else if (name === "done") {
      ended = true;
    }
  }
  if (!ended) throw explainBreak(null);
  const done = await settle(turn);
  say(done ? `${mentor}: ${spokenReply(done)}` : "The answer is complete.");
}

// A mark that begins a line and still waits for its words is left out as well.
function withoutQuoteMarks(markdown) {
  return markdown.replace(/^>( |$)/gm, "");
}

async function handleBreak(error, turn, prompt) {
  const { started, stopped } = answering;
  if (started) {
    await settle(turn);
    if (stopped) say("Stopped.");
    else showProblem((error.isOurs ? error : explainFailure()).message);
    return;
  }
  turn.remove();
  keepDraft(prompt);
  if (!stopped) showProblem((error.isOurs ? error : explainFailure()).message);
}

/** Replaces the growing turn by the server's own HTML of it, once the server has finished it. */
async function settle(turn) {
  const { session_id: conversationId, turn_id: turnId } = answering.started;
  const address = `${base}conversations/${conversationId}/turns/${turnId}`;
  for (let wait = 120; wait < 4000; wait *= 2) {
    const made = await readTurn(address);
    if (made && made.dataset.status !== "writing") return replace(turn, made);
    await new Promise((resume) => setTimeout(resume, wait));
  }
  turn.querySelector(".said.mentor").removeAttribute("aria-busy");
  turn.querySelector(".growing").classList.remove("waits");
  return null;
}

async function readTurn(address) {
  try {
    const response = await call(address, { headers: { Accept: "text/html" } });
    if (!response.ok) return null;
    const holder = document.createElement("template");
    holder.innerHTML = await response.text(); // Sanitised by the server.
    return holder.content.querySelector(".turn");
  } catch {
    return null;
  }
}

function replace(turn, made) {
  prepare(made);
  follow(() => turn.replaceWith(made));
  return made;
}

function spokenReply(turn) {
  const weak = turn.querySelector(".weak")?.textContent.trim() ?? "";
  return `${weak} ${turn.querySelector(".reply").innerText}`.trim();
}

// --- the log ------------------------------------------------------------------------------

function addTurn(prompt) {
  const turn = document.createElement("section");
  turn.className = "turn";
  turn.append(
    makeSaid("you", "You", "words", prompt),
    makeSaid("mentor", mentor, "growing waits", ""),
  );
  turn.querySelector(".said.mentor").setAttribute("aria-busy", "true");
  log.append(turn);
  toEnd();
  return turn;
}

function makeSaid(who, name, kind, words) {
  const said = document.createElement("div");
  said.className = `said ${who}`;
  const speaker = document.createElement("h2");
  speaker.className = "speaker";
  speaker.textContent = name;
  const text = document.createElement("p");
  text.className = kind;
  text.dir = "auto";
  text.textContent = words;
  said.append(speaker, text);
  return said;
}

function prepare(turn) {
  const copy = turn.querySelector("[data-copy-reply]");
  if (copy) copy.hidden = false;
}

const page = document.scrollingElement;
const isAtEnd = () => page.scrollHeight - page.scrollTop - window.innerHeight < 80;
const toEnd = () => page.scrollTo({ top: page.scrollHeight });

/** Changes the log and stays at its end, but only for a reader who was there. */
function follow(change) {
  const wasAtEnd = isAtEnd();
  change();
  if (wasAtEnd) toEnd();
  latest.hidden = isAtEnd();
}

window.addEventListener("scroll", () => {
  if (isAtEnd()) latest.hidden = true;
}, { passive: true });

latest.addEventListener("click", () => {
  toEnd();
  box.focus();
});

// --- what the page says -------------------------------------------------------------------

function showAnswering(is) {
  if (!is && document.activeElement === stop) box.focus();
  stop.hidden = !is;
  send.hidden = is;
  if (is) say(`${mentor} is answering.`);
}

// Emptied first, so that the same words twice are spoken twice.
function say(words) {
  status.textContent = "";
  requestAnimationFrame(() => {
    status.textContent = words;
  });
}

function showProblem(words) {
  problem.textContent = words;
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
}

function hideProblem() {
  problem.hidden = true;
  for (const old of document.querySelectorAll(".problem:not(#problem)")) old.remove();
}

// --- drafts: kept for this tab, in case the page goes before the message does ---------------

function keepDraft(words) {
  if (!box.value) box.value = words;
  rememberDraft();
}

function rememberDraft() {
  try {
    sessionStorage.setItem(drafts, box.value);
  } catch {
    // A frame may have no storage; the box still holds the words.
  }
}

function clearDraft() {
  try {
    sessionStorage.removeItem(drafts);
  } catch {
    // As above.
  }
}

function findDraft() {
  try {
    return sessionStorage.getItem(drafts) ?? "";
  } catch {
    return "";
  }
}

// --- hands on keys ------------------------------------------------------------------------

function stopAnswer() {
  if (!answering) return;
  answering.stopped = true;
  answering.control.abort();
  box.focus();
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form[data-ask]")) return;
  event.preventDefault();
  const isBox = event.target === form;
  const words = isBox ? box.value : (event.submitter?.value ?? "");
  if (!words.trim() || answering) return;
  if (isBox) box.value = "";
  else event.target.closest(".turn")?.querySelector(".acts")?.remove();
  box.focus();
  ask(words);
});

box.addEventListener("input", rememberDraft);
stop.addEventListener("click", stopAnswer);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.getElementById("source").open) stopAnswer();
});

log.addEventListener("click", (event) => {
  const link = event.target.closest("a.cite, a.source");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openSource(link);
    return;
  }
  const copy = event.target.closest("[data-copy-reply]");
  if (copy) copyReply(copy);
});

async function copyReply(button) {
  const words = button.closest(".said").querySelector(".reply").innerText.trim();
  const taken = await copyText(words);
  tellCopied(button, taken);
  say(taken ? "Copied." : "Copying is not allowed here.");
}

window.addEventListener("offline", () => showProblem(explainFailure().message));
window.addEventListener("online", hideProblem);

// --- the page as it came ------------------------------------------------------------------

for (const turn of log.querySelectorAll(".turn")) prepare(turn);
if (box.value) rememberDraft();
else box.value = findDraft();
if (!location.hash) toEnd();

/** A turn that another tab, or this page before a reload, is still waiting for. */
async function awaitWriting(turn) {
  for (let tries = 0; tries < 60; tries += 1) {
    await new Promise((resume) => setTimeout(resume, 2000));
    const made = await readTurn(turn.dataset.url);
    if (made && made.dataset.status !== "writing") {
      replace(turn, made);
      return;
    }
  }
}

for (const turn of log.querySelectorAll(".turn[data-status=writing]")) awaitWriting(turn);
