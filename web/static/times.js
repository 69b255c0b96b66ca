// Times in the reader's own zone and manner; without this script the page says them in UTC.

const styles = {
  time: { timeStyle: "short" },
  date: { dateStyle: "medium" },
  datetime: { dateStyle: "medium", timeStyle: "short" },
};

export function showTimes(root = document) {
  for (const node of root.querySelectorAll("time[data-time]")) {
    const instant = new Date(node.dateTime);
    if (Number.isNaN(instant.getTime())) continue;
    node.textContent = new Intl.DateTimeFormat(undefined, styles[node.dataset.time]).format(instant);
    node.title = new Intl.DateTimeFormat(undefined, {
      dateStyle: "full",
      timeStyle: "long",
    }).format(instant);
  }
}
