"""Films: the world learns to move, sound and be measured.

    from tinyworld import films
    film = films.films("test", 1)[0]
    film.frames(8)                # uint8 (8, 64, 64, 3), one second
    film.trajectory(8)            # where everything is in each frame, and what happens when
    films.caption(film)           # "a small red star bounces on the floor on a white background"
    films.questions(film)         # [Question(text="does the red star bounce?", answer="yes", kind="floor"), ...]
    films.soundtrack(film)        # float32 (16000,), one second at 16 kHz
    films.imu(film)               # float32 (64, 6), m/s^2 and rad/s

`python -m tinyworld films` draws one of each motion as an animation. `tinyworld.films.reading` reads frames back; it
needs torch, as nothing else here does.
"""

from tinyworld.films.film import Event, Film, Trajectory
from tinyworld.films.laws import GRAVITY, METRES, SECONDS
from tinyworld.films.motions import MOODS, MOTIONS, PACES
from tinyworld.films.sampling import films, split_of
from tinyworld.films.sensors import imu
from tinyworld.films.soundtrack import soundtrack
from tinyworld.films.words import (
    FilmFacts,
    caption,
    facts,
    motion_phrase,
    parse_caption,
    questions,
    still_caption,
    story,
)

__all__ = [
    "Event",
    "Film",
    "FilmFacts",
    "GRAVITY",
    "METRES",
    "MOODS",
    "MOTIONS",
    "PACES",
    "SECONDS",
    "Trajectory",
    "caption",
    "facts",
    "films",
    "imu",
    "motion_phrase",
    "parse_caption",
    "questions",
    "soundtrack",
    "split_of",
    "still_caption",
    "story",
]
