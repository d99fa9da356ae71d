# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `patch_embed`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell

ANSWERS = Answers("patch_embed")

PATCHES = """
def patches(pixels, side):
    n, c, h, w = pixels.shape
    grid = pixels.reshape(n, c, h // side, side, w // side, side)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, c * side * side)
"""
TOKENS = """
def patch_tokens(pixels, kernel, bias, first, positions):
    seen = patches(pixels, kernel.shape[-1]) @ kernel.flatten(1).T + bias
    return torch.cat([first.expand(len(pixels), 1, -1), seen], dim=1) + positions
"""
PATCH_TAIL = """
with needs("patch_embed"):
    eyes = captioner.model.vision_model.embeddings
    opening_pixels = caption_lab.pixels(captioner, opening_pictures)
    with torch.no_grad():
        parts = eyes.patch_embedding.weight, eyes.patch_embedding.bias, eyes.class_embedding[0, 0]
        parts = [part.clone() for part in (*parts, eyes.position_embedding[0])]  # copies: BLIP stays whole
        my_tokens = patch_tokens(opening_pixels, *parts)
"""


def _patch(cut: str = PATCHES, tokens: str = TOKENS) -> str:
    return cell(cut, tokens, PATCH_TAIL)


ANSWERS.right(
    "unfold and a convolution",
    _patch(
        """
def patches(pixels, side):
    return F.unfold(pixels, side, stride=side).transpose(1, 2)
""",
        """
def patch_tokens(pixels, kernel, bias, first, positions):
    seen = F.conv2d(pixels, kernel, bias, stride=kernel.shape[-1]).flatten(2).mT
    start = first.reshape(1, 1, -1).repeat(pixels.shape[0], 1, 1)
    return torch.cat((start, seen), 1) + positions[None]
""",
    ),
)
ANSWERS.right(
    "loops",
    _patch(
        """
def patches(pixels, side):
    rows = []
    for top in range(0, pixels.shape[2], side):
        for left in range(0, pixels.shape[3], side):
            rows.append(pixels[:, :, top : top + side, left : left + side].flatten(1))
    return torch.stack(rows, dim=1)
""",
        """
def patch_tokens(pixels, kernel, bias, first, positions):
    cut = patches(pixels, kernel.shape[2])
    out = torch.zeros(cut.shape[0], cut.shape[1] + 1, kernel.shape[0])
    out[:, 0] = first
    out[:, 1:] = torch.einsum("npk,dk->npd", cut, kernel.reshape(len(kernel), -1)) + bias
    return out + positions
""",
    ),
)
ANSWERS.wrong(
    "cut like a ribbon",
    _patch(PATCHES.replace("return grid.permute(0, 2, 4, 1, 3, 5)", "return pixels")),
    "reshapes without a permute: strips of pixels instead of squares",
    slip="cuts the row of numbers into pieces",
)
ANSWERS.wrong(
    "column by column",
    _patch(PATCHES.replace("permute(0, 2, 4, 1, 3, 5)", "permute(0, 4, 2, 1, 3, 5)")),
    "reads the grid column by column",
    slip="read column by column",
)
ANSWERS.wrong(
    "colour last",
    _patch(PATCHES.replace("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 3, 5, 1)")),
    "puts the colour last within a patch",
    slip="the colour comes last",
)
ANSWERS.wrong(
    "class token at the end",
    _patch(
        tokens=TOKENS.replace("[first.expand(len(pixels), 1, -1), seen]", "[seen, first.expand(len(pixels), 1, -1)]")
    ),
    "appends the class token",
    slip="the class token stands at the end",
)
ANSWERS.wrong(
    "no positions",
    _patch(tokens=TOKENS.replace(" + positions", "")),
    "forgets the positions",
    slip="the positions are missing",
)
ANSWERS.wrong(
    "squares only",
    _patch(
        """
def patches(pixels, side):
    n, c, h, w = pixels.shape
    g = h // side
    return pixels.reshape(n, c, g, side, g, side).permute(0, 2, 4, 1, 3, 5).reshape(n, g * g, c * side * side)
"""
    ),
    "takes every picture for a square",
    visible_passes=True,
)
ANSWERS.wrong(
    "written into the positions",
    _patch(
        tokens="""
def patch_tokens(pixels, kernel, bias, first, positions):
    bias += 0.0
    positions[0] += first
    seen = patches(pixels, kernel.shape[-1]) @ kernel.flatten(1).T + bias
    return torch.cat([torch.zeros(len(pixels), 1, len(first)), seen], dim=1) + positions
"""
    ),
    "adds the class token into the caller's positions",
    visible_passes=True,
)
