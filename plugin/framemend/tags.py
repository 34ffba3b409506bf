"""Tags of files and streams: which of them stay true of the output, and where it has a place for them."""

from __future__ import annotations

STALE_TAGS = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
"""Tags, in small letters, that tell of the input file and not of what is in it; the muxer writes its own."""
MOV_TAGS = frozenset(
    [
        "title",
        "artist",
        "album_artist",
        "composer",
        "album",
        "date",
        "comment",
        "genre",
        "copyright",
        "grouping",
        "lyrics",
        "description",
        "synopsis",
        "show",
        "episode_id",
        "network",
        "keywords",
        "season_number",
        "episode_sort",
        "media_type",
        "hd_video",
        "gapless_playback",
        "compilation",
        "track",
        "disc",
        "creation_time",
        "location",
        "timecode",
    ]
)
"""Tags that mp4 and mov have a place for; others need Apple's metadata keys, which fewer players read."""


def fresh_tags(tags: dict[str, str], *, copied: bool = False) -> dict[str, str]:
    """The tags that stay true of the output; copied: of a stream that is not encoded again."""
    stale = STALE_TAGS - {"encoder"} if copied else STALE_TAGS
    fresh = {key: value for key, value in tags.items() if key.lower() not in stale}
    if "creation_time" in fresh:  # where it stands in two places ffmpeg joins them, and can read neither
        fresh["creation_time"] = fresh["creation_time"].split(";")[0]
    return fresh


def stream_tags(kind: str, tags: dict[str, str], *, copied: bool = False) -> dict[str, str]:
    """As `fresh_tags`, of a stream in that container: mp4 and mov have its title in another place."""
    fresh = fresh_tags(tags, copied=copied)
    if kind in ("mp4", "mov") and "title" in fresh:
        fresh["handler_name"] = fresh["title"]  # the one place for it that ffmpeg writes
    return fresh


def homeless_tags(kind: str, tags: dict[str, str]) -> list[str]:
    """Those of `tags` that the container has no place for but among Apple's metadata keys, which the muxer must be told."""
    if kind not in ("mp4", "mov"):
        return []
    return sorted(key for key in tags if key.lower().split("-")[0] not in MOV_TAGS)
