"""What a server may give as the address of a payload, and what the settings of payloads refuse."""

import ssl
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from conductor import ApiClient, ConfigurationError, PayloadSettings
from conductor._connections import Connections
from conductor._redaction import Secret
from conductor.errors import UnusablePayloadError
from conductor.payload_settings import place_of

LOCAL, REMOTE, PLAIN = "http://localhost:8080/api", "https://conductor.example.com/api", "http://conductor:8080/api"
CONTEXT = ssl.create_default_context()
SIGNED = "?X-Amz-Signature=hush"

TAKEN = [
    (f"https://b.s3.amazonaws.com/k.json{SIGNED}", REMOTE, {}),
    (f"HTTPS://b.s3.amazonaws.com:443/k.json{SIGNED}", REMOTE, {}),
    ("https://10.0.0.7:9000/bucket/k.json", REMOTE, {}),
    ("https://[2001:db8::7]:9000/bucket/k.json", REMOTE, {}),
    ("http://127.0.0.1:9000/k.json", LOCAL, {}),
    ("http://[::1]:9000/k.json", LOCAL, {}),
    ("http://localhost.:9000/k.json", LOCAL, {}),
    ("http://conductor:8080/api/external/postgres/k.json", PLAIN, {}),
    ("http://minio:9000/k.json", REMOTE, {"allow_http": True}),
    ("http://127.0.0.1:9000/k.json", REMOTE, {"hosts": ["127.0.0.1"]}),
    ("http://[::1]:9000/k.json", REMOTE, {"hosts": ["[::1]"]}),
    ("https://B.S3.eu-central-1.amazonaws.com/k.json", REMOTE, {"hosts": ["*.s3.EU-central-1.amazonaws.com"]}),
    ("https://storage.example.com./k.json", REMOTE, {"hosts": ["storage.example.com"]}),
]

REFUSED = [
    ("http://minio:9000/k.json", REMOTE, {}, "without TLS"),
    ("http://conductor:8081/k.json", PLAIN, {}, "without TLS"),
    ("http://conductor.example.com/api/k.json", REMOTE, {}, "without TLS"),
    ("http://127.0.0.1:9000/k.json", REMOTE, {}, "which is this machine"),
    ("https://localhost/k.json", REMOTE, {}, "which is this machine"),
    ("https://any.localhost/k.json", REMOTE, {}, "which is this machine"),
    ("http://[::ffff:127.0.0.1]/k.json", REMOTE, {"allow_http": True}, "which is this machine"),
    ("http://169.254.169.254/latest/meta-data", LOCAL, {"allow_http": True}, "which no storage has"),
    ("http://169.254.169.254/latest", REMOTE, {"allow_http": True, "hosts": ["*"]}, "which no storage has"),
    ("http://[::ffff:169.254.169.254]/latest", LOCAL, {"allow_http": True}, "which no storage has"),
    ("http://[fd00:ec2::254]/latest", LOCAL, {"allow_http": True}, "which no storage has"),
    ("http://[fe80::1]/k.json", LOCAL, {"allow_http": True}, "which no storage has"),
    ("https://0.0.0.0/k.json", LOCAL, {}, "which no storage has"),
    ("http://metadata.google.internal/computeMetadata", LOCAL, {"allow_http": True}, "which no storage has"),
    ("http://2852039166/latest", LOCAL, {"allow_http": True}, "usual form"),
    ("http://0xa9.254.169.254/latest", LOCAL, {"allow_http": True}, "usual form"),
    ("https://169.254.0xa9fe/latest", LOCAL, {"allow_http": True}, "usual form"),
    ("https://evil.example.com/k.json", REMOTE, {"hosts": ["*.amazonaws.com"]}, "not among the hosts"),
    ("https://amazonaws.com.example.com/k.json", REMOTE, {"hosts": ["*.amazonaws.com"]}, "not among the hosts"),
    ("https://user:pass@storage.example.com/k.json", REMOTE, {}, "not a URL of http or https"),
    ("https://storage.example.com:0/k.json", REMOTE, {}, "not a URL of http or https"),
    ("https://ho]st/k.json", REMOTE, {}, "is no URL|not a URL of http or https"),
    ("https://[::1]x/k.json", LOCAL, {}, "is no URL|not a URL of http or https"),
    ("https://[1:2]/k.json", REMOTE, {}, "is no URL|usual form"),
    ("https://[fe80::1%25eth0]/k.json", REMOTE, {}, "is no URL|not a URL of http or https"),
    ("https://a,b/k.json", REMOTE, {}, "not a URL of http or https"),
    (f"https://{'a' * 64}.example.com/k.json", REMOTE, {}, "is no URL"),
    ("https://a..b/k.json", REMOTE, {}, "is no URL"),
    ("https:///k.json", REMOTE, {}, "not a URL of http or https"),
    ("https://storage.example.com:99999/k.json", REMOTE, {}, "is no URL"),
    ("https://[::1/k.json", REMOTE, {}, "is no URL"),
    ("https://storage.example.com/k.json\r\nX-Evil: 1", REMOTE, {}, "characters that no URL may hold"),
    ("https://storage.example.com/a b", REMOTE, {}, "characters that no URL may hold"),
    ("https://stor\u00e4ge.example.com/k.json", REMOTE, {}, "characters that no URL may hold"),
]


