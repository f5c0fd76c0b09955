"""The tools of the benchmarks: a wrong file stops a benchmark, and its counts are correct."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench, corpus, gil, kinds, loading, measure
from benchmarks.corpus.scenes import SAMPLES
from benchmarks.encoder import ALL, LARGE, OURS, TITLES, Measured, worst_table
from benchmarks.engines import BASE, WrongPixelsError, check, engines, pillow
from benchmarks.goals import goals_table
from benchmarks.hosts import InProcess
from benchmarks.linear import Repeated, browse_folder, listings, load_batch, one_frame_runs, save_batch
from io_utils.formats.png.encode import encode_png
from io_utils.formats.webp import WEBP

# A pack of another author, whose node adds ERROR to every value that it loads.
OTHER_PACK = """
from pathlib import Path

import numpy as np
import torch
from PIL import Image


class Load:
    FUNCTION, CATEGORY, RETURN_TYPES = "run", "other", ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls):
        text, count = ("STRING", {"default": ""}), ("INT", {"default": 0})
        inputs = {"path_pattern": text, "start_index": count, "frame_count": count, "ignore_missing_images": text}
        return {"required": inputs}

    def run(self, path_pattern, start_index, frame_count, ignore_missing_images):
        files = (path_pattern.format(number) for number in range(frame_count))
        frames = [np.asarray(Image.open(file), np.float32) / 255 + np.float32(ERROR) for file in files]
        return (torch.from_numpy(np.stack(frames)),)


