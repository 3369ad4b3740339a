"""An application that says who it sees, and nothing else."""


def show_visitor(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    login = environ.get("eilogin.session")
    lines = [f"<p>user=[{environ.get('REMOTE_USER', '')}]</p>"]
    if login is not None:
        lines.append(f"<p>level=[{login.level}]</p>")
        lines.append(f"<p>until=[{login.until.isoformat()}]</p>")
        lines += (
            f"<p>{name}={values}</p>" for name, values in login.attributes.items()
        )
    lines.append('<a href="/eilogin/logout">Uitloggen</a>')
    return ["".join(lines).encode()]
