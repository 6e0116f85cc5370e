"""Fetching pip's wheel: what the index offers, what pip's configuration says, and what is refused."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from package_index import PackageIndexError, allows, fetch_pip, newest_wheel, pip_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHEEL = b"the wheel"
HASH = hashlib.sha256(WHEEL).hexdigest()


class Index(BaseHTTPRequestHandler):
    """A package index with one page of links; `login` is what it asks for."""

    def __init__(self, *args: object, links: list[str], login: list[str]) -> None:
        self.links, self.login = links, login
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.login and self.headers["Authorization"] != self.login[0]:
            self.send_error(401, "Unauthorized")
        elif self.path == "/index/simple/pip/":
            self.answer("\n".join(self.links).encode())
        elif self.path.startswith("/index/files/pip-"):
            self.answer(WHEEL)
        else:
            self.send_error(404, "Not Found")

    def answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Tests are quiet."""


class Served:
    """A running index and how to fetch from it."""

    def __init__(self, home: Path) -> None:
        self.links: list[str] = []
        self.login: list[str] = []
        self.home = home
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, links=self.links, login=self.login))
        self.address = f"http://127.0.0.1:{self.server.server_port}/index/simple"

    def fetch(self, address: str = "") -> Path:
        environment = {"HOME": str(self.home), "PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": address or self.address}
        return fetch_pip(self.home, environment)

    def refusal(self, address: str = "") -> str:
        with pytest.raises(PackageIndexError) as raised:
            self.fetch(address)
        return str(raised.value).replace(str(self.server.server_port), "PORT")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


def test_the_newest_final_wheel_for_this_python_by_a_relative_link(index: Served) -> None:
    index.links += [
        f'<a href="../../files/pip-9.0-py3-none-any.whl#sha256={HASH}">9.0</a>',
        f'<a href="../../files/pip-24.10-py3-none-any.whl#sha256={HASH}" data-requires-python="&gt;=3.9">24.10</a>',
        f'<a href="../../files/pip-24.9-py3-none-any.whl#sha256={HASH}">24.9</a>',
        f'<a href="../../files/pip-25.0b1-py3-none-any.whl#sha256={HASH}">a beta</a>',
        f'<a href="../../files/pip-26.0-py3-none-any.whl#sha256={HASH}" data-requires-python="&gt;=3.99">later</a>',
        f'<a href="../../files/pip-27.0-py3-none-any.whl#sha256={HASH}" data-yanked="broken">withdrawn</a>',
        f'<a href="../../files/pip-28.0.tar.gz#sha256={HASH}">no wheel</a>',
    ]
    wheel = index.fetch()
    assert wheel.name == "pip-24.10-py3-none-any.whl"
    assert wheel.read_bytes() == WHEEL


def test_a_wheel_that_is_not_what_the_index_says_is_refused(index: Served) -> None:
    index.links.append(f'<a href="../../files/pip-24.0-py3-none-any.whl#sha256={"0" * 64}">24.0</a>')
    assert index.refusal() == (
        "http://127.0.0.1:PORT/index/files/pip-24.0-py3-none-any.whl is damaged: "
        f"its sha256 is {HASH}, the index says {'0' * 64}"
    )
    assert list(index.home.iterdir()) == []


@pytest.mark.parametrize("fragment", ["", "#md5=0123"])
def test_a_wheel_without_a_hash_worth_the_name_is_refused(index: Served, fragment: str) -> None:
    index.links.append(f'<a href="../../files/pip-24.0-py3-none-any.whl{fragment}">24.0</a>')
    assert index.refusal() == (
        "http://127.0.0.1:PORT/index/simple/pip/ gives no hash to check "
        "http://127.0.0.1:PORT/index/files/pip-24.0-py3-none-any.whl with"
    )


def test_user_and_password_go_along_and_are_never_shown(index: Served) -> None:
    index.links.append(f'<a href="../../files/pip-24.0-py3-none-any.whl#sha256={HASH}">24.0</a>')
    index.login.append("Basic bWU6cEBzcw==")  # me:p@ss
    assert index.fetch(index.address.replace("//", "//me:p%40ss@")).read_bytes() == WHEEL
    assert index.refusal(index.address.replace("//", "//me:wrong@")) == (
        "http://127.0.0.1:PORT/index/simple/pip/ answers 401 Unauthorized"
    )


def test_an_index_that_has_none_or_is_not_there(index: Served) -> None:
    assert index.refusal().startswith("http://127.0.0.1:PORT/index/simple/pip/ has no pip for Python 3.")
    assert index.refusal(index.address + "/x") == "http://127.0.0.1:PORT/index/simple/x/pip/ answers 404 Not Found"
    assert index.refusal("http://127.0.0.1:9/simple") == (
        "cannot reach http://127.0.0.1:9/simple/pip/: [Errno 111] Connection refused"
    )
    assert index.refusal("nonsense") == "nonsense/pip/ cannot be fetched: unknown url type: 'nonsense/pip/'"


def test_no_index_set(tmp_path: Path) -> None:
    with pytest.raises(PackageIndexError) as raised:
        fetch_pip(tmp_path, {"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"})
    assert str(raised.value) == "neither the environment (PIP_INDEX_URL) nor pip.conf names a package index"
    with pytest.raises(PackageIndexError) as raised:
        fetch_pip(tmp_path, {"PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": "http://a", "PIP_NO_INDEX": "1"})
    assert str(raised.value) == "pip is configured to use no package index (no-index)"


def test_settings_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    own, named = tmp_path / "pip/pip.conf", tmp_path / "named.conf"
    own.parent.mkdir()
    own.write_text("[global]\nindex_url = http://own\ntimeout = 7\n[install]\ncert = own.pem\n")
    named.write_text("[global]\nindex-url = http://named\ncert = named.pem\n")
    environment = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/nonexistent"}
    own_settings = pip_settings(environment)
    assert (own_settings["index-url"], own_settings["cert"], own_settings["timeout"]) == ("http://own", "own.pem", "7")
    environment["PIP_CONFIG_FILE"] = str(named)
    assert pip_settings(environment)["index-url"] == "http://named"
    assert pip_settings(environment)["cert"] == "own.pem"  # [install] is the stronger section, in whichever file
    environment["PIP_INDEX_URL"] = "http://environment"
    assert pip_settings(environment)["index-url"] == "http://environment"
    own.write_text("no section\n")
    with pytest.raises(PackageIndexError, match="not a configuration file as pip reads them"):
        pip_settings(environment)


@pytest.mark.parametrize(
    ("requirement", "allowed"),
    [
        ("", True),
        (">=3.9", True),
        (">=3.11.5", False),
        (">=3.12", False),
        (">= 3.6, <4, !=3.9.*", True),
        ("!=3.11.*", False),
        ("<3.11", False),
        ("~=3.11", False),
    ],
)
def test_python_requirements(requirement: str, allowed: bool) -> None:
    assert allows(requirement, (3, 11, 2)) is allowed


def test_no_wheel() -> None:
    assert newest_wheel([("http://a/pip-24.0.tar.gz", "")], (3, 11, 2)) is None
