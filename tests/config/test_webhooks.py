"""URLs and secrets of webhooks, and which addresses are public."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from outbound_chat_config import Settings, SettingsError, callback_host, check_callback_url, is_public, secret_bytes

GOOD = (
    "https://hooks.example.com",
    "https://hooks.example.com/ends/7f3a?x=1&y=%20",
    "https://hooks.example.com:443/",
    "https://hooks.example.com:8443/",
    "https://xn--bcher-kva.example/",
    "https://8.8.8.8/ends",
    "https://[2606:4700::1111]/ends",
)

# Each with a word of its refusal.
BAD = {
    "": "https://",
    "hooks.example.com": "https://",
    "http://hooks.example.com/": "https://",
    "ftp://hooks.example.com/": "https://",
    "HTTPS://hooks.example.com/": "https://",
    "https://": "host",
    "https:///ends": "host",
    "https://user@hooks.example.com/": "user",
    "https://user:secret@hooks.example.com/": "user",
    "https://hooks.example.com/#part": "#",
    "https://hooks.example.com/a b": "spaces",
    "https://hooks.example.com/\r\nX-Header: 1": "spaces",
    "https://bücher.example/": "ASCII",
    "https://hooks.example.com\\@10.0.0.1/": "spaces",
    "https://hooks.example.com:22/": "port",
    "https://hooks.example.com:0/": "port",
    "https://hooks.example.com:99999/": "URL",
    "https://localhost/": "public",
    "https://intranet/": "public",
    "https://db.internal/": "public",
    "https://printer.local/": "public",
    "https://127.0.0.1/": "public",
    "https://10.0.0.1/": "public",
    "https://169.254.169.254/latest/meta-data": "public",
    "https://[::1]/": "public",
    "https://[::ffff:127.0.0.1]/": "public",
    "https://[fe80::1%25eth0]/": "",
    "https://2130706433/": "",
    "https://0x7f.0.0.0x1/": "name",
    "https://127.1/": "name",
    "https://-bad-.example.com/": "host",
    "https://a..example.com/": "host",
    f"https://hooks.example.com/{'a' * 2_000}": "2,000",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_public_https_url_is_taken_as_it_is(url: str) -> None:
    assert check_callback_url(url, allow_private=False) == url


@pytest.mark.parametrize("url", BAD)
def test_any_other_is_refused_with_what_to_write_and_never_repeated(url: str) -> None:
    """It may hold a secret, and stands in logs of whoever called."""
    with pytest.raises(ValueError, match=r".+") as refused:
        check_callback_url(url, allow_private=False)
    assert BAD[url] in str(refused.value)
    assert not url or url not in str(refused.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000/x", "http://localhost/", "https://10.0.0.1:22/", "http://app"])
def test_tests_and_development_may_allow_private_ones(url: str) -> None:
    assert check_callback_url(url, allow_private=True) == url


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.0.0.1:0/"])
def test_some_are_refused_everywhere(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_callback_url(url, allow_private=True)


@given(st.text(max_size=60), st.booleans())
def test_whatever_is_written_there_is_refused_or_has_the_host_that_the_ledger_sees(text: str, private: bool) -> None:
    """It comes from callers of callers."""
    for url in (text, f"https://{text}", f"https://hooks.example.com/{text}", f"https://hooks.example.com{text}"):
        taken = ""
        with suppress(ValueError):
            taken = check_callback_url(url, allow_private=private)
        if taken:
            assert taken.isascii()
            assert callback_host(taken) in taken.lower().replace(".:", ":").replace(":0", ":")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Hooks.Example.com:8443?x=1", "hooks.example.com:8443"),
        ("https://hooks.example.com:443/", "hooks.example.com"),
        ("https://hooks.example.com:0443/", "hooks.example.com"),
        ("https://hooks.example.com./", "hooks.example.com"),
        ("https://hooks.example.com.:008443", "hooks.example.com:8443"),
        ("https://hooks.example.com:", "hooks.example.com"),
        ("https://[2606:4700::1111]:443/", "[2606:4700::1111]"),
        ("http://localhost:80/", "localhost"),
        ("http://localhost:443/", "localhost:443"),
    ],
)
def test_a_host_has_one_form_whatever_the_spelling(url: str, host: str) -> None:
    """Else each spelling had limits of its own."""
    assert callback_host(check_callback_url(url, allow_private=True)) == host


@pytest.mark.parametrize(
    "host", ["[2606:4700:0:0::1111]", "[2606:4700::00:1111]", "[::ffff:1.1.1.1]", "[::FFFF:101:101]"]
)
def test_an_address_has_one_spelling(host: str) -> None:
    with pytest.raises(ValueError, match=r"IP address|public host"):
        check_callback_url(f"https://{host}/", allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # an address and no server
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_inside_is_not_public_however_it_is_written(address: str) -> None:
    """Among them the metadata services of the clouds, which give credentials to whoever asks."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "A" * 92, "A" * 32, "whsec_***"])
def test_what_is_no_secret_is_refused_and_never_repeated(secret: str) -> None:
    with pytest.raises(SettingsError, match="create one with 'outbound-chat webhooks secret'") as refused:
        Settings.from_values(webhooks={"secrets": [secret]})
    assert len(secret) < 7 or secret not in str(refused.value)


def test_a_secret_stands_for_its_bytes() -> None:
    assert secret_bytes("whsec_" + "A" * 32) == bytes(24)


def test_secrets_and_urls_stay_out_of_what_is_printed() -> None:
    settings = Settings.from_values(webhooks={"secrets": ["whsec_" + "A" * 32]})
    assert "whsec_" not in repr(settings)


def test_a_host_leaves_room_for_the_others() -> None:
    with pytest.raises(SettingsError, match="lower per_host"):
        Settings.from_values(webhooks={"per_host": 4, "concurrency": 2})
