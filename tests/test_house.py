"""The structure of the pack: which room may import which, what importing the pack does, and the contract of its nodes."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PACK = Path(__file__).resolve().parents[1]
# The Python files in the registry's archive: .comfyignore leaves out all others.
PUBLISHED = sorted([PACK / "__init__.py", *PACK.glob("nodes/**/*.py"), *PACK.glob("io_utils/**/*.py")])

IDS = {
    "ImageSequenceSaveFrame": "Save Image Sequence (Frame Index)",
    "ImageSequenceSaveCounted": "Save Image Sequence (Frame Counter)",
    "ImageSequenceSaveBatch": "Save Image Sequence (Batch)",
    "ImageSequenceLoadBatch": "Load Image Sequence (Batch)",
    "ImageSequenceLoadFrame": "Load Image Sequence (Frame)",
    "ImageSequenceFrameCounter": "Frame Counter",
    "ImageSequenceFrameCounterFromDirectory": "Frame Counter (Resume from Directory)",
    "ImageSequenceFromAnimation": "Animation Sequence to Images",
    "ImageSequenceAddLayer": "Add EXR Layer",
    "ImageSequenceCheck": "Check Image Sequence",
}
SAVERS = ["ImageSequenceSaveFrame", "ImageSequenceSaveCounted", "ImageSequenceSaveBatch"]

COMFYUI = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "execution", "folder_paths", "nodes", "server"}

# What every kind of node needs, and the values that nodes pass to each other.
SHARED = {
    *("errors", "policies", "request", "cancellable_run", "wire", "message"),
    *("animation", "frame_identity", "frame_metadata", "image_layers"),
}

# What each room of io_utils may import, besides itself, and the reason. A room is a folder, or a module beside the folders.
WALLS: dict[str, tuple[set[str], str]] = {
    "policies": (set(), "the choices that widgets offer are plain values for everybody to use"),
    "request": (set(), "all nodes declare their inputs in the same way"),
    "host": (set(), "the door to ComfyUI does not depend on what is behind it"),
    "cancellable_run": (set(), "work on many frames is handed its progress display and its Cancel check"),
    "errors": (
        {"policies", "naming.frame_range"},
        "errors only put facts into words, so that every room can raise them",
    ),
    "message": (set(), "what nodes say is text and values, so that every room can say something"),
    "wire": ({"errors"}, "inputs are checked before any room works with them"),
    "animation": (
        {"errors", "message", "policies", "request", "wire"},
        "the values that nodes pass to each other hold no files",
    ),
    "colour": ({"errors", "host"}, "it turns pixels into other pixels, and knows no files but the operator's config"),
    "frame_identity": (
        {"message", "naming.frame_range"},
        "what a file says about its origin is a text, for every room to read",
    ),
    "frame_metadata": ({"errors", "wire"}, "the values that nodes pass to each other hold no files"),
    "image_layers": ({"errors", "wire"}, "the values that nodes pass to each other hold no files"),
    "formats": (
        {"errors", "colour.primaries"},
        "a format turns bytes into pixels and back, and needs no folders, no nodes and no ComfyUI",
    ),
    "naming": (
        {"errors", "policies", "host", "formats.registry"},
        "names and folders depend on the extensions that exist, not on what the files contain",
    ),
    "saving": (
        SHARED | {"naming", "formats", "colour"},
        "it does not depend on loading or on ComfyUI, and code that they share belongs to naming or formats",
    ),
    "loading": (
        SHARED | {"naming", "formats", "colour"},
        "it does not depend on saving or on ComfyUI, and code that they share belongs to naming or formats",
    ),
    "checking": (
        SHARED | {"naming", "formats", "loading"},
        "it reads what the loaders read, and depends neither on saving nor on ComfyUI, so that a farm can check without it",
    ),
    "comfyui": (
        {"errors", "host", "cancellable_run", "wire", "message", "frame_identity", "naming", "formats", "colour"},
        "nodes hand it what it reports to ComfyUI, so it does not depend on saving or loading",
    ),
}


def label(path: Path) -> str:
    return path.relative_to(PACK).as_posix()


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """(dots, module) of everything that `file` imports: `from ..io_utils import x` gives (2, "io_utils.x")."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.level, module
            yield from ((node.level, f"{module}.{alias.name}".lstrip(".")) for alias in node.names)


def is_in_the_archive(path: Path) -> bool:
    """Whether the registry's archive holds a file of the checkout: .comfyignore names the folders that it lacks."""
    ignored = [line.strip("/") for line in (PACK / ".comfyignore").read_text(encoding="utf-8").splitlines()]
    top = path.relative_to(PACK).parts[0]
    return top not in ignored and not top.startswith(".")


CORE = sorted(path for path in PACK.glob("io_utils/**/*.py") if path.name != "__init__.py")


