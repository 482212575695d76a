"""Image services as the users of other libraries write them: what PixelPipe is compared with."""
