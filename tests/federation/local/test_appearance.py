"""Logo, accent and footer, as options say them."""

import pytest
from pydantic import TypeAdapter

from eilogin.config import attempt
from eilogin.federation.local.appearance import FooterLinks
from eilogin.federation.local.local_options import OwnOptions

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><path d="M0 0h4"/></svg>'
)


@pytest.fixture
def tried(tmp_path):
    """Return the value of an option, and its faults."""

    def read(**values):
        file = str(tmp_path / "site.ini")
        url = {"public_url": "https://uwv.test"}
        options, faults = attempt(OwnOptions, file, "filter:x", url | values)
        return options, [str(f) for f in faults if f.option in values]

    return read


def faults_of(tried, **values):
    return tried(**values)[1]


class TestLogo:
    def test_is_read_from_the_folder_of_the_ini_file(self, tried, tmp_path):
        (tmp_path / "logo.svg").write_text(SVG)
        assert faults_of(tried, logo="logo.svg") == []
        (tmp_path / "logo.svg").write_text("<p>")
        place = f"{tmp_path}/site.ini: [filter:x] logo: found 'logo.svg'; expected an"
        [fault] = faults_of(tried, logo="logo.svg")
        assert fault.startswith(f"{place} SVG or PNG image of at most 32 KiB")

    def test_that_is_missing_is_told(self, tried):
        [fault] = faults_of(tried, logo="logo.svg")
        assert "found 'logo.svg'; expected an existing file" in fault


class TestFooter:
    @pytest.mark.parametrize(
        ("line", "link"),
        [
            ("privacy https://a.test/p?x=1", ("privacy", "https://a.test/p?x=1")),
            ("privacy   /privacy", ("privacy", "/privacy")),
            ("contact mailto:help@uwv.test", ("contact", "mailto:help@uwv.test")),
            ("https://a.test/#part Over  ons", ("Over ons", "https://a.test/#part")),
            ("/cookies <b>Cookies</b>", ("<b>Cookies</b>", "/cookies")),
            ("/é Café", ("Café", "/%C3%A9")),
            ("http://localhost:8080/ Demo", ("Demo", "http://localhost:8080/")),
        ],
    )
    def test_has_links(self, tried, line, link):
        assert faults_of(tried, footer=f"\n{line}\n") == []
        assert TypeAdapter(FooterLinks).validate_python(line) == (link,)

    @pytest.mark.parametrize(
        "line",
        [
            "privacy javascript:alert(1)",
            "javascript:alert(1) Privacy",
            "privacy JavaScript:alert(1)",
            "privacy data:text/html,<script>alert(1)</script>",
            "privacy //evil.test/",
            "privacy /\\evil.test/",
            "privacy http://uwv.test/",
            "privacy https://a.test/#<b>",
            "privacy https://user:secret@a.test/",
            "privacy mailto:a@b?body=x",
            "privacy https:a.test",
            "privacy ftp://a.test/",
            "contact",
            "https://a.test/",
            "/cookies x" + "y" * 60,
            "/cookies a\u202eb",
        ],
    )
    def test_refuses_other_lines(self, tried, line):
        [fault] = faults_of(tried, footer=f"contact https://a.test\n{line}")
        assert "] footer: expected " in fault
        assert "(line 2: " in fault

    def test_has_few_links(self, tried):
        [fault] = faults_of(tried, footer="contact /c\n" * 9)
        assert "expected at most 8 links" in fault