def core_name(file: Path) -> str:
    """The module of io_utils in `file`, such as "naming.tokens"."""
    return file.relative_to(PACK / "io_utils").with_suffix("").as_posix().replace("/", ".")


def room_of(module: str) -> str:
    """The room of "naming.tokens" is "naming", that of "host" is "host"."""
    return module.partition(".")[0]


def core_imports(file: Path) -> Iterator[str]:
    """The modules of io_utils, such as "naming.tokens", that `file`, one of them, imports. Folders count as modules."""
    package = file.relative_to(PACK / "io_utils").parts[:-1]
    modules = {core_name(path) for path in CORE}
    modules |= {module.rpartition(".")[0] for module in modules if "." in module}
    for dots, name in imports(file):
        if dots:
            full = ".".join([*package[: len(package) + 1 - dots], *filter(None, [name])])
            if full in modules and not core_name(file).startswith(f"{full}."):
                yield full


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Modules of which each imports the next and the last one imports the first, or []."""
    while leaves := [name for name, imported in arrows.items() if not imported]:
        arrows = {name: imported - set(leaves) for name, imported in arrows.items() if name not in leaves}
    path = [min(arrows)] if arrows else []
    # Every module that is left imports one that is left, so this path comes back to itself.
    while path and (following := min(arrows[path[-1]])) not in path:
        path.append(following)
    return path[path.index(following) :] if path else []


class TestWalls:
    """__init__ imports nodes, nodes import io_utils, and inside io_utils the rooms of docs/architecture.md are separate."""

    def test_the_modules_are_found(self) -> None:
        assert {"__init__.py", "nodes/save_batch.py", "io_utils/host.py", "io_utils/formats/png/encode.py"} <= {
            label(path) for path in PUBLISHED
        }
        assert {room_of(core_name(path)) for path in CORE} == set(WALLS), (
            "Every room of io_utils needs an entry in WALLS, in tests/test_house.py: what it may import, and why."
        )

    @pytest.mark.parametrize("file", CORE, ids=label)
    def test_a_room_imports_only_the_rooms_that_it_may(self, file: Path) -> None:
        room = room_of(core_name(file))
        allowed, why = WALLS.get(room, (set(), "it has no entry in WALLS yet"))
        for module in core_imports(file):
            assert room_of(module) in {room, *allowed} or module in allowed, (
                f"{label(file)} imports io_utils.{module}. "
                f"Of io_utils, {room} may import only {', '.join(sorted(allowed)) or 'itself'}, because {why}. "
                f"Move the code to a room that may import it, or let the caller pass the value in. "
                f"The rooms are drawn in docs/architecture.md."
            )

    @pytest.mark.parametrize("file", sorted(PACK.glob("io_utils/**/__init__.py")), ids=label)
    def test_a_folder_has_no_code_of_its_own(self, file: Path) -> None:
        code = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if not isinstance(node, ast.Expr)]

        assert not code, f"{label(file)} may hold a docstring only: import from the module that has the code instead."

    @pytest.mark.parametrize("file", CORE, ids=label)
    def test_the_core_imports_nothing_else_of_the_pack(self, file: Path) -> None:
        depth = len(file.relative_to(PACK / "io_utils").parts)
        outside = [name for dots, name in imports(file) if dots > depth]
        absolute = [name for dots, name in imports(file) if dots == 0 and name.split(".")[0] in ("nodes", "io_utils")]

        assert not outside, (
            f"{label(file)} imports {', '.join(outside)}. io_utils must not import anything else of the pack."
        )
        assert not absolute, (
            f"{label(file)} imports {', '.join(absolute)}. Import relatively: ComfyUI gives the pack another name."
        )

    @pytest.mark.parametrize("file", PUBLISHED, ids=label)
    def test_only_the_host_module_imports_comfyui(self, file: Path) -> None:
        absolute = {name.split(".")[0] for dots, name in imports(file) if dots == 0}
        comfyui = sorted(absolute & COMFYUI)

        assert not comfyui, (
            f"{label(file)} imports {', '.join(comfyui)}. Call io_utils/host.py instead, which also works without ComfyUI."
        )
        assert "importlib" not in absolute or file.name == "host.py", (
            f"{label(file)} imports importlib, which could hide an import of ComfyUI. Only io_utils/host.py may use it."
        )

    @pytest.mark.parametrize("file", sorted(PACK.glob("nodes/*.py")), ids=label)
    def test_nodes_import_only_the_core_and_what_they_share(self, file: Path) -> None:
        relative = [(dots, name) for dots, name in imports(file) if dots and name]
        other_nodes = [name for dots, name in relative if dots == 1 and not name.startswith("_")]
        outside = [name for dots, name in relative if dots > 1 and (dots, name.split(".")[0]) != (2, "io_utils")]

        assert not other_nodes, (
            f"{label(file)} imports {', '.join(other_nodes)}. One node must not import another: "
            "move what they share into a module of nodes/ whose name starts with '_', or into io_utils."
        )
        assert not outside, f"{label(file)} imports {', '.join(outside)}. Of the pack, a node may import io_utils only."

    def test_no_modules_import_each_other_in_a_circle(self) -> None:
        modules = {core_name(file) for file in CORE}
        names = circle({core_name(file): set(core_imports(file)) & modules - {core_name(file)} for file in CORE})

        assert not names, (
            f"These modules of io_utils import each other in a circle: {' -> '.join([*names, *names[:1]])}. "
            "Move what they share into a module of its own."
        )


class TestPublishedCode:
    @pytest.mark.parametrize("file", PUBLISHED, ids=label)
    def test_contains_nothing_that_the_registry_flags(self, file: Path) -> None:
        flagged = (
            r"\b(eval\(|exec\(|print\(|subprocess|os\.system|os\.popen|os\.environ|getenv|putenv|rmtree|pickle|ctypes"
        )
        flagged += r"|socket|urllib|requests|__import__)"

        assert re.findall(flagged, file.read_text(encoding="utf-8")) == []

    @pytest.mark.parametrize("file", PUBLISHED, ids=label)
    def test_has_one_statement_per_line(self, file: Path) -> None:
        """`comfy node validate` warns about semicolons (E702)."""
        statements = [
            node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.stmt)
        ]
        ends = {(node.end_lineno, node.end_col_offset) for node in statements}
        lines = file.read_text(encoding="utf-8").splitlines()

        assert not [end for end in ends if lines[end[0] - 1].encode()[end[1] :].lstrip().startswith(b";")]  # type: ignore[operator]

    @pytest.mark.parametrize("file", PUBLISHED, ids=label)
    def test_catches_no_error_without_naming_it(self, file: Path) -> None:
        handlers = [
            node
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.ExceptHandler)
        ]

        assert all(handler.type is not None for handler in handlers)

    def test_is_all_the_python_that_comfyignore_leaves_in(self) -> None:
        others = [path for path in PACK.rglob("*.py") if path not in PUBLISHED and is_in_the_archive(path)]

        assert others == []


class TestFarm:
    """The programs in farm/ use the network and start processes, so they stand apart from the pack."""

    CLIENT = PACK / "farm" / "comfyui_frames.py"

    def test_the_archive_holds_nothing_of_it(self) -> None:
        assert self.CLIENT.is_file()
        assert [path for path in (PACK / "farm").rglob("*") if is_in_the_archive(path)] == []

    def test_the_client_imports_the_standard_library_only(self) -> None:
        """It is copied to machines alone, attached to jobs, and run there by any Python."""
        others = {
            "." * dots + name
            for dots, name in imports(self.CLIENT)
            if dots or name.split(".")[0] not in sys.stdlib_module_names
        }

        assert others == set(), "Farm machines run comfyui_frames.py alone: it may import the standard library only."

    def test_the_client_is_written_in_the_grammar_of_python_3_9(self) -> None:
        ast.parse(self.CLIENT.read_text(encoding="utf-8"), feature_version=(3, 9))

    @pytest.mark.parametrize("file", sorted((PACK / "farm").glob("*.py")), ids=label)
    def test_no_program_but_the_check_imports_the_pack(self, file: Path) -> None:
        """The check reads files as the loaders do, so it needs the core of the pack, and says so. It needs no nodes."""
        own = {path.stem if path.is_file() else path.name for path in PACK.iterdir()} - {"farm"}
        allowed = {"io_utils"} if file.name == "check_sequence.py" else set()

        used = {name.split(".")[0] for dots, name in imports(file) if not dots} & own
        assert used == allowed
        assert [name for dots, name in imports(file) if dots] == []

    def test_the_check_imports_the_pack_only_once_it_knows_where_it_is(self) -> None:
        check = ast.parse((PACK / "farm" / "check_sequence.py").read_text(encoding="utf-8"))

        at_the_top = [node for node in check.body if isinstance(node, (ast.ImportFrom, ast.Import))]
        names = {name for node in at_the_top for name in ast.unparse(node).split()}
        assert not [name for name in names if name.startswith("io_utils")]


class TestInit:
    """Some programs read `__init__.py` without running it, so its mappings must be literals."""

    @staticmethod
    def assigned(name: str) -> ast.expr:
        for node in ast.parse((PACK / "__init__.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
                return node.value
        raise AssertionError(f"{name} is not assigned in __init__.py")

    def test_node_class_mappings_are_a_literal_dict_of_the_ids(self) -> None:
        mappings = self.assigned("NODE_CLASS_MAPPINGS")

        assert isinstance(mappings, ast.Dict)
        assert [key.value for key in mappings.keys if isinstance(key, ast.Constant)] == list(IDS)
        assert [ast.unparse(value) for value in mappings.values] == list(IDS)

    def test_display_names_are_a_literal_dict(self) -> None:
        assert ast.literal_eval(self.assigned("NODE_DISPLAY_NAME_MAPPINGS")) == IDS

    def test_the_web_folder_exists(self) -> None:
        assert ast.literal_eval(self.assigned("WEB_DIRECTORY")) == "./web"
        assert (PACK / "web").is_dir()

    @pytest.mark.parametrize("node_id", list(IDS))
    def test_every_node_has_a_help_page(self, node_id: str) -> None:
        page = PACK / "web" / "docs" / f"{node_id}.md"

        assert page.is_file()
        assert page.read_text(encoding="utf-8").strip()

    def test_every_help_page_has_a_node(self) -> None:
        assert {page.stem for page in (PACK / "web" / "docs").glob("*.md")} <= set(IDS)


@pytest.mark.parametrize("folder", ["io_utils", "nodes", "devtools", "benchmarks"])
def test_pillow_opens_only_formats_that_are_named(folder: str) -> None:
    """Pillow chooses a decoder by the first bytes of a file, and some of its decoders start other programs."""
    opened = []
    for path in (PACK / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Image.open", "PIL.Image.open"):
                opened.append(path)
                assert "formats" in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"
    assert opened or folder == "nodes"


# Watches what an import does, after importing the libraries that ComfyUI has imported long before.
IMPORT_UNDER_WATCH = """
import importlib.util, json, pathlib, sys, threading
import logging, concurrent.futures, fractions
import numpy, numpy.typing, torch, av, PIL.Image, PIL.ImageOps, PIL.PngImagePlugin, PIL.JpegImagePlugin
try: import zlib_ng.zlib_ng
except ImportError: pass
seen = []
def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if flags & 3 or (isinstance(mode, str) and set(mode) & set("wax+")):
            seen.append(f"open {path} {mode}")
    elif event.split(".")[0] in ("socket", "subprocess", "shutil", "tempfile") or event in (
        "os.putenv", "os.unsetenv", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.mkdir", "os.remove",
        "os.rename", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chdir", "os.truncate", "os.utime",
    ):
        seen.append(f"{event} {arguments}")
