"""The farm's demo, with two stand-ins for ComfyUI."""

import re

from PIL import Image

from devtools import farm_demo


def test_one_server_dies_and_the_demo_ends_with_all_frames_and_the_film(tmp_path, capfd):
    mine = tmp_path / "output" / "mine.png"
    old = tmp_path / "output" / "farm-demo" / "frames" / "from_an_earlier_demo.png"
    for path in (mine, old):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    assert farm_demo.main(["--output", str(tmp_path)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    (killed,) = re.findall(r"kill -9: the server (\S+) dies now", out)
    assert f"{killed} does not answer." in out
    rendered = {server: int(count) for server, count in re.findall(r"(\S+) rendered (\d+) frames", out)}
    assert len(rendered) == 2
    # The server may have saved a frame, and two more be on their way to the printer, before it dies.
    assert farm_demo.KILL_AFTER <= rendered[killed] < farm_demo.FRAMES / 2

    assert len([*old.parent.iterdir()]) == farm_demo.FRAMES
    assert [old.exists(), mine.exists()] == [False, True]
    with Image.open(tmp_path / "output" / "farm-demo" / "film_00001_.webp") as film:
        assert getattr(film, "n_frames", 1) == farm_demo.FRAMES
    with Image.open(tmp_path / "farm-contact-sheet.png") as sheet:
        assert sheet.size > (1000, 300)
