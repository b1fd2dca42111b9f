"""Keys: known answers from another implementation, separation of contexts, epochs, and secrets that stay inside."""

from __future__ import annotations

import copy
import json
import pickle  # noqa: TID251
import pprint
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from gauger.errors import ConfigError
from gauger.model import canonical_json
from gauger.watermark.keys import FLEET, MAX_FIELD_BYTES, Key, KeyContext, check_epoch, derive, epochs

MASTER = bytes(range(32))
FIELDS = {
    "tenant": "lab",
    "party": "account:7",
    "epoch": "2026-01-15/P28D",
    "model": "teal-large",
    "tokenizer": "teal-bpe-128k",
    "scheme": "gumbel",
}
CONTEXT = KeyContext(**FIELDS)
KEY = derive(MASTER, CONTEXT)


def test_known_answer() -> None:
    """Made with `openssl dgst -sha256 -mac HMAC` over the message and `openssl dgst -sha256` over the opening."""
    assert KEY.secret.hex() == "630427b7785f70ecbf89ee9603d3429ec0c4e5b826b74934411fae7b548c3e28"
    assert KEY.id == "sha256:93b2bfeffe4f3895200a3737d0220e1a031c5879968438c455c0cb83642ffc48"


def test_message_is_each_field_with_its_length() -> None:
    context = KeyContext(**{**FIELDS, "tenant": "läb"})
    assert context.message().startswith(b"\0\0\0\4l\xc3\xa4b\0\0\0\x09account:7")


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_separates_keys(name: str) -> None:
    other = derive(MASTER, KeyContext(**{**FIELDS, name: FIELDS[name] + "x"}))
    assert other.secret != KEY.secret
    assert other.id != KEY.id


def test_what_moves_over_a_border_separates_keys() -> None:
    moved = {**FIELDS, "tenant": "laba", "party": "ccount:7"}
    assert "".join(moved.values()) == "".join(FIELDS.values())
    assert derive(MASTER, KeyContext(**moved)).secret != KEY.secret


