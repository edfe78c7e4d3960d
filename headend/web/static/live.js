// A part of a page that the server keeps up to date: <div data-live="/…">. Without script the page is as it was loaded.
"use strict";
(() => {
  const follow = (place) => {
    const source = new EventSource(place.dataset.live);
    source.addEventListener("numbers", (event) => {
      // Somebody who is in it with the keyboard is not thrown out.
      if (!place.contains(document.activeElement)) place.innerHTML = event.data;
    });
    window.addEventListener("pagehide", () => source.close());
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-live]").forEach(follow));
  // A page that waits for something looks again by itself: <div data-again="2000">.
  const again = () => {
    const place = document.querySelector("[data-again]");
    if (place) setTimeout(() => location.reload(), Number(place.dataset.again) || 3000);
  };
  document.addEventListener("DOMContentLoaded", again);
})();
