// Sends the page's only form on, as the browser part of an LTI message.
document.getElementById("forward").submit();
