/* The side bar's folds have an arrow and no words; a screen reader needs a name. */
"use strict";
document.addEventListener("DOMContentLoaded", function () {
  document.querySelectorAll(".bd-sidebar-primary summary").forEach(function (summary) {
    const link = summary.closest("li").querySelector("a");
    summary.setAttribute("aria-label", `pages below “${link.textContent.trim()}”`);
  });
});
