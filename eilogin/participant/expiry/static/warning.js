// Warns before a session ends. eilogin puts this script into pages of an application,
// and calls warnBeforeTheEnd with its settings: see eilogin/participant/expiry/expiry_warning.py.
//
// - Nothing is said that the server has not just confirmed: it is asked again before
//   each dialog. Where it does not answer, nothing is said, and it is asked again later.
// - Asking keeps no session alive. Only the button does, and that she sees a page which
//   her browser fetched in advance: of that click the server hears nothing else.
// - The page is never left or reloaded, and what is filled in on it stays.
// - When the session is over, the page is hidden before the dialog says so. Only a new
//   login of the same visitor shows it again.
// - The dialog stands in a shadow tree, and gets its looks by the CSSOM: neither the
//   page's styles nor its Content-Security-Policy reach it.
"use strict";

// Milliseconds until the server is asked again that did not answer.
const RETRY = 20_000;
// Milliseconds after which a visible page asks the server at the latest: the visitor may
// have logged out elsewhere.
const LONGEST_WAIT = 55_000;
// Who says "later" is reminded when half the time is left, unless that is less.
const SHORTEST_REMINDER = 20_000;
// A limit is over when the server is asked this much after it.
const MARGIN = 1_500;
// Says that this window has the script already: some applications change whole pages
// without leaving them.
const IS_HERE = Symbol.for("eilogin.warning");

const STYLE = `
:host { all: initial; color-scheme: light dark;
  --paper: #fff; --ink: #1c2526; --edge: #6f7b7d; --accent: #0a5a60;
  --accent-deep: #07444a; --on-accent: #fff; --tint: #e6f0ef; --alert: #9a2a12; }
@media (prefers-color-scheme: dark) { :host {
  --paper: #182122; --ink: #e8eeed; --edge: #84928f; --accent: #7ccfce;
  --accent-deep: #a3e0df; --on-accent: #06282b; --tint: #1d3032; --alert: #ffac96; } }
@media print { :host { display: none; } }
:host { position: fixed; }
*, *::before, *::after { box-sizing: border-box; }
dialog { width: 34rem; max-width: calc(100vw - 2rem); max-height: calc(100vh - 2rem);
  overflow: auto; margin: auto; padding: 1.5rem; border: 1px solid var(--edge);
  border-top: 4px solid var(--accent); border-radius: .5rem; background: var(--paper);
  color: var(--ink); overflow-wrap: break-word; text-align: start;
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
    "Liberation Sans", sans-serif; }
dialog.over { border-top-color: var(--alert); }
dialog::backdrop { background: rgb(0 0 0 / 55%); }
dialog.over::backdrop { background: #f3f6f6; }
@media (prefers-color-scheme: dark) { dialog.over::backdrop { background: #0d1213; } }
h2 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.25; }
h2:focus { outline: none; }
p { margin: 0 0 1rem; }
p:empty { display: none; }
.problem { color: var(--alert); font-weight: 600; }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
.actions > * { display: inline-flex; align-items: center; justify-content: center;
  min-height: 3rem; min-width: 44px; padding: .55rem 1.5rem; cursor: pointer;
  border: 2px solid var(--accent); border-radius: .375rem; background: transparent;
  color: var(--accent); font: inherit; font-weight: 600; line-height: 1.3;
  text-align: center; text-decoration: none; }
.actions > *:hover { background: var(--tint); }
.actions > .first { background: var(--accent); color: var(--on-accent); }
.actions > .first:hover { background: var(--accent-deep); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
@media (max-width: 30rem) { .actions { flex-direction: column; }
  .actions > * { width: 100%; } }
@media (forced-colors: active) { .actions > * { border-color: ButtonText; } }
`;

// Hides the whole document except the dialog. No style inside <body> can undo it.
const HOST = "data-eilogin-warning";
const BLANK = `:root > :not([${HOST}]) { display: none !important; }`;

