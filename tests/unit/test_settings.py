"""What a user can set, and what is refused at construction."""

import copy
import dataclasses
import enum
import math
import pickle
from datetime import timedelta

import pytest

import conductor
from conductor import ApiError, AuthenticationSettings, ConfigurationError, HttpSettings, MetricsSettings
from conductor._arguments import one_of, optional_text, path_segment, require_text, whole_number
from conductor._redaction import Secret
from conductor.worker import Worker, checked_domain, checked_name, checked_task_to_domain


def test_base_url_keeps_the_path_before_api():
    assert HttpSettings("https://host/conductor/").base_url == "https://host/conductor/api"


def test_base_url_comes_from_the_environment_when_it_is_not_given(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", "http://there:1234/")
    assert HttpSettings().base_url == "http://there:1234/api"
    assert HttpSettings("http://here").base_url == "http://here/api"


def test_base_url_is_a_local_server_when_nothing_says_otherwise():
    assert HttpSettings().base_url == "http://localhost:8080/api"


def test_read_timeout_comes_from_the_environment_when_it_is_not_given(monkeypatch):
    assert HttpSettings().read_timeout == 30.0
    monkeypatch.setenv("CONDUCTOR_CLIENT_HTTP_TIMEOUT", "2.5")
    assert HttpSettings().read_timeout == 2.5
    assert HttpSettings(read_timeout=timedelta(minutes=1)).read_timeout == 60.0


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "is empty."),
        ("localhost:8080/api", "does not begin with http:// or https://: 'localhost:8080/api'."),
        ("ftp://host", "does not begin with http:// or https://: 'ftp://host'."),
        ("http:/host", "does not begin with http:// or https://: 'http:/host'."),
        ("http://host/api?a=hush", "has a query."),
        ("http://host/api#top", "has a fragment (#): 'http://host/api#top'."),
        ("http://:8080/api", "has no host that can be: 'http://:8080/api'."),
        ("http://[::1/api", "has no host that can be: 'http://[::1/api'."),
        ("http://host/../api", "has . or .. in its path: 'http://host/../api'."),
        ("http://host:99999/api", "has a port that is no number from 1 to 65535: 'http://host:99999/api'."),
        ("http://host:0/api", "has a port that is no number from 1 to 65535: 'http://host:0/api'."),
        ("http://me:hush@host:port", "has a port that is no number from 1 to 65535."),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url, problem):
    with pytest.raises(ConfigurationError) as caught:
        HttpSettings(url)
    assert str(caught.value) == f"base_url {problem} It must be a URL such as https://host:8080/api"


def test_the_example_for_a_proxy_is_that_of_a_proxy(monkeypatch):
    text = "does not begin with http:// or https://: 'x'. It must be a URL such as http://proxy:3128"
    with pytest.raises(ConfigurationError) as caught:
        HttpSettings(proxy_url="x")
    assert str(caught.value) == f"proxy_url {text}"
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:99999")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY has a port .* such as http://proxy:3128$"):
        HttpSettings("https://host")


@pytest.mark.parametrize("name", ["connect_timeout", "read_timeout"])
@pytest.mark.parametrize("value", [0, -1, 1e12, math.nan, math.inf, "5", True, timedelta(0)])
def test_a_timeout_that_cannot_work_is_refused_by_name(name, value):
    with pytest.raises(ConfigurationError, match=name):
        HttpSettings(**{name: value})


@pytest.mark.parametrize("headers", [{"X Y": "z"}, {"": "z"}, {"X": "a\r\nY: b"}, {"X": "\u20ac"}, {"X": 5}, {5: "x"}])
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(headers):
    with pytest.raises(ConfigurationError, match="headers") as caught:
        HttpSettings(headers=headers)
    assert "Y: b" not in str(caught.value)


@pytest.mark.parametrize("headers", [[("X", "hush")], "hush", 5, []])
def test_headers_that_are_no_mapping_are_refused_without_their_values(headers):
    with pytest.raises(ConfigurationError, match=f"headers must be a mapping, not {type(headers).__name__}") as caught:
        HttpSettings(headers=headers)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["ca_file", "client_cert"])
