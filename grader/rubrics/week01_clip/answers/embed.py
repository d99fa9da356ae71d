# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `embed`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("embed")

EMBED = "def embed(model, processor, images, texts):"
EMBED_TAIL = """
with clip_lab.needs("embed"):
    image_embeddings, text_embeddings = embed(clip.model, clip.processor, album.pictures[:48], album.captions[:48])
"""
EMBED_BODY = """
inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.no_grad():
    u = models.features(model.get_image_features(pixel_values=inputs["pixel_values"]))
    v = models.features(model.get_text_features(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]))
"""


def _embed(body: str, tail: str = EMBED_TAIL) -> str:
    return cell(function(EMBED, body), tail)


ANSWERS.right(
    "the whole model at once",
    _embed(
        """
inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.inference_mode():
    out = model(**inputs)
return out.image_embeds.float().cpu().clone(), out.text_embeds.float().cpu().clone()
"""
    ),
)
ANSWERS.right(
    "tower by tower, one by one",
    _embed(
        """
u, v = [], []
with torch.no_grad():
    for image in images:
        pixels = processor(images=image, return_tensors="pt")["pixel_values"].to(model.device)
        u.append(model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)[0])
    for text in texts:
        ids = processor(text=[text], return_tensors="pt", truncation=True)["input_ids"].to(model.device)
        v.append(model.text_projection(model.text_model(input_ids=ids).pooler_output)[0])
u, v = torch.stack(u).cpu(), torch.stack(v).cpu()
return u / u.norm(dim=1, keepdim=True), v / v.norm(dim=1, keepdim=True)
"""
    ),
)
ANSWERS.wrong(
    "not normalised",
    _embed(EMBED_BODY + "return u.cpu(), v.cpu()"),
    "forgot to divide by the lengths",
    slip="not of length 1",
)
ANSWERS.wrong(
    "normalised along the wrong axis",
    _embed(EMBED_BODY + "return F.normalize(u, dim=0).cpu(), F.normalize(v, dim=0).cpu()"),
    "dim=0 normalises each feature over the batch",
    slip="along the wrong axis",
)
ANSWERS.wrong(
    "exchanged",
    _embed(EMBED_BODY + "return F.normalize(v, dim=-1).cpu(), F.normalize(u, dim=-1).cpu()"),
    "returns texts first",
    slip="the images come first",
)
ANSWERS.wrong(
    "without the projection",
    _embed(
        """
inputs = processor(text=texts, images=images, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.no_grad():
    u = model.vision_model(pixel_values=inputs["pixel_values"]).pooler_output
    v = model.text_model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).pooler_output
return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()
"""
    ),
    "takes the towers' own features, before they enter the shared space",
    slip="projection into the shared space is missing",
)
ANSWERS.wrong(
    "pixels by hand",
    _embed(
        """
side = model.config.vision_config.image_size
small = [np.array(image.resize((side, side))) for image in images]
pixels = torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in small])
inputs = processor(text=texts, return_tensors="pt", padding=True, truncation=True).to(model.device)
with torch.no_grad():
    u = models.features(model.get_image_features(pixel_values=pixels.to(model.device)))
    v = models.features(model.get_text_features(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]))
return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()
"""
    ),
    "scales the pixels to [0, 1] but does not standardise them as in training",
    slip="not standardised",
)
ANSWERS.wrong(
    "squeezed",
    _embed(EMBED_BODY + "return F.normalize(u, dim=-1).squeeze().cpu(), F.normalize(v, dim=-1).squeeze().cpu()"),
    "squeeze() drops the batch's axis when there is one picture",
    slip="took its axis away",
)
ANSWERS.wrong(
    "the global model",
    _embed(
        EMBED_BODY.replace("model.", "clip.model.")
        + "return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()"
    ),
    "uses the notebook's model instead of the argument",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "made-up arrays",
    _embed(
        EMBED_BODY + "return F.normalize(u, dim=-1).cpu(), F.normalize(v, dim=-1).cpu()",
        "image_embeddings = F.normalize(torch.randn(48, clip.model.config.projection_dim), dim=-1)\n"
        "text_embeddings = F.normalize(image_embeddings + 0.1 * torch.randn_like(image_embeddings), dim=-1)",
    ),
    "the function is right, but the album's embeddings were invented",
    visible_passes=True,
    slip="",
)
