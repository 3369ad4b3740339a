// The part of the address after "#" goes along as after a redirect; no server gets it.
document.forms[0].setAttribute(
"action", document.forms[0].getAttribute("action") + location.hash
);
document.forms[0].submit();
