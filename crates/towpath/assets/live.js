// Shows what has changed as it happens. Without this the page is complete, as of when it was loaded.

const board = document.getElementById("board");
const said = document.getElementById("said");
const pulse = document.getElementById("pulse");
const pulseText = document.getElementById("pulse-text");

// Many records may come at once; one look shows them all.
const GATHER = 120;
// What is said in words such as "3 min ago" grows old without any event.
const EVERY = 30_000;

let events = null;
let due = null;
let looking = false;
let again = false;

function show(state, text) {
  pulse.dataset.state = state;
  pulseText.textContent = text;
}

function view() {
  return board.querySelector(".view");
}

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const url = new URL(location.href);
    url.searchParams.set("fragment", "1");
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    if (answer.ok) replace(await answer.text());
    else if (answer.status === 404) location.reload();
  } catch {
    // The events say when the server is back.
  } finally {
    looking = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

function soon() {
  due ??= setTimeout(() => {
    due = null;
    look();
  }, GATHER);
}

// Puts the new view in place of the old one; whoever is on a link stays on it.
function replace(html) {
  const focused = board.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const before = view()?.dataset.said;
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector(".view");
  if (!fresh) return;
  board.replaceChildren(document.adoptNode(fresh));
  document.title = fresh.dataset.title;
  if (fresh.dataset.said !== before) said.textContent = fresh.dataset.said || "Everything is at rest.";
  if (focused) board.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function listen() {
  if (events) return;
  events = new EventSource("/api/v1/events?named=false");
  events.onopen = () => {
    show("live", "live");
    soon();
  };
  events.onmessage = soon;
  events.onerror = () => {
    show("lost", `connection lost; as of ${view()?.dataset.at ?? "before"}`);
    // The browser comes back by itself, unless it was told no.
    if (events.readyState === EventSource.CLOSED) {
      events = null;
      setTimeout(listen, 5000);
    }
  };
}

// A page that nobody looks at keeps no connection: browsers have few for one server.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    events?.close();
    events = null;
  } else {
    listen();
  }
});

setInterval(() => {
  if (!document.hidden && pulse.dataset.state === "live") look();
}, EVERY);

if (!document.hidden) listen();
