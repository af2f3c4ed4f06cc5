# SPDX-License-Identifier: Apache-2.0
"""ckan grapnel flush, ckan grapnel waiting."""
import time

import click

from ckanext_grapnel import outbox


@click.group()
def grapnel():
    """Changes on their way to Grapnel."""


@grapnel.command()
@click.option("--every", type=click.FloatRange(min=1), help="Go on, looking every so many seconds.")
def flush(every):
    """Send the changes that wait."""
    while True:
        try:
            click.echo(f"{outbox.flush()} sent")
        except outbox.Later as why:
            click.echo(f"{len(outbox.waiting())} wait: {why}", err=True)
            if not every:
                raise SystemExit(1) from why
        if not every:
            return
        time.sleep(every)


@grapnel.command()
def waiting():
    """Count the changes that wait."""
    click.echo(len(outbox.waiting()))
