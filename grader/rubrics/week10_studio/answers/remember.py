# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `remember`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("remember")

REMEMBER = """
def remember(path, session, record, picture):
    png = io.BytesIO()
    picture.save(png, "PNG")
    made = datetime.now(UTC).isoformat()
    history = sqlite3.connect(path, timeout=30)
    try:
        history.execute(SCHEMA)
        cursor = history.execute(
            "INSERT INTO works (session, made, record, picture) VALUES (?, ?, ?, ?)",
            (session, made, json.dumps(record), png.getvalue()),
        )
        history.commit()
        return cursor.lastrowid
    finally:
        history.close()


def recall(path, session):
    history = sqlite3.connect(path, timeout=30)
    try:
        rows = history.execute("SELECT * FROM works WHERE session = ? ORDER BY id DESC", (session,)).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        history.close()
    return [
        {
            "id": row[0],
            "made": row[2],
            "record": json.loads(row[3]),
            "picture": Image.open(io.BytesIO(row[4])).convert("RGB"),
        }
        for row in rows
    ]
"""
ANSWERS.right("try and finally", REMEMBER)
ANSWERS.right(
    "rows by name",
    """
def remember(path, session, record, picture):
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, format="PNG")
    values = {"s": session, "m": str(datetime.now(UTC)), "r": json.dumps(record), "p": buffer.getvalue()}
    with closing(sqlite3.connect(path, timeout=20)) as db:
        with db:
            db.executescript("PRAGMA busy_timeout = 20000;" + SCHEMA)
            row = db.execute("INSERT INTO works (session, made, record, picture) VALUES (:s, :m, :r, :p)", values)
        return int(row.lastrowid)


def recall(path, session):
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        db.execute(SCHEMA)
        works = []
        for row in db.execute("SELECT * FROM works WHERE session = :s ORDER BY id", {"s": session}):
            picture = Image.open(io.BytesIO(row["picture"]))
            picture.load()
            told = {"id": row["id"], "made": row["made"], "record": json.loads(row["record"])}
            works.insert(0, {**told, "picture": picture})
    return works
""",
)
ANSWERS.wrong(
    "the oldest first",
    swap(REMEMBER, ("ORDER BY id DESC", "ORDER BY id")),
    "ascending",
    slip="the newest comes first",
)
ANSWERS.wrong(
    "everybody's works",
    swap(REMEMBER, ('WHERE session = ? ORDER BY id DESC", (session,)', 'ORDER BY id DESC"')),
    "sessions mix",
    slip="of this session alone",
)
ANSWERS.wrong(
    "as JPEG",
    swap(REMEMBER, ('picture.save(png, "PNG")', 'picture.save(png, "JPEG")')),
    "pixels are lost",
    slip="JPEG",
)
ANSWERS.wrong(
    "the record as text",
    swap(REMEMBER, ("json.loads(row[3])", "row[3]")),
    "not read again",
    slip="json.loads",
)
ANSWERS.wrong(
    "no number",
    swap(REMEMBER, ("        return cursor.lastrowid\n", "")),
    "returns None",
    slip="ids?",
)
ANSWERS.wrong(
    "no table, no list",
    swap(REMEMBER, ("    except sqlite3.OperationalError:\n        return []\n", "")),
    "a new history cannot be read",
    slip="holds no works",
)
ANSWERS.wrong(
    "never committed",
    """
_open = {}


def remember(path, session, record, picture):
    png = io.BytesIO()
    picture.save(png, "PNG")
    if path not in _open:
        _open[path] = sqlite3.connect(path, check_same_thread=False)
    _open[path].execute(SCHEMA)
    row = (session, str(datetime.now(UTC)), json.dumps(record), png.getvalue())
    return _open[path].execute("INSERT INTO works (session, made, record, picture) VALUES (?, ?, ?, ?)", row).lastrowid


def recall(path, session):
    history = _open[path] if path in _open else sqlite3.connect(path)
    history.execute(SCHEMA)
    rows = history.execute("SELECT id, made, record, picture FROM works WHERE session = ? ORDER BY id DESC", (session,))
    return [
        {"id": i, "made": made, "record": json.loads(record), "picture": Image.open(io.BytesIO(png)).convert("RGB")}
        for i, made, record, png in rows.fetchall()
    ]
""",
    "it is gone when the app ends",
    slip="is it committed",
)
ANSWERS.wrong(
    "in memory",
    """
_works = {}


def remember(path, session, record, picture):
    number = sum(len(works) for works in _works.values()) + 1
    work = {"id": number, "made": str(datetime.now(UTC)), "record": dict(record), "picture": picture.copy()}
    _works.setdefault((path, session), []).insert(0, work)
    return number


def recall(path, session):
    return list(_works.get((path, session), []))
""",
    "it is gone when the app ends",
    slip="no SQLite database",
)
ANSWERS.wrong(
    "text into SQL",
    swap(
        REMEMBER,
        (
            '"SELECT * FROM works WHERE session = ? ORDER BY id DESC", (session,)',
            "f\"SELECT * FROM works WHERE session = '{session}' ORDER BY id DESC\"",
        ),
    ),
    "a name with a quote in it is a command",
    slip="give it as a parameter",
)
ANSWERS.wrong(
    "a full disk swallowed",
    swap(
        REMEMBER,
        (
            "        return cursor.lastrowid\n",
            "        return cursor.lastrowid\n    except sqlite3.Error:\n        return -1\n",
        ),
    ),
    "nobody is told that it was not saved",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "sessions that look alike",
    swap(REMEMBER, ("WHERE session = ? ORDER", "WHERE session LIKE ? ORDER")),
    "a per cent sign stands for anything",
    slip="per cent",
)

ANSWERS.wrong(
    "the time of the place",
    swap(REMEMBER, ("datetime.now(UTC).isoformat()", "datetime.now().isoformat()")),
    "local time where UTC was asked for",
    slip="UTC is asked for",
)
