"""Compare two folders of records: whose points, verdicts or messages differ between two gradings of the same work.

    python benchmarks/compare_records.py old/records/week01_clip new/records/week01_clip
    python benchmarks/compare_records.py OLD NEW --messages

For a change of the grader that must not move a score: grade the same class (`grader demo --work FOLDER`, say) with the
code before and after it. Prints a line for each difference, and exits with 1 where there is one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grader.records import store
from grader.records.grade import Grade


def differences(old: Grade, new: Grade, messages: bool = False) -> list[str]:
    """What differs between two grades of one submission, in words. messages: also what failed checks say."""
    found = []
    if old.outcome != new.outcome:
        found.append(f"{old.outcome} -> {new.outcome}: {new.reason or old.reason}")
    before = {question.question: question for question in old.questions}
    after = {question.question: question for question in new.questions}
    found += [f"{name}: only in one of the two" for name in sorted(before.keys() ^ after.keys())]
    for name in (name for name in before if name in after):
        was, now = before[name], after[name]
        if was.points != now.points or was.status != now.status:
            found.append(f"{name}: {was.points:g} ({was.status}) -> {now.points:g} ({now.status}) {now.note}".rstrip())
        verdicts = {check.check: check for check in was.checks}
        for check in now.checks:
            earlier = verdicts.get(check.check)
            if earlier is None or earlier.passed != check.passed:
                found.append(f"{name}: {check.check} {'passes' if check.passed else 'fails'} now: {check.message}")
            elif messages and earlier.message != check.message:
                found.append(f"{name}: {check.check} said {earlier.message!r} and says {check.message!r}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--messages", action="store_true", help="also where a failed check says something else")
    asked = parser.parse_args()
    old, new = ({path.stem: path for path in folder.glob("*.json")} for folder in (asked.old, asked.new))
    lines = [f"{name}: only in one of the two" for name in sorted(old.keys() ^ new.keys())]
    for name in sorted(old.keys() & new.keys()):
        found = differences(store.read(old[name]), store.read(new[name]), asked.messages)
        lines += [f"{name}: {line}" for line in found]
    print("\n".join([*lines, f"{len(old.keys() & new.keys())} compared, {len(lines)} differences"]))
    return bool(lines or not old)


if __name__ == "__main__":
    sys.exit(main())
