# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `block`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("block")

BLOCK = """
def spacetime_block(film, text, time, parts):
    words = text.shape[1]

    def modulated(i):
        rows = parts.modulations[i](time)[:, None].chunk(6, dim=-1)
        shift, scale, gate, text_shift, text_scale, text_gate = rows
        told = parts.norms[i](text) * (1 + text_scale) + text_shift
        return torch.cat([told, parts.norms[i](film) * (1 + scale) + shift], dim=1), gate, text_gate

    tokens, gate, text_gate = modulated(0)
    q, k, v = parts.project(tokens)
    q, k = (torch.cat([x[:, :, :words], parts.turn(x[:, :, words:])], dim=2) for x in (q, k))
    made = parts.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
    film, text = film + gate * made[:, words:], text + text_gate * made[:, :words]
    tokens, gate, text_gate = modulated(1)
    made = parts.feed(tokens)
    return film + gate * made[:, words:], text + text_gate * made[:, :words]
"""
TURNED = "    q, k = (torch.cat([x[:, :, :words], parts.turn(x[:, :, words:])], dim=2) for x in (q, k))\n"
ROWS = "        shift, scale, gate, text_shift, text_scale, text_gate = rows\n"


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(BLOCK, *pairs))


ANSWERS.right(
    "by hand",
    cell(
        """
def spacetime_block(film, text, time, parts):
    n, words, d = text.shape
    both = torch.cat([text, film], dim=1)
    is_film = (torch.arange(both.shape[1]) >= words)[None, :, None]
    for i in (0, 1):
        six = parts.modulations[i](time).view(n, 6, 1, d)
        shift = torch.where(is_film, six[:, 0], six[:, 3])
        scale = torch.where(is_film, six[:, 1], six[:, 4])
        gate = torch.where(is_film, six[:, 2], six[:, 5])
        tokens = parts.norms[i](both) * (1 + scale) + shift
        if i == 1:
            both = both + gate * parts.feed(tokens)
            break
        q, k, v = parts.project(tokens)
        q, k = q.clone(), k.clone()
        q[:, :, words:] = parts.turn(q[:, :, words:])
        k[:, :, words:] = parts.turn(k[:, :, words:])
        weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)
        both = both + gate * parts.out((weights @ v).permute(0, 2, 1, 3).reshape(n, -1, d))
    return both[:, words:], both[:, :words]
"""
    ),
)
ANSWERS.right(
    "out of the sequence's order",
    answer(
        (
            "F.scaled_dot_product_attention(q, k, v)",
            "torch.cat([F.scaled_dot_product_attention(q[:, :, :words], k.flip(2), v.flip(2)), "
            "F.scaled_dot_product_attention(q[:, :, words:], k, v)], dim=2)",
        )
    ),
)
ANSWERS.wrong("not turned", answer((TURNED, "")), "leaves out the turns", slip="queries and keys were not turned")
ANSWERS.wrong(
    "words turned",
    answer(
        (
            TURNED,
            "    q, k = parts.turn(q), parts.turn(k)\n",
        )
    ),
    "turns the words with the film",
    slip="no token knows its place",
)
ANSWERS.wrong(
    "values turned",
    answer(("    q, k = (", "    q, k, v = ("), ("for x in (q, k))", "for x in (q, k, v))")),
    "turns the values too",
    slip="values were turned too",
)
ANSWERS.wrong(
    "apart",
    answer(
        (
            "F.scaled_dot_product_attention(q, k, v)",
            "torch.cat([F.scaled_dot_product_attention(q[:, :, s], k[:, :, s], v[:, :, s]) "
            "for s in (slice(None, words), slice(words, None))], dim=2)",
        )
    ),
    "lets words and film attend apart",
    slip="words and film attend apart",
)
ANSWERS.wrong(
    "one for both",
    answer((ROWS, ROWS + "        text_shift, text_scale, text_gate = shift, scale, gate\n")),
    "modulates the text as the film",
    slip="the text was modulated as the film is",
)
ANSWERS.wrong(
    "text first",
    answer((ROWS, "        text_shift, text_scale, text_gate, shift, scale, gate = rows\n")),
    "gives the text the first three",
    slip="the film has the first three",
)
ANSWERS.wrong(
    "scale first",
    answer((ROWS, "        scale, shift, gate, text_scale, text_shift, text_gate = rows\n")),
    "exchanges shift and scale",
    slip="shift comes first",
)
ANSWERS.wrong(
    "scale from 0",
    answer(("(1 + text_scale)", "text_scale"), ("(1 + scale)", "scale")),
    "counts the scale from 0",
    slip="scale is counted from 0",
)
ANSWERS.wrong(
    "no gates",
    answer(("gate, text_gate\n\n", "torch.ones(()), torch.ones(())\n\n")),
    "leaves out the gates",
    slip="without its gate",
)
ANSWERS.wrong(
    "no norms",
    answer(("parts.norms[i](text)", "text"), ("parts.norms[i](film)", "film")),
    "leaves out the norms",
    slip="without the norm before",
)
ANSWERS.wrong(
    "side by side",
    answer(
        (
            "    tokens, gate, text_gate = modulated(0)\n",
            "    later = modulated(1)\n    tokens, gate, text_gate = modulated(0)\n",
        ),
        ("    tokens, gate, text_gate = modulated(1)\n", "    tokens, gate, text_gate = later\n"),
    ),
    "gives the feed-forward layer what came in",
    slip="the feed-forward layer was given what came in",
)
ANSWERS.wrong(
    "heads mixed",
    answer((".transpose(1, 2).flatten(2))", ".reshape(len(film), -1, film.shape[-1]))")),
    "flattens the heads in the wrong order",
    slip="heads were flattened before",
)
ANSWERS.wrong(
    "no last layer",
    answer(
        ("parts.out(F.scaled", "(F.scaled"),
    ),
    "leaves out attention's last layer",
    slip="attention's last layer",
)
ANSWERS.wrong(
    "text as it came",
    answer(
        ("text + text_gate * made[:, :words]\n", "text\n"),
    ),
    "returns the text as it came",
    slip="the text came back as it was",
)
ANSWERS.wrong(
    "four words",
    answer(("    words = text.shape[1]\n", "    words = 4\n")),
    "takes four words for granted",
    visible_passes=True,
    slip="",
)
