"""The command line: parses arguments, calls one function of ``replab.commands``, renders the one family of errors."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
import unicodedata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from replab import __version__, calling
from replab.errors import INTERRUPTED, ConfigError, LabError, Unforeseen
from replab.visible import shown, visible

app = typer.Typer(
    name="replab", no_args_is_help=True, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
)
TRACEBACK = "REPLAB_TRACEBACK"
"""Variable with which what nobody foresaw is told with all its calls."""
CURES = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space",
    errno.EACCES: "Mend the permissions",
    errno.EPERM: "Mend the permissions",
    errno.EROFS: "Name a place that can be written",
    errno.EMFILE: "Raise the limit on open files (ulimit -n)",
}


def _given(value: str | None) -> str | None:
    """A word that says something: an empty one may come from a variable of a script that is not set, and must not mean everything."""
    if value is not None and not value.strip():
        raise ConfigError("an argument is empty", hint="Say which: '*' means all, where a pattern is asked for")
    return value


def _path(text: str | Path) -> Path:
    """The same for a path, where an empty word would mean the folder at hand."""
    _given(str(text))
    return Path(text)


def _version(wanted: bool) -> None:  # noqa: FBT001 (how Typer calls back)
    if wanted:
        _say(f"replab {__version__}")
        raise typer.Exit


@app.callback()
def lab(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version of the lab.")] = False,
) -> None:
    """A reproducibility lab: the same numeric experiments in pinned environments, judged against certified truth."""


def _places(typed: str) -> list[str]:
    """Environments and groups that may follow what was typed after ``-e``, of which the last word is not ended."""
    from replab import resources
    from replab.config import environments

    before, comma, last = typed.rpartition(",")
    folders = environments.folders_of(resources.root_for(Path.cwd()), Path.cwd())
    with contextlib.suppress(LabError):  # a shell that completes can show no message
        names = [*environments.load_groups(*folders), *(environment.name for environment in environments.load_environments(*folders))]
        return [f"{before}{comma}{name}" for name in names if name.startswith(last)]
    return []


def _kinds(typed: str) -> list[str]:
    from replab.commands import listing

    return [kind for kind in listing.KINDS if kind.startswith(typed)]


Environments = Annotated[
    str | None,
    typer.Option(
        "--environments",
        "-e",
        autocompletion=_places,
        help="Environments and groups, separated by commas, instead of those in config.yaml.",
    ),
]
Families = Annotated[str | None, typer.Option("--families", "-f", help="Families, separated by commas.")]
Settings = Annotated[
    list[str] | None, typer.Option("--config", "-c", metavar="KEY=VALUE", help="Another setting of config/config.yaml; may be repeated.")
]
Signers = Annotated[Path | None, typer.Option("--signers", parser=_path, metavar="FILE", help="As for verify.")]
Trust = Annotated[bool, typer.Option("--trust", help="Take what nobody signed whom you know; without it you are asked.")]


@app.command("list")
def list_(
    kind: Annotated[
        str, typer.Argument(autocompletion=_kinds, help="environments, families, cases, cells or generators; or nothing: all counted.")
    ] = "",
    pattern: Annotated[str, typer.Argument(callback=_given, help="Only cases or cells that match, such as 'ops.exp*@tf-*'.")] = "*",
    environments: Environments = None,
    families: Families = None,
    config: Settings = None,
) -> None:
    """Say what there is, and how much of it the configuration asks for."""
    from replab.commands import common, listing

    listing.run(common.open_lab(environments, families, config or ()), kind, pattern)


@app.command()
def plan(
    environments: Environments = None,
    families: Families = None,
    config: Settings = None,
    estimate: Annotated[bool, typer.Option("--estimate", help="Also say core hours, memory and bytes, from measured costs.")] = False,
) -> None:
    """Say how many jobs and cells a run means, and with --estimate what they cost. Nothing is run."""
    from replab.commands import common, estimate as command

    command.run(common.open_lab(environments, families, config or ()), estimate=estimate)


@app.command()
def build(environments: Environments = None, config: Settings = None) -> None:
    """Build the environments of the configuration, and nothing else: where there is a network, for nodes that have none."""
    from replab.commands import build as command, common

    command.run(common.open_lab(environments, settings=config or ()))


@app.command()
def cell(
    pattern: Annotated[
        str, typer.Argument(callback=_given, metavar="GLOB", help="Which cells, such as 'ops.softmax*' or 'ops.exp:float32@tf-*'.")
    ],
    environments: Environments = None,
    families: Families = None,
    config: Settings = None,
    failed: Annotated[bool, typer.Option("--failed", help="Tell only what failed, and results that rounding does not explain.")] = False,
    form: Annotated[str, typer.Option("--format", metavar="table|json|csv", help="For readers, or for programs.")] = "table",
    wide: Annotated[bool, typer.Option("--wide", help="Whole ids, times and bits, however narrow the terminal is.")] = False,
) -> None:
    """Run the matching cells now, and only these, and say how far they are from the truth."""
    from replab.commands import cell as command, common
    from replab.commands.cell_results import Asked

    options = Asked(format=form, failed=failed, wide=wide)
    command.run(common.open_lab(environments, families, config or ()), pattern, options)


@app.command()
def explain(
    name: Annotated[
        str, typer.Argument(callback=_given, metavar="CELL", help="The id of a cell, or a pattern that only one cell matches.")
    ],
    environments: Environments = None,
    families: Families = None,
    config: Settings = None,
) -> None:
    """Tell one result of the last run in words: its verdict, the numbers that decide it, and who shares its bits."""
    from replab.commands import common, explain as command

    lab = common.open_lab(environments, families, config or ())
    within = None if environments is None else {environment.name for environment in lab.environments}
    command.run(
        lab.results.root, name, environments=within, families=None if families is None else {family.name for family in lab.families}
    )


@app.command()
def new(
    family: Annotated[str, typer.Argument(help="The name of the new family of experiments.")],
    folder: Annotated[Path, typer.Option(parser=_path, metavar="PATH", help="Where families lie.")] = Path("experiments"),
) -> None:
    """Write the folder of a new family, with one case that works."""
    from replab.commands import common, new as command

    made = command.run(family, folder, Path.cwd())
    if (Path.cwd() / common.CONFIG).is_file():
        _say(f"wrote {made}/; try it with: {calling.program()} cell '{family}.*'{common.finds(folder, Path.cwd())}")
    else:
        setting = calling.setting("experiments", str(folder.resolve()))
        _say(f"wrote {made.resolve()}/; no lab lies here. From the root of one, try it with: replab cell '{family}.*'{setting}")


@app.command("new-environment")
def new_environment(
    framework: Annotated[str, typer.Argument(help="numpy, tensorflow or torch.")],
    version: Annotated[str, typer.Argument(help="The version to pin, such as 2.6.0.")],
    name: Annotated[str, typer.Option(help="Its name; by default the framework and two numbers of the version.")] = "",
    like: Annotated[str, typer.Option(help="The environment to write from; by default the nearest older version.")] = "",
) -> None:
    """Write the folder of an environment for another version, from its nearest neighbour."""
    from replab import resources
    from replab.commands import new_environment as command
    from replab.config.environments import own_folders

    root = resources.root_for(Path.cwd())
    made = command.run(framework, version, own_folders(root, Path.cwd()), name=name, like=like)
    program, called = calling.program(), made.folder.name
    _say(f"wrote {made.folder}/env.toml from {made.neighbour}" + ("; it has no build for GPUs" if made.without_gpu else ""))
    _say(f"read it, then: {program} pin {called}, {program} doctor -e {called}")


@app.command()
def article(
    path: Annotated[Path, typer.Argument(parser=_path, metavar="FILE", help="A Markdown file or a notebook.")],
    environments: Environments = None,
    out: Annotated[Path | None, typer.Option(parser=_path, metavar="FOLDER", help="Where its page is written.")] = None,
    seconds: Annotated[float, typer.Option(help="What one block may take.")] = 60.0,
    config: Settings = None,
) -> None:
    """Run the code blocks of an article in every environment that has what they import."""
    from replab.commands import article as command, common

    lab = common.open_lab(environments, settings=config or ())
    made = command.run(lab, path, out or lab.results.article(path.stem), seconds=seconds)
    _say(f"the page: {made.page}")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(parser=_path, metavar="FOLDER", help="Where to work: a new or empty folder.")],
    family: Annotated[str, typer.Option(help="The name of the first family of experiments.")] = "first",
) -> None:
    """Write a folder to work in: settings, a Snakefile that uses this lab's rules, and a family with one case."""
    from replab.commands import init as command

    made = command.run(folder, family)
    _say(f"wrote {made}/; go there and run: {calling.program('snakemake')} --cores all")


