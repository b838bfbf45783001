"""The command's table of contents."""

from __future__ import annotations

import typer

from secondline.cli import advise, batch, check, cover, diff, docs, evidence, mutate, new, prove, schema, test, whatif

app = typer.Typer(
    help="Should the CDK4/6 inhibitor go on in second-line therapy? Decision support with its evidence.",
    epilog="For the clinician who decides; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("advise")(advise.command)
app.command("batch")(batch.command)
app.command("whatif")(whatif.command)
app.command("test")(test.command)
app.command("check")(check.command)
app.command("prove")(prove.command)
app.command("cover")(cover.command)
app.command("mutate")(mutate.command)
app.command("diff")(diff.command)
app.command("docs")(docs.command)
app.command("schema")(schema.command)
app.add_typer(new.app, name="new")
app.add_typer(evidence.app, name="evidence")
