/* What the theme leaves unsaid to a screen reader: the side bar's folds have an arrow and no name; the
   references are called a list, but have no items. */
"use strict";
document.addEventListener("DOMContentLoaded", function () {
  document.querySelectorAll(".bd-sidebar-primary summary").forEach(function (summary) {
    const link = summary.closest("li").querySelector("a");
    summary.setAttribute("aria-label", `pages below “${link.textContent.trim()}”`);
  });
  document.querySelectorAll(".citation-list").forEach((list) => list.removeAttribute("role"));
});
