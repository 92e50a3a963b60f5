"""`ctcohort weights`: import TotalSegmentator's models, and say which are here and trusted.

Nothing opens a connection except `fetch`. How it all works: docs/how-to/weights.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from jobs.shared.command import Command
from jobs.weights_import.download import download_file
from jobs.weights_import.model import MOST_CHECKPOINT_BYTES, check_model, import_model, record_trust
from jobs.weights_import.source import models_in
from segment_actor.errors import SetupError
from segment_actor.models.folder import file_sha256
from segment_actor.models.official import (
    LICENCE_PAGE,
    OfficialModel,
    licence_sentence,
    licensed_models,
    official_models,
)
from segment_actor.models.trusted import (
    Trusted,
    digests,
    find,
    places,
    read_lock,
    refuse_other_files,
    weights_folder,
)

RELEASES = "https://github.com/wasserth/TotalSegmentator/releases/download"

OWN_LICENCE = "TotalSegmentator's licence, which the user says to have"


@click.group("weights")
def main() -> None:
    """Bring in TotalSegmentator's models, and say which are here and trusted."""


@click.command("weights list", cls=Command)
def list_models() -> None:
    """Every model that ctcohort knows: where it lies, and whether it is trusted."""
    lock = read_lock()
    print(f"{'set':<11}{'data set':<54}{'mm':<5}{'licence':<12}{'state':<13}where")
    for model in official_models():
        folder = find(model.name)
        where = folder.parents[1] if folder else ""
        print(
            f"{model.model_set:<11}{model.dataset:<54}{model.spacing_mm:<5}"
            f"{model.licence:<12}{_state(model.name, lock):<13}{where}".rstrip()
        )
    print(f"\nOnly with a licence from {LICENCE_PAGE}:")
    print("  " + ", ".join(licensed_models()))
    for name in sorted(set(lock) - {model.name for model in official_models()}):
        print(f"  {name}: {_state(name, lock)}")
    print("\nLooked in " + " and ".join(map(str, places())))


@click.command("weights verify", cls=Command)
@click.argument("names", nargs=-1)
@click.option("--trust", is_flag=True, help="Check models found here and trust them from now on.")
def verify(names: tuple[str, ...], trust: bool) -> None:
    """Compare models with the lock file, file by file; all that are here if no NAMES are given.

    NAMES are model sets (total, total-3mm, total-6mm) or numbers of data sets (291).
    """
    chosen = [model for model in _chosen(names) if names or find(model.name)]
    if not chosen:
        raise SetupError(
            f"no model of TotalSegmentator is in {' or '.join(map(str, places()))}; "
            "get them with: ctcohort weights fetch total"
        )
    for model in chosen:
        _verify(model, trust)


@click.command("weights import", cls=Command)
@click.argument("sources", nargs=-1, required=True)
@click.option("--i-have-a-licence", is_flag=True, help="Take licensed models too.")
def import_models(sources: tuple[str, ...], i_have_a_licence: bool) -> None:
    """Copy models from SOURCES: folders, .zip files, or s3:// prefixes or .zip objects."""
    for uri in sources:
        with models_in(uri) as found:
            taken = 0
            for model in found:
                licence = _licence(model.name, have_one=i_have_a_licence)
                if licence:
                    import_model(model, licence, model.uri)
                    print(f"{model.name.partition('/')[0]}: trusted; licence: {licence}")
                    taken += 1
                else:
                    print(f"{model.name}: left out (licensed, or unknown to ctcohort)")
        if not taken:
            _refuse(uri, [model.name for model in found])


