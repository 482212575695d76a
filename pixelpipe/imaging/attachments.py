"""What goes into a variant's file beside its pixels: none by default, or what was asked for."""

from dataclasses import dataclass

from pixelpipe.formats.metadata.exif_block import (
    exif_rights,
    forget_sizes,
    read_exif,
    rights_block,
    set_srgb,
    set_upright,
    write_exif,
)
from pixelpipe.formats.metadata.iptc import iptc_rights, rights_data_sets
from pixelpipe.formats.metadata.rights import Rights, merged
from pixelpipe.formats.metadata.xmp import rights_packet, upright_xmp, xmp_rights
from pixelpipe.imaging.sidecar import Sidecar
from pixelpipe.recipes.task import Metadata


@dataclass(frozen=True, slots=True)
class Attachments:
    """Blocks that are ready to be embedded; each is empty where there is none.

    Attributes:
        exif: A TIFF structure, without the prefix that JPEG puts before it.
        xmp: A packet.
        iptc: IPTC-IIM data sets.
        profile: The ICC profile of the pixels, which are in sRGB without one.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    profile: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.exif or self.xmp or self.iptc or self.profile)


NOTHING = Attachments()


def attachments(sidecar: Sidecar, metadata: Metadata, *, keep_profile: bool) -> Attachments:
    """What a variant gets of what its source has.

    Args:
        sidecar: The source's blocks, as they were read; those that are broken count as none.
        metadata: Which of them are kept.
        keep_profile: Whether the pixels are in the colours of the source's profile.
    """
    profile = sidecar.profile if keep_profile else b""
    if metadata is Metadata.COPYRIGHT:
        rights = _rights(sidecar)
        return Attachments(
            rights_block(rights), rights_packet(rights), rights_data_sets(rights), profile
        )
    if metadata is Metadata.ALL:
        exif = _upright(sidecar.exif, in_srgb=not profile)
        xmp = upright_xmp(sidecar.xmp, in_srgb=not profile)
        return Attachments(exif, xmp, sidecar.iptc, profile)
    return Attachments(profile=profile) if profile else NOTHING


def _rights(sidecar: Sidecar) -> Rights:
    exif = read_exif(sidecar.exif)
    return merged(
        xmp_rights(sidecar.xmp),
        iptc_rights(sidecar.iptc),
        exif_rights(exif) if exif else Rights(),
    )


def _upright(block: bytes, *, in_srgb: bool) -> bytes:
    """The block of a picture that was turned, resized, and perhaps made sRGB; no thumbnail."""
    exif = read_exif(block)
    if exif is None:
        return b""
    set_upright(exif)
    forget_sizes(exif)
    if in_srgb:
        set_srgb(exif)
    return write_exif(exif)
