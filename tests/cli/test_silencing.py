"""`sasando silence` and `sasando ack` without a running agent."""

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cli.running_command import Inside
from tests.daemon.place import Place
from tests.store.building import KEY


def test_without_an_agent_the_commands_write_themselves(place: Place, inside: Inside) -> None:
    """A silence, its list and its end; exit code 2 and a way out for what cannot be."""
    pem = KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (place.configuration / "secrets" / "log.key").write_bytes(pem)
    about = ("link-0", "--for", "2h", "-c", place.configuration, "--lang", "en")
    nameless = inside("silence", *about)
    assert (nameless.code, "--reason" in nameless.err) == (2, True)
    done = inside("silence", *about, "--reason", "known", "--json")
    assert done.code == 0, done.err
    number = str(done.data["entry"])
    listed = inside("silence", "list", "-c", place.configuration, "--lang", "en")
    assert ("known" in listed.out, "link-0" in listed.out) == (True, True)
    assert inside("silence", "end", number, "-c", place.configuration).code == 0
    empty = inside("silence", "list", "-c", place.configuration, "--lang", "en")
    assert "no silence stands" in empty.out
    past = inside("silence", "list", "--all", "--json", "-c", place.configuration)
    assert [str(row["id"]) for row in past.data] == [number]
    for wrong, words in (
        (("silence", "link-0", "--for", "8d", "--reason", "x"), "at most 7d"),
        (("silence", "link-0", "--reason", "x"), "--for 2h"),
        (("silence", "--for", "2h", "--reason", "x"), "--tag"),
        (("silence", "end", number), "silence list"),
        (("ack", "77"), "there is no incident"),
    ):
        refused = inside(*wrong, "-c", place.configuration, "--lang", "en")
        assert (refused.code, words in refused.err) == (2, True), refused.err
    assert inside("verify", place.state, "-c", place.configuration).code == 0