threads = threading.active_count()
pack = pathlib.Path(sys.argv[1])
spec = importlib.util.spec_from_file_location("pack", pack / "__init__.py", submodule_search_locations=[str(pack)])
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
sys.addaudithook(watch)
spec.loader.exec_module(module)
done = [*seen]
done += [f"thread {thread.name}" for thread in threading.enumerate()[threads:]]
comfyui = sorted({name.split(".")[0] for name in sys.modules} & {"comfy", "folder_paths", "server", "execution"})
sys.__stderr__.write(json.dumps({"done": done, "nodes": list(module.NODE_CLASS_MAPPINGS), "comfyui": comfyui}))
"""


def test_importing_the_pack_does_nothing(tmp_path: Path) -> None:
    """It writes no file, opens no connection, prints nothing, sets no variable and starts no thread."""
    copy = tmp_path / "custom_nodes" / "image-sequence-pack"
    for file in PUBLISHED:
        (copy / file.relative_to(PACK)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy / file.relative_to(PACK))
    paths = [copy, *copy.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "cwd").mkdir()
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", IMPORT_UNDER_WATCH, str(copy)],
            cwd=tmp_path / "cwd",
            capture_output=True,
            text=True,
            check=False,
        )
        after = [copy, *copy.rglob("*")]
    finally:
        for path in paths:
            path.chmod(0o755)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert json.loads(done.stderr) == {"done": [], "nodes": list(IDS), "comfyui": []}
    assert sorted(after) == sorted(paths)
    assert list((tmp_path / "cwd").iterdir()) == []


# The first three values and their order are the earlier pack's.
FILETYPES = [
    "png with embedded workflow",
    "png",
    "jpg",
    "png 16-bit with embedded workflow",
    "png 16-bit",
    "webp lossless with embedded workflow",
    "webp lossy with embedded workflow",
    "exr",
    "exr 16-bit",
    "exr with embedded workflow",
    "exr 16-bit with embedded workflow",
]
# Colour spaces and compressions are refused by the node, with the nearest right name, so their lists accept any text. The
# spaces of an OpenColorIO config follow the built-in ones.
IMAGE_SPACE = ("image_color_space", ["sRGB", "linear Rec.709", "ACEScg"], {"default": "sRGB", "advanced": True})
FILE_SPACE = ("file_color_space", None, {"default": "automatic", "advanced": True})
FILE_SPACES = ["automatic", "as stored", "sRGB", "linear Rec.709", "linear Rec.2020", "linear P3-D65", "ACEScg"]
FILE_SPACES += ["ACES2065-1"]
ENCODING = [
    ("quality", "INT", {"default": 95, "min": 1, "max": 100}),
    ("workflow_file", "BOOLEAN", {"default": False}),
    ("mask", "MASK", {"lazy": True}),
    ("layers", "IMAGE_LAYERS", {"lazy": True}),
    ("metadata", "FRAME_METADATA", {"lazy": True}),
    IMAGE_SPACE,
    FILE_SPACE,
    (
        "exr_compression",
        ["ZIP", "ZIPS", "PIZ", "DWAA", "DWAB", "RLE", "none"],
        {"default": "ZIP", "advanced": True},
    ),
]
DECODING = [("layer", "STRING", {"default": "", "advanced": True}), IMAGE_SPACE, FILE_SPACE]
ON_EXISTING = ["overwrite", "skip", "error", "skip unchanged"]

# (input, type, options that saved workflows and API prompts depend on), in the order of the widgets. The inputs before
# the star are the earlier pack's: their names, order, defaults and accepted values must not change.
STAR = "*"
CONTRACT: dict[str, list[Any]] = {
    "ImageSequenceSaveFrame": [
        ("images", "IMAGE", {}),
        ("filename_prefix", "STRING", {"default": "Sequence"}),
        ("current_frame", "INT", {"default": 0, "min": 0, "max": 9999999}),
        STAR,
        ("digits", "INT", {"default": 5}),
        ("filetype", FILETYPES, {}),
        ("on_existing", ON_EXISTING, {}),
        *ENCODING,
    ],
    "ImageSequenceSaveCounted": [
        ("frame_counter", "FRAME_COUNTER", {}),
        ("image", "IMAGE", {}),
        ("directory_path", "STRING", {"default": ""}),
        ("prefix", "STRING", {"default": "frame"}),
        ("digits", "INT", {"default": 5}),
        ("at_end", ["stop output", "raise error", "keep going"], {}),
        ("filetype", FILETYPES, {}),
        STAR,
        ("on_existing", ON_EXISTING, {}),
        *ENCODING,
        ("first_frame", "INT", {"default": 0, "min": 0}),
    ],
    "ImageSequenceSaveBatch": [
        ("images", "IMAGE", {}),
        ("path_pattern", "STRING", {"default": "./frame{:06d}.png"}),
        ("start_index", "INT", {"default": 0, "min": 0}),
        ("overwrite", ["false", "true", "skip", "error", "skip unchanged"], {"default": "true"}),
        STAR,
        ("filetype", ["as the pattern's extension says", *FILETYPES], {}),
        *ENCODING,
    ],
    "ImageSequenceLoadBatch": [
        ("path_pattern", "STRING", {"default": "./frame{:06d}.png"}),
        ("start_index", "INT", {"default": 0, "min": 0}),
        ("frame_count", "INT", {"default": 16}),
        ("ignore_missing_images", ["false", "true", "hold previous", "black"], {}),
        STAR,
        ("folder", ["output", "input", "temp"], {}),
        ("step", "INT", {"default": 1, "min": 1}),
        ("on_size_mismatch", None, {}),
        *DECODING,
        ("frames", "STRING", {"default": ""}),
    ],
    # The earlier pack's counter (required there) and optional image are sockets, so they do not change the order of widgets.
    "ImageSequenceLoadFrame": [
        ("directory_path", "STRING", {"default": ""}),
        ("pattern", "STRING", {"default": "*"}),
        ("indexing", ["numeric", "alphabetic order"], {}),
        STAR,
        ("frame_counter", "FRAME_COUNTER", {}),
        ("default_image", "IMAGE", {}),
        ("frame_number", "INT", {"default": 0, "min": 0}),
        ("on_missing", ["error", "hold previous", "hold next", "black"], {}),
        ("folder", ["output", "input", "temp"], {}),
        *DECODING,
    ],
    "ImageSequenceFrameCounter": [
        ("frame_index", "INT", {"default": 0, "min": 0}),
        ("total_frames", "INT", {"default": 100, "min": 1, "max": 5184000}),
        ("frames_per_second", "FLOAT", {"default": 25.0, "min": 0.001}),
        STAR,
    ],
    "ImageSequenceFrameCounterFromDirectory": [
        ("directory_path", "STRING", {"default": ""}),
        ("pattern", "STRING", {"default": "*"}),
        ("indexing", ["numeric", "alphabetic order"], {}),
        ("total_frames", "INT", {"default": 100, "max": 5184000}),
        ("frames_per_second", "FLOAT", {"default": 30.0, "min": 0.001}),
        STAR,
        ("resume_at", ["after last", "first gap"], {}),
        ("first_frame", "INT", {"default": 0, "min": 0}),
    ],
    "ImageSequenceFromAnimation": [
        ("sequence", "ANIMATION_SEQUENCE", {}),
        STAR,
        ("batch_index", "INT", {"default": 0, "min": 0}),
    ],
    "ImageSequenceAddLayer": [
        ("name", "STRING", {"default": "depth"}),
        STAR,
        ("layers", "IMAGE_LAYERS", {}),
        ("image", "IMAGE", {}),
        ("mask", "MASK", {}),
        ("is_color", "BOOLEAN", {"default": False}),
    ],
    "ImageSequenceCheck": [
        ("path_pattern", "STRING", {"default": "./frame{:06d}.png"}),
        STAR,
        ("folder", ["output", "input", "temp"], {}),
        ("start_index", "INT", {"default": 0, "min": 0}),
        ("frame_count", "INT", {"default": 0, "min": 0}),
        ("thoroughness", ["quick", "decode every frame"], {}),
        ("on_problem", ["report", "raise error"], {}),
    ],
}
COUNTED = [
    ("frame_counter", "FRAME_COUNTER"),
    ("frame_index", "INT"),
    ("total_frames", "INT"),
    ("is_final_frame", "BOOLEAN"),
    ("progress", "FLOAT"),
]
OUTPUTS: dict[str, list[tuple[str, str]]] = {
    "ImageSequenceSaveFrame": [("path_pattern", "STRING")],
    "ImageSequenceSaveCounted": [
        ("sequence", "ANIMATION_SEQUENCE"),
        ("log_entry", "LOG_ENTRY"),
        ("path_pattern", "STRING"),
    ],
    "ImageSequenceSaveBatch": [("path_pattern", "STRING")],
    "ImageSequenceLoadBatch": [
        ("images", "IMAGE"),
        ("mask", "MASK"),
        ("frame_count", "INT"),
        ("frame_range", "STRING"),
        ("metadata", "FRAME_METADATA"),
        ("path_pattern", "STRING"),
    ],
    "ImageSequenceLoadFrame": [
        ("image", "IMAGE"),
        ("mask", "MASK"),
        ("file_name", "STRING"),
        ("metadata", "FRAME_METADATA"),
    ],
    "ImageSequenceFrameCounter": COUNTED,
    "ImageSequenceFrameCounterFromDirectory": COUNTED,
    "ImageSequenceFromAnimation": [("images", "IMAGE"), ("frames_per_second", "FLOAT")],
    "ImageSequenceAddLayer": [("layers", "IMAGE_LAYERS")],
    "ImageSequenceCheck": [
        ("report", "STRING"),
        ("missing", "STRING"),
        ("is_good", "BOOLEAN"),
        ("path_pattern", "STRING"),
    ],
}
every_node = pytest.mark.parametrize("node_id", list(IDS))


@pytest.fixture
def node(pack: ModuleType, node_id: str) -> Any:
    return pack.NODE_CLASS_MAPPINGS[node_id]


def inputs(node: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Name -> (type, options) of every input that is not hidden, in order."""
    declared = node.INPUT_TYPES()
    return {
        name: (kind, rest[0] if rest else {})
        for group in ("required", "optional")
        for name, (kind, *rest) in declared.get(group, {}).items()
    }


