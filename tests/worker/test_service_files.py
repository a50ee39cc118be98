"""What is read of botocore's files is what is in them, and enough for every call."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, create_loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from outbound_chat_worker.service_files import ENDPOINTS, OPERATION, ServiceFiles

ODD = {
    "another service": '{"operations": {}, "shapes": {}}',
    "no shapes": '{"operations": {"StartOutboundChatContact": {"input": {"shape": "Gone"}}}}',
    "a list": "[1, 2]",
    "a number": "7",
    "blanks": '{ "operations" :\t{ } ,\r\n "shapes" : { "A" : { } } }',
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


def test_clients_find_the_same_endpoints_in_every_region() -> None:
    reduced, whole = _both("endpoints")
    ours, expected = EndpointResolver(reduced), EndpointResolver(whole)

    for partition in whole["partitions"]:
        for region in partition["regions"]:
            assert ours.get_partition_for_region(region) == expected.get_partition_for_region(region)
            for service in ENDPOINTS:
                found = ours.construct_endpoint(service, region)
                assert found == expected.construct_endpoint(service, region), (service, region)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("extension", [".json", ".json.gz"])
def test_a_file_in_another_form_is_read_as_botocore_reads_it(tmp_path: Path, name: str, extension: str) -> None:
    """Users may have models of their own in ~/.aws/models."""
    folder = tmp_path / "connect" / "2017-08-08"
    folder.mkdir(parents=True)
    text = ODD[name].encode()
    (folder / f"service-2{extension}").write_bytes(gzip.compress(text) if extension.endswith("gz") else text)
    path = str(folder / "service-2")

    assert ServiceFiles().load_file(path) == JSONFileLoader().load_file(path)


@pytest.mark.parametrize("text", ["", "{", '{"operations": {"StartOutboundChatContact":', "{]"])
def test_a_file_that_is_no_json_is_reported_as_by_botocore(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoints.json").write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match="char"):
        ServiceFiles().load_file(str(tmp_path / "endpoints"))


def test_a_file_that_does_not_exist_is_none(tmp_path: Path) -> None:
    assert ServiceFiles().load_file(str(tmp_path / "endpoints")) is None
