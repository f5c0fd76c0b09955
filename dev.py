"""Run the demo, the tests and the linters of this pack. All it needs is Python 3.11 or later.

    python dev.py demo                  run the example prompts; the result is demo-output/contact-sheet.png
    python dev.py demo --comfyui DIR    the same in a real ComfyUI
    python dev.py farm-demo             render a sequence on two servers, of which one dies; also with --comfyui DIR
    python dev.py test [PYTEST ...]     run the tests, e.g. python dev.py test -k resume
    python dev.py test --coverage       the same, and fail if coverage of the pack is too low
    python dev.py lint                  run ruff and mypy; with Node.js, also TypeScript's checker and ESLint
    python dev.py bench                 measure everything in 15 minutes; see bench-output/bench.md
    python dev.py bench --comfyui DIR   the same, with a real ComfyUI end to end
    python dev.py locales               update locales/ from the nodes and the translations
    python dev.py release TAG           check that the tag, such as v1.2.3, is ready to be published

Packages that are needed are installed into .venv next to this file, once, unless the Python that runs this script has
them all.
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
JAVASCRIPT = ROOT / "devtools" / "javascript"  # the checkers of web/js, with their settings

# The modules that commands need, by the names they are imported as.
DEMO_NEEDS = ("torch", "numpy", "PIL")
FARM_DEMO_NEEDS = (*DEMO_NEEDS, "distributed")
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
    "PyOpenColorIO",
    "colour",
    "openjd",
    "distributed",
    "yaml",
    "aiohttp",
    "playwright",
    "ruff",
    "mypy",
    "coverage",
)
RIVALS = ("fpng_py", "matplotlib")  # optional: the benchmarks leave out those that cannot be installed


class SetupError(Exception):
    """The environment cannot be created. The message says what to do."""


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    options, rest = parse(arguments)
    try:
        needs = {
            "demo": DEMO_NEEDS,
            "farm-demo": FARM_DEMO_NEEDS,
            "bench": (*ALL_NEEDS, *RIVALS),
            "release": (),
        }.get(options.command, ALL_NEEDS)
        python = interpreter(needs)
        if options.command == "bench":
            install_rivals(python)
        return run_all(commands(options, rest, python))
    except SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the arguments that `test` passes on to pytest. Exits with a message if they are invalid."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command != "test":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    return options, rest


def commands(options: argparse.Namespace, rest: Sequence[str], python: Path) -> list[list[str]]:
    """The command lines that carry out a command. They run in the pack's folder."""
    module = [str(python), "-m"]
    if options.command == "demo":
        return [[*module, "devtools.demo", *_paths(options)]]
    if options.command == "farm-demo":
        return [[*module, "devtools.farm_demo", *_paths(options)]]
    if options.command == "bench":
        flags = [name for name, given in (("--tuning", options.tuning), ("--quick", options.quick)) if given]
        only = ["--only", *options.only] if options.only else []
        return [[*module, "benchmarks.bench", "--size", options.size, *flags, *only, *_paths(options)]]
    if options.command == "locales":
        return [[*module, "devtools.locales"]]
    if options.command == "release":
        return [[*module, "devtools.release", options.tag, *_paths(options)]]
    return _tests(options, rest, module) if options.command == "test" else _linters(module)


def _tests(options: argparse.Namespace, rest: Sequence[str], module: Sequence[str]) -> list[list[str]]:
    named = any((ROOT / argument.split("::")[0]).exists() for argument in rest if not argument.startswith("-"))
    # Without it pytest imports the pack's folder as a package, which fails unless its name is an identifier.
    cut = f"--confcutdir={ROOT / 'tests'}"
    without = ["--without-accelerators"] if options.without_accelerators else []
    pytest = ["pytest", cut, *([] if named else ["tests"]), "-q", *without, *rest]
    if not options.coverage:
        return [[*module, *pytest]]
    # pyproject.toml says what is measured and what the limit is.
    return [[*module, "coverage", "run", "-m", *pytest], [*module, "coverage", "report"]]


