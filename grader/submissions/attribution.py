"""Finds out who handed in a file: from the names that an LMS, a folder or the student gave it, from what the LMS put
beside the files, and from a roster.

Sources: Canvas, lib/content_zipper.rb of canvas-lms; Moodle, mod/assign/classes/downloader.php; Blackboard, the example
of nbgrader's zip_collect, and the receipt it adds to each attempt; Brightspace and Gradescope, what they download;
Google Classroom, "Student - title" for the copy made for each student.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from grader.course import students
from grader.course.students import fault, tidy
from grader.course.syllabus import Week
from grader.course.text import clean
from grader.course.times import moment
from grader.submissions.archives import Entry, Refused
from grader.submissions.roster import Roster, spelling


@dataclass(frozen=True)
class Claim:
    """A guess at who handed in a file.

    student: the name to use where no roster tells.  known_as: what a roster may know the student by; ids: the same,
    where a mere name will not do.
    file: the file's own name, without what was added to it.  order: greater is newer, by the LMS's own marker.
    when: the time it was handed in, "2026-11-01 12:34:56", in the LMS's time zone; "" where not known.
    lms, number: who says so, and its own number of the student; two numbers are two people.
    late: that the LMS marks it so.   notes: what has to be said of it.
    """

    student: str
    known_as: tuple[str, ...]
    file: str
    order: tuple[Any, ...] | None = None
    when: str = ""
    ids: tuple[str, ...] = ()
    lms: str = ""
    number: str = ""
    late: bool = False
    notes: tuple[str, ...] = ()

    def at(self, when: str, utc: bool = False) -> Claim:
        """The same claim with the time that an LMS gives, or with a note that this time cannot be read."""
        if (time := moment(when)) is None:
            return replace(self, notes=(*self.notes, f"when it was handed in cannot be read: {when[:40]!r}"))
        return replace(self, order=(time,), when=f"{time:%Y-%m-%d %H:%M:%S}{' UTC' if utc else ''}")


@dataclass(frozen=True)
class Manifest:
    """What a source says of its files besides their own names.

    logins: {what stands before "_attempt_": user name}, by Blackboard's receipts.   titles: what the title of its
    assignment may be, as all files have it.   submitters: {folder: submission}, by Gradescope's list; `listed`: that
    there is one.   faults: {file: why it cannot be used}.
    """

    logins: dict[str, str] = field(default_factory=dict)
    titles: frozenset[str] = frozenset()
    submitters: dict[str, list[Claim]] = field(default_factory=dict)
    listed: bool = False
    faults: dict[str, str] = field(default_factory=dict)


# what an LMS makes of a name: small letters, digits, underscores
WHO = r"(?P<name>[^\s!-/:-@\[-^`{-~]+?)_(?P<late>LATE_)?(?P<id>[1-9]\d*)"
CANVAS = re.compile(WHO + r"_(?P<upload>[1-9]\d*)_(?P<file>.+)", re.DOTALL)
CANVAS_TEXT = re.compile(WHO + r"_(?P<file>(text|link)\.\w+)")
CANVAS_ANONYMOUS = re.compile(r"(?P<late>LATE_)?(?P<name>anon_[^_]+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>[^_]+)(?:_(?P<id>\d+))?_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL)
BRIGHTSPACE = re.compile(
    r"(?P<id>\d+-\d+) - (?P<name>.+?) - (?P<when>[^-]*\b\d{4}\b[^-]*?)(?: - (?P<file>.+))?", re.DOTALL
)
BLACKBOARD = re.compile(r"(?P<before>.+?)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.\w+)", re.DOTALL)
EXCHANGE = re.compile(r"(?P<name>.+?)\+(?P<slug>[^+]+)\+(?P<when>[^+]+)(?:\+.*)?", re.DOTALL)  # nbgrader's inbound/
GRADESCOPE = "submission_metadata.yml"
NAMED = re.compile(r"Name:\s*(?P<name>.+?)\s+\((?P<login>[^()]+)\)\s*$", re.MULTILINE)  # a receipt's first line
NUMBERED = re.compile(r"\s*\(\d+\)$|-\d+$")  # a second file of the same name: "(1)" of browsers, "-1" of Canvas
NO_NAMES = re.compile(
    r"(untitled|notebook|homework|assignment|exercise|submissions?|submitted|solution|answers?|final|copy|download|work|"
    r"week|hw|nb|ipynb|file|new|test|draft|version|v|no ?name)?[\W_\d]*",
    re.IGNORECASE,
)
PARTICIPANT = re.compile(r"participant(?: (?P<number>\d+))?", re.IGNORECASE)
CLOCK = re.compile(
    r"(?P<day>.*\D\d{4}),? (?P<hour>\d{1,2})[:.]?(?P<minute>\d\d)(?P<half> ?[AP]\.?M\.?)?", re.IGNORECASE
)


def manifest_of(files: Sequence[Entry]) -> Manifest:
    """What a source says besides the names of its files. Only what stands where the LMS itself puts it is believed."""
    logins, before, faults = {}, set(), {}
    for entry in files:
        if match := BLACKBOARD.fullmatch(entry.path[-1]):
            before.add(match["before"])
            # what a student uploads has its own name behind the time
            if match["file"] is None and (login := _login(entry)) and match["before"].endswith(f"_{login}"):
                logins[match["before"]] = login
    lists = sorted((entry for entry in files if entry.path[-1] == GRADESCOPE), key=lambda entry: len(entry.path))
    submitters: dict[str, list[Claim]] = {}
    top = lists[0].path[:-1] if lists else ()
    listed = bool(lists) and not any(map(_of_lms, top)) and all(entry.path[: len(top)] == top for entry in files)
    if listed:
        try:
            submitters = _submitters(lists[0].read())
        except (Refused, yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError, RecursionError) as error:
            kind = type(error).__name__
            faults[lists[0].name] = f"Gradescope's list cannot be read, so whose the files are is not known: {kind}"
    return Manifest(logins, _titles(before), submitters, listed, faults)


def _of_lms(folder: str) -> bool:
    """Whether a folder is one that an LMS or nbgrader makes for what one student, or one group, handed in."""
    return any(pattern.fullmatch(folder) for pattern in (MOODLE, BRIGHTSPACE, EXCHANGE))


def _login(receipt: Entry) -> str:
    """The user name in Blackboard's receipt; "" where it has none."""
    try:
        first = receipt.read(2000).decode("utf-8-sig", "replace").lstrip().split("\n")[0]
    except Refused:
        return ""
    return match["login"].strip() if (match := NAMED.match(first)) else ""


