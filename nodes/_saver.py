"""Shared by the three savers: common inputs, the cache key and the last step of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..io_utils import host
from ..io_utils.comfyui import report
from ..io_utils.comfyui.cache_watch import CacheWatch, graph_key
from ..io_utils.comfyui.identity import VALUE, Graphs, Known, StaticPrompt, graph_of
from ..io_utils.comfyui.look import Look
from ..io_utils.comfyui.metadata import text_entries
from ..io_utils.comfyui.moments import Moments
from ..io_utils.frame_identity import Graph
from ..io_utils.message import Message
from ..io_utils.naming import tokens
from ..io_utils.naming.node_values import NodeValues
from ..io_utils.policies import OnExisting
from ..io_utils.saving.companions import Companions
from ..io_utils.saving.destination import unknown
from ..io_utils.saving.plan import Frame, Saved, SaveRequest
from ..io_utils.saving.write import summary, write_frames, write_workflow
from ..io_utils.wire import UNRENDERED
from . import _colour, _tokens
from ._inputs import hidden, lazy, listed, rows, some, widget

HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO", "unique_id": "UNIQUE_ID"}
# The prompt with the nodes that others have added to it while they ran, and the change marks of all.
SAVER_HIDDEN = {**HIDDEN, "dynprompt": "DYNPROMPT"}

_CLASSES = frozenset(["ImageSequenceSaveFrame", "ImageSequenceSaveCounted", "ImageSequenceSaveBatch"])

# What the graph makes, and what counts for its identity: the inputs of the savers, and one name for each.
_MADE = {"images": "images", "image": "images", "mask": "mask", "layers": "layers", "metadata": "metadata"}

FILETYPE_TOOLTIP = (
    "The kind of file. PNG is lossless, with 8 or 16 bits per channel; EXR holds floating point, also values outside 0 to 1 "
    "(exr: 32 bits, exr 16-bit: half), as linear light for compositing; WebP is smaller. With the embedded workflow, the "
    "frame holds the graph that made it: ComfyUI opens a PNG or WebP that is dropped into it, and the player's workflow "
    "button opens EXR. JPG is small and lossy and holds no workflow: see workflow_file."
)
QUALITY_TOOLTIP = "For JPG and lossy WebP, 1 to 100: higher is better and larger. The other kinds of file lose nothing."
WORKFLOW_FILE_TOOLTIP = (
    "Also write the workflow beside the frames, as <file name with # for the number>.workflow.json, one for the sequence: "
    "dropped into ComfyUI, it opens the graph. For JPG, which does not hold it, and for EXR."
)
MASK_TOOLTIP = (
    "Becomes the alpha of the images: 1 - mask, so that 0 is opaque. One mask for each image, or one for all. EXR files "
    "hold colour multiplied by alpha."
)
LAYERS_TOOLTIP = "Further images beside the picture, such as depth and normals, from Add EXR Layer. EXR files only."
METADATA_TOOLTIP = (
    "What the headers of the loaded plate say, from a loader of this pack. Time code, camera data and everything else that "
    "is not about storage is written to the EXR files, frame by frame. Other kinds of file ignore it."
)
IMAGE_SPACE_TOOLTIP = (
    "The colour space of the images. ComfyUI's models give sRGB. Choose linear Rec.709 or ACEScg if a loader of this pack "
    "was set to give such images."
)
FILE_SPACE_TOOLTIP = (
    "The colour space of the files. automatic: linear Rec.709 in EXR, sRGB in all other kinds. as stored: the numbers are "
    "written as they are, not even multiplied by alpha."
)
COMPRESSION_TOOLTIP = (
    "How EXR is compressed. ZIP is lossless and read by every program; ZIPS compresses single rows, which some compositing "
    "programs read faster; PIZ suits grain; DWAA and DWAB are lossy and a quarter of the size; RLE and none are fast."
)
PATH_PATTERN_TOOLTIP = (
    "Where the frames are, with the frame number as {:05d}: below the output folder, or absolute in a folder that the operator "
    "allows. Wired into Load Image Sequence (Batch), it loads them after they are saved."
)
_COMPANIONS = {
    "mask": ("MASK", MASK_TOOLTIP),
    "layers": ("IMAGE_LAYERS", LAYERS_TOOLTIP),
    "metadata": ("FRAME_METADATA", METADATA_TOOLTIP),
}
COUNTING_TOOLTIP = (
    "Counts up with every run, unless control after generate (the +1 button in Nodes 2.0) says otherwise."
)
DIGITS_TOOLTIP = "Least number of digits of the frame number; shorter numbers are padded with zeros, longer ones kept."
ON_EXISTING_TOOLTIP = (
    "When the frame is on disk already. overwrite: replace it in one step. skip: keep it, and do not even run the "
    "graph in front of this node; queueing a whole range again renders only what is missing. error: stop, before that "
    "graph runs. skip unchanged: keep it if its file says that this very graph made it, and render and replace it otherwise; "
    "after you change the graph, only the frames that the change affects are rendered."
)

_watch = CacheWatch()
_moments = Moments()
_graphs = Graphs()


def encoding(request: type[SaveRequest]) -> dict[str, Any]:
    """The inputs at the end of every saver."""
    return {
        "quality": widget(request, "quality", QUALITY_TOOLTIP, advanced=True),
        "workflow_file": widget(request, "workflow_file", WORKFLOW_FILE_TOOLTIP, advanced=True),
        **{name: (kind, {"lazy": True, "tooltip": tooltip}) for name, (kind, tooltip) in _COMPANIONS.items()},
        **_colour.color_spaces(request, IMAGE_SPACE_TOOLTIP, FILE_SPACE_TOOLTIP),
        "exr_compression": widget(request, "exr_compression", COMPRESSION_TOOLTIP, advanced=True),
    }


def wired_companions(inputs: dict[str, Any]) -> dict[str, Any]:
    """For check_lazy_status: remove mask, layers and metadata from `inputs`, and return those that are wired."""
    return {name: inputs.pop(name) for name in _COMPANIONS if name in inputs}


def have_come(*values: Any) -> bool:
    """For check_lazy_status: whether all lazy inputs have their values, so that nothing is left to find out before the save.

    ComfyUI asks again once they have come. To look at the folders again would take 0.2 ms.
    """
    return all(value is not None and lazy(value) is not UNRENDERED for value in values)


def companions(inputs: dict[str, Any]) -> list[Companions]:
    """For a saver of single frames: remove mask, layers and metadata from `inputs`; one Companions per row of their lists."""
    wired = _rendered_companions(inputs)
    row_values = rows(**wired) if wired else [()]
    return [Companions(**{name: (item,) for name, item in zip(wired, row)}) for row in row_values]


def joined_companions(inputs: dict[str, Any]) -> Companions:
    """For a saver of batches: remove mask, layers and metadata from `inputs`; their lists belong to all images together."""
    return Companions(**_rendered_companions(inputs))


def _rendered_companions(inputs: dict[str, Any]) -> dict[str, list[Any]]:
    """Remove mask, layers and metadata from `inputs` and return those that came. Raises ValueError for an empty list."""
    given = {name: lazy(inputs.pop(name)) for name in _COMPANIONS if name in inputs}
    return {name: some(value, name) for name, value in given.items() if value is not UNRENDERED}


@dataclass(frozen=True)
class Hidden:
    """The hidden inputs of a saver, of any type; None for those that ComfyUI does not pass."""

    prompt: Any
    extra_pnginfo: Any
    unique_id: Any
    dynprompt: Any
    values: Mapping[str, Any] = field(default_factory=dict)  # what was asked for, see `Graphs.ask`

    @classmethod
    def taken_from(cls, inputs: dict[str, Any]) -> Hidden:
        """Remove the hidden inputs from `inputs` and return them."""
        values = {name: inputs.pop(name) for name in list(inputs) if name.startswith(VALUE)}
        return cls(**{name: hidden(inputs.pop(name, None)) for name in SAVER_HIDDEN}, values=values)

    def begin_run(self) -> dict[str, Any]:
        """For check_lazy_status: what the request must know of this run for its tokens, see `Moments.begin`."""
        if self.dynprompt is not None:
            _graphs.bring(self.dynprompt, self.unique_id, _MADE, self.values)
        return {"now": _moments.begin(self.unique_id, self.prompt), **self._known()}

    def end_run(self) -> dict[str, Any]:
        """For the node's function: the same, for a run that ends with it."""
        return {"now": _moments.end(self.unique_id, self.prompt), **self._known()}

    def _known(self) -> dict[str, Any]:
        return {"nodes": self.nodes, "graph": self.graph}

    def asking_for(self, names: list[str]) -> list[str]:
        """For check_lazy_status: `names`, but first what tells whether the images are those that are on disk already.

        In any case, the graph is noted before it runs.
        """
        values = [] if self.dynprompt is None else _graphs.ask(self.dynprompt, self.unique_id, _MADE)
        return values or names

    def graph(self) -> Graph | None:
        """What makes the images; None if nobody says, as in a script."""
        if self.dynprompt is not None:
            return _graphs.of(self.dynprompt, self.unique_id, _MADE)
        return graph_of(StaticPrompt(self.prompt), self.unique_id, _MADE) if self.unique_id and self.prompt else None

    def has_saver(self, node_id: Any) -> bool:
        """Whether node `node_id` of the prompt that runs is a saver."""
        prompt = self.dynprompt
        return prompt is not None and prompt.has_node(node_id) and prompt.get_node(node_id)["class_type"] in _CLASSES

    @property
    def nodes(self) -> NodeValues:
        """The values of the other nodes, for tokens."""
        return NodeValues(self.prompt, self.extra_pnginfo)


