"""A suspect behind an OpenAI-compatible endpoint: POST /chat/completions, or /completions to read, one at a time.

Redirects are not followed, no more than ``MAX_BYTES`` of a response are read, and no error quotes it. Refusals for now
(429, 5xx, a broken connection) are asked again after the wait that the response names, or after a growing one.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from gauger.edge.formats.values import LineError, load
from gauger.edge.plans import ByEndpoint
from gauger.edge.suspects import LEAST_LOG_P, Answer, Predicted, Text
from gauger.edge.suspects.deadline import Deadline
from gauger.edge.suspects.pace import Pace, backoff_s, retry_after_s
from gauger.edge.suspects.placing import placed
from gauger.edge.suspects.prompts import Prompt
from gauger.errors import ConfigError, ExchangeError, UnsupportedError
from gauger.stats import FloatArray

MAX_BYTES = 4 << 20
ATTEMPTS = 6
LONGEST_WAIT_S = 600.0  # that an endpoint may ask for; whoever asks for more is asked another day
REFUSED = (400, 413, 422)
_LATER = (408, 409, 425, 429)
_PLAIN = re.compile(r"[\x21-\x7e]{1,4096}")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_BROKEN: tuple[tuple[type[OSError], str], ...] = (
    (socket.gaierror, "its name is not found"),
    (ConnectionRefusedError, "the connection is refused: nobody listens there"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "TLS fails"),
)


class Endpoint:
    """Asks in one place, at the plan's settings.

    Args:
        key: sent as a bearer token, "" for none. timeout_s: for one whole response, its head and waiting included.
        rng: spreads the waits. skip_refused: take ``REFUSED`` for an empty answer.

    Raises:
        ConfigError: an address that cannot be asked safely. UnsupportedError: no httpx.
    """

    def __init__(
        self,
        settings: ByEndpoint,
        *,
        key: str,
        pace: Pace,
        rng: np.random.Generator,
        timeout_s: float = 120.0,
        skip_refused: bool = False,
    ) -> None:
        check_address(settings.url, with_key=bool(key))
        try:
            import httpx  # noqa: PLC0415
        except ImportError:
            raise UnsupportedError("asking an endpoint needs httpx: pip install 'gauger[ask]'") from None
        self._settings, self._pace, self._rng = settings, pace, rng
        self._skip_refused, self._failure, self._late = skip_refused, httpx.HTTPError, httpx.TimeoutException
        self._deadline, self._broken = Deadline(timeout_s), ""
        self._answers = False  # whether it ever gave one: else a refusal is likelier to be of the form of the request
        headers = {"accept-encoding": "identity", **({"authorization": f"Bearer {key}"} if key else {})}
        self._client = httpx.Client(
            headers=headers, timeout=timeout_s, follow_redirects=False, trust_env=not _in_the_clear_here(settings.url)
        )

    def ask(self, prompt: Prompt, settings: ByEndpoint | None = None) -> Answer:
        """Its answer; ``settings`` of one request stand in for those that it was made with, but for the address.

        Raises:
            ExchangeError: none after all attempts, or a refusal that time will not heal.
        """
        data = self._answered("/chat/completions", _body(settings or self._settings, prompt))
        return Text("", "refused") if data is None else _said(data)

    def read(self, before: str, text: str, longest: int) -> Predicted:
        """How likely it finds each token of a text after another one: POST /completions that echoes its prompt.

        Args:
            longest: how many tokens count, of both.

        Returns:
            one candidate at each place: its id is the character of the text at which a token begins, its weight the
            token's log-probability in nats; the last are the character before which reading ended, and 0. No places if
            it was refused.

        Raises:
            ExchangeError: as ``ask``, or an endpoint that tells none.
        """
        body = _given(self._settings, prompt=before + text, max_tokens=0, echo=True, logprobs=1)
        data = self._answered("/completions", body)
        if data is None:
            return Predicted.of(np.empty((0, 1), np.uint32), np.empty((0, 1)))
        places, log_p = _log_probabilities(data, before + text, len(before), longest)
        return Predicted.of(places[:, None], log_p[:, None])

    def _answered(self, path: str, body: dict[str, Any]) -> bytes | None:
        """What came of a 200; None where a refusal is to count as an empty answer."""
        if os.environ.get("GAUGER_OFFLINE"):
            raise ExchangeError("an answer is missing, and GAUGER_OFFLINE is set: nothing is asked")
        for attempt in range(ATTEMPTS):
            self._pace.turn()
            status, headers, data = self._post(path, body)
            if status == 200:
                self._answers = True
                return data
            if status in REFUSED and self._skip_refused:
                return None
            if status and status < 500 and status not in _LATER:
                raise ExchangeError(_refusal(status, answers=self._answers))
            if attempt + 1 < ATTEMPTS:
                self._wait(attempt, headers)
        said = f"status {status}" if status else self._broken
        raise ExchangeError(f"the endpoint gave no answer in {ATTEMPTS} attempts ({said}): go on later", retry=True)

    def _wait(self, attempt: int, headers: Mapping[str, str]) -> None:
        asked = retry_after_s(headers)
        if asked is not None and asked > LONGEST_WAIT_S:
            raise ExchangeError(f"the endpoint asks to wait for {asked:,.0f} s: go on after that", retry=True)
        self._pace.sleep(backoff_s(attempt, self._rng) if asked is None else asked)

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """Status (0: the exchange failed, and ``_broken`` says how), headers, and what came of a 200."""
        url, self._broken = self._settings.url.rstrip("/") + path, "no whole response in time"
        try:
            with (
                self._deadline.kept() as watched,
                self._client.stream("POST", url, json=body, extensions=watched) as response,
            ):
                if response.status_code != 200:
                    return response.status_code, response.headers, b""
                _check_plain(response.headers)
                data = bytearray()
                for piece in response.iter_raw():
                    data += piece
                    if len(data) > MAX_BYTES:
                        raise ExchangeError(f"the endpoint's response has more than {MAX_BYTES >> 20} MiB")
            # A body without a length ends where the connection does, and so it would where we cut it.
            return (0, {}, b"") if self._deadline.over else (200, response.headers, bytes(data))
        except self._failure as fault:
            late = self._deadline.over or isinstance(fault, self._late)
            self._broken = "no whole response in time" if late else _how(fault)
            return 0, {}, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()


def _how(fault: BaseException) -> str:
    """How an exchange failed, in words of ours: a message of the package may quote what was sent."""
    link: BaseException | None = fault
    while link is not None:
        for kind, said in _BROKEN:
            if isinstance(link, kind):
                return said
        link = link.__cause__ or link.__context__
    return "no whole response"


def key_from_env(name: str) -> str:
    """An endpoint's key from an environment variable.

    Raises:
        ConfigError: it is not set, or is none that a header can carry.
    """
    # The name is not repeated in a message: it may be the key itself, put in the wrong place.
    key = os.environ.get(name, "")
    if not _PLAIN.fullmatch(key):
        raise ConfigError(
            "the environment variable of the endpoint's key is not set, or holds blanks or more than ASCII"
        )
    return key


def check_address(url: str, *, with_key: bool = False) -> None:
    """Refuse an address that is none, or that would give a secret away.

    Raises:
        ConfigError: not http or https, a user or query in it, or a key over http to another machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    plain = re.fullmatch(r"[\w.:-]+", host or "") and _PLAIN.fullmatch(url)
    if parts.scheme not in ("http", "https") or not plain or not _known_to_httpx(url):
        raise ConfigError("the endpoint's address must be like https://host/v1")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigError("the endpoint's address stands in the plan: leave users, keys and queries out of it")
    if with_key and parts.scheme == "http" and host not in _LOCAL:
        raise ConfigError("a key would go over the net in the clear: use an address with https")