ADDED = (
    "Saved workflows and API prompts depend on what is there, so it must not change. "
    "For a new input or value, add it to CONTRACT (a filetype: to the end of FILETYPES), in tests/test_house.py."
)


@every_node
class TestNodes:
    def test_inputs_have_the_names_and_the_order_of_the_contract(self, node: Any, node_id: str) -> None:
        star = CONTRACT[node_id].index(STAR)
        names = [row[0] for row in CONTRACT[node_id] if row is not STAR]

        assert list(inputs(node)) == names, ADDED
        assert list(node.INPUT_TYPES()["required"]) == names[:star]
        assert list(node.INPUT_TYPES().get("optional", {})) == names[star:]

    def test_inputs_have_the_types_options_and_defaults_of_the_contract(self, node: Any, node_id: str) -> None:
        for name, kind, options in (row for row in CONTRACT[node_id] if row is not STAR):
            declared, given = inputs(node)[name]

            assert kind is None or declared == kind, f"{name}: {ADDED}"
            assert {key: given.get(key) for key in options} == options, f"{name}: {ADDED}"
            if isinstance(declared, list):
                assert given.get("default", declared[0]) in list(declared), name

    def test_colour_spaces_begin_with_the_built_in_ones(self, node: Any, node_id: str) -> None:
        declared, _ = inputs(node).get("file_color_space", (FILE_SPACES, {}))

        assert list(declared)[: len(FILE_SPACES)] == FILE_SPACES, ADDED

    def test_values_without_a_limit_in_the_contract_have_none(self, node: Any, node_id: str) -> None:
        """In the earlier packs digits had no limits, start indices had no upper limit, and totals could be as low as 2."""
        given = {name: options for name, (_, options) in inputs(node).items()}
        if node_id == "ImageSequenceSaveCounted":
            assert not {"min", "max"} & set(given["digits"])
        for name in ("start_index", "frame_count"):
            assert given.get(name, {}).get("max", 2**53 - 1) >= 2**53 - 1
        assert given.get("frame_count", {"min": 0})["min"] == 0
        assert given.get("total_frames", {"min": 1})["min"] <= 2

    def test_outputs_have_the_names_and_types_of_the_contract(self, node: Any, node_id: str) -> None:
        names = getattr(node, "RETURN_NAMES", node.RETURN_TYPES)

        assert list(zip(names, node.RETURN_TYPES, strict=True)) == OUTPUTS[node_id]

    def test_every_input_and_output_has_a_tooltip(self, node: Any, node_id: str) -> None:
        assert [name for name, (_, options) in inputs(node).items() if not options.get("tooltip")] == []
        tooltips = getattr(node, "OUTPUT_TOOLTIPS", ())
        assert len(tooltips) == len(node.RETURN_TYPES)
        assert all(tooltips)

    def test_has_a_description_and_search_aliases(self, node: Any, node_id: str) -> None:
        assert node.DESCRIPTION.strip().endswith((".", "!"))
        assert node.SEARCH_ALIASES
        assert all(isinstance(alias, str) and alias for alias in node.SEARCH_ALIASES)
        assert node.CATEGORY == "image/sequence"

    def test_is_an_output_node_only_if_it_saves_or_checks(self, node: Any, node_id: str) -> None:
        """ComfyUI tests OUTPUT_NODE with `is True`."""
        assert (getattr(node, "OUTPUT_NODE", False) is True) == (node_id in [*SAVERS, "ImageSequenceCheck"])

    def test_savers_receive_the_workflow_and_their_own_id(self, node: Any, node_id: str) -> None:
        hidden = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO", "unique_id": "UNIQUE_ID"}
        hidden |= {"dynprompt": "DYNPROMPT"}
        if node_id in SAVERS:
            assert node.INPUT_TYPES()["hidden"] == hidden

    def test_only_frame_numbers_count_up_after_a_run(self, node: Any, node_id: str) -> None:
        counted = {
            "ImageSequenceSaveFrame": "current_frame",
            "ImageSequenceLoadFrame": "frame_number",
            "ImageSequenceFrameCounter": "frame_index",
        }
        for name, (_, options) in inputs(node).items():
            # Never a string: frontends 1.27 and 1.42 use a string as the name of the control (web/js/counting.js).
            assert options.get("control_after_generate") == (True if counted.get(node_id) == name else None), name

    def test_an_image_that_may_not_be_needed_is_lazy(self, node: Any, node_id: str) -> None:
        lazy = {name for name, (_, options) in inputs(node).items() if options.get("lazy")}
        companions = {"mask", "layers", "metadata"}
        expected = {
            "ImageSequenceSaveFrame": {"images", *companions},
            "ImageSequenceSaveCounted": {"image", *companions},
            "ImageSequenceSaveBatch": {"images", *companions},
            "ImageSequenceLoadFrame": {"default_image"},
            "ImageSequenceAddLayer": {"layers", "image", "mask"},
        }

        assert lazy == expected.get(node_id, set())
        assert hasattr(node, "check_lazy_status") == bool(lazy)

    def test_paths_are_not_dynamic_prompts(self, node: Any, node_id: str) -> None:
        """In dynamic prompts the frontend expands {a|b} and removes everything after //."""
        assert not [name for name, (_, options) in inputs(node).items() if options.get("dynamicPrompts")]

    def test_its_function_accepts_every_input_by_name(self, node: Any, node_id: str) -> None:
        declared = node.INPUT_TYPES()
        function = inspect.signature(getattr(node, node.FUNCTION))
        given = {name: None for group in declared.values() for name in group}

        function.bind(None, **given)
        function.bind(None, **dict.fromkeys(declared["required"]))

    def test_a_validator_names_its_inputs(self, node: Any, node_id: str) -> None:
        """With **kwargs, ComfyUI would not check any input itself."""
        if not hasattr(node, "VALIDATE_INPUTS"):
            return
        parameters = inspect.signature(node.VALIDATE_INPUTS).parameters.values()
        assert all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        assert all(parameter.default is None for parameter in parameters)
        assert {parameter.name for parameter in parameters} <= set(inputs(node))

    def test_what_is_known_before_a_run_takes_every_input(self, node: Any, node_id: str, base: Path) -> None:
        """Nodes that read files or count must say it: their IS_CHANGED also tells of earlier runs."""
        assert hasattr(node, "KNOWN_BEFORE_RUN") == (node_id != "ImageSequenceAddLayer")
        if hasattr(node, "KNOWN_BEFORE_RUN"):
            node.KNOWN_BEFORE_RUN(**dict.fromkeys(inputs(node)))

    def test_is_changed_accepts_every_input_and_returns_text(self, node: Any, node_id: str, base: Path) -> None:
        if not hasattr(node, "IS_CHANGED"):
            return
        names = [name for group in node.INPUT_TYPES().values() for name in group]

        assert isinstance(node.IS_CHANGED(**dict.fromkeys(names)), str)
        assert isinstance(node.IS_CHANGED(), str)

    def test_its_declaration_is_plain_json(self, node: Any, node_id: str) -> None:
        """/object_info sends it, and an exception there removes the node from the list."""
        assert json.loads(json.dumps(node.INPUT_TYPES(), allow_nan=False))

    def test_declaring_its_inputs_does_not_touch_the_disk(self, node: Any, node_id: str, base: Path) -> None:
        node.INPUT_TYPES()

        assert list(base.iterdir()) == []

    def test_its_texts_are_ascii(self, node: Any, node_id: str) -> None:
        words = [node.DESCRIPTION, *(options["tooltip"] for _, options in inputs(node).values()), *inputs(node)]

        assert all(text.isascii() for text in words)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))