def test_the_id_binds_context_and_secret() -> None:
    assert Key(CONTEXT, KEY.secret) == KEY
    assert Key(CONTEXT, bytes(32)) != KEY
    fleet = Key(KeyContext(**{**FIELDS, "party": FLEET}), KEY.secret)
    assert len({fleet, KEY, Key(CONTEXT, KEY.secret)}) == 2
    assert KEY.id != KEY


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ["", " \n", None, 7, b"lab", "\ud800", "é" * (MAX_FIELD_BYTES // 2 + 1)])
def test_bad_fields_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"`{name}`"):
        KeyContext(**{**FIELDS, name: value})


def test_a_field_may_have_the_most_bytes() -> None:
    assert derive(MASTER, KeyContext(**{**FIELDS, "party": "é" * (MAX_FIELD_BYTES // 2)})).secret != KEY.secret


@pytest.mark.parametrize(
    ("epoch", "says"),
    [
        ("2026-01-01/P28D", "none that a server serves in: .* 28 days begin 1970-01-01, .* lies in 2025-12-18/P28D$"),
        ("2026-01-05/P364D", "lies in 2025-10-23/P364D$"),
        ("2026-01-16/P28D", "lies in 2026-01-15/P28D$"),
        ("2026-01-15/P028D", "lies in 2026-01-15/P28D$"),
        ("2026-02-30/P28D", "epoch 2026-02-30/P28D begins on a day that no calendar has$"),
        ("0000-01-01/P1D", "no calendar"),
        ("1969-12-31/P1D", "begins before 1970-01-01"),
        ("2026-01-01/P0D", "epoch 2026-01-01/P0D has no period that keys serve for: 1 to 3,650 days$"),
        ("2026-01-01/P3651D", "1 to 3,650 days$"),
        ("2026-01-01/P" + "9" * 1000 + "D", "1 to 3,650 days$"),
    ],
)
def test_an_epoch_that_only_looks_like_one_is_refused(epoch: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        check_epoch(epoch)
    assert len(str(caught.value)) < 200
    assert KeyContext(**{**FIELDS, "epoch": epoch[:40]}).epoch  # what was recorded stays readable


@pytest.mark.parametrize("days", [1, 7, 28, 30, 364, 3650])
def test_an_epoch_is_one_of_the_names(days: int) -> None:
    """Of all days of some years, those that an epoch begins on."""
    every = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=k) for k in range(1100)]
    names = [f"{day:%Y-%m-%d}/P{days}D" for day in every]
    served = set(epochs(every[0], every[-1], period_days=days))
    assert served & set(names) == {name for name in names if allowed(name)}


def allowed(epoch: str) -> bool:
    try:
        check_epoch(epoch)
    except ConfigError:
        return False
    return True


def test_other_names_of_epochs_are_free() -> None:
    for epoch in ("2026", "2026-01", "2026-01-01", "2026-W01/P4W", "2026-01-01/P1M", "2026-01-01/P28D-b", "never"):
        assert allowed(epoch)


@pytest.mark.parametrize("bad", [b"", bytes(31), bytes(33), bytearray(32), "x" * 32, None])
def test_masters_and_secrets_are_32_bytes(bad: Any) -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        derive(bad, CONTEXT)
    with pytest.raises(ConfigError, match="32 bytes"):
        Key(CONTEXT, bad)


def test_a_key_cannot_be_changed() -> None:
    for name in ("context", "id", "_secret", "other"):
        with pytest.raises(AttributeError):
            setattr(KEY, name, b"")
    assert derive(MASTER, CONTEXT) == KEY


def leaks(text: str | bytes) -> bool:
    """Whether a text holds the secret, in any spelling."""
    data = text if isinstance(text, bytes) else text.encode()
    secret = KEY.secret
    spellings = (secret, secret.hex().encode(), repr(secret).encode(), msgspec.json.encode(secret).strip(b'"'))
    return any(s in data for s in spellings)


def test_leaks_sees_leaks() -> None:
    assert all(leaks(x) for x in (repr(KEY.secret), KEY.secret.hex(), msgspec.json.encode([KEY.secret]), KEY.secret))


@pytest.mark.parametrize(
    "show", [repr, str, format, "{0!r} {0!s} {0}".format, lambda k: f"{k:}", lambda k: pprint.pformat([k, {"k": k}])]
)
def test_no_text_form_holds_the_secret(show: Callable[[Key], str]) -> None:
    assert KEY.id in show(KEY)
    assert not leaks(show(KEY))


@pytest.mark.parametrize(
    "serialise",
    [
        *(lambda k, p=p: pickle.dumps(k, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)),
        lambda k: pickle.dumps({"keys": [k]}),
        copy.copy,
        copy.deepcopy,
        json.dumps,
        canonical_json,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        vars,
        lambda k: k.__getstate__(),
    ],
)
def test_no_serial_form(serialise: Callable[[Key], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        serialise(KEY)
    assert not leaks("".join(traceback.format_exception(caught.value)))


def test_errors_do_not_hold_what_was_given() -> None:
    for make in (lambda: Key(CONTEXT, KEY.secret + b"x"), lambda: derive(KEY.secret[:31], CONTEXT)):
        with pytest.raises(ConfigError) as caught:
            make()
        assert KEY.secret[:31].hex() not in str(caught.value)
        assert repr(KEY.secret)[2:20] not in str(caught.value)


def test_epochs_tile_utc() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    (name,) = epochs(start, start, period_days=28)
    first = datetime.fromisoformat(name[:10]).replace(tzinfo=UTC)
    assert first <= start < first + timedelta(days=28)
    assert name.endswith("/P28D")
    last = first + timedelta(days=28, microseconds=-1)
    assert epochs(first, last, period_days=28) == (name,)
    assert epochs(first, last + timedelta(microseconds=1), period_days=28) == (
        name,
        f"{first + timedelta(days=28):%Y-%m-%d}/P28D",
    )
    assert epochs(start, start, period_days=365) != (name,)


def test_epochs_by_hand() -> None:
    """1970-01-01 is day 0; 2026-01-01 is day 20,454 = 2,922 times 7."""
    day = datetime(2026, 1, 5, 23, 59, tzinfo=UTC)
    assert epochs(day, day, period_days=7) == ("2026-01-01/P7D",)
    assert epochs(day, day, period_days=1) == ("2026-01-05/P1D",)


def test_an_epoch_does_not_depend_on_the_zone_it_is_told_in() -> None:
    utc = datetime(2026, 1, 7, 22, 30, tzinfo=UTC)
    there = utc.astimezone(timezone(timedelta(hours=9)))
    assert there.day == 8
    assert epochs(there, there, period_days=7) == epochs(utc, utc, period_days=7) == ("2026-01-01/P7D",)


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (datetime(2026, 1, 1), datetime(2026, 1, 1), 7),  # noqa: DTZ001
        (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 7),
        (datetime(1969, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 7),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 0),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), 3651),
    ],
)
def test_bad_epochs_are_refused(first: datetime, last: datetime, days: int) -> None:
    with pytest.raises(ConfigError):
        epochs(first, last, period_days=days)