def generation(inputs: dict[str, Any]) -> str:
    """For IS_CHANGED: changes once after a file that this node saved has vanished.

    Under "skip unchanged", also after one that it saved or kept has become another file, whoever has replaced it. Under other
    policies, a file that somebody has edited stays.

    Also changes with the values of tokens: a second later, a folder called %second% is another one, and the same graph must
    write there. `inputs` are ComfyUI's, with None for linked ones.
    """
    node_id = Hidden.taken_from(inputs).unique_id
    texts = [item for value in inputs.values() for item in listed(value) if isinstance(item, str)]
    facts = [repr(sorted(inputs.items())), *_running_graph(node_id, texts)]
    if tokens.needs_time(*texts):
        now = _moments.note(node_id)
    else:
        now = tokens.moment()
        _moments.forget(node_id)
    if tokens.needs_time(*texts) or tokens.needs_nodes(*texts):
        facts.append(str(_tokens.filled(texts, now)))
    return " ".join([_watch.generation(node_id, tuple(facts)), *facts[1:]])


def _running_graph(node_id: Any, texts: list[str]) -> list[str]:
    """Under "skip unchanged", the key of the graph that leads to a saver, if it is known, so that the files of each are watched.

    Without it, a saver runs once more after every change of the graph, because it has replaced the earlier graph's files.
    """
    running = host.running_prompt() if OnExisting.UNCHANGED.value in texts else None
    return [] if running is None or node_id not in running[0] else [graph_key(running[0], node_id)]


