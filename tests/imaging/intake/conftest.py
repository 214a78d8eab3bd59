from tests.imaging.pipeline.conftest import blobs, decoders

__all__ = ["blobs", "decoders"]
