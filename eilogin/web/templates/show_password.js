(function () {
/* Without this script the button does nothing, so it is hidden until now. */
var button = document.getElementById("show-password");
var field = document.getElementById("password");
function show(isShown) {
field.type = isShown ? "text" : "password";
button.setAttribute("aria-pressed", String(isShown));
}
button.addEventListener("click", function () { show(field.type === "password"); });
/* A browser offers to keep what is a password then, and lists no other text that was typed. */
field.form.addEventListener("submit", function () { show(false); });
/* Who comes back to the page does not find it shown. */
window.addEventListener("pagehide", function () { show(false); });
button.hidden = false;
})();
