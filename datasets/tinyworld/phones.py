"""How the world's words sound: texts to the phones that the talker of week 7 reads, without espeak-ng.

    phones = Phones.from_pretrained(tinyworld.checkpoint("talker"))
    phones.phones("a red star")             # ["_", "a#", "r", "E", "d", "s", "t", "A@", "_"]
    phones(["a red star", "two"])           # {"input_ids": (2, 9), "attention_mask": (2, 9)}

Phones have espeak-ng's names (General American); "_" is a pause, with which every text begins and ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAD, PAUSE = "<pad>", "_"
FILE = "phones.json"


class Phones:
    """A table of phones and a lexicon. names: phones by id.   words: the phones of each word."""

    def __init__(self, names: Sequence[str], words: Mapping[str, Sequence[str]]) -> None:
        if tuple(names[:2]) != (PAD, PAUSE):
            raise ValueError(f"the first phones must be {PAD!r} and {PAUSE!r}; got {list(names[:2])}")
        self.names, self.words = tuple(names), {word: tuple(said) for word, said in words.items()}
        self.ids = {name: i for i, name in enumerate(self.names)}

    def phones(self, text: str) -> list[str]:
        """The phones of a text between two pauses. Raises KeyError for a word that the world does not have."""
        found = [PAUSE]
        for word in text.lower().split():
            if word not in self.words:
                raise KeyError(f"no word {word!r} in the lexicon of {len(self.words)} words")
            found += self.words[word]
        return [*found, PAUSE]

    def encode(self, names: Sequence[str]) -> list[int]:
        """The ids of phones. Raises KeyError for a name that is none."""
        return [self.ids[name] for name in names]

    def __call__(self, texts: str | Sequence[str]) -> dict[str, Any]:
        """Texts to int64 tensors (n, length): input_ids, filled up with 0, and attention_mask, 1 where a phone is."""
        import torch

        rows = [torch.tensor(self.encode(self.phones(t))) for t in ([texts] if isinstance(texts, str) else texts)]
        if not rows:
            raise ValueError("nothing to say: the list is empty")
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return {"input_ids": ids, "attention_mask": (ids != 0).long()}

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the table and the lexicon into a folder."""
        words = ",\n".join(f"  {json.dumps(w)}: {json.dumps(' '.join(p))}" for w, p in sorted(self.words.items()))
        text = f'{{\n "names": {json.dumps(" ".join(self.names))},\n "words": {{\n{words}\n }}\n}}\n'
        (Path(folder) / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Phones:
        """What `save_pretrained` wrote."""
        stored = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
        return cls(stored["names"].split(), {word: said.split() for word, said in stored["words"].items()})