def _titles(before: set[str]) -> frozenset[str]:
    """The beginnings that all of Blackboard's names share: the assignment's title is one of them."""
    split = [name.split("_") for name in before]
    shortest = min(map(len, split), default=0)
    found = ["_".join(split[0][:n]) for n in range(1, shortest) if len({tuple(words[:n]) for words in split}) == 1]
    return frozenset(found)


def _submitters(raw: bytes) -> dict[str, list[Claim]]:
    """{folder: a claim for each of its submitters}, from Gradescope's list, whose keys are Ruby's: ":name"."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # text only: no types, no tags, and no impossible dates
    found = {}
    for folder, submission in (yaml.load(raw.decode("utf-8-sig"), Loader=loader) or {}).items():
        claims = []
        for one in submission.get(":submitters") or []:
            ids, name = [one.get(key, "").strip() for key in (":sid", ":email")], one.get(":name", "").strip()
            ids = [text for text in ids if text not in ("", "null", "~")]
            if ids or name:
                claim = Claim(tidy([*ids, name][0]), () if ids else (name,), "", ids=tuple(ids))
                when = submission.get(":created_at") or ""
                claims.append(claim.at(when, utc=True) if when else claim)
        found[folder] = claims
    return found


def lms_own(path: tuple[str, ...]) -> str:
    """What this file is, if an LMS or nbgrader added it to what was handed in; "" for any other."""
    *folders, file = path
    if (match := BLACKBOARD.fullmatch(file)) and match["file"] is None:
        return "Blackboard's receipt, not a notebook"
    if CANVAS_TEXT.fullmatch(file) and file.endswith(".html"):
        return "typed into Canvas, not a notebook"
    if file == "onlinetext.html" and any(MOODLE.fullmatch(name) for name in folders):
        return "typed into Moodle, not a notebook"
    if file == GRADESCOPE:
        return "Gradescope's list of who handed in what"
    if file == "index.html" and not any(BRIGHTSPACE.fullmatch(name) for name in folders):
        return "a page of the LMS's, not a notebook"
    if file == "timestamp.txt":
        return "nbgrader's time, not read: anybody may have written it"
    return ""


def whose(
    path: tuple[str, ...], week: Week, roster: Roster | None, manifest: Manifest | None = None
) -> tuple[list[Claim], str]:
    """Who handed in a file, one student or all of a group; and why that is not clear, where it is not."""
    manifest = manifest or Manifest()
    if manifest.listed and len(path) > 1:
        claims = manifest.submitters.get(path[0], [])
        if not claims:
            return [], f"Gradescope's list names nobody for {path[0]}"
        alternatives = [[replace(claim, file=path[-1])] for claim in claims]
    else:
        alternatives = [claims_of(path, week, manifest)]
    found, unclear = [], []
    for claims in alternatives:
        one, why = _among(claims, roster)
        found += one
        unclear += [why] if why else []
    return found, "; ".join(unclear)


def _among(claims: list[Claim], roster: Roster | None) -> tuple[list[Claim], str]:
    """Whom these claims mean, of which at most one is right."""
    if not claims:
        return [], "its name does not say whose it is"
    if roster is None:
        if len({students.key(claim.student) for claim in claims}) > 1:
            return [], f"could be of {' or '.join(claim.student for claim in claims)}; a roster would tell"
        if claims[0].lms == "moodle" and not claims[0].number:
            return (
                [],
                f"{claims[0].student} is Moodle's for who is in no group; a roster with a column Groups would tell",
            )
        meant = [claims[0]]
    else:
        meant, why = _in_roster(claims, roster)
        if why:
            return [], why
    for claim in meant:
        if why := fault(claim.student):
            return [], f"the student's name {clean(claim.student)[:60]!r} {why}"
    return meant, ""


def _in_roster(claims: list[Claim], roster: Roster) -> tuple[list[Claim], str]:
    found = [(claim, *_known(claim, roster)) for claim in claims]
    found = [(claim, who, group) for claim, who, group in found if who]
    if len({frozenset(who) for _, who, _ in found}) > 1:  # of two numbers, the one that goes with the name
        agreeing = [one for one in found if one[0].number and roster.of(one[0].known_as[1:]) == one[1]]
        found = agreeing if len({frozenset(who) for _, who, _ in agreeing}) == 1 else found
    everyone = sorted({student for _, who, _ in found for student in who})
    if len({frozenset(who) for _, who, _ in found}) == 1 and (len(everyone) == 1 or found[0][2]):
        claim, who, group = found[0]
        if claim.lms == "canvas" and "canvas" not in roster.numbers:
            claim = replace(claim, notes=(*claim.notes, "known by name alone: the roster has no numbers of Canvas'"))
        note = (f"a group's, of {', '.join(everyone)}",) if group and len(who) > 1 else ()
        own = roster.numbers.get(claim.lms, {}).get(claim.number, set())
        return [
            replace(claim, student=s, number=claim.number if not group or s in own else "", notes=(*claim.notes, *note))
            for s in everyone
        ], ""
    whom = " or ".join(everyone) or "nobody in the roster"
    unknown = sorted({c.number for c in claims if c.lms in roster.numbers and c.number not in roster.numbers[c.lms]})
    hint = (
        f"; the roster does not have the number {unknown[0]}, and a name alone does not do"
        if unknown and not everyone
        else ""
    )
    return [], f"could be of {whom}, going by {' or '.join(claim.student for claim in claims)}{hint}"


def _known(claim: Claim, roster: Roster) -> tuple[set[str], bool]:
    """The students of the roster that a claim means, and whether they are a group, so that all of them are meant."""
    if claim.lms == "moodle" and not claim.number:
        return set(roster.alone), True
    group = next(
        (found for name in (*claim.known_as, *claim.ids) if (found := roster.groups.get(spelling(name)))), set()
    )
    numbers = roster.numbers.get(claim.lms)
    if numbers is not None and claim.number:
        who, named = numbers.get(claim.number, set()), roster.of(claim.known_as[1:])
        if claim.lms == "canvas":  # of a group, the number is one member's
            if group & who:
                return group, True
            other = group | named  # whom the name means, who should be the same
            return (who | other if who and other and not who & other else who), False
        return (who, False) if who or not group else (group, True)
    who = {student for student in roster.students if students.key(student) == students.key(claim.student)}
    who = who or roster.of(claim.known_as) or roster.of(claim.ids, logins=True)
    return (who | group, False) if who and group and who != group else (who or group, bool(group) and not who)


def claims_of(path: tuple[str, ...], week: Week, manifest: Manifest | None = None) -> list[Claim]:
    """Who may have handed in a file, going by its path below the folder that holds everything: one claim a reading.

    What an LMS wrote comes first in a path, what a student chose comes behind it: so the outermost folder and the
    beginning of a file's name are believed, and nothing within them that looks like another LMS's.
    """
    *folders, file = path
    outer = folders[0] if folders else file
    if match := MOODLE.fullmatch(outer):
        return [_moodle(match, file if folders else match["file"] or file)]
    if (match := BRIGHTSPACE.fullmatch(outer if folders else Path(outer).stem)) and (folders or match["file"]):
        return [_brightspace(match, file if folders else f"{match['file']}{Path(outer).suffix}")]
    if folders and (match := EXCHANGE.fullmatch(outer)):
        if match["slug"] != week.slug:  # of another assignment
            return []
        return [Claim(tidy(match["name"]), (match["name"],), file).at(match["when"], utc=True)]
    if folders[1:2] == [week.slug]:  # <student>/<week>/<week>.ipynb
        return [Claim(tidy(outer), (outer,), file)]
    found = _lms_claims(file, week, manifest)
    for depth, name in enumerate(folders):
        if depth and _of_lms(name):  # not the outermost: what stands around it may be a download's name, or a student's
            found += claims_of((name, file), week, manifest)
        elif _without(name, week):
            found.append(Claim(tidy(name), (name,), file))
    return found if _lms_claims(file, week, manifest) else found + _plain_claims(file, week, alone=not found)


def _moodle(match: re.Match[str], file: str) -> Claim:
    name, number = match["name"], match["id"] or ""
    claim = Claim(tidy(name), (f"Participant {number}", name), file, lms="moodle", number=number)
    if (hidden := PARTICIPANT.fullmatch(name)) and number:  # all have this name where markers may not know who it is
        return replace(claim, student=f"Participant_{hidden['number'] or number}", known_as=(claim.known_as[0],))
    return claim if number else replace(claim, known_as=(name,))


def _brightspace(match: re.Match[str], file: str) -> Claim:
    """Some have a login before the name ("abell Ada Bell"); a group's may end with the one who handed in."""
    name = match["name"]
    ids = (name.split()[0], *name.split(" - ")[:-1])
    claim = Claim(tidy(name), (name,), file, ids=ids, lms="brightspace", number=match["id"])
    when = match["when"]
    if clock := CLOCK.fullmatch(when):
        half = re.sub(r"[ .]", "", clock["half"] or "")
        when = f"{clock['day'].replace(',', '')} {clock['hour']}:{clock['minute']} {half}".strip()
    return claim.at(when)


