"""Where the tokens that an endpoint tells of stand in the text that it was given.

Endpoints say so themselves (``text_offset``), and are wrong: they add the lengths of what each token decodes to alone.
By that count a beginning-of-text token has letters, the blank before a word may be gone, and a sign that took several
tokens is as many replacement characters. So tokens are looked for in the text, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

PART = "\ufffd"  # what a part of a sign decodes to
FARTHEST = 64  # characters that tokens which are not found may take together
MARKS = str.maketrans({"\u2581": " ", "\u0120": " ", "\u010a": "\n", "\u0109": "\t"})  # blanks in raw vocabularies


def placed(tokens: Sequence[str], text: str) -> tuple[list[int | None], int]:
    """The character of ``text`` at which each token begins, None of one that is no part of it.

    A token that is not found (special, or a part of a sign) waits for the next that is: what lies before that is
    theirs, and if nothing does they are no part of the text. A blank that is missing before a token is its own, and one
    too many before the first is nobody's.

    Returns:
        the places, which never fall; and the character up to which the text was found.
    """
    found, at, waiting, letters, words = list[int | None](), 0, 0, 0, _words(text)
    for token in tokens:
        here = _from(token, text, words, at, at + min(letters + waiting, FARTHEST))
        if here is None:
            found.append(None)
            waiting, letters = waiting + 1, letters + len(token)
            continue
        begin, end = here
        if begin > at:
            found[len(found) - waiting :] = [at] * waiting
        found.append(begin)
        at, waiting, letters = end, 0, 0
    parts = all(PART in token for token in tokens[len(tokens) - waiting :])
    if waiting and parts and 0 < len(text) - at <= min(letters + waiting, FARTHEST):
        found[len(found) - waiting :], at = [at] * waiting, len(text)  # a sign at the end
    return found, at


def _words(text: str) -> list[int]:
    """Of each character the first from there on that is no blank."""
    made = [len(text)] * (len(text) + 1)
    for at in range(len(text) - 1, -1, -1):
        made[at] = made[at + 1] if text[at].isspace() else at
    return made


def _from(token: str, text: str, words: Sequence[int], first: int, last: int) -> tuple[int, int] | None:
    """Where a token begins and ends, at the first place from ``first`` to ``last`` where it stands."""
    forms = [form for form in dict.fromkeys((token, token.translate(MARKS))) if form]
    for at in range(first, min(last, len(text) - 1) + 1):
        word = words[at]
        for begin in (at, word):
            for form in forms:
                if text.startswith(form, begin):
                    return at, begin + len(form)
        if at == 0 and (bare := forms[-1].lstrip() if forms else "") and text.startswith(bare, word):
            return at, word + len(bare)
    return None
