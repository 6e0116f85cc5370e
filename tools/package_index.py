"""Fetch pip's wheel from the user's package index, its hash checked, with the standard library alone.

Reads what pip reads, as far as this one download needs it: index-url, no-index, cert and timeout, from the environment
and pip's configuration files; user and password in the index's URL; proxies from the environment.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

WHEEL = re.compile(r"pip-([0-9]+(?:\.[0-9]+)*)-py3-none-any\.whl")
REQUIREMENT = re.compile(r"(>=|<|!=)([0-9]+(?:\.[0-9]+)*)(\.\*)?")


class PackageIndexError(Exception):
    """The package index cannot be reached, or does not hold what is needed. The text says which and where."""


def configuration_files(environment: Mapping[str, str]) -> list[Path]:
    """The configuration files of pip, the weakest first."""
    named = environment.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = Path(environment.get("HOME") or "/")
    own = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    shared = environment.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    files = [Path(directory) / "pip/pip.conf" for directory in reversed(shared.split(os.pathsep))]
    files += [Path("/etc/pip.conf"), home / ".pip/pip.conf", own / "pip/pip.conf"]
    return [*files, Path(named)] if named else files


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What pip would go by: the environment, else `[install]` and `[global]` of its configuration files."""
    parser = configparser.RawConfigParser()
    for file in configuration_files(environment):
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise PackageIndexError(f"{file}: not a configuration file as pip reads them: {error}") from None
    settings: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            settings.update((name.replace("_", "-"), value) for name, value in parser.items(section))
    for name, value in environment.items():
        if name.startswith("PIP_") and value:
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return settings


class Links(HTMLParser):
    """The links of an index page: (address, its Python requirement), without those that were withdrawn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in one tag."""
        attributes = dict(attrs)
        if tag == "base" and attributes.get("href"):
            self.page = urljoin(self.page, attributes["href"] or "")
        if tag == "a" and attributes.get("href") and "data-yanked" not in attributes:
            address = urljoin(self.page, attributes["href"] or "")
            self.found.append((address, attributes.get("data-requires-python") or ""))


def numbers(version: str) -> tuple[int, ...]:
    """`3.10` as (3, 10)."""
    return tuple(map(int, version.split(".")))


def allows(requirement: str, version: tuple[int, ...]) -> bool:
    """Whether a Python requirement such as `>=3.9,!=3.9.0` lets `version` in; one that is not understood does not."""
    for part in filter(None, requirement.replace(" ", "").split(",")):
        match = REQUIREMENT.fullmatch(part)
        if match is None:
            return False
        bound = numbers(match[2])
        excluded = version[: len(bound)] == bound
        if not {">=": version >= bound, "<": version < bound, "!=": not excluded}[match[1]]:
            return False
    return True


def newest_wheel(links: list[tuple[str, str]], python: tuple[int, ...]) -> str | None:
    """The address of the newest final release of pip that runs on this Python."""
    wheels = []
    for address, requirement in links:
        match = WHEEL.fullmatch(unquote(urlsplit(address).path.rpartition("/")[2]))
        if match and allows(requirement, python):
            wheels.append((numbers(match[1]), address))
    return max(wheels)[1] if wheels else None


def shown(address: str) -> str:
    """An address without user, password and fragment."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def download(address: str, settings: Mapping[str, str]) -> tuple[str, bytes]:
    """The content at an address, and the address it came from in the end."""
    parts = urlsplit(address)
    try:
        request = urllib.request.Request(shown(address))
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
        context = ssl.create_default_context(cafile=settings.get("cert"))
        timeout = float(settings.get("default-timeout") or settings.get("timeout") or 60)
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            return answer.url, answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        raise PackageIndexError(f"{shown(address)} answers {error.code} {error.reason}") from None
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        hint = ""
        if isinstance(reason, ssl.SSLCertVerificationError):
            hint = " (no certificate authorities on this machine? Debian, Ubuntu: apt install ca-certificates)"
        raise PackageIndexError(f"cannot reach {shown(address)}: {reason}{hint}") from None
    except ValueError as error:
        raise PackageIndexError(f"{shown(address)} cannot be fetched: {error}") from None


def fetch_pip(directory: Path, environment: Mapping[str, str]) -> Path:
    """Put the wheel of the newest pip that runs on this Python into `directory`; PackageIndexError where it cannot."""
    settings = pip_settings(environment)
    if settings.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        raise PackageIndexError("pip is configured to use no package index (no-index)")
    index = settings.get("index-url", "")
    if not index:
        raise PackageIndexError("neither the environment (PIP_INDEX_URL) nor pip.conf names a package index")
    page = f"{index.rstrip('/')}/pip/" + ("index.html" if index.startswith("file:") else "")
    address, content = download(page, settings)
    if urlsplit(address).netloc == urlsplit(shown(page)).netloc:
        address = urlunsplit(urlsplit(address)._replace(netloc=urlsplit(page).netloc))
    links = Links(address)
    links.feed(content.decode("utf-8", "replace"))
    wheel = newest_wheel(links.found, sys.version_info[:3])
    if wheel is None:
        raise PackageIndexError(f"{shown(page)} has no pip for Python {sys.version_info[0]}.{sys.version_info[1]}")
    algorithm, _, expected = urlsplit(wheel).fragment.partition("=")
    if algorithm not in {"sha256", "sha384", "sha512"}:
        raise PackageIndexError(f"{shown(page)} gives no hash to check {shown(wheel)} with")
    data = download(wheel, settings)[1]
    actual = hashlib.new(algorithm, data).hexdigest()
    if actual != expected:
        raise PackageIndexError(f"{shown(wheel)} is damaged: its {algorithm} is {actual}, the index says {expected}")
    file = directory / urlsplit(wheel).path.rpartition("/")[2]
    file.write_bytes(data)
    return file
