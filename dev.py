"""Demo, tests and linters of this pack, on a machine that has nothing but Python 3.10 or later.

    python dev.py demo                  run the example prompts, see demo-output/contact-sheet.png
    python dev.py demo --comfyui DIR    the same in a real ComfyUI
    python dev.py test [PYTEST ...]     run the tests, e.g. python dev.py test -k resume
    python dev.py test --coverage       the same, and fail if they leave too much of the pack unrun
    python dev.py lint                  ruff and mypy; with Node.js, TypeScript's checker and ESLint too
    python dev.py bench                 speed and size against other encoders, see bench-output/bench.md and bench.png
    python dev.py bench --comfyui DIR   saving and loading in a real ComfyUI, too
    python dev.py locales               bring locales/ up to date with the nodes and dev/translations/

What is needed is installed into .venv beside this file, once, unless the Python that runs this has it all.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
REQUIREMENTS = ROOT / "tests" / "requirements.txt"
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
BENCH_REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
JAVASCRIPT = ROOT / "dev" / "javascript"  # what web/js is checked with

# Modules, by the names they are imported as.
DEMO_NEEDS = ("torch", "numpy", "PIL")
ALL_NEEDS = (
    *DEMO_NEEDS,
    "av",
    "isal",
    "zlib_ng",
    "pytest",
    "hypothesis",
    "png",
    "OpenEXR",
    "OpenImageIO",
    "cv2",
    "tifffile",
    "imagecodecs",
    "fileseq",
    "aiohttp",
    "playwright",
    "ruff",
    "mypy",
    "coverage",
)
RIVALS = ("fpng_py", "matplotlib")  # the benchmarks do without those that cannot be had


class SetupError(Exception):
    """The environment cannot be made. The message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command != "test":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        needs = {"demo": DEMO_NEEDS, "bench": (*ALL_NEEDS, *RIVALS)}.get(options.command, ALL_NEEDS)
        python = interpreter(needs)
        if options.command == "bench" and missing(RIVALS):
            install_rivals(python)
        return run_all(commands(options, rest, python))
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def commands(options: argparse.Namespace, rest: Sequence[str], python: Path) -> list[list[str]]:
    """The command lines that do what is asked, to be run in the pack's folder."""
    module = [str(python), "-m"]
    if options.command == "demo":
        return [[*module, "dev.demo", *_paths(options)]]
    if options.command == "bench":
        flags = [name for name, given in (("--held-out", options.held_out), ("--quick", options.quick)) if given]
        return [[*module, "benchmarks.bench", "--size", options.size, *flags, *_paths(options)]]
    if options.command == "locales":
        return [[*module, "dev.locales"]]
    if options.command == "test":
        named = any((ROOT / argument.split("::")[0]).exists() for argument in rest if not argument.startswith("-"))
        # Else pytest takes the pack's folder for a package to import, which fails unless its name is an identifier.
        cut = f"--confcutdir={ROOT / 'tests'}"
        pytest = ["pytest", cut, *([] if named else ["tests"]), "-q", *rest]
        if not options.coverage:
            return [[*module, *pytest]]
        # What is measured, and how much is enough, is in pyproject.toml.
        return [[*module, "coverage", "run", "-m", *pytest], [*module, "coverage", "report"]]
    # As for pytest: the pack's folder is not a package to mypy, whatever it is called.
    mypy = [*module, "mypy", "--explicit-package-bases"]
    return [
        [*module, "ruff", "check", "."],
        [*module, "ruff", "format", "--check", "."],
        mypy,  # what pyproject.toml names
        [*mypy, "dev.py"],  # by itself: beside the package dev it would be one name twice
        [*module, "dev.check_types"],  # the pack as a package: nodes/ and __init__.py import relatively
        *javascript_checks(),
    ]


def javascript_checks() -> list[list[str]]:
    """The command lines that check web/js, and install first what they need. Without Node.js none, after saying so."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("web/js is not checked: that takes Node.js with npm, see https://nodejs.org.", flush=True)
        return []
    modules = JAVASCRIPT / "node_modules"
    wanted, installed = JAVASCRIPT / "package-lock.json", modules / ".package-lock.json"  # npm writes the latter last
    if installed.is_file() and installed.stat().st_mtime >= wanted.stat().st_mtime:
        install = []
    else:
        install = [[npm, "ci", "--prefix", str(JAVASCRIPT), "--no-audit", "--no-fund"]]
    return [
        *install,
        [node, str(modules / "typescript" / "bin" / "tsc"), "--project", str(JAVASCRIPT)],
        [
            node,
            str(modules / "eslint" / "bin" / "eslint.js"),
            "--config",
            str(JAVASCRIPT / "eslint.config.js"),
            "--max-warnings=0",
            "web/js",
        ],
    ]


def _paths(options: argparse.Namespace) -> list[str]:
    """The options that hold paths, as they are given on: absolute.

    Made so here, in the user's folder: what is started runs in the pack's. abspath keeps links: a venv's Python is one,
    and only finds its packages through it.
    """
    given = {
        name: value for name in ("comfyui", "python", "output", "peers") if (value := getattr(options, name, None))
    }
    return [
        part
        for name, value in given.items()
        for part in (f"--{name}", *map(os.path.abspath, value if isinstance(value, list) else [value]))
    ]


def run_all(lines: Sequence[Sequence[str]]) -> int:
    """Run each command line in the pack's folder; the first exit code that is not 0, else 0."""
    codes = []
    for line in lines:
        if len(lines) > 1:
            print("$", *(line[2:] if line[1] == "-m" else line), flush=True)
        codes.append(subprocess.run(line, cwd=ROOT, check=False).returncode)
    return next((code for code in codes if code), 0)


