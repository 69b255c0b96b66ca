// Makes tabs of pieces that stand below one another where there are no scripts.

/** Puts a tab list over the [data-tab] children of each [data-tabs]; arrow keys go through it. */
export function makeTabs() {
  for (const group of document.querySelectorAll("[data-tabs]")) {
    const panels = [...group.querySelectorAll("[data-tab]")];
    const list = document.createElement("div");
    list.className = "tab-list";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", group.dataset.tabs);
    const tabs = panels.map((panel, number) => makeTab(panel, number));
    list.append(...tabs);
    group.prepend(list);
    const choose = (number) => {
      tabs.forEach((tab, each) => {
        tab.setAttribute("aria-selected", String(each === number));
        tab.tabIndex = each === number ? 0 : -1;
        panels[each].hidden = each !== number;
      });
    };
    list.addEventListener("click", (event) => {
      const number = tabs.indexOf(event.target);
      if (number >= 0) choose(number);
    });
    list.addEventListener("keydown", (event) => {
      const here = tabs.indexOf(document.activeElement);
      const last = tabs.length - 1;
      const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: last }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const number = (next + tabs.length) % tabs.length;
      choose(number);
      tabs[number].focus();
    });
    choose(0);
  }
}

function makeTab(panel, number) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.id = `tab-${number}`;
  tab.textContent = panel.dataset.tab;
  tab.setAttribute("role", "tab");
  panel.id = `panel-${number}`;
  tab.setAttribute("aria-controls", panel.id);
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  return tab;
}
