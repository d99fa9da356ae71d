"""Out of the sandbox: to read what is not the student's, to reach others, to change or outlive anything.

Where the source says @WORK@, @ROOT@, @SECRETS@, @PORT@, @ABSTRACT@ or @PID@, the runner puts the real places: whoever
attacks knows them. A line `ESCAPED: ...` on stdout says that an attempt succeeded; none may appear. Every attempt is a
cell beside honest answers, which keep their points.
"""

from attacks.edits import FULL
from attacks.escape import changing, getting_out, neighbours, reading

CASES = [one for module in (reading, getting_out, changing, neighbours) for one in module.CASES]
assert all(one.expect.points is FULL for one in CASES)
