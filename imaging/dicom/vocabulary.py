"""Words of the trade that say nothing about a person: all that is left of a free text (PS3.15, E.3.5)."""

import re
from unicodedata import normalize

ENGLISH = """
abdomen abdominal adrenal angio angiography ankle aorta aortic ap arch arm arms arterial artery axial axillary bladder bolus
bone bones bowel brain breast bronchus calcaneus cardiac carotid carpal cc cect cerebral cervical chest clavicle coccyx colon
contrast coronal coronary cor cranium ct cta cube cxr decub decubitus delayed diffusion dual dwi dynamic ear ears echo elbow
endo epi erect expiration extremity eye facial fast fat fem femoral femur fiesta finger fingers flair foot forearm frontal
gallbladder gre haste hand hands head heart hip hips hires humerus iac inspiration joint kidney kidneys knee knees kub l lat
lateral left leg legs liver ll lmlo localizer lower lspine lumbar lung lungs lumen mandible mastoid maxilla mediastinum mlo mip
mpr mr mra mri mrcp nasal native neck no non oblique obl open orbit orbits ovary pa pancreas patella pelvis perfusion phase
plain portal post posterior pre prone prostate pulmonary r rectum renal rib ribs right rl rmlo sacrum sag sagittal scapula scout
sella series sinus sinuses skull spgr spine spleen stack standing sternum stir supine survey swi t te temporal thigh thin thick
thoracic thorax throat thyroid tibia tmj toe toes tof topogram tr trachea transverse tse tspine ultrasound unenhanced upper us
uterus venous vessel view vibe w wb whole wi with without wo wrist xr xray
"""
VIETNAMESE = """
bụng ngực phổi sọ não cột sống thắt lưng cổ vai khuỷu tay bàn tay háng khớp gối chân xương gan mật tụy lách thận bàng quang
tử cung buồng trứng động mạch tĩnh mạch xoang mặt tai mũi họng thẳng nghiêng chếch trước sau trái phải trên dưới có không cản
thuốc siêu âm quang cắt lớp cộng hưởng từ thì muộn chụp ổ
"""
"""With their marks only: without, several are names (Mai, Hong, Thi)."""
WORDS = frozenset(f"{ENGLISH}{VIETNAMESE}".split())
TECHNICAL = re.compile(r"(t[12]\*?w?|\d{1,3}(\.\d{1,2})?(mm|cm|kv|kvp|ma|s|ms|hz|t|d)?|[23]d|c[1-7]|th?\d{1,2}|l[1-5])")
"""T1, T2w, 5mm, 120kV, 3D, C5: lone numbers of up to three digits are settings, longer ones may be somebody's."""


def technical_words(text: str) -> str:
    """The words of the text that are known, in their order; everything else is left out."""
    kept = [word for word in re.split(r"[\s^_/,;:()\[\]+\-]+", text) if _is_known(normalize("NFC", word).casefold())]
    return " ".join(kept)[:64]


def _is_known(word: str) -> bool:
    return word in WORDS or TECHNICAL.fullmatch(word) is not None
