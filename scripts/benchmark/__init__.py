"""What `scripts/bench` measures: PixelPipe beside its peers, its codecs, and part by part."""
