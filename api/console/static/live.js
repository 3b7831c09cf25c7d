// Loads the part #live of a page anew every so often, for as long as the server says so (data-every, seconds). Nothing
// is swapped under somebody's hands: not while something in it has the focus, nor in a tab that nobody looks at. It
// pauses when it is told to, and after ten minutes without a key or a pointer: loading keeps a session awake.
"use strict";

(() => {
  const IDLE_MS = 600000;
  let part = document.getElementById("live");
  if (!part || !part.dataset.every) return;
  const words = { pause: part.dataset.pause, goOn: part.dataset.goOn, paused: part.dataset.paused };
  const line = document.createElement("p");
  line.className = "live";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  const still = document.createElement("span");
  still.setAttribute("role", "status");
  const news = document.createElement("span");
  news.setAttribute("role", "status");
  news.className = "unseen";
  line.append(button, " ", still, news);
  part.after(line);

  let paused = false;
  let used = Date.now();
  let timer = 0;
  let said = "";
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => { used = Date.now(); }, { passive: true });
  }

  function pause(now) {
    paused = now;
    button.textContent = paused ? words.goOn : words.pause;
    still.textContent = paused ? words.paused : "";
    clearTimeout(timer);
    if (!paused) next();
  }

  function next() {
    timer = setTimeout(load, Number(part.dataset.every) * 1000);
  }

  async function load() {
    if (Date.now() - used > IDLE_MS) return pause(true);
    if (document.hidden || part.contains(document.activeElement)) return next();
    let fresh = null;
    try {
      const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
      if (answer.redirected) return location.reload();
      if (answer.ok) fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    } catch {
      // The service is away for a moment: what is shown says when it was so.
    }
    if (paused) return;
    if (!fresh) return next();
    part.replaceWith(fresh);
    part = fresh;
    const now = part.querySelector("[data-said]");
    if (now && now.textContent !== said) news.textContent = said = now.textContent;
    if (part.dataset.every) return next();
    button.remove();
    line.className = "unseen";
  }

  button.addEventListener("click", () => pause(!paused));
  const first = part.querySelector("[data-said]");
  said = first ? first.textContent : "";
  pause(false);
})();
