// The storage that a platform keeps for us in a frame of its own, spoken to by messages.
// Source: LTI Client Side postMessages 1.0; LTI postMessage Storage 1.0.

const WAIT_MS = 1500; // Long enough for a busy machine; where a platform answers, it does at once.

/** Puts `value` under `key`, or removes the key when value is null. True if the platform did. */
export async function putData(where, key, value) {
  const answer = await askStorage(where, "lti.put_data", { key, value });
  return answer !== null;
}

/** What the platform keeps under `key`; null if it keeps nothing or does not answer in time. */
export async function getData(where, key) {
  const answer = await askStorage(where, "lti.get_data", { key });
  return typeof answer?.value === "string" ? answer.value : null;
}

/** where: {origin, target}, the origin that alone may answer, and the name of its frame. */
async function askStorage({ origin, target }, subject, fields) {
  const named = findFrame(target);
  // Both at once: a platform that answers the first question need not answer the second.
  const attempts = [
    named ? exchange(named, origin, subject, fields) : null,
    askWhere(subject).then((name) => {
      const frame = name === target ? null : findFrame(name);
      return frame ? exchange(frame, origin, subject, fields) : null;
    }),
  ];
  return Promise.any(attempts.map(refuseNothing)).catch(() => null);
}

async function refuseNothing(attempt) {
  const answer = await attempt;
  if (answer === null) throw new Error("no answer");
  return answer;
}

/** The frame in which the platform says that it takes `subject`; null if it does not say. */
async function askWhere(subject) {
  const outside = findOutside();
  if (!outside) return null;
  // Goes to whoever embeds us, and holds nothing; only the name of a frame is read from it.
  const answer = await exchange(outside, "*", "lti.capabilities", {});
  const supported = Array.isArray(answer?.supported_messages) ? answer.supported_messages : [];
  const found = supported.find((one) => one?.subject === subject);
  return found ? (found.frame ?? "_parent") : null;
}

function findOutside() {
  if (window.parent !== window) return window.parent;
  return window.opener ?? null;
}

function findFrame(name) {
  const outside = findOutside();
  if (!outside || !name) return null;
  if (name === "_parent") return outside;
  try {
    return outside.frames[name] ?? null;
  } catch {
    return null;
  }
}

/** Sends one message and waits for its answer from the same window and origin. */
function exchange(frame, origin, subject, fields) {
  const messageId = crypto.randomUUID?.() ?? String(Math.random());
  const subjects = [`${subject}.response`, `org.imsglobal.${subject}.response`];
  return new Promise((resolve) => {
    const finish = (answer) => {
      clearTimeout(timer);
      removeEventListener("message", hear);
      resolve(answer);
    };
    const hear = ({ data, source, origin: from }) => {
      if (source !== frame || (origin !== "*" && from !== origin)) return;
      if (!subjects.includes(data?.subject) || data.message_id !== messageId) return;
      finish(data.error ? null : data);
    };
    const timer = setTimeout(() => finish(null), WAIT_MS);
    addEventListener("message", hear);
    frame.postMessage({ subject, message_id: messageId, ...fields }, origin);
  });
}
