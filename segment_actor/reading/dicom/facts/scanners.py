"""Makers of scanners and names of scanners: closed lists, one spelling each.

What stands in a header is free text, and de-identification changes it, too. A name counts if it is
on a list of this module, and is told in the spelling of the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from segment_actor.reading.dicom.facts.words import OTHER, plain

MAKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Siemens": ("siemens", "healthineers"),
    "GE": ("ge", "gehc", "general electric", "imatron"),
    "Philips": ("philips", "marconi", "picker"),
    "Canon": ("canon", "toshiba"),
    "Fujifilm": ("fujifilm", "hitachi"),
    "United Imaging": ("united imaging", "uih"),
    "Neusoft": ("neusoft",),
    "Samsung": ("samsung", "neurologica"),
    "MinFound": ("minfound",),
    "Anke": ("anke",),
    "Sinovision": ("sinovision",),
    "Shimadzu": ("shimadzu",),
    "Accuray": ("accuray", "tomotherapy"),
    "Varian": ("varian",),
    "Elekta": ("elekta",),
    "Mediso": ("mediso",),
    "Medtronic": ("medtronic",),
    "Ziehm": ("ziehm",),
    "Brainlab": ("brainlab",),
    "Arineta": ("arineta",),
    "Koning": ("koning",),
    "CurveBeam": ("curvebeam",),
    "Xoran": ("xoran",),
    "Planmeca": ("planmeca",),
    "Carestream": ("carestream",),
    "Dentsply Sirona": ("sirona",),
    "KaVo": ("kavo", "imaging sciences"),
    "NewTom": ("newtom", "cefla"),
    "Morita": ("morita",),
    "Vatech": ("vatech",),
}
"""Each maker, and the words of Manufacturer (0008,0070) that mean it.

A maker that another took over stands under the later name, as its scanners do after their next
update: Toshiba's (2018 Canon), Hitachi's (2021 Fujifilm), Marconi's, before that Picker's (2001
Philips), NeuroLogica's (2013 Samsung), Imatron's (2001 GE), TomoTherapy's (2011 Accuray)."""

_MAKER_WORDS: Final = {
    maker: re.compile(rf"\b({'|'.join(words)})\b") for maker, words in MAKERS.items()
}

