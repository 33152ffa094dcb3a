// Shows what has changed as it happens. Without this the page is complete, as of when it was loaded.
const board = document.getElementById("board");
let due = false;

async function refresh() {
  due = false;
  const answer = await fetch("/?fragment=1");
  if (answer.ok) board.innerHTML = await answer.text();
}

const events = new EventSource("/api/v1/events?named=false");
events.addEventListener("message", () => {
  // Many records may come at once; one look shows them all.
  if (!due) {
    due = true;
    setTimeout(refresh, 100);
  }
});
events.addEventListener("open", refresh);
