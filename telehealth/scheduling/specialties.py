"""The specialties that patients choose from: code -> English name, translated where it is shown."""

SPECIALTIES: dict[str, str] = {
    "general": "General practice",
    "cardiology": "Cardiology",
    "neurology": "Neurology",
    "pulmonology": "Lungs and breathing",
    "gastroenterology": "Stomach and bowel",
    "endocrinology": "Diabetes and hormones",
    "nephrology": "Kidneys",
    "oncology": "Cancer",
    "orthopaedics": "Bones and joints",
    "paediatrics": "Children",
    "obstetrics": "Women and pregnancy",
    "dermatology": "Skin",
    "ophthalmology": "Eyes",
    "otolaryngology": "Ear, nose and throat",
    "psychiatry": "Mental health",
    "radiology": "Radiology",
    "rehabilitation": "Rehabilitation",
    "traditional": "Traditional medicine",
}
