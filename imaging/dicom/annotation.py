"""What is written onto a rendered picture where the reader asks for it (PS3.18, 8.3.5.1.1)."""

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from telehealth.core.names import fold

FONTS = (
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)
KEYWORDS = {
    "patient": ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    "technique": ("StudyDate", "Modality", "SeriesDescription", "KVP", "SliceThickness", "InstanceNumber"),
}
LINES_IN_HEIGHT = 28
LONGEST = 64


@cache
def _font_file() -> str | None:
    return next((name for name in FONTS if Path(name).exists()), None)


def written(image: Image.Image, dataset: Dataset, annotations: tuple[str, ...]) -> Image.Image:
    """The picture with the patient top left and the technique bottom left, white on a dark edge."""
    size = max(image.height // LINES_IN_HEIGHT, 9)
    name = _font_file()
    font = ImageFont.truetype(name, size) if name else ImageFont.load_default(size)
    canvas = image.convert("RGB")
    for which in annotations:
        lines = [line for keyword in KEYWORDS[which] if (line := _line(dataset, keyword))]
        text = "\n".join(lines if name else map(fold, lines))  # without a font of ours only plain letters are sure
        at, anchor = ((size // 2, size // 2), "la") if which == "patient" else ((size // 2, image.height - size // 2), "ld")
        ImageDraw.Draw(canvas).text(at, text, (255, 255, 255), font, anchor, stroke_width=1, stroke_fill=(0, 0, 0))
    return canvas


def _line(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else " ".join(str(value).replace("^", " ").split())[:LONGEST]
