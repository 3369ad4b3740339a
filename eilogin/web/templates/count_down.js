(function () {
var line = document.getElementById("count-down");
var shown = line.querySelector("[role=timer]");
var end = Date.now() + 1000 * shown.getAttribute("data-seconds");
function show() {
var left = Math.max(0, Math.round((end - Date.now()) / 1000));
shown.textContent = Math.ceil(left / 60);
}
show();
line.hidden = false;
setInterval(show, 1000);
})();