@pytest.mark.parametrize(("uri", "server", "settings"), TAKEN)
def test_an_address_that_the_settings_allow_is_taken(uri, server, settings):
    place = place_of(Secret(uri), server, PayloadSettings(**settings))
    assert (place.origin + place.target).lower() == uri.lower()


@pytest.mark.parametrize(("uri", "server", "settings", "reason"), REFUSED)
def test_another_address_is_refused_with_a_reason_that_shows_no_more_than_the_host(uri, server, settings, reason):
    uri = f"{uri}?X-Amz-Signature=hush"
    with pytest.raises(UnusablePayloadError, match=reason) as caught:
        place_of(Secret(uri), server, PayloadSettings(**settings))
    for secret in ("hush", "k.json", "latest", "pass"):
        assert secret not in str(caught.value)


def test_a_path_alone_is_on_the_server_itself():
    """3.32.3 with PostgreSQL as its storage gives it, unless it is told its own address."""
    place = place_of(Secret("/api/external/postgres/k.json"), "https://host/prefix/api", PayloadSettings())
    assert (place.origin, str(place.target)) == ("https://host", "/prefix/api/external/postgres/k.json")


def test_a_fragment_is_not_sent_and_an_empty_path_is_the_root():
    assert str(place_of(Secret("https://h?a=1#f"), REMOTE, PayloadSettings()).target) == "/?a=1"


def test_the_repr_of_a_place_shows_no_signature():
    assert "hush" not in repr(place_of(Secret(f"https://h/k{SIGNED}"), REMOTE, PayloadSettings()))


@given(
    st.tuples(
        st.sampled_from(["https://", "http://", "HTTPS:", "/api/", ""]),
        st.text(st.sampled_from("ab1.:/[]@?#%-_,0xfe"), max_size=20) | st.text(max_size=10),
        st.sampled_from(["", "/k?sig=1"]),
    ).map("".join)
)
def test_any_text_is_an_address_to_which_a_connection_can_be_tried_or_refused(uri):
    try:
        place = place_of(Secret(uri), LOCAL, PayloadSettings(allow_http=True))
    except UnusablePayloadError:
        return
    assert place.target.startswith("/")
    Connections(place.origin, None, 1.0, CONTEXT, None)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"read": 1}, "read"),
        ({"allow_http": None}, "allow_http"),
        ({"upload_over": -1}, "upload_over"),
        ({"upload_over": 1}, "upload_over"),
        ({"upload_over": 1.5}, "upload_over"),
        ({"upload_over": True}, "upload_over"),
        ({"upload_over": 1000, "max_size": 1000}, "upload_over must be less than max_size"),
        ({"max_size": 0}, "max_size"),
        ({"max_size": "1"}, "max_size"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"hosts": "*.example.com"}, "hosts"),
        ({"hosts": ["https://example.com"]}, "hosts: 'https://example.com' is not a host name"),
        ({"hosts": ["example.com:443"]}, "hosts: 'example.com:443' is not a host name"),
        ({"hosts": ["10.0.0.5:9000"]}, "hosts: '10.0.0.5:9000' is not a host name"),
        ({"hosts": ["cafe:9000"]}, "hosts: 'cafe:9000' is not a host name"),
        ({"hosts": ["[::1]:9000"]}, r"hosts: '\[::1\]:9000' is not a host name"),
        ({"hosts": ["fe80::1%eth0"]}, "hosts: 'fe80::1%eth0' is not a host name"),
        ({"hosts": [1]}, "hosts: 1 is not a host name"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings, named):
    with pytest.raises(ConfigurationError, match=named):
        PayloadSettings(**settings)


def test_a_timeout_may_be_a_timedelta():
    assert PayloadSettings(timeout=timedelta(minutes=1)).timeout == 60.0


def test_a_client_takes_payload_settings_and_nothing_else():
    assert ApiClient().payload_settings == PayloadSettings()
    assert ApiClient(payload_settings=PayloadSettings(read=False)).payload_settings.read is False
    with pytest.raises(ConfigurationError, match="payload_settings must be a PayloadSettings"):
        ApiClient(payload_settings={"read": False})