FAMILIES: Final[Mapping[str, tuple[str, ...]]] = {
    # Siemens
    "SOMATOM": (
        "AR.C", "AR.HP", "AR.SP", "AR.STAR", "AR.T", "Balance", "Confidence", "Definition",
        "Definition AS", "Definition AS+", "Definition DS", "Definition Edge", "Definition Flash",
        "Drive", "Emotion", "Emotion 6", "Emotion 16", "Emotion Duo", "Esprit", "Esprit+", "Force",
        "go.All", "go.Fit", "go.Now", "go.Open Pro", "go.Sim", "go.Top", "go.Up", "HiQ", "On.site",
        "Perspective", "Plus 4", "Pro.Pulse", "Scope", "Sensation", "Sensation 4", "Sensation 10",
        "Sensation 16", "Sensation 40", "Sensation 64", "Sensation Cardiac",
        "Sensation Cardiac 64", "Sensation Open", "Smile", "Spirit", "Volume Access",
        "Volume Zoom", "X.ceed", "X.cite", "X.creed",
    ),
    "NAEOTOM": ("Alpha", "Alpha.Peak", "Alpha.Prime", "Alpha.Pro"),
    "Biograph": (
        "2", "6", "16", "20", "20 mCT", "40", "40 mCT", "64", "64 mCT", "64 Vision 450",
        "64 Vision 600", "128", "128 mCT", "128 Vision 450", "128 Vision 600", "Duo", "Horizon",
        "mCT", "mCT 20", "mCT 40", "mCT 64", "mCT 128", "mCT Flow", "Sensation 16", "TruePoint",
        "Vision", "Vision 450", "Vision 600", "Vision Quadra",
    ),
    "Symbia": (
        "Evo", "Intevo", "Intevo 2", "Intevo 6", "Intevo 16", "Intevo Bold", "Pro.specta", "T",
        "T2", "T6", "T16",
    ),
    # GE
    "LightSpeed": (
        "16", "Plus", "Power", "Pro 16", "Pro 32", "QX/i", "RT", "RT16", "Ultra", "VCT", "Xtra",
    ),
    "BrightSpeed": ("Edge", "Elite", "Excel", "QX/i", "RT 16", "S"),
    "HiSpeed": ("Advantage", "CT/e", "CT/i", "Dual", "FX/i", "LX/i", "NX/i", "QX/i", "ZX/i"),
    "ProSpeed": ("AI",),
    "Discovery": (
        "600", "610", "690", "710", "CT590 RT", "CT750 HD", "IQ", "LS", "MI", "MI DR", "NM/CT 670",
        "NM/CT 570C", "NM/CT 870 DR", "RT", "RX", "ST", "STE", "VCT",
    ),
    "Optima": (
        "CT520", "CT540", "CT560", "CT580", "CT580 RT", "CT580 W", "CT620", "CT660", "CT680",
        "NM/CT 640",
    ),
    "Revolution": (
        "ACT", "ACTs", "Apex", "Ascend", "CT", "CT ES", "EVO", "Frontier", "GSI", "HD", "Maxima",
        "Vibe",
    ),
    "Omni": ("Legend",),
    # Philips
    "Brilliance": (
        "6", "10", "16", "16P", "40", "64", "Big Bore", "CT", "CT 6", "CT 16", "CT 40", "CT 64",
        "CT Big Bore", "iCT", "iCT 256", "iCT SP",
    ),
    "iCT": ("128", "256", "SP"),
    "Ingenuity": ("Core", "Core 128", "CT", "Elite", "Flex", "TF PET/CT"),
    "IQon": ("Spectral CT",),
    "Spectral CT": ("7500", "Verida"),
    "Incisive": ("CT",),
    "CT": ("3500", "5300", "7500", "Aura"),
    "Access": ("CT",),
    "Big Bore": ("RT",),
    "MX8000": ("Dual", "EXP", "IDT", "IDT 10", "IDT 16", "Quad"),
    "MX": ("4000 Dual", "16", "16-slice", "16EVO"),
    "Gemini": ("Dual", "GXL", "LXL", "TF", "TF 16", "TF 64", "TF Big Bore"),
    "Vereos": ("PET/CT",),
    "Precedence": ("6P", "16P"),
    "BrightView": ("XCT",),
    "PQ": ("2000", "5000", "6000"),
    "AcQSim": ("CT",),
    "Tomoscan": ("AV", "LX", "SR"),
    # Canon, before 2018 Toshiba
    "Aquilion": (
        "4", "8", "16", "32", "64", "CX", "CXL", "Exceed LB", "LB", "Lightning", "Lightning 80",
        "Lightning SP", "Multi", "ONE", "ONE GENESIS", "ONE INSIGHT", "ONE NATURE", "ONE PRISM",
        "ONE ViSION", "Precision", "Premium", "PRIME", "PRIME SP", "RXL", "Serve", "Serve SP",
        "Start",
    ),
    "Asteion": ("4", "Multi", "Super 4", "VF", "VR"),
    "Alexion": ("Access", "Advance"),
    "Activion": ("16",),
    "Astelion": ("Access", "Advance"),
    "Auklet": (),
    "Xpress": ("GX", "SX"),
    "Xvision": ("EX", "GX"),
    "Celesteion": (),
    "Cartesion": ("Prime",),
    # Fujifilm, before 2021 Hitachi
    "SCENARIA": ("EX", "SE", "View"),
    "Supria": ("Advance", "Grande", "Optica"),
    "ECLOS": ("4", "8", "16"),
    "ROBUSTO": ("Ei",),
    "FCT": ("Embrace", "iStream", "Speedia"),
    # United Imaging
    "uCT": (
        "503e", "510", "520", "528", "530", "530+", "550", "550+", "610 Sim", "710", "760", "780",
        "820", "860", "960+", "ATLAS", "ATLAS Astound", "ORION", "S-160", "S-160H",
    ),
    "uMI": ("510", "550", "780", "Panorama", "Panvivo", "Vista"),
    # Neusoft
    "NeuViz": (
        "16", "16 Classic", "16 Essence", "64", "64e", "64i", "64In", "128", "ACE", "ACE SP",
        "ACE UP", "Dual", "Epoch", "Epoch+", "Extra", "Glory", "Glory+", "Premium", "Prime",
    ),
    # others
    "CereTom": ("Elite",),
    "BodyTom": ("Elite",),
    "OmniTom": ("Elite",),
    "ScintCare": ("CT 16", "CT 64", "CT 128"),
    "ProMax 3D": ("Classic", "Max", "Mid", "Plus"),
    "Viso": ("G5", "G7"),
    "i-CAT": ("FLX",),
    "NewTom": ("5G", "VGi", "VGi evo"),
    "Hi-Art": (),
    "Radixact": (),
    "On-Board Imager": (),
    "AnyScan": (),
    "O-arm": ("O2",),
}  # fmt: skip
"""Families of scanners and their members.

Sources: Manufacturer's Model Name (0008,1090) in headers of public collections (LIDC-IDRI, TCGA and
others of The Cancer Imaging Archive; OSIC Pulmonary Fibrosis; National Lung Screening Trial), and
the makers' lists of products and conformance statements. A member that is missing here falls back
to its family, so that the list need not be complete to be of use."""


def _names() -> dict[str, str]:
    """Each name by its plain form; the Siemens scanners of before 2007 write no SOMATOM."""
    names: dict[str, str] = {}
    for family, members in FAMILIES.items():
        for name in (family, *(f"{family} {member}" for member in members)):
            names[plain(name)] = name
            names.setdefault(plain(name.removeprefix("SOMATOM ")), name)
    return names


_NAMES: Final = _names()


def maker_of(text: str | None) -> str | None:
    """The maker that Manufacturer (0008,0070) means, one of `MAKERS`; None if it says nothing."""
    if text is None:
        return None
    folded = text.casefold().replace("_", " ")
    return next((maker for maker, word in _MAKER_WORDS.items() if word.search(folded)), OTHER)


def model_of(text: str | None) -> str | None:
    """The scanner that Manufacturer's Model Name (0008,1090) means, of `FAMILIES`; None if silent.

    The longest beginning of the text that is a name, in whole words: `Emotion 16 (2007)` is a
    SOMATOM Emotion 16, and a member of a family that is not known is its family.
    """
    if text is None:
        return None
    words = _after_maker(re.split(r"[\s_]+", text))
    beginnings = (plain("".join(words[:n])) for n in range(len(words), 0, -1))
    return next((_NAMES[name] for name in beginnings if name in _NAMES), OTHER)


def _after_maker(words: Sequence[str]) -> Sequence[str]:
    """Without a maker's name in front."""
    in_front = len(words) > 1 and maker_of(words[0]) not in (None, OTHER)
    return words[1:] if in_front and plain(words[0]) not in _NAMES else words
