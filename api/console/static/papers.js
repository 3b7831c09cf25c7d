// Sends a paper of an application as it is, and loads the page anew once it is there.
"use strict";

for (const form of document.querySelectorAll("form.papers")) {
  form.hidden = false;
  const line = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const file = form.elements.paper.files[0];
    if (!file) return;
    button.disabled = true;
    line.textContent = form.dataset.sending;
    const what = encodeURIComponent(form.elements.what.value);
    let taken = false;
    try {
      const answer = await fetch(`${form.dataset.to}&what=${what}`, {
        method: "POST",
        headers: { "Content-Type": file.type, "Sojourn-CSRF": form.dataset.token },
        body: file,
      });
      taken = answer.status === 201;
    } catch {
      taken = false;
    }
    if (taken) {
      location.assign(form.dataset.back);
    } else {
      line.textContent = form.dataset.refused;
      button.disabled = false;
    }
  });
}
