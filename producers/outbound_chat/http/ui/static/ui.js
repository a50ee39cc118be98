"use strict";

// Shows times in the zone of the viewer, and tells forms which one that is.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
function localize(root) {
  for (const one of root.querySelectorAll("time[datetime]")) {
    one.title = one.title || one.textContent;
    one.textContent = dates.format(new Date(one.dateTime));
  }
  for (const one of root.querySelectorAll("input[name=zone]")) one.value = zone;
  for (const one of root.querySelectorAll(".zone")) one.textContent = zone;
}

// Renews the part of the page that changes. The next poll begins two seconds after the last has ended, so a slow server
// gets fewer; hidden and paused pages ask nothing.
const POLL_MS = 2000;
const live = document.querySelector("#live");
const updates = document.querySelector("#updates");
let paused = false;
let timer = 0;

async function poll() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  const say = updates.querySelector("span");
  try {
    const answer = await fetch(location.href, { headers: { "HX-Request": "true" }, cache: "no-store" });
    if (answer.status === 401 || answer.redirected) location.reload();
    if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#live");
    localize(page);
    Idiomorph.morph(live, page.innerHTML, { morphStyle: "innerHTML", ignoreActiveValue: true });
    say.textContent = "";
  } catch (error) {
    const words = `No updates: ${error.message}. Trying again.`;
    if (say.textContent !== words) say.textContent = words;
  }
  if (!paused) timer = setTimeout(poll, POLL_MS);
}

if (live) {
  updates.hidden = false;
  const button = updates.querySelector("button");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    if (!paused) poll();
  });
  document.addEventListener("visibilitychange", poll);
  timer = setTimeout(poll, POLL_MS);
}

// Sends a form without leaving the page, so that a chosen file stays chosen.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.inline) return;
  event.preventDefault();
  const [main, say] = [document.querySelector("main"), form.querySelector("[role=status]")];
  say.textContent = form.dataset.inline;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form, event.submitter) });
    if (answer.redirected) return location.assign(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    localize(page);
    Idiomorph.morph(main, page.innerHTML, { morphStyle: "innerHTML" });
    main.querySelector("[role=alert], #result")?.focus();
  } catch (error) {
    say.textContent = `Nothing came back: ${error.message}. Try again.`;
  }
});

localize(document);
// What was done is said once, and not again when the page is loaded again.
const here = new URL(location.href);
if (here.searchParams.has("done")) {
  here.searchParams.delete("done");
  here.searchParams.delete("n");
  history.replaceState(null, "", here);
}
