"""The tools of the benchmarks: a wrong file stops a benchmark, and its counts are correct."""

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import corpus, measure
from benchmarks.bench import ALL, TITLES
from benchmarks.engines import BASE, WrongPixelsError, check, engines, pillow
from benchmarks.hosts import InProcess
from benchmarks.linear import Repeated, browse_folder, listings, load_batch, one_frame_runs, save_batch
from io_utils.formats.png.encode import encode_png


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


def test_every_kind_of_content_has_a_title():
    assert list(TITLES) == [*corpus.KINDS, ALL]


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
