"""What went wrong with a call, in words for the log."""

import aiohttp

from pixelpipe.outbound.dial import RefusedTargetError


def reason_of(error: Exception) -> str:
    """In words that show neither path nor query: they may be secret."""
    match error:
        case aiohttp.ClientConnectorError(os_error=RefusedTargetError() as refused):
            return str(refused.strerror)
        case aiohttp.ClientConnectorDNSError():
            return "name not found"
        case aiohttp.ClientSSLError():
            return "no trusted TLS"
        case aiohttp.ClientConnectorError():
            return "no connection"
        case aiohttp.InvalidURL():
            return "not a URL"
    return f"no proper answer ({type(error).__name__})"
