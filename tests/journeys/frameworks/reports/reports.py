"""Report what is broken in the street: a Flask application.

It stands behind a web server that says in REMOTE_USER who the visitor is. A session
cookie of its own keeps the token of its forms and what it has to say once.
"""

import secrets
from dataclasses import dataclass

from flask import (
    Flask,
    abort,
    current_app,
    flash,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
)

PAGE = """<!doctype html>
<html lang="en"><head><title>{{ title }}</title>
<link rel="stylesheet" href="{{ url_for('static', filename='style.css') }}"></head>
<body><nav><a href="/">Start</a> <a href="/reports">My reports</a>
<a href="/reports/danger">Report a danger</a>
{% if request.remote_user %}<a href="{{ config.LOGOUT_URL }}">Log out</a>{% endif %}
</nav>
<h1>{{ title }}</h1>
{% if request.remote_user %}<p>You are logged in as {{ request.remote_user }}.</p>
{% else %}<p>You are not logged in.</p>{% endif %}
{% for told in get_flashed_messages() %}<p role="status">{{ told }}</p>{% endfor %}
<ul>{% for report in reports %}<li>{{ report.text }}</li>{% endfor %}</ul>
{% if form %}<form method="post"><input type="hidden" name="token" value="{{ form }}">
<label>What is broken? <textarea name="text"></textarea></label>
<button>Send</button></form>{% endif %}
</body></html>"""


@dataclass(frozen=True)
class Report:
    """What somebody reported."""

    author: str
    text: str


def create_app(logout_url="/logout", secret_key=""):
    """Make the application; ``logout_url`` is where its link to log out leads."""
    app = Flask(__name__)
    app.config["LOGOUT_URL"] = logout_url
    app.secret_key = secret_key or secrets.token_bytes()
    app.extensions["reports"] = []
    app.add_url_rule("/", view_func=start)
    app.add_url_rule("/reports", view_func=own_reports, methods=["GET", "POST"])
    app.add_url_rule("/reports/danger", view_func=danger, methods=["GET", "POST"])
    return app


def start():
    return render_template_string(PAGE, title="Broken in the street?")


def own_reports():
    return page_with_form("My reports")


def danger():
    return page_with_form("Report a danger")


def page_with_form(title):
    """The visitor's reports, and the form for a new one."""
    author = request.remote_user or abort(401)
    reports = current_app.extensions["reports"]
    if request.method == "POST":
        require_token()
        reports.append(Report(author, request.form["text"]))
        flash("Thank you for your report.")
        return redirect(url_for("own_reports"), 303)
    own = [report for report in reports if report.author == author]
    return render_template_string(PAGE, title=title, reports=own, form=form_token())


def form_token():
    return session.setdefault("token", secrets.token_urlsafe())


def require_token():
    sent = request.form.get("token", "")
    if not secrets.compare_digest(sent, session.get("token", "")) or not sent:
        abort(400)
