// A session's page inside the LMS: it says its title, asks for the height that it needs, and brings
// the top of the frame in sight when another page of ours takes its place. What is pressed must not
// move away under the hand: so the page waits for this script before it is shown (page.html), and
// nothing is moved without need. Only the platform's own pages are spoken to, and only they are
// listened to.
// Source: LTI Client Side postMessages 1.0, and what Canvas, Sakai and others take beside it. For the
// title no LMS has a message yet: ours is named as our own, for portals and whoever else listens.

const LOWEST = 480; // Menus and dialogs need room too.
const HIGHEST_WINDOW = 1200;
const MARGIN = 48; // What a page keeps below its last part.
const meta = document.querySelector("meta[name=frame-origins]");
const origins = meta.content.split(" ").filter((origin) => /^https?:/.test(origin));
const framed = window.parent !== window;

function tell(message) {
  // Which of them frames us is not told by every browser; to the others nothing is delivered.
  const around = location.ancestorOrigins?.[0];
  for (const origin of origins.includes(around) ? [around] : origins) {
    window.parent.postMessage(message, origin);
  }
}

let told = 0;

function askForHeight(height) {
  const wanted = Math.max(Math.ceil(height), LOWEST);
  if (Math.abs(wanted - told) < 3) return;
  told = wanted;
  tell({ subject: "lti.frameResize", height: wanted });
}

// --- a page that is read from top to bottom is as high as what is on it ------------------------

function growWithContent(main) {
  const measure = () => {
    const last = [...main.children].reverse().find((child) => child.offsetHeight > 0);
    if (last) askForHeight(last.getBoundingClientRect().bottom + window.scrollY + MARGIN);
  };
  const observer = new ResizeObserver(measure);
  observer.observe(main);
  for (const child of main.children) observer.observe(child);
  measure();
}

// --- a conversation takes what the window has to give ------------------------------------------

function fillWindow() {
  addEventListener("message", ({ data, origin, source }) => {
    if (source !== window.parent || !origins.includes(origin)) return;
    const height = Number(data?.height);
    if (data?.subject !== "lti.fetchWindowSize.response" || !(height > 0)) return;
    const above = Number(data.offset?.top ?? data.offset) || 0;
    const below = Number(data.footer) || 0;
    askForHeight(Math.min(height - above - below, HIGHEST_WINDOW));
  });
  tell({ subject: "lti.fetchWindowSize" });
}

// --- a page is read from its top ----------------------------------------------------------------

function bringTopInSight() {
  const edge = document.createElement("div");
  Object.assign(edge.style, { position: "fixed", top: 0, left: 0, width: "1px", height: "1px" });
  edge.style.visibility = "hidden";
  document.body.append(edge);
  new IntersectionObserver(([sight], observer) => {
    observer.disconnect();
    edge.remove();
    if (!sight.isIntersecting) tell({ subject: "lti.scrollToTop" });
  }).observe(edge);
}

if (framed) {
  tell({ subject: "mentorai.title", title: document.title });
  // Another page of ours was here before, perhaps far below where this one begins.
  if (document.referrer.startsWith(`${location.origin}/`)) bringTopInSight();
  if (document.body.classList.contains("chat")) fillWindow();
  else growWithContent(document.querySelector("main"));
} else {
  for (const link of document.querySelectorAll("[data-back]")) link.hidden = false;
}