def _linters(module: Sequence[str]) -> list[list[str]]:
    # Without the option mypy refuses a pack whose folder name is not an identifier.
    mypy = [*module, "mypy", "--explicit-package-bases"]
    return [
        [*module, "ruff", "check", "."],
        [*module, "ruff", "format", "--check", "."],
        mypy,  # the folders that pyproject.toml names
        [*mypy, "dev.py"],  # alone: mypy refuses a module and a package of the same name
        [*module, "devtools.check_types"],  # the pack as a package, because nodes/ and __init__.py import relatively
        *javascript_checks(),
    ]


def javascript_checks() -> list[list[str]]:
    """The command lines that check web/js, after the one that installs the checkers if that is necessary.

    Without Node.js there are none, and a message says so.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("Skipping the checks of web/js: they need Node.js with npm, see https://nodejs.org.", flush=True)
        return []
    modules = JAVASCRIPT / "node_modules"
    wanted, installed = JAVASCRIPT / "package-lock.json", modules / ".package-lock.json"  # npm writes it last
    is_current = installed.is_file() and installed.stat().st_mtime >= wanted.stat().st_mtime
    # A link leads to somebody else's installation, which npm ci would empty before it replaces the link.
    if is_current or modules.is_symlink():
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
            "farm",
        ],
    ]


def _paths(options: argparse.Namespace) -> list[str]:
    """The options that hold paths, with absolute paths: the user's folder is not the one that the command runs in.

    abspath does not resolve symbolic links. The Python of a virtual environment is one, and it finds its packages by
    the path of the link.
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
    """Run every command line in the pack's folder. Returns the first exit code that is not 0, or 0."""
    codes = []
    for line in lines:
        if len(lines) > 1:
            print("$", *(line[2:] if line[1] == "-m" else line), flush=True)
        codes.append(subprocess.run(line, cwd=ROOT, check=False).returncode)
    return next((code for code in codes if code), 0)


def interpreter(needs: Sequence[str]) -> Path:
    """The Python to use: the running one if it has all `needs`, else the one of .venv.

    .venv is created if it does not exist, and updated if the requirements have changed. Raises SetupError.
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
    """The modules that the running Python lacks."""
    return [name for name in needs if importlib.util.find_spec(name) is None]


def missing_in(python: Path, needs: Sequence[str]) -> list[str]:
    """The modules that `python`, the path of an interpreter, lacks."""
    find = "import importlib.util, sys; print(*(n for n in sys.argv[1:] if importlib.util.find_spec(n) is None))"
    answer = subprocess.run([str(python), "-c", find, *needs], cwd=ROOT, capture_output=True, text=True, check=True)
    return answer.stdout.split()


def venv_python(folder: Path) -> Path:
    """The path of the interpreter in a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint(*files: Path) -> str:
    """A hash of the files and of the Python version. When it changes, the environment must be updated."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def torch_pin(constraints: Path) -> str:
    """The line that pins torch, e.g. "torch==2.13.0". Raises SetupError if there is none."""
    for line in constraints.read_text(encoding="utf-8").splitlines():
        if line.startswith("torch=="):
            return line.strip()
    msg = f"{constraints} does not pin torch: add a line torch==VERSION"
    raise SetupError(msg)


def make_venv(python: Path) -> None:
    """Create .venv and install tests/requirements.txt into it. Raises SetupError if a step fails."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        msg = (
            f"this Python has no venv module. On Debian and Ubuntu: sudo apt install python{version}-venv "
            "(elsewhere: install Python from python.org or your system's complete Python package), then run this again."
        )
        raise SetupError(msg)
    print("Setting up .venv. This takes 2 to 10 minutes, mostly to download PyTorch.", flush=True)
    if sys.platform == "linux":
        print("(About 0.5 GB, or more than 3 GB if pip downloads PyTorch with the CUDA libraries.)", flush=True)
    pip = pip_install(python)
    _step("1/3 creating the environment", [sys.executable, "-m", "venv", str(VENV)])
    # First, and by its exact version: the next step then keeps this build (CPU or CUDA) instead of replacing it.
    _step("2/3 installing PyTorch", [*pip, torch_pin(CONSTRAINTS), "-c", str(CONSTRAINTS)])
    _step("3/3 installing the rest", [*pip, "-r", str(REQUIREMENTS), "-c", str(CONSTRAINTS)])
    print(flush=True)


