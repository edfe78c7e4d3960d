// What changes by itself is looked at again; without script a link does the same.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const LONGEST_MS = 15 * 60 * 1000;
  const follow = (place) => {
    const started = Date.now();
    const look = async () => {
      try {
        const answer = await fetch(place.dataset.live, { credentials: "same-origin" });
        if (answer.ok && !answer.redirected) {
          const text = await answer.text();
          if (text !== place.dataset.last) { place.innerHTML = text; place.dataset.last = text; }
          if (place.querySelector("[data-done]")) return;
        }
      } catch (error) { /* the network is away: the next look may find it again */ }
      if (Date.now() - started < LONGEST_MS) setTimeout(look, EVERY_MS);
    };
    setTimeout(look, EVERY_MS);
  };
  document.querySelectorAll("[data-live][data-changing]").forEach(follow);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });
})();
