"""The tools of the benchmarks: a wrong file stops a benchmark, and its counts are correct."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import corpus, gil, measure
from benchmarks.encoder import ALL, LARGE, OURS, TITLES, Measured, worst_table
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
    def test_every_content_can_be_drawn_in_any_size_and_encoded(self, half):
        for content in half.names():
            pixels = half.picture(content, (97, 65))
            assert pixels.shape[:2] == (65, 97), content
            check(encode_png(pixels), pixels, content)

    def test_a_content_is_the_same_whenever_it_is_drawn(self):
        for content in ("one_bit_dither", "text_9", "leaves_sharp"):
            once, again = (corpus.HELD_OUT.picture(content, (64, 64)) for _ in range(2))
            assert np.array_equal(once, again)

    def test_both_halves_have_all_kinds_and_no_picture_is_in_both(self):
        halves = [
            {half.picture(name, (256, 256)).tobytes() for name in half.names()}
            for half in (corpus.TUNING, corpus.HELD_OUT)
        ]
        assert not halves[0] & halves[1]
        for half in (corpus.TUNING, corpus.HELD_OUT):
            assert set(half.names().values()) == set(corpus.KINDS)

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
