"""`ctcohort index`: list an archive, one manifest row a CT series."""

from __future__ import annotations

import click

from cluster.stores.opening import open_store
from jobs.archive.keys import key_maker
from jobs.archive.listing import index_archive
from jobs.archive.manifest import write_manifest
from jobs.archive.site_secret import site_secret_source
from jobs.shared.command import Command


@click.command(cls=Command, name="index")
@click.option("--archive", required=True, help="Folder or s3://bucket/prefix of the CTs.")
@click.option(
    "--out", required=True, help="The manifest to write (Parquet). It holds paths: keep it."
)
@click.option("--demographics", help="CSV with path, age_years, sex [archive: demographics.csv].")
def main(archive: str, out: str, demographics: str | None) -> None:
    """List an archive: one manifest row a CT series."""
    keys = key_maker(*site_secret_source())
    write_manifest(index_archive(open_store(archive), keys, demographics), out)


if __name__ == "__main__":
    main()
