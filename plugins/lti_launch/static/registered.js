// Tells the LMS that the registration is over, so that it closes this frame or window
// (LTI Dynamic Registration 1.0, section 3.5). Only the LMS's own origins are told.
"use strict";

(() => {
  const SECONDS = 10;
  const closing = document.getElementById("closing");
  const stay = document.getElementById("stay");
  const soon = document.getElementById("soon");
  const lms = window.opener || (window.parent === window ? null : window.parent);

  const close = () => {
    for (const origin of closing.dataset.origins.split(" ").filter(Boolean)) {
      lms?.postMessage({ subject: "org.imsglobal.lti.close" }, origin);
    }
    document.getElementById("closed").hidden = false;
    // Allowed only where a script opened this window; elsewhere the LMS removes the frame.
    window.close();
  };

  const keep = () => {
    clearTimeout(timer);
    stay.hidden = true;
    soon.hidden = true;
  };

  document.getElementById("close").addEventListener("click", () => { keep(); close(); });
  stay.addEventListener("click", keep);
  closing.hidden = false;
  let timer = 0;
  if (lms) {
    timer = setTimeout(() => { keep(); close(); }, SECONDS * 1000);
  } else {
    keep();
  }
})();