def _lms_claims(file: str, week: Week | None = None, manifest: Manifest | None = None) -> list[Claim]:
    """The claims in a name that Canvas or Blackboard made."""
    found = []
    if match := CANVAS_ANONYMOUS.fullmatch(file):
        name, file, upload = match["name"], match["file"], (int(match["upload"]),)
        found.append(Claim(name, (name,), file, upload, late=bool(match["late"]), notes=_late(match)))
    elif match := CANVAS.fullmatch(file) or CANVAS_TEXT.fullmatch(file):
        found += _canvas(match, week)
    if match := BLACKBOARD.fullmatch(file):
        day, clock = match["when"][:10], match["when"][11:].replace("-", ":")
        for login in _blackboard(match["before"], week, manifest or Manifest()):
            claim = Claim(tidy(login), (), match["file"] or file, ids=(login,))
            found.append(claim.at(f"{day} {clock}"))
    return found


def _canvas(match: re.Match[str], week: Week | None) -> list[Claim]:
    """ "smith_2_102_9002_x.ipynb" may be of "smith_2", or be what "smith" called "9002_x.ipynb"."""
    parts = match.groupdict()
    readings = [(match["name"], match["id"], parts.get("upload"), match["file"])]
    again = re.fullmatch(r"(?P<upload>[1-9]\d*)_(?P<file>.+)", match["file"], re.DOTALL)
    mine = week is not None and any(is_called(match["file"], one.stem) for one in week.notebooks)
    if again and not match["late"] and parts.get("upload") and not mine:
        readings.append((f"{match['name']}_{match['id']}", match["upload"], again["upload"], again["file"]))
    return [
        Claim(
            tidy(f"{name}_{number}"),  # two students may have one name
            (number, name),
            file,
            (int(upload),) if upload else None,
            lms="canvas",
            number=number,
            late=bool(match["late"]),
            notes=_late(match),
        )
        for name, number, upload, file in readings
        if name == name.lower()
        and not re.search(r"_\d+_", name)  # as Canvas makes them
        and not (week and "_" in name and _without(name, week) != name)  # "ada_week01_2026_11" is no name
    ]