def test_a_file_that_is_not_there_is_refused_by_name(name, tmp_path):
    with pytest.raises(ConfigurationError, match=name):
        HttpSettings(**{name: tmp_path / "missing.pem"})


@pytest.mark.parametrize("name", ["ca_file", "client_cert", "client_key"])
@pytest.mark.parametrize("file", [3, b"-----BEGIN hush", ["hush"]])
def test_what_is_no_files_path_is_refused_by_name_and_not_shown(name, file):
    certificate = {"client_cert": PEM} if name == "client_key" else {}
    with pytest.raises(ConfigurationError, match=f"{name} must be .* not {type(file).__name__}") as caught:
        HttpSettings(**certificate, **{name: file})
    assert "hush" not in str(caught.value)


def test_a_client_key_alone_is_refused(tmp_path):
    key = tmp_path / "key.pem"
    key.touch()
    with pytest.raises(ConfigurationError, match="client_key needs a client_cert"):
        HttpSettings(client_key=key)


def test_verify_takes_no_path():
    with pytest.raises(ConfigurationError, match="ca_file"):
        HttpSettings(verify="authorities.pem")


def test_a_proxy_comes_from_the_environment_unless_no_proxy_names_the_host(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "inside")
    assert HttpSettings("https://host").proxy_url == "http://proxy:3128"
    assert HttpSettings("http://host").proxy_url is None
    assert HttpSettings("https://inside").proxy_url is None
    assert HttpSettings("https://host", proxy_url="http://other:1").proxy_url == "http://other:1"


LOOPBACK = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.10", "[::1]", "[::ffff:127.0.0.1]"]


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_environments_proxy_is_not_for_this_machine_itself(monkeypatch, scheme, host):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", "http://proxy.test:3128")
    url = f"{scheme}://{host}:8080"
    assert HttpSettings(url).proxy_url is None
    assert HttpSettings(url, proxy_url="http://proxy.test:3128").proxy_url == "http://proxy.test:3128"
    monkeypatch.setenv("CONDUCTOR_SERVER_URL", url)
    assert HttpSettings().proxy_url is None


@pytest.mark.parametrize("host", ["localhost.example", "notlocalhost", "128.0.0.1", "10.0.0.1", "[::2]"])
def test_it_is_for_every_other_host(monkeypatch, host):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    assert HttpSettings(f"http://{host}:8080").proxy_url == "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        ("http://[::1]:8080", "localhost,::1"),
        ("http://10.1.2.3:8080", "localhost, 10.0.0.0/8"),
        ("http://[fd00::7]", "fd00::/8"),
        ("http://10.1.2.3", "10.1.2.3"),
        ("http://a.cluster.local", ".cluster.local"),
    ],
)
def test_no_proxy_may_name_addresses_and_networks(monkeypatch, url, no_proxy):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert HttpSettings(url).proxy_url is None
    assert HttpSettings("http://11.1.2.3").proxy_url == "http://proxy.test:3128"


@pytest.mark.parametrize(
    "url",
    [
        "http://a..b/api",
        f"http://{'a' * 70}.test",
        "http://.",
        "http://h\xa0/api",
        "http://<host>/api",
        "http://h/x/../y/api",
        "http://h/./api",
        "http://h/\u2028/api",
        "http://h/\x80",
        "http://h/{tenant}",
    ],
)
def test_a_url_that_cannot_be_sent_as_it_is_is_refused(url):
    with pytest.raises(ConfigurationError, match="base_url"):
        HttpSettings(url)


@pytest.mark.parametrize("url", ["http://h.", "http://my_service:8080", "http://bücher.test", "http://h/a~b/c.d"])
def test_a_url_that_is_merely_rare_is_taken(url):
    assert HttpSettings(url).base_url == f"{url}/api"


@pytest.mark.parametrize(
    ("name", "value"),
    [("base_url", "http://h?token=hush"), ("client_cert", "MIIhush+/="), ("ca_file", "-----BEGIN hush")],
)
def test_what_may_be_a_secret_is_refused_without_being_shown(name, value):
    with pytest.raises(ConfigurationError, match=name) as caught:
        HttpSettings(**{name: value})
    assert "hush" not in str(caught.value)


def test_a_proxy_in_the_environment_may_leave_out_its_scheme(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "proxy:3128")
    assert HttpSettings("http://host").proxy_url == "http://proxy:3128"


