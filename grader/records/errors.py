"""What is raised about records, apart from them: the command line knows it without the schema."""

from __future__ import annotations


class RecordError(ValueError):
    """A record that cannot be read or written. The text says which file and why."""
