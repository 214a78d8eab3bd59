"""A Janus of this machine's own: its configuration, written anew at every start.

Only the VideoRoom and the WebSocket transport on loopback are loaded; the rest of what Debian ships stays out.
"""

import os
import socket
from pathlib import Path

EXECUTABLE = Path("/usr/bin/janus")
MEDIA_PORTS = "20000-29999"

MAIN = """general: {{
  configs_folder = "{folder}"
  plugins_folder = "{plugins}"
  transports_folder = "{transports}"
  events_folder = "{folder}/none"
  loggers_folder = "{folder}/none"
  api_secret = "{secret}"
  session_timeout = 20
  event_loops = {loops}
  debug_level = 3
  debug_timestamps = true
  hide_dependencies = true
}}
media: {{ rtp_port_range = "{ports}" }}
nat: {{
  ice_lite = true
  ice_tcp = false
  full_trickle = false
  {addresses}
}}
plugins: {{ disable = "{other_plugins}" }}
transports: {{ disable = "{other_transports}" }}
events: {{ broadcast = false }}
"""
WEBSOCKETS = """general: {{ json = "compact", ws = true, ws_ip = "127.0.0.1", ws_port = {port}, wss = false }}
admin: {{ admin_ws = false, admin_wss = false }}
"""
VIDEOROOM = "general: { }\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def modules() -> Path | None:
    """Where Debian keeps Janus' plugins for this machine; None without them."""
    return next((path.parent for path in Path("/usr/lib").glob("*/janus/plugins") if path.is_dir()), None)


def write(folder: Path, port: int, secret: str, address: str = "") -> None:
    """The three files that Janus reads. address: the only one to offer, where the machine has several."""
    where = modules()
    if where is None:
        raise FileNotFoundError("Janus' plugins")
    folder.mkdir(parents=True, exist_ok=True)
    main = MAIN.format(
        folder=folder.absolute(),
        plugins=where / "plugins",
        transports=where / "transports",
        secret=secret,
        loops=os.cpu_count() or 1,
        ports=MEDIA_PORTS,
        addresses=f'ice_enforce_list = "{address}"' if address else 'ice_ignore_list = "vmnet"',
        other_plugins=_all_but(where / "plugins", "libjanus_videoroom.so"),
        other_transports=_all_but(where / "transports", "libjanus_websockets.so"),
    )
    for name, text in {
        "janus.jcfg": main,
        "janus.transport.websockets.jcfg": WEBSOCKETS.format(port=port),
        "janus.plugin.videoroom.jcfg": VIDEOROOM,
    }.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)


def command(folder: Path) -> list[str]:
    return [str(EXECUTABLE), "--configs-folder", str(folder.absolute()), "--config", str(folder.absolute() / "janus.jcfg")]


def _all_but(folder: Path, wanted: str) -> str:
    return ",".join(sorted(path.name for path in folder.glob("*.so") if path.name != wanted))