def _known_to_httpx(url: str) -> bool:
    """Whether its host can be looked up: no wrong punycode, label or number in it. Without httpx nobody asks."""
    try:
        import httpx  # noqa: PLC0415
    except ImportError:
        return True
    try:
        found = httpx.URL(url)
        return bool(found.host and found.raw_host.decode().encode("idna"))
    except (httpx.InvalidURL, ValueError):  # of which Unicode's and IDNA's errors are
        return False


def _in_the_clear_here(url: str) -> bool:
    """To this machine without encryption: a proxy of the environment would be handed the key."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in _LOCAL


def _body(settings: ByEndpoint, prompt: Prompt) -> dict[str, Any]:
    messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
    return _given(settings, messages=messages, max_tokens=settings.max_tokens)


def _given(settings: ByEndpoint, **own: Any) -> dict[str, Any]:
    """A request's fields: the plan's further ones come last, and a null leaves one out."""
    body = {
        "model": settings.model,
        **own,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "stream": False,
        **settings.more,
    }
    return {name: value for name, value in body.items() if value is not None}


def _check_plain(headers: Mapping[str, str]) -> None:
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise ExchangeError("the endpoint compressed its response, though it was asked not to")


def _said(data: bytes) -> Text:
    """The text of a response; a null, as a model that declines may give, is empty."""
    try:
        (choice, *_) = load(data)["choices"]
        message, reason = choice["message"], choice.get("finish_reason")
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(part["text"] for part in content if part.get("type") == "text")
        if content is None or isinstance(content, str):
            refused = reason == "content_filter" or message.get("refusal")
            return Text(content or "", "refused" if refused else "length" if reason == "length" else "")
    except (LineError, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise ExchangeError("the endpoint's response is no chat completion: check the address")


def _log_probabilities(data: bytes, text: str, begin: int, longest: int) -> tuple[NDArray[np.uint32], FloatArray]:
    """Of the tokens of what was echoed that begin from ``begin`` on: at which character from there, and log p.

    The last are the character before which reading ended, and 0.
    """
    try:
        (choice, *_) = load(data)["choices"]
        told = choice["logprobs"]
        values = [None if value is None else float(value) for value in told["token_logprobs"]]
        places, ended = placed([str(token) for token in told["tokens"]], text)
        beyond = next((at for at in places[longest:] if at is not None), ended)
        read = [*zip(places, values, strict=True)][:longest]
        whole = all(value is not None for at, value in read[1:] if at is not None)  # of the first nobody knows any
        found = [(at, value) for at, value in read if at is not None and value is not None and at >= begin]
        where, log_p = np.array([*found, (max(beyond, begin), 0.0)]).T
        if whole and (log_p <= 1e-3).all():
            if not found and len(places) <= longest:
                raise ExchangeError("the endpoint's tokens are not found in the text that it was given: ask for text")
            return (where - begin).astype(np.uint32), np.maximum(log_p, LEAST_LOG_P)
    except (LineError, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise ExchangeError(
        "the endpoint tells no log-probabilities of what it is given (echo with logprobs): ask for text"
    )


def _refusal(status: int, *, answers: bool) -> str:
    means = {401: "the key is wrong or missing", 403: "the key may not do this", 404: "no such address or model"}
    redirect = "it points elsewhere, which is not followed: give the address itself" if 300 <= status < 400 else ""
    form = "it may not know a field: see what it takes, and leave one out by --request '{\"top_p\": null}'"
    hint = ("--skip-refused takes it for an empty answer" if answers else form) if status in REFUSED else ""
    return f"the endpoint refused with status {status}: {means.get(status) or redirect or hint or 'see its manual'}"
