"""Addresses on the web: made fit for a request, shown without what is secret in them, told apart across runs."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

PORTS = {"http": 80, "https": 443}
_HIDDEN = "***"
_HOST = re.compile(r"[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\]")
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]{0,5}))?")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?[]"
_LOCAL = ("/", "file:", "s3:", "pypi:")  # sources without a password or a query
_BEGIN = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:/*|/*)")
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>:;,.)]")
_NEXT_IN_LIST = re.compile(r"(?<=[,\s])(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_TELLING = 4  # characters: a shorter value occurs in any text

# Parameters that prove who asks, or until when, and say nothing about which file it is. Those beside a proof have names
# that others use for something else.
_PROOF = re.compile(
    r"(x-)?(amz|goog|oss|cos|obs)-.*|q-.*|awsaccesskeyid|googleaccessid|ossaccesskeyid|key-pair-id"
    r"|.*(token|secret|signature|credential)|.*(passw|passphrase|api[-_]?key|access[-_]?key).*"
    r"|pwd|pass|sig|sign|hmac|jwt|auth|auth[-_]?key|authorization|.*sess(ion)?[-_]?id|sid|hdne?[at]s?|__gda__|expire.*",
    re.IGNORECASE,
)
_BESIDE_PROOF = {"exp", "expiry", "timestamp", "ts", "nonce", "policy"}
_BESIDE_SIG = {"sv", "ss", "srt", "sp", "se", "st", "spr", "sip", "sr", "si", "sdd", "ses", "saoid", "suoid", "scid"}
_BESIDE_SIG |= {"skoid", "sktid", "skt", "ske", "sks", "skv"}


class AddressError(ValueError):
    """An address cannot be used; the text says why, and quotes nothing of it."""


@dataclass(frozen=True)
class Address:
    """An http or https address whose parts are fit for a request: ASCII, percent-encoded once."""

    scheme: str
    host: str  # of IPv6 in brackets
    port: int
    target: str  # path and query
    userinfo: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom a password is for."""
        return self.scheme, self.host, self.port

    @property
    def url(self) -> str:
        """Return what is requested, without the password."""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.target}"

    @property
    def authorization(self) -> str:
        """Return the value of the header for user and password."""
        user, _, password = self.userinfo.partition(":")
        return f"Basic {base64.b64encode(f'{unquote(user)}:{unquote(password)}'.encode()).decode()}"


def parse(text: str) -> Address:
    """Return the parts of an http or https address as people write it. Raises AddressError."""
    try:
        parts = urlsplit(text.strip())
        userinfo, _, place = parts.netloc.rpartition("@")
        userinfo.encode()
        match = _HOST_AND_PORT.fullmatch(place)
        port = int(match[2] or PORTS.get(parts.scheme, 0)) if match else 65536
        name = unquote(match[1]) if match else ""
        host = (name if name.startswith("[") else name.encode("idna").decode()).lower()
        target = _encoded(parts.path or "/", _PATH_SAFE) + (parts.query and f"?{_encoded(parts.query, _QUERY_SAFE)}")
    except ValueError:  # its text may quote the password
        raise AddressError("the address is malformed: percent-encode what is special in it") from None
    if parts.scheme not in PORTS:
        raise AddressError("the address does not begin with https:// or http://")
    if port > 65535:
        raise AddressError("the port of the address is no number (a `/`, `?` or `#` in a password is percent-encoded)")
    if not _HOST.fullmatch(host):
        raise AddressError("the address has no valid host name")
    return Address(parts.scheme, host, port, target, userinfo)


def _encoded(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe=safe, errors="surrogateescape")


def mask(source: str) -> str:
    """Return a source without what may be secret: user and password, and the values of a query."""
    if source.lstrip().startswith(_LOCAL):
        return source
    begin = _BEGIN.match(source)
    start = begin[0] if begin else ""
    rest, hash_mark, fragment = source[len(start) :].partition("#")
    rest, question_mark, query = rest.partition("?")
    place, slash, path = rest.partition("/")
    if "@" in place:
        place = f"{_HIDDEN}@{place.rpartition('@')[2]}"
    elif "@" in source and not _HOST_AND_PORT.fullmatch(place):  # a password that holds a `/`, `?` or `#`
        return f"{start}{_HIDDEN}@{mask(source.rpartition('@')[2])}"
    fragment = _without_values(fragment) if "=" in fragment else fragment
    return f"{start}{place}{slash}{path}{question_mark}{_without_values(query)}{hash_mark}{fragment}"


def _without_values(query: str) -> str:
    shown = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        shown.append(f"{name}={_HIDDEN}" if value.strip("=") else _HIDDEN)  # a bare token may end in `=`
    return "&".join(shown)


def masked(value: Any) -> Any:
    """Return options of a module without what may be secret in the addresses among them."""
    if isinstance(value, str):
        return "".join(mask(part) for part in _NEXT_IN_LIST.split(value))
    if isinstance(value, dict):
        return {key: masked(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(each) for each in value]
    return value


def scrub(text: str, source: str = "") -> str:
    """Return somebody else's message without the secrets of the addresses in it, and without those of `source`."""
    for secret in sorted(_secrets(source), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _IN_TEXT.sub(lambda match: mask(match[0]), text)


def scrubbed(value: Any) -> Any:
    """Return a value whose texts are without the secrets of the addresses in them."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: scrubbed(each) for key, each in value.items()}
    return [scrubbed(each) for each in value] if isinstance(value, (list, tuple)) else value


def _secrets(source: str) -> set[str]:
    try:
        parts = urlsplit(source)
    except ValueError:
        return {source}
    userinfo = parts.netloc.rpartition("@")[0]
    values = [part.partition("=")[2] for part in parts.query.split("&")]
    found = {userinfo, userinfo.partition(":")[2], parts.query, *values}
    return {secret for secret in found | {unquote(secret) for secret in found} if len(secret) >= _TELLING}


def is_proof(name: str) -> bool:
    """Return whether a parameter of a query proves who asks, or until when."""
    return _PROOF.fullmatch(name) is not None


def identity(source: str) -> str:
    """Return a digest by which a source is known again: also when it is signed anew, or gets another password."""
    if not source.startswith(_LOCAL):
        try:
            address = parse(source)
        except AddressError:
            source = mask(source)
        else:
            path, _, query = address.target.partition("?")
            parameters = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
            names = {name for name, _ in parameters}
            dropped = {name for name in names if is_proof(name)}
            dropped |= _BESIDE_PROOF if dropped else set()
            dropped |= _BESIDE_SIG if "sig" in names and names & {"se", "si"} else set()  # a signature of Azure
            kept = sorted(pair for pair in parameters if pair[0] not in dropped)
            source = repr((address.origin, path, kept))
    return hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()
