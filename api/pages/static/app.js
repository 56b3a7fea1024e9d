"use strict";
// Nothing here is needed: each page does its work without. It leaves faster, puts a shown value away, says that there is
// no connection before the browser throws a filled form away, and that something changed.

const WAIT = 2000;
const SLOW = 4000;
const TIMES = 3;
const WITHIN = 5000;

function putAway() {
  for (const each of document.querySelectorAll("[data-away]")) {
    each.textContent = each.dataset.away;
    each.removeAttribute("data-away");
  }
}

addEventListener("pagehide", putAway);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) putAway();
});

// That something changed, and how much; the rows stay where they are until somebody asks for them.
const place = document.querySelector("[data-hints]");
if (place && "EventSource" in window) {
  const source = new EventSource(place.dataset.hints);
  source.addEventListener("message", (event) => {
    const found = Number(event.data);
    place.replaceChildren();
    if (!found) return;
    const said = document.createElement("p");
    const link = document.createElement("a");
    said.className = "told";
    link.href = place.dataset.to;
    link.textContent = place.dataset.show;
    said.append(found === 1 ? place.dataset.one : place.dataset.more.replace("#", found), " ", link);
    place.append(said);
  });
  source.addEventListener("over", () => source.close());
  addEventListener("pagehide", () => source.close());
}

let pressed = [];
addEventListener("keyup", (event) => {
  if (event.key !== "Shift") {
    pressed = [];
    return;
  }
  pressed = [...pressed.filter((at) => event.timeStamp - at < WITHIN), event.timeStamp];
  if (pressed.length >= TIMES) document.querySelector("form.hide")?.requestSubmit();
});

function say(form, words) {
  let place = form.querySelector("[role=status]");
  if (!place) {
    place = document.createElement("p");
    place.setAttribute("role", "status");
    place.className = "notice";
    form.append(place);
  }
  place.textContent = words;
}

async function connected() {
  try {
    await fetch("/favicon.ico", { cache: "no-store", signal: AbortSignal.timeout(WAIT) });
    return true;
  } catch {
    return false;
  }
}

addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.classList.contains("hide")) {
    document.body.hidden = true;
    return;
  }
  if (!("offline" in form.dataset)) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  say(form, form.dataset.sending);
  const slow = setTimeout(() => say(form, form.dataset.slow), SLOW);
  const sent = await connected();
  if (sent) {
    HTMLFormElement.prototype.submit.call(form);
    setTimeout(() => delete form.dataset.busy, SLOW);
    return;
  }
  clearTimeout(slow);
  delete form.dataset.busy;
  say(form, form.dataset.offline);
});

// Passkeys: the one thing that needs a script. Without one the buttons stay hidden, and password and code do.
async function sent(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function passkey(button) {
  const { passkey: ask, give, make, form, next } = button.dataset;
  const asked = await sent(ask, {});
  const known = make
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked.options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.options) });
  await sent(give, { challenge: asked.challenge, credential: known.toJSON() });
  if (form) document.getElementById(form).submit();
  else location.assign(next);
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  if (!globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) continue;
  button.hidden = false;
  button.addEventListener("click", () => passkey(button).catch(() => say(button.parentElement, button.dataset.wrong)));
}

// A link's secret stands behind its #, which no browser sends; it goes into the form, and out of the address.
const links = document.querySelectorAll("[data-link]");
if (links.length && location.hash.length > 1) {
  for (const each of links) each.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}