@app.command()
def pin(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ENVIRONMENT|GROUP|bases|lab]...", help="What to pin; all by default.")
    ] = None,
    environments: Annotated[
        str | None, typer.Option("--environments", "-e", callback=_given, help="The same as further words: separated by commas.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say which locks are stale or were edited.")] = False,
) -> None:
    """Resolve the newest versions that the requirements allow, and write the locks."""
    from replab.commands import pin as command

    command.run([*(names or ()), *(environments or "").replace(",", " ").split()], Path.cwd(), check=check)


@app.command()
def images(
    action: Annotated[str, typer.Argument(metavar="list|check|save|load")] = "list",
    folder: Annotated[Path | None, typer.Argument(parser=_path, metavar="[PATH]", help="Where the archives of save and load lie.")] = None,
    environments: Environments = None,
    config: Settings = None,
) -> None:
    """Container images: which there are, whether they hold what the locks say, and archives of them for machines without network."""
    from replab.commands import common, images as command

    if action not in ("list", "check", "save", "load"):
        raise ConfigError(f"unknown action {shown(action)}", where="replab images", hint="Known: list, check, save, load")
    if not command.run(common.open_lab(environments, settings=config or ()), action, folder):
        raise typer.Exit(1)


@app.command()
def platforms(
    left: Annotated[Path, typer.Argument(parser=_path, metavar="PATH", help="A folder of results.")],
    right: Annotated[Path, typer.Argument(parser=_path, metavar="PATH", help="Another one: of another engine, machine or scheduler.")],
) -> None:
    """Whether the same cells have the same bits in two folders of results, and what differs there where they have not."""
    from replab.commands import platforms as command

    if not command.run(left, right):
        raise typer.Exit(1)


