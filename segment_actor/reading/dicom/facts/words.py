"""The words of a header that may be told on: what is on no list of this module is `other`.

A header's texts are free: users write names of wards, of physicians and of patients into them. So
no text of a header goes on; a word of one of these lists does, in the list's spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

OTHER: Final = "other"
"""There was a text, and it is on no list."""

IMAGE_TYPES_OF_DICOM: Final = frozenset(
    (
        "ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "MIXED", "AXIAL", "LOCALIZER", "NONE",
        # of enhanced CT, value 3 (PS3.3, C.8.15.2.1.1)
        "ANGIO", "ATTENUATION", "CARDIAC", "CARDIAC_GATED", "CARDRESP_GATED", "DYNAMIC",
        "FLUOROSCOPY", "MOTION", "NON_PARALLEL", "PARALLEL", "PERFUSION", "POST_CONTRAST",
        "PRE_CONTRAST", "RESP_GATED", "REST", "STATIC", "STRESS", "VOLUME", "WHOLE_BODY",
        # of enhanced CT, value 4 (PS3.3, C.8.16.1.4)
        "ADDITION", "DIVISION", "ENERGY_PROP_WT", "FILTERED", "MASKED", "MAXIMUM", "MAX_IP", "MEAN",
        "MEDIAN", "MINIMUM", "MIN_IP", "MULTIPLICATION", "QUANTITY", "RESAMPLED", "STD_DEVIATION",
        "SUBTRACTION",
        # of several energies (Supplement 188)
        "VMI", "MAT_SPECIFIC", "MAT_REMOVED", "MAT_FRACTIONAL", "MAT_MODIFIED", "MAT_VALUE_BASED",
        "EFF_ATOMIC_NUM", "ELECTRON_DENSITY",
    )
)  # fmt: skip
"""Defined terms of Image Type for CT."""

IMAGE_TYPES_OF_MAKERS: Final = frozenset(
    (
        # how it was scanned: Siemens, Philips, GE
        "CT_SOM5 SPI", "CT_SOM5 SEQ", "CT_SOM5 TOP", "CT_SOM7 SPI", "CT_SOM7 SEQ", "CT_SOM7 TOP",
        "CT_SOM5 SPI DUAL", "CT_SOM7 SPI DUAL", "CT_SOM10 DET3D", "CT_SOM5 MONOENERGETIC",
        "HELIX", "HELICAL", "CINE", "NORMAL", "SCOUT", "TOPOGRAM", "SURVIEW", "ECG", "GATED",
        "RETRO",
        # which tube, detector or energy: Siemens
        "STD", "SNRG", "MNRG", "DNRG", "DET_A", "DET_B", "DET_AB", "DET3D", "COUNT_2SRC", "CONVCT",
        "DUAL", "DE_COMP", "MONO_E", "MONOENERGETIC", "MONOE", "VNC", "VIRTUAL NON CONTRAST",
        # what was made of it
        "AVERAGE", "CALCIUM", "CPR", "CURVED", "DOSE", "DOSE INFO", "FUSION", "IODINE", "MAP",
        "MIN IP", "MINIP", "MIP", "MIXED ENERGY", "MPR", "MPR THICK", "OTHER", "OVERLAP",
        "PROCESSED", "PROJECTION IMAGE", "REFORMATTED", "RENDERED", "REPORT", "SCREEN SAVE",
        "SCREEN SHOT", "SSD", "SURFACE", "VOLUME RENDER", "VRT", "GSI", "GSI MONO", "GSI MD",
        "JP2K LOSSY 6:1",
        "CSA 3D EDITOR", "CSA AVERAGE", "CSA BLACK IMAGE", "CSA MIP", "CSA MIP THIN", "CSA MPR",
        "CSA MPR THICK", "CSA MPR THIN", "CSA RESAMPLED", "CSA RESULT", "CSAMANIPULATED",
        "CSAPARALLEL",
    )
)  # fmt: skip
"""What makers write besides, as found in headers of public collections (OSIC Pulmonary Fibrosis,
The Cancer Imaging Archive) and in conformance statements of Siemens (syngo CT), GE and Philips."""

IMAGE_TYPES: Final = IMAGE_TYPES_OF_DICOM | IMAGE_TYPES_OF_MAKERS

BODY_PARTS_OF_DICOM: Final = frozenset(
    (
        "ABDOMEN", "ABDOMENPELVIS", "ABDOMINALAORTA", "ACJOINT", "ADRENAL", "ANKLE", "AORTA",
        "AORTICARCH", "APPENDIX", "ARTERY", "ASCAORTA", "ASCENDINGCOLON", "AXILLA", "BACK",
        "BILEDUCT", "BILIARYTRACT", "BLADDER", "BRAIN", "BREAST", "BRONCHUS", "BUTTOCK",
        "CALCANEUS", "CALF", "CARDIOVASCSYS", "CAROTID", "CEREBELLUM", "CERVIX", "CHEST",
        "CHESTABDOMEN", "CHESTABDPELVIS", "CIRCLEOFWILLIS", "CLAVICLE", "COCCYX", "COLON",
        "CORONARYARTERY", "CSPINE", "CTSPINE", "DESCAORTA", "DESCENDINGCOLON", "DUODENUM", "EAR",
        "ELBOW", "ESOPHAGUS", "EXTREMITY", "EYE", "FACE", "FEMUR", "FIBULA", "FINGER", "FLANK",
        "FOOT", "FOREARM", "GALLBLADDER", "HAND", "HEAD", "HEADNECK", "HEART", "HIP", "HUMERUS",
        "HYPOPHARYNX", "IAC", "ILEUM", "ILIUM", "INTRACRANIAL", "JAW", "JEJUNUM", "JOINT",
        "KIDNEY", "KNEE", "LARGEINTESTINE", "LARYNX", "LATRIUM", "LIVER", "LOWERLEG", "LOWERLIMB",
        "LOWERTRUNK", "LSPINE", "LSSPINE", "LUMBAR", "LUNG", "MANDIBLE", "MASTOID", "MAXILLA",
        "MEDIASTINUM", "MOUTH", "NASOPHARYNX", "NECK", "NECKCHEST", "NECKCHESTABDOMEN",
        "NECKCHESTABDPELV", "NOSE", "OPTICCANAL", "ORBIT", "OVARY", "PANCREAS", "PARATHYROID",
        "PAROTID", "PATELLA", "PELVIS", "PELVISLOWEXTREMT", "PERINEUM", "PHANTOM", "PHARYNX",
        "PHARYNXLARYNX", "PORTALV", "PROSTATE", "PULMONARYA", "PULMONARYV", "RADIUS", "RADIUSULNA",
        "RECTUM", "RENALA", "RETROPERITONEUM", "RIB", "SCALP", "SCAPULA", "SCJOINT", "SELLA",
        "SHOULDER", "SIGMOID", "SIJOINT", "SKULL", "SMALLINTESTINE", "SPINALCORD", "SPINE",
        "SPLEEN", "SSPINE", "STERNUM", "STOMACH", "SUBMANDIBULAR", "SUPRACLAVICULAR", "TESTIS",
        "THIGH", "THORACICAORTA", "THORAX", "THUMB", "THYMUS", "THYROID", "TIBIA", "TIBIAFIBULA",
        "TLSPINE", "TMJ", "TOE", "TONGUE", "TRACHEA", "TRACHEABRONCHUS", "TRUNK", "TSPINE", "ULNA",
        "UPPERARM", "UPPERLIMB", "UPPERTRUNK", "UPRURINARYTRACT", "URETER", "URETHRA", "UTERUS",
        "VAGINA", "VEIN", "WHOLEBODY", "WRIST", "ZYGOMA",
    )
)  # fmt: skip
"""Body Part Examined of PS3.16, Annex L, without what no CT is taken of alone (single branches of
vessels, ways of an endoscope, parts of the unborn)."""

BODY_PARTS_OF_MAKERS: Final = frozenset(
    ("BODY", "CAP", "CARDIAC", "CHESTABD", "CHESTTOPELVIS", "PARTIALBODY", "SINUS", "SINUSES")
)
"""What scanners write besides, as found in headers of public collections."""

BODY_PARTS: Final = BODY_PARTS_OF_DICOM | BODY_PARTS_OF_MAKERS

ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "IV": (
        "iv", "intravenous", "intravenously", "intravenousroute", "intravenös", "intravenoes",
        "intraveineuse", "intraveineux", "intravenosa", "intravenoso", "endovenosa", "endovenoso",
        "47625008", "gd101",
    ),
    "ORAL": (
        "oral", "orally", "oralroute", "po", "peros", "bymouth", "orale", "26643006", "gd140",
    ),
    "RECTAL": (
        "rectal", "rectally", "perrectum", "pr", "rektal", "rectale", "rettale", "37161004",
        "gd160",
    ),
    "INTRAARTERIAL": ("ia", "intraarterial", "intraarterialroute", "58100008", "gd102"),
    "INTRATHECAL": ("intrathecal", "intrathecalroute", "it", "72607000"),
    "INTRAARTICULAR": ("intraarticular", "intraarticularroute", "12130007"),
    "INTRAPERITONEAL": ("intraperitoneal", "intraperitonealroute", "38239002"),
    "INTRAVESICAL": ("intravesical", "intravesicalroute"),
    "VAGINAL": ("vaginal", "vaginalroute", "16857009"),
    "INHALATION": ("inhalation", "inhaled", "byinhalation", "446406008"),
}  # fmt: skip
"""How a contrast agent is given: the routes of PS3.16, CID 11, of which a CT may have need, with
their codes (SNOMED, and SNOMED RT of older scanners) and other ways to write them."""

_ROUTE_OF: Final = {word: route for route, words in ROUTES.items() for word in words}
_BETWEEN_ROUTES: Final = re.compile(r"[\\,;/+&]+|\b(?:and|und|et|y|e)\b")


def plain(text: str) -> str:
    """A text by its letters, digits and plus signs alone: the form in which names are compared."""
    return "".join(c for c in text.casefold() if c.isalnum() or c == "+")


def image_type_of(values: Iterable[str]) -> str | None:
    """Image Type (0008,0008) in words of `IMAGE_TYPES`, joined by a backslash; None if empty."""
    words = (value.upper().strip() for value in values)
    return "\\".join(word if word in IMAGE_TYPES else OTHER for word in words) or None


def body_part_of(text: str | None) -> str | None:
    """Body Part Examined (0018,0015), a word of `BODY_PARTS`; blanks and signs do not count."""
    if text is None:
        return None
    word = plain(text).upper()
    return word if word in BODY_PARTS else OTHER


def route_of(text: str | None) -> str | None:
    """Contrast/Bolus Route (0018,1040), or its code: words of `ROUTES`, joined by a backslash."""
    if text is None:
        return None
    parts = filter(None, map(plain, _BETWEEN_ROUTES.split(text.casefold())))
    return "\\".join(sorted({_ROUTE_OF.get(part, OTHER) for part in parts})) or OTHER
