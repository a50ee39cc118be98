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

// Renews the part of the page that changes. The next poll begins a second after the last has ended, so a slow server
// gets fewer; hidden and paused pages ask nothing.
const POLL_MS = 1000;
const [live, above] = ["#live", "#above"].map((id) => document.querySelector(id));
const updates = document.querySelector("#updates");
const pause = updates?.querySelector("button");
let timer = 0;

async function poll() {
  clearTimeout(timer);
  if (pause.ariaPressed === "true" || document.hidden) return;
  const say = updates.querySelector("span");
  try {
    const whole = plots.length && Date.now() - drawn > 60000;
    const answer = await fetch(location.href, { headers: whole ? {} : { "HX-Request": "true" }, cache: "no-store" });
    if (answer.status === 401 || answer.redirected) location.reload();
    if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    localize(page);
    // What is offered changes too, but never while somebody fills it in.
    for (const id of above.querySelector("[open], .filter") ? ["#live"] : ["#live", "#above"]) {
      const [old, now] = [document, page].map((one) => one.querySelector(id));
      Idiomorph.morph(old, now.innerHTML, { morphStyle: "innerHTML", ignoreActiveValue: true });
    }
    if (whole) draw(page);
    say.textContent = "";
  } catch (error) {
    const words = `No updates: ${error.message}. Trying again.`;
    if (say.textContent !== words) say.textContent = words;
  }
  clearTimeout(timer);
  timer = setTimeout(poll, POLL_MS);
}

// Draws each chart from its own table, whose heads give the names and colors. Values are per minute, since the last row
// may be short; a row that is too long is a time in which no worker ran, and is a gap. `page`: has newer tables.
const LINES = [["┈┈┈", [2, 2]], ["━━━", []], ["╍╍╍", [9, 3]], ["· · ·", [3, 6]], ["━ · ━", [12, 4, 3, 4]]];
let [plots, drawn] = [[], 0];
function draw(page = document) {
  for (const plot of plots) plot.destroy();
  const tables = page.querySelectorAll("figure table");
  plots = [...document.querySelectorAll("figure")].map((figure, chart) => {
    figure.querySelector("table").replaceWith(tables[chart]);
    const { hours, step } = figure.dataset;
    const rows = [...tables[chart].tBodies[0].rows].reverse().map(({ cells: [first, ...cells] }) => (
      [Date.parse(first.firstChild.dateTime) / 1000, ...cells.map((cell) => Number(cell.textContent.replaceAll(",", "")))]));
    const lines = [...tables[chart].tHead.rows[0].cells].slice(2).map((head, i) => (
      { label: `${head.textContent} ${LINES[i][0]}`, stroke: getComputedStyle(head).color, width: 2, dash: LINES[i][1], points: { size: 3 } }));
    const values = lines.map((_, i) => rows.map(([, minutes, ...counts]) => (minutes < 2 * step ? counts[i] / minutes : null)));
    const clock = new Intl.DateTimeFormat(undefined, { weekday: hours > 24 ? "short" : undefined, hour: "2-digit", minute: "2-digit" });
    const time = (_, seconds) => (seconds ? clock.format(seconds * 1000) : "-");
    const axis = { stroke: getComputedStyle(figure).color, grid: { stroke: "#8884", width: 1 } };
    drawn = Date.now();
    return new uPlot({
      width: figure.clientWidth, height: 220, cursor: { drag: { x: false } }, series: [{ label: "Time", value: time }, ...lines],
      axes: [{ ...axis, space: 90, values: (_, all) => all.map((one) => time(_, one)) }, axis],
      scales: { x: { range: () => [drawn / 1000 - hours * 3600, drawn / 1000] }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
    }, [rows.map(([at]) => at), ...values], (plot, ready) => { figure.lastElementChild.before(plot.root); ready(); });
  });
}

if (live) {
  updates.hidden = false;
  pause.addEventListener("click", () => {
    pause.ariaPressed = pause.ariaPressed !== "true";
    poll();
  });
  document.addEventListener("visibilitychange", poll);
  timer = setTimeout(poll, POLL_MS);
}

// Sends a form without leaving the page, so that a chosen file stays chosen.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.inline || event.submitter?.name === "rejects") return;
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
if (window.uPlot) {
  draw();
  addEventListener("resize", () => draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
}
// What was done is said once, and not again when the page is loaded again.
history.replaceState(null, "", location.href.replace(/[?&]done=\w*&n=\d*/, ""));
