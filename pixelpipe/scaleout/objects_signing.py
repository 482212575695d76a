"""What an answer of S3 has to say of itself, put into a URL that is signed already.

obstore signs URLs, but without the query's `response-content-type` and its like, which S3 answers
with. With them added, the URL is signed again, as AWS Signature Version 4 has it for queries:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, quote, urlsplit

_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNATURE = "X-Amz-Signature"
_OVERRIDES = {
    "Content-Type": "response-content-type",
    "Content-Disposition": "response-content-disposition",
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with a key of S3 that the operator has given."""

    key: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self | None:
        """One for the credentials in `environment`, if they stand there themselves."""
        key, secret = environment.get(_KEY), environment.get(_SECRET)
        return cls(key, secret) if key and secret else None

    def with_headers(self, url: str, headers: Mapping[str, str]) -> str | None:
        """The signed URL of a GET, such that its answer has these headers, signed anew.

        Args:
            url: As S3's own signing has it.
            headers: Of those that can be asked for: Content-Type and Content-Disposition.

        Returns:
            It, or None where the URL was signed by another key.
        """
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        key, _, scope = query.get("X-Amz-Credential", "").partition("/")
        if query.pop(_SIGNATURE, None) is None or key != self.key:
            return None
        query |= {_OVERRIDES[name]: value for name, value in headers.items() if name in _OVERRIDES}
        listed = "&".join(f"{_quoted(name)}={_quoted(query[name])}" for name in sorted(query))
        request = f"GET\n{parts.path}\n{listed}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_ALGORITHM}\n{query['X-Amz-Date']}\n{scope}\n{digest}"
        signature = hmac.new(self._scoped(scope), text.encode(), hashlib.sha256).hexdigest()
        return f"{parts.scheme}://{parts.netloc}{parts.path}?{listed}&{_SIGNATURE}={signature}"

    def _scoped(self, scope: str) -> bytes:
        """The key for this day, region and service."""
        key = f"AWS4{self.secret}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
