"""Our labels against nnU-Net's own predictor, on the same weights and the same CT.

nnU-Net sums the windows' logits in float16, where the Gaussian's tails at the edges and corners of
the image have hardly a digit left; with its sums in float32 it and we agree in every bit.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nnunetv2.inference import predict_from_raw_data, sliding_window_prediction
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from segment_actor.anatomy import load_schema
from segment_actor.engine.choice import usable_precision
from segment_actor.engine.load import load_backend
from segment_actor.engine.sliding_window import predict_labels
from segment_actor.engine.torch.network import load_network
from segment_actor.execution import Execution, Precision
from segment_actor.grid.geometry import to_canonical
from segment_actor.grid.resampling import to_model_grid
from segment_actor.models.folder import read_model_folder
from segment_actor.phantom.patient import draw_patient
from segment_actor.phantom.scanner import draw_protocol, scan_phantom
from segment_actor.reading.nifti import read_nifti
from segment_actor.volume import HuArray, LabelArray, Shape, Volume
from tests.support.real_ct import real_ct_folder
from tests.support.tiny_model import write_tiny_model

MODELS = Path(__file__).parents[2] / "segment_actor" / "models" / "embedded"
# One of each set: the other class groups differ in their weights alone, and take a minute each.
EMBEDDED = [
    next(MODELS.glob(f"{name}/*/plans.json")).parent
    for name in ("Dataset901_PhantomOrgans", "Dataset910_PhantomFast")
]
STEP = 0.8  # of both embedded sets
STRUCTURES = tuple(f"structure_{number}" for number in range(1, 22))


def official_predictor(folder: Path, step: float) -> predict_from_raw_data.nnUNetPredictor:
    """nnU-Net's predictor, filled as its own loader fills it, less the search for the trainer.

    That search imports every trainer, and one of them imports torchvision.
    """
    plans = PlansManager(json.loads((folder / "plans.json").read_text()))
    dataset = json.loads((folder / "dataset.json").read_text())
    configuration = plans.get_configuration("3d_fullres")
    network = get_network_from_plans(
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        input_channels=1,
        output_channels=plans.get_label_manager(dataset).num_segmentation_heads,
        deep_supervision=False,
    )
    checkpoint = torch.load(
        folder / "fold_0/checkpoint_final.pth",
        map_location="cpu",
        weights_only=False,  # a file of our own, read as nnU-Net reads it
    )
    predictor = predict_from_raw_data.nnUNetPredictor(
        tile_step_size=step, use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.manual_initialization(
        network, plans, configuration, [checkpoint["network_weights"]], dataset, "Trainer", None
    )
    return predictor


def our_labels(
    folder: Path, hu: HuArray, step: float, engine: str = "torch", precision: Precision = "float32"
) -> LabelArray:
    backend = load_backend(folder, Execution(engine=engine, device="cpu", precision=precision))
    return predict_labels(read_model_folder(folder), backend, hu, step)


def official_labels(folder: Path, hu: HuArray, step: float) -> LabelArray:
    """(I, J, K) from nnU-Net's own preprocessing, prediction and export, which see (z, y, x)."""
    spacing_zyx = list(load_network(folder).spacing_mm[::-1])
    image = hu.T[None].astype(np.float32)
    labels = official_predictor(folder, step).predict_single_npy_array(
        image, {"spacing": spacing_zyx}
    )
    return np.asarray(labels, dtype=np.uint8).T


