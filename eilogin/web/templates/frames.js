(function () {
var frames = [].slice.call(document.querySelectorAll("iframe"));
var left = frames.length;
var button = document.getElementById("go-on");
/* Less where this page is itself in a frame of a hub above, which waits no longer. */
var within = Number(button.getAttribute("data-within")) || 10000;
function goOn() { location.replace(button.href); }
/* Another site's page cannot be looked into: that one is not done. */
function isDone(frame) {
try { return frame.contentDocument.getElementById("done") !== null; } catch (e) { return false; }
}
frames.forEach(function (frame) {
var counted = false;
var waits;
function count() {
if (counted) { return; }
counted = true;
left -= 1;
if (!left) { goOn(); }
}
function look() {
clearTimeout(waits);
if (isDone(frame)) { count(); return; }
/* It has shown something, such as an error, and may lead on from there. */
waits = setTimeout(count, within * 0.3);
}
frame.addEventListener("load", look);
if (isDone(frame)) { count(); }
});
setTimeout(goOn, within);
})();
