(function () {
/* The page is looked at anew, and not loaded: a screen reader would start over. What it
   hears is the end alone, and what is the same stays as it is. */
var look = document.getElementById("look");
var left = 120;
function one(page, selector) { return page.querySelector(selector); }
/* All that a receipt says, except when it was made. */
function said(receipt) {
return [].map.call(receipt.children, function (part) { return part.id === "at" ? "" : part.textContent; }).join();
}
function show(text) {
var page = new DOMParser().parseFromString(text, "text/html");
var here = document.getElementById("receipt");
var news = page.getElementById("receipt");
/* It was deleted in another window. */
if (!news) { return; }
var tell = one(here, "#tell");
if (said(here) !== said(news)) { here.innerHTML = news.innerHTML; }
one(here, "#at").textContent = one(news, "#at").textContent;
one(here, "#at").hidden = one(news, "#at").hidden;
/* Nobody waits for this browser any more. The next way on stands out then. */
if (tell && !one(here, "#tell")) { one(document, ".actions a:not([hidden])").classList.remove("quiet"); }
if (!news.hasAttribute("data-done")) { again(); return; }
var title = one(page, "h1").textContent;
document.title = page.title;
one(document, "h1").textContent = title;
one(document, ".card").className = one(page, ".card").className;
var sign = one(page, ".head .sign");
if (sign) { one(document, ".head .sign").outerHTML = sign.outerHTML; }
document.getElementById("news").textContent = title;
look.hidden = true;
}
function again() {
left -= 1;
if (!left) { return; }
setTimeout(function () {
fetch(look.dataset.receipt).then(function (answer) {
/* Such as of a proxy, while the hub is started anew. */
if (!answer.ok) { again(); return; }
return answer.text().then(show);
}, again);
}, 5000);
}
again();
})();