def blobs(shape: Shape) -> HuArray:
    """A smooth random field between air and bone, with two faces of zeros for nnU-Net to crop."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn((1, 1, 6, 6, 6), generator=generator)
    field = torch.nn.functional.interpolate(coarse, size=shape, mode="trilinear")[0, 0].numpy()
    hu = (field * 500 + np.random.default_rng(0).normal(0, 20, shape)).astype(np.int16)
    hu[:2], hu[:, -3:] = 0, 0
    return hu


@pytest.fixture
def float32_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """nnU-Net with its sums and Gaussian in float32; nothing else of it is changed."""
    torch_without_half = SimpleNamespace(**{**vars(torch), "half": torch.float32})
    monkeypatch.setattr(predict_from_raw_data, "torch", torch_without_half)
    gaussian = partial(sliding_window_prediction.compute_gaussian, dtype=torch.float32)
    monkeypatch.setattr(predict_from_raw_data, "compute_gaussian", gaussian)


@pytest.mark.usefixtures("float32_sums")
@pytest.mark.parametrize("shape", [(20, 24, 30), (10, 12, 41)], ids=["larger", "padded"])
@pytest.mark.parametrize("step", [0.5, 0.8])
def test_random_weights_give_nnunets_labels_in_every_voxel(
    tmp_path: Path, shape: Shape, step: float
) -> None:
    folder = write_tiny_model(tmp_path, STRUCTURES)
    ours = our_labels(folder, blobs(shape), step)
    assert len(np.unique(ours)) > 5
    np.testing.assert_array_equal(ours, official_labels(folder, blobs(shape), step))


def test_random_weights_give_nnunets_labels_but_for_its_float16(tmp_path: Path) -> None:
    # near-ties everywhere and a tiny image that is mostly edge: the worst case, 99.85 % measured
    folder = write_tiny_model(tmp_path, STRUCTURES)
    hu = blobs((40, 44, 36))
    ours = our_labels(folder, hu, 0.5)
    assert np.mean(ours == official_labels(folder, hu, 0.5)) > 0.998


@pytest.fixture(scope="module", params=["phantom", "real CT"])
def ct(request: pytest.FixtureRequest) -> Volume:
    """The abdomen of a phantom, and of a patient, whose like no embedded model has seen."""
    if request.param == "phantom":
        patient, protocol = draw_patient(7), draw_protocol(7, "abdomen")
        return scan_phantom(patient, protocol, load_schema("paper104"))[0]
    return to_canonical(read_nifti((real_ct_folder() / "example_ct.nii.gz").read_bytes()))


@pytest.mark.slow
@pytest.mark.parametrize("folder", EMBEDDED, ids=lambda folder: folder.parent.name)
def test_embedded_models_give_nnunets_labels_with_either_engine(
    folder: Path, ct: Volume, request: pytest.FixtureRequest
) -> None:
    hu = to_model_grid(ct, read_model_folder(folder).spacing_mm)
    ours = [our_labels(folder, hu, STEP, engine) for engine in ("torch", "openvino")]
    theirs = official_labels(folder, hu, STEP)
    assert min(np.mean(labels == theirs) for labels in ours) >= 0.9999
    request.getfixturevalue("float32_sums")
    assert np.mean(ours[0] == official_labels(folder, hu, STEP)) >= 0.999999


@pytest.mark.slow
@pytest.mark.skipif(
    usable_precision("bfloat16") == "float32", reason="this processor has no bfloat16"
)
@pytest.mark.parametrize(
    ("folder", "least_dice"),
    # measured 0.9990 and 0.9966: on the coarse grid, structures that the CT's edge cuts down to 3
    # and 13 voxels weigh as much as the liver
    [(EMBEDDED[0], 0.998), (EMBEDDED[1], 0.995)],
    ids=["organs", "coarse"],
)
def test_bfloat16_draws_the_structures_of_a_phantom_as_float32_does(
    folder: Path, least_dice: float
) -> None:
    patient, protocol = draw_patient(7), draw_protocol(7, "abdomen")
    volume = scan_phantom(patient, protocol, load_schema("paper104"))[0]
    hu = to_model_grid(volume, read_model_folder(folder).spacing_mm)
    exact, rounded = (
        our_labels(folder, hu, STEP, "openvino", precision) for precision in ("float32", "bfloat16")
    )
    both = np.bincount(exact[exact == rounded], minlength=256)
    either = np.bincount(exact.ravel(), minlength=256) + np.bincount(rounded.ravel(), minlength=256)
    found = either[1:] > 0
    assert np.mean(2 * both[1:][found] / either[1:][found]) >= least_dice
