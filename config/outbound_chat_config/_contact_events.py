"""Settings of contact events: what Amazon Connect and AWS End User Messaging report about sent messages."""

import re
from datetime import timedelta
from typing import Self

from pydantic import Field, SecretStr, model_validator

from outbound_chat_config._model import Model
from outbound_chat_config._values import Duration, Region, RoleArn, Url

# https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
_QUEUE = re.compile(r"https?://sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)/.+")


class ContactEventSettings(Model):
    """Where contact events come from, and what workers do with them."""

    queue_url: Url | None = None
    """URL of the SQS queue that EventBridge fills. Without it, events come by HTTP or from the command line only."""
    region: Region | None = None
    """AWS Region of the queue. Default: the one in `queue_url`."""
    profile: str | None = Field(default=None, min_length=1)
    """AWS profile with the credentials. Default: boto3 searches its usual places."""
    role_arn: RoleArn | None = None
    """ARN of an IAM role to assume for reading the queue."""
    external_id: SecretStr | None = None
    """External id that the role's trust policy requires."""
    endpoint_url: Url | None = None
    """URL of another server with the same API. `AWS_ENDPOINT_URL_SQS` works too."""

    count_all: bool = False
    """Whether chats that others started count toward `max_open_chats` too."""
    describe_rate: float = Field(default=1.0, ge=0, le=10)
    """DescribeContact calls per second that look for chats whose end was not reported; 0: none. AWS allows 10.
    https://docs.aws.amazon.com/connect/latest/adminguide/amazon-connect-service-limits.html"""
    sweep_after: Duration = Field(default=timedelta(minutes=10), ge=timedelta(minutes=1), le=timedelta(days=1))
    """How long no event may arrive while messages are sent, before SearchContacts looks for ended chats."""

    @model_validator(mode="after")
    def _region_is_known(self) -> Self:
        if self.queue_url and not self.queue_region:
            raise ValueError("region is required, since queue_url does not name one; add it")
        return self

    @property
    def queue_region(self) -> str:
        """The Region of the queue; empty if neither `region` nor `queue_url` names one."""
        found = _QUEUE.fullmatch(self.queue_url or "")
        return self.region or (found["region"] if found else "")