NODE_CLASS_MAPPINGS = {"JWLoadImageSequence": Load}
"""


def printed_tables(capsys):
    """The tables that were printed, by title: the titles of their columns, and the cells of each row."""
    tables: dict[str, tuple[list[str], dict[str, list[str]]]] = {}
    title = None
    for line in capsys.readouterr().out.split("\n"):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not cells:
            title = None
        elif title is None:
            title = cells[0]
            tables[title] = cells[1:], {}
        elif line.startswith("| "):
            tables[title][1][cells[0]] = cells[1:]
    return tables


class TestCheck:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [1, 2, 3, 4])
    def test_both_decoders_must_read_exactly_the_encoded_pixels(self, dtype, channels):
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, np.iinfo(dtype).max, (5, 37, channels), dtype, endpoint=True)
        check(encode_png(pixels), pixels, "a file")
        other = pixels.copy()
        other[4, 36, channels - 1] ^= 1
        with pytest.raises(WrongPixelsError, match="a file: "):
            check(encode_png(pixels), other, "a file")

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_of_another_shape_with_the_same_samples_is_found(self, dtype):
        pixels = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype)

        for other in (pixels.reshape(50, 60, 3), pixels.reshape(60, 150, 1), pixels[:50]):
            with pytest.raises(WrongPixelsError, match="a file: "):
                check(encode_png(other), pixels, "a file")

    def test_every_installed_engine_writes_the_pixels_that_it_is_given(self):
        found, _ = engines()
        assert BASE in [engine.name for engine in found]
        pixels = corpus.frames("photo", (40, 24), 0)
        for engine in found:
            check(engine.encoder(pixels)(), pixels, engine.name)

    def test_the_base_is_pillow_at_level_4(self):
        pixels = corpus.frames("text", (40, 24), 0)
        base = next(engine for engine in engines()[0] if engine.name == BASE)
        assert base.encoder(pixels)() == pillow(pixels, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_share_of_the_lock_is_a_share():
    try:
        milliseconds, share = gil.share_with_lock("mask, PNG", (64, 64), 0.1)
    except (OSError, LookupError) as error:
        pytest.skip(str(error))
    assert 0 < share <= 1
    assert milliseconds > 0


class TestCorpus:
    @pytest.mark.parametrize("half", [corpus.TUNING, corpus.HELD_OUT], ids=["tuning", "held out"])
    def test_every_content_can_be_drawn_in_any_size(self, half):
        for content in half.names():
            pixels = half.picture(content, (97, 65))
            assert pixels.shape[:2] == (65, 97), content
            assert pixels.dtype in (np.uint8, np.uint16), content

    def test_the_tuning_contents_are_encoded_without_loss(self):
        """The other half stays unseen: `dev.py bench` checks its files while it measures."""
        for content in corpus.TUNING.names():
            pixels = corpus.TUNING.picture(content, (97, 65))
            check(encode_png(pixels), pixels, content)

    @pytest.mark.parametrize(
        ("half", "content"), [(corpus.TUNING, "one_bit_dither"), (corpus.HELD_OUT, "half_denoised")]
    )
    def test_a_content_is_the_same_whenever_it_is_drawn(self, half, content):
        once, again = (half.picture(content, (64, 64)) for _ in range(2))
        assert np.array_equal(once, again)

    def test_both_halves_have_all_kinds(self):
        for half in (corpus.TUNING, corpus.HELD_OUT):
            assert set(half.names().values()) == set(corpus.KINDS)

    def test_no_content_is_in_both_halves_neither_by_name_nor_by_its_pixels(self):
        assert not set(corpus.TUNING.names()) & set(corpus.HELD_OUT.names())
        tuning, held_out = (
            {half.picture(name, (256, 256)).tobytes() for name in half.names()}
            for half in (corpus.TUNING, corpus.HELD_OUT)
        )
        assert not tuning & held_out
        assert len(held_out) == len(corpus.HELD_OUT.names())

    def test_the_real_pictures_are_left_out_where_matplotlib_is_not_installed(self):
        real = [name for name in corpus.HELD_OUT.names() if name.startswith("real_")]
        assert bool(real) == SAMPLES.is_dir()

    def test_a_name_is_given_once(self):
        half = corpus.Registry()
        half.add("mask", "moon", lambda rng, size: np.zeros(size, np.uint8))
        with pytest.raises(ValueError, match="there is a content 'moon' already"):
            half.add("photo", "moon", lambda rng, size: np.zeros(size, np.uint8))

    def test_every_kind_of_content_has_a_title(self):
        assert list(TITLES) == [*corpus.KINDS, ALL]

    def test_an_unknown_content_is_refused_by_name(self):
        with pytest.raises(ValueError, match="unknown content 'sunset'"):
            corpus.TUNING.picture("sunset", (8, 8))


def test_the_table_of_the_worst_names_the_slowest_and_the_largest_content(capsys):
    def measured(kind, content, seconds, length):
        return Measured(kind, content, OURS[0], seconds, length, 1000, 1.0, 100)

    rows = [measured(kind, f"{kind}_a", 0.1, 90) for kind in corpus.KINDS]
    rows += [measured("mask", "slow", 0.5, 100), measured("mask", "large", 0.1, int(LARGE * 100) + 1)]
    worst_table(measure.Report(), rows, OURS[0])
    (line,) = (line for line in capsys.readouterr().out.split("\n") if TITLES["mask"] in line)
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells[0] == "3"
    assert cells[2:4] == ["2.0 (slow)", "1"]
    assert cells[5:] == ["1.110 (large)", "1"]


class TestLoading:
    def pack(self, folder, error):
        (folder / "comfyui_image_sequence.py").write_text(f"ERROR = {error}\n{OTHER_PACK}")
        return folder

    def test_every_content_and_writer_has_a_row_and_every_loader_is_compared(self, tmp_path, capsys):
        loading.loading_table(measure.Report(), (48, 32), 2, self.pack(tmp_path, error=0))
        ((title, (columns, rows)),) = printed_tables(capsys).items()
        assert title == "loading 2 frames, CPU ms a frame"
        rivals = ["Pillow, one by one", "JW"]
        assert columns == [*rivals, "this pack", *(f"{rival} / this pack" for rival in rivals)]
        writers = ("Pillow's files", "its own files")
        assert list(rows) == [f"{content}, {writer}" for content in ("photo", "depth", "text") for writer in writers]
        assert all(float(cell) > 0 for cells in rows.values() for cell in cells)

    def test_another_pack_is_left_out_where_it_is_absent(self, capsys):
        loading.loading_table(measure.Report(), (48, 32), 2)
        ((_, (columns, _)),) = printed_tables(capsys).items()
        assert columns == ["Pillow, one by one", "this pack", "Pillow, one by one / this pack"]

    def test_a_wrong_frame_stops_all(self, tmp_path, capsys):
        with pytest.raises(ValueError, match="the loaded frames differ from the saved ones"):
            loading.loading_table(measure.Report(), (48, 32), 2, self.pack(tmp_path, error=1e-6))
        assert not printed_tables(capsys)


class TestKinds:
    def test_the_tables_have_their_rows_and_columns(self, capsys):
        kinds.run(measure.Report(), (64, 48), quick=True)
        tables = printed_tables(capsys)
        assert {title: columns for title, (columns, _) in tables.items()} == {
            "WebP, lossless": ["method 1, ms", "ours, ms", "times as fast", "bytes, method 1 = 1"],
            "WebP, quality 90": [
                *("ours (method 4), ms", "method 2, ms", "times as fast", "bytes, ours = 1"),
                *("PSNR, dB", "change", "SSIM, dB", "change"),
            ],
            "JPEG, quality 90": [
                *("into memory, ms", "ours, ms", "times as fast", "bytes"),
                *("into memory, 2 threads", "ours, 2 threads"),
            ],
            "EXR, half, 4 frames": [
                *("ours, CPU ms a frame", "OpenImageIO", "CPU, OpenImageIO = 1", "seconds, OpenImageIO = 1"),
            ],
        }
        *pictures, batch = (list(rows) for _, rows in tables.values())
        assert pictures == [["shot_noise", "leaves_sharp"]] * 3
        assert batch == ["saving, ZIP", "loading, ZIP", "saving, DWAA", "loading, DWAA"]
        for title, (columns, rows) in tables.items():
            for cells in rows.values():
                assert len([float(cell) for cell in cells]) == len(columns), title

    def test_both_decoders_must_read_exactly_the_pixels_of_a_lossless_webp(self):
        pixels = corpus.frames("photo", (37, 21), 0)
        kinds.check(WEBP.encode(pixels), pixels, "a file")
        other = pixels.copy()
        other[20, 36, 2] ^= 1
        with pytest.raises(WrongPixelsError, match="a file: "):
            kinds.check(WEBP.encode(pixels), other, "a file")

    @pytest.mark.parametrize(("one", "other"), [(100, 101), (100, 120), (90, 250)])
    def test_the_similarity_of_flat_pictures_is_that_of_its_definition(self, one, other):
        """Wang et al. 2004, equation 6: only the means differ. FFmpeg's constant is smaller, which counts in the dark only."""
        constant = (0.01 * 255) ** 2
        by_definition = (2 * one * other + constant) / (one**2 + other**2 + constant)
        decibels = kinds.ssim(*(np.full((32, 48, 3), level, np.uint8) for level in (one, other)))
        assert 1 - 10 ** (-decibels / 10) == pytest.approx(by_definition, abs=1e-4)

    def test_equal_pictures_are_infinitely_similar(self):
        pixels = corpus.frames("photo", (48, 32), 0)
        assert kinds.ssim(pixels, pixels.copy()) == float("inf")