@app.command()
def bases(
    action: Annotated[str, typer.Argument(metavar="build")],
    registry: Annotated[str, typer.Option(callback=_given, help="HOST:PORT of a registry that takes them.")],
    out: Annotated[Path, typer.Option(parser=_path, metavar="PATH", help="The lock that names them.")] = Path("bases.local.lock"),
    mirror: Annotated[str, typer.Option(help="A mirror of Debian's packages.")] = "",
    environments: Environments = None,
    config: Settings = None,
) -> None:
    """Make base images from Debian packages and the Pythons of this machine, where no public registry can be reached."""
    from replab.commands import bases as command, common

    if action != "build":
        raise ConfigError(f"unknown action {shown(action)}", where="replab bases", hint="Known: build")
    command.run(common.open_lab(environments, settings=config or ()), registry, out, mirror)


@app.command()
def doctor(environments: Environments = None, config: Settings = None) -> None:
    """Say what this machine has of what the lab needs, and how to mend what it lacks."""
    from replab.commands import common, doctor as command

    if not command.run(common.open_lab(environments, settings=config or ())):
        raise typer.Exit(1)


@app.command()
def verify(
    target: Annotated[
        str | None,
        typer.Argument(
            callback=_given, metavar="[PATH|URL]", help="A published version or site, or a bundle; without it, the store of results."
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Put damaged files aside, so that the next run makes them again.")] = False,
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers",
            parser=_path,
            metavar="FILE",
            help="Whose signatures count, as OpenSSH's allowed_signers; a version needs one of theirs.",
        ),
    ] = None,
    environments: Environments = None,
    config: Settings = None,
) -> None:
    """Check every stored result, or everything that was published, against its hashes."""
    from replab.commands import common
    from replab.files import is_file

    if target is not None and (environments is not None or config):
        raise ConfigError("--environments and --config choose among results of this folder", where=target, hint="Leave them out")
    if target is not None and is_file(Path(target)):
        from replab.commands import bundle

        bundle.verify(Path(target), signers)
    elif target is not None:
        from replab.commands import publish as publication

        publication.verify(target, signers)
    else:
        from replab.commands import verify as command

        lab = common.open_lab(environments, settings=config or ())
        changed = command.environments(lab)
        command.run(lab.results.root, remove=remove)
        command.demand(changed)


@app.command()
def publish(
    version: Annotated[str, typer.Argument(help="The name of the version, such as 2026.11.0.")],
    allow: Annotated[
        str, typer.Option(help="Publish nevertheless: dirty, missing, pins, controls, separated by commas. Every page will say so.")
    ] = "",
    site: Annotated[Path, typer.Option(parser=_path, metavar="PATH", help="The folder of the site.")] = Path("site"),
    sign: Annotated[Path | None, typer.Option(parser=_path, metavar="KEY", help="Sign the hashes with this SSH key.")] = None,
    config: Settings = None,
) -> None:
    """Make an immutable version of the site from the results of the last run."""
    from replab.commands import publish as command
    from replab.publish.run import Options

    command.publish(Options(version=version, allow=allow, site=site, sign=sign), config or (), Path.cwd())


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(parser=_path, metavar="PATH", help="The folder of a published version.")],
    cells: Annotated[
        str, typer.Option(callback=_given, metavar="GLOB", help="Only cells that match, such as 'ops.softmax*@torch-*'.")
    ] = "*",
    out: Annotated[
        Path | None, typer.Option(parser=_path, metavar="PATH", help="Where to work and to put the page; replay/VERSION by default.")
    ] = None,
    cached: Annotated[bool, typer.Option("--cached", help="Use environments that were built before from the very same locks.")] = False,
    cores: Annotated[int, typer.Option(help="Batches that run at the same time; 0 for one per core.")] = 0,
    engine: Annotated[str, typer.Option(help="Another engine than the published one.")] = "",
    signers: Signers = None,
    trust: Trust = False,
    config: Settings = None,
) -> None:
    """Build the published environments again, run again, and say how many results came back bit for bit.

    The published code runs with your rights: it can read, write and send whatever you can. Replay versions of people whom you trust.
    """
    from replab.commands import common, replay as command
    from replab.publish.replay import Options

    lab = common.open_lab(settings=config or ())
    options = Options(
        cells=cells,
        out=out,
        cache=lab.cache if cached else None,
        cores=cores,
        engine=engine,
        signers=signers,
        agreed=common.agreement(trust=trust),
    )
    if not command.run(folder, options):
        raise typer.Exit(1)


