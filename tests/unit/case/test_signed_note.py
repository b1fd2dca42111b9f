"""Notes, keys and checkpoints have one spelling, which is C2SP's."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gauger.case.checkpoint import Checkpoint, next_checkpoint, parse_checkpoint
from gauger.case.signed_note import LOG, Note, Signature, VerifierKey, parse_key, parse_note
from gauger.errors import ConfigError, InputError, UnsupportedError
from tests.unit.case.signers import LOG_KEY, NOW, ORIGIN, W1, grown, note


def test_the_form_is_c2sps() -> None:
    log = grown(3)
    text = note(log, W1)
    body, _, lines = text.partition("\n\n")
    assert body == f"{ORIGIN}\n3\n{base64.b64encode(log.root()).decode()}"
    first, second, end = lines.split("\n")
    assert end == ""
    public = LOG_KEY.public.public
    number = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + public).digest()[:4]
    raw = base64.b64decode(first.removeprefix(f"— {ORIGIN} "))
    assert raw == number + LOG_KEY.sign(f"{body}\n".encode())
    number = hashlib.sha256(b"witness.example/w1\n\x04" + W1.public.public).digest()[:4]
    raw = base64.b64decode(second.removeprefix("— witness.example/w1 "))
    said = W1.sign(f"cosignature/v1\ntime {NOW}\n{body}\n".encode())
    assert raw == number + NOW.to_bytes(8, "big") + said


def test_a_note_of_gos_holds() -> None:
    """Key and note of the documentation of Go's sumdb/note."""
    key = parse_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    found = parse_note(text)
    assert str(found) == text
    assert [(s.name, s.id) for s in found.signatures] == [(key.name, key.id)]
    key.verify(found.signatures[0].value, found.text.encode())


def test_c2sps_examples_are_read() -> None:
    """The examples of signed-note and tlog-cosignature."""
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+"
        "zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nN"
        "o0xUe+mbIUBkBIfZ+qnA==\n"
    )
    found = parse_note(text)
    assert str(found) == text
    assert parse_checkpoint(found.text).size == 20852163
    assert int.from_bytes(found.signatures[1].value[:8]) == 1679315147
    assert parse_note("a\n\nb:\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJ\n").text == "a\n\nb:\n"


NAMES = st.text(st.characters(exclude_characters="+", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1)
LINES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
POINTS = st.builds(
    Checkpoint,
    origin=LINES,
    size=st.integers(1, 2**63 - 1),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(LINES, max_size=3).map(tuple),
)


@given(POINTS, st.lists(st.tuples(NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1)), min_size=1))
def test_what_is_written_is_read_back(point: Checkpoint, lines: list[tuple[str, bytes, bytes]]) -> None:
    assert parse_checkpoint(str(point)) == point
    made = Note(text=str(point), signatures=tuple(Signature(name=n, id=i, value=v) for n, i, v in lines))
    if len({(n, i) for n, i, _ in lines}) == len(lines):
        assert parse_note(str(made)) == made
    else:
        with pytest.raises(InputError, match="twice by one key"):
            parse_note(str(made))


@given(st.data())
def test_whatever_is_read_is_written_back(data: st.DataObject) -> None:
    """Splices of notes and of junk: refused, or reproduced byte for byte."""
    parts = [
        note(grown(3), W1),
        ORIGIN,
        "\n",
        "\n\n",
        "3",
        "03",
        "— ",
        "=",
        "A",
        "\r\n",
        "\t",
        "+",
        str(W1.public),
        "\ud800",
    ]
    text = "".join(data.draw(st.lists(st.sampled_from(parts) | st.text(max_size=3), max_size=6)))
    for parse in (parse_note, parse_checkpoint, parse_key):
        try:
            found = parse(text)
        except (InputError, UnsupportedError):
            continue
        assert str(found) == text


@pytest.mark.parametrize(
    "change",
    [
        ("\n3\n", "\n03\n"),
        ("\n3\n", "\n+3\n"),
        ("\n3\n", "\n3 \n"),
        ("\n3\n", "\n٣\n"),
        ("\n3\n", "\n-3\n"),
        ("\n3\n", "\n0\n"),
        ("\n3\n", f"\n{2**63}\n"),
        ("\n3\n", f"\n{'9' * 5000}\n"),
        ("\n3\n", "\n"),
        ("=\n\n", "\n\n"),
        ("=\n\n", "==\n\n"),
        ("=\n\n", "=\n\n\n"),
        ("=\n\n", "=\n"),
        ("—", "-"),
        ("—", "–"),
        ("— ", "—  "),
        ("— ", "—\u00a0"),
        ("\n", "\r\n"),
        (ORIGIN, ""),
        (ORIGIN, ORIGIN + "\t"),
        (ORIGIN, ORIGIN + "\ud800"),
        (ORIGIN, "x" * (1 << 20)),
    ],
)
def test_other_spellings_are_refused(change: tuple[str, str]) -> None:
    text = note(grown(3), W1)
    assert change[0] in text
    with pytest.raises(InputError):
        parse_checkpoint(parse_note(text.replace(*change)).text)


