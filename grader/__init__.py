"""The harness: releases the weeks, grades submissions, and reports. For instructors; students never need it."""

import sys

# jsonschema, under nbformat, would build a grammar of international web addresses at import: 2 to 3 CPU seconds in
# every command and every worker, for formats that no notebook has. Where the module is missing it does without.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
