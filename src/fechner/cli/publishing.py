"""Commands that show results: figures of the paper, and one page of anything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

import fechner
from fechner import paper
from fechner.cli import arguments
from fechner.cli.command import refuse
from fechner.cli.options import Device
from fechner.cli.terminal import say
from fechner.paper.catalogue import FIGURES


def reproduce(
    context: typer.Context,
    figures: Annotated[list[str] | None, typer.Argument(help=f"{', '.join(FIGURES)}, or all.")] = None,
    profile: Annotated[
        Literal["quick", "paper"], typer.Option(help="quick: minutes; paper: every network, hours.")
    ] = "quick",
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("results"),
    images: Annotated[
        Path | None,
        typer.Option(
            help=r"Folder, .tar or .zip of photographs \[default: scikit-image's nine]; for fig5 also a .pt, .npy or .npz of patches."
        ),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NETWORK=]FILE", help="A checkpoint for Figure 3 d, such as one trained on rotated hues."
        ),
    ] = None,
    trainings: Annotated[
        Path, typer.Option(help="Results of `fechner train`, for networks trained on manipulated images.")
    ] = Path("trainings"),
    resume: Annotated[bool, typer.Option("--resume", help="Keep parts that are finished already.")] = False,
    device: Device = "auto",
) -> None:
    """Reproduce figures of Benjamin et al. (2022): data, figures, and which claims hold.

    Interrupt at any time; finished parts are kept, and --resume goes on from there. OUT/index.html shows all of them.

    [bold]Examples[/bold]

      fechner reproduce all --images photographs/ --out results

      fechner reproduce fig2 fig3 --profile paper --resume
    """
    wanted = set(FIGURES) if not figures or "all" in figures else set(figures)
    if "fig3" not in wanted:
        refuse(context, "weights", "without fig3")
    if wanted <= {"fig6", "trained"}:
        refuse(context, "images", "without a figure that measures photographs (fig1, fig2, fig3, fig5)")
    if "trained" not in wanted:
        refuse(context, "trainings", "without trained")
    try:
        paper.reproduce(
            figures or ["all"],
            profile,
            out,
            images=images,
            checkpoints=weights or [],
            trainings=trainings,
            resume=resume,
            device=str(arguments.device(device)),
            say=say,
        )
    except KeyboardInterrupt:
        say(f"interrupted; finished parts are kept in {out}: run again with --resume", err=True)
        raise typer.Exit(130) from None
    say(f"see {out / 'index.html'}")


def report(
    found: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Result files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Its heading.")] = "",
) -> None:
    """Make one page of any RESULTS: figures, claims, curves to explore. It needs no network.

    Densities among the results stand behind curves along the same parameter.

    [bold]Examples[/bold]

      fechner report curves.nc prior.nc --out report.html

      fechner report rotated/training.nc upright/training.nc --title "Trained upright and rotated"
    """
    say(f"wrote {fechner.report(found, out, title=title)}")
