"""A codec language model: the next code of a voice, after all that it has said (VALL-E's first stage).

    speaker = CodecLM.from_pretrained(tinyworld.checkpoint("codec_lm"))
    asked = speaker.asked(ids, durations, voice, style)      # float32 (frames, width): what each frame is to be
    codes = speaker.speak([asked], generator)[0]             # int64 (1, frames), for `MelCodec.decode`

Wang et al. 2023, section 4.2.1, with one change: which phone a frame belongs to is told, as in RALL-E (Xin et al.
2024), where VALL-E learns it from much speech. Durations come from the talker, the voice as the course's embedding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

CODES = 1024
START = CODES  # what stands before the first code
STYLES = 4
VOICE = 64
LONGEST = 320  # frames: a little over five seconds
TEMPERATURE, LIKELIEST = 0.8, 40


class CodecLM(nn.Module):
    """A GPT-2 over the codes of the codec's first book, whose input is a code and what its frame is to be, added.

    phones: how many there are.   width, layers: of the GPT-2, whose heads are 32 wide.
    """

    def __init__(self, phones: int, width: int = 160, layers: int = 4) -> None:
        super().__init__()
        config = GPT2Config(
            vocab_size=CODES + 1,
            n_positions=LONGEST,
            n_embd=width,
            n_layer=layers,
            n_head=width // 32,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            activation_function="gelu_pytorch_tanh",
            bos_token_id=START,
            eos_token_id=None,
        )
        self.model = GPT2LMHeadModel(config)
        self.here, self.before, self.after = (nn.Embedding(phones, width) for _ in range(3))
        self.within = nn.Linear(3, width)
        self.voice = nn.Linear(VOICE, width)
        self.style = nn.Embedding(STYLES, width)

    def asked(self, ids: torch.Tensor, durations: torch.Tensor, voice: torch.Tensor, style: int) -> torch.Tensor:
        """What each frame of a sentence is to be, float32 (frames, width).

        ids, durations: int64 (phones,), the latter in frames.   voice: float32 (64,).   style: index of the talker's.
        """
        at = torch.repeat_interleave(torch.arange(len(ids), device=ids.device), durations)
        first = durations.cumsum(0) - durations
        begun = torch.arange(len(at), device=ids.device) - first[at]
        lasts = durations[at]
        where = torch.stack([(begun + 0.5) / lasts, begun / 10, (lasts - begun) / 10], dim=1).float()
        neighbours = nn.functional.pad(ids, (1, 1))
        told = self.here(ids[at]) + self.before(neighbours[at]) + self.after(neighbours[at + 2])
        return told + self.within(where) + self.voice(voice) + self.style.weight[style]

    def forward(self, codes: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        """Logits of each frame's code, float32 (n, frames, 1024).

        codes: int64 (n, frames), of which those before a frame are looked at.   asked: float32 (n, frames, width).
        """
        before = nn.functional.pad(codes[:, :-1], (1, 0), value=START)
        states = self.model.transformer.wte(before) + asked
        return self.model(inputs_embeds=states, use_cache=False).logits[..., :CODES]

    @torch.inference_mode()
    def speak(
        self,
        asked: Sequence[torch.Tensor],
        generator: torch.Generator,
        temperature: float = TEMPERATURE,
        likeliest: int = LIKELIEST,
    ) -> list[torch.Tensor]:
        """Codes of sentences, each int64 (1, frames), drawn one after the other.

        asked: of each sentence, by `asked`.   temperature: above 0; below 1 the likely codes are likelier.   likeliest:
        so many codes may be drawn of each frame. Raises ValueError for what is too long.
        """
        if (longest := max(map(len, asked))) > LONGEST:
            raise ValueError(f"{longest} frames are more than {LONGEST}")
        told = nn.utils.rnn.pad_sequence(list(asked), batch_first=True)
        code = torch.full((len(told), 1), START)
        kept, drawn = None, []
        for frame in range(longest):
            state = self.model.transformer.wte(code) + told[:, frame : frame + 1]
            out = self.model(inputs_embeds=state, past_key_values=kept, use_cache=True)
            kept = out.past_key_values
            best = (out.logits[:, -1, :CODES] / temperature).topk(likeliest)
            chosen = torch.multinomial(best.values.softmax(-1), 1, generator=generator)
            code = best.indices.gather(1, chosen)
            drawn.append(code)
        codes = torch.cat(drawn, dim=1)
        return [row[None, : len(one)].clone() for row, one in zip(codes, asked, strict=True)]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the weights into a folder, in half precision."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {k: v.half().contiguous() for k, v in self.state_dict().items() if k != "model.lm_head.weight"}
        save_file(tensors, folder / "model.safetensors")
        config = self.model.config
        told = {"phones": self.here.num_embeddings, "width": config.n_embd, "layers": config.n_layer}
        (folder / "config.json").write_text(json.dumps(told) + "\n")

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> CodecLM:
        """What `save_pretrained` wrote, in single precision."""
        model = cls(**json.loads((Path(folder) / "config.json").read_text()))
        stored = {name: value.float() for name, value in load_file(Path(folder) / "model.safetensors").items()}
        model.load_state_dict(stored, strict=False)  # the output's weights are the codes' own
        return model.eval()