class TestGoals:
    def rows(self, *cells):
        """Contents as (kind, seconds, bytes) beside Pillow's second and 1,000,000 bytes, with the accelerators and without."""
        return [
            Measured(kind, f"{kind}_{number}", engine, seconds, size, 3_000_000, 1.0, 1_000_000)
            for number, (kind, seconds, size) in enumerate(cells)
            for engine in OURS
        ]

    def table(self, rows, capsys):
        goals_table(measure.Report(), rows)
        lines = capsys.readouterr().out.split("\n")
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
        return {row[0]: row[1:] for row in cells}, "\n".join(lines)

    def test_a_mean_is_compared_with_its_bound(self, capsys):
        table, _ = self.table(self.rows(("photo", 0.1, 900_000), ("mask", 0.1, 900_000)), capsys)
        assert table["times as fast, mean"] == ["at least 9.0", "10.0", "yes", "at least 5.0", "10.0", "yes"]
        assert table["bytes, mean"] == ["at most 0.980", "0.900", "yes", "at most 1.150", "0.900", "yes"]

    def test_nine_of_ten_contents_are_enough_and_eight_are_not(self, capsys):
        contents = [("mask", 0.1, 900_000)] * 9 + [("mask", 0.5, 1_200_000)]
        table, _ = self.table(self.rows(*contents), capsys)
        shares = ["contents at most 1.10 of the bytes", "contents at least 5 times as fast"]
        assert [table[title][1:3] for title in shares] == [["90%", "yes"]] * 2
        table, _ = self.table(self.rows(*contents[1:], contents[-1]), capsys)
        assert [table[title][1:3] for title in shares] == [["80%", "no"]] * 2

    def test_a_content_on_the_bound_is_within_it(self, capsys):
        table, _ = self.table(self.rows(("mask", 0.2, 1_100_000)), capsys)
        assert table["contents at most 1.10 of the bytes"][1] == "100%"
        assert table["contents at least 5 times as fast"][1] == "100%"

    def test_a_file_that_is_only_a_few_bytes_larger_may_have_any_ratio(self, capsys):
        rows = [Measured("mask", "tiny", OURS[0], 0.1, 21_000, 3_000_000, 1.0, 1_000)]
        table, _ = self.table([*rows, *self.rows(("photo", 0.1, 1_300_000))], capsys)
        assert table["bytes, largest"][1] == "21.000 (tiny)"
        assert table["bytes, largest that differs by more than 20 kB"][1:3] == ["1.300 (photo_0)", "yes"]

    def test_text_has_a_bound_of_its_own(self, capsys):
        table, _ = self.table(self.rows(("photo", 0.1, 1_300_000), ("graphic", 0.1, 1_090_000)), capsys)
        assert table["bytes, largest with text or lines"][:3] == ["at most 1.080", "1.090 (graphic_1)", "no"]

    def test_the_misses_are_named_the_worst_first(self, capsys):
        _, text = self.table(self.rows(("mask", 0.3, 1_200_000), ("noise", 0.5, 1_400_000)), capsys)
        assert "ours, above 1.10 of the bytes: noise_1 1.40, mask_0 1.20." in text
        assert "ours, below 5 times as fast: noise_1 2.0, mask_0 3.3." in text


