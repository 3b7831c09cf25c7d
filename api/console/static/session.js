// Tells somebody who has signed in, in the last five minutes before the session ends, and keeps it when asked to.
// Asking how long it lasts (/session) does not make it last longer; anything else does.
"use strict";

(() => {
  const WARNED_S = 300;
  const words = document.querySelector("script[data-stay]").dataset; // in the language of the page
  const line = document.createElement("p");
  line.id = "session";
  line.setAttribute("role", "status");
  document.body.prepend(line);

  const stay = document.createElement("button");
  stay.type = "button";
  stay.textContent = words.stay;
  stay.addEventListener("click", async () => {
    await fetch("/v1/me", { cache: "no-store" });
    await look();
  });

  let timer = 0;
  async function look() {
    clearTimeout(timer);
    let answer = null;
    let left = 0;
    try {
      answer = await fetch("/session", { cache: "no-store" });
      if (answer.ok) left = (await answer.json()).seconds_left;
    } catch {
      answer = null; // the network is away, or the page is being left
    }
    if (answer && answer.status === 401) {
      document.querySelector("main").replaceChildren(words.over);
      line.replaceChildren();
      location.replace("/sign-in");
      return;
    }
    if (!answer || !answer.ok) {
      timer = setTimeout(look, 30000);
      return;
    }
    if (left <= WARNED_S) {
      const minutes = Math.max(1, Math.ceil(left / 60));
      line.replaceChildren(`${words.left.replace("{minutes}", minutes)} `, stay);
    } else {
      line.replaceChildren();
    }
    timer = setTimeout(look, Math.max(5, Math.min(left - WARNED_S, 60)) * 1000);
  }
  look();
})();
