import asyncio
import socket
import struct

from pixelpipe.server.wire.farewell import Farewells


async def test_a_client_that_has_reset_the_connection_does_no_harm() -> None:
    loop = asyncio.get_running_loop()
    farewells = Farewells()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        accepted, _ = listening.accept()
    transport, _ = await loop.connect_accepted_socket(asyncio.Protocol, accepted)
    farewells.say(transport, b"")
    assert transport.is_closing()
    farewells.end()