class TestTables:
    def test_all_tables_together_fit_in_a_quarter_of_an_hour(self):
        assert sum(table.seconds for table in bench.TABLES) < 15 * 60

    def test_every_table_has_a_name_of_its_own_and_a_heading_in_the_readme_in_the_same_order(self):
        assert len({table.name for table in bench.TABLES}) == len(bench.TABLES)
        readme = (Path(bench.__file__).parent / "README.md").read_text(encoding="utf-8")
        places = [readme.find(f"\n## {table.heading}\n") for table in bench.TABLES]
        assert places == sorted(places)
        assert -1 not in places

    def test_a_table_whose_packages_are_absent_is_left_out_and_the_next_one_is_made(self, capsys):
        def absent(bench):
            raise ModuleNotFoundError("No module named 'rival'")

        run = bench.Bench(bench._parser().parse_args(["--quick"]))
        tables = [
            bench.Table("a", "First", 1, absent),
            bench.Table("b", "Second", 2, lambda bench: bench.report.line("made")),
        ]
        rows = bench.run_tables(run, tables)
        assert [(name, budget) for name, _, budget in rows] == [("a", "1"), ("b", "2"), ("all", "3")]
        out = [line for line in capsys.readouterr().out.split("\n") if line]
        assert out == ["## First", "Left out: No module named 'rival'.", "## Second", "made"]

    def test_a_wrong_pixel_stops_all(self):
        def wrong(bench):
            raise WrongPixelsError

        run = bench.Bench(bench._parser().parse_args(["--quick"]))
        with pytest.raises(WrongPixelsError):
            bench.run_tables(run, [bench.Table("a", "First", 1, wrong)])

    def test_a_table_that_does_not_exist_is_refused_with_the_names_of_all(self, capsys):
        with pytest.raises(SystemExit):
            bench._parser().parse_args(["--only", "sunset"])
        message = capsys.readouterr().err
        assert "sunset" in message
        assert all(table.name in message for table in bench.TABLES)


class TestReport:
    def test_a_table_is_markdown_with_right_aligned_numbers(self, tmp_path, capsys):
        report = measure.Report()
        report.table("engine", ["MB/s"], [["one", "9.5"], ["another", "12.0"]])
        report.write(tmp_path / "bench.md")
        lines = ["| engine  | MB/s |", "|---------|-----:|", "| one     |  9.5 |", "| another | 12.0 |"]
        assert (tmp_path / "bench.md").read_text().split("\n") == ["", *lines, ""]
        assert capsys.readouterr().out.split("\n") == ["", *lines, ""]

    @pytest.mark.parametrize(("ratio", "text"), [(0.0213, "0.021"), (0.354, "0.35"), (1.04, "1.0"), (43.91, "43.9")])
    def test_a_ratio_has_at_least_two_significant_digits(self, ratio, text):
        assert measure.times(ratio) == text


class TestLinear:
    @pytest.mark.parametrize("count", [3, 30])
    def test_a_long_sequence_is_listed_as_often_as_a_short_one(self, tmp_path, count):
        with InProcess(tmp_path) as host:
            host.host.node_classes["Repeated"] = Repeated
            with listings(host.output) as saving:
                save_batch(host, count)
            with listings(host.output) as loading:
                load_batch(host, count)
            with listings(host.output) as browsing:
                browse_folder(host, count)
            with listings(host.output) as one_by_one:
                one_frame_runs(host, count)
            files = sorted(path.name for path in (host.output / "one_by_one" / str(count)).iterdir())
        # A loader looks when ComfyUI asks whether it must run, and again when it runs.
        assert [len(saving), len(loading), len(browsing), len(one_by_one)] == [1, 2, 1, 1]
        assert len(files) == count

    def test_listings_elsewhere_do_not_count(self, tmp_path):
        with listings(tmp_path) as listed:
            os.listdir(tmp_path)
            os.scandir(tmp_path).close()
            os.listdir(Path(__file__).parent)
        assert listed == [str(tmp_path)] * 2
