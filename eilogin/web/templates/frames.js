(function () {
var frames = [].slice.call(document.querySelectorAll("iframe"));
var left = frames.length;
function goOn() { location.replace(document.getElementById("go-on").href); }
/* Another site's page cannot be looked into: that one is not done. */
function isDone(frame) {
try { return frame.contentDocument.getElementById("done") !== null; } catch (e) { return false; }
}
frames.forEach(function (frame) {
var counted = false;
function look() {
if (counted || !isDone(frame)) { return; }
counted = true;
left -= 1;
if (!left) { goOn(); }
}
frame.addEventListener("load", look);
look();
});
setTimeout(goOn, 10000);
})();
