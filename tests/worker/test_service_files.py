"""What is read of botocore's files is what is in them, and enough for every call."""

import gzip
import inspect
import itertools
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import credentials, tokens
from botocore.exceptions import BotoCoreError
from botocore.loaders import JSONFileLoader, create_loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver
from botocore.session import Session

from outbound_chat_worker import connect
from outbound_chat_worker.service_files import ENDPOINTS, OPERATION, ServiceFiles

ODD = {
    "another service": '{"operations": {}, "shapes": {}}',
    "no shapes": '{"operations": {"StartOutboundChatContact": {"input": {"shape": "Gone"}}}}',
    "a list": "[1, 2]",
    "a number": "7",
    "no comma": '{"operations": {"StartOutboundChatContact": {}} "shapes": {}}',
    "another end": '{"operations": {"StartOutboundChatContact": {}], "shapes": {}}',
    "more after it": '{"operations": {"StartOutboundChatContact": {}}, "shapes": {}} 7',
    "a comma too many": '{"operations": {"StartOutboundChatContact": {},}, "shapes": {}}',
    "no end": '{"operations": {"StartOutboundChatContact":',
    "nothing": "",
    "escapes": '{"oper\\u0061tions": {"StartOutboundChatContact": {}}, "shapes": {}}',
    "blanks": '{ "operations" :\t{ } ,\r\n "shapes" : { "A" : { } } }',
}

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
    {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
    {"AWS_ENDPOINT_URL_CONNECT": "https://vpce-1.connect.example", "AWS_ENDPOINT_URL_STS": "https://sts.example"},
)
END = {"Type": "CONNECT_PHONENUMBER_ARN", "Address": "a"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "connect": (
        "start_outbound_chat_contact",
        {
            "SourceEndpoint": END,
            "DestinationEndpoint": END,
            "InstanceId": "i",
            "ContactFlowId": "f",
            "SegmentAttributes": {"connect:Subtype": {"ValueString": "connect:SMS"}},
        },
    ),
    "service-quotas": ("get_service_quota", {"ServiceCode": "connect", "QuotaCode": connect.RATE_QUOTA}),
    "sso": ("get_role_credentials", {"roleName": "r", "accountId": "1", "accessToken": "t"}),
    "sts": ("get_caller_identity", {}),
}


def _both(load: str) -> tuple[Any, Any]:
    """The same file as our loader and botocore's own read it."""
    ours, whole = create_loader(), create_loader()
    ours.file_loader = ServiceFiles()
    version = ours.determine_latest_version("connect", "service-2")
    path = load.format(version=version)
    return ours.load_data(path), whole.load_data(path)


def test_the_operation_its_shapes_and_all_errors_are_as_in_the_whole_model() -> None:
    reduced, whole = _both("connect/{version}/service-2")

    assert list(reduced["operations"]) == [OPERATION]
    for part in ("operations", "shapes"):
        assert reduced[part].items() <= dict(whole[part]).items()
    assert {**reduced, "operations": 0, "shapes": 0} == {**whole, "operations": 0, "shapes": 0}
    found, expected = ServiceModel(reduced), ServiceModel(whole)
    assert {s.name for s in found.error_shapes} == {s.name for s in expected.error_shapes}
    assert found.operation_model(OPERATION).error_shapes
    for name in reduced["shapes"]:
        _resolve(found, found.shape_for(name))
    _resolve(found, found.operation_model(OPERATION).input_shape)
    _resolve(found, found.operation_model(OPERATION).output_shape)


def _resolve(model: ServiceModel, shape: Any) -> None:
    """Raises if the shape leads to one that the model lacks."""
    inner = [*getattr(shape, "members", {}).values()]
    inner += [getattr(shape, name) for name in ("member", "key", "value") if hasattr(shape, name)]
    assert {one.name for one in inner} <= set(model.shape_names)


def test_the_same_endpoints_are_found_in_every_region() -> None:
    reduced, whole = _both("endpoints")
    ours, expected = EndpointResolver(reduced), EndpointResolver(whole)

    for partition in whole["partitions"]:
        for region in partition["regions"]:
            assert ours.get_partition_for_region(region) == expected.get_partition_for_region(region)
            for service, fips, dual in itertools.product(ENDPOINTS, (False, True), (False, True)):
                given = {"use_fips_endpoint": fips, "use_dualstack_endpoint": dual}
                assert _outcome(ours, service, region, given) == _outcome(expected, service, region, given)