@click.command("weights fetch", cls=Command)
@click.argument("names", nargs=-1, required=True)
@click.option("--from", "base", default=RELEASES, show_default=True, help="Address of a mirror.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def fetch(names: tuple[str, ...], base: str, yes: bool) -> None:
    """Download official models. The only command that opens a connection.

    NAMES are model sets (total, total-3mm, total-6mm) or numbers of data sets (291). A mirror has
    TAG/DATASET.zip as the releases have. An interrupted download goes on where it broke off.
    """
    lock = read_lock()
    todo = [model for model in _chosen(names) if _state(model.name, lock) != "trusted"]
    urls = [f"{base.rstrip('/')}/{model.release}/{model.dataset}.zip" for model in todo]
    for model, url in zip(todo, urls, strict=True):
        print(
            f"{url}\n  {model.download_bytes / 1e6:.0f} MB, licence of the weights: {model.licence}"
        )
    if not todo:
        print("All of them are here and trusted.")
        return
    if base.startswith("http://"):
        print("This address is not encrypted: nothing proves where the files come from.")
    _ask(f"Fetch these into {weights_folder()}, and trust what comes?", yes=yes)
    for model, url in zip(todo, urls, strict=True):
        _fetch(model, url)
        print(f"{model.dataset}: trusted; licence: {model.licence}")


for _command in (list_models, import_models, verify, fetch):
    # their own names say "weights ..." because an error begins with the command's name
    main.add_command(_command, str(_command.name).removeprefix("weights "))


def _chosen(names: Sequence[str]) -> list[OfficialModel]:
    """The models of these sets and numbers; all if there are none."""
    known = official_models()
    for name in names:
        if name in licensed_models():
            raise SetupError(licence_sentence(name))
        if not any(name in {m.model_set, m.number, m.dataset} for m in known):
            sets = ", ".join(dict.fromkeys(m.model_set for m in known))
            numbers = ", ".join(m.number for m in known)
            raise SetupError(f"there are no models '{name}'; name one of {sets}, {numbers}")
    return [m for m in known if not names or {m.model_set, m.number, m.dataset} & set(names)]


def _state(name: str, lock: dict[str, Trusted]) -> str:
    folder = find(name)
    if folder is None:
        return "missing"
    if name not in lock:
        return "not trusted"
    try:
        refuse_other_files(str(folder), digests(folder), lock[name])
    except SetupError:
        return "other files"
    return "trusted"


def _verify(model: OfficialModel, trust: bool) -> None:
    folder = find(model.name)
    if folder is None:
        raise SetupError(
            f"{model.dataset} is not in {' or '.join(map(str, places()))}; "
            f"get it with: ctcohort weights fetch {model.number}"
        )
    entry = read_lock().get(model.name)
    if entry:
        refuse_other_files(str(folder), digests(folder), entry)
    elif trust:
        check_model(folder, model.name)
        record_trust(model.name, digests(folder), model.licence, str(folder))
    else:
        raise SetupError(
            f"{folder} was never trusted; if you know where it is from, say so once: "
            f"ctcohort weights verify --trust {model.number}"
        )
    state = "the trusted files" if entry else "from now on trusted"
    print(f"{model.dataset}: {state}; licence: {model.licence}")


def _licence(name: str, *, have_one: bool) -> str:
    """The licence of a model that may be imported; "" if it may not."""
    for model in official_models():
        if model.name == name:
            return model.licence
    licensed = name.partition("/")[0] in licensed_models().values()
    return OWN_LICENCE if licensed and have_one else ""


def _refuse(uri: str, names: Sequence[str]) -> None:
    datasets = {name.partition("/")[0] for name in names}
    for task, dataset in licensed_models().items():
        if dataset in datasets:
            raise SetupError(licence_sentence(task))
    raise SetupError(
        f"{uri} holds no model that ctcohort knows, such as {official_models()[0].name}; a model "
        "of your own needs no import: name its folder in a model set's .toml"
    )


def _ask(question: str, *, yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise SetupError("nothing was fetched: say --yes if this is what you want")
    if not yes and not click.confirm(question):
        raise SetupError("nothing was fetched")


def _fetch(model: OfficialModel, url: str) -> None:
    own = weights_folder()
    try:
        own.mkdir(parents=True, exist_ok=True)
        archive = own / f"{model.dataset}.zip"
        download_file(url, archive, MOST_CHECKPOINT_BYTES)
    except OSError as error:
        raise SetupError(f"{own} cannot be written ({error.strerror})") from error
    try:
        with models_in(str(archive)) as found:
            inside = [one for one in found if one.name == model.name]
            if not inside:
                raise SetupError(f"{url} does not hold {model.name}; check the address")
            import_model(inside[0], model.licence, f"{url} (.zip: {file_sha256(archive)})")
    finally:
        archive.unlink()


if __name__ == "__main__":
    main()
