// What the page does besides drawing: theme, copying, filtering, and opening everything for print.
"use strict";
(() => {
  const root = document.documentElement;

  function remember(theme) {
    try { localStorage.setItem("gatebench-theme", theme); } catch { /* a browser may refuse storage to files */ }
  }

  function remembered() {
    try { return localStorage.getItem("gatebench-theme") || "auto"; } catch { return "auto"; }
  }

  const choice = document.getElementById("theme");
  function dress() {
    root.dataset.theme = choice.value; // "auto" matches no rule of the style sheet, so the system decides
  }
  choice.value = remembered();
  choice.closest("p").hidden = false;
  choice.addEventListener("change", () => { remember(choice.value); dress(); });
  dress();

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Selected: press Ctrl+C";
      }
    });
  }

  const filter = document.getElementById("metric-filter");
  if (filter) {
    filter.closest("p").hidden = false;
    const rows = [...document.querySelectorAll("#metric-table tbody tr")].map((row) => [row, row.textContent.toLowerCase()]);
    const told = filter.parentElement.querySelector("output");
    filter.addEventListener("input", () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      told.textContent = words.length ? `${shown} of ${rows.length}` : "";
    });
  }

  // A question puts the targets in order: first the best, then the other way round; those without a number stay last.
  function order(table, row, down) {
    const key = (cell) => (cell.dataset.key === undefined ? null : Number(cell.dataset.key));
    const places = [...row.cells].slice(1).map((cell, place) => [key(cell), place + 1]);
    places.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? b - a : a - b;
    });
    for (const line of table.rows) {
      const cells = [...line.cells];
      line.append(...places.map(([, place]) => cells[place]));
    }
  }
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tBodies[0].rows].map((row) => row.cells[0]);
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.dataset.order;
        const down = before ? before === "up" : head.dataset.first === "down";
        for (const other of heads) {
          delete other.dataset.order;
          other.removeAttribute("aria-sort");
        }
        head.dataset.order = down ? "down" : "up";
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        order(table, head.parentElement, down);
      });
    }
  }

  const wide = new ResizeObserver((entries) => {
    for (const { target } of entries) target.toggleAttribute("data-wide", target.scrollWidth > target.clientWidth + 1);
  });
  for (const scroll of document.querySelectorAll(".scroll")) wide.observe(scroll);

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main details:not(.data, .long):not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
  });
})();