def test_a_bad_proxy_is_refused_by_name_without_its_password(monkeypatch):
    with pytest.raises(ConfigurationError, match="proxy_url") as caught:
        HttpSettings(proxy_url="ftp://user:hush@proxy")
    assert "hush" not in str(caught.value)
    monkeypatch.setenv("HTTP_PROXY", "http://")
    with pytest.raises(ConfigurationError, match="HTTP_PROXY"):
        HttpSettings("http://host")


def test_a_key_is_a_pair():
    with pytest.raises(ConfigurationError, match="key_secret is missing"):
        AuthenticationSettings("key", "")
    with pytest.raises(ConfigurationError, match="key_id is missing"):
        AuthenticationSettings("", "secret")
    with pytest.raises(ConfigurationError, match="key_id must be a string"):
        AuthenticationSettings(None, None)


@pytest.mark.parametrize("space", ["hush ", "\thush", "hush\n", "hush\r\n", "\u00a0hush", " ", "hush\u2028"])
def test_white_space_around_a_key_is_refused_by_name_and_not_shown(monkeypatch, space):
    for key in ((space, "hush"), ("hush", space)):
        name = ["key_id", "key_secret"][key.index(space)]
        with pytest.raises(ConfigurationError, match=f"^{name} has white space at its start or end") as caught:
            AuthenticationSettings(*key)
        assert "hush" not in str(caught.value)
        monkeypatch.setenv("CONDUCTOR_AUTH_KEY", key[0])
        monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", key[1])
        variable = {"key_id": "CONDUCTOR_AUTH_KEY", "key_secret": "CONDUCTOR_AUTH_SECRET"}[name]
        with pytest.raises(ConfigurationError, match=f"^{variable} has white space at its start or end") as caught:
            AuthenticationSettings.from_environment()
        assert "hush" not in str(caught.value)


def test_white_space_within_a_key_is_its_own_business():
    assert AuthenticationSettings("a b", "c\nd").key_secret == "c\nd"


def test_half_a_key_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("CONDUCTOR_AUTH_KEY", "key")
    with pytest.raises(ConfigurationError, match="CONDUCTOR_AUTH_KEY and CONDUCTOR_AUTH_SECRET"):
        AuthenticationSettings.from_environment()
    monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "secret")
    assert AuthenticationSettings.from_environment() == AuthenticationSettings("key", "secret")


PEM = "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"
WITH_SECRETS = [
    AuthenticationSettings("hush of the id", "hush"),
    HttpSettings(
        "http://host",
        headers={"X-Team": "hush"},
        proxy_url="http://user:hush@proxy",
        client_cert=f"a comment\n{PEM}",
        client_key=PEM,
    ),
]


@pytest.mark.parametrize("settings", WITH_SECRETS)
def test_no_repr_shows_a_secret(settings):
    assert "hush" not in repr(settings) + str(settings)


@pytest.mark.parametrize("settings", WITH_SECRETS)
def test_no_settings_with_secrets_can_be_pickled_but_all_can_be_copied(settings):
    with pytest.raises(
        TypeError, match="cannot be pickled, since it holds secrets: make a new one in the other process"
    ):
        pickle.dumps(settings)
    assert copy.copy(settings) == dataclasses.replace(settings) == settings


def test_a_certificate_and_its_key_may_be_texts():
    assert HttpSettings(client_cert=PEM, client_key=PEM).client_key == PEM


@pytest.mark.parametrize(
    "bad",
    [
        *({"port": port} for port in (-1, 65536, "2112", True)),
        *({"endpoint": endpoint} for endpoint in ("metrics", "", "/a b", "/x?y", "/x#y", "/\ud800", "/\u2028", 5)),
        *({"host": host} for host in ("", " ", "a b", "a\nb", "a\x85b", None)),
    ],
)
def test_metrics_settings_that_cannot_work_are_refused_by_name(bad):
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        MetricsSettings(**bad)


@pytest.mark.parametrize("value", ["simple_task", "my task", "ä", "a.b", "...", "%2F", "a:b"])
def test_what_can_stand_in_a_path_is_taken(value):
    assert path_segment("task_name", value) == value


