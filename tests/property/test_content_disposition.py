"""Any name that a client gives its file comes back in a header that says just that name."""

import re
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st

from pixelpipe.server.names import content_disposition, source_name, variant_file_name

# RFC 6266, section 4.1, with the quoted string of RFC 9110 and the value of RFC 8187.
FIELD = re.compile(
    r'(?:inline|attachment); filename="([\x20-\x21\x23-\x5b\x5d-\x7e]*)"'
    r"(?:; filename\*=UTF-8''((?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+))?"
)
NASTY = st.sampled_from(['"', "\\", "\r\n", "\0", "%22", "%", ";", "'", "/", "..", "\u202e", "é"])
NAMES = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(), max_size=300),  # with lone surrogates
    st.lists(NASTY | st.text(max_size=3), max_size=20).map("".join),
)


@given(NAMES, st.sampled_from(["inline", "attachment"]))
def test_the_header_says_the_name_and_nothing_else(given_name: str, kind: str) -> None:
    name = variant_file_name(source_name(given_name), "hero", ".webp")
    field = content_disposition(kind, name)
    parsed = FIELD.fullmatch(field)

    assert parsed, field
    plain, extended = parsed.groups()
    said = plain if extended is None else unquote_to_bytes(extended).decode()
    assert said == name
    assert "%" not in plain  # some browsers decode it there
    assert not {"/", "\\"} & set(plain)
