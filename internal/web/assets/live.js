// Keeps the list of places of the success page up to date. Without it the page
// reloads itself now and then.
"use strict";
(() => {
  const list = document.getElementById("places");
  if (!list || !list.dataset.next) return;

  const show = (answer) => {
    const shown = [...list.children].map((item) => item.id).join();
    if (shown !== answer.places.map((place) => "place-" + place.id).join()) {
      location.reload(); // a place has come
      return false;
    }
    for (const place of answer.places) {
      const item = document.getElementById("place-" + place.id);
      const state = item.querySelector(".state");
      const login = item.querySelector("code");
      if (login.textContent !== place.login) login.textContent = place.login;
      if (state.textContent !== place.text) {
        state.className = "state " + place.state;
        state.textContent = place.text;
      }
    }
    return true;
  };

  let next = Number(list.dataset.next);
  const ask = async () => {
    try {
      const response = await fetch("/activate/state", { cache: "no-store" });
      if (response.status === 401) return location.reload(); // the session is over
      if (response.ok) {
        const answer = await response.json();
        if (!show(answer)) return;
        next = answer.next;
      }
    } catch {
      next = Math.min(next * 2, 60); // no network: later
    }
    if (next > 0) setTimeout(ask, next * 1000);
    else document.getElementById("wait")?.remove();
  };
  setTimeout(ask, next * 1000);
})();
