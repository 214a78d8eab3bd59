"""TURN credentials as coturn's `use-auth-secret` computes them."""

from datetime import UTC, datetime

from signaling.turn import Credentials, credentials, ice_servers

NOW = datetime.fromtimestamp(1_700_000_000, UTC)


def test_credentials_are_those_of_the_shared_secret():
    # printf 1700003600:an | openssl dgst -sha1 -hmac north -binary | base64
    assert credentials("north", "an", NOW, 3600) == Credentials("1700003600:an", "yMpTWv+GLpMW190Yj2aRQEcPaIo=")


def test_without_a_secret_no_relay_is_named():
    assert ice_servers([], ["turn:t:3478"], "", "an", NOW, 3600) == []
    assert ice_servers(["stun:s"], [], "north", "an", NOW, 3600) == [{"urls": ["stun:s"]}]
