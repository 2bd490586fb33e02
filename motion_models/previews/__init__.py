"""The previews of a sampling run: all frames of a clip in one picture, which the page plays."""
