"""`ctcohort train`: make the embedded model sets again, from nothing.

Renders phantoms, plans and preprocesses them with nnU-Net, trains one model at 4.5 mm and five
class groups at 3 mm, and writes nnU-Net model folders and the two model-set files beside them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import click

from jobs.shared.command import Command
from segment_actor.anatomy import GROUPS
from segment_actor.errors import SetupError

PACKAGE = Path(__file__).parent.parent / "segment_actor" / "models"

WARNING = "Trained on phantoms, for phantoms: never for patients."


@click.command("train", cls=Command)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=PACKAGE,
    help="Where `embedded` (models) and `sets` go; default: into the package.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("train_work"),
    show_default=True,
    help="Working folder for cases and logs (about 4 GB).",
)
@click.option("--threads", default=2, show_default=True, help="Torch threads.")
@click.option("--quick", is_flag=True, help="A few steps only, to see that everything runs.")
def main(out: Path, work: Path, threads: int, quick: bool) -> int:
    """Train the embedded phantom models again from nothing (hours on two cores)."""
    try:
        from segment_actor.training import recipe
    except ImportError as error:
        raise SetupError(f"Training needs {error.name}, which is not installed.") from error
    effort = recipe.QUICK if quick else recipe.Effort()
    effort = replace(effort, threads=threads)
    for folder in (out, work):  # made first: hours of training are not lost to a wrong one
        folder.mkdir(parents=True, exist_ok=True)
    recipe.train(work, out / "embedded", effort)
    write_model_sets(out)
    print(f"Model sets `embedded` and `embedded-fast` are in {out / 'sets'}. {WARNING}")
    return 0


def write_model_sets(out: Path) -> None:
    """Writes embedded.toml and embedded-fast.toml for the model folders under `out`/embedded.

    Raises:
        SetupError: a group has no model folder.
    """
    from segment_actor.training import recipe

    groups = [(group, recipe.group_name(index)) for index, group in enumerate(GROUPS)]
    sets = {"embedded": groups, "embedded-fast": [("all", recipe.FAST.name)]}
    (out / "sets").mkdir(parents=True, exist_ok=True)
    for name, members in sets.items():
        lines = [
            f"# {WARNING}",
            f'name = "{name}"',
            'schema = "paper104"',
            "order = 3",
            "step = 0.8",
            'precision = "bfloat16"',
            'licence = "Apache-2.0"',
            f'warning = "{WARNING}"',
        ]
        for group, dataset in members:
            folder = Path("embedded") / dataset / recipe.FOLDER
            checkpoint = out / folder / "fold_0" / "checkpoint_final.pth"
            if not checkpoint.is_file():
                raise SetupError(f"{checkpoint} is missing: train the group {group!r} first.")
            digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
            lines += [
                "",
                "[[groups]]",
                f'name = "{group}"',
                f'folder = "../{folder.as_posix()}"',
                f'sha256 = "{digest}"',
            ]
        (out / "sets" / f"{name}.toml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
