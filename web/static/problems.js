// What went wrong, each in a sentence of its own for the person who reads it.

function make(message) {
  return Object.assign(new Error(message), { isOurs: true });
}

/** The network did not get through. */
export function explainFailure() {
  return make(
    navigator.onLine
      ? "The mentor cannot be reached at the moment. Your message is kept; send it again in a little while."
      : "You are offline. Your message is kept; send it again when you are back.",
  );
}

/** An answer broke off after it had begun. */
export function explainBreak(data) {
  return make(
    data?.code === "model_unavailable"
      ? "The language model stopped answering. What had arrived is kept; you can try again."
      : "The answer broke off. What had arrived is kept; you can try again.",
  );
}

/** The server refused a message: response is an RFC 9457 problem, or at least has a status. */
export async function explainRefusal(response) {
  const told = await response.json().catch(() => ({}));
  const code = told.code ?? "";
  if (code.startsWith("session_")) {
    return make(
      "Your session has run out. Your message is kept below: copy it, then open the mentor again from the course page.",
    );
  }
  if (code === "csrf_failed") {
    return make("This page is too old. Your message is kept; reload the page and send it again.");
  }
  if (response.status === 503 || response.status === 429) {
    const seconds = Number(response.headers.get("Retry-After")) || 5;
    return make(
      `The mentor is busy with many questions. Your message is kept; try again in ${seconds} seconds.`,
    );
  }
  if (response.status === 413) {
    return make("Your message is too long. It is kept below; please shorten it.");
  }
  if (response.status === 422 || code === "turn_denied") {
    const sentences = Object.values(told.errors ?? {}).flat();
    return make(sentences.join(" ") || told.detail || "This message was not accepted.");
  }
  const reference = told.request_id ?? response.headers.get("X-Request-Id") ?? "";
  return make(
    `Something went wrong here. Your message is kept; try again.${reference ? ` If it stays so, give this reference: ${reference}.` : ""}`,
  );
}
