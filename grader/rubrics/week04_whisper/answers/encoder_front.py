# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `encoder_front`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, swap

ANSWERS = Answers("encoder_front")

FRONT = """
def convolve(x, weight, bias, stride=1):
    reach = weight.shape[-1] // 2
    patches = F.pad(x, (reach, reach)).unfold(2, weight.shape[-1], stride)
    return torch.einsum("nctk,ock->not", patches, weight) + bias[:, None]


def positions(length, width):
    speeds = 10_000 ** (-torch.arange(width // 2) / (width // 2 - 1))
    angles = torch.arange(length)[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=1)


with needs("encoder_front"):
    first, second = model.model.encoder.conv1, model.model.encoder.conv2
    with torch.no_grad():
        x = F.gelu(convolve(heard, first.weight, first.bias))
        x = F.gelu(convolve(x, second.weight, second.bias, stride=2))
    my_states = x.transpose(1, 2) + positions(x.shape[2], x.shape[1])
"""
ANSWERS.right(
    "a loop over the kernel",
    swap(
        FRONT,
        (
            "    patches = F.pad(x, (reach, reach)).unfold(2, weight.shape[-1], stride)\n"
            '    return torch.einsum("nctk,ock->not", patches, weight) + bias[:, None]',
            "    padded = F.pad(x, (reach, reach))\n"
            "    length = (padded.shape[2] - weight.shape[2]) // stride + 1\n"
            "    total = bias[None, :, None].expand(len(x), -1, length).clone()\n"
            "    for k in range(weight.shape[2]):\n"
            "        part = padded[:, :, k : k + stride * (length - 1) + 1 : stride]\n"
            "        total = total + weight[:, :, k] @ part\n"
            "    return total",
        ),
        (
            "    speeds = 10_000 ** (-torch.arange(width // 2) / (width // 2 - 1))\n",
            "    speeds = torch.exp(torch.linspace(0, -float(np.log(10_000)), width // 2))\n",
        ),
    ),
)
ANSWERS.right(
    "torch's own",
    swap(
        FRONT,
        (
            "    patches = F.pad(x, (reach, reach)).unfold(2, weight.shape[-1], stride)\n"
            '    return torch.einsum("nctk,ock->not", patches, weight) + bias[:, None]',
            "    return F.conv1d(x, weight, bias, stride=stride, padding=reach)",
        ),
    ),
)
ANSWERS.wrong(
    "a flipped kernel",
    swap(FRONT, ("patches, weight)", "patches, weight.flip(-1))")),
    "true convolution",
    slip="the kernel is flipped",
)
ANSWERS.wrong(
    "no padding", swap(FRONT, ("F.pad(x, (reach, reach))", "x")), "the ends are lost", slip="the ends are not padded"
)
ANSWERS.wrong("no bias", swap(FRONT, (" + bias[:, None]", "")), "no bias", slip="the bias is missing")
ANSWERS.wrong(
    "sines and cosines in turns",
    swap(
        FRONT,
        ("torch.cat([angles.sin(), angles.cos()], dim=1)", "torch.stack([angles.sin(), angles.cos()], -1).flatten(1)"),
    ),
    "the order of Vaswani et al.",
    slip="sines and cosines take turns",
)
ANSWERS.wrong(
    "a speed off by one",
    swap(FRONT, ("(width // 2 - 1))", "(width // 2))")),
    "the slowest wave is too quick",
    slip="the slowest wave is a step too quick",
)
ANSWERS.wrong(
    "kernels of three only",
    swap(FRONT, ("reach = weight.shape[-1] // 2", "reach = 1")),
    "the padding does not follow the kernel",
    slip="is that of a kernel of 3",
)
ANSWERS.wrong(
    "always every position",
    swap(FRONT, (".unfold(2, weight.shape[-1], stride)", ".unfold(2, weight.shape[-1], 1)")),
    "ignores the stride",
    slip="the stride is ignored",
)
ANSWERS.wrong(
    "causal",
    swap(FRONT, ("(reach, reach)", "(2 * reach, 0)")),
    "both zeros before",
    slip="both zeros are put before",
)
ANSWERS.wrong(
    "cosines first",
    swap(FRONT, ("[angles.sin(), angles.cos()]", "[angles.cos(), angles.sin()]")),
    "the halves exchanged",
    slip="the cosines come first",
)
ANSWERS.wrong(
    "counted from one",
    swap(FRONT, ("torch.arange(length)[:, None]", "torch.arange(1, length + 1)[:, None]")),
    "every position is one too late",
    slip="the first position is 0",
)
ANSWERS.wrong(
    "lengths halved",
    swap(FRONT, ("+ bias[:, None]", "[:, :, : x.shape[-1] // stride] + bias[:, None]")),
    "loses the last position of an odd length",
    visible_passes=True,
    slip="",
)
