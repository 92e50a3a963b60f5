"""nnU-Net's experiment planner, told to plan for two CPU cores instead of a GPU."""

from __future__ import annotations

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import (
    ExperimentPlanner,
)


class SmallPlanner(ExperimentPlanner):  # type: ignore[misc]
    """Plans a network a twentieth of the usual width and depth.

    One convolution at full resolution instead of two: there a network spends most of its time, and
    phantoms have less texture than patients (22 classes, 112x64x96 voxels, two threads: 0.40 s a
    window instead of 0.87 s at the same width).
    """

    def __init__(self, dataset_id: int, spacing_mm: float, memory_gb: float) -> None:
        super().__init__(
            dataset_id,
            gpu_memory_target_in_gb=memory_gb,
            overwrite_target_spacing=[spacing_mm] * 3,
        )
        # One large window teaches more of where things are than two small ones.
        self.UNet_min_batch_size = 1
        self.max_dataset_covered = 0.0
        self.UNet_base_num_features = 16
        self.UNet_max_features_3d = 80
        self.UNet_blocks_per_stage_encoder = (1, 2, 2, 2, 2, 2, 2)
        self.UNet_blocks_per_stage_decoder = (1, 1, 1, 1, 1, 1)
