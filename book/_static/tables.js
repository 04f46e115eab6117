/* Tables of the class "sortable": a search field above, a button in every header cell, and where the
   rows have groups (`data-group`), a button for each. */
"use strict";
document.addEventListener("DOMContentLoaded", function () {
  const numeric = (text) => parseFloat(text.replace(/,/g, "").replace("−", "-"));

  function compare(a, b) {
    const [x, y] = [numeric(a), numeric(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  }

  /* Numbers from the largest at the first click, words from A; what has a dash stays last. */
  function sort(table, column, header) {
    const text = (row) => row.cells[column].textContent.trim();
    const every = [...table.tBodies[0].rows], none = every.filter((row) => text(row) === "–");
    const rows = every.filter((row) => text(row) !== "–").sort((a, b) => compare(text(a), text(b)));
    const before = header.getAttribute("aria-sort");
    const down = before ? before === "ascending" : rows.some((row) => !Number.isNaN(numeric(text(row))));
    for (const th of table.tHead.rows[0].cells) th.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...(down ? rows.reverse() : rows), ...none);
  }

  function filter(table, words, told) {
    const typed = words.toLowerCase().trim(), rows = [...table.tBodies[0].rows];
    const whole = rows.some((row) => row.cells[0].textContent.toLowerCase().includes(typed));
    const wanted = whole ? [typed] : typed.split(/\s+/); // as a name has it, else all of the words
    const group = table.dataset.group;
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word)) || (group && row.dataset.group !== group);
      shown += !row.hidden;
    }
    told.textContent = `${shown} of ${table.tBodies[0].rows.length} rows`;
  }

  function groups(table, changed) {
    const numbers = new Map();
    for (const { dataset } of table.tBodies[0].rows)
      if (dataset.group) numbers.set(dataset.group, (numbers.get(dataset.group) || 0) + 1);
    const bar = document.createElement("div");
    bar.className = "table-groups";
    for (const [name, number] of numbers) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${name} ${number}`;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", function () {
        const on = button.getAttribute("aria-pressed") === "true";
        for (const other of bar.children) other.setAttribute("aria-pressed", "false");
        button.setAttribute("aria-pressed", String(!on));
        table.dataset.group = on ? "" : name; // none again at a second click
        changed();
      });
      bar.append(button);
    }
    return bar;
  }

  document.querySelectorAll("table.sortable").forEach(function (table, number) {
    [...table.tHead.rows[0].cells].forEach(function (header, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      button.addEventListener("click", () => sort(table, column, header));
      header.scope = "col";
      header.append(button);
    });
    const label = document.createElement("label");
    const field = document.createElement("input");
    const told = document.createElement("output");
    field.type = "search";
    field.id = label.htmlFor = `table-search-${number}`;
    label.textContent = "Search this table";
    field.addEventListener("input", () => filter(table, field.value, told));
    const bar = document.createElement("div");
    bar.className = "table-search";
    bar.append(label, field, told);
    const box = document.createElement("div");
    box.className = "table-box";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "table, scrolls sideways");
    const chosen = groups(table, () => filter(table, field.value, told));
    table.replaceWith(bar, ...(chosen.children.length ? [chosen] : []), box);
    box.append(table);
    filter(table, "", told);
  });
});