function warnBeforeTheEnd({ warnSeconds, texts, accent }) {
  if (window[IS_HERE]) return;
  window[IS_HERE] = true;
  const source = document.currentScript.src;
  const session = new URL("session", source);
  const dialog = new Dialog(textsOfPage(texts), new URL("logout", source), accent);
  const otherTabs = "BroadcastChannel" in window
    ? new BroadcastChannel(session.pathname) : null;

  let known = null; // what the server said last, with instants in the place of seconds
  let isOver = false;
  let postponedUntil = 0; // she said "later"
  let timer = 0;
  let asked = 0;
  let heard = 0;

  // Whether the server has answered.
  async function ask(method = "GET") {
    const number = ++asked;
    let answer;
    try {
      const response = await fetch(session, { method, cache: "no-store" });
      answer = await response.json();
      // Whatever else may answer here, such as the page of a hotel's network.
      if (!response.ok || typeof answer.logged_in !== "boolean") throw new Error();
    } catch {
      next(RETRY);
      return false;
    }
    // One that was overtaken knows less.
    if (number > heard) {
      heard = number;
      hear(answer);
    }
    return true;
  }

  function next(milliseconds) {
    clearTimeout(timer);
    const isVisible = document.visibilityState === "visible";
    const longest = isVisible ? LONGEST_WAIT : Infinity;
    timer = setTimeout(ask, Math.max(0, Math.min(milliseconds, longest)));
  }

  function hear(answer) {
    // Somebody else may have logged in meanwhile, in another tab: this page is not hers.
    const isHers = answer.logged_in && (!known || answer.pseudonym === known.pseudonym);
    if (!isHers) {
      end();
      return;
    }
    isOver = false;
    const now = Date.now();
    known = {
      pseudonym: answer.pseudonym,
      idleTime: answer.idle_seconds * 1000,
      idleEnd: now + answer.idle_seconds_left * 1000,
      finalEnd: now + answer.absolute_seconds_left * 1000,
    };
    // Where a session is that short, the warning must not be there all the time.
    const ahead = Math.min(warnSeconds * 1000, known.idleTime / 2);
    const over = Math.min(known.idleEnd, known.finalEnd);
    if (now < over - ahead) {
      postponedUntil = 0;
      dialog.close();
      next(over - ahead - now);
    } else if (now < postponedUntil) {
      next(Math.min(postponedUntil, over + MARGIN) - now);
    } else {
      warn(over, known.finalEnd - now <= ahead);
      next(over + MARGIN - now);
    }
  }

  function warn(over, isFinal) {
    const later = () => {
      const left = over - Date.now();
      const isReminded = !isFinal && left / 2 > SHORTEST_REMINDER;
      postponedUntil = isReminded ? over - left / 2 : Infinity;
      next(isReminded ? left / 2 : left + MARGIN);
    };
    dialog.warn({ over, isFinal, later, goOn });
  }

  async function goOn() {
    if (await ask("POST")) otherTabs?.postMessage("seen");
    else dialog.notDone();
  }

  function end() {
    // A page that was old when it came, such as one from a cache, says nothing.
    if (!known || isOver) return;
    isOver = true;
    clearTimeout(timer);
    otherTabs?.postMessage("over");
    dialog.over(why(), known.idleTime, loginAddress(source));
  }

  function why() {
    const now = Date.now();
    // Another process of the server may count up to a minute stricter.
    const slack = Math.min(60_000, known.idleTime / 10) + 2 * MARGIN;
    if (now >= known.finalEnd - 2 * MARGIN) return "ended";
    return now >= known.idleEnd - slack ? "idle" : "elsewhere";
  }

  async function begin() {
    // What is done in one tab counts for all. Who says nothing now asks before it does.
    if (otherTabs) {
      otherTabs.onmessage = ({ data }) => {
        if (data === "over" ? !isOver : isOver || dialog.isOpen) ask();
      };
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") ask();
    });
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) ask();
    });
    if (await ask()) otherTabs?.postMessage("seen");
  }

  begin();
}

// The language of texts that a tag means (RFC 4647 3.4): "de-AT" is "de"; else nothing.
function spoken(texts, tag) {
  const parts = tag.toLowerCase().split("-");
  const ranges = parts.map((_, cut) => parts.slice(0, parts.length - cut).join("-"));
  const known = Object.keys(texts);
  const found = ranges.map((range) => known.find((one) => one.toLowerCase() === range));
  return found.find(Boolean);
}

// The texts in the language of the page; else in one that the browser prefers.
function textsOfPage(texts) {
  const wanted = [document.documentElement.lang, ...navigator.languages];
  const language = wanted.map((tag) => spoken(texts, tag)).find(Boolean) ?? "en";
  return { language, ...texts[language] };
}

function loginAddress(source) {
  const address = new URL("login", source);
  address.searchParams.set("next", location.pathname + location.search);
  return address;
}

class Dialog {
  #texts;
  #logout;
  #style;
  #parts = null;
  #kind = "";
  #title = null;
  #clock = 0;
  #over = 0;
  #announced = 0;
  #later = null;
  #blank = sheetOf(BLANK);

  // `accent` has the site's own colours, as CSS.
  constructor(texts, logout, accent) {
    this.#texts = texts;
    this.#logout = logout;
    this.#style = sheetOf(STYLE + accent);
  }

  get isOpen() {
    return this.#parts !== null && this.#parts.host.isConnected;
  }

