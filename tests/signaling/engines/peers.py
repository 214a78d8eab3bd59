"""A page without a browser: it sends real sound and pictures, and receives them."""

import asyncio

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

from signaling import messages as m


class Sender:
    """One sending connection, as the page makes it for an engine."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.connection.addTrack(AudioStreamTrack())
        self.connection.addTrack(VideoStreamTrack())

    async def offer(self) -> tuple[str, list[m.Stream]]:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sources: dict[str, m.Source] = {"audio": "microphone", "video": "camera"}
        streams = [m.Stream(mid=t.mid, source=sources[t.kind]) for t in self.connection.getTransceivers()]
        return self.connection.localDescription.sdp, streams

    async def answered(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def close(self) -> None:
        await self.connection.close()


class Receiver:
    """One receiving connection for everything that was subscribed to."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.tracks: list[MediaStreamTrack] = []
        self.connection.on("track", self.tracks.append)

    async def offered(self, sdp: str) -> str:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return str(self.connection.localDescription.sdp)

    async def receives(self, kind: str) -> None:
        """A frame of this kind has come through."""
        track = next(track for track in self.tracks if track.kind == kind)
        async with asyncio.timeout(15):
            await track.recv()

    async def close(self) -> None:
        await self.connection.close()