def known_before_run() -> Known:
    """For KNOWN_BEFORE_RUN: a saver in front of another one counts as it is. Its IS_CHANGED watches what it has written."""
    return Known()


def look(inputs: dict[str, Any], texts: tuple[str, ...], destination: Callable[[], dict[str, Any]]) -> Look:
    """Where a saver would save. If one of the inputs `texts` is linked, nothing is known before the run."""
    return Look(facts=destination() if all(name in inputs for name in texts) else unknown(""))


@dataclass(frozen=True)
class Outcome:
    """What a saver did. `message` describes it for the user."""

    saved: list[Saved]
    message: str

    @property
    def path_pattern(self) -> str:
        """Where the frames are, as a loader takes it."""
        return self.saved[0].sequence.path_pattern

    def ui(self, message: str | None = None, fps: float | None = None) -> dict[str, list[Any]]:
        """For ComfyUI's `ui`. Its descriptions also have `saved` and `kept`, the numbers of frames of this run."""
        shown = [(item.sequence, item.number) for item in self.saved]
        saved = sum(item.written for item in self.saved)
        counts = {"saved": saved, "kept": len(self.saved) - saved}
        return report.ui(shown, fps=fps, message=self.message if message is None else message, more=counts)


def save(frames: list[Frame], request: SaveRequest, hidden_inputs: Hidden) -> Outcome:
    """Save the frames and record their files for `generation`."""
    text = {}
    is_rendered = any(frame.image is not UNRENDERED for frame in frames)
    if is_rendered and (request.filetype.embeds_workflow or request.workflow_file):
        text = text_entries(hidden_inputs.prompt, hidden_inputs.extra_pnginfo, request.filetype.keyword_fault)
    identified = not host.metadata_disabled()
    saved = write_frames(frames, request, text, report.comfyui_run(), identified=identified)
    workflows, warnings = write_workflow(saved, text, request.on_existing) if request.workflow_file else ([], [])
    stays = request.on_existing is OnExisting.UNCHANGED
    _watch.record_files(
        hidden_inputs.unique_id,
        workflows if stays else [*(item.path for item in saved), *workflows],
        {item.path: item.stamp for item in saved if stays},
        is_beside=hidden_inputs.has_saver,
    )
    files = [Message("Workflow: %file%", file=path.name) for path in workflows]
    unkept = _why_nothing_is_kept(request, identified) if any(item.written for item in saved) else []
    return Outcome(saved, Message.lines([summary(saved), *unkept, *files, *warnings]))


def _why_nothing_is_kept(request: SaveRequest, identified: bool) -> list[Message]:
    """A line for the user if "skip unchanged" renders every frame in every run."""
    graph = request.graph() if request.on_existing is OnExisting.UNCHANGED else None
    if graph is None:
        return []
    if not identified:
        return [
            Message(
                "Start ComfyUI without --disable-metadata to keep unchanged frames: these files do not say which graph made "
                "them."
            )
        ]
    if not graph.is_certain and graph.values is None:
        return [
            Message(
                "Choose 'skip' to keep these frames: what this graph loads is known only when it runs, so they always "
                "count as changed."
            )
        ]
    return []