@app.command()
def bundle(
    pattern: Annotated[
        str, typer.Argument(callback=_given, metavar="[GLOB]", help="Which cells, such as 'ops.softmax*@torch-*'; all by default.")
    ] = "*",
    out: Annotated[Path, typer.Option(parser=_path, metavar="PATH", help="The file to write.")] = Path("results.bundle"),
    sign: Annotated[Path | None, typer.Option(parser=_path, metavar="KEY", help="Sign the bundle with this SSH key.")] = None,
    environments: Environments = None,
    config: Settings = None,
) -> None:
    """Pack results of this machine into one file, with hashes and where they come from."""
    from replab.commands import bundle as command, common

    command.pack(common.open_lab(environments, settings=config or ()), pattern, out, sign)


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(parser=_path, metavar="FILE...", help="Bundles of other machines.")],
    signers: Signers = None,
    trust: Trust = False,
    config: Settings = None,
) -> None:
    """Put the results of bundles into the store here; a bundle with a wrong hash is refused as a whole.

    No code of a bundle runs, but its results count as if they had been computed here: merge those of people whom you trust.
    """
    from replab.commands import bundle as command, common

    command.merge(common.open_lab(settings=config or ()), files, signers, common.agreement(trust=trust))


@app.command()
def deploy(
    to: Annotated[str, typer.Option(callback=_given, metavar="FOLDER|REMOTE#BRANCH", help="A folder, or a branch of a git remote.")],
    site: Annotated[Path, typer.Option(parser=_path, metavar="PATH", help="The folder of the site.")] = Path("site"),
) -> None:
    """Bring every published version to a folder or to a branch that is served as pages; what is there is kept."""
    from replab.commands import deploy as command

    command.run(site, to, Path.cwd())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Measure the run against its floor, and the comparison against those of NumPy and PyTorch."""
    from replab.commands import bench as command

    command.main(context.args)


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True).print(Text(visible(text)))


def main(arguments: list[str] | None = None) -> int:
    """Run one command; whatever goes wrong becomes one sentence on stderr and the exit code of its kind (docs/exit-codes.md)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale without letters must not cost the message
    try:
        code = _run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, and not when the interpreter ends, a full disk can still be told
    except LabError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted; finished cells are kept", INTERRUPTED)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        _drop_output()
        return _complain(str(unforeseen(error)), Unforeseen.exit_code)
    return code


def _run(arguments: list[str] | None) -> int:
    for argument in sys.argv[1:] if arguments is None else arguments:
        if any(unicodedata.category(letter) == "Cc" for letter in argument):  # before the parser of arguments quotes it
            raise ConfigError(f"the argument {shown(argument)} has control characters", hint="Write it in letters")
    try:
        app(args=arguments, standalone_mode=True)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # so the parser of arguments tells it
            raise KeyboardInterrupt from None
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def unforeseen(error: Exception) -> Unforeseen:
    """The sentence for what no other sentence foresaw: the file where there is one, else the place in the code."""
    from replab import files

    error = files.first_of(error) if isinstance(error, OSError) else error
    where = next((str(name) for name in (getattr(error, "filename2", None), getattr(error, "filename", None)) if name), "")
    if isinstance(error, OSError) and error.errno:
        hint = CURES.get(error.errno, f"{TRACEBACK}=1 says where it happened")
        return Unforeseen(os.strerror(error.errno), where=where, hint=hint)
    if isinstance(error, MemoryError):
        return Unforeseen("there is not enough memory", hint="Ask for less at once")
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split())[:200]
    problem = f"{type(error).__name__}{': ' if message else ''}{message}"
    return Unforeseen(problem, where=f"{Path(last.filename).name}:{last.lineno}", hint=f"{TRACEBACK}=1 shows all calls")


def _drop_output() -> None:
    """Where output cannot be written, the interpreter must not try it again at its end, with words of its own."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ValueError:  # closed already
        pass


def _complain(text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble(("replab: ", "bold red"), text))
    return code


if __name__ == "__main__":
    sys.exit(main())