@pytest.mark.parametrize(
    "value", ["", " ", "   ", ".", "..", "a/b", "a\\b", "a\n", "a\x7f", "a\x85b", "a\u2028b", "\ud800", None, 5]
)
def test_what_nobody_could_see_or_send_in_a_path_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match="task_name must be a name"):
        path_segment("task_name", value)


def test_a_listing_of_the_package_names_what_is_loaded_later():
    assert {"provide_metrics", "process_pool", "MetricsCollector", "TaskRunner", "__name__"} <= set(dir(conductor))


class Text(str):
    """Looks like another text wherever ``str()`` is asked."""

    __slots__ = ()

    def __str__(self):
        return "another"


class Word(str, enum.Enum):  # noqa: UP042 - its str() is not its value
    EMAIL = "email"


class Count(enum.IntEnum):
    TWO = 2


@pytest.mark.parametrize("value", [Word.EMAIL, Text("email"), "email"])
@pytest.mark.parametrize(
    "checked",
    [
        lambda value: path_segment("task_name", value),
        lambda value: one_of("operation", value, ("email", "letter")),
        lambda value: require_text("path", value),
        lambda value: optional_text("reason", value),
        lambda value: checked_name("worker_id", value),
        checked_domain,
        lambda value: next(iter(checked_task_to_domain({value: "b"}).keys())),
        lambda value: next(iter(checked_task_to_domain({"a": value}).values())),
        lambda value: Worker(value, print).task_name,
        lambda value: Worker("a", print, domain=value).domain,
        lambda value: AuthenticationSettings(value, "secret").key_id,
        lambda value: AuthenticationSettings("id", value).key_secret,
        lambda value: MetricsSettings(host=value).host,
        lambda value: next(iter(HttpSettings("http://a", headers={value: "b"}).headers.keys())),
        lambda value: HttpSettings("http://a", headers={"a": value}).headers["a"],
    ],
)
def test_a_text_of_a_class_of_its_own_goes_on_as_the_plain_text(checked, value):
    found = checked(value)
    assert (str(found), type(found) in (str, Secret)) == ("email", True)


def test_a_url_and_an_endpoint_of_a_class_of_their_own_go_on_as_plain_texts():
    settings = HttpSettings(Text("http://host/api"), proxy_url=Text("http://proxy"))
    given = settings.base_url, settings.proxy_url, MetricsSettings(endpoint=Text("/m")).endpoint
    assert tuple(map(str, given)) == ("http://host/api", "http://proxy", "/m")
    assert {type(each) for each in given} == {str, Secret}


def test_a_file_of_a_class_of_its_own_goes_on_as_a_plain_text(tmp_path):
    file = tmp_path / "authorities.pem"
    file.write_text("")
    settings = HttpSettings("http://host", ca_file=Text(file), client_cert=Text("-----BEGIN"))
    assert (settings.ca_file, str(settings.client_cert)) == (str.__str__(Text(file)), "-----BEGIN")
    assert (type(settings.ca_file), type(settings.client_cert)) == (str, Secret)


def test_a_plain_text_stays_the_same_object():
    given = "task"
    assert path_segment("task_name", given) is given


@pytest.mark.parametrize(
    "checked",
    [
        lambda value: whole_number("priority", value, 0, 99),
        lambda value: whole_number("batch_size", value, 1),
        lambda value: MetricsSettings(value).port,
        lambda value: Worker("a", print, value).batch_size,
    ],
)
def test_a_number_of_a_class_of_its_own_goes_on_as_the_plain_number(checked):
    found = checked(Count.TWO)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000], ids=["large", "low", "huge"])
def test_a_number_that_is_far_too_large_is_refused_by_name(value):
    with pytest.raises(ConfigurationError, match="read_timeout must be"):
        HttpSettings(read_timeout=value)
    with pytest.raises(ConfigurationError, match="port must be"):
        MetricsSettings(value)


def test_an_api_error_is_made_from_six_values_in_their_order():
    error = ApiError(503, "POST", "/tasks", "down", True, [{"path": "a"}])
    assert (error.retryable, error.validation_errors) == (True, [{"path": "a"}])
    assert str(error) == "POST /tasks answered 503: down"