  // Before the end, which is at the instant `over`.
  warn({ over, isFinal, later, goOn }) {
    const { stays, final, close, logOut } = this.#texts;
    const kind = isFinal ? "final" : "stays";
    this.#over = over;
    this.#later = later;
    if (this.isOpen && this.#kind === kind) {
      this.#tick();
      return;
    }
    this.#open({
      kind,
      heading: this.#soon(),
      text: isFinal ? final : stays,
      actions: [
        isFinal
          ? button(close, () => this.#dismiss())
          : button(this.#texts.goOn, goOn),
        link(logOut, this.#logout),
      ],
    });
    this.#announced = this.#minutesLeft();
    clearInterval(this.#clock);
    this.#clock = setInterval(() => this.#tick(), 1000);
  }

  // After it, for a reason of `texts`. The visitor cannot close this message: the page
  // below it may show personal data.
  over(reason, idleTime, login) {
    const { over, kept, logIn } = this.#texts;
    clearInterval(this.#clock);
    this.#later = null;
    // In a window of its own, for what is filled in here would be gone.
    const again = link(logIn, login);
    again.target = "_blank";
    again.rel = "noopener";
    this.#open({
      kind: "over",
      heading: over,
      text: this.#texts[reason].replace("{time}", this.#time(idleTime)),
      more: kept,
      actions: [again],
    });
    if (!document.adoptedStyleSheets.includes(this.#blank))
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#blank];
  }

  notDone() {
    if (this.#parts) this.#parts.problem.textContent = this.#texts.notDone;
  }

  // Gone, with the focus back where it was.
  close() {
    if (!this.#parts) return;
    const { host, dialog } = this.#parts;
    this.#parts = null;
    clearInterval(this.#clock);
    // The page first: a hidden field cannot get the focus back.
    document.adoptedStyleSheets =
      document.adoptedStyleSheets.filter((sheet) => sheet !== this.#blank);
    dialog.close();
    host.remove();
    if (document.title.startsWith(this.#title.shown)) document.title = this.#title.was;
  }

  #dismiss() {
    const later = this.#later;
    this.close();
    later?.();
  }

  #open({ kind, heading, text, more = "", actions }) {
    const isNew = !this.isOpen;
    // The page may have thrown it away.
    if (isNew) this.#parts = this.#build();
    const { dialog, title, body, rest, problem, status, row } = this.#parts;
    this.#kind = kind;
    dialog.className = kind;
    actions[0].className = "first";
    title.textContent = heading;
    body.textContent = text;
    rest.textContent = more;
    problem.textContent = "";
    row.replaceChildren(...actions);
    this.#nameWindow(heading);
    if (isNew) {
      dialog.showModal();
    } else {
      // The button that had the focus may be gone. The heading is read for its having
      // the focus, the text for its standing here.
      title.focus();
      status.textContent = `${text} ${more}`.trim();
    }
  }

  #build() {
    const host = element("div", { [HOST]: "" });
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [this.#style];
    const dialog = element("dialog", { lang: this.#texts.language, dir: "auto" });
    // The focus comes to the heading: what she is typing must not press a button.
    const title = element("h2", { id: "title", tabindex: "-1", autofocus: "" });
    const body = element("p", { id: "text" });
    const rest = element("p", { id: "rest" });
    const problem = element("p", { class: "problem", role: "alert" });
    const status = element("p", { class: "unseen", role: "status" });
    const row = element("div", { class: "actions" });
    dialog.setAttribute("role", "alertdialog");
    dialog.setAttribute("aria-labelledby", "title");
    dialog.setAttribute("aria-describedby", "text rest");
    dialog.append(title, body, rest, problem, status, row);
    // Escape: later. It does not close the last message.
    dialog.addEventListener("close", () => {
      if (this.#parts?.dialog !== dialog) return;
      if (this.#kind === "over") dialog.showModal();
      else this.#dismiss();
    });
    root.append(dialog);
    // Beside <body>, which is hidden at the end.
    document.documentElement.append(host);
    this.#title = { was: document.title, shown: "" };
    return { host, dialog, title, body, rest, problem, status, row };
  }

  // Who looks at another window sees it in the name of this one.
  #nameWindow(heading) {
    this.#title.shown = heading;
    // The title may name the visitor.
    document.title =
      this.#kind === "over" ? heading : `${heading} \u2013 ${this.#title.was}`;
  }

  #tick() {
    const { title, status } = this.#parts;
    const heading = this.#soon();
    if (title.textContent === heading) return;
    title.textContent = heading;
    this.#nameWindow(heading);
    // Not each second: that would be all that a screen reader says.
    if (this.#minutesLeft() < this.#announced) {
      this.#announced = this.#minutesLeft();
      status.textContent = heading;
    }
  }

  #minutesLeft() {
    return Math.round((this.#over - Date.now()) / 60_000);
  }

  #soon() {
    const { soon, site } = this.#texts;
    const time = this.#time(this.#over - Date.now());
    return soon.replace("{site}", () => site).replace("{time}", time);
  }

  #time(milliseconds) {
    const seconds = Math.max(1, Math.round(milliseconds / 1000));
    const isShort = seconds < 60;
    const count = isShort ? seconds : Math.round(seconds / 60);
    const [one, more] = isShort ? ["second", "seconds"] : ["minute", "minutes"];
    return this.#texts[count === 1 ? one : more].replace("{count}", count);
  }
}

function sheetOf(text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return sheet;
}

function element(name, attributes) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function button(text, press) {
  const made = element("button", { type: "button" });
  made.textContent = text;
  made.addEventListener("click", press);
  return made;
}

function link(text, address) {
  const made = element("a", { href: address.href });
  made.textContent = text;
  return made;
}
