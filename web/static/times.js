// Times in the reader's own zone, and in the manner that the LMS named or else the browser's;
// without this script the page says them in UTC.

const manner = readManner(document.documentElement.dataset.locale);

function readManner(locale) {
  try {
    return Intl.getCanonicalLocales(locale?.replaceAll("_", "-"))[0];
  } catch {
    return undefined;
  }
}

const styles = {
  time: { timeStyle: "short" },
  date: { dateStyle: "medium" },
  datetime: { dateStyle: "medium", timeStyle: "short" },
};

export function showTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-time]")) {
    const instant = new Date(node.dateTime);
    if (Number.isNaN(instant.getTime())) continue;
    node.textContent = new Intl.DateTimeFormat(manner, styles[node.dataset.time]).format(instant);
    node.title = new Intl.DateTimeFormat(manner, {
      dateStyle: "full",
      timeStyle: "long",
    }).format(instant);
  }
}
