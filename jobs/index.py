"""`ctcohort index`: what CT series an archive holds, kept as a table and brought up to date."""

from __future__ import annotations

import click

from jobs.archive.refresh import refreshed_index
from jobs.shared.command import Command


@click.command(cls=Command, name="index")
@click.option("--archive", required=True, help="Folder, s3://bucket/prefix or PACS of the CTs.")
@click.option(
    "--out",
    required=True,
    help="Folder of the index, made or brought up to date. It holds paths and names: keep it.",
)
@click.option("--demographics", help="CSV with path, age_years, sex [archive: demographics.csv].")
@click.option("--address", help="Ray cluster that reads the headers [RAY_ADDRESS, else threads].")
@click.option("--allow-open-cluster", is_flag=True, help="Join a Ray that asks for no token.")
def main(
    archive: str,
    out: str,
    demographics: str | None,
    address: str | None,
    allow_open_cluster: bool,
) -> None:
    """List an archive: one row a CT series; again, only what is new is read."""
    refreshed_index(archive, out, demographics, address, allow_open_cluster=allow_open_cluster)


if __name__ == "__main__":
    main()