def install_rivals(python: Path) -> None:
    """Install the packages of benchmarks/requirements.txt that `python` lacks.

    One by one, because some need a compiler or have no wheel for every system. Those that fail are left out.
    """
    lines = BENCH_REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    rivals = {line.replace("-", "_"): line for line in lines if not line.startswith("#")}
    for module in missing_in(python, [*rivals]):
        command = [*pip_install(python), "--quiet", rivals[module], "-c", str(CONSTRAINTS)]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            print(f"{rivals[module]} cannot be installed (see above). The benchmarks continue without it.", flush=True)


def pip_install(python: Path) -> list[str]:
    """The beginning of a command line that installs packages for `python`."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    return [str(python), "-m", "pip", "install", "--disable-pip-version-check", *quiet]


def _step(what: str, command: Sequence[str]) -> None:
    print(f"  {what} ...", flush=True)
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        msg = f"{what[4:]} failed with exit code {code}, see above. Fix the cause and run this again; it will continue."
        raise SetupError(msg)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    names = parser.add_subparsers(
        dest="command", required=True, metavar="demo | farm-demo | test | lint | bench | locales | release"
    )
    demo = names.add_parser("demo", help="run the example prompts and show their frames", allow_abbrev=False)
    demo.add_argument("--comfyui", metavar="DIR", help="run them in this ComfyUI (default: in a small stand-in)")
    demo.add_argument(
        "--output", metavar="DIR", help="where to put the frames (default: demo-output next to this file)"
    )
    farm_demo = names.add_parser(
        "farm-demo", help="render a sequence on two servers, of which one dies", allow_abbrev=False
    )
    farm_demo.add_argument("--comfyui", metavar="DIR", help="start this ComfyUI twice (default: a small stand-in)")
    farm_demo.add_argument(
        "--output", metavar="DIR", help="where to put the frames (default: demo-output next to this file)"
    )
    test = names.add_parser("test", help="run the tests; other arguments go to pytest", allow_abbrev=False)
    test.add_argument("--coverage", action="store_true", help="measure the coverage of lines and branches")
    test.add_argument(
        "--without-accelerators", action="store_true", help="make isal and zlib-ng unimportable, as if not installed"
    )
    names.add_parser("lint", help="ruff check, ruff format --check, mypy, tsc, eslint", allow_abbrev=False)
    bench = names.add_parser("bench", help="compare speed and size with other encoders", allow_abbrev=False)
    bench.add_argument("--comfyui", metavar="DIR", help="save and load in this ComfyUI, end to end")
    bench.add_argument("--peers", metavar="DIR", nargs="+", help="folders of earlier packs to compare with in ComfyUI")
    bench.add_argument("--output", metavar="DIR", help="where to put tables and chart (default: bench-output)")
    bench.add_argument("--size", metavar="WxH", default="1024x1024", help="size of the pictures (default: 1024x1024)")
    bench.add_argument("--only", metavar="TABLE", nargs="+", help="only these tables; a wrong name lists all")
    bench.add_argument("--tuning", action="store_true", help="use the pictures that the constants were tuned on")
    bench.add_argument(
        "--quick", action="store_true", help="one picture of each class, one run, 8 frames: a smoke test"
    )
    for command in (demo, farm_demo, bench):
        command.add_argument("--python", metavar="PYTHON", help="the Python that has ComfyUI's requirements")
    names.add_parser("locales", help="write locales/ and list the texts without a translation", allow_abbrev=False)
    release = names.add_parser("release", help="check that a tag is ready to be published", allow_abbrev=False)
    release.add_argument("tag", metavar="TAG", help="v and the version, e.g. v1.2.3")
    release.add_argument("--output", metavar="DIR", help="if it is ready, also put image-sequence-farm.zip there")
    return parser


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"dev.py needs Python 3.11 or later, this is {sys.version.split()[0]}: {sys.executable}")
    sys.exit(main(sys.argv[1:]))