def _outcome(resolver: Any, service: str, region: str, given: dict[str, bool]) -> Any:
    try:
        return resolver.construct_endpoint(service, region, **given)
    except BotoCoreError as error:
        return repr(error)


def test_the_services_that_are_kept_are_all_that_we_and_ways_to_credentials_call() -> None:
    """A new botocore may call one more."""
    calls = re.compile(r"""(?:client|creator|session,?)\(?\s*["']([a-z-]+)["'],""")
    sources = [inspect.getsource(module) for module in (connect, credentials, tokens)]
    names = {name for source in sources for name in calls.findall(source)}
    loader = create_loader()
    found = {loader.load_service_model(name, "service-2")["metadata"]["endpointPrefix"] for name in names}

    assert found == ENDPOINTS


@pytest.fixture(scope="module")
def sessions() -> tuple[boto3.Session, boto3.Session]:
    """One as workers have it, and one with the whole of botocore's files."""
    inner = Session()
    ours, whole = boto3.Session(botocore_session=inner), boto3.Session()
    inner.get_component("data_loader").file_loader = ServiceFiles()
    return ours, whole


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "xx-far-1"])
@pytest.mark.parametrize("settings", SETTINGS, ids=" ".join)
def test_calls_go_to_the_same_place_with_the_same_signature(
    sessions: tuple[boto3.Session, boto3.Session],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    region: str,
) -> None:
    for name, value in {**KEYS, **settings}.items():
        monkeypatch.setenv(name, value)
    for service in CALLS:
        ours, expected = (_request(session, service, region) for session in sessions)
        assert ours == expected
        assert expected[0].startswith("https://") or "Endpoint" in expected[0], expected


class _Seen(Exception):  # no error
    """What a client would have sent."""


def _request(session: boto3.Session, service: str, region: str) -> tuple[str, ...]:
    """Where a request would go, and what it is signed for; or why none can be made."""

    def keep(request: Any, **_: object) -> None:
        signed = request.headers.get("Authorization", b"").decode()
        raise _Seen(request.url, signed.partition(",")[0].partition("/")[2])

    make: Any = session.client
    operation, arguments = CALLS[service]
    try:
        client = make(service, region_name=region)
        client.meta.events.register("before-send", keep)
        getattr(client, operation)(**arguments)
    except (_Seen, BotoCoreError) as end:
        return end.args
    raise AssertionError(operation)


def test_a_model_with_extras_is_read_as_a_whole(tmp_path: Path) -> None:
    """They may lead to shapes that nothing else leads to."""
    folder = tmp_path / "connect" / "2017-08-08"
    folder.mkdir(parents=True)
    text = '{"operations": {"StartOutboundChatContact": {}}, "shapes": {"Other": {}}}'
    (folder / "service-2.json").write_text(text, encoding="utf-8")
    assert ServiceFiles().load_file(str(folder / "service-2"))["shapes"] == {}

    (folder / "service-2.sdk-extras.json").write_text("{}", encoding="utf-8")
    assert ServiceFiles().load_file(str(folder / "service-2"))["shapes"] == {"Other": {}}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("extension", [".json", ".json.gz"])
def test_a_file_in_another_form_is_read_as_botocore_reads_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, extension: str
) -> None:
    """Users may have models of their own in ~/.aws/models; another botocore may have another form."""
    folder = tmp_path / "connect" / "2017-08-08"
    folder.mkdir(parents=True)
    text = ODD[name].encode()
    (folder / f"service-2{extension}").write_bytes(gzip.compress(text) if extension.endswith("gz") else text)
    path = str(folder / "service-2")

    assert _read(ServiceFiles(), path) == _read(JSONFileLoader(), path)
    assert f"{path} is not in the form that is known" in caplog.text


def _read(loader: JSONFileLoader, path: str) -> Any:
    try:
        return loader.load_file(path)
    except ValueError as error:
        return str(error)


def test_a_file_that_does_not_exist_is_none(tmp_path: Path) -> None:
    assert ServiceFiles().load_file(str(tmp_path / "endpoints")) is None


@pytest.mark.parametrize("folder", ["connect", "endpoints"])
def test_other_files_are_left_to_botocore(tmp_path: Path, caplog: pytest.LogCaptureFixture, folder: str) -> None:
    """Also below a folder that has one of the names, such as the home of a user `connect`."""
    place = tmp_path / folder / "models" / "sts" / "2011-06-15"
    place.mkdir(parents=True)
    (place / "service-2.json").write_text('{"operations": {}}', encoding="utf-8")

    assert ServiceFiles().load_file(str(place / "service-2")) == {"operations": {}}
    assert not caplog.text