def _late(match: re.Match[str]) -> tuple[str, ...]:
    return ("marked LATE",) if match["late"] else ()


def _blackboard(before: str, week: Week | None, manifest: Manifest) -> list[str]:
    """The user names that "Week 1_ada_bell" may end with: title and user name may both hold underscores."""
    if before in manifest.logins:
        return [manifest.logins[before]]
    words = before.split("_")
    if len(words) < 3:
        return [words[-1]]
    titles = ["_".join(words[:n]) for n in range(1, len(words))]
    if week and (of_week := [title for title in titles if not _without(title, week)]):
        return [before.removeprefix(f"{of_week[-1]}_")]
    if len(known := manifest.titles & set(titles)) == 1:
        return [before.removeprefix(f"{next(iter(known))}_")]
    return ["_".join(words[n:]) for n in range(len(words) - 1, max(0, len(words) - 5), -1)]


def is_called(file: str, name: str) -> bool:
    """Whether a file has this name, but for its ending and for the numbers of a second file of that name."""
    left = Path(file).stem if file.lower().endswith(".ipynb") else file
    while left.strip().lower() != name.lower():
        shorter = NUMBERED.sub("", left)
        if shorter == left:
            return False
        left = shorter
    return True


def _plain_claims(file: str, week: Week, alone: bool) -> list[Claim]:
    """Whose a file may be where no LMS named it: "Ada Bell - week01", "ada_week01", or just "ada" where that stands
    alone, without a folder that has a name.
    """
    stem, found = file[: -len(".ipynb")], []
    left, dash, right = stem.partition(" - ")
    if dash:
        sides = [_without(NUMBERED.sub("", side), week) for side in (left, right)]
        found += [side for side in sides if side]  # where neither is the week's, there are two
    elif (rest := _without(stem, week)) and (rest != stem or alone):
        found.append(_without(NUMBERED.sub("", rest), week))
    return [Claim(tidy(name), (name,), file) for name in found if name]


