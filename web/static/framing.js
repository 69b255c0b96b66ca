// A session's page inside the LMS: it says its title, asks for the height that it needs, and goes to
// its top when another page of ours takes its place. Only the platform's own pages are spoken to, and
// only they are listened to.
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
  // Another page of ours was here before, perhaps far below where this one begins.
  if (document.referrer.startsWith(`${location.origin}/`)) tell({ subject: "lti.scrollToTop" });
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

if (framed) {
  tell({ subject: "mentorai.title", title: document.title });
  if (document.body.classList.contains("chat")) fillWindow();
  else growWithContent(document.querySelector("main"));
} else {
  for (const link of document.querySelectorAll("[data-back]")) link.hidden = false;
}
