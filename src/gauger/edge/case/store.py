"""The store of cases: people, chains of entries, and the log that holds every entry's digest.

    with open_store("cases.db") as store:
        store.enrol("mira", "analyst")
        store.new("C-1f3a", time=now)
        store.append("C-1f3a", "note", {"text": "..."}, author="mira", time=now)

An entry is checked, chained, and given its place in the log in one transaction that no other writer shares: so two
writers lose nothing, and a kill leaves all of an entry or nothing. What is read is held against its digests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gauger.case.entries import case_id, following, verify_chain
from gauger.case.people import ROLES, guarded, may, named
from gauger.edge.case.database import connect, told, writing
from gauger.errors import ConfigError, VerifyError
from gauger.model import Case, Entry, canonical_json, digest, to_plain

_ALL = 1 << 62
_AHEAD = timedelta(minutes=5)
_LAST = {
    "person": "SELECT MAX(number) FROM person",
    "checkpoint": "SELECT MAX(number) FROM checkpoint",
    "stamp": "SELECT MAX(number) FROM stamp",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A time stamp on a checkpoint: RFC 3161's token, and who gave it."""

    checkpoint: int
    authority: str
    token: bytes


class Store:
    """An open store. Made by ``open_store``."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._read = dict[str, tuple[Entry, ...]]()  # entries never change, so those once read need not be again

    def people(self) -> dict[str, str]:
        """Name to role, of those who may write."""
        return {name: role for name, role, _ in self.enrolled() if role}

    def enrolled(self) -> list[tuple[str, str, str]]:
        """Name, role and since when, of everybody who ever was enrolled; the latest role, "" for none."""
        with self._reading() as connection:
            rows = connection.exec_driver_sql("SELECT name, role, since FROM person ORDER BY number")
            latest = {str(name): (str(name), str(role), str(since)) for name, role, since in rows}
        return sorted(latest.values())

    def enrol(self, name: str, role: str, *, time: datetime | None = None) -> None:
        """Let somebody write, give him another role, or none (""). What was before is kept.

        Raises:
            ConfigError: an unknown role, no name, or one that could be taken for another's who ever was enrolled.
        """
        if role not in ("", *ROLES):
            raise ConfigError(f"a person has a role of {', '.join(ROLES)}")
        query = "INSERT INTO person (number, name, role, since) VALUES (:number, :name, :role, :since)"
        with writing(self._engine) as connection:
            known = {str(row[0]) for row in connection.exec_driver_sql("SELECT DISTINCT name FROM person")}
            if name not in known:
                named(name, known)
            since = "" if time is None else to_plain(time)
            _run(connection, query, number=_next(connection, "person"), name=name, role=role, since=since)

    def new(self, case: str, *, time: datetime) -> Case:
        """An empty case.

        Raises:
            ConfigError: the id is taken, or cannot be one.
        """
        with writing(self._engine) as connection:
            if _run(connection, "SELECT 1 FROM dossier WHERE id = :id", id=case_id(case)).first():
                raise ConfigError(f"there is a case {case}: name another, or add to that one")
            _run(connection, "INSERT INTO dossier (id, opened) VALUES (:id, :opened)", id=case, opened=to_plain(time))
        return Case(id=case, entries=())

    def cases(self) -> list[str]:
        """The ids of all cases."""
        with self._reading() as connection:
            return [str(row[0]) for row in connection.exec_driver_sql("SELECT id FROM dossier ORDER BY id")]

    def append(self, case: str, kind: str, body: Mapping[str, Any], *, author: str, time: datetime) -> Entry:
        """Write the case's next entry.

        Raises:
            ConfigError: no such case or person, not this role's to write, not approved, a clock that is ahead of the
                server's; and what ``following`` raises.
        """
        return self.append_all(case, [(kind, body)], author=author, time=time)[0]

    def append_all(
        self, case: str, rows: Sequence[tuple[str, Mapping[str, Any]]], *, author: str, time: datetime
    ) -> list[Entry]:
        """Write several entries, all or none."""
        with writing(self._engine) as connection:
            _not_ahead(connection, time)
            found, people = self._case(connection, case), _people(connection)
            role, since = _role(connection, author)
            place = int(connection.exec_driver_sql("SELECT COALESCE(MAX(position) + 1, 0) FROM entry").scalar())
            made = list[Entry]()
            for kind, body in rows:
                may(role, kind)
                guarded(found, kind, body, people)
                held = {**body, "enrolled": since} if kind == "review" else body
                made.append(following(found, kind, held, author=author, role=role, time=time))
                found = Case(id=case, entries=(*found.entries, made[-1]))
                _run(
                    connection,
                    "INSERT INTO entry (position, dossier, seq, digest, text) VALUES (:at, :case, :seq, :name, :text)",
                    at=place + len(made) - 1,
                    case=case,
                    seq=made[-1].seq,
                    name=digest(made[-1]),
                    text=canonical_json(made[-1]).decode(),
                )
        self._read[case] = found.entries
        return made

    def case(self, case: str) -> Case:
        """A case, its chain verified.

        Raises:
            ConfigError: there is none. VerifyError: it was altered.
        """
        with self._reading() as connection:
            return verify_chain(self._case(connection, case))

    def position(self, of: str) -> int:
        """Where the entry with this digest stands in the log.

        Raises:
            ConfigError: there is none.
        """
        with self._reading() as connection:
            found = _run(connection, "SELECT position FROM entry WHERE digest = :digest", digest=of).scalar()
        if found is None:
            raise ConfigError(f"no entry has the digest {of}")
        return int(found)

    def last(self) -> str:
        """The digest of the log's last entry, "" if it is empty."""
        with self._reading() as connection:
            query = "SELECT digest FROM entry ORDER BY position DESC LIMIT 1"
            return str(connection.exec_driver_sql(query).scalar() or "")

    def leaves(self, start: int = 0, end: int | None = None) -> list[bytes]:
        """The log's entries, 32 bytes each, in order.

        Raises:
            VerifyError: one is missing.
        """
        query = "SELECT position, digest FROM entry WHERE position >= :start AND position < :end ORDER BY position"
        with self._reading() as connection:
            rows = _run(connection, query, start=start, end=_ALL if end is None else end).all()
        if any(int(row[0]) != start + at for at, row in enumerate(rows)):
            raise VerifyError("the case store's log has a gap: entries were taken out")
        return [bytes.fromhex(str(row[1]).removeprefix("sha256:")) for row in rows]

    def checkpoints(self) -> list[str]:
        """Signed notes over the log, the oldest first."""
        with self._reading() as connection:
            rows = connection.exec_driver_sql("SELECT text FROM checkpoint ORDER BY number")
            return [str(row[0]) for row in rows]

    def keep_checkpoint(self, text: str, *, size: int) -> int:
        """Keep a signed note over the log's first ``size`` entries. Returns its number.

        Raises:
            ConfigError: somebody kept one of more entries meanwhile, and none of so many.
        """
        with writing(self._engine) as connection:
            newest = int(connection.exec_driver_sql("SELECT COALESCE(MAX(size), 0) FROM checkpoint").scalar())
            same = _run(connection, "SELECT 1 FROM checkpoint WHERE size = :size", size=size).first()
            if size < newest and not same:
                raise ConfigError("a checkpoint of more entries was kept meanwhile: sign again")
            number = _next(connection, "checkpoint")
            query = "INSERT INTO checkpoint (number, size, text) VALUES (:number, :size, :text)"
            _run(connection, query, number=number, size=size, text=text)
        return number

    def stamps(self) -> list[Stamp]:
        """Time stamps on checkpoints, the oldest first."""
        with self._reading() as connection:
            rows = connection.exec_driver_sql("SELECT checkpoint, authority, token FROM stamp ORDER BY number")
            return [Stamp(checkpoint=int(at), authority=str(who), token=bytes(token)) for at, who, token in rows]

    def keep_stamp(self, stamp: Stamp) -> None:
        """Keep a time stamp."""
        with writing(self._engine) as connection:
            query = "INSERT INTO stamp (number, checkpoint, authority, token) VALUES (:number, :of, :who, :token)"
            number = _next(connection, "stamp")
            _run(connection, query, number=number, of=stamp.checkpoint, who=stamp.authority, token=stamp.token)

    def close(self) -> None:
        """Give connections back."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        with told(), self._engine.connect() as connection:
            yield connection

    def _case(self, connection: Any, case: str) -> Case:
        """A case as it is within this transaction; only entries that were not read before are read."""
        if not _run(connection, "SELECT 1 FROM dossier WHERE id = :id", id=case).first():
            raise ConfigError(f"there is no case {case}: `gauger case show` lists them")
        known = self._read.get(case, ())
        query = "SELECT digest, text FROM entry WHERE dossier = :case AND seq >= :seq ORDER BY seq"
        rows = _run(connection, query, case=case, seq=len(known))
        entries = (*known, *(_entry(str(text), str(name), case) for name, text in rows))
        self._read[case] = entries
        return Case(id=case, entries=entries)


@contextmanager
def open_store(where: str | Path) -> Iterator[Store]:
    """A store, made where there is none; closed at the end.

    Raises:
        As ``database.connect``.
    """
    store = Store(connect(where))
    try:
        yield store
    finally:
        store.close()


def _entry(text: str, name: str, case: str) -> Entry:
    if digest(text.encode()) != name:
        raise VerifyError(f"case {case}: an entry was altered in the store: it has not the digest it is kept under")
    return msgspec.json.decode(text, type=Entry)


def _not_ahead(connection: Any, time: datetime) -> None:
    """An entry of the future would lock its case for all others. Only a server has a clock to hold it against."""
    if connection.dialect.name == "sqlite":
        return
    ahead = time - connection.exec_driver_sql("SELECT clock_timestamp()").scalar()
    if ahead > _AHEAD:
        raise ConfigError(f"this clock is ahead of the database server's by {ahead}: set it, then write")


def _people(connection: Any) -> dict[str, str]:
    rows = connection.exec_driver_sql("SELECT name, role FROM person ORDER BY number")
    return {str(name): str(role) for name, role in rows}


def _role(connection: Any, name: str) -> tuple[str, str]:
    """Somebody's role, and since when."""
    query = "SELECT role, since FROM person WHERE name = :name ORDER BY number DESC"
    found = _run(connection, query, name=name).first()
    if found is None or not found[0]:
        raise ConfigError(f"nobody is enrolled as {name[:80]!r}: `gauger case people --enrol NAME --role ROLE`")
    return str(found[0]), str(found[1])


def _next(connection: Any, table: str) -> int:
    last = connection.exec_driver_sql(_LAST[table]).scalar()
    return 0 if last is None else int(last) + 1


def _run(connection: Any, query: str, **values: Any) -> Any:
    from sqlalchemy import text  # noqa: PLC0415

    try:
        return connection.execute(text(query), values)
    except UnicodeEncodeError:
        raise ConfigError("a name or a text is no UTF-8") from None
