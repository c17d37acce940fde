// One key an answer: a digit opens it, Enter confirms it, Esc goes back. Without it
// the same are links.
"use strict";
(() => {
  const answers = document.querySelectorAll(".answer[data-key]");
  if (answers.length === 0) return;
  const back = "#choices";
  const open = (hash) => {
    if (location.hash !== hash) location.hash = hash;
    const panel = hash === back ? null : document.querySelector(hash);
    const field = panel && (panel.querySelector("input[name=reason]") || panel.querySelector("button"));
    if (field) field.focus();
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.key === "Escape") return open(back);
    if (event.target.matches("input, textarea, select")) return;
    for (const answer of answers) {
      if (answer.dataset.key !== event.key) continue;
      event.preventDefault();
      open(answer.getAttribute("href"));
    }
  });
  for (const answer of answers) {
    answer.addEventListener("click", (event) => {
      event.preventDefault();
      open(answer.getAttribute("href"));
    });
  }
})();
