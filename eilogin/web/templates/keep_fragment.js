// A browser sends the part of an address after "#" to no server. A form or a link drops
// it, so this script puts it behind their addresses: then it is there after the login.
(function () {
var fragment = location.hash;
if (!fragment) return;
document.querySelectorAll("form[method=post]").forEach(function (form) {
form.setAttribute("action", form.getAttribute("action") + fragment);
});
document.querySelectorAll("a[data-login], .languages a").forEach(function (link) {
link.hash = fragment;
});
})();
