"""What the screen does with a file, seen from outside."""

from pixelpipe.formats.registry import Format
from tests.serving import Client
from tests.unit.screening import codes, gif_file, gif_frame, noise, saved, sub_blocks
from tests.unit.test_screen_codec import malformed_animation


async def test_too_many_frames_are_told(client: Client) -> None:
    frame = gif_frame(sub_blocks(codes([4, 0, 5], 3)), (1, 1))
    answer = await client.post("/api/transform?format=png", data=gif_file(frame * 1001))
    problem = await answer.json()
    assert (answer.status, problem["type"]) == (422, "urn:pixelpipe:error:frame-limit")
    assert problem["detail"] == "The GIF has more than 1000 frames; so many are allowed."


async def test_a_file_that_would_crash_the_codec_is_a_picture(client: Client) -> None:
    answer = await client.post("/api/transform?format=png", data=malformed_animation())
    assert answer.status == 200


async def test_of_a_long_animation_the_first_frame_is_taken(client: Client) -> None:
    frames = [noise(size=(40, 30), seed=seed) for seed in range(20)]
    data = saved(frames[0], Format.WEBP, save_all=True, append_images=frames[1:], lossless=True)
    answer = await client.post("/api/transform?format=png", data=data)
    assert answer.status == 200
