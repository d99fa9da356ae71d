# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `ema`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("ema")

EMA = """
def ema_codes(counts, sums, z, ids, decay=0.99, eps=1e-5):
    belongs = F.one_hot(ids, len(counts)).to(z.dtype)
    counts = decay * counts + (1 - decay) * belongs.sum(dim=0)
    sums = decay * sums + (1 - decay) * belongs.T @ z
    total = counts.sum()
    smooth = (counts + eps) / (total + len(counts) * eps) * total
    return counts, sums, sums / smooth[:, None]
"""
RESTART = """
def restart_dead(codebook, counts, sums, z, least, seed):
    codebook, counts, sums = codebook.clone(), counts.clone(), sums.clone()
    dead = (counts < least).nonzero().flatten()
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    chosen = z[order.repeat(len(dead) // len(z) + 1)[: len(dead)]]
    codebook[dead], counts[dead], sums[dead] = chosen, 1.0, chosen
    return codebook, counts, sums
"""
TAIL = """
with needs("ema"):
    my_codes, my_usage = token_lab.learn_codes(token_lab.latents_of(vq, 96, SEED), ema_codes, restart_dead, SEED)
    print(f"after {len(my_usage)} steps a perplexity of {my_usage[-1]:.0f}, of {len(my_codes)} codes")
"""


def ema(*pairs: tuple[str, str]) -> str:
    return cell(swap(EMA, *pairs), RESTART, TAIL)


def restart(*pairs: tuple[str, str]) -> str:
    return cell(EMA, swap(RESTART, *pairs), TAIL)


ANSWERS.right(
    "code by code",
    cell(
        """
def ema_codes(counts, sums, z, ids, decay=0.99, eps=1e-5):
    k, new_counts, new_sums = len(counts), [], []
    for i in range(k):
        mine = z[ids == i]
        new_counts.append(decay * counts[i] + (1 - decay) * len(mine))
        new_sums.append(decay * sums[i] + (1 - decay) * mine.sum(0))
    counts, sums = torch.stack(new_counts), torch.stack(new_sums)
    n = counts.sum()
    return counts, sums, sums / (n * (counts + eps) / (n + k * eps)).unsqueeze(1)
""",
        """
def restart_dead(codebook, counts, sums, z, least, seed):
    rng = np.random.default_rng(seed)
    out = [codebook.clone(), counts.clone(), sums.clone()]
    dead = [i for i, count in enumerate(counts.tolist()) if count < least]
    rows = rng.permutation(len(z)).tolist() if len(dead) <= len(z) else rng.integers(len(z), size=len(dead)).tolist()
    for code, row in zip(dead, rows):
        out[0][code], out[1][code], out[2][code] = z[row], 1, z[row]
    return tuple(out)
""",
        TAIL,
    ),
)
ANSWERS.right(
    "index_add",
    cell(
        """
def ema_codes(counts, sums, z, ids, decay=0.99, eps=1e-5):
    hits = torch.bincount(ids, minlength=len(counts)).to(counts)
    added = torch.zeros_like(sums).index_add_(0, ids, z)
    counts, sums = torch.lerp(hits, counts, decay), torch.lerp(added, sums, decay)
    share = (counts + eps) / (counts + eps).sum()
    return counts, sums, sums / (share * counts.sum())[:, None]
""",
        """
def restart_dead(codebook, counts, sums, z, least, seed):
    generator, dead = torch.Generator().manual_seed(seed), counts < least
    number = int(dead.sum())
    fresh = codebook.clone()
    if number:
        rows = torch.multinomial(torch.ones(len(z)), number, replacement=number > len(z), generator=generator)
        fresh[dead] = z[rows]
    return (
        fresh,
        torch.where(dead, torch.ones_like(counts), counts),
        torch.where(dead[:, None], fresh, sums),
    )
""",
        TAIL,
    ),
)
ANSWERS.wrong(
    "raw counts",
    ema(("    smooth = (counts + eps) / (total + len(counts) * eps) * total\n", "    smooth = counts\n")),
    "divides by counts that are not smoothed",
    slip="its count is not smoothed",
)
ANSWERS.wrong(
    "decay the other way round",
    ema(
        ("decay * counts + (1 - decay) * belongs", "(1 - decay) * counts + decay * belongs"),
        ("decay * sums + (1 - decay) * belongs", "(1 - decay) * sums + decay * belongs"),
    ),
    "lets decay weigh the new",
    slip="decay weighs what is new",
)
ANSWERS.wrong(
    "batch added whole",
    ema(("(1 - decay) * belongs.sum(dim=0)", "belongs.sum(dim=0)"), ("(1 - decay) * belongs.T", "belongs.T")),
    "adds the batch without a weight",
    slip="added whole",
)
ANSWERS.wrong(
    "the batch's own counts",
    ema(("sums / smooth[:, None]", "sums / belongs.sum(dim=0).clamp(min=1)[:, None]")),
    "divides running sums by the batch's counts",
    slip="divided by the batch's own counts",
)
ANSWERS.wrong(
    "sums for codes",
    ema(("sums / smooth[:, None]", "sums")),
    "forgets to divide",
    slip="were not divided",
)
ANSWERS.wrong(
    "means averaged",
    ema(("belongs.T @ z", "(belongs.T @ z) / belongs.sum(dim=0).clamp(min=1)[:, None]")),
    "averages the batch's means",
    slip="the batch's means were averaged",
)
ANSWERS.wrong(
    "back from nowhere",
    restart(
        (
            "    chosen = z[order.repeat(len(dead) // len(z) + 1)[: len(dead)]]\n",
            "    chosen = torch.randn(len(dead), z.shape[1], generator=torch.Generator().manual_seed(seed))\n",
        )
    ),
    "restarts from random numbers",
    slip="something that is no row of z",
)
ANSWERS.wrong(
    "all at one place",
    restart(("z[order.repeat(len(dead) // len(z) + 1)[: len(dead)]]", "z[order[:1]].expand(len(dead), -1)")),
    "sends all dead codes to one latent",
    slip="the same row of z",
)
ANSWERS.wrong(
    "sums of the dead",
    restart(
        ("codebook[dead], counts[dead], sums[dead] = chosen, 1.0, chosen", "codebook[dead], counts[dead] = chosen, 1.0")
    ),
    "leaves the old sums, which bring the old code back",
    slip="the sums of the dead are as they were",
)
ANSWERS.wrong(
    "counts of the dead",
    restart(
        (
            "codebook[dead], counts[dead], sums[dead] = chosen, 1.0, chosen",
            "codebook[dead], sums[dead] = chosen, chosen",
        )
    ),
    "leaves the old counts",
    slip="the counts of the dead are as they were",
)
ANSWERS.wrong(
    "on the edge",
    restart(("counts < least", "counts <= least")),
    "takes a code for dead whose count is just `least`",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "in place",
    restart(("    codebook, counts, sums = codebook.clone(), counts.clone(), sums.clone()\n", "")),
    "writes into the codebook that it was given",
    visible_passes=True,
    slip="",
)