def test_a_note_is_text_and_signatures() -> None:
    text = note(grown(3), W1)
    body, line = text.split("\n\n")[0], text.split("\n")[-2] + "\n"
    assert str(parse_note(f"any\n\n{line}")) == f"any\n\n{line}"
    for wrong in ("", "\n", "\n\n", line, f"{body}\n", f"{body}\n\n", f"{body}\n{line}", text[:-1]):
        with pytest.raises(InputError):
            parse_note(wrong)
    for control in "\x00\x07\x08\x0b\x1f\t\r":
        for wrong in (f"a{control}b\n\n{line}", f"any\n\n— a{control}b {line.split(' ')[2]}"):
            with pytest.raises(InputError):
                parse_note(wrong)


def test_a_checkpoint_is_lines() -> None:
    root = bytes(range(32))
    said = f"{ORIGIN}\n3\n{base64.b64encode(root).decode()}\n"
    point = Checkpoint(origin=ORIGIN, size=3, root=root)
    assert parse_checkpoint(said) == point
    assert parse_checkpoint(said + "more\n").extensions == ("more",)
    for wrong in (
        "",
        "\n",
        said[:-1],
        said + "\n",
        said + "more",
        said + "\nmore\n",
        ORIGIN + "\n3\n",
        ORIGIN + "\n3\n\n",
    ):
        with pytest.raises(InputError):
            parse_checkpoint(wrong)
    for line in ("", "a\nb", "a\tb", "\ud800"):
        with pytest.raises(InputError, match="its lines"):
            Checkpoint(origin=line, size=3, root=root)
        with pytest.raises(InputError, match="its lines"):
            Checkpoint(origin=ORIGIN, size=3, root=root, extensions=(line,))
    for size, other in ((-1, root), (2**63, root), (0, root), (3, root[:31])):
        with pytest.raises(InputError, match="its size or its root"):
            Checkpoint(origin=ORIGIN, size=size, root=other)


def test_base64_has_one_spelling() -> None:
    """68 bytes take 91 characters, of which the last has two bits that say nothing."""
    text = note(grown(3))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    changed = text[:-3] + alphabet[alphabet.index(text[-3]) ^ 1] + text[-2:]
    assert base64.b64decode(changed.split(" ")[-1]) == base64.b64decode(text.split(" ")[-1])
    with pytest.raises(InputError, match="no signature"):
        parse_note(changed)


def test_too_many_signatures_are_not_read() -> None:
    body = str(next_checkpoint(grown(3), ORIGIN))
    lines = [str(Signature(name=f"w{k}", id=bytes(4), value=bytes(72))) for k in range(101)]
    assert len(parse_note(body + "\n" + "".join(lines[:100])).signatures) == 100
    with pytest.raises(InputError, match="more than 100"):
        parse_note(body + "\n" + "".join(lines))


@given(st.integers(0, 300), st.characters())
def test_keys_have_one_spelling(at: int, new: str) -> None:
    text = str(W1.public)
    changed = text[: at % len(text)] + new + text[at % len(text) + 1 :]
    assert parse_key(text) == W1.public
    if changed != text:
        with pytest.raises((InputError, UnsupportedError)):
            parse_key(changed)


def test_what_no_key_can_be() -> None:
    for size in (0, 31, 33):
        with pytest.raises(ConfigError, match="32 bytes"):
            VerifierKey(name="a", kind=LOG, public=bytes(size))
    for name in ("", "a b", "a+b", "a\nb", "a\x00b", "a\u2003b", "a\u200bb", "a" * 201, "\ud800"):
        with pytest.raises(ConfigError, match="name"):
            VerifierKey(name=name, kind=LOG, public=bytes(32))
    with pytest.raises(UnsupportedError, match="0x06"):
        VerifierKey(name="a", kind=6, public=bytes(32))


@pytest.mark.parametrize("text", ["", "a", "a+b", "a+b+c", "a++", "a+00000000+AQ==", f"a+00000000+{'A' * 44}"])
def test_no_keys(text: str) -> None:
    with pytest.raises((InputError, UnsupportedError)):
        parse_key(text)
