"""The IAM policies of deployment.md and howto/contact-events.md allow what the code calls, and nothing else."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest

from .pages import DOCS, ROOT, blocks

PAGES = (DOCS / "deployment.md", DOCS / "howto" / "contact-events.md")
BLOCKS = [json.loads(block.body) for page in PAGES for block in blocks(page) if block.language == "json"]
POLICIES = [block for block in BLOCKS if "AWSTemplateFormatVersion" not in block]
STATEMENTS: list[dict[str, Any]] = [one for policy in POLICIES for one in policy.get("Statement", [policy])]

# Clients that the worker makes -> first part of the actions' names.
SERVICES = {"connect": "connect", "pinpoint-sms-voice-v2": "sms-voice", "service-quotas": "servicequotas"}
SERVICES |= {"sqs": "sqs", "sts": "sts"}
NEEDS_NO_PERMISSION = {"sts:GetCallerIdentity"}
# Connect makes these in the caller's name when a request has a template.
OF_TEMPLATES = {"wisdom:GetMessageTemplate", "wisdom:RenderMessageTemplate"}


def actions() -> set[str]:
    named = [statement["Action"] for statement in STATEMENTS]
    return {action for one in named for action in ([one] if isinstance(one, str) else one)}


def operations(service: str) -> dict[str, str]:
    """Method of a client -> operation of AWS."""
    make: Any = boto3.client
    found: dict[str, str] = make(service, region_name="us-east-1").meta.method_to_api_mapping
    return found


def called() -> set[str]:
    """Every operation of AWS whose method stands anywhere in the worker's package."""
    methods = {
        # A call for several messages needs the permission of the call for one.
        method: f"{prefix}:{operation.removesuffix('Batch')}"
        for service, prefix in SERVICES.items()
        for method, operation in operations(service).items()
    }
    folder = ROOT / "worker" / "outbound_chat_worker"
    names = {
        name
        for file in folder.glob("**/*.py")
        if "sandbox" not in file.parts
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for name in (getattr(node, "attr", None), getattr(node, "id", None))
        if name
    }
    # Botocore makes this call itself, for what it calls a fetcher.
    assumes = {"sts:AssumeRole"} if "AssumeRoleCredentialFetcher" in names else set()
    return {methods[name] for name in names & methods.keys()} | assumes


def test_the_policies_allow_exactly_what_is_called() -> None:
    """One action too many is a door; one too few holds a sender."""
    assert actions() - OF_TEMPLATES == called() - NEEDS_NO_PERMISSION
    assert actions() >= OF_TEMPLATES


def test_the_templates_actions_exist() -> None:
    known = set(operations("qconnect").values())
    assert {action.partition(":")[2] for action in OF_TEMPLATES} <= known


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: str(statement["Action"]))
def test_a_statement_is_complete_and_names_what_it_is_for(statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert ("Resource" in statement) is not ("Principal" in statement)
    resources = statement.get("Resource", statement.get("Principal", {}).get("AWS"))
    for resource in [resources] if isinstance(resources, str) else resources:
        if resource == "*":
            assert statement["Action"] == "servicequotas:GetServiceQuota", "which can't be narrowed"
        else:
            assert re.fullmatch(r"arn:aws:(connect|wisdom|iam|sms-voice|sqs):[a-z0-9-]*:\d{12}:[\w/*-]+", resource), (
                resource
            )


def test_whole_policies_have_their_version() -> None:
    assert [policy["Version"] for policy in POLICIES if "Statement" in policy] == ["2012-10-17"] * 3


def test_the_worker_is_where_calls_are_looked_for() -> None:
    """Were the search broken, the first test would pass with nothing."""
    assert "connect:StartOutboundChatContact" in called()
    assert (ROOT / "worker" / "outbound_chat_worker" / "connect.py") in set(Path(ROOT / "worker").rglob("*.py"))
