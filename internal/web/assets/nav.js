// On a phone the sections stand in one line that moves sideways: the one that is open
// comes into sight. Browsers that know scroll-initial-target do that without us.
"use strict";
(() => {
  const list = document.querySelector(".side ul"), open = list && list.querySelector("[aria-current]");
  if (open) list.scrollLeft += open.getBoundingClientRect().left - list.getBoundingClientRect().left - (list.clientWidth - open.offsetWidth) / 2;
})();