def interpreter(needs: Sequence[str]) -> Path:
    """The Python to use: this one if it has all that is needed, else that of .venv, made or renewed as needed.

    SetupError if it cannot be made.
    """
    if not missing(needs):
        return Path(sys.executable)
    python = venv_python(VENV)
    stamp = VENV / "dev-stamp.txt"
    wanted = fingerprint(REQUIREMENTS, CONSTRAINTS)
    if python.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    make_venv(python)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def missing(needs: Sequence[str]) -> list[str]:
    """Which of these modules the running Python does not have."""
    return [name for name in needs if importlib.util.find_spec(name) is None]


def venv_python(folder: Path) -> Path:
    """Where a virtual environment has its Python."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint(*files: Path) -> str:
    """Changes when the files do, or when another version of Python makes the environment."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def torch_pin(constraints: Path) -> str:
    """The line that pins torch, e.g. "torch==2.13.0". SetupError if there is none."""
    for line in constraints.read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.strip()
    msg = f"{constraints} pins no torch: add a line torch==VERSION"
    raise SetupError(msg)


def make_venv(python: Path) -> None:
    """Make .venv and install what tests/requirements.txt lists. SetupError if a step fails."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        msg = (
            f"this Python has no venv module. On Debian and Ubuntu: sudo apt install python{version}-venv "
            "(elsewhere: install Python from python.org or your system's full Python package), then run this again."
        )
        raise SetupError(msg)
    print("Setting up .venv for the first time, or anew: 2 to 10 minutes, most of it downloading PyTorch.", flush=True)
    if sys.platform == "linux":
        print("(About 0.5 GB; 3 GB and more where pip brings PyTorch with the CUDA libraries.)", flush=True)
    pip = pip_install(python)
    _step("1/3 making the environment", [sys.executable, "-m", "venv", str(VENV)])
    # First and alone, with its exact version: whichever build of it (CPU, CUDA) this machine's pip offers is then kept.
    _step("2/3 installing PyTorch", [*pip, torch_pin(CONSTRAINTS), "-c", str(CONSTRAINTS)])
    _step("3/3 installing the rest", [*pip, "-r", str(REQUIREMENTS), "-c", str(CONSTRAINTS)])
    print(flush=True)


def install_rivals(python: Path) -> None:
    """Install what benchmarks/requirements.txt lists into .venv, one by one: some need a compiler, or are not to be had."""
    for line in BENCH_REQUIREMENTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        command = [*pip_install(python), "--quiet", line, "-c", str(CONSTRAINTS)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            print(f"{line} cannot be installed here, see above: the benchmarks go on without it.", flush=True)


def pip_install(python: Path) -> list[str]:
    """The start of a command line that installs packages for `python`."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check", *quiet]


def _step(what: str, command: Sequence[str]) -> None:
    print(f"  {what} ...", flush=True)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        msg = f"{what[4:]} failed with exit code {code}: see above. Once that is solved, run this again: it goes on."
        raise SetupError(msg)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    names = parser.add_subparsers(dest="command", required=True, metavar="demo | test | lint | bench | locales")
    demo = names.add_parser("demo", help="run the example prompts and show their frames", allow_abbrev=False)
    demo.add_argument("--comfyui", metavar="DIR", help="a ComfyUI folder to run them in; else a small stand-in")
    demo.add_argument("--output", metavar="DIR", help="where the frames go; else demo-output beside this file")
    test = names.add_parser("test", help="run the tests; further arguments go to pytest", allow_abbrev=False)
    test.add_argument("--coverage", action="store_true", help="measure which lines and branches of the pack they run")
    names.add_parser("lint", help="ruff check, ruff format --check, mypy, tsc, eslint", allow_abbrev=False)
    bench = names.add_parser("bench", help="speed and size against other encoders", allow_abbrev=False)
    bench.add_argument("--comfyui", metavar="DIR", help="a ComfyUI folder: save and load in it, too")
    bench.add_argument("--peers", metavar="DIR", nargs="+", help="folders of earlier packs, as rivals in that ComfyUI")
    bench.add_argument("--output", metavar="DIR", help="where tables and chart go; else bench-output beside this file")
    bench.add_argument("--size", metavar="WxH", default="1024x1024", help="of the pictures; else 1024x1024")
    bench.add_argument("--held-out", action="store_true", help="pictures that no constant was chosen on")
    bench.add_argument("--quick", action="store_true", help="one picture a class, one run, 8 frames: does it work?")
    for command in (demo, bench):
        command.add_argument("--python", metavar="PYTHON", help="the Python that has ComfyUI's requirements")
    names.add_parser("locales", help="write locales/; say which texts have no translation", allow_abbrev=False)
    return parser


if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036 - says so instead of failing somewhere inside
        sys.exit(f"dev.py needs Python 3.10 or later, this is {sys.version.split()[0]}: {sys.executable}")
    sys.exit(main(sys.argv[1:]))