class TestPyproject:
    def test_its_name_is_valid_for_the_registry(self, project: dict[str, Any]) -> None:
        name = project["project"]["name"]

        assert re.fullmatch(r"[A-Za-z](?:[A-Za-z0-9]|[._-](?=[A-Za-z0-9]))*", name)
        assert "comfyui" not in name.lower()
        assert len(name) < 100

    def test_its_version_is_static_and_has_three_numbers(self, project: dict[str, Any]) -> None:
        assert re.fullmatch(r"\d+\.\d+\.\d+", project["project"]["version"])
        assert "dynamic" not in project["project"]

    def test_each_required_comfyui_version_has_three_numbers(self, project: dict[str, Any]) -> None:
        parts = project["tool"]["comfy"]["requires-comfyui"].split(",")

        assert all(re.fullmatch(r"(>=|<=|==|~=|!=|<|>)?\d+\.\d+\.\d+(-\w+)?", part.strip()) for part in parts)

    def test_it_has_the_fields_that_the_registry_asks_for(self, project: dict[str, Any]) -> None:
        assert project["tool"]["comfy"]["DisplayName"]
        assert (PACK / project["project"]["license"]["file"]).is_file()
        assert (PACK / project["project"]["readme"]).is_file()

    def test_the_publisher_s_fields_are_given_or_listed_as_left_to_do(self, project: dict[str, Any]) -> None:
        """A missing field is better than an address or a publisher that nobody has registered."""
        given = {**project["project"].get("urls", {}), **project["tool"]["comfy"]}
        _, heading, to_do = (PACK / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Before publishing\n")

        assert heading
        assert [
            name for name in ("Repository", "PublisherId", "Icon") if name not in given and f"`{name}`" not in to_do
        ] == []
        assert given.get("Repository", "https://").startswith("https://")

    def test_its_version_is_the_first_one_in_the_changelog(self, project: dict[str, Any]) -> None:
        changelog = (PACK / "CHANGELOG.md").read_text(encoding="utf-8")

        assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[0] == project["project"]["version"]

    def test_files_name_its_version(self, project: dict[str, Any], pack: ModuleType) -> None:
        identity = sys.modules[f"{pack.__name__}.io_utils.frame_identity"]

        assert project["project"]["version"] == identity.VERSION

    def test_its_web_folder_is_not_registered_twice(self, project: dict[str, Any]) -> None:
        assert "web" not in project["tool"]["comfy"]

    def test_comfy_cli_keeps_all_its_classifiers(self, project: dict[str, Any]) -> None:
        kept = ("Microsoft", "POSIX", "MacOS", "OS Independent")
        for classifier in project["project"].get("classifiers", []):
            assert not classifier.startswith("Environment ::")
            if classifier.startswith("Operating System :: "):
                assert classifier.removeprefix("Operating System :: ").startswith(kept)

    def test_requirements_txt_lists_its_dependencies(self, project: dict[str, Any]) -> None:
        """ComfyUI-Manager installs from requirements.txt only."""
        lines = (PACK / "requirements.txt").read_text(encoding="utf-8").splitlines()

        assert [line for line in lines if line and not line.startswith("#")] == project["project"]["dependencies"]