def around(paths: list[tuple[str, ...]]) -> int:
    """How many outer folders hold everything, and so name no student.

    A folder around all is one where what is in it, folders or files named by an LMS, tells at least two students apart.
    """
    common = os.path.commonprefix([path[:-1] for path in paths])
    common = common[: next((n for n, name in enumerate(common) if _of_lms(name)), len(common))]
    for depth in range(len(common), 0, -1):
        below = [path[depth:] for path in paths]
        claims = [_lms_claims(rest[-1]) for rest in below]
        if all(len(rest) > 1 for rest in below) and len({rest[0] for rest in below}) > 1:
            return depth
        if all(claims) and len({claim[0].student for claim in claims}) > 1:
            return depth
    return 0


def _without(text: str, week: Week) -> str:
    """A name without the week's, or that of one of its notebooks: "ada" of "ada_Week 1"; "" where nothing is left that
    could name a person.
    """
    spelled = [
        [rf"0*{int(part)}" if part.isdigit() else part for part in re.findall(r"[a-z]+|\d+", name.lower())]
        for name in (week.slug, *week.parts)
    ]
    either = [r"[\W_]*".join(words) for words in (spelled[0], spelled[0][:2], *spelled[1:]) if words]
    rest = re.sub(rf"(?i)(?<![^\W_])({'|'.join(either)})(?![^\W_])", " ", text)
    if rest == text:
        return "" if NO_NAMES.fullmatch(text) else text
    rest = re.sub(r"(?i)^\s*copy of\b", " ", NUMBERED.sub("", rest.strip())).strip(" -.,_")
    return "" if NO_NAMES.fullmatch(rest) else rest
