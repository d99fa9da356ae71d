"""The words of the world and what they look like: every other module reads them from here."""

SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "star", "cross", "ring")

# Name -> RGB, 0..255. Far apart in hue, and none of them close to a background.
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 35),
    "orange": (250, 135, 20),
    "yellow": (250, 215, 0),
    "green": (30, 150, 55),
    "cyan": (30, 200, 215),
    "blue": (35, 70, 215),
    "purple": (125, 40, 165),
    "pink": (250, 120, 190),
}

SIZES: tuple[str, ...] = ("small", "large")

# Distance from an object's centre to its farthest point, as a part of the picture's side: 8 and 13 pixels of 64.
RADII: dict[str, float] = {"small": 0.13, "large": 0.205}

BACKGROUNDS: tuple[str, ...] = ("white", "grey", "black", "beige", "striped", "checked")

# One RGB for a plain background, two for a patterned one.
BACKGROUND_COLOURS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "white": ((255, 255, 255),),
    "grey": ((150, 150, 150),),
    "black": ((20, 20, 20),),
    "beige": ((225, 208, 170),),
    "striped": ((250, 250, 250), (195, 200, 210)),
    "checked": ((85, 85, 90), (125, 125, 130)),
}

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below")

OPPOSITE: dict[str, str] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

NUMBERS: tuple[str, ...] = ("zero", "one", "two", "three")

# (colour, shape) pairs that no scene of train, validation or test contains: the compositional split is made of them.
# Every shape and six of the colours lose one partner, so each word is still learnt, only never together.
HELD_OUT_PAIRS: frozenset[tuple[str, str]] = frozenset(
    {
        ("orange", "circle"),
        ("purple", "square"),
        ("cyan", "triangle"),
        ("pink", "star"),
        ("green", "cross"),
        ("yellow", "ring"),
    }
)
