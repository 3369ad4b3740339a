"""The library: a Flask application whose readers Flask-Login keeps.

At ``/login`` the web server says in REMOTE_USER who the reader is. From then on she is
known by the session, and by a cookie that remembers her for a year.
"""

from flask import (
    Flask,
    abort,
    flash,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
)
from flask_login import (
    LoginManager,
    UserMixin,
    login_required,
    login_user,
    logout_user,
)

PAGE = """<!doctype html>
<html lang="en"><head><title>{{ title }}</title></head>
<body><nav><a href="/">Start</a> <a href="/books">My books</a>
{% if current_user.is_authenticated %}<a href="/logout">Log out</a>{% endif %}</nav>
<h1>{{ title }}</h1>
{% if current_user.is_authenticated %}<p>You are logged in as {{ current_user.id }}.</p>
{% else %}<p>You are not logged in.</p>{% endif %}
{% for told in get_flashed_messages() %}<p role="status">{{ told }}</p>{% endfor %}
<ul>{% for book in session.books %}<li>{{ book }}</li>{% endfor %}</ul>
{% if has_form %}<form method="post">
<label>Which book? <textarea name="text"></textarea></label>
<button>Keep</button></form>{% endif %}
</body></html>"""

app = Flask(__name__)
app.secret_key = "of-no-use-to-anybody-outside-of-the-tests"
login_manager = LoginManager(app)
login_manager.login_view = "login"


class Reader(UserMixin):
    """Who borrows books; the library takes whom the web server names."""

    def __init__(self, name):
        self.id = name


@login_manager.user_loader
def load_reader(name):
    return Reader(name)


@app.get("/")
def start():
    return render_template_string(PAGE, title="The library")


@app.get("/login")
def login():
    login_user(Reader(request.remote_user or abort(401)), remember=True)
    wanted = request.args.get("next", "")
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return redirect(wanted if is_own else url_for("books"))


@app.route("/books", methods=["GET", "POST"])
@login_required
def books():
    if request.method == "POST":
        session["books"] = [*session.get("books", []), request.form["text"]]
        flash("We keep it for you.")
        return redirect(url_for("books"), 303)
    return render_template_string(PAGE, title="My books", has_form=True)


@app.get("/logout")
def logout():
    logout_user()
    session.pop("books", None)
    return redirect(url_for("start"))
