// Copies a text of the page at the press of a button, which is there only where
// that is possible.
"use strict";
(() => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const what = document.getElementById(button.dataset.copy);
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(what.innerText);
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = label; }, 3000);
    });
  }
})();
