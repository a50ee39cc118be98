"""The error response to a refused call. Refusals name fields, but never contain their values."""

from http import HTTPStatus

# The status of each code. The modelled codes follow
# https://docs.aws.amazon.com/connect/latest/APIReference/API_StartOutboundChatContact.html#API_StartOutboundChatContact_Errors
# and the others https://docs.aws.amazon.com/connect/latest/APIReference/CommonErrors.html
_STATUS_OF_CODE = {
    "InvalidRequestException": HTTPStatus.BAD_REQUEST,
    "LimitExceededException": HTTPStatus.TOO_MANY_REQUESTS,
    "ThrottlingException": HTTPStatus.TOO_MANY_REQUESTS,
    "IncompleteSignatureException": HTTPStatus.BAD_REQUEST,
    "InvalidSignatureException": HTTPStatus.FORBIDDEN,
    "MissingAuthenticationTokenException": HTTPStatus.FORBIDDEN,
    "ResourceNotFoundException": HTTPStatus.NOT_FOUND,
    "UnrecognizedClientException": HTTPStatus.FORBIDDEN,
    "UnknownOperationException": HTTPStatus.NOT_FOUND,
    "UnsupportedMediaTypeException": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    # Of SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
    "BatchEntryIdsNotDistinct": HTTPStatus.BAD_REQUEST,
    "InvalidParameterValue": HTTPStatus.BAD_REQUEST,
    "QueueDoesNotExist": HTTPStatus.BAD_REQUEST,
    "ReceiptHandleIsInvalid": HTTPStatus.NOT_FOUND,
    "ServiceUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "TooManyEntriesInBatchRequest": HTTPStatus.BAD_REQUEST,
    # Of Service Quotas: https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
    "AccessDeniedException": HTTPStatus.BAD_REQUEST,
    "IllegalArgumentException": HTTPStatus.BAD_REQUEST,
    "NoSuchResourceException": HTTPStatus.BAD_REQUEST,
    "SerializationException": HTTPStatus.BAD_REQUEST,
    "ValidationException": HTTPStatus.BAD_REQUEST,
}


class Refusal(Exception):
    """The call is refused, with an AWS error code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = int(_STATUS_OF_CODE[code])
        self.message = message


def invalid(message: str) -> Refusal:
    """The refusal of a request body: HTTP 400, `InvalidRequestException`."""
    return Refusal("InvalidRequestException", message)
